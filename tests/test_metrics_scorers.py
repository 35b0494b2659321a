"""Scorers are metrics of what estimators return, whatever its form."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable, Iterator
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from metrics_cases import AVERAGES
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmultilabel_keras import metrics
from skmultilabel_keras.calibration import MultiLabelCalibratedClassifierCV
from skmultilabel_keras.model_selection import MultiLabelTunedThresholdClassifierCV

SET_SCORERS = [
    "neg_hamming_loss",
    "subset_accuracy",
    *(f"f1_{average}" for average in AVERAGES),
    *(f"jaccard_{average}" for average in AVERAGES),
    *(
        f"{name}_{average}"
        for name in ("precision", "recall")
        for average in ("micro", "macro", "samples")
    ),
    "balanced_accuracy_macro",
    "matthews_corrcoef_macro",
]
PROBABILITY_SCORERS = ["neg_label_log_loss", "neg_expected_calibration_error"]
SCORE_SCORERS = [
    *PROBABILITY_SCORERS,
    "label_ranking_average_precision",
    "neg_coverage_error",
    "neg_label_ranking_loss",
    "neg_one_error",
    *(f"precision_at_{k}" for k in (1, 3, 5)),
    *(f"ndcg_at_{k}" for k in (3, 5)),
    *(
        f"{name}_{average}"
        for name in ("average_precision", "roc_auc")
        for average in ("micro", "macro")
    ),
]
SCORERS = SET_SCORERS + SCORE_SCORERS

# Scorers

MLP = MLPClassifier((4,), tol=10.0, n_iter_no_change=1, random_state=0)  # stops without a warning
LOGISTIC = LogisticRegression(solver="liblinear")
FOREST = RandomForestClassifier(5, random_state=0)

CLASSIFIERS = {
    "MLPClassifier": MLP,
    "OneVsRestClassifier": OneVsRestClassifier(LOGISTIC),
    "MultiOutputClassifier": MultiOutputClassifier(LOGISTIC),
    "ClassifierChain": ClassifierChain(LOGISTIC),
    "KNeighborsClassifier": KNeighborsClassifier(),
    "RandomForestClassifier": FOREST,
    "Pipeline": make_pipeline(StandardScaler(), FOREST),
}
SPARSE_CLASSIFIERS = ["MLPClassifier", "OneVsRestClassifier"]
SINGLE_OUTPUT_WARNS = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.DataConversionWarning"  # classifiers that ravel a column
)


def make_data(n_labels: int, n_samples: int = 60) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    X = random.normal(size=(n_samples, 5))
    logits = X @ random.normal(size=(5, n_labels)) + random.normal(size=(n_samples, n_labels))
    return X, (logits > 0).astype(int)


def metric_of(scorer_name: str) -> tuple[Callable[..., float], dict[str, str], int]:
    """Return the metric, options and sign that a scorer's name promises."""
    sign, name = (-1, scorer_name[4:]) if scorer_name.startswith("neg_") else (1, scorer_name)
    if hasattr(metrics, name):
        return getattr(metrics, name), {}, sign
    family, last = name.rsplit("_", 1)
    if last.isdigit():
        return getattr(metrics, f"{family}_k"), {"k": int(last)}, sign
    metric = getattr(metrics, f"{family}_score", None) or getattr(metrics, family)
    return metric, {"average": last}, sign


def expected_score(name: str, y: Any, y_pred: Any, y_prob: Any, y_rank: Any, **extra: Any) -> float:
    metric, options, sign = metric_of(name)
    response = (
        y_prob if name in PROBABILITY_SCORERS else y_rank if name in SCORE_SCORERS else y_pred
    )
    return sign * metric(y, response, **options, **extra)


def stack_lists(scores: Any) -> np.ndarray:
    """Return the probabilities of ones; every label has both classes."""
    return np.column_stack([p[:, 1] for p in scores]) if isinstance(scores, list) else scores


