"""Calibrated probabilities: better on other rows, equal to scikit-learn's, in every container."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import expit, logit
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras.calibration import MultiLabelCalibratedClassifierCV
from skmultilabel_keras.metrics import label_log_loss, multilabel_scorers
from skmultilabel_keras.model_selection import MultilabelStratifiedKFold

METHODS = ["sigmoid", "isotonic", "temperature", "label_temperature"]
ESTIMATORS = {
    "logistic": OneVsRestClassifier(LogisticRegression(solver="liblinear")),
    "forest": RandomForestClassifier(10, random_state=0),
    "bayes": MultiOutputClassifier(GaussianNB()),
}


class Given(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose decision values, or probabilities, are its features."""

    def __init__(self, probabilities=False):
        self.probabilities = probabilities
        self.fitted_ = True

    def fit(self, X, y, sample_weight=None):
        raise AssertionError("must not be fitted")

    def __getattr__(self, name):
        wanted = "predict_proba" if vars(self).get("probabilities") else "decision_function"
        if name != wanted:
            raise AttributeError(name)
        return np.asarray


def make_data(n_samples=400, n_classes=4, seed=0):
    X, y = make_multilabel_classification(n_samples, 10, n_classes=n_classes, random_state=seed)
    return X, y


def copy_features(X):
    """Repeat features, which makes naive Bayes too sure of itself."""
    return np.tile(X, (1, 6))


def draw_labels(z, seed=0):
    return (np.random.default_rng(seed).random(z.shape) < expit(z)).astype(int)


def calibrate(estimator, *data, **params):
    return MultiLabelCalibratedClassifierCV(estimator, **params).fit(*data)


# What calibration is for


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "estimator",
    [
        ESTIMATORS["bayes"],
        make_pipeline(
            StandardScaler(), OneVsRestClassifier(LogisticRegression(C=1e3, solver="liblinear"))
        ),
    ],
    ids=["bayes", "overfitted"],
)
def test_probabilities_of_a_classifier_too_sure_of_itself_get_better(estimator, method):
    X, y = make_data(1000, 2)
    X = copy_features(X)
    if not isinstance(estimator, MultiOutputClassifier):
        X = np.hstack([X[:, :10], np.random.default_rng(0).normal(size=(1000, 150))])
    train, test = slice(0, 500), slice(500, None)

    plain = clone(estimator).fit(X[train], y[train])
    calibrated = calibrate(estimator, X[train], y[train], method=method)

    before = plain.predict_proba(X[test])
    if isinstance(before, list):
        before = np.column_stack([of_label[:, 1] for of_label in before])
    after = calibrated.predict_proba(X[test])
    assert label_log_loss(y[test], after) < 0.9 * label_log_loss(y[test], before)


def test_probabilities_of_a_forest_get_better():
    """Trees that agree are sure, and a label is sometimes there all the same."""
    X, y = make_data(1000)
    forest = RandomForestClassifier(5, random_state=0)
    train, test = slice(0, 700), slice(700, None)

    before = np.column_stack(
        [p[:, 1] for p in clone(forest).fit(X[train], y[train]).predict_proba(X[test])]
    )
    after = calibrate(forest, X[train], y[train]).predict_proba(X[test])

    assert label_log_loss(y[test], after) < 0.9 * label_log_loss(y[test], before)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
@pytest.mark.parametrize(
    ("method", "probabilities"),
    [
        ("sigmoid", False),  # takes probabilities as they are
        ("temperature", False),
        ("temperature", True),
        ("label_temperature", False),
        ("label_temperature", True),
    ],
)
def test_logits_that_were_scaled_are_scaled_back(temperature, probabilities, method):
    z = np.random.default_rng(1).normal(size=(20_000, 2)) * 1.5
    scaled = z * temperature

    model = calibrate(
        Given(probabilities),
        expit(scaled) if probabilities else scaled,
        draw_labels(z),
        method=method,
        cv="prefit",
    )

    for calibrator in model.calibrators_:
        assert calibrator.slope == pytest.approx(1 / temperature, rel=0.05)
        assert calibrator.intercept == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("method", METHODS)
