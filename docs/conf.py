"""Sphinx configuration: ``sphinx-build -W -b html docs docs/_build``."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import skmultilabel_keras

project = "skmultilabel_keras"
author = "skmultilabel_keras developers"
project_copyright = author
version = release = skmultilabel_keras.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"

myst_heading_anchors = 3
autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say the types
# Methods are listed in api.rst: most of what a class inherits is documented by its own package.
numpydoc_show_class_members = False
