"""Metrics of the k labels of each row that have the highest scores.

Owns: one-error, precision and gain at k, and propensities of labels.
Does not own: the ranking, and metrics of all of it (``_rankings``).

Labels of one score share their places, so that the order of the columns does not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from skmultilabel_keras._intervals import check_number
from skmultilabel_keras.metrics._rankings import Ranking, rank_labels
from skmultilabel_keras.metrics._reading import (
    Floats,
    Matrix,
    check_whole,
    divide,
    read_labels,
    read_scores,
)

_OF_K = "how many of the labels with the highest scores are looked at."
_OF_CONSTANTS = "The default suits most data."


def one_error(y_true: Matrix, y_score: Matrix, *, sample_weight: Any = None) -> float:
    """Return the share of the rows whose label with the highest score is not true.

    It is 1 - :func:`precision_at_k` for k = 1. Labels that share the highest score take the place
    in turn: the row counts the share of these that are not true. A row with no label counts 1.

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
        Between 0 (always right) and 1.

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    References
    ----------
    Schapire, Singer (2000): BoosTexter: a boosting-based system for text categorization. Machine
    Learning 39.

    Examples
    --------
    >>> one_error([[1, 0, 0], [0, 0, 1]], [[2, 1, 3], [3, 2, 4]])
    0.5
    """
    ranking = rank_labels(read_scores(y_true, y_score, sample_weight))
    return ranking.presence.mean_of_rows(1 - precision_of_rows(ranking, 1))


def precision_at_k(y_true: Matrix, y_score: Matrix, *, k: int, sample_weight: Any = None) -> float:
    """Return the share of the k labels with the highest scores of a row that are true.

    Labels of one score share their places: each is among the first k with equal chance, and the
    value is the expected one. A row with no label counts 0.

    Parameters
    ----------
    y_true : indicator of shape (n_samples, n_labels)
        Missing labels (NaN) are left out of the ranking of their row.
    y_score : array-like of shape (n_samples, n_labels)
        Scores of any scale, high where a label is likely.
    k : int
        From 1 on; where a row has fewer labels present, all of them are looked at.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        Where ``k`` is no whole number from 1 on, or an argument breaks a rule of the module's
        docstring.

    References
    ----------
    Bhatia, Dahiya, Jain, Kar, Mittal, Prabhu, Varma (2016): The extreme classification repository.

    Examples
    --------
    >>> precision_at_k([[1, 0, 0], [0, 1, 1]], [[2, 1, 3], [3, 2, 4]], k=2)
    0.5
    """
    k = check_whole("k", k, _OF_K)
    ranking = rank_labels(read_scores(y_true, y_score, sample_weight))
    return ranking.presence.mean_of_rows(precision_of_rows(ranking, k))


def ndcg_at_k(y_true: Matrix, y_score: Matrix, *, k: int, sample_weight: Any = None) -> float:
    """Return the discounted gain of the first k labels of a row, relative to the best possible.

    A true label at rank r gains 1 / log₂(r + 1). Labels of one score share their places and gain
    the mean, as in scikit-learn's ``ndcg_score``. A row with no label counts 0.

    Parameters
    ----------
    y_true : indicator of shape (n_samples, n_labels)
        Missing labels (NaN) are left out of the ranking of their row.
    y_score : array-like of shape (n_samples, n_labels)
        Scores of any scale, high where a label is likely.
    k : int
        From 1 on; where a row has fewer labels present, all of them are looked at.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        Between 0 and 1 (true labels first).

    Raises
    ------
    ValueError
        Where ``k`` is no whole number from 1 on, or an argument breaks a rule of the module's
        docstring.

    References
    ----------
    Järvelin, Kekäläinen (2002): Cumulated gain-based evaluation of IR techniques. ACM TOIS 20.
    McSherry, Najork (2008): Computing information retrieval performance measures efficiently in
    the presence of tied scores. ECIR.

    Examples
    --------
    >>> round(ndcg_at_k([[1, 0, 0], [0, 0, 1]], [[2, 1, 3], [3, 2, 4]], k=2), 4)
    0.8155
    """
    k = check_whole("k", k, _OF_K)
    ranking = rank_labels(read_scores(y_true, y_score, sample_weight))
    return ranking.presence.mean_of_rows(gain_of_rows(ranking, k))


def propensity_scored_precision_at_k(
    y_true: Matrix,
    y_score: Matrix,
    propensities: Any,
    *,
    k: int,
    sample_weight: Any = None,
    normalize: bool = True,
) -> float:
    """Return precision at k in which a true label counts 1 / propensity: rare ones count more.

    Not normalised, it estimates without bias what :func:`precision_at_k` would be if no true label
    had been overlooked when the rows were annotated. Ties are shared in the same way.

    Parameters
    ----------
    y_true : indicator of shape (n_samples, n_labels)
        Missing labels (NaN) are left out of the ranking of their row.
    y_score : array-like of shape (n_samples, n_labels)
        Scores of any scale, high where a label is likely.
    propensities : array-like of shape (n_labels,)
        Probability, above 0 and at most 1, that a true label was annotated; see
        :func:`label_propensities`.
    k : int
        From 1 on; where a row has fewer labels present, all of them are looked at.
    sample_weight : array-like of shape (n_samples,), default=None
    normalize : bool, default=True
        Divide the mean over the rows by its highest possible value, as published figures do.

    Returns
    -------
    float
        Between 0 and 1 (best) where normalised, and 0 where no label is true.

    Raises
    ------
    ValueError
        Where ``k`` is no whole number from 1 on, ``propensities`` break the rule above, or an
        argument breaks a rule of the module's docstring.

    References
    ----------
    Jain, Prabhu, Varma (2016): Extreme multi-label loss functions for recommendation, tagging,
    ranking & other missing label applications. KDD.

    Examples
    --------
    >>> y_true, y_score = [[1, 0, 0], [0, 1, 1]], [[3, 1, 2], [2, 1, 3]]
    >>> propensity_scored_precision_at_k(y_true, y_score, [0.5, 0.25, 0.5], k=1)
    0.6666666666666666
    """
    k = check_whole("k", k, _OF_K)
    scores = read_scores(y_true, y_score, sample_weight)
    inverse = 1 / _check_propensities(propensities, scores.relevant.shape[1])
    ranking = rank_labels(scores)
    gain = inverse[ranking.order.place] * ranking.relevant
    n_places = np.minimum(k, ranking.presence.per_row)
    mean = ranking.presence.mean_of_rows
    reached = mean(divide((gain * _share_in_top(ranking, k)).sum(axis=1), n_places, 0.0))
    if not normalize:
        return reached
    best = mean(divide(np.sort(gain, axis=1)[:, -k:].sum(axis=1), n_places, 0.0))
    return min(reached / best, 1.0) if best > 0 else 0.0


def label_propensities(y_train: Matrix, *, a: float = 0.55, b: float = 1.5) -> Floats:
    """Return how likely a true label is to be annotated, by how often it is.

    It is 1 / (1 + C (n + b)^-a) for a label of n rows, with C = (log N - 1) (b + 1)^a, at least 0,
    for N rows.

    Parameters
    ----------
    y_train : indicator of shape (n_samples, n_labels)
        The labels of the training rows, all of them. A missing entry (NaN) counts as one that was
        not annotated.
    a, b : float, default=0.55, 1.5
        Constants of the model, above 0. The defaults are those of the source for data in general;
        it has 0.5 and 0.4 for Wikipedia articles, 0.6 and 2.6 for Amazon products.

    Returns
    -------
    ndarray of shape (n_labels,), float64
        Above 0, at most 1.

    Raises
    ------
    ValueError
        Where ``a`` or ``b`` is not above 0, or ``y_train`` breaks a rule of the module's
        docstring.

    References
    ----------
    Jain, Prabhu, Varma (2016): Extreme multi-label loss functions for recommendation, tagging,
    ranking & other missing label applications. KDD.

    Examples
    --------
    >>> import numpy as np
    >>> y_train = np.arange(100)[:, np.newaxis] < [1, 10, 100]
    >>> label_propensities(y_train).round(3)
    array([0.217, 0.391, 0.68 ])
    """
    check_number("a", a, 0, above=True, hint=_OF_CONSTANTS)
    check_number("b", b, 0, above=True, hint=_OF_CONSTANTS)
    true, presence = read_labels("y_train", y_train)
    n_rows = presence.shape[0]
    scale = max(np.log(n_rows) - 1, 0.0) * (b + 1) ** a
    return 1 / (1 + scale * (true.sum(axis=0) + b) ** -a)


def precision_of_rows(ranking: Ranking, k: int) -> Floats:
    """Return the share of the first k labels that are true, for each row."""
    n_true = (ranking.relevant * _share_in_top(ranking, k)).sum(axis=1)
    shares = divide(n_true, np.minimum(k, ranking.presence.per_row), 0.0)
    return np.minimum(shares, 1.0)  # sums of shares round


def gain_of_rows(ranking: Ranking, k: int) -> Floats:
    """Return the normalised discounted gain of the first k labels, for each row."""
    order, n_labels = ranking.order, ranking.presence.shape[1]
    rank = np.arange(1, n_labels + 1)
    discount = np.where(rank <= k, 1 / np.log2(rank + 1), 0.0)
    down_to = np.concatenate([[0.0], np.cumsum(discount)])
    gain = (down_to[order.last + 1] - down_to[order.first]) / ranking.ties
    reached = (ranking.relevant * gain).sum(axis=1)
    best = down_to[ranking.n_relevant.astype(np.intp)]
    return np.minimum(divide(reached, best, 0.0), 1.0)


def _share_in_top(ranking: Ranking, k: int) -> Floats:
    """Return the chance of each label to be among the first k, in the order of the scores."""
    return np.clip((k - ranking.order.first) / ranking.ties, 0.0, 1.0)


def _check_propensities(propensities: Any, n_labels: int) -> npt.NDArray[Any]:
    values = np.asarray(propensities, dtype=np.float64)
    if values.shape != (n_labels,):
        raise ValueError(
            f"propensities must hold one number for each label, shape ({n_labels},); got shape "
            f"{values.shape}. label_propensities(y_train) returns them."
        )
    good = (values > 0) & (values <= 1)
    if not good.all():
        raise ValueError(
            f"propensities must be above 0 and at most 1; got {values[~good][0]:g} for label "
            f"{np.argmin(good)}. label_propensities(y_train) returns such."
        )
    return values
