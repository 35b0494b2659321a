"""Laws of tuned thresholds: any classifier, any container, out-of-fold scores."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    LeaveOneOut,
    ShuffleSplit,
    cross_val_predict,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import get_tags

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras.decision_rules import Threshold
from skmultilabel_keras.metrics import get_multilabel_scorer
from skmultilabel_keras.model_selection import (
    CostObjective,
    FBetaObjective,
    MultilabelStratifiedKFold,
    MultilabelStratifiedShuffleSplit,
    MultiLabelTunedThresholdClassifierCV,
    PrecisionAtLeast,
    RecallAtLeast,
)

# Processes import everything anew, which takes seconds; that copies are alike is tested apart.
BACKENDS = ["threading", pytest.param("loky", marks=pytest.mark.slow)]


def logistic():
    return LogisticRegression(solver="liblinear")


CLASSIFIERS = {
    "one versus rest": OneVsRestClassifier(logistic()),
    "multi-output": MultiOutputClassifier(logistic()),
    "forest": RandomForestClassifier(10, max_depth=3, random_state=0),
    "neighbors": KNeighborsClassifier(7),
    "network": MLPClassifier((8,), max_iter=20, random_state=0),
    "pipeline": make_pipeline(StandardScaler(), OneVsRestClassifier(logistic())),
    "dummy": DummyClassifier(strategy="prior"),
}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Centroids(ClassifierMixin, BaseEstimator):
    """Probabilities by the distance to weighted class means, which skip missing labels.

    It keeps what ``fit`` got in ``seen_``.
    """

    def __init__(self, scale=1.0):
        self.scale = scale

    def fit(self, X, y, sample_weight=None, offset=0.0, row_names=None):
        self.seen_ = {"X": X, "y": y, "sample_weight": sample_weight, "row_names": row_names}
        X, y = np.asarray(X), y.toarray() if sparse.issparse(y) else np.asarray(y, dtype=float)
        weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight)
        weight = weight if weight.ndim == 2 else weight[:, np.newaxis]
        means = [
            (chosen.T @ X) / np.maximum(chosen.sum(axis=0)[:, np.newaxis], 1e-9)
            for chosen in (weight * (y == 1), weight * (y == 0))
        ]
        self.direction_ = means[0] - means[1]
        self.offset_ = offset - ((means[0] + means[1]) / 2 * self.direction_).sum(axis=1)
        self.n_features_in_ = X.shape[1]
        return self

    def decision_function(self, X):
        return self.scale * (np.asarray(X) @ self.direction_.T + self.offset_)

    def predict_proba(self, X):
        return 1 / (1 + np.exp(-self.decision_function(X)))


def make_data(n_samples=120, n_labels=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 6))
    noise = rng.normal(size=(n_samples, n_labels))
    y = X[:, :1] + X[:, 1 : n_labels + 1] + noise > np.linspace(0.3, 1.3, n_labels)
    return X, y.astype(int)


class Given(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose probabilities are its features."""

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, X):
        return np.asarray(X)


def tune(estimator, X, y, sample_weight=None, fit_params=(), **params):
    tuned = MultiLabelTunedThresholdClassifierCV(estimator, **{"random_state": 0, **params})
    return tuned.fit(X, y, sample_weight, **dict(fit_params))


def rows_of(part, X):
    """Return which rows of ``X`` a part of it holds, in its order."""
    return (part[:, np.newaxis] == X).all(axis=2).argmax(axis=1)