# scikit-learn 1.7.0 takes the flat classes_ of more than 20 labels for a target (1.7.2 does not).
@pytest.mark.filterwarnings("ignore:The number of unique classes is greater:UserWarning")
@pytest.mark.parametrize("n_labels", [2, 3, 25])
@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_scorers_are_metrics_of_the_response(fitted, classifier, n_labels):
    estimator, X, y = fitted(classifier, n_labels)
    weight = np.arange(len(X))
    y_pred, y_prob = estimator.predict(X), stack_lists(estimator.predict_proba(X))
    has_decision = hasattr(estimator, "decision_function")
    responses = y_pred, y_prob, estimator.decision_function(X) if has_decision else y_prob
    for name, scorer in metrics.multilabel_scorers().items():
        assert scorer(estimator, X, y) == expected_score(name, y, *responses)
        assert scorer(estimator, X, y, sample_weight=weight) == expected_score(
            name, y, *responses, sample_weight=weight
        )


@pytest.fixture(scope="module")
def fitted() -> Callable[[str, int], tuple[Any, np.ndarray, np.ndarray]]:
    cache: dict[tuple[str, int], Any] = {}

    def fit(classifier: str, n_labels: int) -> tuple[Any, np.ndarray, np.ndarray]:
        X, y = make_data(n_labels)
        if (classifier, n_labels) not in cache:
            cache[classifier, n_labels] = sklearn.clone(CLASSIFIERS[classifier]).fit(X, y)
        return cache[classifier, n_labels], X, y

    return fit


@SINGLE_OUTPUT_WARNS
@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_scorers_read_one_label_as_a_label(fitted, classifier):
    estimator, X, y = fitted(classifier, 1)
    y_pred = np.reshape(estimator.predict(X), (-1, 1))
    y_prob = np.reshape(stack_lists(estimator.predict_proba(X)), (len(X), -1))[:, -1:]
    for name, scorer in metrics.multilabel_scorers().items():
        assert scorer(estimator, X, y) == expected_score(name, y, y_pred, y_prob, y_prob)


@pytest.mark.parametrize("constant", [0, 1])
@pytest.mark.parametrize("n_labels", [1, 2, 3])
@pytest.mark.parametrize("classifier", [FOREST, DummyClassifier(), KNeighborsClassifier()])
@SINGLE_OUTPUT_WARNS
def test_constant_label_is_certain(classifier, n_labels, constant):
    """What is new in the test fold must not turn the certainty round."""
    X, y = make_data(n_labels)
    y_fold = y.copy()
    y_fold[:, 0] = constant
    estimator = sklearn.clone(classifier).fit(X, y_fold)
    response = estimator.predict_proba(X)
    certain = np.full((len(X), 1), float(constant))
    y_prob = certain if n_labels == 1 else np.hstack([certain, stack_lists(response[1:])])
    for name in SCORE_SCORERS:
        value = metrics.get_multilabel_scorer(name)(estimator, X, y)
        assert value == expected_score(name, y, None, y_prob, y_prob)


@pytest.mark.parametrize("constants", [(0, 0), (0, 1), (1, 1), (0, 0, 0), (1, 0, 1)])
def test_all_labels_constant(constants):
    X, y = make_data(len(constants))
    estimator = DummyClassifier().fit(X, np.tile(constants, (len(X), 1)))
    value = metrics.get_multilabel_scorer("neg_label_log_loss")(estimator, X, y)
    assert value == -metrics.label_log_loss(y, np.tile(constants, (len(X), 1)))


def test_scores_without_probabilities():
    X, y = make_data(3)
    ridge = RidgeClassifier().fit(X, y)
    scores = ridge.decision_function(X)
    ranking = metrics.get_multilabel_scorer("neg_label_ranking_loss")
    assert ranking(ridge, X, y) == -metrics.label_ranking_loss(y, scores)
    with pytest.raises(AttributeError, match=r"must have predict_proba .* RidgeClassifier has not"):
        metrics.get_multilabel_scorer("neg_label_log_loss")(ridge, X, y)