@given(seed=st.integers(0, 10_000), spread=st.sampled_from([1e-3, 1.0, 50.0, 1e4]))
def test_order_is_kept(method, seed, spread):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(60, 2))
    y = draw_labels(z, seed)
    y[:5] = 0
    y[5:10] = 1
    z[5:10] += 3
    ordered = np.sort(rng.normal(size=(30, 2)) * 2, axis=0) * spread

    after = calibrate(Given(), z * spread, y, method=method, cv="prefit").predict_proba(ordered)

    assert ((after >= 0) & (after <= 1)).all()
    if method == "sigmoid":  # one direction for all scores of a label
        assert (np.abs(np.sign(np.diff(after, axis=0)).sum(axis=0)) >= 0).all()
        direction = np.sign(after[-1] - after[0])
        assert (np.diff(after, axis=0) * direction >= -1e-12).all()
    else:
        assert (np.diff(after, axis=0) >= -1e-12).all()


@pytest.mark.parametrize("method", METHODS)
def test_permuting_labels_permutes_probabilities(method):
    z = 3 * np.random.default_rng(0).normal(size=(80, 4))
    y = draw_labels(z / 2)
    order = [2, 0, 3, 1]

    one = calibrate(Given(), z, y, method=method, cv="prefit")
    other = calibrate(Given(), z[:, order], y[:, order], method=method, cv="prefit")

    np.testing.assert_allclose(
        other.predict_proba(z[:, order]), one.predict_proba(z)[:, order], rtol=1e-6
    )


# Equal to scikit-learn's


def sklearn_has(method):
    version = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
    return method != "temperature" or version >= (1, 8)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "temperature"])
@pytest.mark.parametrize("single", [LogisticRegression(solver="liblinear"), GaussianNB()])
def test_each_label_is_calibrated_as_scikit_learn_does(method, single):
    if not sklearn_has(method):
        pytest.skip("scikit-learn 1.8 has temperature scaling")
    X, y = make_data(300)
    wrapped = OneVsRestClassifier if hasattr(single, "decision_function") else MultiOutputClassifier
    folds = KFold(5, shuffle=True, random_state=0)

    ours = calibrate(
        wrapped(single),
        X,
        y,
        method="label_temperature" if method == "temperature" else method,
        cv=folds,
    ).predict_proba(X)

    for label in range(y.shape[1]):
        theirs = CalibratedClassifierCV(single, method=method, cv=folds, ensemble=False)
        wanted = theirs.fit(X, y[:, label]).predict_proba(X)[:, 1]
        np.testing.assert_allclose(ours[:, label], wanted, atol=2e-4)


@pytest.mark.parametrize("score", [0.1, 1 / 3, 2.5, -7e5, 0.0])
def test_equal_scores_have_one_probability(score):
    """Also where rounding makes their standard deviation differ from zero."""
    X, y = np.full((100, 1), score), np.arange(100)[:, np.newaxis] < 30
    calibrated = calibrate(Given(), X, y.astype(int), method="sigmoid", cv="prefit")
    near = score + np.array([[0.0], [1e-5], [-1e-5]])
    np.testing.assert_allclose(calibrated.predict_proba(near), 31 / 102, atol=0.01)


# Shapes and containers


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
@pytest.mark.parametrize("method", METHODS)
def test_shapes(estimator, method):
    X, y = make_data(120, 3)

    model = calibrate(estimator, X, y, method=method, cv=2)

    for n_samples in (1, 7):
        probability = model.predict_proba(X[:n_samples])
        assert probability.shape == (n_samples, 3)
        assert probability.dtype == np.float64
        assert ((probability >= 0) & (probability <= 1)).all()
        np.testing.assert_array_equal(model.predict(X[:n_samples]), probability > 0.5)
    assert [classes.tolist() for classes in model.classes_] == [[0, 1]] * 3
    assert (model.n_labels_, model.n_features_in_) == (3, 10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (0, 1), (1, 1), (4, 1)])
