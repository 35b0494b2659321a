"""Scorers: metrics applied to estimators.

Owns: the names of the scorers, and which of an estimator's methods each reads.
Does not own: the metrics, or the forms of what estimators return (``_responses``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sklearn.metrics import make_scorer

from skmultilabel_keras._compat import Scorer
from skmultilabel_keras.metrics._curves import average_precision, roc_auc
from skmultilabel_keras.metrics._labels import balanced_accuracy, matthews_corrcoef
from skmultilabel_keras.metrics._probabilities import expected_calibration_error, label_log_loss
from skmultilabel_keras.metrics._rankings import (
    coverage_error,
    label_ranking_average_precision,
    label_ranking_loss,
)
from skmultilabel_keras.metrics._reading import Matrix, check_name, read_matrix
from skmultilabel_keras.metrics._responses import align_scores, as_column, require_same_order
from skmultilabel_keras.metrics._sets import (
    f1_score,
    hamming_loss,
    jaccard_score,
    precision_score,
    recall_score,
    subset_accuracy,
)
from skmultilabel_keras.metrics._top_k import ndcg_at_k, one_error, precision_at_k


@dataclass(frozen=True)
class ScorerRecipe:
    """What a scorer computes, and from what.

    ``methods`` are those of the estimator that give what the metric reads, in order of preference:
    ("predict",) for label sets, ("predict_proba",) for probabilities, both ``decision_function``
    and ``predict_proba`` where any scores will do.
    """

    metric: Callable[..., float]
    methods: tuple[str, ...] = ("predict",)
    greater_is_better: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    def evaluate(self, y_true: Matrix, y_response: Matrix, *, sample_weight: Any = None) -> float:
        """Return the score of label sets or scores that are at hand; greater is better."""
        value = self.metric(y_true, y_response, sample_weight=sample_weight, **self.options)
        return value if self.greater_is_better else -value


_RANKING = ("decision_function", "predict_proba")
_PROBABILITY = ("predict_proba",)


def _averaged(metric: Callable[..., Any], average: str, *methods: str) -> ScorerRecipe:
    return ScorerRecipe(metric, methods or ("predict",), options={"average": average})


def _loss(metric: Callable[..., float], *methods: str) -> ScorerRecipe:
    return ScorerRecipe(metric, methods or ("predict",), greater_is_better=False)


def _at(metric: Callable[..., float], k: int) -> ScorerRecipe:
    return ScorerRecipe(metric, _RANKING, options={"k": k})


_SCORERS = {
    "neg_hamming_loss": _loss(hamming_loss),
    "subset_accuracy": ScorerRecipe(subset_accuracy),
    "f1_micro": _averaged(f1_score, "micro"),
    "f1_macro": _averaged(f1_score, "macro"),
    "f1_samples": _averaged(f1_score, "samples"),
    "f1_weighted": _averaged(f1_score, "weighted"),
    "jaccard_micro": _averaged(jaccard_score, "micro"),
    "jaccard_macro": _averaged(jaccard_score, "macro"),
    "jaccard_samples": _averaged(jaccard_score, "samples"),
    "jaccard_weighted": _averaged(jaccard_score, "weighted"),
    "precision_micro": _averaged(precision_score, "micro"),
    "precision_macro": _averaged(precision_score, "macro"),
    "precision_samples": _averaged(precision_score, "samples"),
    "recall_micro": _averaged(recall_score, "micro"),
    "recall_macro": _averaged(recall_score, "macro"),
    "recall_samples": _averaged(recall_score, "samples"),
    "balanced_accuracy_macro": _averaged(balanced_accuracy, "macro"),
    "matthews_corrcoef_macro": _averaged(matthews_corrcoef, "macro"),
    "neg_label_log_loss": _loss(label_log_loss, *_PROBABILITY),
    "neg_expected_calibration_error": _loss(expected_calibration_error, *_PROBABILITY),
    "label_ranking_average_precision": ScorerRecipe(label_ranking_average_precision, _RANKING),
    "neg_coverage_error": _loss(coverage_error, *_RANKING),
    "neg_label_ranking_loss": _loss(label_ranking_loss, *_RANKING),
    "neg_one_error": _loss(one_error, *_RANKING),
    "precision_at_1": _at(precision_at_k, 1),
    "precision_at_3": _at(precision_at_k, 3),
    "precision_at_5": _at(precision_at_k, 5),
    "ndcg_at_3": _at(ndcg_at_k, 3),
    "ndcg_at_5": _at(ndcg_at_k, 5),
    "average_precision_micro": _averaged(average_precision, "micro", *_RANKING),
    "average_precision_macro": _averaged(average_precision, "macro", *_RANKING),
    "roc_auc_micro": _averaged(roc_auc, "micro", *_RANKING),
    "roc_auc_macro": _averaged(roc_auc, "macro", *_RANKING),
}


SCORER_NAMES = tuple(_SCORERS)


def find_recipe(name: str) -> ScorerRecipe:
    """Return what the scorer of a name computes, to score responses that are at hand.

    Raises
    ------
    ValueError
        For a name that does not exist.

    Examples
    --------
    >>> find_recipe("neg_hamming_loss").evaluate([[1, 0], [0, 1]], [[1, 0], [1, 1]])
    -0.25
    """
    check_name("scorer", name, _SCORERS)
    return _SCORERS[name]


def multilabel_scorers(names: Sequence[str] | None = None) -> dict[str, Any]:
    """Return scorers for ``cross_validate``, ``GridSearchCV`` and the like.

    They work for scikit-learn's multi-label classifiers, also where its own scorers keep one of
    two columns or fail: for two labels (``MLPClassifier``, ``OneVsRestClassifier``), for labels
    that are constant in a training fold (``RandomForestClassifier`` and others that return lists
    of probabilities), and for one label, with predictions of one dimension. ``y`` may be sparse
    where the estimator supports it; ``KNeighborsClassifier`` accepts it and fits nonsense, which
    is an error here. Missing labels, NaN in ``y``, count in no score; scikit-learn's tools need a
    splitter object such as ``KFold()`` for ``cv`` then, as they look at ``y`` to choose one.

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
    recipe = find_recipe(name)
    return (_SetScorer if recipe.methods == ("predict",) else _ScoreScorer)(recipe)


