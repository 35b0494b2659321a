"""Metrics of the ranking of the labels within each row.

Owns: the ranking itself, and metrics of all of it.
Does not own: metrics of its first k labels (``_top_k``), or rankings of the rows for each label
(``_curves``).

Each public metric is a mean over rows of what one of the ``*_of_rows`` functions returns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skmultilabel_keras.metrics._reading import (
    Bools,
    Floats,
    LabelScores,
    Matrix,
    Presence,
    divide,
    read_scores,
)
from skmultilabel_keras.metrics._ties import Order, order_scores


class Ranking(NamedTuple):
    """The labels of each row by descending score; missing ones stand last and are not relevant."""

    order: Order
    relevant: Bools  # in this order
    n_relevant: Floats
    presence: Presence

    @property
    def ties(self) -> Floats:
        """Size of the group of equal scores that a label is in."""
        return (self.order.last - self.order.first + 1).astype(np.float64)


def rank_labels(scores: LabelScores) -> Ranking:
    """Sort the labels of each row."""
    score, mask = scores.score, scores.presence.mask
    order = order_scores(score if mask is None else np.where(mask, score, -np.inf))
    relevant = order.sort(scores.relevant)
    return Ranking(order, relevant, relevant.sum(axis=1, dtype=np.float64), scores.presence)


def label_ranking_average_precision(
    y_true: Matrix, y_score: Matrix, *, sample_weight: Any = None
) -> float:
    """Return the mean, over the true labels of a row, of the precision down to their rank.

    Called ``label_ranking_average_precision_score`` in scikit-learn. Ties count as ranked too
    high. A row with no label, or with all, counts 1, so that a single column always gives 1.

    Parameters
    ----------
    y_true : indicator of shape (n_samples, n_labels)
        Missing labels (NaN) are left out of the ranking of their row.
    y_score : array-like of shape (n_samples, n_labels)
        Scores of any scale, high where a label is likely.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        Above 0, up to 1 (true labels before all others).

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    References
    ----------
    Tsoumakas, Katakis, Vlahavas (2010): Mining multi-label data.

    Examples
    --------
    >>> label_ranking_average_precision([[1, 0, 0], [0, 0, 1]], [[2, 1, 3], [3, 2, 4]])
    0.75
    """
    ranking = rank_labels(read_scores(y_true, y_score, sample_weight))
    return ranking.presence.mean_of_rows(average_precision_of_rows(ranking))


def coverage_error(y_true: Matrix, y_score: Matrix, *, sample_weight: Any = None) -> float:
    """Return how many labels, from the top of the ranking, cover the true ones of a row.

    Ties count as ranked too high. A row with no label counts 0.

    Parameters
    ----------
    y_true : indicator of shape (n_samples, n_labels)
        Missing labels (NaN) are left out of the ranking of their row.
    y_score : array-like of shape (n_samples, n_labels)
        Scores of any scale, high where a label is likely.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        From the mean number of labels of a row (best) to ``n_labels``.

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    References
    ----------
    Tsoumakas, Katakis, Vlahavas (2010): Mining multi-label data.

    Examples
    --------
    >>> coverage_error([[1, 0, 0], [0, 0, 1]], [[2, 1, 3], [3, 2, 4]])
    1.5
    """
    ranking = rank_labels(read_scores(y_true, y_score, sample_weight))
    return ranking.presence.mean_of_rows(coverage_of_rows(ranking))


def label_ranking_loss(y_true: Matrix, y_score: Matrix, *, sample_weight: Any = None) -> float:
    """Return the share of pairs of a true and another label of a row that are in wrong order.

    Ties count as wrong. A row with no label, or with all, has no pairs and counts 0, so that a
    single column always gives 0.

    Parameters
    ----------
    y_true : indicator of shape (n_samples, n_labels)
        Missing labels (NaN) are left out of the ranking of their row.
    y_score : array-like of shape (n_samples, n_labels)
        Scores of any scale, high where a label is likely.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        Between 0 (true labels before all others) and 1.

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    References
    ----------
    Tsoumakas, Katakis, Vlahavas (2010): Mining multi-label data.

    Examples
    --------
    >>> label_ranking_loss([[1, 0, 0], [0, 0, 1]], [[2, 1, 3], [3, 2, 4]])
    0.25
    """
    ranking = rank_labels(read_scores(y_true, y_score, sample_weight))
    return ranking.presence.mean_of_rows(wrong_pairs_of_rows(ranking))


def average_precision_of_rows(ranking: Ranking) -> Floats:
    """Return the mean precision down to the true labels of each row; 1 where there is none."""
    order, relevant = ranking.order, ranking.relevant
    precision = np.where(relevant, order.up_to_ties(relevant) / (order.last + 1), 0.0)
    return divide(precision.sum(axis=1), ranking.n_relevant, 1.0)


def coverage_of_rows(ranking: Ranking) -> Floats:
    """Return the rank of the last true label of each row; 0 where there is none."""
    return np.where(ranking.relevant, ranking.order.last + 1.0, 0.0).max(axis=1)


def wrong_pairs_of_rows(ranking: Ranking) -> Floats:
    """Return the share of pairs in wrong order of each row; 0 where there is none."""
    order, relevant, n_relevant = ranking.order, ranking.relevant, ranking.n_relevant
    n_others = order.last + 1 - order.up_to_ties(relevant)
    n_wrong = np.where(relevant, n_others, 0).sum(axis=1)
    return divide(n_wrong, n_relevant * (ranking.presence.per_row - n_relevant), 0.0)