def test_few_rows_and_labels(method, shape):
    z = np.random.default_rng(0).normal(size=(60, shape[1]))

    model = calibrate(Given(), z, draw_labels(z), method=method, cv="prefit")

    assert model.predict_proba(np.zeros(shape)).shape == shape
    assert model.predict(np.zeros(shape)).shape == shape


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
def test_a_single_label(estimator):
    X, y = make_data(120, 3)
    y = y[:, :1]
    if isinstance(estimator, RandomForestClassifier):  # warns of a column
        estimator = MultiOutputClassifier(estimator)

    model = calibrate(estimator, X, y, cv=3)

    assert model.predict_proba(X).shape == y.shape
    assert model.predict(X).shape == y.shape


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.float32, np.float64])
@pytest.mark.parametrize(
    "make", [np.asarray, sparse.csr_array, sparse.csr_matrix, sparse.coo_array]
)
def test_predictions_have_the_container_of_y(make, dtype):
    X, y = make_data(120, 3)
    estimator = OneVsRestClassifier(GaussianNB())
    wanted = calibrate(estimator, X, y, cv=3).predict(X)

    predicted = calibrate(estimator, X, make(y.astype(dtype)), cv=3).predict(X)

    assert predicted.dtype == dtype
    if make is np.asarray:
        assert isinstance(predicted, np.ndarray)
    else:
        assert predicted.format == "csr"
        assert isinstance(predicted, sparse.sparray) == (make is not sparse.csr_matrix)
        predicted = predicted.toarray()
    np.testing.assert_array_equal(predicted, wanted)


@pytest.mark.parametrize("make", [np.ndarray.tolist, pd.DataFrame])
@pytest.mark.parametrize("make_X", [sparse.csr_matrix, sparse.csr_array, pd.DataFrame, np.asarray])
def test_lists_frames_and_sparse_features(make, make_X):
    X, y = make_data(120, 3)
    frame = make_X is pd.DataFrame
    named = make_X(X) if not frame else pd.DataFrame(X, columns=[f"f{i}" for i in range(10)])
    estimator = RandomForestClassifier(5, random_state=0)

    model = calibrate(estimator, named, make(y), cv=3)

    np.testing.assert_array_equal(
        model.predict_proba(named), calibrate(estimator, X, y, cv=3).predict_proba(X)
    )
    assert model.predict(named).dtype == np.int64
    assert hasattr(model, "feature_names_in_") == frame


# Which rows count


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "label_temperature"])
@pytest.mark.parametrize("nullable", [False, True])
def test_missing_labels_do_not_count(method, nullable):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 3))
    y = draw_labels(z).astype(float)
    y[rng.random(y.shape) < 0.3] = np.nan
    given = pd.DataFrame(y).astype("Int64") if nullable else y

    model = calibrate(Given(), z, given, method=method, cv="prefit")

    for label in range(3):
        known = ~np.isnan(y[:, label])
        column = np.s_[:, label : label + 1]
        alone = calibrate(Given(), z[column][known], y[column][known], method=method, cv="prefit")
        np.testing.assert_allclose(
            model.predict_proba(z)[column], alone.predict_proba(z[column]), atol=1e-7
        )
    assert model.predict(z).dtype == (np.int64 if nullable else np.float64)


def test_one_temperature_leaves_missing_labels_out():
    z = np.random.default_rng(0).normal(size=(300, 2))
    y = draw_labels(z).astype(float)
    y[200:, 1] = np.nan
    filled = np.where(np.isnan(y), 0, y)
    weight = (~np.isnan(y)).astype(float)

    missing = calibrate(Given(), z, y, method="temperature", cv="prefit")
    weighted = calibrate(Given(), z, filled, weight, method="temperature", cv="prefit")

    assert missing.calibrators_[0].slope == pytest.approx(weighted.calibrators_[0].slope)
    assert missing.calibrators_[0] is missing.calibrators_[1]


