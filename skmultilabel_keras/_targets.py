"""Targets: every container that a user may pass, read into arrays.

Owns: which container holds which meaning (label indicator or exclusive classes), how its values and
its names of labels are read.
Does not own: labels that a fit learnt, and making predictions of these kinds
(``_target_encoder``).

What a target means follows from its container and the declared parameters alone:

=============================================  ==========  ==========================
container                                      meaning     predictions
=============================================  ==========  ==========================
2-D array, nested list, DataFrame of 0 and 1   indicator   2-D array
SciPy sparse matrix or array                   indicator   CSR matrix or array
2-D masked array of numbers                    indicator   2-D array
list, tuple, Series of label lists or sets     indicator   2-D array
1-D array, list, Series of numbers or strings  classes     1-D array of the same labels
=============================================  ==========  ==========================

NaN in an indicator of floats, a missing value in a DataFrame and a masked entry stand for a label
that is not known.

One exception is scikit-learn's: a dense column of shape (n_samples, 1) with values other than
0 and 1 cannot be an indicator and is read as 1-D classes, with a ``DataConversionWarning``. What
was declared (one label name, or several classes) and what ``fit`` saw go before the values.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets

from skmultilabel_keras._validation import dtype_kind, is_missing, is_number, read_objects

_SET_TYPES = (set, frozenset)
_ROW_TYPES = (list, tuple, np.ndarray)


@dataclass(frozen=True)
class Targets:
    """A target read from its container.

    ``values`` is a 1-D array ("classes"), a 2-D array ("dense", "frame"), a CSR container
    ("sparse") or a list of label collections ("lists"); ``names`` are a DataFrame's columns, and
    ``dtype`` is that of predictions where ``values`` does not tell.
    """

    container: str
    values: Any
    names: np.ndarray | None = None
    dtype: Any = None


def read_targets(y: Any, *, declared: Any = None, meaning: str | None = None) -> Targets:
    """Read a target by its container, without looking at what the values mean.

    Parameters
    ----------
    y : object
        See the table in the module's docstring.
    declared : sequence or None, default=None
        The declared label names; with them a list of empty rows is a list of label lists.
    meaning : {"indicator", "classes"} or None, default=None
        How to read a single column, where that is known already.
    """
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None. Pass a label "
            "indicator of shape (n_samples, n_labels)."
        )
    if sparse.issparse(y):
        return Targets("sparse", _read_sparse(y))
    if isinstance(y, np.ma.MaskedArray) and np.ma.is_masked(y):
        return Targets("dense", _read_masked(y), dtype=y.dtype)
    if hasattr(y, "columns") and hasattr(y, "dtypes"):
        names = name_array(y.columns)
        floats = all(dtype_kind(dtype) == "f" for dtype in y.dtypes)
        values = _read_frame(y)
        # Not by the values: a fold may lack none of the labels that others lack.
        return Targets("frame", values, names, values.dtype if floats else np.int64)
    if isinstance(y, (str, bytes, dict, *_SET_TYPES)):
        raise ValueError(
            f"y must be an array, a DataFrame, a sparse matrix or a list with one entry for each "
            f"row; got {type(y).__name__}."
        )
    entries = _listed(y) if _is_series(y) or _is_object_vector(y) else y
    if isinstance(entries, (list, tuple)) and _holds_label_lists(entries, declared):
        rows = [list(row) for row in entries]
        distinct(label for row in rows for label in row)  # raises for what cannot be a name
        return Targets("lists", rows)
    holds_rows = isinstance(entries, list) and any(isinstance(row, _ROW_TYPES) for row in entries)
    return _read_array(entries if holds_rows else y, declared, meaning)


def _read_masked(y: np.ma.MaskedArray) -> np.ndarray:
    """Return an indicator with NaN for masked entries."""
    if y.ndim != 2 or y.dtype.kind not in "biuf":
        raise ValueError(
            "y must be an indicator of numbers where it is a masked array, shape (n_samples, "
            f"n_labels); got shape {y.shape} and dtype {y.dtype}, in which Input y contains "
            "missing values. Leave rows with missing classes out."
        )
    return np.where(np.ma.getmaskarray(y), np.nan, y.data)


def _read_sparse(y: Any) -> Any:
    if y.ndim != 2:
        raise ValueError(f"A sparse y must have two dimensions; got shape {y.shape}.")
    csr = y.tocsr(copy=True)
    csr.sum_duplicates()
    csr.eliminate_zeros()
    return csr


def _read_frame(y: Any) -> np.ndarray:
    """Return a DataFrame's values; nullable columns give NaN where a value is missing."""
    kinds = [dtype_kind(dtype) for dtype in y.dtypes]
    for name, kind in zip(y.columns, kinds, strict=True):
        if kind not in "biufO" or (kind == "O" and not _all_numbers(y[name])):
            hint = f" For classes pass the column itself, y[{name!r}]." if len(kinds) == 1 else ""
            unfit = next((value for value in y[name] if not _is_number_or_missing(value)), None)
            found = f"is of dtype {y[name].dtype}" if unfit is None else f"holds {unfit!r}"
            raise ValueError(
                f"A DataFrame y must hold only 0 and 1, or booleans; column {name!r} {found}.{hint}"
            )
    try:
        values = y.to_numpy(dtype=np.float64, na_value=np.nan)
    except TypeError:  # not pandas, which alone has na_value, or objects with pandas.NA
        array = np.asarray(y.to_numpy())
        numeric = array.dtype.kind in "biuf"
        values = array.astype(np.float64) if numeric else read_objects(array.astype(object))
    return values if set(kinds) <= {"f"} or np.isnan(values).any() else _as_int(values)