@pytest.mark.parametrize("name", CLASSIFIERS)
class TestAnyClassifier:
    @pytest.mark.parametrize("n_labels", [1, 2, 5])
    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
    def test_shapes(self, name, n_labels):
        """One label and two labels are where classifiers return other shapes."""
        X, y = make_data(n_labels=n_labels)
        tuned = tune(CLASSIFIERS[name], X, y, cv=3)
        assert tuned.thresholds_.shape == (n_labels,)
        assert tuned.n_labels_ == n_labels
        assert [c.tolist() for c in tuned.classes_] == [[0, 1]] * n_labels
        assert tuned.n_features_in_ == 6
        for n_samples in (1, 2, 9):
            probabilities = tuned.predict_proba(X[:n_samples])
            assert probabilities.shape == (n_samples, n_labels)
            predicted = tuned.predict(X[:n_samples])
            assert predicted.dtype == y.dtype
            np.testing.assert_array_equal(predicted, probabilities > tuned.thresholds_)

    def test_scores_are_out_of_fold(self, name):
        X, y = make_data()
        cv = MultilabelStratifiedKFold(3, random_state=0)
        tuned = tune(CLASSIFIERS[name], X, y, cv=cv, store_cv_results=True)
        expected = cross_val_predict(CLASSIFIERS[name], X, y, cv=cv, method="predict_proba")
        if isinstance(expected, list):
            expected = np.column_stack([p[:, 1] for p in expected])
        order = tuned.cv_results_["indices"]
        np.testing.assert_array_equal(np.sort(order), np.arange(len(X)))
        np.testing.assert_allclose(tuned.cv_results_["y_score"], expected[order])

    def test_the_final_classifier_has_seen_all_rows(self, name):
        X, y = make_data()
        tuned = tune(CLASSIFIERS[name], X, y)
        expected = clone(CLASSIFIERS[name]).fit(X, y).predict_proba(X)
        if isinstance(expected, list):
            expected = np.column_stack([p[:, 1] for p in expected])
        np.testing.assert_allclose(tuned.predict_proba(X), expected)

    @pytest.mark.parametrize("objective", ["f1_macro", "f1_micro", "f1_samples"])
    def test_it_improves_its_objective(self, name, objective):
        X, y = make_data(400)
        tuned = tune(CLASSIFIERS[name], X, y, objective=objective, store_cv_results=True)
        index, score = tuned.cv_results_["indices"], tuned.cv_results_["y_score"]
        average = objective.removeprefix("f1_")
        options = {"average": average, "zero_division": 0.0}
        assert tuned.best_score_ >= sk.f1_score(y[index], score > 0.5, **options)
        reached = sk.f1_score(y[index], score > tuned.thresholds_, **options)
        assert tuned.best_score_ == pytest.approx(reached)

    def test_tools_of_scikit_learn(self, name):
        X, y = make_data()
        tuned = MultiLabelTunedThresholdClassifierCV(CLASSIFIERS[name], cv=2, random_state=0)
        scorer = get_multilabel_scorer("f1_micro")
        scores = cross_validate(tuned, X, y, cv=2, scoring=scorer, error_score="raise")
        assert np.isfinite(scores["test_score"]).all()
        fitted = clone(tuned).fit(X, y)
        copied = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(copied.predict(X), fitted.predict(X))
        assert scorer(fitted, X, y) == pytest.approx(
            sk.f1_score(y, fitted.predict(X), average="micro")
        )
        for scoring in ("roc_auc", "average_precision", "f1_macro", "accuracy"):
            assert np.isfinite(sk.get_scorer(scoring)(fitted, X, y))


