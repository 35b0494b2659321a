"""Multi-label metrics and scorers.

Owns: metrics of label sets and of label scores, and the scorers that apply them to estimators.
Does not own: how scores become label sets (``decision_rules``).

An indicator is a nested list, array, DataFrame or SciPy sparse matrix or array of shape
(n_samples, n_labels) that holds 0 and 1. Every column is a label: a single column counts its ones,
where scikit-learn would count both classes of a binary problem. From two labels on, values equal
scikit-learn's.

Precision, recall, F1 and Jaccard are ratios of counts. ``average`` says what is counted together:

==========  ==========================================================================
"micro"     one ratio, of the counts over all labels and rows
"macro"     the mean of one ratio for each label
"weighted"  the same, weighted by how often a label is present in ``y_true`` (equal
            weights where none is present)
"samples"   the mean of one ratio for each row
==========  ==========================================================================

No metric is undefined: where a ratio is 0/0 (a label or row with nothing to count) it takes the
value ``zero_division``, a number between 0 and 1, and the ranking metrics count a row with no
label, or with all of them, as ranked correctly.

``sample_weight`` holds the weights of the rows, equal where it is None: a row of weight 2 counts as
if it were there twice.

Every metric returns a float, and raises ``ValueError`` unless both inputs are finite and of one
shape with a row and a label at least, indicators hold nothing but 0 and 1, weights are neither
negative nor all zero, and ``average`` and ``zero_division`` have one of the values above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.stats import rankdata
from sklearn.metrics import make_scorer

from skmultilabel_keras._validation import check_sample_weight, nearest_names

__all__ = [
    "coverage_error",
    "f1_score",
    "get_multilabel_scorer",
    "hamming_loss",
    "jaccard_score",
    "label_log_loss",
    "label_ranking_average_precision",
    "label_ranking_loss",
    "multilabel_scorers",
    "precision_score",
    "recall_score",
    "subset_accuracy",
]

Matrix: TypeAlias = Any  # nested list, array, DataFrame, SciPy sparse matrix or array
Average: TypeAlias = Literal["micro", "macro", "samples", "weighted"]
_Floats: TypeAlias = npt.NDArray[np.float64]


# Metrics of label sets


def hamming_loss(y_true: Matrix, y_pred: Matrix, *, sample_weight: Any = None) -> float:
    """Return the share of the entries that are wrong.

    Parameters
    ----------
    y_true, y_pred : indicators of shape (n_samples, n_labels)
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
    """
    y_true, y_pred = _check_label_sets(y_true, y_pred)
    return _mean_over_rows(_count_row_errors(y_true, y_pred), sample_weight) / y_true.shape[1]


def subset_accuracy(y_true: Matrix, y_pred: Matrix, *, sample_weight: Any = None) -> float:
    """Return the share of the rows whose labels are all right.

    Parameters
    ----------
    y_true, y_pred : indicators of shape (n_samples, n_labels)
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
    y_true, y_pred = _check_label_sets(y_true, y_pred)
    return _mean_over_rows(_count_row_errors(y_true, y_pred) == 0, sample_weight)


def precision_score(
    y_true: Matrix,
    y_pred: Matrix,
    *,
    average: Average,
    sample_weight: Any = None,
    zero_division: float = 0.0,
) -> float:
    """Return the share of the predicted labels that are right.

    Parameters
    ----------
    y_true, y_pred : indicators of shape (n_samples, n_labels)
    average : {"micro", "macro", "samples", "weighted"}
        What is counted together, see the module's docstring.
    sample_weight : array-like of shape (n_samples,), default=None
    zero_division : float, default=0.0
        Value of a label or row for which nothing is predicted.

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
    >>> precision_score([[1, 0], [0, 1]], [[1, 0], [1, 1]], average="macro")
    0.75
    """
    counts, weight = _count_groups(average, y_true, y_pred, sample_weight)
    return _mean_ratio(counts.both, counts.predicted, weight, zero_division)


