"""Checks of what users pass: features, sample weights, names.

Owns: one clear error for each kind of bad input, raised before any work is done.
Does not own: targets (``_targets``) or which parameters exist (``_parameters``).
"""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

_FLOAT32_MAX = float(np.finfo(np.float32).max)

# A sum of squares below this, in float32 or float64, has no term that float32 cannot hold.
_SQUARES_BELOW = 1e76

_LARGEST_WEIGHT = 1e150

# Names that a message lists where none is near.
_NAMES_LISTED = 20


def nearest_names(name: str, legal: Iterable[str]) -> str:
    """Return the part of an error message that names what was probably meant."""
    known = sorted(set(legal))
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(map(repr, near))}?"
    listed, more = ", ".join(known[:_NAMES_LISTED]), len(known) - _NAMES_LISTED
    if more > 0:
        listed += f" and {more} more"
    return f"Legal names: {listed}." if known else "There are none."


def is_number(value: Any) -> bool:
    """Tell whether a value is a real number or a boolean."""
    return isinstance(value, (numbers.Number, np.bool_)) and not isinstance(value, complex)


def is_missing(value: Any) -> bool:
    """Tell whether a value stands for a missing one: None, NaN, or what pandas has for it."""
    if isinstance(value, (float, np.floating)):
        return bool(np.isnan(value))
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def dtype_kind(dtype: Any) -> str:
    """Return NumPy's letter for the kind of a dtype, also of polars' own; "O" where it has none."""
    if hasattr(dtype, "is_temporal"):  # polars
        kinds = {"f": dtype.is_float(), "i": dtype.is_integer(), "M": dtype.is_temporal()}
        kinds["b"] = str(dtype) == "Boolean"
        return next((letter for letter, fits in kinds.items() if fits), "O")
    return getattr(dtype, "kind", "O")


def read_objects(array: np.ndarray) -> np.ndarray:
    """Return an array of objects as float64, with NaN for those that are missing.

    Raises
    ------
    TypeError
        If some of them is neither a number nor missing: text that reads like one is none.
    """
    flat = array.ravel().tolist()
    # By one value of each type, of which there are few.
    other = {kind for kind, value in {type(v): v for v in flat}.items() if not is_number(value)}
    if other:
        strange = [value for value in flat if type(value) in other and not is_missing(value)]
        if strange:
            raise TypeError(f"{strange[0]!r} is no number.")
        flat = [np.nan if type(value) in other else value for value in flat]
    return np.array(flat, dtype=np.float64).reshape(array.shape)


def check_features(estimator: Any, X: Any, *, reset: bool, min_samples: int = 0) -> Any:
    """Check features and set or compare what is known of them on ``estimator``.

    Parameters
    ----------
    estimator : object
        Gets ``n_features_in_``, ``feature_names_in_`` and ``X_shape_`` where ``reset`` is True, is
        compared with the data otherwise.
    X : {array-like, sparse matrix} of shape (n_samples, ...)
        Numeric, finite, of two or more dimensions.
    reset : bool
        True in ``fit``, False afterwards.
    min_samples : int, default=0
        Rows that there must be: 1 for training.

    Returns
    -------
    ndarray or CSR matrix or array
        The data in its own dtype, not copied where it is an array or CSR already.

    Raises
    ------
    ValueError
        For text, dates, missing or infinite values, or shapes and names other than in ``fit``.
    """
    if not reset and _is_known_good(estimator, X, min_samples):
        return X
    _reject_masked(X, "X")
    _reject_text(X)
    X = _stack_rows(X)
    if not reset and len(estimator.X_shape_) > 2:  # scikit-learn would speak of features
        _require_row_shape(estimator.X_shape_[1:], np.shape(X))
    X_checked = validate_data(
        estimator,
        X,
        reset=reset,
        accept_sparse="csr",
        allow_nd=True,
        ensure_all_finite=False,
        ensure_min_samples=min_samples,
    )
    if 0 in X_checked.shape[2:]:  # scikit-learn looks at two dimensions only
        raise ValueError(f"Found array with 0 feature(s) (shape={X_checked.shape}) in X.")
    _reject_non_finite(X_checked, getattr(X, "columns", None))
    if reset:
        estimator.X_shape_ = X_checked.shape
    else:
        _require_row_shape(estimator.X_shape_[1:], X_checked.shape)
    return X_checked


