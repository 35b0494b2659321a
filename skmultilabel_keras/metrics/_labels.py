"""Metrics of each label as a binary problem, and measures of an indicator alone.

Owns: Matthews' correlation, balanced accuracy, cardinality and density.
Does not own: ratios of counts with every average (``_sets``), or ranked scores (``_curves``).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from skmultilabel_keras.metrics._counts import (
    Confusion,
    average_labels,
    count_confusion,
    labels_that_count,
)
from skmultilabel_keras.metrics._reading import (
    Floats,
    LabelSets,
    Matrix,
    check_average,
    divide,
    read_labels,
    read_sets,
)

LABEL_AVERAGES = ("macro",)


def matthews_corrcoef(
    y_true: Matrix,
    y_pred: Matrix,
    *,
    average: Literal["macro"] | None = "macro",
    sample_weight: Any = None,
) -> Any:
    """Return Matthews' correlation coefficient of each label, or its mean.

    It is (TP TN - FP FN) / √((TP + FP) (TP + FN) (TN + FP) (TN + FN)), and 0 where a label is true
    in all rows or in none, or predicted so, as in scikit-learn.

    Parameters
    ----------
    y_true, y_pred : indicators of shape (n_samples, n_labels)
        Entries that are missing (NaN) in ``y_true`` count nowhere.
    average : "macro" or None, default="macro"
        The mean over the labels that have an entry present, or one value for each label.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Between -1 (all wrong) and 1 (all right); NaN for a label with nothing present.

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    References
    ----------
    Matthews (1975): Comparison of the predicted and observed secondary structure of T4 phage
    lysozyme. Biochimica et Biophysica Acta 405.

    Examples
    --------
    >>> matthews_corrcoef([[1, 1], [0, 0], [0, 1]], [[1, 0], [0, 1], [0, 1]], average=None)
    array([ 1. , -0.5])
    """
    check_average(average, LABEL_AVERAGES)
    return average_labels(correlate_labels(read_sets(y_true, y_pred, sample_weight)), average)


def balanced_accuracy(
    y_true: Matrix,
    y_pred: Matrix,
    *,
    average: Literal["macro"] | None = "macro",
    sample_weight: Any = None,
) -> Any:
    """Return the mean of the recall of ones and of zeros for each label, or the mean of that.

    For a label that is true in all rows or in none, it is the recall of the value that it has, as
    in scikit-learn's ``balanced_accuracy_score``.

    Parameters
    ----------
    y_true, y_pred : indicators of shape (n_samples, n_labels)
        Entries that are missing (NaN) in ``y_true`` count nowhere.
    average : "macro" or None, default="macro"
        The mean over the labels that have an entry present, or one value for each label.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Between 0 and 1 (all right); 0.5 for a prediction that does not depend on the truth. NaN
        for a label with nothing present.

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    References
    ----------
    Brodersen, Ong, Stephan, Buhmann (2010): The balanced accuracy and its posterior distribution.
    ICPR.

    Examples
    --------
    >>> balanced_accuracy([[1, 1], [0, 0], [0, 1]], [[1, 0], [0, 1], [0, 1]], average=None)
    array([1.  , 0.25])
    """
    check_average(average, LABEL_AVERAGES)
    return average_labels(balance_labels(read_sets(y_true, y_pred, sample_weight)), average)


def label_cardinality(y: Matrix, *, sample_weight: Any = None) -> float:
    """Return the mean number of labels of a row.

    Parameters
    ----------
    y : indicator of shape (n_samples, n_labels)
        True labels or predicted ones. Missing entries (NaN) are not counted, so that the number is
        a lower bound where there are some, and rows with nothing present are left out.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        From 0 to ``n_labels``.

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    References
    ----------
    Tsoumakas, Katakis (2007): Multi-label classification: an overview.

    Examples
    --------
    >>> label_cardinality([[1, 1, 0], [0, 1, 0]])
    1.5
    """
    true, presence = read_labels("y", y, sample_weight)
    return presence.mean_of_rows(true.sum(axis=1))


def label_density(y: Matrix, *, sample_weight: Any = None) -> float:
    """Return the share of the entries that are 1.

    Without missing entries it is :func:`label_cardinality` over the number of labels.

    Parameters
    ----------
    y : indicator of shape (n_samples, n_labels)
        True labels or predicted ones. Missing entries (NaN) count nowhere.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    References
    ----------
    Tsoumakas, Katakis (2007): Multi-label classification: an overview.

    Examples
    --------
    >>> label_density([[1, 1, 0], [0, 1, 0]])
    0.5
    """
    true, presence = read_labels("y", y, sample_weight)
    return presence.mean_of_entries(true.sum(axis=1))


def correlate_labels(sets: LabelSets) -> Floats:
    """Return Matthews' coefficient of each label; NaN where nothing is present."""
    tp, fp, fn, tn = count_confusion(sets)
    # Two roots, as the product of four small weights could vanish.
    size = np.sqrt((tp + fp) * (tn + fn)) * np.sqrt((tp + fn) * (tn + fp))
    return _where_present(sets, np.clip(divide(tp * tn - fp * fn, size, 0.0), -1.0, 1.0))


def balance_labels(sets: LabelSets) -> Floats:
    """Return the balanced accuracy of each label; NaN where nothing is present."""
    counts = count_confusion(sets)
    ones, zeros = _recall_of_both(counts)
    has_ones = counts.true_positive + counts.false_negative > 0
    has_zeros = counts.true_negative + counts.false_positive > 0
    n_values = has_ones.astype(np.float64) + has_zeros
    return _where_present(sets, divide(ones + zeros, n_values, 0.0))


def _recall_of_both(counts: Confusion) -> tuple[Floats, Floats]:
    tp, fp, fn, tn = counts
    return divide(tp, tp + fn, 0.0), divide(tn, tn + fp, 0.0)


def _where_present(sets: LabelSets, values: Floats) -> Floats:
    return np.where(labels_that_count(sets.presence) > 0, values, np.nan)