@pytest.mark.parametrize("method", METHODS)
def test_a_weight_of_two_is_a_row_that_is_there_twice(method):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(80, 2))
    y, weight = draw_labels(z), rng.integers(0, 4, 80)
    rows = np.repeat(np.arange(80), weight)

    weighted = calibrate(Given(), z, y, weight, method=method, cv="prefit")
    repeated = calibrate(Given(), z[rows], y[rows], method=method, cv="prefit")

    np.testing.assert_allclose(weighted.predict_proba(z), repeated.predict_proba(z), atol=1e-6)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic", "label_temperature"])
@pytest.mark.parametrize("n_true", [0, 4, 5, 195, 196, 200])
def test_rare_labels_keep_their_scores(method, n_true):
    p = np.random.default_rng(0).random((200, 2))
    y = draw_labels(logit(p))
    y[:, 1] = np.arange(200) < n_true

    model = calibrate(Given(probabilities=True), p, y, method=method, cv="prefit")

    kept = not 5 <= n_true <= 195
    assert [calibrator is None for calibrator in model.calibrators_] == [False, kept]
    assert np.array_equal(model.predict_proba(p)[:, 1], p[:, 1]) == kept


def test_rare_labels_of_decision_values_get_the_logistic_function():
    X, y = make_data(120, 3)
    y[:, 1] = np.arange(120) == 7
    ridge = MultiLabelCalibratedClassifierCV(RidgeClassifier(), cv=3).fit(X, y)
    logistic = calibrate(clone(ESTIMATORS["logistic"]).fit(X, y), X, y, cv="prefit")

    values = ridge.estimator_.decision_function(X)[:, 1]
    np.testing.assert_allclose(ridge.predict_proba(X)[:, 1], expit(values))
    assert not np.allclose(
        ridge.predict_proba(X)[:, 0], expit(ridge.estimator_.decision_function(X)[:, 0])
    )
    np.testing.assert_array_equal(
        logistic.predict_proba(X)[:, 1], logistic.estimator_.predict_proba(X)[:, 1]
    )


def test_the_temperature_of_all_labels_holds_for_rare_ones_too():
    z = np.random.default_rng(0).normal(size=(200, 2)) * 3
    y = draw_labels(z / 3)
    y[:, 1] = np.arange(200) < 1

    model = calibrate(Given(), z, y, method="temperature", cv="prefit")

    np.testing.assert_allclose(model.predict_proba(z), expit(model.calibrators_[0].slope * z))


def test_equal_scores_get_the_share_of_the_label():
    y = np.arange(100)[:, np.newaxis] < 30

    for method in ("sigmoid", "isotonic"):
        model = calibrate(Given(), np.full((100, 1), 2.5), y, method=method, cv="prefit")
        after = model.predict_proba([[2.5]])
        assert after[0, 0] == pytest.approx(0.3, abs=0.01)


# Splits


@pytest.mark.parametrize("method", METHODS)
def test_the_default_is_five_stratified_folds(method):
    X, y = make_data(150, 2)
    folds = MultilabelStratifiedKFold(5, random_state=0)
    masks = []
    for train, test in folds.split(X, y):
        masks.append((np.isin(np.arange(150), train), np.isin(np.arange(150), test)))
    wanted = calibrate(ESTIMATORS["bayes"], X, y, method=method).predict_proba(X)

    for cv in (5, np.int64(5), folds, list(folds.split(X, y)), masks):
        after = calibrate(ESTIMATORS["bayes"], X, y, method=method, cv=cv).predict_proba(X)
        np.testing.assert_array_equal(after, wanted)


def test_splits_need_not_cover_all_rows():
    X, y = make_data(200, 2)
    splitter = ShuffleSplit(3, test_size=0.3, random_state=0)

    model = calibrate(ESTIMATORS["bayes"], X, y, cv=splitter)

    whole = clone(ESTIMATORS["bayes"]).fit(X, y)
    np.testing.assert_array_equal(model.estimator_.predict(X), whole.predict(X))
    assert None not in model.calibrators_


