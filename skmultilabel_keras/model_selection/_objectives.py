"""What tuned thresholds are to be best for.

Owns: objectives, by name or as objects, and the thresholds that are optimal for them.
Does not own: sorting (``_cuts``), and where scores come from (``_tuned``).

An objective has two methods: ``find_thresholds`` takes scores and the truth, and ``evaluate`` says
what thresholds are worth on them. Counts are sums of weights: those of the rows, zero for a missing
label.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone

from skmultilabel_keras._intervals import check_number
from skmultilabel_keras._validation import nearest_names, order_parameters
from skmultilabel_keras.model_selection._cuts import (
    TIE,
    ScoredLabels,
    candidate_thresholds,
    choose_cut,
    sort_cuts,
)

_AVERAGES = ("macro", "micro", "samples")

# Entries that are sorted at a time, which bounds the memory of objectives with a cut per label.
_ENTRIES_AT_A_TIME = 2**21

_N_CANDIDATES = 200


class _CutObjective(BaseEstimator, ABC):
    """An objective whose value at every cut follows from sums over the entries above it."""

    def find_thresholds(self, rows: ScoredLabels, rare: np.ndarray) -> np.ndarray:
        """Return the best threshold of each label.

        Parameters
        ----------
        rows : ScoredLabels
        rare : ndarray of bool, shape (n_labels,)
            Labels that get the cut that is best over all labels taken together.

        Returns
        -------
        ndarray of float64, shape (n_labels,)
        """
        shared = rare | self._has_one_cut()
        thresholds = np.empty(len(rare))
        counted = rows.weight > 0
        if shared.any():
            parts = (rows.score, counted, *self._quantities(rows))
            thresholds[shared] = self._best_cuts(*(part.reshape(-1, 1) for part in parts))
        for labels in _blocks(np.flatnonzero(~shared), len(rows.score)):
            some = rows.take_labels(labels)
            quantities = self._of_labels(labels)._quantities(some)
            thresholds[labels] = self._best_cuts(some.score, counted[:, labels], *quantities)
        return thresholds

    def _best_cuts(self, score: np.ndarray, counted: np.ndarray, *values: np.ndarray) -> np.ndarray:
        cuts = sort_cuts(score, counted, values)
        return choose_cut(cuts, self._criteria(*cuts.sums))

    def _has_one_cut(self) -> bool:
        """Tell whether all labels share a cut."""
        return False

    def _of_labels(self, labels: np.ndarray) -> _CutObjective:
        """Return the objective for some of the labels."""
        return self

    @abstractmethod
    def check(self, n_labels: int) -> None:
        """Raise ValueError for parameters that make no sense for ``n_labels`` labels."""

    @abstractmethod
    def _quantities(self, rows: ScoredLabels) -> tuple[np.ndarray, ...]:
        """Return what to sum up above a cut, arrays of shape (n_samples, n_labels)."""

    @abstractmethod
    def _criteria(self, *sums: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return values of all cuts from the sums above them; the last row has the totals."""

    @abstractmethod
    def evaluate(self, rows: ScoredLabels, thresholds: np.ndarray) -> float:
        """Return what the thresholds are worth, greater being better."""


