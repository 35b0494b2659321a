"""Metrics of probabilities: how near they are to the truth, and whether they keep their word.

Owns: log loss and calibration error.
Does not own: metrics that read scores as a ranking (``_rankings``, ``_curves``).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from skmultilabel_keras.metrics._counts import average_labels, labels_that_count
from skmultilabel_keras.metrics._reading import (
    Floats,
    LabelScores,
    Matrix,
    check_average,
    check_probabilities,
    check_whole,
    divide,
    read_scores,
)

_AVERAGES = ("micro", "macro")


def label_log_loss(y_true: Matrix, y_score: Matrix, *, sample_weight: Any = None) -> float:
    """Return the binary log loss, in nats, averaged over labels and rows.

    Parameters
    ----------
    y_true : indicator of shape (n_samples, n_labels)
        Entries that are missing (NaN) count nowhere.
    y_score : array-like of shape (n_samples, n_labels)
        Probabilities of the labels. They are clipped to [eps, 1 - eps], eps being that of their
        dtype, as ``sklearn.metrics.log_loss`` does.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        0 is best; -log(eps) (36.04 in float64) at most.

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    Examples
    --------
    >>> round(label_log_loss([[1, 0], [0, 1]], [[0.9, 0.1], [0.1, 0.9]]), 4)
    0.1054
    """
    scores = read_scores(y_true, y_score, sample_weight)
    check_probabilities(scores.score, "log loss")
    return scores.presence.mean_of_entries(log_loss_of_entries(scores).sum(axis=1))


def expected_calibration_error(
    y_true: Matrix,
    y_score: Matrix,
    *,
    n_bins: int = 10,
    average: Literal["micro", "macro"] | None = "micro",
    sample_weight: Any = None,
) -> Any:
    """Return by how much probabilities differ from frequencies, on average.

    Probabilities are put into bins of equal width, ((b - 1) / n_bins, b / n_bins], the first with
    its lower end. The error is the mean, over the bins, of the absolute difference of the mean
    probability and the share of ones, where each bin weighs as much as its entries do.

    Parameters
    ----------
    y_true : indicator of shape (n_samples, n_labels)
        Entries that are missing (NaN) count nowhere.
    y_score : array-like of shape (n_samples, n_labels)
        Probabilities of the labels.
    n_bins : int, default=10
        From 1 on. Few entries in many bins give a large error by chance alone.
    average : {"micro", "macro"} or None, default="micro"
        "micro" puts the entries of all labels into one set of bins, where too high probabilities
        of one label can make up for too low ones of another; "macro" is the mean of one error for
        each label that has an entry present; None gives these errors themselves.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Between 0 (best) and 1; NaN for a label with nothing present.

    Raises
    ------
    ValueError
        Where ``n_bins`` is no whole number from 1 on, or an argument breaks a rule of the module's
        docstring.

    References
    ----------
    Naeini, Cooper, Hauskrecht (2015): Obtaining well calibrated probabilities using Bayesian
    binning. AAAI.
    Guo, Pleiss, Sun, Weinberger (2017): On calibration of modern neural networks. ICML.

    Examples
    --------
    >>> y_true, y_score = [[1, 0], [1, 1]], [[0.75, 0.25], [0.75, 0.25]]
    >>> expected_calibration_error(y_true, y_score, average=None)
    array([0.25, 0.25])
    >>> expected_calibration_error(y_true, y_score, n_bins=1)
    0.25
    """
    check_average(average, _AVERAGES)
    n_bins = check_whole("n_bins", n_bins, "the number of bins between 0 and 1.")
    scores = read_scores(y_true, y_score, sample_weight)
    check_probabilities(scores.score, "calibration error")
    gaps = sum_gaps(scores, n_bins)
    if average == "micro":
        return float(np.abs(gaps.sum(axis=0)).sum() / scores.presence.per_label.sum())
    return average_labels(calibration_errors(scores, gaps), average)


def log_loss_of_entries(scores: LabelScores) -> Floats:
    """Return the log loss of each entry by probabilities, 0 where it is missing."""
    eps = np.finfo(scores.score.dtype).eps
    probability = np.clip(scores.score, eps, 1 - eps).astype(np.float64)
    loss = -np.log(np.where(scores.relevant, probability, 1 - probability))
    return loss if scores.presence.mask is None else loss * scores.presence.mask


def sum_gaps(scores: LabelScores, n_bins: int) -> Floats:
    """Return the weighted sums of probability - truth, of shape (n_labels, n_bins)."""
    n_labels = scores.score.shape[1]
    # Compared in the precision of the scores: 0.3 in float32 is above 0.3.
    edges = (np.arange(1, n_bins) / n_bins).astype(scores.score.dtype)
    place = np.searchsorted(edges, scores.score, side="left") + n_bins * np.arange(n_labels)
    gap = scores.presence.entries * (scores.score.astype(np.float64) - scores.relevant)
    sums: Floats = np.bincount(place.ravel(), gap.ravel(), n_labels * n_bins).astype(np.float64)
    return sums.reshape(n_labels, n_bins)


def calibration_errors(scores: LabelScores, gaps: Floats) -> Floats:
    """Return the error of each label; NaN where nothing is present."""
    errors = divide(np.abs(gaps).sum(axis=1), scores.presence.per_label, 0.0)
    return np.where(labels_that_count(scores.presence) > 0, errors, np.nan)
