"""What users pass, checked and read into the one form that all metrics use.

Owns: indicators, scores, which entries are missing, and what each row weighs.
Does not own: any metric.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from skmultilabel_keras._validation import check_sample_weight, nearest_names, read_objects

Matrix: TypeAlias = Any  # nested list, array, DataFrame, SciPy sparse matrix or array
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Presence:
    """Which entries count, and how much.

    ``mask`` is None where no entry is missing. ``row_weight`` is 0 for rows that have nothing
    present, so that every mean over rows leaves them out.
    """

    shape: tuple[int, int]
    mask: Bools | None
    row_weight: Floats

    @property
    def per_row(self) -> Floats:
        """Number of entries that are present, for each row."""
        n_samples, n_labels = self.shape
        if self.mask is None:
            return np.full(n_samples, float(n_labels))
        return self.mask.sum(axis=1, dtype=np.float64)

    @property
    def per_label(self) -> Floats:
        """Weight of the rows in which a label is present, for each label."""
        if self.mask is None:
            return np.full(self.shape[1], self.row_weight.sum())
        return self.row_weight @ self.mask

    @property
    def entries(self) -> Floats:
        """Weight of each entry; may be read-only."""
        row_weight = self.row_weight[:, np.newaxis]
        if self.mask is None:
            return np.broadcast_to(row_weight, self.shape)
        return row_weight * self.mask

    def mean_of_rows(self, values: npt.NDArray[Any]) -> float:
        """Return the mean of one value for each row that has something present."""
        return float(np.average(values, weights=self.row_weight))

    def mean_of_entries(self, row_sums: npt.NDArray[Any]) -> float:
        """Return the mean over the entries that are present, from the sum of each row's."""
        return float(self.row_weight @ row_sums / (self.row_weight @ self.per_row))


class LabelSets(NamedTuple):
    """True and predicted labels, as canonical CSR without the missing entries."""

    true: sparse.csr_array
    predicted: sparse.csr_array
    presence: Presence


class LabelScores(NamedTuple):
    """Which labels are true (none that is missing), and the scores of all."""

    relevant: Bools
    score: npt.NDArray[Any]
    presence: Presence


def read_sets(y_true: Matrix, y_pred: Matrix, sample_weight: Any = None) -> LabelSets:
    """Check two indicators and weights; see the package's docstring for the rules."""
    true, missing = _read_indicator("y_true", y_true, may_miss=True)
    predicted, _ = _read_indicator("y_pred", y_pred, may_miss=False)
    check_shapes("y_pred", true.shape, predicted.shape)
    _check_order("y_pred", y_true, y_pred)
    presence = _find_presence("y_true", true.shape, missing, sample_weight)
    true, predicted = _as_csr(true), _as_csr(predicted)
    if presence.mask is not None:
        predicted = sparse.csr_array(predicted.multiply(presence.mask))
        predicted.eliminate_zeros()
    return LabelSets(true, predicted, presence)


def read_scores(y_true: Matrix, y_score: Matrix, sample_weight: Any = None) -> LabelScores:
    """Check an indicator, scores and weights; see the package's docstring for the rules."""
    relevant, missing = _read_indicator("y_true", y_true, may_miss=True)
    score = read_matrix("y_score", y_score)
    check_shapes("y_score", relevant.shape, score.shape)
    _check_order("y_score", y_true, y_score)
    score = _check_finite(_as_floats(score))
    presence = _find_presence("y_true", relevant.shape, missing, sample_weight)
    dense = relevant if isinstance(relevant, np.ndarray) else relevant.astype(bool).toarray()
    return LabelScores(dense, score, presence)


def read_labels(name: str, y: Matrix, sample_weight: Any = None) -> tuple[Any, Presence]:
    """Check one indicator and weights; return the ones, as CSR, and what is present."""
    true, missing = _read_indicator(name, y, may_miss=True)
    _check_not_empty(name, true.shape)
    presence = _find_presence(name, true.shape, missing, sample_weight)
    return _as_csr(true), presence


def read_matrix(name: str, values: Matrix) -> Any:
    """Return numbers of two dimensions, sparse where they came so."""
    matrix: Any = values if sparse.issparse(values) else _read_numbers(name, values)
    if matrix.ndim != 2:
        raise ValueError(
            f"{name} must have shape (n_samples, n_labels); got shape {matrix.shape}. For a single "
            f"label pass a column of shape (n_samples, 1): np.reshape({name}, (-1, 1))."
        )
    return matrix