def check_sample_weight(
    sample_weight: Any, n_samples: int, label_names: np.ndarray | None = None
) -> np.ndarray | None:
    """Return one float64 weight for each row or entry, None where there are none.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or (n_samples, n_labels), or None
        The weights.
    n_samples : int
        Number of rows.
    label_names : ndarray of shape (n_labels,) or None, default=None
        Names of the labels, whose order named columns are brought in; None where there can be no
        weights of single entries.

    Raises
    ------
    ValueError
        Unless there is one finite weight for each row, or for each entry, none below zero and one
        above it.
    """
    if sample_weight is None:
        return None
    _reject_masked(sample_weight, "sample_weight")
    n_labels = None if label_names is None else len(label_names)
    # A Series, or a single column, has a weight for each row, whatever its names.
    if label_names is not None and 1 < len(getattr(sample_weight, "columns", ())) == n_labels:
        sample_weight = in_order_of_labels("sample_weight", sample_weight, label_names)
    kind = "O" if sparse.issparse(sample_weight) else np.asarray(sample_weight).dtype.kind
    if kind not in "biufO":
        raise ValueError(f"sample_weight must hold one number for each row; got {sample_weight!r}.")
    weight = check_array(
        sample_weight,
        ensure_2d=False,
        ensure_min_samples=0,
        dtype=np.float64,
        input_name="sample_weight",
    )
    if weight.shape not in ((n_samples,), (n_samples, n_labels)):
        entries = "" if n_labels is None else f", or for each entry of y, ({n_samples}, {n_labels})"
        raise ValueError(
            "sample_weight must hold one number for each row, shape "
            f"({n_samples},){entries}; got shape {weight.shape}."
        )
    if (weight < 0).any():
        place = np.argwhere(weight < 0)[0]
        raise ValueError(
            f"sample_weight must not be negative; got {weight[tuple(place)]:g} in row {place[0]}. "
            "Use 0 to leave a row out."
        )
    if not weight.any():
        raise ValueError(
            "sample_weight must contain at least one non-zero number; got weights that are all "
            "zero, which leaves nothing that counts."
        )
    # Sums of larger ones overflow, those of smaller ones vanish; their unit does not matter.
    is_usual = 1 / _LARGEST_WEIGHT < weight.max() < _LARGEST_WEIGHT
    return weight if is_usual else weight / weight.max()


def in_order_of_labels(what: str, values: Any, label_names: np.ndarray) -> Any:
    """Return a Series, or the columns of a DataFrame, with names of labels in the labels' order.

    Anything else is returned as it is, and so are those that are numbered.

    Raises
    ------
    ValueError
        For other names.
    """
    if not hasattr(values, "to_dict"):  # those of pandas; a polars Series has no names
        return values
    is_frame = hasattr(values, "columns")
    given, wanted = list(values.columns if is_frame else values.index), label_names.tolist()
    if given != wanted and set(given) == set(wanted):
        return values[wanted] if is_frame else values.loc[wanted]
    if set(given) not in (set(wanted), set(range(len(given)))):
        raise ValueError(
            f"{what} must have the names of the labels, {wanted}, where it is a Series or "
            f"DataFrame with names; got {given}. Pass an array for numbers in the order of the "
            "columns of y."
        )
    return values


def order_parameters(what: str, owner: Any, label_names: np.ndarray) -> None:
    """Put what the parameters of an object say of labels by name in the labels' order.

    Parameters
    ----------
    what : str
        The parameter of the estimator that holds the object, for messages.
    owner : object
        Has ``get_params`` and ``set_params``, and is the caller's to change: a clone.
    label_names : ndarray of shape (n_labels,)

    Raises
    ------
    ValueError
        As :func:`in_order_of_labels`.
    """
    for name, value in owner.get_params().items():
        ordered = in_order_of_labels(f"{what}__{name}", value, label_names)
        if ordered is not value:
            owner.set_params(**{name: ordered})


def _require_row_shape(row_shape: tuple[int, ...], shape: tuple[int, ...]) -> None:
    if shape == row_shape:
        raise ValueError(
            f"X must hold rows of the shape seen in fit, {row_shape}; got one such row alone. Pass "
            "X[np.newaxis]."
        )
    if shape[1:] != row_shape:
        raise ValueError(
            f"X must hold rows of the shape seen in fit, {row_shape}; got rows of shape "
            f"{shape[1:]}."
        )


