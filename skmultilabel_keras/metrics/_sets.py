"""Metrics of label sets: errors, and ratios of counts.

Owns: what each metric counts.
Does not own: how counts are grouped and averaged (``_counts``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from skmultilabel_keras._intervals import check_number
from skmultilabel_keras.metrics._counts import (
    AVERAGES,
    Counts,
    average_ratio,
    count_row_errors,
)
from skmultilabel_keras.metrics._reading import Floats, Matrix, check_average, read_sets

Average: TypeAlias = Literal["micro", "macro", "samples", "weighted"] | None
Parts: TypeAlias = Callable[[Counts], tuple[Floats, Floats]]

_OF_BETA = "Recall counts beta times as much as precision: 2 for recall, 0.5 for precision."


def precision_parts(counts: Counts) -> tuple[Floats, Floats]:
    """Return part and whole of the share of the predicted labels that are true."""
    return counts.both, counts.predicted


def recall_parts(counts: Counts) -> tuple[Floats, Floats]:
    """Return part and whole of the share of the true labels that are predicted."""
    return counts.both, counts.true


def jaccard_parts(counts: Counts) -> tuple[Floats, Floats]:
    """Return sizes of intersection and union."""
    return counts.both, counts.true + counts.predicted - counts.both


def fbeta_parts(beta: float) -> Parts:
    """Return the function that gives part and whole of F-beta."""
    weight = float(beta) ** 2
    return lambda counts: ((1 + weight) * counts.both, weight * counts.true + counts.predicted)


def hamming_loss(y_true: Matrix, y_pred: Matrix, *, sample_weight: Any = None) -> float:
    """Return the share of the entries that are wrong.

    Parameters
    ----------
    y_true, y_pred : indicators of shape (n_samples, n_labels)
        Entries that are missing (NaN) in ``y_true`` count nowhere.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        Between 0 (all right) and 1.

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    Examples
    --------
    >>> hamming_loss([[1, 0], [0, 1]], [[1, 0], [1, 1]])
    0.25
    >>> hamming_loss([[1, 0], [0, float("nan")]], [[1, 0], [1, 1]])
    0.3333333333333333
    """
    sets = read_sets(y_true, y_pred, sample_weight)
    return sets.presence.mean_of_entries(count_row_errors(sets))


def subset_accuracy(y_true: Matrix, y_pred: Matrix, *, sample_weight: Any = None) -> float:
    """Return the share of the rows whose labels are all right.

    Parameters
    ----------
    y_true, y_pred : indicators of shape (n_samples, n_labels)
        A row is right if all entries are that are not missing (NaN) in ``y_true``.
    sample_weight : array-like of shape (n_samples,), default=None

    Returns
    -------
    float
        Between 0 and 1 (all right).

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    Examples
    --------
    >>> subset_accuracy([[1, 0], [0, 1]], [[1, 0], [1, 1]])
    0.5
    """
    sets = read_sets(y_true, y_pred, sample_weight)
    return sets.presence.mean_of_rows(count_row_errors(sets) == 0)


def precision_score(
    y_true: Matrix,
    y_pred: Matrix,
    *,
    average: Average,
    sample_weight: Any = None,
    zero_division: float = 0.0,
) -> Any:
    """Return the share of the predicted labels that are right.

    Parameters
    ----------
    y_true, y_pred : indicators of shape (n_samples, n_labels)
        Entries that are missing (NaN) in ``y_true`` count nowhere.
    average : {"micro", "macro", "samples", "weighted"} or None
        What is counted together, see the module's docstring; None for one value for each label.
    sample_weight : array-like of shape (n_samples,), default=None
    zero_division : float, default=0.0
        Value of a label or row for which nothing is predicted.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Between 0 and 1 (all right); NaN for a label with nothing present.

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    Examples
    --------
    >>> precision_score([[1, 0], [0, 1]], [[1, 0], [1, 1]], average="macro")
    0.75
    >>> precision_score([[1, 0], [0, 1]], [[1, 0], [1, 1]], average=None)
    array([0.5, 1. ])
    """
    check_average(average, AVERAGES)
    sets = read_sets(y_true, y_pred, sample_weight)
    return average_ratio(sets, average, precision_parts, zero_division)


def recall_score(
    y_true: Matrix,
    y_pred: Matrix,
    *,
    average: Average,
    sample_weight: Any = None,
    zero_division: float = 0.0,
) -> Any:
    """Return the share of the true labels that are predicted.

    Parameters
    ----------
    y_true, y_pred : indicators of shape (n_samples, n_labels)
        Entries that are missing (NaN) in ``y_true`` count nowhere.
    average : {"micro", "macro", "samples", "weighted"} or None
        What is counted together, see the module's docstring; None for one value for each label.
    sample_weight : array-like of shape (n_samples,), default=None
    zero_division : float, default=0.0
        Value of a label or row for which nothing is true.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Between 0 and 1 (all found); NaN for a label with nothing present.

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    Examples
    --------
    >>> recall_score([[1, 1], [1, 1]], [[1, 0], [1, 1]], average="samples")
    0.75
    """
    check_average(average, AVERAGES)
    sets = read_sets(y_true, y_pred, sample_weight)
    return average_ratio(sets, average, recall_parts, zero_division)


def f1_score(
    y_true: Matrix,
    y_pred: Matrix,
    *,
    average: Average,
    sample_weight: Any = None,
    zero_division: float = 0.0,
) -> Any:
    """Return F1, the harmonic mean of precision and recall.

    It is 2 TP / (2 TP + FP + FN), with true positives, false positives and false negatives.

    Parameters
    ----------
    y_true, y_pred : indicators of shape (n_samples, n_labels)
        Entries that are missing (NaN) in ``y_true`` count nowhere.
    average : {"micro", "macro", "samples", "weighted"} or None
        What is counted together, see the module's docstring; None for one value for each label.
    sample_weight : array-like of shape (n_samples,), default=None
    zero_division : float, default=0.0
        Value of a label or row for which nothing is true or predicted.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Between 0 and 1 (all right); NaN for a label with nothing present.

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    Examples
    --------
    A single column counts its ones; scikit-learn's micro average would be the accuracy, 0.75.

    >>> f1_score([[1], [0], [0], [1]], [[1], [0], [0], [0]], average="micro")
    0.6666666666666666
    """
    check_average(average, AVERAGES)
    sets = read_sets(y_true, y_pred, sample_weight)
    return average_ratio(sets, average, fbeta_parts(1), zero_division)


def fbeta_score(
    y_true: Matrix,
    y_pred: Matrix,
    *,
    beta: float,
    average: Average,
    sample_weight: Any = None,
    zero_division: float = 0.0,
) -> Any:
    """Return F-beta, the mean of precision and recall that weighs recall beta² times as much.

    It is (1 + β²) TP / ((1 + β²) TP + FP + β² FN), with true positives, false positives and false
    negatives.

    Parameters
    ----------
    y_true, y_pred : indicators of shape (n_samples, n_labels)
        Entries that are missing (NaN) in ``y_true`` count nowhere.
    beta : float
        From 0 (precision) to 1000 (recall, nearly); 1 gives F1.
    average : {"micro", "macro", "samples", "weighted"} or None
        What is counted together, see the module's docstring; None for one value for each label.
    sample_weight : array-like of shape (n_samples,), default=None
    zero_division : float, default=0.0
        Value of a label or row for which nothing is true or predicted.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Between 0 and 1 (all right); NaN for a label with nothing present.

    Raises
    ------
    ValueError
        Where ``beta`` is not between 0 and 1000, or an argument breaks a rule of the module's
        docstring.

    References
    ----------
    van Rijsbergen (1979): Information Retrieval, chapter 7.

    Examples
    --------
    >>> fbeta_score([[1, 1], [1, 1]], [[1, 0], [1, 0]], beta=2, average="micro")
    0.5555555555555556
    """
    check_average(average, AVERAGES)
    beta = check_number("beta", beta, 0, 1e3, hint=_OF_BETA)
    sets = read_sets(y_true, y_pred, sample_weight)
    return average_ratio(sets, average, fbeta_parts(beta), zero_division)


def jaccard_score(
    y_true: Matrix,
    y_pred: Matrix,
    *,
    average: Average,
    sample_weight: Any = None,
    zero_division: float = 0.0,
) -> Any:
    """Return Jaccard's index, the size of the intersection over that of the union.

    Parameters
    ----------
    y_true, y_pred : indicators of shape (n_samples, n_labels)
        Entries that are missing (NaN) in ``y_true`` count nowhere.
    average : {"micro", "macro", "samples", "weighted"} or None
        What is counted together, see the module's docstring; None for one value for each label.
    sample_weight : array-like of shape (n_samples,), default=None
    zero_division : float, default=0.0
        Value of a label or row for which nothing is true or predicted.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Between 0 and 1 (all right); NaN for a label with nothing present.

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    Examples
    --------
    >>> jaccard_score([[1, 0], [0, 1]], [[1, 0], [1, 1]], average="samples")
    0.75
    """
    check_average(average, AVERAGES)
    sets = read_sets(y_true, y_pred, sample_weight)
    return average_ratio(sets, average, jaccard_parts, zero_division)