def recall_score(
    y_true: Matrix,
    y_pred: Matrix,
    *,
    average: Average,
    sample_weight: Any = None,
    zero_division: float = 0.0,
) -> float:
    """Return the share of the true labels that are predicted.

    Parameters
    ----------
    y_true, y_pred : indicators of shape (n_samples, n_labels)
    average : {"micro", "macro", "samples", "weighted"}
        What is counted together, see the module's docstring.
    sample_weight : array-like of shape (n_samples,), default=None
    zero_division : float, default=0.0
        Value of a label or row for which nothing is true.

    Returns
    -------
    float
        Between 0 and 1 (all found).

    Raises
    ------
    ValueError
        Where an argument breaks a rule of the module's docstring.

    Examples
    --------
    >>> recall_score([[1, 1], [1, 1]], [[1, 0], [1, 1]], average="samples")
    0.75
    """
    counts, weight = _count_groups(average, y_true, y_pred, sample_weight)
    return _mean_ratio(counts.both, counts.true, weight, zero_division)


def f1_score(
    y_true: Matrix,
    y_pred: Matrix,
    *,
    average: Average,
    sample_weight: Any = None,
    zero_division: float = 0.0,
) -> float:
    """Return F1, the harmonic mean of precision and recall.

    It is 2 TP / (2 TP + FP + FN), with true positives, false positives and false negatives.

    Parameters
    ----------
    y_true, y_pred : indicators of shape (n_samples, n_labels)
    average : {"micro", "macro", "samples", "weighted"}
        What is counted together, see the module's docstring.
    sample_weight : array-like of shape (n_samples,), default=None
    zero_division : float, default=0.0
        Value of a label or row for which nothing is true or predicted.

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
    A single column counts its ones; scikit-learn's micro average would be the accuracy, 0.75.

    >>> f1_score([[1], [0], [0], [1]], [[1], [0], [0], [0]], average="micro")
    0.6666666666666666
    """
    counts, weight = _count_groups(average, y_true, y_pred, sample_weight)
    return _mean_ratio(2 * counts.both, counts.true + counts.predicted, weight, zero_division)


def jaccard_score(
    y_true: Matrix,
    y_pred: Matrix,
    *,
    average: Average,
    sample_weight: Any = None,
    zero_division: float = 0.0,
) -> float:
    """Return Jaccard's index, the size of the intersection over that of the union.

    Parameters
    ----------
    y_true, y_pred : indicators of shape (n_samples, n_labels)
    average : {"micro", "macro", "samples", "weighted"}
        What is counted together, see the module's docstring.
    sample_weight : array-like of shape (n_samples,), default=None
    zero_division : float, default=0.0
        Value of a label or row for which nothing is true or predicted.

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
    >>> jaccard_score([[1, 0], [0, 1]], [[1, 0], [1, 1]], average="samples")
    0.75
    """
    counts, weight = _count_groups(average, y_true, y_pred, sample_weight)
    union = counts.true + counts.predicted - counts.both
    return _mean_ratio(counts.both, union, weight, zero_division)


# Metrics of label scores


def label_log_loss(y_true: Matrix, y_score: Matrix, *, sample_weight: Any = None) -> float:
    """Return the binary log loss, in nats, averaged over labels and rows.

    Parameters
    ----------
    y_true : indicator of shape (n_samples, n_labels)
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
    relevant, y_score = _check_label_scores(y_true, y_score)
    if y_score.min() < 0 or y_score.max() > 1:
        raise ValueError(
            "y_score must hold probabilities, between 0 and 1, for the log loss; got values from "
            f"{y_score.min():g} to {y_score.max():g}. Pass the result of predict_proba."
        )
    eps = np.finfo(y_score.dtype).eps
    probability = np.clip(y_score, eps, 1 - eps).astype(np.float64)
    loss = -np.log(np.where(relevant, probability, 1 - probability))
    return _mean_over_rows(loss.mean(axis=1), sample_weight)


def label_ranking_average_precision(
    y_true: Matrix, y_score: Matrix, *, sample_weight: Any = None
) -> float:
    """Return the mean, over the true labels of a row, of the precision down to their rank.

    Called ``label_ranking_average_precision_score`` in scikit-learn. Ties count as ranked too
    high. A row with no label, or with all, counts 1, so that a single column always gives 1.

    Parameters
    ----------
    y_true : indicator of shape (n_samples, n_labels)
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
    relevant, rank, rank_in_relevant = _rank_labels(y_true, y_score)
    n_relevant = relevant.sum(axis=1)
    precision = np.where(relevant, rank_in_relevant / rank, 0.0).sum(axis=1)
    return _mean_over_rows(_divide(precision, n_relevant, 1.0), sample_weight)