@pytest.mark.parametrize("name", SCORERS)
def test_greater_is_better(name):
    X = y = make_data(12)[1]
    good = KNeighborsClassifier(1).fit(X, y)
    bad = KNeighborsClassifier(1).fit(X, 1 - y)
    scorer = metrics.get_multilabel_scorer(name)
    assert scorer(good, X, y) > scorer(bad, X, y)


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_cross_validate_with_two_workers(classifier, backend):
    X, y = make_data(2)
    with joblib.parallel_config(backend):
        here, there = (
            cross_validate(
                CLASSIFIERS[classifier],
                X,
                pd.DataFrame(y),
                cv=2,
                scoring=metrics.multilabel_scorers(),
                n_jobs=n_jobs,
                error_score="raise",
            )
            for n_jobs in (None, 2)
        )
    for name in SCORERS:
        assert np.isfinite(here[f"test_{name}"]).all()
        np.testing.assert_allclose(there[f"test_{name}"], here[f"test_{name}"])


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize("classifier", SPARSE_CLASSIFIERS)
def test_sparse_targets_give_the_same_scores(classifier, container):
    """In a search: ``cross_validate`` itself refuses sparse targets."""
    X, y = make_data(3)
    search = GridSearchCV(
        CLASSIFIERS[classifier],
        {},
        scoring=metrics.multilabel_scorers(),
        refit=False,
        cv=KFold(2),
        error_score="raise",
    )
    dense, from_sparse = (sklearn.clone(search).fit(X, target) for target in (y, container(y)))
    for name in SCORERS:
        key = f"mean_test_{name}"
        np.testing.assert_allclose(from_sparse.cv_results_[key], dense.cv_results_[key])


def test_classes_that_are_no_labels():
    """KNeighborsClassifier takes the columns of a sparse target for classes."""
    X, y = make_data(3)
    estimator = KNeighborsClassifier().fit(X, sparse.csr_matrix(y))
    scorers = metrics.multilabel_scorers()
    with pytest.raises(
        ValueError, match=r"(?s)classes_ must hold nothing but 0 and 1.*sparse targets"
    ):
        scorers["neg_label_log_loss"](estimator, X, y)
    with pytest.raises(ValueError, match=r"y_pred must hold one number"):
        scorers["f1_micro"](estimator, X, y)


@pytest.mark.parametrize("classes", [None, [[0, 1]], [[0, 1], [0]]])
def test_lists_without_their_classes(classes):
    class Lists:
        classes_ = classes

        def predict_proba(self, X: Any) -> list[np.ndarray]:
            return [np.full((len(X), 2), 0.5)] * 2

    scorer = metrics.get_multilabel_scorer("neg_label_log_loss")
    with pytest.raises(ValueError, match=r"classes_ must hold the classes .* \[2, 2\]; got"):
        scorer(Lists(), *make_data(2))


def test_grid_search_refits_on_a_scorer():
    X, y = make_data(3)
    search = GridSearchCV(
        KNeighborsClassifier(),
        {"n_neighbors": [1, 5]},
        scoring=metrics.multilabel_scorers(),
        refit="f1_micro",
        cv=2,
        error_score="raise",
    ).fit(X, y)
    assert search.best_score_ == search.cv_results_["mean_test_f1_micro"].max()
    assert search.score(X, y) == metrics.f1_score(y, search.predict(X), average="micro")


@pytest.mark.parametrize("scoring", [["f1_macro"], SCORE_SCORERS[:1], SCORERS])
def test_grid_search_takes_sample_weight(scoring):
    """Since scikit-learn 1.9 it hands the weights of ``fit`` on to the scorers."""
    X, y = make_data(2)
    scorers = metrics.multilabel_scorers(scoring)
    search = GridSearchCV(
        FOREST,
        {"max_depth": [1]},
        scoring=scorers if len(scorers) > 1 else scorers[scoring[0]],
        refit=scoring[0],
        cv=2,
        error_score="raise",
    )
    assert np.isfinite(search.fit(X, y, sample_weight=np.arange(len(X))).best_score_)


@pytest.fixture
def routing() -> Iterator[None]:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("name", ["f1_samples", "neg_label_log_loss"])
def test_weights_are_routed_on_request(name, several):
    X, y = make_data(2)
    weight = np.arange(len(X), dtype=float)
    weighted = metrics.get_multilabel_scorer(name).set_score_request(sample_weight="importance")
    plain = metrics.get_multilabel_scorer(name).set_score_request(sample_weight=False)
    result = cross_validate(
        sklearn.clone(FOREST).set_fit_request(sample_weight=False),
        X,
        y,
        cv=[(np.arange(30), np.arange(30, 60))],
        scoring={"weighted": weighted, "plain": plain} if several else weighted,
        params={"importance": weight},
        return_estimator=True,
        error_score="raise",
    )
    [forest] = result["estimator"]
    expected = plain(forest, X[30:], y[30:], sample_weight=weight[30:])
    assert result["test_weighted" if several else "test_score"] == [expected]
    if several:
        assert result["test_plain"] == [plain(forest, X[30:], y[30:])]
        assert result["test_plain"] != [expected]


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("name", ["f1_samples", "neg_label_log_loss"])
def test_weights_need_a_request(name):
    with pytest.raises((TypeError, ValueError), match="sample_weight"):  # the type has changed
        cross_validate(
            sklearn.clone(FOREST).set_fit_request(sample_weight=False),
            *make_data(2),
            scoring={name: metrics.get_multilabel_scorer(name)},
            params={"sample_weight": np.ones(60)},
        )


