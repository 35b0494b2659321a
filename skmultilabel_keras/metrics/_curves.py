"""Metrics of the ranking of the rows for each label.

Owns: average precision and ROC AUC.
Does not own: rankings of the labels within a row (``_rankings``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from skmultilabel_keras._intervals import check_number
from skmultilabel_keras.metrics._reading import (
    Bools,
    Floats,
    LabelScores,
    Matrix,
    check_average,
    divide,
    read_scores,
)
from skmultilabel_keras.metrics._ties import Order, order_scores

_AVERAGES = ("micro", "macro")
_OF_UNDEFINED = "It is the value where nothing can be ranked: all labels that count are constant."


def average_precision(
    y_true: Matrix,
    y_score: Matrix,
    *,
    average: Literal["micro", "macro"] | None = "macro",
    sample_weight: Any = None,
    undefined: float = 0.0,
) -> Any:
    """Return the mean, over the rows where a label is true, of the precision down to their rank.

    It is Σ (R[i] - R[i - 1]) P[i] over the distinct scores, from the highest on, with recall R and
    precision P down to the score: the step-wise area under the curve of the two.

    A constant column, true in all rows that count or in none, has nothing to rank: it is left out
    of the macro mean. scikit-learn's ``average_precision_score`` counts it there, as 1 or as 0.

    Parameters
    ----------
    y_true : indicator of shape (n_samples, n_labels)
        Entries that are missing (NaN) count nowhere.
    y_score : array-like of shape (n_samples, n_labels)
        Scores of any scale, high where a label is likely.
    average : {"micro", "macro"} or None, default="macro"
        "micro" ranks all entries together, which needs scores that compare between labels; "macro"
        takes the mean over the labels; None gives one value for each label.
    sample_weight : array-like of shape (n_samples,), default=None
    undefined : float, default=0.0
        Value where all labels are constant ("macro") or all entries are ("micro").

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Between 0 and 1 (best). The array has NaN for constant columns.

    Raises
    ------
    ValueError
        Where ``undefined`` is not between 0 and 1, or an argument breaks a rule of the module's
        docstring.

    References
    ----------
    Zhu (2004): Recall, precision and average precision. University of Waterloo.

    Examples
    --------
    >>> y_true, y_score = [[1, 0], [0, 0], [1, 0]], [[0.9, 0.5], [0.6, 0.2], [0.4, 0.7]]
    >>> average_precision(y_true, y_score, average=None)
    array([0.83333333,        nan])
    >>> average_precision(y_true, y_score)
    0.8333333333333333
    """
    return _average_areas(
        precision_areas, y_true, y_score, average, sample_weight, undefined=undefined
    )


def roc_auc(
    y_true: Matrix,
    y_score: Matrix,
    *,
    average: Literal["micro", "macro"] | None = "macro",
    sample_weight: Any = None,
    undefined: float = 0.5,
) -> Any:
    """Return the share of pairs of a row with a label and one without that are in right order.

    It is the area under the receiver operating characteristic. Ties count one half.

    A constant column, true in all rows that count or in none, has no such pairs: it is left out of
    the macro mean. scikit-learn's ``roc_auc_score`` is NaN then.

    Parameters
    ----------
    y_true : indicator of shape (n_samples, n_labels)
        Entries that are missing (NaN) count nowhere.
    y_score : array-like of shape (n_samples, n_labels)
        Scores of any scale, high where a label is likely.
    average : {"micro", "macro"} or None, default="macro"
        "micro" ranks all entries together, which needs scores that compare between labels; "macro"
        takes the mean over the labels; None gives one value for each label.
    sample_weight : array-like of shape (n_samples,), default=None
    undefined : float, default=0.5
        Value where all labels are constant ("macro") or all entries are ("micro").

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Between 0 and 1 (best); 0.5 for scores that do not depend on the truth. The array has NaN
        for constant columns.

    Raises
    ------
    ValueError
        Where ``undefined`` is not between 0 and 1, or an argument breaks a rule of the module's
        docstring.

    References
    ----------
    Hanley, McNeil (1982): The meaning and use of the area under a receiver operating
    characteristic (ROC) curve. Radiology 143.

    Examples
    --------
    >>> y_true, y_score = [[1, 0], [0, 0], [1, 0]], [[0.9, 0.5], [0.6, 0.2], [0.4, 0.7]]
    >>> roc_auc(y_true, y_score, average=None)
    array([0.5, nan])
    >>> roc_auc(y_true, y_score)
    0.5
    """
    return _average_areas(roc_areas, y_true, y_score, average, sample_weight, undefined=undefined)


class Curves(NamedTuple):
    """Weights of the true and of the other entries by descending score, one line for each curve."""

    order: Order
    true: Floats
    other: Floats

    @property
    def is_defined(self) -> Bools:
        """Which curves have entries of both kinds."""
        return np.logical_and((self.true > 0).any(axis=1), (self.other > 0).any(axis=1))


def trace_labels(scores: LabelScores) -> Curves:
    """Return one curve for each label."""
    return _trace(scores.relevant.T, scores.score.T, scores.presence.entries.T)


def trace_entries(scores: LabelScores) -> Curves:
    """Return one curve of all entries."""
    return _trace(
        *(
            values.reshape(1, -1)
            for values in (scores.relevant, scores.score, scores.presence.entries)
        )
    )


def precision_areas(curves: Curves) -> Floats:
    """Return the average precision of each curve; NaN where it is undefined."""
    true, other = (curves.order.up_to_ties(weight) for weight in (curves.true, curves.other))
    area = (curves.true * divide(true, true + other, 0.0)).sum(axis=1)
    return _finish(curves, area, curves.true.sum(axis=1))


def roc_areas(curves: Curves) -> Floats:
    """Return the ROC AUC of each curve; NaN where it is undefined."""
    order = curves.order
    # Half of what has the same score counts as if it stood above.
    above = (order.above(curves.other) + order.up_to_ties(curves.other)) / 2
    n_others = curves.other.sum(axis=1)
    area = (curves.true * (n_others[:, np.newaxis] - above)).sum(axis=1)
    return _finish(curves, area, curves.true.sum(axis=1) * n_others)


def average_curves(areas: Floats, undefined: float) -> float:
    """Return the mean without those that are NaN; ``undefined`` where all are."""
    defined = areas[~np.isnan(areas)]
    return float(defined.mean()) if len(defined) else float(undefined)


def _average_areas(
    find_areas: Callable[[Curves], Floats],
    y_true: Matrix,
    y_score: Matrix,
    average: str | None,
    sample_weight: Any,
    *,
    undefined: float,
) -> Any:
    check_average(average, _AVERAGES)
    check_number("undefined", undefined, 0, 1, hint=_OF_UNDEFINED)
    scores = read_scores(y_true, y_score, sample_weight)
    areas = find_areas(trace_entries(scores) if average == "micro" else trace_labels(scores))
    return areas if average is None else average_curves(areas, undefined)


def _trace(relevant: Any, score: Any, weight: Any) -> Curves:
    order = order_scores(np.ascontiguousarray(score))
    true, other = (order.sort(weight * kind) for kind in (relevant, ~relevant))
    return Curves(order, true, other)


def _finish(curves: Curves, area: Floats, whole: Floats) -> Floats:
    shares = np.clip(divide(area, whole, 0.0), 0.0, 1.0)
    return np.where(curves.is_defined, shares, np.nan)