def coverage_error(y_true: Matrix, y_score: Matrix, *, sample_weight: Any = None) -> float:
    """Return how many labels, from the top of the ranking, cover the true ones of a row.

    Ties count as ranked too high. A row with no label counts 0.

    Parameters
    ----------
    y_true : indicator of shape (n_samples, n_labels)
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
    relevant, rank, _ = _rank_labels(y_true, y_score)
    return _mean_over_rows(np.where(relevant, rank, 0).max(axis=1), sample_weight)


def label_ranking_loss(y_true: Matrix, y_score: Matrix, *, sample_weight: Any = None) -> float:
    """Return the share of pairs of a true and another label of a row that are in wrong order.

    Ties count as wrong. A row with no label, or with all, has no pairs and counts 0, so that a
    single column always gives 0.

    Parameters
    ----------
    y_true : indicator of shape (n_samples, n_labels)
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
    relevant, rank, rank_in_relevant = _rank_labels(y_true, y_score)
    n_relevant = relevant.sum(axis=1)
    n_wrong = np.where(relevant, rank - rank_in_relevant, 0).sum(axis=1)
    n_pairs = n_relevant * (relevant.shape[1] - n_relevant)
    return _mean_over_rows(_divide(n_wrong, n_pairs, 0.0), sample_weight)


# Counts and averages


class _Counts(NamedTuple):
    """Weighted numbers of entries, one for each group that gets a ratio."""

    true: _Floats
    predicted: _Floats
    both: _Floats


def _sum_rows(entries: Any, row_weight: Any) -> _Floats:
    return entries.sum(axis=1)


def _sum_labels(entries: Any, row_weight: Any) -> _Floats:
    return row_weight @ entries


def _sum_all(entries: Any, row_weight: Any) -> _Floats:
    return _sum_labels(entries, row_weight).sum(keepdims=True)


class _Grouping(NamedTuple):
    """How entries are summed to counts, and which weights the ratios of these get."""

    total: Callable[[Any, Any], _Floats]
    weigh: Callable[[_Counts, _Floats], _Floats | None]


_AVERAGES = {
    "micro": _Grouping(_sum_all, lambda counts, row_weight: None),
    "macro": _Grouping(_sum_labels, lambda counts, row_weight: None),
    "weighted": _Grouping(_sum_labels, lambda counts, row_weight: counts.true),
    "samples": _Grouping(_sum_rows, lambda counts, row_weight: row_weight),
}


def _count(
    total: Callable[[Any, Any], _Floats], y_true: Any, y_pred: Any, row_weight: Any = None
) -> _Counts:
    # Sums of the same terms in the same order: ratios that are 0/0 or 1 are so exactly, whatever
    # the weights.
    matrices = (y_true, y_pred, y_true.multiply(y_pred).tocsr())
    return _Counts(*(total(entries, row_weight) for entries in matrices))


def _count_groups(
    average: str, y_true: Matrix, y_pred: Matrix, sample_weight: Any
) -> tuple[_Counts, _Floats | None]:
    """Return the counts that ``average`` asks for, and the weights of their ratios."""
    _check_name("average", average, _AVERAGES)
    y_true, y_pred = _check_label_sets(y_true, y_pred)
    row_weight = check_sample_weight(sample_weight, y_true.shape[0])
    if row_weight is None:
        row_weight = np.ones(y_true.shape[0])
    grouping = _AVERAGES[average]
    counts = _count(grouping.total, y_true, y_pred, row_weight)
    return counts, grouping.weigh(counts, row_weight)


def _mean_ratio(
    part: _Floats, whole: _Floats, weight: _Floats | None, zero_division: float
) -> float:
    if not (isinstance(zero_division, Real) and 0 <= zero_division <= 1):
        raise ValueError(
            f"zero_division must be a number between 0 and 1; got {zero_division!r}. It is the "
            "value of a label or row that has nothing to count; scikit-learn's default is 0."
        )
    if weight is not None and not weight.any():  # "weighted", and no label is ever present
        weight = None
    return float(np.average(_divide(part, whole, zero_division), weights=weight))


def _divide(part: _Floats, whole: Any, zero_division: float) -> _Floats:
    return np.divide(part, whole, out=np.full(part.shape, float(zero_division)), where=whole > 0)