class TestContainers:
    @pytest.mark.parametrize("n_labels", [1, 3])
    @pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.float32, np.float64])
    def test_dense_dtypes(self, dtype, n_labels):
        X, y = make_data(n_labels=n_labels)
        tuned = tune(Centroids(), X, y.astype(dtype))
        expected = tune(Centroids(), X, y)
        np.testing.assert_array_equal(tuned.thresholds_, expected.thresholds_)
        predicted = tuned.predict(X)
        assert predicted.dtype == dtype
        np.testing.assert_array_equal(predicted, expected.predict(X))

    @pytest.mark.parametrize(
        "make", [np.ndarray.tolist, lambda y: y.astype(object), pd.DataFrame, np.asfortranarray]
    )
    def test_dense_containers(self, make):
        X, y = make_data()
        tuned = tune(Centroids(), X, make(y))
        np.testing.assert_array_equal(tuned.thresholds_, tune(Centroids(), X, y).thresholds_)
        assert tuned.predict(X).dtype == np.int64

    @pytest.mark.parametrize("dtype", [bool, np.int8, np.float64])
    @pytest.mark.parametrize("kind", ["csr_array", "csr_matrix", "csc_array", "coo_matrix"])
    def test_sparse_labels(self, kind, dtype):
        X, y = make_data()
        made = getattr(sparse, kind)(y.astype(dtype))
        tuned = tune(OneVsRestClassifier(logistic()), X, made)
        expected = tune(OneVsRestClassifier(logistic()), X, y)
        np.testing.assert_array_equal(tuned.thresholds_, expected.thresholds_)
        predicted = tuned.predict(X)
        assert predicted.format == "csr"
        assert predicted.dtype == dtype
        assert isinstance(predicted, sparse.sparray) == kind.endswith("array")
        np.testing.assert_array_equal(predicted.toarray(), expected.predict(X))

    def test_the_dtype_of_a_frame_is_that_of_its_columns(self):
        """Whether a fold happens to miss a label must not change what comes back."""
        X, y = make_data()
        for frame, dtype in [
            (pd.DataFrame(y).astype("Int64"), np.int64),
            (pd.DataFrame(y).astype("float32"), np.float64),
        ]:
            assert tune(Centroids(), X, frame).predict(X).dtype == dtype
            frame.iloc[3, 1] = pd.NA
            holes = frame.astype(float) if dtype == np.float64 else frame
            tuned = MultiLabelTunedThresholdClassifierCV(MissingAware(), random_state=0)
            assert tuned.fit(X, holes).predict(X).dtype == dtype

    @pytest.mark.parametrize("make", [sparse.csr_array, sparse.csr_matrix, pd.DataFrame])
    def test_features(self, make):
        X, y = make_data()
        classifier = OneVsRestClassifier(logistic())
        tuned, expected = tune(classifier, make(X), y), tune(classifier, X, y)
        np.testing.assert_allclose(tuned.thresholds_, expected.thresholds_, rtol=1e-3)

    def test_names_of_features(self):
        X, y = make_data()
        frame = pd.DataFrame(X, columns=list("abcdef"))
        tuned = tune(RandomForestClassifier(5, random_state=0), frame, y)
        assert tuned.feature_names_in_.tolist() == list("abcdef")
        assert not hasattr(tuned.fit(X, y), "feature_names_in_")

    def test_rows_of_text_and_images(self):
        class ByLength(Centroids):
            def fit(self, X, y, **params):
                return super().fit([[len(x)] for x in X], y, **params)

            def decision_function(self, X):
                return super().decision_function([[len(x)] for x in X])

        _, y = make_data(n_labels=1)
        texts = ["a" * (1 + 3 * int(label) + i % 3) for i, label in enumerate(y[:, 0])]
        assert tune(ByLength(), texts, y).predict(texts).shape == y.shape
        images = np.zeros((120, 2, 2))
        tuned = tune(DummyClassifier(), images, y)
        assert tuned.predict(images[:1]).shape == (1, 1)


class MissingAware(Centroids):
    def fit(self, X, y, **params):
        if isinstance(y, pd.DataFrame):
            y = y.to_numpy(dtype=float, na_value=np.nan)
        return super().fit(X, y, **params)