def test_scores_are_out_of_fold():
    """On its own training rows a forest seems to be right, and would be left as it is."""
    X, y = make_data(200, 2)
    forest = RandomForestClassifier(20, random_state=0)

    after = calibrate(forest, X, y).predict_proba(X)
    fooled = calibrate(clone(forest).fit(X, y), X, y, cv="prefit").predict_proba(X)

    assert label_log_loss(y, fooled) < 0.5 * label_log_loss(y, after)


def test_a_fitted_estimator_is_left_alone():
    X, y = make_data(200, 2)
    estimator = clone(ESTIMATORS["bayes"]).fit(X[:100], y[:100])
    before = pickle.dumps(estimator)

    model = calibrate(estimator, X[100:], y[100:], cv="prefit")

    assert model.estimator_ is estimator
    assert pickle.dumps(estimator) == before


def test_an_estimator_is_cloned_otherwise():
    X, y = make_data(100, 2)
    estimator = clone(ESTIMATORS["bayes"])

    model = calibrate(estimator, X, y)

    assert model.estimator_ is not estimator
    assert not hasattr(estimator, "estimators_")


# scikit-learn's tools


def test_copies_predict_the_same():
    X, y = make_data(120, 3)
    for method in METHODS:
        model = calibrate(ESTIMATORS["logistic"], X, y, method=method, cv=2)
        wanted = model.predict_proba(X)

        np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), wanted)
        np.testing.assert_array_equal(clone(model).fit(X, y).predict_proba(X), wanted)
        assert clone(model).get_params()["method"] == method


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_nested_parameters_are_searched_by_two_workers(backend):
    X, y = make_data(120, 3)
    grid = {"method": METHODS, "estimator__estimator__C": [0.01, 1.0], "cv": [2]}
    model = MultiLabelCalibratedClassifierCV(ESTIMATORS["logistic"])

    with joblib.parallel_config(backend):
        one, two = (
            GridSearchCV(
                model,
                grid,
                scoring=multilabel_scorers(["neg_label_log_loss"])["neg_label_log_loss"],
                cv=2,
                n_jobs=n_jobs,
            ).fit(X, y)
            for n_jobs in (1, 2)
        )

    assert np.isfinite(two.cv_results_["mean_test_score"]).all()
    np.testing.assert_allclose(
        one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"]
    )


def test_scorers_and_cross_validation():
    X, y = make_data(150, 3)
    model = MultiLabelCalibratedClassifierCV(ESTIMATORS["forest"], cv=2, n_jobs=2)

    with joblib.parallel_config("threading"):
        result, named = (
            cross_validate(model, X, y, cv=2, scoring=scoring, error_score="raise")
            for scoring in (multilabel_scorers(), ["roc_auc", "f1_micro"])
        )

    assert all(np.isfinite(value).all() for value in {**result, **named}.values())


@pytest.mark.parametrize("estimator", [ESTIMATORS["logistic"], ESTIMATORS["forest"]])
def test_tags(estimator):
    tags = get_tags(MultiLabelCalibratedClassifierCV(estimator))

    assert tags.estimator_type == "classifier"
    assert tags.classifier_tags.multi_label
    assert tags.input_tags.sparse == get_tags(estimator).input_tags.sparse


class Recorder(Given):
    """Remembers the weights of each fit."""

    seen: list = []  # noqa: RUF012

    def fit(self, X, y, sample_weight=None, note=None):
        self.seen.append((sample_weight, note))
        return self


def test_weights_go_to_every_fit():
    z = np.random.default_rng(0).normal(size=(40, 2))
    y, weight = draw_labels(z), np.arange(1, 41)
    Recorder.seen.clear()

    MultiLabelCalibratedClassifierCV(Recorder(), cv=KFold(2)).fit(
        z, y, sample_weight=weight, note="a"
    )

    assert [note for _, note in Recorder.seen] == ["a"] * 3
    for (seen, _), wanted in zip(Recorder.seen, [weight[20:], weight[:20], weight], strict=True):
        np.testing.assert_array_equal(seen, wanted)