def _count_row_errors(y_true: sparse.csr_array, y_pred: sparse.csr_array) -> _Floats:
    counts = _count(_sum_rows, y_true, y_pred)
    return counts.true + counts.predicted - 2 * counts.both


def _mean_over_rows(values: npt.NDArray[Any], sample_weight: Any) -> float:
    return float(np.average(values, weights=check_sample_weight(sample_weight, len(values))))


def _rank_labels(y_true: Matrix, y_score: Matrix) -> tuple[npt.NDArray[np.bool_], _Floats, _Floats]:
    """Return which labels are true, their ranks, and their ranks among the true labels.

    Ranks count from 1, the highest score, and ties have the last of their ranks. The ranks among
    the true labels hold for these only.
    """
    relevant, y_score = _check_label_scores(y_true, y_score)
    rank = rankdata(-y_score, method="max", axis=1)
    rank_in_relevant = rankdata(np.where(relevant, -y_score, np.inf), method="max", axis=1)
    return relevant, rank, rank_in_relevant


# Checks


def _check_label_sets(y_true: Matrix, y_pred: Matrix) -> tuple[sparse.csr_array, sparse.csr_array]:
    y_true, y_pred = _check_indicator("y_true", y_true), _check_indicator("y_pred", y_pred)
    _check_shapes("y_pred", y_true.shape, y_pred.shape)
    return y_true, y_pred


def _check_label_scores(
    y_true: Matrix, y_score: Matrix
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[Any]]:
    y_true, y_score = _check_indicator("y_true", y_true), _read_matrix("y_score", y_score)
    _check_shapes("y_score", y_true.shape, y_score.shape)
    if not isinstance(y_score, np.ndarray):
        y_score = y_score.toarray()
    if y_score.dtype.kind != "f":
        y_score = y_score.astype(np.float64)
    if not np.isfinite(y_score).all():
        row, column = np.argwhere(~np.isfinite(y_score))[0]
        raise ValueError(
            f"y_score must be finite; got {y_score[row, column]} in row {row}, column {column}. "
            "A network that gives such scores has diverged: lower its learning rate."
        )
    return y_true.toarray() > 0, y_score


def _check_indicator(name: str, y: Matrix) -> sparse.csr_array:
    """Return a canonical CSR copy with the ones as its only stored entries."""
    indicator = sparse.csr_array(_read_matrix(name, y), dtype=np.float64, copy=True)
    indicator.sum_duplicates()
    indicator.eliminate_zeros()
    if (indicator.data != 1).any():
        bad = indicator.data[indicator.data != 1][0]
        raise ValueError(
            f"{name} must hold nothing but 0 and 1; got {bad:g}. Turn scores into label sets "
            "first, for example by y_score >= 0.5, and fill in or leave out missing labels."
        )
    return indicator


def _read_matrix(name: str, values: Matrix) -> Any:
    """Return numbers of two dimensions, sparse where they came so."""
    matrix: Any = values if sparse.issparse(values) else _read_numbers(name, values)
    if matrix.ndim != 2:
        raise ValueError(
            f"{name} must have shape (n_samples, n_labels); got shape {matrix.shape}. For a single "
            f"label pass a column of shape (n_samples, 1): np.reshape({name}, (-1, 1))."
        )
    return matrix


def _read_numbers(name: str, values: Matrix) -> npt.NDArray[Any]:
    try:
        array = np.asarray(values)
        numbers = array.astype(np.float64) if array.dtype.kind == "O" else array
    except (TypeError, ValueError) as error:  # rows of unequal length, text, pandas.NA
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


def _check_shapes(name: str, expected: tuple[int, ...], shape: tuple[int, ...]) -> None:
    if shape != expected:
        raise ValueError(
            f"{name} must have the shape of y_true, {expected}; got shape {shape}. Both need a "
            "row for each sample and a column for each label, in the same order."
        )
    if 0 in shape:
        raise ValueError(
            f"y_true and {name} must have a row and a label at least; got shape {shape}. The mean "
            "over nothing is undefined: leave such a fold out."
        )


def _check_name(argument: str, name: Any, legal: Iterable[str]) -> None:
    if not isinstance(name, str) or name not in legal:
        raise ValueError(f"{argument} is unknown: {name!r}. {nearest_names(str(name), legal)}")


# Scorers


