"""Scores and parameters of rules, checked and read.

Owns: what scores and thresholds may be, and one clear error for each kind that they may not.
Does not own: any rule.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

Scores: TypeAlias = npt.NDArray[np.floating[Any]]
Decisions: TypeAlias = npt.NDArray[np.bool_]

# How far from 0 and 1 a probability may lie by rounding, in float32 too.
_ROUNDING = 1e-6


def check_scores(y_score: Any, needs_probabilities: bool) -> Scores:
    """Return finite scores of two dimensions, as floats; probabilities within [0, 1]."""
    scores = read_floats(y_score)
    if scores is None:
        raise ValueError(
            f"y_score must hold one number for each row and label; got {type(y_score).__name__} "
            "with something else. Pass a dense array, such as the result of predict_proba."
        )
    if scores.ndim != 2 or not scores.shape[1]:
        raise ValueError(
            "y_score must have shape (n_samples, n_labels), with a label at least; got shape "
            f"{scores.shape}. For a single label pass a column: np.reshape(y_score, (-1, 1))."
        )
    if not np.isfinite(scores).all():
        row, column = np.argwhere(~np.isfinite(scores))[0]
        raise ValueError(
            f"y_score must be finite; got {scores[row, column]} in row {row}, column {column}. "
            "A classifier that gives such scores has failed: look at its training."
        )
    return _check_probabilities(scores) if needs_probabilities else scores


def _check_probabilities(scores: Scores) -> Scores:
    if scores.size == 0:
        return scores
    least, greatest = scores.min(), scores.max()
    if least < -_ROUNDING or greatest > 1 + _ROUNDING:
        raise ValueError(
            "y_score must hold probabilities, between 0 and 1, for this rule; got values from "
            f"{least:g} to {greatest:g}. Pass the result of predict_proba."
        )
    return np.clip(scores, 0, 1) if least < 0 or greatest > 1 else scores


def read_floats(values: Any) -> Any:
    """Return numbers as an array of floats, masked ones as NaN; None where they are none."""
    if sparse.issparse(values) or isinstance(values, (str, bytes, dict)):
        return None
    try:
        if isinstance(values, np.ma.MaskedArray):
            return np.ma.filled(values.astype(np.float64), np.nan)
        array = np.asarray(values)
        if array.dtype.kind == "f":
            return array
        return array.astype(np.float64) if array.dtype.kind in "biuO" else None
    except (TypeError, ValueError):  # rows of unequal length, text, pandas.NA
        return None


def read_thresholds(value: Any) -> Any:
    """Return numbers as an array of floats, None where they are booleans, NaN or none."""
    array = read_floats(value)
    is_bool = array is not None and np.asarray(value).dtype.kind == "b"
    return None if array is None or is_bool or np.isnan(array).any() else array


def read_for_labels(name: str, value: Any, n_labels: int) -> Scores:
    """Return a number, or one for each label, as an array of no or one dimension."""
    array = read_thresholds(value)
    if array is None or array.shape not in ((), (n_labels,)):
        got = f"shape {array.shape}" if array is not None and array.ndim else repr(value)
        raise ValueError(
            f"{name} must be a number or hold one number for each label, shape ({n_labels},), none "
            f"of them NaN; got {got}."
        )
    return array


def check_count(name: str, value: Any, *, at_least: int) -> int:
    """Return a number of labels, if it is one."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < at_least:
        raise ValueError(
            f"{name} must be a whole number of labels, at least {at_least}; got {value!r}."
        )
    return int(value)
