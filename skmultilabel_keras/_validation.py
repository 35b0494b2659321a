"""Checks of what users pass: features, sample weights, names.

Owns: one clear error for each kind of bad input, raised before any work is done.
Does not own: targets (``_target_encoder``) or which parameters exist (``_parameters``).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

_FLOAT32_MAX = float(np.finfo(np.float32).max)


def nearest_names(name: str, legal: Iterable[str]) -> str:
    """Return the part of an error message that names what was probably meant."""
    known = sorted(set(legal))
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(map(repr, near))}?"
    return f"Legal names: {', '.join(known)}." if known else "There are none."


def check_features(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Check features and set or compare what is known of them on ``estimator``.

    Parameters
    ----------
    estimator : object
        Gets ``n_features_in_``, ``feature_names_in_`` and ``X_shape_`` where ``reset`` is True, is
        compared with the data otherwise.
    X : {array-like, sparse matrix} of shape (n_samples, ...)
        Numeric, finite, of two or more dimensions; no rows only where ``reset`` is False.
    reset : bool
        True in ``fit``, False afterwards.

    Returns
    -------
    ndarray or CSR matrix or array
        The data in its own dtype, not copied where it is an array or CSR already.

    Raises
    ------
    ValueError
        For text, missing or infinite values, or shapes and names other than in ``fit``.
    """
    _reject_text(X)
    X_checked = validate_data(
        estimator,
        X,
        reset=reset,
        accept_sparse="csr",
        allow_nd=True,
        ensure_all_finite=False,
        ensure_min_samples=1 if reset else 0,
    )
    _reject_non_finite(X_checked, getattr(X, "columns", None))
    if reset:
        estimator.X_shape_ = X_checked.shape
    elif X_checked.shape[1:] != estimator.X_shape_[1:]:
        raise ValueError(
            f"X must hold rows of the shape seen in fit, {estimator.X_shape_[1:]}; "
            f"got rows of shape {X_checked.shape[1:]}."
        )
    return X_checked


def check_sample_weight(sample_weight: Any, n_samples: int) -> np.ndarray | None:
    """Return one float64 weight for each row, None where there are none.

    Raises
    ------
    ValueError
        Unless there is one finite weight for each row, none below zero and one above it.
    """
    if sample_weight is None:
        return None
    weight = check_array(
        sample_weight,
        ensure_2d=False,
        ensure_min_samples=0,
        dtype=np.float64,
        input_name="sample_weight",
    )
    if weight.shape != (n_samples,):
        raise ValueError(
            "sample_weight must hold one number for each row of X, shape "
            f"({n_samples},); got shape {weight.shape}."
        )
    if (weight < 0).any():
        row = int(np.argmax(weight < 0))
        raise ValueError(
            f"sample_weight must not be negative; got {weight[row]:g} in row {row}. "
            "Use 0 to leave a row out."
        )
    if not weight.any():
        raise ValueError(
            "sample_weight must contain at least one non-zero number; got weights that are all "
            "zero, which leaves nothing to learn from."
        )
    return weight


def _reject_text(X: Any) -> None:
    """Raise for strings, naming the column and a value, where they can be told cheaply."""
    if sparse.issparse(X):
        return
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        columns = [(name, X[name]) for name in X.columns if _may_hold_text(X[name].dtype)]
    else:
        values = X if isinstance(X, np.ndarray) else _as_object_array(X)
        if values is None or values.ndim != 2 or not _may_hold_text(values.dtype):
            return
        columns = [(j, values[:, j]) for j in range(values.shape[1])]
    for name, column in columns:
        text = next((value for value in column if isinstance(value, str)), None)
        if text is not None:
            raise ValueError(
                f"X must be numeric; column {name!r} holds text such as {text!r}. Encode it "
                "before, for example with OneHotEncoder in a ColumnTransformer, or with "
                "TfidfVectorizer for documents."
            )


def _as_object_array(X: Any) -> np.ndarray | None:
    """Return nested lists that hold a string as an array, None for anything else."""
    if not isinstance(X, (list, tuple)):
        return None
    rows = [row for row in X if isinstance(row, (list, tuple))]
    if len(rows) != len(X) or not any(isinstance(value, str) for row in rows for value in row):
        return None
    width = max(len(row) for row in rows)
    return np.array([[*row, *[None] * (width - len(row))] for row in rows], dtype=object)


def _may_hold_text(dtype: Any) -> bool:
    return getattr(dtype, "kind", "O") in "OUS"


def _reject_non_finite(X: Any, columns: Any) -> None:
    """Raise for NaN, infinity and numbers beyond float32, naming the first column with one."""
    values = X.data if sparse.issparse(X) else X
    if values.dtype.kind != "f" or values.size == 0:
        return
    # One pass without a temporary array decides the common case.
    if np.isfinite(values.sum(dtype=np.float64)) and _fits_float32(values):
        return
    bad = ~(np.abs(values) <= _FLOAT32_MAX)
    if not bad.any():
        return
    if sparse.issparse(X):
        column = int(X.indices[np.argmax(bad)])
        row = int(np.searchsorted(X.indptr, np.argmax(bad), side="right")) - 1
        value = values[np.argmax(bad)]
    else:
        place = np.unravel_index(int(np.argmax(bad)), bad.shape)
        row, column, value = int(place[0]), int(place[1]), values[place]
    name = column if columns is None else columns[column]
    if np.isnan(value):
        rule, remedy = "Input X contains NaN", "Fill it in, for example with SimpleImputer."
    elif np.isinf(value):
        rule, remedy = "Input X contains infinity", "Clip it or leave the row out."
    else:
        rule = f"Input X contains {value:g}, which is too large for dtype('float32')"
        remedy = "Scale the column."
    raise ValueError(f"{rule} in column {name!r} (first in row {row}). {remedy}")


def _fits_float32(values: np.ndarray) -> bool:
    if values.dtype.itemsize <= 4:
        return True
    return bool(values.max() <= _FLOAT32_MAX and values.min() >= -_FLOAT32_MAX)