@dataclass(frozen=True)
class _Recipe:
    metric: Callable[..., float]
    methods: tuple[str, ...] = ("predict",)  # of the estimator, in order of preference
    greater_is_better: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)


_RANKING = ("decision_function", "predict_proba")

_SCORERS = {
    "neg_hamming_loss": _Recipe(hamming_loss, greater_is_better=False),
    "subset_accuracy": _Recipe(subset_accuracy),
    "f1_micro": _Recipe(f1_score, options={"average": "micro"}),
    "f1_macro": _Recipe(f1_score, options={"average": "macro"}),
    "f1_samples": _Recipe(f1_score, options={"average": "samples"}),
    "f1_weighted": _Recipe(f1_score, options={"average": "weighted"}),
    "jaccard_micro": _Recipe(jaccard_score, options={"average": "micro"}),
    "jaccard_macro": _Recipe(jaccard_score, options={"average": "macro"}),
    "jaccard_samples": _Recipe(jaccard_score, options={"average": "samples"}),
    "jaccard_weighted": _Recipe(jaccard_score, options={"average": "weighted"}),
    "precision_micro": _Recipe(precision_score, options={"average": "micro"}),
    "precision_macro": _Recipe(precision_score, options={"average": "macro"}),
    "recall_micro": _Recipe(recall_score, options={"average": "micro"}),
    "recall_macro": _Recipe(recall_score, options={"average": "macro"}),
    "neg_label_log_loss": _Recipe(label_log_loss, ("predict_proba",), greater_is_better=False),
    "label_ranking_average_precision": _Recipe(label_ranking_average_precision, _RANKING),
    "neg_coverage_error": _Recipe(coverage_error, _RANKING, greater_is_better=False),
    "neg_label_ranking_loss": _Recipe(label_ranking_loss, _RANKING, greater_is_better=False),
}


