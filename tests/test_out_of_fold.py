"""What tuned thresholds and calibration have in common: laws of meta-estimators."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras.calibration import MultiLabelCalibratedClassifierCV
from skmultilabel_keras.metrics import get_multilabel_scorer, subset_accuracy
from skmultilabel_keras.model_selection import MultiLabelTunedThresholdClassifierCV

KINDS = [MultiLabelTunedThresholdClassifierCV, MultiLabelCalibratedClassifierCV]
EVERY = pytest.mark.parametrize("kind", KINDS)


def make_data(n_labels=3, n_samples=90):
    rng = np.random.default_rng(n_labels)
    X = rng.normal(size=(n_samples, 5))
    return X, (X[:, :n_labels] + rng.normal(size=(n_samples, n_labels)) > 0.3).astype(int)


def logistic():
    return MultiOutputClassifier(LogisticRegression())


def network():
    return KerasMultiLabelClassifier(model="linear", epochs=3, random_state=0)


@EVERY
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
@pytest.mark.parametrize("n_labels", [1, 2, 3])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_cross_val_predict(kind, method, n_labels):
    X, y = make_data(n_labels)
    meta, folds = kind(logistic(), cv=KFold(2)), KFold(3)
    found = cross_val_predict(meta, X, y, cv=folds, method=method)
    assert found.shape == y.shape
    for train, test in folds.split(X):
        fitted = kind(logistic(), cv=KFold(2)).fit(X[train], y[train])
        np.testing.assert_allclose(found[test], getattr(fitted, method)(X[test]))


@EVERY
def test_score_is_the_subset_accuracy_of_what_is_known(kind):
    X, y = make_data()
    meta = kind(logistic(), cv=2).fit(X, y)
    assert meta.score(X, y) == pytest.approx(accuracy_score(y, meta.predict(X)))
    lacking = y.astype(float)
    lacking[::4, 1] = np.nan
    assert meta.score(X, lacking) == subset_accuracy(lacking, meta.predict(X))
    weight = np.arange(len(y))
    assert meta.score(X, lacking, weight) == subset_accuracy(
        lacking, meta.predict(X), sample_weight=weight
    )


@pytest.mark.thorough
@EVERY
def test_a_search_with_missing_labels(kind):
    X, y = make_data()
    y = y.astype(float)
    y[::4, 1] = np.nan
    search = GridSearchCV(
        kind(network(), cv=2), {"estimator__epochs": [1, 2]}, cv=KFold(2), error_score="raise"
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@EVERY
def test_a_label_of_which_nothing_is_known(kind):
    X, y = make_data()
    y = y.astype(float)
    y[:, 1] = np.nan
    with pytest.raises(ValueError, match="a known entry for each label; all are NaN for label 1"):
        kind(network(), cv=2).fit(X, y)


@EVERY
def test_no_splits(kind):
    X, y = make_data()
    used_up = KFold(2).split(X)
    list(used_up)
    for cv in ([], used_up):
        with pytest.raises(ValueError, match="cv must give one split at least"):
            kind(logistic(), cv=cv).fit(X, y)


@EVERY
def test_parameters_of_fit_that_are_no_rows_go_to_the_estimator_as_they_are(kind):
    X, y = make_data()
    validation = (X[:20], y[:20])
    meta = kind(network().set_params(early_stopping=True), cv=2)
    meta.fit(X, y, validation_data=validation)
    assert "val_loss" in meta.estimator_.history_


@EVERY
@pytest.mark.parametrize(
    "wrap",
    [
        lambda clf: clf,
        lambda clf: make_pipeline(StandardScaler(), clf),
        lambda clf: GridSearchCV(clf, {"epochs": [1, 2]}, cv=2),
    ],
    ids=["classifier", "pipeline", "search"],
)
def test_columns_in_another_order_are_an_error(kind, wrap):
    X, y = make_data()
    frame = pd.DataFrame(y, columns=list("abc"))
    other = frame[list("cab")]
    fitted = wrap(network()).fit(X, frame)
    options = {"refit": False} if kind is MultiLabelTunedThresholdClassifierCV else {}
    with pytest.raises(ValueError, match="the columns of the estimator's fit, in their order"):
        kind(fitted, cv="prefit", **options).fit(X, other)
    meta = kind(fitted, cv="prefit", **options).fit(X, frame)
    assert meta.score(X, frame) == meta.score(X, y)
    with pytest.raises(ValueError, match="must have the labels of fit as columns, in their order"):
        meta.score(X, other)


@EVERY
def test_logarithms_of_probabilities(kind):
    X, y = make_data()
    meta = kind(network(), cv=2).fit(X, y)
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(meta.predict_log_proba(X), np.log(meta.predict_proba(X)))


@EVERY
def test_numbers_as_names_have_an_order_too(kind):
    X, y = make_data()
    frame = pd.DataFrame(y)
    fitted = network().fit(X, frame)
    options = {"refit": False} if kind is MultiLabelTunedThresholdClassifierCV else {}
    meta = kind(fitted, cv="prefit", **options)
    with pytest.raises(ValueError, match="the columns of the estimator's fit, in their order"):
        meta.fit(X, frame[[2, 0, 1]])
    scorer = get_multilabel_scorer("f1_macro")
    with pytest.raises(ValueError, match="the columns of the estimator's fit, in their order"):
        scorer(fitted, X, frame[[2, 0, 1]])
    # What was fitted to an array has no names.
    named = pd.DataFrame(y, columns=list("abc"))
    assert scorer(network().fit(X, y), X, named) == scorer(fitted, X, frame)