def check_shapes(name: str, expected: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Raise unless ``name`` has the shape of ``y_true``, with a row and a label at least."""
    if shape != expected:
        raise ValueError(
            f"{name} must have the shape of y_true, {expected}; got shape {shape}. Both need a "
            "row for each sample and a column for each label, in the same order."
        )
    _check_not_empty(f"y_true and {name}", shape)


def _check_order(name: str, y_true: Matrix, other: Matrix) -> None:
    """Raise for two frames with the same names of columns in another order."""
    if not (hasattr(y_true, "columns") and hasattr(other, "columns")):
        return
    expected, given = list(y_true.columns), list(other.columns)
    if given != expected and set(given) == set(expected):
        raise ValueError(
            f"{name} must have the columns of y_true in their order, {expected}; got {given}. Pass "
            f"{name}[y_true.columns]."
        )


def check_name(argument: str, name: Any, legal: Iterable[str]) -> None:
    """Raise for a name that is not legal."""
    if not isinstance(name, str) or name not in legal:
        raise ValueError(f"{argument} is unknown: {name!r}. {nearest_names(str(name), legal)}")


def check_average(average: Any, legal: Iterable[str]) -> None:
    """Raise unless ``average`` is None or one of the legal names."""
    if average is not None:
        check_name("average", average, legal)


def check_whole(name: str, value: Any, meaning: str) -> int:
    """Return a whole number from 1 on as Python's, which does not wrap around; at most an index."""
    if isinstance(value, (bool, np.bool_)) or not (isinstance(value, Integral) and int(value) >= 1):
        raise ValueError(f"{name} must be a whole number from 1 on; got {value!r}. It is {meaning}")
    return min(int(value), sys.maxsize)


def check_probabilities(score: npt.NDArray[Any], metric: str, hint: str = "") -> None:
    """Raise unless all scores are between 0 and 1; the message ends with the hint."""
    if score.min() < 0 or score.max() > 1:
        raise ValueError(
            f"y_score must hold probabilities, between 0 and 1, for the {metric}; got values from "
            f"{score.min():.10g} to {score.max():.10g}. Pass the result of predict_proba"
            f"{hint}."
        )


def divide(part: Floats, whole: Floats, zero_division: float) -> Floats:
    """Return ratios; ``zero_division`` where the whole is 0."""
    return np.divide(part, whole, out=np.full(part.shape, float(zero_division)), where=whole > 0)


def _read_indicator(name: str, y: Matrix, *, may_miss: bool) -> tuple[Any, Bools | None]:
    """Return the ones, as floats in canonical CSR or a dense array of bool, and which are missing.

    Only dense floats can be missing, where that is allowed; None stands for no missing entry.
    """
    matrix = read_matrix(name, y)
    if not isinstance(matrix, np.ndarray):
        indicator = sparse.csr_array(matrix, dtype=np.float64, copy=True)
        indicator.sum_duplicates()
        indicator.eliminate_zeros()
        _require_binary(name, indicator.data, indicator.data != 1)
        return indicator, None
    ones = matrix == 1
    bad = ~(ones | (matrix == 0))
    missing = bad & np.isnan(matrix) if bad.any() and may_miss else None
    _require_binary(name, matrix, bad if missing is None else bad & ~missing)
    return ones, missing


def _as_csr(ones: Any) -> sparse.csr_array:
    return sparse.csr_array(ones, dtype=np.float64)


def _require_binary(name: str, values: npt.NDArray[Any], bad: Bools) -> None:
    if bad.any():
        raise ValueError(
            f"{name} must hold nothing but 0 and 1; got {values[bad][0]:g}. Turn scores into label "
            "sets first, for example by y_score >= 0.5. A missing label is NaN in a dense y_true; "
            "predictions and sparse matrices have no missing entries."
        )


def _find_presence(
    name: str, shape: tuple[int, int], missing: Bools | None, sample_weight: Any
) -> Presence:
    row_weight = check_sample_weight(sample_weight, shape[0])
    if row_weight is None:
        row_weight = np.ones(shape[0])
    if missing is None:
        return Presence(shape, None, row_weight)
    row_weight = np.where(missing.all(axis=1), 0.0, row_weight)
    if not row_weight.any():
        raise ValueError(
            f"{name} must have an entry that is not missing, in a row whose weight is not 0; got "
            f"NaN in all that count of {shape[0]} rows. Leave such a fold out."
        )
    return Presence(shape, ~missing, row_weight)


def _as_floats(score: Any) -> npt.NDArray[Any]:
    if not isinstance(score, np.ndarray):
        score = score.toarray()
    return score if score.dtype.kind == "f" else score.astype(np.float64)


def _check_finite(score: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if not np.isfinite(score).all():
        row, column = np.argwhere(~np.isfinite(score))[0]
        raise ValueError(
            f"y_score must be finite; got {score[row, column]} in row {row}, column {column}. "
            "A network that gives such scores has diverged: lower its learning rate."
        )
    return score


def _read_numbers(name: str, values: Matrix) -> npt.NDArray[Any]:
    """Return numbers in a dense array, NaN where they are masked or missing."""
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.filled(values.astype(np.float64), np.nan)
    try:
        array = np.asarray(values)
        numbers = read_objects(array) if array.dtype.kind == "O" else array
    except (TypeError, ValueError) as error:  # rows of unequal length, text
        raise ValueError(_expect_numbers(name, type(values).__name__)) from error
    if numbers.dtype.kind not in "biuf":
        raise ValueError(_expect_numbers(name, f"dtype {numbers.dtype}"))
    return numbers


def _expect_numbers(name: str, got: str) -> str:
    return (
        f"{name} must hold one number for each row and label; got {got} with something else. Turn "
        "lists of label names into an indicator first, with sklearn.preprocessing."
        "MultiLabelBinarizer."
    )


def _check_not_empty(names: str, shape: tuple[int, ...]) -> None:
    if 0 in shape:
        raise ValueError(
            f"{names} must have a row and a label at least; got shape {shape}. The mean over "
            "nothing is undefined: leave such a fold out."
        )