class TestMissingLabels:
    def make(self):
        X, y = make_data(200)
        return X, np.where(np.random.default_rng(0).random(y.shape) < 0.2, np.nan, y)

    @pytest.mark.parametrize(
        "make",
        [
            np.asarray,
            pd.DataFrame,
            lambda y: pd.DataFrame(y, dtype="Float64"),
            np.ma.masked_invalid,
        ],
    )
    def test_they_do_not_count(self, make):
        X, y = self.make()
        tuned = tune(MissingAware(), X, make(y), store_cv_results=True)
        index, score = tuned.cv_results_["indices"], tuned.cv_results_["y_score"]
        f1 = []
        for j in range(3):
            known = ~np.isnan(y[index, j])
            predicted = score[known, j] > tuned.thresholds_[j]
            f1.append(sk.f1_score(y[index, j][known], predicted))
        assert tuned.best_score_ == pytest.approx(np.mean(f1))
        assert np.isin(np.asarray(tuned.predict(X), dtype=float), (0, 1)).all()

    @pytest.mark.parametrize("objective", ["f1_macro", RecallAtLeast(0.5), PrecisionAtLeast(0.5)])
    def test_a_label_that_is_missing_in_the_scored_rows(self, objective):
        X, y = self.make()
        cv = [(np.arange(100), np.arange(100, 200))]
        expected = tune(MissingAware(), X, y[:, [0, 2]], cv=cv, objective=objective)
        y[100:, 1] = np.nan
        tuned = tune(MissingAware(), X, y, cv=cv, objective=objective)
        np.testing.assert_array_equal(tuned.thresholds_[[0, 2]], expected.thresholds_)
        assert tuned.best_score_ == pytest.approx(expected.best_score_)

    def test_a_label_that_is_missing_in_all_rows(self):
        X, y = self.make()
        y[:, 1] = np.nan
        with pytest.raises(ValueError, match="all are NaN for label 1"):
            tune(MissingAware(), X, y)


class TestRareLabels:
    @pytest.mark.parametrize("n_positive", [0, 1, 2, 3, 4])
    def test_fewer_rows_than_folds_get_the_shared_cut(self, n_positive):
        X, y = make_data(200)
        y[:, 2] = 0
        y[:n_positive, 2] = 1
        tuned = tune(Centroids(), X, y, cv=4)
        shared = tune(Centroids(), X, y, cv=4, objective="f1_micro").thresholds_[0]
        assert (tuned.thresholds_[2] == shared) == (n_positive < 4)
        assert (tuned.thresholds_[:2] != shared).any()

    def test_labels_that_never_vary(self):
        X, y = make_data()
        y[:, 0], y[:, 1] = 0, 1
        forest = RandomForestClassifier(5, random_state=0)
        predicted = tune(forest, X, y).predict(X)
        assert not predicted[:, 0].any()
        assert predicted[:, 1].all()