def _all_numbers(values: Iterable[Any]) -> bool:
    return all(map(_is_number_or_missing, values))


def _is_number_or_missing(value: Any) -> bool:
    return is_number(value) or is_missing(value)


def _as_int(numbers: np.ndarray) -> np.ndarray:
    whole = numbers.astype(np.int64)
    return whole if (whole == numbers).all() else numbers


def _read_array(y: Any, declared: Sequence[Any] | None, meaning: str | None) -> Targets:
    array = _as_array(y)
    if array.ndim == 1:
        return Targets("classes", _read_classes(array))
    if array.ndim != 2:
        raise ValueError(
            "y must have one dimension (classes) or two (label indicator); got "
            f"{array.ndim} dimensions, shape {array.shape}."
        )
    if array.shape[1] == 1 and _column_holds_classes(array, declared, meaning):
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape "
            "of y to (n_samples,), for example using ravel(). An indicator holds only 0 and 1.",
            DataConversionWarning,
            stacklevel=2,
        )
        return Targets("classes", _read_classes(array.ravel()))
    if array.dtype.kind == "O" and _all_numbers(array.flat):
        values = read_objects(array)
        if np.isnan(values).any():
            return Targets("dense", values, dtype=np.int64)
    return Targets("dense", array)


def _as_array(y: Any) -> np.ndarray:
    try:
        array = np.asarray(y)
    except ValueError as error:
        raise ValueError(
            "y must hold rows of one length, or lists of label names as strings (integer label "
            "names can be passed as sets); got rows of different lengths."
        ) from error
    # NumPy makes text of numbers and NaN that stand beside text.
    made_text = array.dtype.kind == "U" and array.ndim == 1
    if made_text and not all(isinstance(label, str) for label in y):
        return np.array(y, dtype=object)
    return array


def _column_holds_classes(
    column: np.ndarray, declared: Sequence[Any] | None, meaning: str | None
) -> bool:
    if meaning is not None:
        return meaning == "classes"
    return not _is_indicator(column) if declared is None else len(declared) != 1


