"""Imports run one way, and what does without Keras stays without it."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skmultilabel_keras

PACKAGE = Path(skmultilabel_keras.__file__).parent
REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "api.rst"

# From the top down: a module imports only from layers below its own.
LAYERS = [
    {"_classifier"},
    {
        "_tensorflow.frozen",
        "_tensorflow.training",
        "_tensorflow.prediction",
        "_building",
        "_routed_parameters",
    },
    {"_compiling", "_tensorflow.functions", "_tensorflow.keras_fit"},
    {"_tensorflow.compiled"},
    {"_tensorflow.programs"},
    {"_tensorflow.epochs"},
    {"_keras_metrics", "_tensorflow.engine", "_tensorflow.steps"},
    {"_heads", "_tensorflow.forward", "_tensorflow.specification"},
    {"_tensorflow.forward_steps"},
    {
        "networks",
        "_tensorflow.flat_optimizer",
        "_tensorflow.memory",
        "_tensorflow.resident",
    },
    {"_monitoring"},
    {"_parameters", "_recipes"},
    {"losses"},
    {"calibration"},
    {"model_selection"},
    {"decision_rules"},
    {"_class_weight", "_rows", "_target_encoder", "datasets", "metrics"},
    {"_documents", "_targets"},
    {"_keras_objects", "_validation"},
    {
        "_activations",
        "_compat",
        "_intervals",
        "_tensorflow.cache",
        "_tensorflow.pace",
        "_tensorflow.process",
        "_tensorflow.words",
    },
]

WITHOUT_KERAS = (
    "_class_weight",
    "_rows",
    "_target_encoder",
    "_targets",
    "calibration",
    "datasets",
    "decision_rules",
    "metrics",
    "model_selection",
)


def module_names():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        if name not in ("__init__", "_tensorflow"):  # the one loads on demand, the other is empty
            yield name, path


def imported_here(path):
    """Yield the package's modules that a file imports, at any depth of its code."""
    package = "skmultilabel_keras"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith(package) for alias in node.names)
        if not isinstance(node, ast.ImportFrom):
            continue
        assert not node.level, "imports name the package"
        module = node.module or ""
        if module in (package, f"{package}._tensorflow"):
            names = [f"{module}.{alias.name}".removeprefix(f"{package}.") for alias in node.names]
            yield from (skmultilabel_keras._HOME.get(name, name) for name in names)
        elif module.startswith(f"{package}."):
            yield module.removeprefix(f"{package}.")


def unit(name):
    """Return the module or package that a name stands for; what is in a package is its own."""
    return name if name.startswith("_tensorflow.") else name.partition(".")[0]


def depth(name):
    return next(i for i, layer in enumerate(LAYERS) if unit(name) in layer)


def test_every_module_has_a_layer():
    assert {unit(name) for name, _ in module_names()} == set().union(*LAYERS)


@pytest.mark.parametrize(("name", "path"), list(module_names()), ids=lambda value: str(value)[-30:])
def test_imports_run_one_way(name, path):
    for other in imported_here(path):
        below = depth(other) > depth(name) or unit(other) == unit(name)
        assert below, f"{name} imports {other}, which is not below it"


@pytest.mark.thorough
def test_light_modules_load_without_keras():
    code = (
        "import sys, importlib\n"
        f"for name in {WITHOUT_KERAS}:\n"
        "    importlib.import_module(f'skmultilabel_keras.{name}')\n"
        "    assert not {'keras', 'tensorflow', 'scikeras'} & set(sys.modules), name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


PUBLIC = (
    "calibration",
    "datasets",
    "decision_rules",
    "losses",
    "metrics",
    "model_selection",
    "networks",
)


@pytest.mark.parametrize("name", ["", *PUBLIC])
def test_the_reference_lists_every_public_name(name):
    listed = set(re.findall(r"[\w.]+", REFERENCE.read_text(encoding="utf-8")))
    module = importlib.import_module(f"skmultilabel_keras.{name}".rstrip("."))
    assert set(module.__all__) <= listed


def test_public_names():
    """The public surface is listed here as well, so that no change to it goes unseen."""
    assert skmultilabel_keras.__all__ == [
        "KerasMultiLabelClassifier",
        "clear_compile_cache",
        "compile_cache_info",
        "get_multilabel_scorer",
        "load_digit_scenes",
        "multilabel_scorers",
        "set_compile_cache_size",
    ]
    assert all(getattr(skmultilabel_keras, name) for name in skmultilabel_keras.__all__)
    assert set(skmultilabel_keras.__all__) <= set(dir(skmultilabel_keras))
    with pytest.raises(AttributeError, match="no attribute 'KerasMultilabelClassifier'"):
        _ = skmultilabel_keras.KerasMultilabelClassifier