class TestSplits:
    def test_numbers_stand_for_stratified_splits(self):
        X, y = make_data()
        for number, splitter in [
            (None, MultilabelStratifiedKFold(5, random_state=0)),
            (3, MultilabelStratifiedKFold(3, random_state=0)),
            (0.3, MultilabelStratifiedShuffleSplit(1, test_size=0.3, random_state=0)),
        ]:
            one, other = (
                tune(Centroids(), X, y, cv=cv, store_cv_results=True) for cv in (number, splitter)
            )
            for name in ("indices", "y_score"):
                np.testing.assert_array_equal(one.cv_results_[name], other.cv_results_[name])
            np.testing.assert_array_equal(one.thresholds_, other.thresholds_)

    def test_iterables_and_masks(self):
        X, y = make_data()
        expected = tune(Centroids(), X, y, cv=KFold(3)).thresholds_
        splits = list(KFold(3).split(X))
        masks = [(np.isin(np.arange(len(X)), a), np.isin(np.arange(len(X)), b)) for a, b in splits]
        for cv in (splits, masks, iter(splits)):
            np.testing.assert_array_equal(tune(Centroids(), X, y, cv=cv).thresholds_, expected)

    def test_rows_may_be_scored_several_times_or_never(self):
        X, y = make_data()
        cv = ShuffleSplit(3, test_size=0.5, random_state=0)
        tuned = tune(Centroids(), X, y, cv=cv, store_cv_results=True)
        np.testing.assert_array_equal(
            tuned.cv_results_["indices"], np.hstack([test for _, test in cv.split(X)])
        )

    def test_without_refit_the_classifier_of_the_split_is_kept(self):
        X, y = make_data()
        tuned = tune(Centroids(), X, y, cv=0.25, refit=False)
        assert len(tuned.estimator_.seen_["X"]) == 90
        assert len(tune(Centroids(), X, y, cv=0.25).estimator_.seen_["X"]) == 120

    @pytest.mark.parametrize("cv", [None, 3, KFold(2)])
    def test_without_refit_there_must_be_one_split(self, cv):
        with pytest.raises(ValueError, match=r"refit=False .*must be a single split; got cv="):
            tune(Centroids(), *make_data(), cv=cv, refit=False)

    def test_prefit(self):
        X, y = make_data()
        fitted = Centroids().fit(X[:60], y[:60])
        tuned = tune(fitted, X[60:], y[60:], cv="prefit", refit=False, store_cv_results=True)
        assert tuned.estimator_ is fitted
        np.testing.assert_array_equal(tuned.cv_results_["y_score"], fitted.predict_proba(X[60:]))

    def test_prefit_does_not_refit(self):
        X, y = make_data()
        with pytest.raises(ValueError, match="refit must be False for cv='prefit'"):
            tune(Centroids().fit(X, y), X, y, cv="prefit")

    def test_prefit_must_be_fitted(self):
        with pytest.raises(NotFittedError, match="estimator must be fitted for cv='prefit'"):
            tune(Centroids(), *make_data(), cv="prefit", refit=False)

    @pytest.mark.parametrize("cv", [1.5, 0.0, -0.2, True, "folds", object()])
    def test_illegal_cv(self, cv):
        with pytest.raises(ValueError, match=r"cv must be a number of folds, .*; got "):
            tune(Centroids(), *make_data(), cv=cv)

    def test_too_few_rows(self):
        with pytest.raises(ValueError, match="n_splits=5 greater than the number of samples"):
            tune(Centroids(), *make_data(4))

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_jobs_do_not_change_results(self, backend):
        X, y = make_data()
        forest = RandomForestClassifier(5, random_state=0)
        with joblib.parallel_config(backend):
            one, two = (tune(forest, X, y, n_jobs=n_jobs) for n_jobs in (1, 2))
        np.testing.assert_array_equal(one.thresholds_, two.thresholds_)

    def test_the_seed_settles_everything(self):
        X, y = make_data()
        forest = RandomForestClassifier(5, random_state=0)
        one, two = tune(forest, X, y), tune(forest, X, y)
        np.testing.assert_array_equal(one.thresholds_, two.thresholds_)
        assert (tune(forest, X, y, random_state=1).thresholds_ != one.thresholds_).any()

    @pytest.mark.parametrize("seed", [None, 0])
    def test_numpys_global_generator_is_left_alone(self, seed):
        X, y = make_data()
        np.random.seed(0)
        expected = np.random.random(3)
        np.random.seed(0)
        tune(Centroids(), X, y, random_state=seed)
        np.testing.assert_array_equal(np.random.random(3), expected)