@pytest.mark.parametrize("name", ["f1_samples", "neg_label_log_loss"])
def test_requests_need_routing(name):
    with pytest.raises(RuntimeError, match="metadata routing is enabled"):
        metrics.get_multilabel_scorer(name).set_score_request(sample_weight=True)


def test_set_scorers_share_one_prediction():
    class Counting(DummyClassifier):
        n_calls = 0

        def predict(self, X: Any) -> Any:
            Counting.n_calls += 1
            return super().predict(X)

    X, y = make_data(3)
    cross_validate(Counting(), X, y, cv=2, scoring=metrics.multilabel_scorers())
    assert Counting.n_calls == 2


class Named(KNeighborsClassifier):
    """A classifier that knows the names of its labels, as those of this package do."""

    def fit(self, X: Any, y: Any) -> Any:
        self.label_names_ = np.array(y.columns)
        return super().fit(X, y)


@pytest.mark.parametrize("name", SCORERS)
def test_labels_in_another_order_are_refused(name):
    X, y = make_data(3)
    frame, scorer = pd.DataFrame(y, columns=list("abc")), metrics.get_multilabel_scorer(name)
    search = GridSearchCV(Named(), {"n_neighbors": [3, 5]}, scoring=scorer, error_score="raise")
    for estimator in (
        Named(),
        make_pipeline(StandardScaler(), Named()),
        search,
        MultiLabelTunedThresholdClassifierCV(KNeighborsClassifier(), cv=2),
        MultiLabelCalibratedClassifierCV(KNeighborsClassifier(), cv=2),
    ):
        fitted = estimator.fit(X, frame)
        assert scorer(fitted, X, frame) == scorer(fitted, X, y)
        with pytest.raises(ValueError, match="y_true must have the columns of the estimator's fit"):
            scorer(fitted, X, frame[list("cab")])


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_pickle_and_copy(fitted, name):
    scorer = metrics.get_multilabel_scorer(name)
    estimator, X, y = fitted("KNeighborsClassifier", 3)
    for other in (pickle.loads(pickle.dumps(scorer)), copy.deepcopy(scorer)):
        assert other(estimator, X, y) == scorer(estimator, X, y)
        assert repr(other).startswith(f"make_scorer({metric_of(name)[0].__name__}")


def test_scorers_are_new_each_time():
    first, second = metrics.multilabel_scorers(), metrics.multilabel_scorers()
    assert list(first) == SCORERS == list(metrics.SCORER_NAMES)
    assert not {id(scorer) for scorer in first.values()} & {id(s) for s in second.values()}
    assert list(metrics.multilabel_scorers(["recall_micro", "f1_micro"])) == [
        "recall_micro",
        "f1_micro",
    ]


def test_unknown_scorers():
    with pytest.raises(
        ValueError, match=r"scorer is unknown: 'f1_mirco'\. Did you mean 'f1_micro'"
    ):
        metrics.get_multilabel_scorer("f1_mirco")
    with pytest.raises(ValueError, match=r"'hamming_loss'\. Did you mean 'neg_hamming_loss'"):
        metrics.multilabel_scorers(["f1_micro", "hamming_loss"])
    with pytest.raises(ValueError, match=r"scorer is unknown: 3\. Legal names: .*f1_macro, "):
        metrics.get_multilabel_scorer(3)
    with pytest.raises(ValueError, match=r"got the string 'f1_micro'\. Pass \['f1_micro'\]"):
        metrics.multilabel_scorers("f1_micro")


def test_scorer_wants_an_indicator(fitted):
    estimator, X, y = fitted("KNeighborsClassifier", 3)
    for name in SCORERS:
        with pytest.raises(ValueError, match=r"y_true must have shape"):
            metrics.get_multilabel_scorer(name)(estimator, X, y[:, 0])