def test_weights_are_routed_on_request():
    z = np.random.default_rng(0).normal(size=(40, 2))
    y, weight = draw_labels(z), np.arange(1, 41)
    with config_context(enable_metadata_routing=True):
        for requested in (True, False):
            Recorder.seen.clear()
            estimator = Recorder().set_fit_request(sample_weight=requested, note=False)
            MultiLabelCalibratedClassifierCV(estimator, cv=2).fit(z, y, sample_weight=weight)
            assert [seen is not None for seen, _ in Recorder.seen] == [requested] * 3


# Bad input


class Diverged(Given):
    def __getattr__(self, name):
        if name != "predict_proba":
            raise AttributeError(name)
        return lambda X: np.full((len(X), 2), np.nan)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"method": "platt"}, "'method' parameter .* must be a str among .* Got 'platt' instead"),
        ({"cv": "fitted"}, "'cv' parameter .* Got 'fitted' instead"),
        ({"n_jobs": 0.5}, "'n_jobs' parameter"),
        ({"estimator": KFold()}, "'estimator' parameter .* 'fit' and 'predict_proba'"),
        ({"estimator": Diverged()}, "must give finite scores; predict_proba of Diverged returned"),
        ({"estimator": Given()}, r"scores of shape \(n_samples, 2\).*got shape \(40, 3\)"),
    ],
)
def test_parameters_are_checked(params, message):
    X = np.random.default_rng(0).normal(size=(40, 3))
    params = {"estimator": Given(), "cv": "prefit", **params}
    with pytest.raises(ValueError, match=message):
        MultiLabelCalibratedClassifierCV(**params).fit(X, draw_labels(X[:, :2]))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 1, 1], "y must be a label indicator .* got 1-D classes"),
        ([[0], [1], [2]], "y must hold only 0 and 1"),
        ([[0, 1], [1, 0]], "inconsistent numbers of samples"),
    ],
)
def test_targets_are_checked(y, message):
    with pytest.raises(ValueError, match=message):
        MultiLabelCalibratedClassifierCV(ESTIMATORS["bayes"]).fit(np.eye(3), y)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(3), r"one number for each row, .*got shape \(3,\)"),
        (np.full(20, -1), "must not be negative"),
    ],
)
def test_weights_are_checked(weight, message):
    X, y = make_data(20, 2)
    with pytest.raises(ValueError, match=message):
        MultiLabelCalibratedClassifierCV(ESTIMATORS["bayes"]).fit(X, y, weight)


def test_an_estimator_must_be_fitted_for_prefit():
    X, y = make_data(20, 2)
    with pytest.raises(NotFittedError, match="must be fitted for cv='prefit'; got MultiOutput"):
        MultiLabelCalibratedClassifierCV(clone(ESTIMATORS["bayes"]), cv="prefit").fit(X, y)
    with pytest.raises(NotFittedError, match="MultiLabelCalibratedClassifierCV instance is not"):
        MultiLabelCalibratedClassifierCV(ESTIMATORS["bayes"]).predict(X)


@pytest.mark.parametrize("method", ["temperature", "label_temperature", "isotonic"])
@pytest.mark.parametrize("unit", [1e-8, 1e-3, 1e5, 1e9])
def test_the_unit_of_scores_does_not_matter(method, unit):
    z = np.random.default_rng(0).normal(size=(200, 3))
    y = draw_labels(2 * z)
    plain = calibrate(Given(), z, y, method=method, cv="prefit").predict_proba(z)
    other = calibrate(Given(), unit * z, y, method=method, cv="prefit").predict_proba(unit * z)
    np.testing.assert_allclose(other, plain, atol=1e-6)


def test_weights_with_names_go_by_the_labels():
    X, y = make_data(60, 3)
    names = ["a", "b", "c"]
    frame = pd.DataFrame(y, columns=names)
    weight = pd.DataFrame(np.random.default_rng(0).random(y.shape), columns=names)
    clf = KerasMultiLabelClassifier("linear", epochs=2, random_state=0)
    one, other = (
        MultiLabelCalibratedClassifierCV(clf).fit(X, frame, given)
        for given in (weight, weight[["c", "a", "b"]])
    )
    assert np.array_equal(one.predict_proba(X), other.predict_proba(X))