def multilabel_scorers(names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return scorers for ``cross_validate``, ``GridSearchCV`` and the like.

    They work for scikit-learn's multi-label classifiers, also where its own scorers keep one of
    two columns or fail: for two labels (``MLPClassifier``, ``OneVsRestClassifier``), for labels
    that are constant in a training fold (``RandomForestClassifier`` and others that return lists
    of probabilities), and for one label, with predictions of one dimension. ``y`` may be sparse
    where the estimator supports it; ``KNeighborsClassifier`` accepts it and fits nonsense, which
    is an error here.

    Scorers of label sets share one call of ``predict`` where several are evaluated together;
    scorers of scores call the estimator once each.

    Parameters
    ----------
    names : sequence of str or None, default=None
        Which scorers; all where None.

    Returns
    -------
    dict of str to scorer
        New objects at each call. Greater is better for all. They can be pickled, take
        ``sample_weight``, and ``set_score_request`` where metadata routing is enabled.

    Raises
    ------
    ValueError
        For names that do not exist.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> X, y = make_multilabel_classification(random_state=0)
    >>> scoring = multilabel_scorers(["f1_micro", "neg_label_ranking_loss"])
    >>> result = cross_validate(KNeighborsClassifier(), X, y, scoring=scoring)
    >>> result["test_f1_micro"].shape
    (5,)
    """
    if isinstance(names, str):
        raise ValueError(
            f"names must be a list of names; got the string {names!r}. Pass [{names!r}]."
        )
    return {name: get_multilabel_scorer(name) for name in (_SCORERS if names is None else names)}


def get_multilabel_scorer(name: str) -> Any:
    """Return one of the scorers of :func:`multilabel_scorers`.

    Parameters
    ----------
    name : str
        Such as "f1_micro", "neg_hamming_loss" or "neg_label_log_loss".

    Returns
    -------
    scorer
        A new callable ``scorer(estimator, X, y_true, sample_weight=None)``; greater is better.

    Raises
    ------
    ValueError
        For a name that does not exist.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> X, y = [[0], [1], [2]], [[1, 0], [1, 0], [1, 1]]
    >>> get_multilabel_scorer("f1_micro")(DummyClassifier().fit(X, y), X, y)
    0.8571428571428571
    """
    _check_name("scorer", name, _SCORERS)
    recipe = _SCORERS[name]
    build = _build_set_scorer if recipe.methods == ("predict",) else _ScoreScorer
    return build(recipe)


def _build_set_scorer(recipe: _Recipe) -> Any:
    metric = _MetricOfPredictions(recipe.metric)
    return make_scorer(metric, greater_is_better=recipe.greater_is_better, **recipe.options)


class _MetricOfPredictions:
    """A metric that reads predictions of one dimension as one label.

    Single-output classifiers give such predictions for a column of labels.
    """

    def __init__(self, metric: Callable[..., float]) -> None:
        self.metric = metric
        self.__name__ = metric.__name__  # read by make_scorer's repr

    def __call__(
        self, y_true: Matrix, y_pred: Matrix, sample_weight: Any = None, **options: Any
    ) -> float:
        return self.metric(y_true, _as_column(y_pred), sample_weight=sample_weight, **options)


class _ScoreScorer:
    """A scorer of label scores.

    scikit-learn's own reads what ``classes_`` looks like, not the shape of ``y_true``: with two
    labels it keeps one column of probabilities, and it does not look up which class the only
    column of a constant label is. Metadata requests are left to one of its scorers.
    """

    def __init__(self, recipe: _Recipe) -> None:
        self._recipe = recipe
        self._requests = make_scorer(
            recipe.metric,
            greater_is_better=recipe.greater_is_better,
            response_method=recipe.methods,
        )

    def __call__(
        self, estimator: Any, X: Any, y_true: Matrix, *, sample_weight: Any = None
    ) -> float:
        response = _find_method(estimator, self._recipe.methods)(X)
        classes = getattr(estimator, "classes_", None)
        y_score = _align_scores(response, classes, n_labels=np.shape(y_true)[-1])
        value = self._recipe.metric(y_true, y_score, sample_weight=sample_weight)
        return value if self._recipe.greater_is_better else -value

    def set_score_request(self, **requests: bool | str | None) -> _ScoreScorer:
        self._requests.set_score_request(**requests)
        return self

    def get_metadata_routing(self) -> Any:
        return self._requests.get_metadata_routing()

    def _accept_sample_weight(self) -> bool:
        # GridSearchCV.fit of scikit-learn 1.9 asks where several metrics meet sample weights.
        return True

    def __repr__(self) -> str:
        return repr(self._requests)


def _find_method(estimator: Any, names: Sequence[str]) -> Callable[[Any], Any]:
    for name in names:
        if hasattr(estimator, name):
            return getattr(estimator, name)
    raise AttributeError(
        f"estimator must have {' or '.join(names)} for this scorer; {type(estimator).__name__} has "
        "not. Choose a scorer of label sets, such as 'f1_micro'."
    )


def _align_scores(response: Any, classes: Any, *, n_labels: int) -> Any:
    """Return scores of shape (n_samples, n_labels) from what an estimator returned.

    A list holds, for each label, a column for each of its classes. Where there is one label, an
    array may do so too, which flat classes tell.
    """
    if isinstance(response, list):
        _check_classes(response, classes)
        return np.column_stack(list(map(_column_of_ones, response, classes)))
    response = _as_column(response)
    if n_labels == 1 and np.ndim(classes) == 1 and response.shape[1] == len(classes):
        return _as_column(_column_of_ones(response, classes))
    return response


def _check_classes(response: list[Any], classes: Any) -> None:
    n_columns = [np.shape(scores)[-1] for scores in response]
    n_classes = None if classes is None else [np.size(label_classes) for label_classes in classes]
    if n_columns != n_classes:
        raise ValueError(
            "estimator returns a list of scores, so its classes_ must hold the classes of each "
            f"label, of which there are {n_columns}; got {n_classes}. Return an array of shape "
            "(n_samples, n_labels) instead."
        )


def _column_of_ones(scores: npt.NDArray[Any], classes: Any) -> npt.NDArray[Any]:
    """Return the scores of class 1; zeros where the training data had zeros only."""
    classes = np.asarray(classes)
    if classes.dtype.kind not in "biuf" or not np.isin(classes, (0, 1)).all():
        raise ValueError(
            f"estimator.classes_ must hold nothing but 0 and 1; got {classes!r}. Fit it on an "
            "indicator, dense where it does not support sparse targets."
        )
    return np.where(classes == 1, scores, 0).sum(axis=1)


def _as_column(values: Any) -> Any:
    return np.asarray(values).reshape(-1, 1) if np.ndim(values) == 1 else values