def _read_classes(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "T":  # NumPy's strings of any length, which scikit-learn does not know
        array = array.astype(object)
    if array.dtype.kind in "OmM":  # scikit-learn knows no type for mixed objects
        missing = [row for row, value in enumerate(array) if is_missing(value)]
        if missing:
            raise ValueError(f"Input y contains NaN: the class in row {missing[0]} is missing.")
        floats = [value for value in array if isinstance(value, (float, np.floating))]
        check_classification_targets(np.array(floats or [0], dtype=np.float64))
    elif array.size:
        check_array(array, ensure_2d=False, dtype=None, input_name="y")
        check_classification_targets(array)
    return array


def is_binary(value: Any) -> bool:
    """Tell whether a value is a number that is 0 or 1."""
    return is_number(value) and value in (0, 1)


def _listed(y: Any) -> list[Any]:
    return y.tolist() if hasattr(y, "tolist") else y.to_list()


def _is_series(y: Any) -> bool:
    return hasattr(y, "to_list") or (hasattr(y, "to_numpy") and getattr(y, "ndim", None) == 1)


def _is_object_vector(y: Any) -> bool:
    return isinstance(y, np.ndarray) and y.ndim == 1 and y.dtype == object


def _holds_label_lists(entries: Sequence[Any], declared: Sequence[Any] | None) -> bool:
    """Tell label lists from classes and from the rows of a nested indicator, by their types."""
    if any(isinstance(entry, _SET_TYPES) for entry in entries):
        _require_rows(entries, (*_SET_TYPES, *_ROW_TYPES))
    elif any(isinstance(entry, _ROW_TYPES) for entry in entries):
        _require_rows(entries, _ROW_TYPES)
        any_label = any(len(entry) for entry in entries)
        if any_label and not any(isinstance(label, str) for entry in entries for label in entry):
            return False
    else:
        return False
    if declared is None and not any(len(entry) for entry in entries):
        raise ValueError(
            "y holds only empty label lists, so the labels cannot be told. Pass all of them as "
            "label_names."
        )
    return True


def _require_rows(entries: Sequence[Any], types: tuple[type, ...]) -> None:
    for row, entry in enumerate(entries):
        if not isinstance(entry, types):
            raise ValueError(
                "y must hold a list or set of labels in every row; got "
                f"{type(entry).__name__} in row {row}: {entry!r}."
            )


def _is_indicator(array: np.ndarray) -> bool:
    if array.dtype.kind == "O":
        return all(is_binary(value) or is_missing(value) for value in array.flat)
    return array.dtype.kind in "biuf" and bool(is_known_or_missing(array).all())


def is_known_or_missing(array: np.ndarray) -> np.ndarray:
    """Tell of each number whether it is 0, 1 or NaN."""
    known = np.isin(array, (0, 1))
    return known | np.isnan(array) if array.dtype.kind == "f" else known


def distinct(labels: Iterable[Any]) -> list[Any]:
    """Return each label once, in any order; raise for one that cannot be told from others."""
    try:
        return list(set(labels))
    except TypeError as error:
        raise ValueError(f"Label names must be strings, numbers or tuples: {error}.") from error


def read_classes(classes: Any, y: Any) -> np.ndarray | None:
    """Return the label names among the arguments of ``partial_fit``, None where they are none.

    scikit-learn's tools pass the values of an indicator, 0 and 1.
    """
    if _holds_pairs(classes):  # ``classes_`` of an indicator, or one array for each label
        return None
    names = name_array(classes)
    is_values = set(names.tolist()) <= {0, 1}
    container = read_targets(y).container if is_values else ""
    return None if container in ("dense", "frame", "sparse") else names


def _holds_pairs(classes: Any) -> bool:
    """Tell whether there are arrays of 0 and 1 for each label."""
    if not isinstance(classes, (list, tuple, np.ndarray)):
        return False
    rows = [row for row in classes if isinstance(row, np.ndarray) and row.ndim == 1]
    return bool(rows) and len(rows) == len(classes) and set(np.concatenate(rows)) <= {0, 1}


def require_same_classes(classes: np.ndarray, label_names: np.ndarray, meaning: str) -> None:
    """Raise for other label names than those of the first call of ``partial_fit``.

    Those of an indicator stand for its columns, so their order counts; that of classes does not.
    """
    given, known = classes.tolist(), label_names.tolist()
    same = given == known if meaning == "indicator" else set(given) == set(known)
    if not same:
        order = ", in their order" if meaning == "indicator" else ""
        raise ValueError(
            f"classes must be the label names of the first call, {known}{order}; got {given}. They "
            "may be left out."
        )


def name_array(names: Iterable[Any]) -> np.ndarray:
    """Return names as a 1-D array, of objects unless they are plain numbers or strings."""
    if isinstance(names, (str, bytes, Mapping, *_SET_TYPES)):
        raise ValueError(
            "Label names must be a list or array in the order of the columns; got "
            f"{type(names).__name__}."
        )
    listed = [_plain(name) for name in names]
    if len(distinct(listed)) != len(listed):
        twice = next(name for name in listed if listed.count(name) > 1)
        raise ValueError(f"Label names must differ from each other; {twice!r} stands twice.")
    if any(map(is_missing, listed)):
        raise ValueError(f"Label names must not be missing; got {listed}.")
    objects = np.empty(len(listed), dtype=object)
    objects[:] = listed
    kinds = {type(name) for name in listed}
    if len(kinds) != 1 or not kinds <= {str, int, float, bool}:
        return objects
    array = np.array(listed)
    return array if array.tolist() == listed else objects  # NumPy drops zeros that end a string


def _plain(name: Any) -> Any:
    """Return NumPy's numbers and strings as Python's."""
    return name.item() if isinstance(name, np.generic) and name.dtype.kind in "biufU" else name