def _stack_rows(X: Any) -> Any:
    """Return a list, Series or array of rows as one array, anything else as it is.

    Raises
    ------
    ValueError
        For rows of different shapes.
    """
    is_vector = getattr(X, "ndim", 0) == 1 and dtype_kind(X.dtype) == "O"
    rows = list(X) if is_vector else X
    if not isinstance(rows, (list, tuple)) or not len(rows) or np.isscalar(rows[0]):
        return X
    try:
        return np.array(rows)
    except ValueError as error:
        shapes = [_shape_of(row) for row in rows]
        odd = next((place for place, shape in enumerate(shapes) if shape != shapes[0]), 0)
        other = f", row {odd} has {shapes[odd]}" if odd else ""
        raise ValueError(
            f"X must hold rows of one shape; row 0 has {shapes[0]}{other}. Resize images, or pad "
            "rows, to one shape."
        ) from error


def _shape_of(row: Any) -> str:
    try:
        return f"shape {np.shape(row)}"
    except ValueError:
        return "parts of different lengths"


def _reject_masked(values: Any, name: str) -> None:
    """Raise for masked entries, which NumPy and scikit-learn would use as if they were not."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} is a masked array with missing values, which are not supported. Fill them in, "
            "or leave their rows out."
        )


def _reject_text(X: Any) -> None:
    """Raise for strings and dates, naming the column, where they can be told cheaply."""
    if sparse.issparse(X):
        return
    for name, column in _doubtful_columns(X):
        dtype = getattr(column, "dtype", None)
        if dtype_kind(dtype) in "mM":
            raise ValueError(
                f"X must be numeric; column {name!r} holds dates or times ({dtype}). Turn them "
                "into numbers before, for example into days since a date."
            )
        text = next((value for value in column if isinstance(value, str)), None)
        if text is not None:
            where = "it" if name is None else f"column {name!r}"
            raise ValueError(
                f"X must be numeric; {where} holds text such as {str(text)!r}. Encode it before, "
                "for example with OneHotEncoder in a ColumnTransformer, or with TfidfVectorizer "
                "for documents, which model='text' takes as they are."
            )


def _doubtful_columns(X: Any) -> Iterator[tuple[Any, Any]]:
    """Yield names and values of the columns that may hold text or dates; None names all of X."""
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        for place, (name, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True)):
            if _may_hold_text(dtype):
                yield name, X.iloc[:, place] if hasattr(X, "iloc") else X[name]
        return
    if isinstance(X, (list, tuple)):
        values = _as_object_array(X)
    else:
        values = np.asarray(X) if hasattr(X, "dtype") else None
    if values is None or not _may_hold_text(values.dtype):
        return
    if values.ndim == 1:
        yield None, values
    elif values.ndim == 2:
        yield from enumerate(values.T)


def _as_object_array(X: Sequence[Any]) -> np.ndarray | None:
    """Return lists of strings, or of lists that hold one, as an array; None for anything else."""
    if X and all(isinstance(row, str) for row in X):
        return np.array(X, dtype=object)
    rows = [row for row in X if isinstance(row, (list, tuple))]
    if len(rows) != len(X) or not any(isinstance(value, str) for row in rows for value in row):
        return None
    width = max(len(row) for row in rows)
    return np.array([[*row, *[None] * (width - len(row))] for row in rows], dtype=object)


def _may_hold_text(dtype: Any) -> bool:
    return dtype_kind(dtype) in "OUSTmM"


def _reject_non_finite(X: Any, columns: Any) -> None:
    """Raise for NaN, infinity and numbers beyond float32, naming the first column with one."""
    values = X.data if sparse.issparse(X) else X
    if values.dtype.kind != "f" or values.size == 0:
        return
    if _fits_float32(values):
        return
    # A limit beyond the dtype's own would itself become infinite.
    bad = ~(np.abs(values) <= min(_FLOAT32_MAX, float(np.finfo(values.dtype).max)))
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
    """Tell without a temporary array that floats are finite and fit float32.

    The sum of squares bounds every number, and takes one fast pass. It says nothing of large ones.
    """
    if values.dtype.char in "fd" and values.dtype.isnative and values.flags.forc:
        flat = values.ravel(order="K")
        if float(np.vdot(flat, flat)) < _SQUARES_BELOW:  # np.dot would warn of an overflow
            return True
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(values.sum(dtype=np.float64)):
            return False
    if values.dtype.itemsize <= 4:
        return True
    return bool(values.max() <= _FLOAT32_MAX and values.min() >= -_FLOAT32_MAX)


def _is_known_good(estimator: Any, X: Any, min_samples: int) -> bool:
    """Tell cheaply that the checks would find nothing and hand ``X`` back as it is.

    So it is for plain arrays of rows like those of ``fit``, where that saw no names of features.
    """
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.dtype.char in "fd"
        and X.shape[0] >= min_samples
        and X.shape[1:] == estimator.X_shape_[1:]
        and "feature_names_in_" not in vars(estimator)
        and _fits_float32(X)
    )
