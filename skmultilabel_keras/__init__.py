"""Multi-label deep learning inside scikit-learn.

Exports the estimator and what belongs with it; see ``__all__``. Names are loaded on first use,
so that metrics and data sets can be imported without TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skmultilabel_keras._classifier import KerasMultiLabelClassifier
    from skmultilabel_keras._tensorflow.cache import (
        clear_compile_cache,
        compile_cache_info,
        set_compile_cache_size,
    )
    from skmultilabel_keras.datasets import load_digit_scenes
    from skmultilabel_keras.metrics import get_multilabel_scorer, multilabel_scorers

__version__ = "0.1.0"

__all__ = [
    "KerasMultiLabelClassifier",
    "clear_compile_cache",
    "compile_cache_info",
    "get_multilabel_scorer",
    "load_digit_scenes",
    "multilabel_scorers",
    "set_compile_cache_size",
]

_HOME = {
    "KerasMultiLabelClassifier": "_classifier",
    "clear_compile_cache": "_tensorflow.cache",
    "compile_cache_info": "_tensorflow.cache",
    "get_multilabel_scorer": "metrics",
    "load_digit_scenes": "datasets",
    "multilabel_scorers": "metrics",
    "set_compile_cache_size": "_tensorflow.cache",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
