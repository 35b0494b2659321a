"""Cuts between sorted scores, and the choice among them.

Owns: all cuts of one or many labels, what is counted above each of them, which one is taken.
Does not own: what makes a cut good (``_objectives``).

A label is predicted where its score is strictly greater than a threshold, so two thresholds differ
only if a score lies between them. Sorting the scores once and summing up along them gives the
counts of every distinct cut, in O(n log n) for n scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Relative difference below which two cuts count as equally good: sums of weights are rounded.
TIE = 1e-12

# The least distance of a threshold from a score of zero, above it.
_LEAST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class ScoredLabels:
    """Scores of labels, and what is known of the truth.

    Attributes
    ----------
    true : ndarray of bool, shape (n_samples, n_labels)
    score : ndarray of float64, shape (n_samples, n_labels)
    entry_weight : ndarray of float64, shape (n_samples, n_labels)
        Zero where a label is missing.
    row_weight : ndarray of float64, shape (n_samples,)
    """

    true: np.ndarray
    score: np.ndarray
    entry_weight: np.ndarray
    row_weight: np.ndarray

    @property
    def weight(self) -> np.ndarray:
        """Return the weights of entries in counts over rows, shape (n_samples, n_labels)."""
        return self.entry_weight * self.row_weight[:, np.newaxis]

    def take_labels(self, labels: np.ndarray) -> ScoredLabels:
        """Return some of the labels."""
        return ScoredLabels(
            self.true[:, labels],
            self.score[:, labels],
            self.entry_weight[:, labels],
            self.row_weight,
        )


@dataclass(frozen=True)
class Cuts:
    """All cuts of each label, from "nothing is predicted" to "everything is".

    Attributes
    ----------
    threshold : ndarray of float64, shape (n_scores + 1, n_labels)
        Midway between neighbouring scores, from the highest down, or the lower of two that single
        precision hardly tells apart. Beyond the last score on either side it is midway to 1 or 0,
        or the score itself where that reaches 1, or a number just below it where that reaches 0.
    distinct : ndarray of bool, shape (n_scores + 1, n_labels)
        False for places between equal scores, where no cut is possible.
    sums : tuple of ndarray of float64, each of shape (n_scores + 1, n_labels)
        Sums of quantities over the entries above the cut.
    """

    threshold: np.ndarray
    distinct: np.ndarray
    sums: tuple[np.ndarray, ...]


def sort_cuts(score: np.ndarray, counted: np.ndarray, quantities: Sequence[np.ndarray]) -> Cuts:
    """Return all cuts of each column.

    Parameters
    ----------
    score : ndarray of float64, shape (n_scores, n_labels)
        Finite scores.
    counted : ndarray of bool, shape (n_scores, n_labels)
        False for entries that are as if they were not there.
    quantities : sequence of ndarray, each of shape (n_scores, n_labels)
        What to sum up above each cut; zero where an entry is not counted.
    """
    score = np.where(counted, score, -np.inf)
    order = np.argsort(-score, axis=0)
    score = np.take_along_axis(score, order, axis=0)
    edge = np.full((1, score.shape[1]), np.inf)
    above, below = np.vstack([edge, score]), np.vstack([score, -edge])
    sums = tuple(_sum_above(np.take_along_axis(values, order, axis=0)) for values in quantities)
    return Cuts(_between(above, below), above > below, sums)


def _sum_above(values: np.ndarray) -> np.ndarray:
    sums = np.zeros((values.shape[0] + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=sums[1:])
    return sums


def choose_cut(cuts: Cuts, criteria: Sequence[np.ndarray]) -> np.ndarray:
    """Return the threshold of the best cut of each label.

    Parameters
    ----------
    cuts : Cuts
    criteria : sequence of ndarray, each of shape (n_scores + 1, n_labels)
        Greater is better; each settles what those before it leave open. Of cuts that are equally
        good in all of them the one nearest 0.5 is taken, the higher of two as near.

    Returns
    -------
    ndarray of float64, shape (n_labels,)
    """
    good = cuts.distinct
    for values in criteria:
        best = np.where(good, values, -np.inf).max(axis=0)
        good = good & (values >= best - TIE * np.abs(values).max(axis=0))
    distance = np.where(good, np.abs(cuts.threshold - 0.5), np.inf)
    place = np.argmin(distance, axis=0)[np.newaxis]
    return np.take_along_axis(cuts.threshold, place, axis=0)[0]


def candidate_thresholds(rows: ScoredLabels, n_candidates: int) -> np.ndarray:
    """Return thresholds to try where no exact search is possible, from the lowest up.

    They are all cuts over all labels together, or, where there are more than ``n_candidates``,
    those below quantiles: one half over the scores of true labels, one half over those of the
    others. 0.5 is always among them.
    """
    counted = rows.weight > 0
    distinct = np.unique(rows.score[counted])
    above, below = np.append(distinct, np.inf), np.insert(distinct, 0, -np.inf)
    if len(above) > n_candidates:
        levels = np.linspace(0, 1, n_candidates // 2)
        groups = [rows.score[counted & chosen] for chosen in (rows.true, ~rows.true)]
        values = [
            np.quantile(group, levels, method="inverted_cdf") for group in groups if len(group)
        ]
        places = np.searchsorted(distinct, np.concatenate(values))
        places = np.unique(np.append(places, len(distinct)))
        above, below = above[places], below[places]
    return np.unique(np.append(_between(above, below), 0.5))


def _between(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return thresholds t with below <= t < above, where infinite neighbours stand for none."""
    above = np.where(
        np.isneginf(above), 0.0, above
    )  # behind the last entry that counts: any number
    upper = np.where(np.isposinf(above), np.maximum(1.0, below), above)
    lower = np.where(np.isneginf(below), np.minimum(0.0, above), below)
    middle = lower + (upper - lower) / 2
    # Rounding may lift the middle of two neighbouring floats onto the upper one, in float32 too, in
    # which rules compare scores of that kind; the lower one parts them as well. Below the last
    # score it has to be a number that is smaller in float32.
    under = upper - np.maximum(np.abs(upper) * 2.0**-22, _LEAST)
    rounded = np.where(lower < above, lower, under)
    with np.errstate(over="ignore"):
        is_below = (middle < above) & (middle.astype(np.float32) < above)
    return np.where(is_below, middle, rounded)
