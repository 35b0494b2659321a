"""The target encoder: targets to float arrays, and decisions back into the container of ``fit``.

Owns: the labels and the container that ``fit`` saw, encoding, decoding, checks of an
indicator's entries and of labels that are not known.
Does not own: containers (``_targets``), how a network is read (``_heads``), which labels a score
makes (decisions).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import type_of_target

from skmultilabel_keras._targets import (
    Targets,
    distinct,
    is_binary,
    is_known_or_missing,
    name_array,
    read_targets,
)
from skmultilabel_keras._validation import is_missing, nearest_names

# Entries up to which the indicator of label lists is dense, which trains a little faster: 16 MB.
_DENSE_ENTRIES = 2**22


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
            See the table in ``_targets``.
        meaning : {"indicator", "classes"} or None, default=None
            How to read a single column, where that does not depend on its values.

        Returns
        -------
        self
        """
        targets = read_targets(y, declared=self.label_names, meaning=meaning)
        declared = None if self.label_names is None else name_array(self.label_names)
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
            float32 indicator, sparse where ``y`` is or where that of label lists would be large,
            NaN where labels are missing; int64 codes for classes.
        """
        return self._encode(self._read(y))

    def _read(self, y: Any) -> Targets:
        """Read targets in the light of what ``fit`` saw."""
        declared = self.label_names_ if self._listed() else None
        return read_targets(y, declared=declared, meaning=self.meaning_)

    def _encode(self, targets: Targets) -> Any:
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
            if math.prod(indicator.shape) <= _DENSE_ENTRIES:
                indicator = indicator.toarray()
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
        targets = self._read(y)
        if self.meaning_ == "classes":
            if type_of_target(self.label_names_) != "unknown":
                return targets.values, self.decode(decisions)
            # scikit-learn's metrics read no intervals, say, but take codes of them.
            index = self._index()
            codes = [index.get(label, -1) for label in targets.values.tolist()]
            return np.array(codes, dtype=np.int64), decisions
        if targets.container != "lists":
            truth = self._encode(targets)
            if has_missing(truth):
                truth = np.where(np.isnan(truth), decisions, truth)
            return self.decode(truth), self.decode(decisions)
        index = self._index()
        unknown = [[any(label not in index for label in row)] for row in targets.values]
        truth = self._indicator_of_lists(targets.values).toarray()
        return np.hstack([truth, unknown]), np.hstack([decisions, np.zeros_like(unknown)])

    def _listed(self) -> bool:
        return self.container_ == "lists" or self.label_names is not None

    def _codes(self, targets: Targets) -> np.ndarray:
        if targets.container != "classes":
            listed = targets.container == "lists"
            found = "lists of labels" if listed else f"an indicator of shape {targets.values.shape}"
            raise ValueError(f"y must be a 1-D array of classes, as in fit; got {found}.")
        index = self._index()
        labels = targets.values.tolist()
        _require_known(labels, index)
        return np.fromiter((index[label] for label in labels), dtype=np.int64, count=len(labels))

    def _indicator_of_lists(self, rows: Sequence[Iterable[Any]]) -> sparse.csr_array:
        index = self._index()
        columns = [sorted({index[name] for name in row if name in index}) for row in rows]
        starts = np.cumsum([0, *map(len, columns)])
        listed = np.fromiter(chain.from_iterable(columns), dtype=np.intp, count=starts[-1])
        ones = np.ones(len(listed), dtype=np.float32)
        return sparse.csr_array((ones, listed, starts), shape=(len(rows), self.n_labels_))

    def _index(self) -> dict[Any, int]:
        return {label: column for column, label in enumerate(self.label_names_.tolist())}

    def _checked_indicator(self, targets: Targets) -> Any:
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


def _require_binary(values: Any, names: np.ndarray) -> None:
    """Raise unless an indicator holds nothing but 0, 1 and, among floats, NaN."""
    if sparse.issparse(values):
        bad = (values.data != 1) | (values.dtype.kind not in "biuf")
        columns, found = values.indices[bad], values.data[bad]
    else:
        numeric = values.dtype.kind in "biuf"
        bad = ~is_known_or_missing(values) if numeric else _not_binary(values)
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
    flat = [not is_binary(value) for value in values.flat]
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
    return _sorted_classes(distinct(label for row in rows for label in row))


def _sorted_classes(values: Any) -> np.ndarray:
    array = values if isinstance(values, np.ndarray) else name_array(values)
    try:
        return np.unique(array)
    except TypeError as error:
        kinds = sorted({type(value).__name__ for value in array})
        raise ValueError(
            f"The labels in y must be of one kind that can be sorted; got {kinds}."
        ) from error


def _indicator_names(targets: Targets, declared: np.ndarray | None) -> np.ndarray:
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