class TestWeightsAndFitParameters:
    def test_weights_reach_the_classifier_and_the_objective(self):
        X, y = make_data(200)
        weight = np.random.default_rng(0).integers(0, 4, size=200)
        tuned = tune(Centroids(), X, y, weight, cv=0.5, refit=False)
        seen = tuned.estimator_.seen_["sample_weight"]
        assert len(seen) == 100
        test = np.setdiff1d(np.arange(200), rows_of(tuned.estimator_.seen_["X"], X))
        expected = sk.f1_score(
            y[test], tuned.predict(X[test]), average="macro", sample_weight=weight[test]
        )
        assert tuned.best_score_ == pytest.approx(expected)

    def test_weights_of_entries(self):
        X, y = make_data(200)
        weight = np.random.default_rng(0).random(y.shape)
        tuned = tune(Centroids(), X, y, weight)
        np.testing.assert_array_equal(tuned.estimator_.seen_["sample_weight"], weight)
        rows = np.repeat(weight[:, :1], 3, axis=1)
        np.testing.assert_allclose(
            tune(Centroids(), X, y, rows).thresholds_,
            tune(Centroids(), X, y, weight[:, 0]).thresholds_,
        )

    def test_fit_parameters_of_rows_are_cut(self):
        X, y = make_data()
        names = [f"row {i}" for i in range(120)]
        params = {"offset": 0.5, "row_names": names}
        tuned = tune(Centroids(), X, y, fit_params=params, cv=0.25, refit=False)
        seen = tuned.estimator_.seen_
        assert seen["row_names"] == [names[row] for row in rows_of(seen["X"], X)]
        assert tune(Centroids(), X, y, fit_params=params).estimator_.seen_["row_names"] == names

    def test_weights_that_a_classifier_does_not_take(self):
        X, y = make_data()
        with pytest.raises(TypeError, match="sample_weight"):
            tune(KNeighborsClassifier(), X, y, np.ones(120))

    @pytest.mark.parametrize(
        ("weight", "message"),
        [
            (np.ones(3), r"sample_weight must hold one number for each row, .*got shape \(3,\)"),
            (-np.ones(120), "sample_weight must not be negative"),
            (np.zeros(120), "sample_weight must contain at least one non-zero number"),
            (np.ones((120, 2)), r"or for each entry of y, \(120, 3\); got shape \(120, 2\)"),
            (-np.ones((120, 3)), "sample_weight must not be negative; got -1 in row 0"),
        ],
    )
    def test_illegal_weights(self, weight, message):
        with pytest.raises(ValueError, match=message):
            tune(Centroids(), *make_data(), weight)

    def test_nothing_to_score(self):
        X, y = make_data()
        weight = np.r_[np.ones(60), np.zeros(60)]
        cv = [(np.arange(60), np.arange(60, 120))]
        with pytest.raises(ValueError, match="none of the 60 has"):
            tune(Centroids(), X, y, weight, cv=cv)

    def test_metadata_routing(self):
        X, y = make_data()
        weight = np.random.default_rng(0).integers(1, 4, size=120)
        expected = tune(Centroids(), X, y, weight).thresholds_
        with config_context(enable_metadata_routing=True):
            asking = Centroids().set_fit_request(sample_weight=True)
            np.testing.assert_array_equal(tune(asking, X, y, weight).thresholds_, expected)
            np.testing.assert_array_equal(
                tune(asking, X, y).thresholds_, tune(Centroids(), X, y).thresholds_
            )
            with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
                tune(Centroids(), X, y, weight)
            outer = MultiLabelTunedThresholdClassifierCV(asking, random_state=0)
            outer.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
            scores = cross_validate(outer, X, y, params={"sample_weight": weight}, cv=2)
        assert np.isfinite(scores["test_score"]).all()


