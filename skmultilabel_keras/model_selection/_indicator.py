"""Targets as users pass them, read for splitting and for tuning.

Owns: which entries of an indicator are true and which are known, and the way back to its container.
Does not own: what 1-D targets and lists of label names mean (``_target_encoder``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from skmultilabel_keras._target_encoder import read_targets


@dataclass(frozen=True)
class Container:
    """The container in which label sets go back: "dense", "csr_array" or "csr_matrix"."""

    kind: str
    dtype: np.dtype[Any]

    def decode(self, decisions: np.ndarray) -> Any:
        """Return a boolean array of shape (n_samples, n_labels) in this container."""
        values = decisions.astype(self.dtype)
        return values if self.kind == "dense" else getattr(sparse, self.kind)(values)


@dataclass(frozen=True)
class Indicator:
    """An indicator: boolean arrays of shape (n_samples, n_labels), and its container."""

    true: np.ndarray
    known: np.ndarray
    container: Container


def read_indicator(y: Any) -> Indicator:
    """Read a label indicator, in which NaN stands for a missing label.

    Parameters
    ----------
    y : indicator of shape (n_samples, n_labels)
        Nested list, array, DataFrame, SciPy sparse matrix or array of 0, 1 and, where it is not
        sparse, NaN. The masked entries of a masked array are missing.

    Raises
    ------
    ValueError
        For other shapes, and for other values.
    """
    values, container = _read_values(y)
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(
            "y must be a label indicator of shape (n_samples, n_labels) with a label at least; got "
            f"shape {values.shape}. For a single label pass a column, np.reshape(y, (-1, 1)); turn "
            "lists of label names into an indicator with sklearn.preprocessing.MultiLabelBinarizer."
        )
    true = values == 1
    may_be_missing = values.dtype.kind == "f" and container.kind == "dense"
    known = ~np.isnan(values) if may_be_missing else np.ones(values.shape, dtype=bool)
    bad = known & ~true & (values != 0)
    if bad.any():
        raise ValueError(
            "y must hold only 0 and 1 (and, where it is not sparse, NaN for a missing label); got "
            f"{values[bad][0]}. For labels coded as -1 and 1, and for counts, pass y > 0."
        )
    return Indicator(true, known, container)


def read_labels(y: Any) -> np.ndarray:
    """Return which label, or class, each row has.

    Parameters
    ----------
    y : object
        An indicator as for :func:`read_indicator`, a list of label lists or sets, or 1-D classes.

    Returns
    -------
    ndarray of bool, shape (n_samples, n_labels)
        False where an entry is missing.

    Raises
    ------
    ValueError
        For anything else.
    """
    if sparse.issparse(y) or hasattr(y, "columns") or _is_matrix(y):
        return read_indicator(y).true
    targets = read_targets(y)
    if targets.container == "classes":
        classes, codes = np.unique(targets.values, return_inverse=True)
        return codes[:, np.newaxis] == np.arange(len(classes))
    if targets.container == "lists":
        return _indicator_of_lists(targets.values)
    return read_indicator(targets.values).true


def _read_values(y: Any) -> tuple[np.ndarray, Container]:
    """Return numbers, of two dimensions where ``y`` has two, and the container of predictions."""
    if sparse.issparse(y):
        kind = "csr_array" if isinstance(y, sparse.sparray) else "csr_matrix"
        return y.toarray(), Container(kind, y.dtype)
    if hasattr(y, "columns") and hasattr(y, "dtypes"):
        # By the types of the columns alone: whether a fold misses a label must not matter.
        floats = all(getattr(dtype, "kind", "O") == "f" for dtype in y.dtypes)
        return _read_frame(y), Container("dense", np.dtype(np.float64 if floats else np.int64))
    if isinstance(y, np.ma.MaskedArray):
        values = np.ma.filled(y.astype(np.float64), np.nan)
        return values, Container("dense", y.dtype)
    try:
        array = np.asarray(y)
        values = array.astype(np.float64) if array.dtype.kind == "O" else array
    except (TypeError, ValueError) as error:  # rows of unequal length, text, None
        raise ValueError(_expect_numbers(type(y).__name__)) from error
    if values.dtype.kind not in "biuf":
        raise ValueError(_expect_numbers(f"dtype {values.dtype}"))
    return values, Container("dense", np.dtype(np.int64) if values is not array else values.dtype)


def _read_frame(y: Any) -> np.ndarray:
    try:
        try:
            return y.to_numpy(dtype=np.float64, na_value=np.nan)
        except TypeError:  # not pandas: other data frames have no na_value
            return np.asarray(y.to_numpy(), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(_expect_numbers("a DataFrame")) from error


def _expect_numbers(got: str) -> str:
    return (
        "y must hold a number, 0 or 1, for each row and label; got "
        f"{got} with something else. Turn lists of label names into an indicator first, with "
        "sklearn.preprocessing.MultiLabelBinarizer."
    )


def _is_matrix(y: Any) -> bool:
    """Tell whether ``y`` is an array of two dimensions, or a nested list of numbers."""
    try:
        array = np.asarray(y)
    except ValueError:  # rows of unequal length
        return False
    return array.ndim == 2 and array.shape[1] > 0 and array.dtype.kind in "biufO"


def _indicator_of_lists(rows: list[list[Any]]) -> np.ndarray:
    column: dict[Any, int] = {}
    places = [column.setdefault(label, len(column)) for row in rows for label in row]
    indicator = np.zeros((len(rows), len(column)), dtype=bool)
    indicator[np.repeat(np.arange(len(rows)), list(map(len, rows))), places] = True
    return indicator