# Missing labels


class Echo(ClassifierMixin, BaseEstimator):
    """Gives its features back as scores, whatever it is fitted on."""

    def fit(self, X: Any, y: Any) -> Echo:
        self.classes_ = [np.array([0, 1])] * np.shape(y)[1]
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        return X

    def predict(self, X: Any) -> np.ndarray:
        return (X > 0.5).astype(int)


@pytest.mark.parametrize("n_labels", [1, 2, 4])
def test_missing_labels_pass_through(n_labels):
    X = np.random.default_rng(0).random((30, n_labels))
    y = np.where(X > 0.9, np.nan, X > 0.4)
    result = cross_validate(
        Echo(), X, y, cv=KFold(2), scoring=metrics.multilabel_scorers(), error_score="raise"
    )
    folds = [test for _, test in KFold(2).split(X)]
    for name in SCORERS:
        expected = [
            expected_score(name, y[fold], X[fold] > 0.5, X[fold], X[fold]) for fold in folds
        ]
        np.testing.assert_array_equal(result[f"test_{name}"], expected)


@pytest.mark.parametrize("name", SCORERS)
def test_nullable_columns_are_missing_labels(name):
    X = np.random.default_rng(0).random((30, 3))
    y = np.where(X > 0.9, np.nan, X > 0.4)
    frame = pd.DataFrame(y).astype("Int64")
    scorer, echo = metrics.get_multilabel_scorer(name), Echo().fit(X, y)
    assert scorer(echo, X, frame) == scorer(echo, X, y)


# Recipes


@pytest.mark.parametrize("name", SCORERS)
def test_recipes_score_what_is_at_hand(fitted, name):
    estimator, X, y = fitted("MLPClassifier", 3)
    weight = np.arange(len(X))
    recipe = metrics.find_recipe(name)
    response = next(
        getattr(estimator, method)(X) for method in recipe.methods if hasattr(estimator, method)
    )
    for extra in ({}, {"sample_weight": weight}):
        value = recipe.evaluate(y, response, **extra)
        assert value == metrics.get_multilabel_scorer(name)(estimator, X, y, **extra)


# Forms of scores


@pytest.mark.parametrize("convert", [np.asarray, np.ndarray.tolist])
def test_columns_of_ones_are_taken_from_lists(convert):
    first, second = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[0.3, 0.7], [0.6, 0.4]])
    classes = [convert(np.array([0, 1])), convert(np.array([1, 0]))]
    scores = metrics.align_scores([convert(first), convert(second)], classes, n_labels=2)
    np.testing.assert_array_equal(scores, [[0.1, 0.3], [0.8, 0.6]])


@pytest.mark.parametrize("n_samples", [0, 1, 3])
@pytest.mark.parametrize("n_labels", [1, 2, 5])
def test_arrays_are_taken_as_they_are(n_samples, n_labels):
    scores = np.random.default_rng(0).random((n_samples, n_labels))
    classes = [np.array([0, 1])] * n_labels
    for response in (scores, sparse.csr_array(scores), pd.DataFrame(scores)):
        aligned = metrics.align_scores(response, classes, n_labels=n_labels)
        np.testing.assert_array_equal(aligned, scores)
        assert aligned.shape == (n_samples, n_labels)


def test_one_label_may_have_one_dimension_or_two_columns():
    expected = [[0.1], [0.8]]
    pairs = np.array([[0.9, 0.1], [0.2, 0.8]])
    flat = metrics.align_scores(pairs[:, 1], [0, 1], n_labels=1)
    columns = metrics.align_scores(pairs, np.array([0, 1]), n_labels=1)
    np.testing.assert_array_equal(flat, expected)
    np.testing.assert_array_equal(columns, expected)


@pytest.mark.parametrize("n_labels", [1, 3])
def test_scores_of_other_labels(n_labels):
    message = re.escape(f"scores of shape (n_samples, {n_labels}), a column for each label; got")
    with pytest.raises(ValueError, match=message):
        metrics.align_scores(np.zeros((4, 2)), None, n_labels=n_labels)
    with pytest.raises(ValueError, match=message):
        metrics.align_scores([np.zeros((4, 2))] * 2, [[0, 1]] * 2, n_labels=n_labels)
