"""Counts of true, predicted and rightly predicted labels, and means of their ratios.

Owns: what ``average`` counts together, and which ratios its mean leaves out.
Does not own: which ratio a metric is (``_sets``, ``_labels``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from skmultilabel_keras._intervals import check_number
from skmultilabel_keras.metrics._reading import Floats, LabelSets, Presence, divide

# Of a sum of weights, the share below which a difference of such sums is computed anew.
_LEAST_SHARE = 1e-6


class Counts(NamedTuple):
    """Weighted numbers of entries, one for each group that gets a ratio."""

    true: Floats
    predicted: Floats
    both: Floats


class Confusion(NamedTuple):
    """Weighted numbers of entries for each label; exactly 0 where there is none."""

    true_positive: Floats
    false_positive: Floats
    false_negative: Floats
    true_negative: Floats


def _sum_rows(entries: Any, row_weight: Any) -> Floats:
    return entries.sum(axis=1)


def _sum_labels(entries: Any, row_weight: Any) -> Floats:
    return row_weight @ entries


def _sum_all(entries: Any, row_weight: Any) -> Floats:
    return _sum_labels(entries, row_weight).sum(keepdims=True)


class _Grouping(NamedTuple):
    """How entries are summed to counts, and what the ratios of these weigh in the mean."""

    total: Callable[[Any, Any], Floats]
    weigh: Callable[[Counts, Presence], Floats]


_GROUPINGS = {
    "micro": _Grouping(_sum_all, lambda counts, presence: np.ones(1)),
    "macro": _Grouping(_sum_labels, lambda counts, presence: labels_that_count(presence)),
    "weighted": _Grouping(
        _sum_labels,
        lambda counts, presence: counts.true if counts.true.any() else labels_that_count(presence),
    ),
    "samples": _Grouping(_sum_rows, lambda counts, presence: presence.row_weight),
}

AVERAGES = tuple(_GROUPINGS)


def labels_that_count(presence: Presence) -> Floats:
    """Return 1 for each label that has an entry present, 0 for the others."""
    return (presence.per_label > 0).astype(np.float64)


def count(sets: LabelSets, total: Callable[[Any, Any], Floats], row_weight: Any = None) -> Counts:
    """Return what ``total`` makes of the true, the predicted and the rightly predicted entries."""
    # Sums of the same terms in the same order: ratios that are 0/0 or 1 are so exactly, whatever
    # the weights.
    both = sets.true.multiply(sets.predicted).tocsr()
    return Counts(*(total(entries, row_weight) for entries in (sets.true, sets.predicted, both)))


def count_row_errors(sets: LabelSets) -> Floats:
    """Return the number of wrong entries of each row."""
    counts = count(sets, _sum_rows)
    return counts.true + counts.predicted - 2 * counts.both


def average_ratio(
    sets: LabelSets,
    average: str | None,
    parts: Callable[[Counts], tuple[Floats, Floats]],
    zero_division: float,
) -> Any:
    """Return the mean of part / whole over the groups of ``average``; None: one for each label."""
    hint = "It is the value of a label or row with nothing to count; scikit-learn's default is 0."
    check_number("zero_division", zero_division, 0, 1, hint=hint)
    grouping = _GROUPINGS[average or "macro"]
    counts = count(sets, grouping.total, sets.presence.row_weight)
    ratios = np.minimum(divide(*parts(counts), zero_division), 1.0)  # parts may round up
    if average is None:
        return np.where(labels_that_count(sets.presence) > 0, ratios, np.nan)
    return float(np.average(ratios, weights=grouping.weigh(counts, sets.presence)))


def count_confusion(sets: LabelSets) -> Confusion:
    """Return the counts of all four kinds for each label."""
    true, predicted, presence = sets
    both = true.multiply(predicted).tocsr()
    wrong, missed = predicted - both, true - both
    row_weight = presence.row_weight
    tp, fp, fn = (row_weight @ entries for entries in (both, wrong, missed))
    return Confusion(tp, fp, fn, _weigh_zeros(true + wrong, presence))


def _weigh_zeros(ones: Any, presence: Presence) -> Floats:
    """Return the weight of the entries that are present and not among some ones, for each label."""
    row_weight = presence.row_weight
    counted = Presence(presence.shape, presence.mask, (row_weight > 0).astype(np.float64))
    number = counted.per_label - counted.row_weight @ ones
    weight = presence.per_label - row_weight @ ones
    # The difference of large weights says nothing of small ones: these are added up.
    lost = np.flatnonzero((number > 0) & (weight < _LEAST_SHARE * presence.per_label))
    columns = ones.tocsc() if lost.size else ones
    for label in lost:
        zeros = columns[:, [label]].toarray()[:, 0] == 0
        if presence.mask is not None:
            zeros &= presence.mask[:, label]
        weight[label] = row_weight[zeros].sum()
    return np.where(number > 0, weight, 0.0)


def average_labels(values: Floats, average: str | None) -> Any:
    """Return values as they are, or their mean without those that are NaN."""
    return values if average is None else float(values[~np.isnan(values)].mean())