class TestScikitLearn:
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_nested_parameters_are_searched(self, backend):
        X, y = make_data()
        tuned = MultiLabelTunedThresholdClassifierCV(
            OneVsRestClassifier(logistic()),
            objective=FBetaObjective("macro"),
            cv=3,
            random_state=0,
        )
        grid = {
            "estimator__estimator__C": [0.1, 1.0],
            "objective__beta": [2.0],
            "objective__average": ["macro", "samples"],
        }
        with joblib.parallel_config(backend):
            one, two = (
                GridSearchCV(tuned, grid, cv=2, n_jobs=n_jobs, scoring="f1_macro").fit(X, y)
                for n_jobs in (1, 2)
            )
        scores = two.cv_results_["mean_test_score"]
        assert np.isfinite(scores).all()
        np.testing.assert_array_equal(scores, one.cv_results_["mean_test_score"])
        assert two.predict(X).shape == y.shape

    def test_objectives_are_searched(self):
        X, y = make_data()
        tuned = MultiLabelTunedThresholdClassifierCV(Centroids(), random_state=0)
        grid = {"objective": ["f1_macro", CostObjective(1, 2)], "estimator__scale": [0.5, 1.0]}
        search = GridSearchCV(tuned, grid, cv=2, scoring="f1_macro").fit(X, y)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()

    def test_clones_are_unfitted_and_equal(self):
        tuned = tune(Centroids(), *make_data())
        again = clone(tuned)
        assert not hasattr(again, "thresholds_")
        assert repr(again) == repr(tuned)
        with pytest.raises(NotFittedError):
            again.predict(np.zeros((1, 6)))

    def test_fit_leaves_its_parameters_alone(self):
        estimator = Centroids()
        tune(estimator, *make_data())
        assert not vars(estimator).keys() - {"scale"}

    def test_decision_function_is_there_where_the_classifier_has_one(self):
        X, y = make_data()
        tuned = tune(Centroids(), X, y)
        np.testing.assert_array_equal(
            tuned.decision_function(X), tuned.estimator_.decision_function(X)
        )
        one = tune(OneVsRestClassifier(logistic()), X, y[:, :1])
        assert one.decision_function(X).shape == (120, 1)
        assert hasattr(clone(tuned), "decision_function")
        assert not hasattr(tune(KNeighborsClassifier(), X, y), "decision_function")

    def test_tags(self):
        tuned = MultiLabelTunedThresholdClassifierCV(OneVsRestClassifier(logistic()))
        assert is_classifier(tuned)
        tags = get_tags(tuned)
        assert tags.classifier_tags.multi_label
        assert not tags.target_tags.single_output
        assert tags.input_tags.sparse
        sparse_ok = get_tags(MultiLabelTunedThresholdClassifierCV(Centroids())).input_tags.sparse
        assert not sparse_ok


class TestDegenerateScores:
    def test_the_unit_of_weights_does_not_matter(self):
        y = make_data()[1]
        scores = np.random.default_rng(0).random(y.shape)
        given = {"cv": "prefit", "refit": False}
        for objective in ("neg_hamming_loss", "f1_macro", CostObjective(1, 3)):
            found = [
                tune(Given(), scores, y, np.full(len(y), unit), objective=objective, **given)
                for unit in (1.0, 2.0**-43)
            ]
            np.testing.assert_array_equal(*(tuned.thresholds_ for tuned in found))

    def test_the_unit_of_costs_does_not_matter(self):
        X, y = make_data()
        costs = [CostObjective(2.0**-43, 3 * 2.0**-43), CostObjective(1, 3)]
        found = [tune(Centroids(), X, y, objective=cost).thresholds_ for cost in costs]
        np.testing.assert_array_equal(*found)

    def test_many_splits_make_no_label_rare(self):
        X, y = make_data(60)
        tuned = tune(Centroids(), X, y, cv=LeaveOneOut())
        assert len(set(tuned.thresholds_)) == 3

    def test_a_rule_of_the_thresholds_decides_alike(self):
        """Also below scores of zero, in float32."""
        scores = np.array([[0, 0.3], [0, 0.2], [0.4, 0]], dtype=np.float32)
        tuned = tune(Given(), scores, np.ones((3, 2), int), cv="prefit", refit=False)
        assert tuned.predict(scores).all()
        assert Threshold(tuned.thresholds_).decide(scores).all()

    def test_results_of_another_fit_are_dropped(self):
        X, y = make_data()
        tuned = tune(Centroids(), X, y, store_cv_results=True)
        tuned.set_params(store_cv_results=False).fit(X, y)
        assert not hasattr(tuned, "cv_results_")