class FBetaObjective(_CutObjective):
    """F-measure: (1 + beta²) TP / ((1 + beta²) TP + beta² FN + FP).

    Parameters
    ----------
    average : {"macro", "micro", "samples"}, default="macro"
        "macro" is the mean over labels and has a cut for each. "micro" is one ratio over all
        labels and rows, "samples" the mean over rows; both have one cut for all labels.
    beta : float, default=1.0
        Weight of recall against precision, above 0 and up to 1000.
    zero_division : float, default=0.0
        Value, in [0, 1], of a label or row for which nothing is true or predicted.

    Notes
    -----
    All three are exact over all distinct cuts. For "samples" the F-measure of each row is followed
    as its labels are added from the highest score down, and the changes of all rows are summed up
    in the order of the scores. A 2-D ``sample_weight`` weighs entries inside the ratios there.

    References
    ----------
    Lipton, Elkan, Naryanaswamy, "Optimal Thresholding of Classifiers to Maximize F1 Measure", ECML
    PKDD 2014.

    Examples
    --------
    >>> FBetaObjective(average="micro", beta=2.0)
    FBetaObjective(average='micro', beta=2.0)
    """

    def __init__(
        self,
        average: Literal["macro", "micro", "samples"] = "macro",
        *,
        beta: float = 1.0,
        zero_division: float = 0.0,
    ) -> None:
        self.average = average
        self.beta = beta
        self.zero_division = zero_division

    def check(self, n_labels: int) -> None:
        """Raise ValueError for illegal parameters."""
        if self.average not in _AVERAGES:
            raise ValueError(
                f"average must be one of {', '.join(map(repr, _AVERAGES))}; got {self.average!r}."
            )
        check_number("beta", self.beta, 0, 1e3, above=True)
        check_number("zero_division", self.zero_division, 0, 1)

    def _has_one_cut(self) -> bool:
        return self.average != "macro"

    def _quantities(self, rows: ScoredLabels) -> tuple[np.ndarray, ...]:
        if self.average == "samples":
            return (self._row_gains(rows),)
        weight = rows.weight
        return rows.true * weight, weight

    def _criteria(self, *sums: np.ndarray) -> tuple[np.ndarray, ...]:
        if self.average == "samples":
            return sums
        both, predicted = sums
        return (self._ratio(both, predicted, both[-1:]),)

    def _row_gains(self, rows: ScoredLabels) -> np.ndarray:
        """Return by how much each entry changes the mean over rows when it joins the prediction."""
        weight = rows.entry_weight
        score = np.where(weight > 0, rows.score, -np.inf)
        order = np.argsort(-score, axis=1)
        weight = np.take_along_axis(weight, order, axis=1)
        true = np.take_along_axis(rows.true, order, axis=1) * weight
        both, predicted = (np.cumsum(np.pad(v, ((0, 0), (1, 0))), axis=1) for v in (true, weight))
        gains = np.diff(self._ratio(both, predicted, both[:, -1:]), axis=1)
        gains *= rows.row_weight[:, np.newaxis] / rows.row_weight.sum()
        result = np.empty_like(gains)
        np.put_along_axis(result, order, gains, axis=1)
        return result

    def _ratio(self, both: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
        beta2 = self.beta**2
        divisor = beta2 * true + predicted
        undefined = np.full(divisor.shape, float(self.zero_division))
        return np.divide((1 + beta2) * both, divisor, out=undefined, where=divisor > 0)

    def evaluate(self, rows: ScoredLabels, thresholds: np.ndarray) -> float:
        """Return the F-measure at the thresholds, between 0 and 1."""
        axis = {"macro": 0, "micro": None, "samples": 1}[self.average]
        weight = rows.entry_weight if axis == 1 else rows.weight
        both, predicted, true = _count(rows, thresholds, weight, axis)
        values = self._ratio(both, predicted, true)
        if axis == 0:
            return _mean_over_labels(values, rows)
        return float(np.average(values, weights=rows.row_weight if axis == 1 else None))


class CostObjective(_CutObjective):
    """The cost of mistakes, least with a cut for each label.

    Parameters
    ----------
    false_positive, false_negative : float or array-like of shape (n_labels,), default=1.0
        Costs of a wrong label and of a label not found, for all labels or for each; a Series goes
        by the names of labels. They must be neither negative nor both zero.

    Notes
    -----
    With equal costs this is the Hamming loss. ``evaluate`` returns minus the mean cost of an entry.

    Examples
    --------
    >>> CostObjective(false_negative=[1.0, 5.0])
    CostObjective(false_negative=[1.0, 5.0])
    """

    def __init__(
        self,
        false_positive: float | npt.ArrayLike = 1.0,
        false_negative: float | npt.ArrayLike = 1.0,
    ) -> None:
        self.false_positive = false_positive
        self.false_negative = false_negative

    def check(self, n_labels: int) -> None:
        """Raise ValueError for illegal parameters."""
        both = []
        for name in ("false_positive", "false_negative"):
            cost = np.asarray(getattr(self, name))
            legal = cost.dtype.kind in "biuf" and cost.shape in ((), (n_labels,))
            if not (legal and np.isfinite(cost).all() and (cost >= 0).all()):
                raise ValueError(
                    f"{name} must be a finite cost, not negative, or one for each of the "
                    f"{n_labels} labels; got {getattr(self, name)!r}."
                )
            both.append(cost)
        if not (both[0] + both[1] > 0).all():
            raise ValueError(
                "false_positive and false_negative must not both be zero for a label, for which "
                f"any threshold would do; got {self.false_positive!r} and "
                f"{self.false_negative!r}."
            )

    def _of_labels(self, labels: np.ndarray) -> CostObjective:
        costs = map(np.asarray, (self.false_positive, self.false_negative))
        return CostObjective(*(cost[labels] if cost.ndim else cost for cost in costs))

    def _quantities(self, rows: ScoredLabels) -> tuple[np.ndarray, ...]:
        saved = np.where(
            rows.true, np.asarray(self.false_negative), -np.asarray(self.false_positive, float)
        )
        return (saved * rows.weight,)

    def _criteria(self, *sums: np.ndarray) -> tuple[np.ndarray, ...]:
        return sums

    def evaluate(self, rows: ScoredLabels, thresholds: np.ndarray) -> float:
        """Return minus the mean cost of an entry."""
        wrong = (rows.score > thresholds) != rows.true
        cost = np.where(rows.true, np.asarray(self.false_negative), np.asarray(self.false_positive))
        weight = rows.weight
        return -float((wrong * cost * weight).sum() / weight.sum())


class RecallAtLeast(_CutObjective):
    """The best precision among the cuts of a label that find a share of its rows at least.

    Parameters
    ----------
    value : float
        The least recall, in (0, 1].

    Notes
    -----
    ``evaluate`` returns the mean precision over labels, 0 for a label that is never predicted. Of
    cuts of the same precision the one with the higher recall is taken.

    Examples
    --------
    >>> RecallAtLeast(0.9)
    RecallAtLeast(value=0.9)
    """

    def __init__(self, value: float) -> None:
        self.value = value

    def check(self, n_labels: int) -> None:
        """Raise ValueError for illegal parameters."""
        check_number("value", self.value, 0, 1, above=True)

    def _quantities(self, rows: ScoredLabels) -> tuple[np.ndarray, ...]:
        weight = rows.weight
        return rows.true * weight, weight

    def _criteria(self, *sums: np.ndarray) -> tuple[np.ndarray, ...]:
        both, predicted = sums
        enough = both >= self.value * both[-1:] * (1 - TIE)
        return enough.astype(np.float64), _divide(both, predicted), both

    def evaluate(self, rows: ScoredLabels, thresholds: np.ndarray) -> float:
        """Return the mean precision over labels."""
        both, predicted, _ = _count(rows, thresholds, rows.weight, 0)
        return _mean_over_labels(_divide(both, predicted), rows)


class PrecisionAtLeast(_CutObjective):
    """The best recall among the cuts of a label whose predictions are right often enough.

    Parameters
    ----------
    value : float
        The least precision, in (0, 1].

    Notes
    -----
    A label for which no cut is precise enough has an infinite threshold: it is never predicted.
    ``evaluate`` returns the mean recall over labels, 0 for a label without a row. Of cuts of the
    same recall the one with the higher precision is taken.

    Examples
    --------
    >>> PrecisionAtLeast(0.9)
    PrecisionAtLeast(value=0.9)
    """

    def __init__(self, value: float) -> None:
        self.value = value

    def check(self, n_labels: int) -> None:
        """Raise ValueError for illegal parameters."""
        check_number("value", self.value, 0, 1, above=True)

    def _quantities(self, rows: ScoredLabels) -> tuple[np.ndarray, ...]:
        weight = rows.weight
        return rows.true * weight, weight

    def _criteria(self, *sums: np.ndarray) -> tuple[np.ndarray, ...]:
        both, predicted = sums
        enough = both >= self.value * predicted * (1 - TIE)
        return enough.astype(np.float64), both, -predicted

    def _best_cuts(self, score: np.ndarray, counted: np.ndarray, *values: np.ndarray) -> np.ndarray:
        thresholds = super()._best_cuts(score, counted, *values)
        # The cut above all scores is for these rows alone; others may score higher.
        predicts = ((score > thresholds) & counted).any(axis=0)
        return np.where(predicts, thresholds, np.inf)

    def evaluate(self, rows: ScoredLabels, thresholds: np.ndarray) -> float:
        """Return the mean recall over labels."""
        both, _, true = _count(rows, thresholds, rows.weight, 0)
        return _mean_over_labels(_divide(both, true), rows)


class _MetricObjective:
    """Any metric of label sets, best over candidate thresholds that all labels share."""

    def __init__(self, metric: Callable[[np.ndarray, np.ndarray], float]) -> None:
        self.metric = metric

    def check(self, n_labels: int) -> None:
        """Accept every number of labels."""

    def find_thresholds(self, rows: ScoredLabels, rare: np.ndarray) -> np.ndarray:
        candidates = candidate_thresholds(rows, _N_CANDIDATES)[::-1]
        values = np.array([self.evaluate(rows, threshold) for threshold in candidates])
        if not np.isfinite(values).all():
            first = np.argmax(~np.isfinite(values))
            raise ValueError(
                "objective must return a finite number for all label sets; got "
                f"{values[first]} for those above {candidates[first]:.3g}. Give undefined cases a "
                "value."
            )
        good = values >= values.max() - TIE * max(1.0, abs(values.max()))
        distance = np.where(good, np.abs(candidates - 0.5), np.inf)
        return np.full(len(rare), candidates[np.argmin(distance)])

    def evaluate(self, rows: ScoredLabels, thresholds: Any) -> float:
        counted = rows.row_weight > 0
        known, true = rows.entry_weight[counted] > 0, rows.true[counted].astype(np.int8)
        truth = true if known.all() else np.where(known, true, np.nan)
        return float(self.metric(truth, (rows.score[counted] > thresholds).astype(np.int8)))


_OBJECTIVES: dict[str, Callable[[], Any]] = {
    "f1_macro": lambda: FBetaObjective("macro"),
    "f1_micro": lambda: FBetaObjective("micro"),
    "f1_samples": lambda: FBetaObjective("samples"),
    "neg_hamming_loss": CostObjective,
}


def resolve_objective(objective: Any, label_names: np.ndarray) -> Any:
    """Return the objective that a name, an object or a function stands for, checked.

    Costs of labels by name are put in the order of the labels.
    """
    if isinstance(objective, str):
        if objective not in _OBJECTIVES:
            raise ValueError(
                f"objective is unknown: {objective!r}. {nearest_names(objective, _OBJECTIVES)}"
            )
        return _OBJECTIVES[objective]()
    if isinstance(objective, _CutObjective):
        objective = clone(objective)
        order_parameters("objective", objective, label_names)
        objective.check(len(label_names))
        return objective
    if callable(objective) and not isinstance(objective, type) and _takes_two(objective):
        return _MetricObjective(objective)
    raise ValueError(
        f"objective must be one of {', '.join(map(repr, _OBJECTIVES))}, an objective such as "
        "FBetaObjective(beta=2.0), or a function of y_true and y_pred that returns a number; got "
        f"{objective!r}."
    )


def _takes_two(function: Callable[..., Any]) -> bool:
    """Tell whether a function can be called with y_true and y_pred; a scorer cannot."""
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # one written in C, of which nothing is known
        return True
    return True


def _blocks(labels: np.ndarray, n_samples: int) -> Iterator[np.ndarray]:
    """Yield the labels by as many as are to be sorted at a time."""
    step = max(1, _ENTRIES_AT_A_TIME // max(n_samples, 1))
    for start in range(0, len(labels), step):
        yield labels[start : start + step]


def _count(
    rows: ScoredLabels, thresholds: np.ndarray, weight: np.ndarray, axis: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the weights of the entries that are true and predicted, predicted, and true."""
    predicted = (rows.score > thresholds) * weight
    parts = (rows.true * predicted, predicted, rows.true * weight)
    both, predicted, true = (np.asarray(part.sum(axis=axis)) for part in parts)
    return both, predicted, true


def _mean_over_labels(values: np.ndarray, rows: ScoredLabels) -> float:
    """Return the mean over the labels of which something is known."""
    return float(values[rows.weight.any(axis=0)].mean())


def _divide(numerator: np.ndarray, divisor: np.ndarray) -> np.ndarray:
    """Return ratios, 0 where the divisor is."""
    return np.divide(numerator, divisor, out=np.zeros(divisor.shape), where=divisor > 0)