class _SetScorer(Scorer):
    """A scorer of label sets: scikit-learn's, which shares predictions with others of its class."""

    def __init__(self, recipe: ScorerRecipe) -> None:
        sign = 1 if recipe.greater_is_better else -1
        super().__init__(_MetricOfPredictions(recipe.metric), sign, dict(recipe.options))

    def _score(
        self, method_caller: Any, estimator: Any, X: Any, y_true: Matrix, **kwargs: Any
    ) -> Any:
        require_same_order("y_true", estimator, y_true)
        return super()._score(method_caller, estimator, X, y_true, **kwargs)


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
        return self.metric(y_true, as_column(y_pred), sample_weight=sample_weight, **options)


class _ScoreScorer:
    """A scorer of label scores.

    scikit-learn's own reads what ``classes_`` looks like, not the shape of ``y_true``: with two
    labels it keeps one column of probabilities, and it does not look up which class the only
    column of a constant label is. Metadata requests are left to one of its scorers.
    """

    def __init__(self, recipe: ScorerRecipe) -> None:
        self._recipe = recipe
        self._requests = make_scorer(
            recipe.metric,
            greater_is_better=recipe.greater_is_better,
            response_method=recipe.methods,
            **recipe.options,
        )

    def __call__(
        self, estimator: Any, X: Any, y_true: Matrix, *, sample_weight: Any = None
    ) -> float:
        require_same_order("y_true", estimator, y_true)
        n_labels = read_matrix("y_true", y_true).shape[1]
        response = _find_method(estimator, self._recipe.methods)(X)
        y_score = align_scores(response, getattr(estimator, "classes_", None), n_labels=n_labels)
        return self._recipe.evaluate(y_true, y_score, sample_weight=sample_weight)

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
