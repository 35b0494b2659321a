"""Targets: every container a user may pass, to float arrays and back.

Owns: what a target means (label indicator or exclusive classes), label names, the container in
which predictions go back.
Does not own: how a network is read (``_heads``) or which labels a score makes (decisions).

What a target means follows from its container and the declared parameters alone:

=============================================  ==========  ==========================
container                                      meaning     predictions
=============================================  ==========  ==========================
2-D array, nested list, DataFrame of 0 and 1   indicator   2-D array
SciPy sparse matrix or array                   indicator   CSR matrix or array
2-D masked array of numbers                    indicator   2-D array of floats
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
from sklearn.base import BaseEstimator
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets

from skmultilabel_keras._validation import is_missing, is_number, nearest_names, read_objects

_SET_TYPES = (set, frozenset)
_ROW_TYPES = (list, tuple, np.ndarray)


@dataclass(frozen=True)
class _Targets:
    """A target read from its container.

    ``values`` is a 1-D array ("classes"), a 2-D array ("dense", "frame"), a CSR container
    ("sparse") or a list of label collections ("lists"); ``names`` are a DataFrame's columns, and
    ``dtype`` is that of predictions where ``values`` does not tell.
    """

    container: str
    values: Any
    names: np.ndarray | None = None
    dtype: Any = None


class TargetEncoder(BaseEstimator):
    """Encode targets as float indicators or class codes, and decode decisions.

    Parameters
    ----------
    label_names : sequence or None, default=None
        All labels, in the order of the columns. Needed only where the targets do not tell:
        label lists of which some rows may lack a label, 1-D labels of which some may be absent.
    exclusive : bool, default=False
        True where every row of an indicator holds exactly one label.

    Attributes
    ----------
    meaning_ : {"indicator", "classes"}
        What the targets are.
    container_ : {"classes", "dense", "frame", "sparse", "lists"}
        The kind of container seen in ``fit``.
    label_names_ : ndarray of shape (n_labels,)
        Names of the labels, or the classes.
    n_labels_ : int
        Number of labels or classes.
    """

    def __init__(
        self, *, label_names: Sequence[Any] | None = None, exclusive: bool = False
    ) -> None:
        self.label_names = label_names
        self.exclusive = exclusive

    def fit(self, y: Any, *, meaning: str | None = None) -> TargetEncoder:
        """Learn the meaning, the container and the label names of ``y``.

        Parameters
        ----------
        y : object
            See the table in the module's docstring.
        meaning : {"indicator", "classes"} or None, default=None
            How to read a single column, where that does not depend on its values.

        Returns
        -------
        self
        """
        targets = read_targets(y, declared=self.label_names, meaning=meaning)
        declared = None if self.label_names is None else _name_array(self.label_names)
        self.container_ = targets.container
        self.meaning_ = "classes" if targets.container == "classes" else "indicator"
        if targets.container == "classes":
            # Sorted even if declared: scikit-learn's metrics take columns for sorted classes.
            self.label_names_ = _sorted_classes(targets.values if declared is None else declared)
            self._dtype = self.label_names_.dtype
        elif targets.container == "lists":
            self.label_names_ = _names_in(targets.values) if declared is None else declared
            self._dtype = np.dtype(np.int64)
        else:
            self.label_names_ = _indicator_names(targets, declared)
            dtype = np.dtype(targets.dtype or targets.values.dtype)
            self._dtype = dtype if dtype.kind in "biuf" else np.dtype(np.int64)
        self._sparse_array = isinstance(targets.values, sparse.sparray)
        self.n_labels_ = len(self.label_names_)
        return self

    def transform(self, y: Any) -> Any:
        """Return ``y`` as float32 indicator or as integer codes of classes.

        Returns
        -------
        ndarray of shape (n_samples, n_labels), CSR of that shape, or ndarray of shape (n_samples,)
            float32 indicator, sparse where ``y`` is, NaN where labels are missing; int64 codes for
            classes.
        """
        declared = self.label_names_ if self._listed() else None
        targets = read_targets(y, declared=declared, meaning=self.meaning_)
        if self.meaning_ == "classes":
            return self._codes(targets)
        if targets.container == "classes":
            raise ValueError(
                f"y must be a label indicator with {self.n_labels_} columns, as in fit; got 1-D "
                "labels. Pass one column for each label."
            )
        if targets.container == "lists":
            _require_known((label for row in targets.values for label in row), self._index())
            indicator = self._indicator_of_lists(targets.values)
        else:
            indicator = self._checked_indicator(targets)
        if self.exclusive:
            _require_one_label(indicator)
        return indicator

    def decode(self, decisions: Any) -> Any:
        """Return decisions in the container of ``fit``.

        Parameters
        ----------
        decisions : ndarray of shape (n_samples, n_labels) or (n_samples,)
            Boolean indicator, or codes of classes.
        """
        if self.meaning_ == "classes":
            return self.label_names_[decisions]
        if self.container_ == "sparse":
            make = sparse.csr_array if self._sparse_array else sparse.csr_matrix
            return make(decisions, dtype=self._dtype)
        return decisions.astype(self._dtype)

    def pair(self, y: Any, decisions: np.ndarray) -> tuple[Any, Any]:
        """Return truth and decisions in one form, for a metric to compare.

        Labels that ``fit`` did not see are no error in the truth: no prediction can hold them. A
        missing label is taken for what was decided, so that it counts as right.

        Parameters
        ----------
        y : object
            True targets, in any container.
        decisions : ndarray of shape (n_samples, n_labels) or (n_samples,)
            Boolean indicator, or codes of classes.

        Returns
        -------
        y_true, y_pred : pair of 1-D classes or of indicators
        """
        if self.meaning_ == "classes":
            return read_targets(y, meaning=self.meaning_).values, self.decode(decisions)
        declared = self.label_names_ if self._listed() else None
        targets = read_targets(y, declared=declared, meaning=self.meaning_)
        if targets.container != "lists":
            truth = self.transform(y)
            if has_missing(truth):
                truth = np.where(np.isnan(truth), decisions, truth)
            return self.decode(truth), self.decode(decisions)
        index = self._index()
        unknown = [[any(label not in index for label in row)] for row in targets.values]
        truth = self._indicator_of_lists(targets.values)
        return np.hstack([truth, unknown]), np.hstack([decisions, np.zeros_like(unknown)])

    def _listed(self) -> bool:
        return self.container_ == "lists" or self.label_names is not None

    def _codes(self, targets: _Targets) -> np.ndarray:
        if targets.container != "classes":
            listed = targets.container == "lists"
            found = "lists of labels" if listed else f"an indicator of shape {targets.values.shape}"
            raise ValueError(f"y must be a 1-D array of classes, as in fit; got {found}.")
        index = self._index()
        labels = targets.values.tolist()
        _require_known(labels, index)
        return np.fromiter((index[label] for label in labels), dtype=np.int64, count=len(labels))

    def _indicator_of_lists(self, rows: Sequence[Iterable[Any]]) -> np.ndarray:
        index = self._index()
        indicator = np.zeros((len(rows), self.n_labels_), dtype=np.float32)
        for row, labels in enumerate(rows):
            indicator[row, [index[label] for label in labels if label in index]] = 1
        return indicator

    def _index(self) -> dict[Any, int]:
        return {label: column for column, label in enumerate(self.label_names_.tolist())}

    def _checked_indicator(self, targets: _Targets) -> Any:
        values = targets.values
        if values.shape[1] != self.n_labels_:
            raise ValueError(
                f"y must have one column for each of the {self.n_labels_} labels seen in fit; "
                f"got shape {values.shape}."
            )
        names = None if targets.names is None else targets.names.tolist()
        named = self._listed() or self.container_ == "frame"
        if named and names is not None and names != self.label_names_.tolist():
            raise ValueError(
                "A DataFrame y must have the labels of fit as columns, in their order, "
                f"{self.label_names_.tolist()}; got {names}."
            )
        _require_binary(values, self.label_names_)
        return values.astype(np.float32)


def has_missing(indicator: Any) -> bool:
    """Tell whether some entries of an encoded target are missing."""
    dense = isinstance(indicator, np.ndarray) and indicator.dtype.kind == "f"
    return dense and bool(np.isnan(indicator).any())


def require_known_labels(indicator: Any, names: np.ndarray) -> None:
    """Raise for a label of which no entry is known."""
    unknown = np.isnan(indicator).all(axis=0)
    if unknown.any():
        raise ValueError(
            "y must hold a known entry for each label; all are NaN for label "
            f"{names.tolist()[int(np.argmax(unknown))]!r}. Drop the column."
        )


def read_targets(y: Any, *, declared: Any = None, meaning: str | None = None) -> _Targets:
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
        return _Targets("sparse", _read_sparse(y))
    if isinstance(y, np.ma.MaskedArray) and np.ma.is_masked(y):
        return _Targets("dense", _read_masked(y), dtype=y.dtype)
    if hasattr(y, "columns") and hasattr(y, "dtypes"):
        names = _name_array(y.columns)
        floats = all(getattr(dtype, "kind", "O") == "f" for dtype in y.dtypes)
        values = _read_frame(y)
        # Not by the values: a fold may lack none of the labels that others lack.
        return _Targets("frame", values, names, values.dtype if floats else np.int64)
    if isinstance(y, (str, bytes, dict, *_SET_TYPES)):
        raise ValueError(
            f"y must be an array, a DataFrame, a sparse matrix or a list with one entry for each "
            f"row; got {type(y).__name__}."
        )
    entries = _listed(y) if _is_series(y) or _is_object_vector(y) else y
    if isinstance(entries, (list, tuple)) and _holds_label_lists(entries, declared):
        return _Targets("lists", [list(row) for row in entries])
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
    kinds = [getattr(dtype, "kind", "O") for dtype in y.dtypes]
    for name, kind in zip(y.columns, kinds, strict=True):
        if kind not in "biufO" or (kind == "O" and not _all_numbers(y[name])):
            hint = f" For classes pass the column itself, y[{name!r}]." if len(kinds) == 1 else ""
            raise ValueError(
                "A DataFrame y must hold only 0 and 1, or booleans; column "
                f"{name!r} holds values such as {next(iter(y[name]))!r}.{hint}"
            )
    try:
        values = y.to_numpy(dtype=np.float64, na_value=np.nan)
    except TypeError:  # not pandas, which alone has na_value, or objects with pandas.NA
        values = read_objects(np.asarray(y.to_numpy(), dtype=object))
    return values if set(kinds) <= {"f"} or np.isnan(values).any() else _as_int(values)


def _all_numbers(values: Iterable[Any]) -> bool:
    return all(is_number(value) or is_missing(value) for value in values)


def _as_int(numbers: np.ndarray) -> np.ndarray:
    whole = numbers.astype(np.int64)
    return whole if (whole == numbers).all() else numbers


def _read_array(y: Any, declared: Sequence[Any] | None, meaning: str | None) -> _Targets:
    array = _as_array(y)
    if array.ndim == 1:
        return _Targets("classes", _read_classes(array))
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
        return _Targets("classes", _read_classes(array.ravel()))
    if array.dtype.kind == "O" and _all_numbers(array.flat):
        values = read_objects(array)
        if np.isnan(values).any():
            return _Targets("dense", values, dtype=np.int64)
    return _Targets("dense", array)


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


def _is_binary(value: Any) -> bool:
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
        return all(_is_binary(value) or is_missing(value) for value in array.flat)
    return array.dtype.kind in "biuf" and bool(_is_known_or_missing(array).all())


def _is_known_or_missing(array: np.ndarray) -> np.ndarray:
    """Tell of each number whether it is 0, 1 or NaN."""
    known = np.isin(array, (0, 1))
    return known | np.isnan(array) if array.dtype.kind == "f" else known


def _require_binary(values: Any, names: np.ndarray) -> None:
    """Raise unless an indicator holds nothing but 0, 1 and, among floats, NaN."""
    if sparse.issparse(values):
        bad = (values.data != 1) | (values.dtype.kind not in "biuf")
        columns, found = values.indices[bad], values.data[bad]
    else:
        numeric = values.dtype.kind in "biuf"
        bad = ~_is_known_or_missing(values) if numeric else _not_binary(values)
        columns, found = np.nonzero(bad)[1], values[bad]
    if not len(found):
        return
    label, value = names.tolist()[columns[0]], found[:1].tolist()[0]
    if is_missing(value):
        raise ValueError(
            f"y must hold only 0 and 1; Input y contains NaN, first for label {label!r}. Missing "
            "labels can be NaN in an array or a DataFrame of numbers that is not sparse."
        )
    if isinstance(value, float) and np.isinf(value):
        raise ValueError(
            f"y must hold only 0 and 1; Input y contains infinity, first for label {label!r}."
        )
    raise ValueError(
        f"y must hold only 0 and 1 in a label indicator; got {value!r} for label {label!r}."
        f"{_hint(value)}"
    )


def _hint(value: Any) -> str:
    """Return what was probably meant by a value in an indicator that is neither 0 nor 1."""
    if isinstance(value, (str, bytes)):
        return " Rows of label names must be lists, tuples or sets of strings."
    if value == -1:
        return " For labels coded as -1 and 1 pass y > 0."
    if isinstance(value, int):
        return " For counts pass y > 0; rows of integer label names can be passed as sets."
    return ""


def _not_binary(values: np.ndarray) -> np.ndarray:
    flat = [not _is_binary(value) for value in values.flat]
    return np.array(flat, dtype=bool).reshape(values.shape)


def _require_one_label(indicator: Any) -> None:
    counts = np.asarray(indicator.sum(axis=1)).ravel()
    if np.isnan(counts).any():
        raise ValueError(
            "With exclusive=True every row of y must hold exactly one label; Input y contains NaN "
            f"in row {int(np.argmax(np.isnan(counts)))}. Leave rows with missing labels out."
        )
    if (counts != 1).any():
        row = int(np.argmax(counts != 1))
        raise ValueError(
            "With exclusive=True every row of y must hold exactly one label; row "
            f"{row} holds {int(counts[row])}. Use exclusive=False for several labels per row."
        )


def _require_known(labels: Iterable[Any], index: Mapping[Any, int]) -> None:
    for label in labels:
        if label in index:
            continue
        twin = next((known for known in index if str(known) == str(label)), None)
        near = nearest_names(str(label), map(str, index))
        if twin is not None:
            near = f"{twin!r} is, of type {type(twin).__name__}."
        raise ValueError(
            f"y holds the label {label!r}, which is not among those declared or seen at the "
            f"first fit. {near} Declare all labels with label_names, or with classes in the first "
            "call of partial_fit."
        )


def _names_in(rows: Sequence[Iterable[Any]]) -> np.ndarray:
    return _sorted_classes(_distinct(label for row in rows for label in row))


def _distinct(labels: Iterable[Any]) -> list[Any]:
    try:
        return list(set(labels))
    except TypeError as error:
        raise ValueError(f"Label names must be strings, numbers or tuples: {error}.") from error


def _sorted_classes(values: Any) -> np.ndarray:
    array = values if isinstance(values, np.ndarray) else _name_array(values)
    try:
        return np.unique(array)
    except TypeError as error:
        kinds = sorted({type(value).__name__ for value in array})
        raise ValueError(
            f"The labels in y must be of one kind that can be sorted; got {kinds}."
        ) from error


def _indicator_names(targets: _Targets, declared: np.ndarray | None) -> np.ndarray:
    n_labels = targets.values.shape[1]
    names = targets.names if declared is None else declared
    if names is None:
        names = np.arange(n_labels)
    if n_labels == 0:
        raise ValueError(
            f"y must have at least one label column; got shape {targets.values.shape}."
        )
    if len(names) != n_labels:
        raise ValueError(
            f"label_names must name each of the {n_labels} columns of y; got {len(names)} names."
        )
    if targets.names is not None and names.tolist() != targets.names.tolist():
        raise ValueError(
            f"label_names must equal the columns of a DataFrame y, {targets.names.tolist()}; got "
            f"{names.tolist()}."
        )
    return names


def _name_array(names: Iterable[Any]) -> np.ndarray:
    """Return names as a 1-D array, of objects unless they are plain numbers or strings."""
    if isinstance(names, (str, bytes, Mapping, *_SET_TYPES)):
        raise ValueError(
            "Label names must be a list or array in the order of the columns; got "
            f"{type(names).__name__}."
        )
    listed = [_plain(name) for name in names]
    if len(_distinct(listed)) != len(listed):
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