class TestErrors:
    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"estimator": OneVsRestClassifier(LinearSVC())}, "'fit' and 'predict_proba'"),
            ({"refit": "yes"}, "'refit' parameter"),
            ({"n_jobs": 1.5}, "'n_jobs' parameter"),
            ({"random_state": "a"}, "'random_state' parameter"),
            ({"store_cv_results": 2}, "'store_cv_results' parameter"),
        ],
    )
    def test_illegal_parameters(self, params, message):
        with pytest.raises(ValueError, match=message):
            tune(**{"estimator": Centroids(), "X": np.eye(9), "y": np.eye(9), **params})

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (np.arange(120) % 2, "must be a label indicator of shape .*got 1-D classes"),
            (np.zeros((120, 0)), "at least one label column"),
            (np.full((120, 2), 2), "y must hold only 0 and 1 .*got 2"),
            (sparse.csr_array(np.full((120, 2), -1)), "y must hold only 0 and 1 .*got -1"),
            ([["a"], ["a", "b"]] * 60, "MultiLabelBinarizer"),
            (np.full((120, 2), "a"), "only 0 and 1 in a label indicator; got 'a'"),
            (np.full((120, 2), None), "must hold a known entry for each label"),
        ],
    )
    def test_illegal_labels(self, y, message):
        with pytest.raises(ValueError, match=message):
            tune(Centroids(), make_data()[0], y)

    def test_another_number_of_rows(self):
        X, y = make_data()
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            tune(Centroids(), X[:-1], y)

    def test_scores_that_are_not_finite(self):
        with pytest.raises(ValueError, match="estimator must give finite scores"):
            tune(Centroids(scale=np.nan), *make_data())

    def test_scores_of_another_shape(self):
        X, y = make_data()
        fitted = Centroids().fit(X, y[:, :2])
        with pytest.raises(
            ValueError, match=r"scores of shape \(n_samples, 3\).*got shape \(120, 2\)"
        ):
            tune(fitted, X, y, cv="prefit", refit=False)

    def test_a_fit_that_fails_leaves_the_fitted_state(self):
        X, y = make_data()
        tuned = tune(Centroids(), X, y)
        expected = tuned.predict(X)
        tuned.estimator.scale = np.nan
        with pytest.raises(ValueError, match="finite scores"):
            tuned.fit(X[:, :2], y[:, :2])
        tuned.estimator_.scale = 1.0
        np.testing.assert_array_equal(tuned.predict(X), expected)


def test_thresholds_part_neighbouring_scores_in_single_precision():
    """In which a rule compares: the middle of two neighbours must not become the upper one."""
    rng = np.random.default_rng(0)
    upper = rng.uniform(1e-6, 1, (500, 1)).astype(np.float32)
    for above in (*upper, np.ones(1, np.float32)):
        scores = np.array([above] * 3 + [np.nextafter(above, np.float32(0))] * 3)
        y = np.repeat([1, 0], 3)[:, np.newaxis]
        tuned = tune(Given(), scores, y, cv="prefit", refit=False)
        assert tuned.best_score_ == 1
        np.testing.assert_array_equal(tuned.predict(scores), y)
        np.testing.assert_array_equal(Threshold(tuned.thresholds_).decide(scores), y)


def test_costs_with_names_go_by_the_labels():
    X, y = make_data()
    frame = pd.DataFrame(y, columns=["a", "b", "c"])
    costs = pd.Series({"a": 1.0, "b": 2.0, "c": 20.0})
    one, other, unnamed = (
        tune(Centroids(), X, frame, objective=CostObjective(false_negative=given))
        for given in (costs, costs[["c", "a", "b"]], costs.to_numpy())
    )
    assert np.array_equal(one.thresholds_, other.thresholds_)
    assert np.array_equal(one.thresholds_, unnamed.thresholds_)
    assert one.objective.false_negative is costs
    wrong = CostObjective(false_negative=costs.rename({"a": "x"}))
    with pytest.raises(ValueError, match="objective__false_negative must have the names of the"):
        tune(Centroids(), X, frame, objective=wrong)


def test_weights_with_names_go_by_the_labels():
    X, y = make_data()
    names = ["a", "b", "c"]
    frame = pd.DataFrame(y, columns=names)
    weight = pd.DataFrame(np.random.default_rng(0).random(y.shape), columns=names)
    one, other = (
        tune(KerasMultiLabelClassifier("linear", epochs=2, random_state=0), X, frame, given)
        for given in (weight, weight[["c", "a", "b"]])
    )
    assert np.array_equal(one.thresholds_, other.thresholds_)
    assert one.best_score_ == other.best_score_
