"""Metrics equal scikit-learn's where these are right, keep laws where not, and drive scorers."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
import sklearn.metrics as sk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
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

AVERAGES = ["micro", "macro", "samples", "weighted"]
RATIOS = ["precision_score", "recall_score", "f1_score", "jaccard_score"]
PLAIN = {"hamming_loss": "hamming_loss", "subset_accuracy": "accuracy_score"}
RANKINGS = {
    "label_ranking_average_precision": "label_ranking_average_precision_score",
    "coverage_error": "coverage_error",
    "label_ranking_loss": "label_ranking_loss",
}
SET_METRICS = [(name, {}) for name in PLAIN] + [
    (name, {"average": average}) for name in RATIOS for average in AVERAGES
]
SCORE_METRICS = ["label_log_loss", *RANKINGS]
SET_SCORERS = [
    "neg_hamming_loss",
    "subset_accuracy",
    *(f"f1_{average}" for average in AVERAGES),
    *(f"jaccard_{average}" for average in AVERAGES),
    *(f"{name}_{average}" for name in ("precision", "recall") for average in ("micro", "macro")),
]
SCORE_SCORERS = [
    "neg_label_log_loss",
    "label_ranking_average_precision",
    "neg_coverage_error",
    "neg_label_ranking_loss",
]
SCORERS = SET_SCORERS + SCORE_SCORERS

CONTAINERS: dict[str, Callable[[np.ndarray], Any]] = {
    "list": np.ndarray.tolist,
    "bool": lambda y: y.astype(bool),
    "float32": lambda y: y.astype(np.float32),
    "object": lambda y: y.astype(object),
    "frame": pd.DataFrame,
    "nullable frame": lambda y: pd.DataFrame(y).astype("boolean"),
    "read-only": lambda y: np.broadcast_to(y, y.shape),
    "bool csr_array": lambda y: sparse.csr_array(y.astype(bool)),
    "stored zeros": lambda y: _with_stored_zeros(y),
    **{
        f"{form}_{kind}": getattr(sparse, f"{form}_{kind}")
        for form in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
        for kind in ("matrix", "array")
    },
}


def _with_stored_zeros(y: np.ndarray) -> sparse.csr_array:
    n_samples, n_labels = y.shape
    columns = np.tile(np.arange(n_labels)[::-1], n_samples)
    starts = np.arange(0, y.size + 1, n_labels)
    return sparse.csr_array((y[:, ::-1].ravel(), columns, starts), shape=y.shape)


# Strategies


@st.composite
def indicators(draw: Any, shape: tuple[int, int]) -> np.ndarray:
    """Draw an indicator, often with rows and labels that hold nothing or everything."""
    y = draw(arrays(np.int64, shape, elements=st.integers(0, 1)))
    kinds = st.sampled_from(["keep", "keep", "zeros", "ones"])
    for axis_view in (y.T, y):
        for line in axis_view:
            kind = draw(kinds)
            line[...] = {"keep": line, "zeros": 0, "ones": 1}[kind]
    return y


def shapes(*, min_labels: int = 1) -> st.SearchStrategy:
    return st.tuples(st.integers(1, 6), st.integers(min_labels, 4))


def weights(n_samples: int, values: tuple[float, ...] = (0, 0.5, 1, 2)) -> st.SearchStrategy:
    """Weights that are exact in binary, so that rounding does not decide what is 0/0."""
    rows = st.lists(st.sampled_from(values), min_size=n_samples, max_size=n_samples)
    return rows.filter(any).map(np.array)


@st.composite
def label_sets(draw: Any, *, min_labels: int = 1) -> tuple[np.ndarray, np.ndarray, Any]:
    shape = draw(shapes(min_labels=min_labels))
    weight = draw(st.none() | weights(shape[0]))
    return draw(indicators(shape)), draw(indicators(shape)), weight


@st.composite
def label_scores(draw: Any, *, min_labels: int = 1) -> tuple[np.ndarray, np.ndarray, Any]:
    """Draw scores on a coarse grid of [0, 1]: ties, and the ends, are common."""
    shape = draw(shapes(min_labels=min_labels))
    grid = draw(arrays(np.int64, shape, elements=st.integers(0, 4)))
    weight = draw(st.none() | weights(shape[0]))
    return draw(indicators(shape)), grid / 4, weight


def law(max_examples: int = 40) -> Callable[[Any], Any]:
    return settings(
        max_examples=max_examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )


def all_values(y_true: Any, y_pred: Any, y_score: Any, weight: Any = None) -> np.ndarray:
    """Every metric, as one vector."""
    of_sets = [
        getattr(metrics, name)(y_true, y_pred, sample_weight=weight, **options)
        for name, options in SET_METRICS
    ]
    of_scores = [
        getattr(metrics, name)(y_true, y_score, sample_weight=weight) for name in SCORE_METRICS
    ]
    return np.array([*of_sets, *of_scores])


# Equality with scikit-learn


@pytest.mark.parametrize("name", PLAIN)
@given(case=label_sets(min_labels=2))
@law()
def test_plain_set_metrics_equal_sklearn(name, case):
    y_true, y_pred, weight = case
    expected = getattr(sk, PLAIN[name])(y_true, y_pred, sample_weight=weight)
    ours = getattr(metrics, name)
    assert ours(y_true, y_pred, sample_weight=weight) == pytest.approx(expected)
    sparse_sets = sparse.csr_array(y_true), sparse.csc_matrix(y_pred)
    assert ours(*sparse_sets, sample_weight=weight) == pytest.approx(expected)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("name", RATIOS)
@given(case=label_sets(min_labels=2), zero_division=st.sampled_from([0.0, 1.0]))
@law(25)
def test_ratios_equal_sklearn(name, average, case, zero_division):
    y_true, y_pred, weight = case
    options = {"average": average, "sample_weight": weight, "zero_division": zero_division}
    expected = getattr(sk, name)(y_true, y_pred, **options)
    ours = getattr(metrics, name)
    assert ours(y_true, y_pred, **options) == pytest.approx(expected)
    assert ours(sparse.csr_matrix(y_true), sparse.coo_array(y_pred), **options) == pytest.approx(
        expected
    )


@pytest.mark.parametrize("name", RANKINGS)
@given(case=label_scores(min_labels=2))
@law()
def test_rankings_equal_sklearn(name, case):
    y_true, y_score, weight = case
    expected = getattr(sk, RANKINGS[name])(y_true, y_score, sample_weight=weight)
    ours = getattr(metrics, name)
    assert ours(y_true, y_score, sample_weight=weight) == pytest.approx(expected)
    assert ours(sparse.csr_array(y_true), -1 + 3 * y_score, sample_weight=weight) == (
        pytest.approx(expected)
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(case=label_scores())
@law()
def test_log_loss_is_the_mean_of_sklearns(dtype, case):
    y_true, y_score, weight = case
    y_score = y_score.astype(dtype)
    by_label = [
        sk.log_loss(y_true[:, j], y_score[:, j], labels=[0, 1], sample_weight=weight)
        for j in range(y_true.shape[1])
    ]
    value = metrics.label_log_loss(sparse.csr_array(y_true), y_score, sample_weight=weight)
    assert value == pytest.approx(np.mean(by_label), rel=1e-6)


# One label


@pytest.mark.parametrize("average", ["micro", "macro"])
@pytest.mark.parametrize("name", RATIOS)
@given(data=st.data(), n_samples=st.integers(1, 6))
@law(15)
def test_single_label_counts_its_ones(name, average, data, n_samples):
    y_true, y_pred = (data.draw(indicators((n_samples, 1))) for _ in range(2))
    value = getattr(metrics, name)(y_true, y_pred, average=average)
    expected = getattr(sk, name)(y_true.ravel(), y_pred.ravel(), average="binary", zero_division=0)
    assert value == pytest.approx(expected)


@given(data=st.data(), n_samples=st.integers(1, 6))
@law(30)
def test_single_label_has_plain_values(data, n_samples):
    y_true, y_pred = (data.draw(indicators((n_samples, 1))) for _ in range(2))
    accuracy = np.mean(y_true == y_pred)
    assert metrics.subset_accuracy(y_true, y_pred) == pytest.approx(accuracy)
    assert metrics.hamming_loss(y_true, y_pred) == pytest.approx(1 - accuracy)
    assert metrics.label_ranking_average_precision(y_true, y_pred) == 1
    assert metrics.label_ranking_loss(y_true, y_pred) == 0
    assert metrics.coverage_error(y_true, y_pred) == pytest.approx(np.mean(y_true))


# Laws


@given(case=label_scores(), data=st.data())
@law()
def test_order_of_labels_and_rows_does_not_matter(case, data):
    y_true, y_score, weight = case
    y_pred = data.draw(indicators(y_true.shape))
    rows = data.draw(st.permutations(range(y_true.shape[0])))
    labels = data.draw(st.permutations(range(y_true.shape[1])))
    shuffled = (values[np.ix_(rows, labels)] for values in (y_true, y_pred, y_score))
    shuffled_weight = None if weight is None else weight[rows]
    np.testing.assert_allclose(
        all_values(*shuffled, shuffled_weight), all_values(y_true, y_pred, y_score, weight)
    )


@given(case=label_scores(), data=st.data())
@law()
def test_weights_repeat_rows(case, data):
    y_true, y_score, _ = case
    y_pred = data.draw(indicators(y_true.shape))
    weight = data.draw(weights(len(y_true), (0, 1, 2, 3)))
    repeated = (np.repeat(values, weight, axis=0) for values in (y_true, y_pred, y_score))
    np.testing.assert_allclose(
        all_values(y_true, y_pred, y_score, weight.tolist()), all_values(*repeated)
    )


@given(case=label_scores(), data=st.data(), scale=st.floats(1e-3, 1e3))
@law()
def test_scale_of_weights_does_not_matter(case, data, scale):
    """Nor does rounding in their sums: 0/0 stays 0/0."""
    y_true, y_score, _ = case
    y_pred = data.draw(indicators(y_true.shape))
    weight = data.draw(weights(len(y_true)))
    np.testing.assert_allclose(
        all_values(y_true, y_pred, y_score, scale * weight),
        all_values(y_true, y_pred, y_score, weight),
    )


@pytest.mark.parametrize("container", CONTAINERS)
@given(case=label_scores(), data=st.data())
@law(5)
def test_containers_do_not_matter(container, case, data):
    y_true, y_score, weight = case
    y_pred = data.draw(indicators(y_true.shape))
    convert = CONTAINERS[container]
    values = all_values(convert(y_true), convert(y_pred), y_score, weight)
    assert (values == all_values(y_true, y_pred, y_score, weight)).all()


@given(case=label_scores())
@law(10)
def test_containers_of_scores_do_not_matter(case):
    y_true, y_score, weight = case
    expected = all_values(y_true, y_true, y_score, weight)
    for convert in (np.ndarray.tolist, pd.DataFrame, sparse.csr_array):
        assert (all_values(y_true, y_true, convert(y_score), weight) == expected).all()


@given(case=label_scores(), data=st.data())
@law()
def test_every_value_is_defined(case, data):
    y_true, y_score, weight = case
    y_pred = data.draw(indicators(y_true.shape))
    values = all_values(y_true, y_pred, y_score, weight)
    most = np.ones(len(values))
    names = [name for name, _ in SET_METRICS] + SCORE_METRICS
    most[names.index("coverage_error")] = y_true.shape[1]
    most[names.index("label_log_loss")] = -np.log(np.finfo(np.float64).eps)
    assert (values >= 0).all()
    assert (values <= most).all()


@given(y=shapes().flatmap(indicators), data=st.data())
@law()
def test_the_truth_is_exactly_right(y, data):
    weight = np.array(data.draw(st.lists(st.floats(0.1, 1), min_size=len(y), max_size=len(y))))
    assert metrics.hamming_loss(y, y, sample_weight=weight) == 0
    for name, options in SET_METRICS[1:]:
        extra = {"zero_division": 1.0} if options else {}
        value = getattr(metrics, name)(y, y, sample_weight=weight, **options, **extra)
        assert value == 1


@given(y=shapes().flatmap(indicators))
@law(20)
def test_inputs_are_left_alone(y):
    with_zeros = _with_stored_zeros(y)
    before = copy.deepcopy(with_zeros)
    all_values(with_zeros, with_zeros, y / 2)
    for part in ("data", "indices", "indptr"):
        assert (getattr(with_zeros, part) == getattr(before, part)).all()


@pytest.mark.parametrize("name", RATIOS)
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("zero_division", [0, 0.25, np.float32(0.5), 1.0])
def test_zero_division_is_the_value_of_nothing(name, average, zero_division):
    nothing = np.zeros((3, 2))
    value = getattr(metrics, name)(nothing, nothing, average=average, zero_division=zero_division)
    assert isinstance(value, float)
    assert value == zero_division


@pytest.mark.parametrize(
    ("name", "none", "all_labels"),
    [
        ("label_ranking_average_precision", 1, 1),
        ("coverage_error", 0, 3),
        ("label_ranking_loss", 0, 0),
    ],
)
def test_rankings_of_degenerate_rows(name, none, all_labels):
    y_score = [[0.1, 0.7, 0.7]]
    assert getattr(metrics, name)(np.zeros((1, 3)), y_score) == none
    assert getattr(metrics, name)(np.ones((1, 3)), y_score) == all_labels


# Errors

Y = np.array([[1, 0], [0, 1], [1, 1]])
P = np.array([[0.9, 0.2], [0.4, 0.6], [0.5, 0.5]])

BAD_SETS = {
    "other shape": ((Y, Y[:, :1]), r"y_pred must have the shape of y_true, \(3, 2\); got .*3, 1"),
    "other rows": ((Y, Y[:2]), r"y_pred must have the shape of y_true, \(3, 2\); got .*2, 2"),
    "transposed": ((sparse.csr_array(Y), Y.T), r"y_pred must have the shape of y_true"),
    "no rows": ((Y[:0], Y[:0]), r"y_true and y_pred must have a row .* got shape \(0, 2\)"),
    "no labels": ((Y[:, :0], Y[:, :0]), r"must have .* a label at least; got shape \(3, 0\)"),
    "1-D truth": ((Y[:, 0], Y), r"y_true must have shape .*got shape \(3,\).*np\.reshape\(y_true"),
    "1-D both": ((Y[:, 0], Y[:, 0]), r"For a single label pass a column"),
    "1-D predictions": ((Y[:, :1], Y[:, 0]), r"np\.reshape\(y_pred, \(-1, 1\)\)"),
    "1-D Series": ((pd.Series([0, 1]), [[0], [1]]), r"y_true must have shape"),
    "empty list": (([], []), r"y_true must have shape \(n_samples, n_labels\); got shape \(0,\)"),
    "3-D": ((Y[None], Y[None]), r"got shape \(1, 3, 2\)"),
    "2 in truth": ((2 * Y, Y), r"y_true must hold nothing but 0 and 1; got 2"),
    "-1 in truth": ((2 * Y - 1, Y), r"y_true must hold nothing but 0 and 1; got -1"),
    "scores": ((Y, P), r"y_pred must hold nothing but 0 and 1; got 0\.9\. Turn scores into"),
    "sparse scores": ((Y, sparse.csr_matrix(P)), r"y_pred must hold nothing but 0 and 1; got 0\.9"),
    "NaN in truth": (([[np.nan, 1]], [[0, 1]]), r"y_true must hold nothing .* got nan.*missing"),
    "infinity": (([[np.inf, 1]], [[0, 1]]), r"y_true must hold nothing but 0 and 1; got inf"),
    "ragged": (([[0, 1], [1]], Y), r"y_true must hold one number .*got list.*MultiLabelBinarizer"),
    "names": (([["a", "b"], ["b", "c"]], Y), r"y_true must hold one number .*dtype <U1"),
    "numbers as text": (([["0"], ["1"]], [[0], [1]]), r"y_true must hold one number .*dtype <U1"),
    "dates": ((Y.astype("datetime64[s]"), Y), r"y_true must hold one number .*dtype datetime64"),
    "pandas.NA": (
        (pd.DataFrame({"a": [1, pd.NA], "b": [0, 1]}, dtype="Int64").astype(object), Y[:2]),
        r"y_true must hold one number .* got DataFrame",
    ),
    "nothing": ((None, Y), r"y_true must have shape|y_true must hold one number"),
}

BAD_SCORES = {
    "NaN": ((Y[:1], [[0.5, np.nan]]), r"y_score must be finite; got nan in row 0, column 1"),
    "infinity": ((Y[:1], [[-np.inf, 0]]), r"y_score must be finite; got -inf in row 0, column 0"),
    "other shape": ((Y, P[:, :1]), r"y_score must have the shape of y_true, \(3, 2\)"),
    "1-D": ((Y[:, :1], P[:, 0]), r"y_score must have shape .* got shape \(3,\)"),
    "list of pairs": ((Y, [np.c_[1 - p, p] for p in P.T]), r"y_score must have .*\(2, 3, 2\)"),
    "no rows": ((Y[:0], P[:0]), r"y_true and y_score must have a row"),
    "text": ((Y[:1], [["a", "b"]]), r"y_score must hold one number"),
    "scores as truth": ((P, P), r"y_true must hold nothing but 0 and 1; got 0\.9"),
    "1-D truth": ((Y[:, 0], P), r"y_true must have shape"),
}

BAD_WEIGHTS = {
    "too few": ([1, 2], r"sample_weight must hold one number .*\(3,\); got shape \(2,\)"),
    "a column": ([[1], [1], [1]], r"sample_weight must hold one number"),
    "negative": ([1, -1, 1], r"sample_weight must not be negative; got -1 in row 1"),
    "all zero": ([0, 0, 0], r"sample_weight must contain at least one non-zero"),
    "NaN": ([1, np.nan, 1], r"sample_weight contains NaN"),
}


@pytest.mark.parametrize("case", BAD_SETS)
@pytest.mark.parametrize(("name", "options"), SET_METRICS[:3])
def test_bad_label_sets(name, options, case):
    sets, message = BAD_SETS[case]
    with pytest.raises(ValueError, match=message):
        getattr(metrics, name)(*sets, **options)


@pytest.mark.parametrize("case", BAD_SCORES)
@pytest.mark.parametrize("name", SCORE_METRICS)
def test_bad_label_scores(name, case):
    scores, message = BAD_SCORES[case]
    with pytest.raises(ValueError, match=message):
        getattr(metrics, name)(*scores)


@pytest.mark.parametrize("case", BAD_WEIGHTS)
@pytest.mark.parametrize(("name", "options"), [*SET_METRICS[:3], *((n, {}) for n in SCORE_METRICS)])
def test_bad_weights(name, options, case):
    weight, message = BAD_WEIGHTS[case]
    with pytest.raises(ValueError, match=message):
        getattr(metrics, name)(Y, Y, sample_weight=weight, **options)


@pytest.mark.parametrize("scores", [[[-0.1, 0.5]], [[1.5, 0.5]]])
def test_log_loss_wants_probabilities(scores):
    with pytest.raises(ValueError, match=r"y_score must hold probabilities.*predict_proba"):
        metrics.label_log_loss([[0, 1]], scores)


@pytest.mark.parametrize(
    ("average", "message"),
    [
        ("marco", r"average is unknown: 'marco'\. Did you mean 'macro'"),
        ("binary", r"average is unknown: 'binary'\. Legal names: macro, micro, samples, weighted"),
        (None, r"average is unknown: None"),
        (["micro"], r"average is unknown: \['micro'\]"),
    ],
)
@pytest.mark.parametrize("name", RATIOS)
def test_unknown_average(name, average, message):
    with pytest.raises(ValueError, match=message):
        getattr(metrics, name)(Y, Y, average=average)


@pytest.mark.parametrize("zero_division", [np.nan, -0.1, 2, "warn", None])
@pytest.mark.parametrize("name", RATIOS)
def test_bad_zero_division(name, zero_division):
    with pytest.raises(ValueError, match=r"zero_division must be a number between 0 and 1; got"):
        getattr(metrics, name)(Y, Y, average="micro", zero_division=zero_division)


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
    family, average = name.rsplit("_", 1)
    return getattr(metrics, f"{family}_score"), {"average": average}, sign


def expected_score(name: str, y: Any, y_pred: Any, y_prob: Any, y_rank: Any, **extra: Any) -> float:
    metric, options, sign = metric_of(name)
    if metric is metrics.label_log_loss:
        return sign * metric(y, y_prob, **extra)
    response = y_rank if metric.__name__ in RANKINGS else y_pred
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
    X = y = make_data(3)[1]
    good = KNeighborsClassifier(1).fit(X, y)
    bad = KNeighborsClassifier(1).fit(X, 1 - y)
    scorer = metrics.get_multilabel_scorer(name)
    assert scorer(good, X, y) > scorer(bad, X, y)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_cross_validate_in_processes(classifier):
    X, y = make_data(2)
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


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_pickle_and_copy(fitted, name):
    scorer = metrics.get_multilabel_scorer(name)
    estimator, X, y = fitted("KNeighborsClassifier", 3)
    for other in (pickle.loads(pickle.dumps(scorer)), copy.deepcopy(scorer)):
        assert other(estimator, X, y) == scorer(estimator, X, y)
        assert repr(other).startswith(f"make_scorer({metric_of(name)[0].__name__}")


def test_scorers_are_new_each_time():
    first, second = metrics.multilabel_scorers(), metrics.multilabel_scorers()
    assert list(first) == SCORERS
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
    with pytest.raises(ValueError, match=r"scorer is unknown: 3\. Legal names: f1_macro, "):
        metrics.get_multilabel_scorer(3)
    with pytest.raises(ValueError, match=r"got the string 'f1_micro'\. Pass \['f1_micro'\]"):
        metrics.multilabel_scorers("f1_micro")


def test_scorer_wants_an_indicator(fitted):
    estimator, X, y = fitted("KNeighborsClassifier", 3)
    for name in SCORERS:
        with pytest.raises(ValueError, match=r"y_true must have shape"):
            metrics.get_multilabel_scorer(name)(estimator, X, y[:, 0])


def test_exports():
    own = {name for name, value in vars(metrics).items() if _is_own(value)}
    assert sorted(name for name in own if not name.startswith("_")) == metrics.__all__


def _is_own(value: Any) -> bool:
    return callable(value) and getattr(value, "__module__", None) == metrics.__name__
