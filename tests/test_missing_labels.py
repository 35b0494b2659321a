"""Labels that are not known count for nothing, wherever they stand."""

import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.model_selection import KFold, cross_val_score

from skmultilabel_keras import KerasMultiLabelClassifier, clear_compile_cache, compile_cache_info
from skmultilabel_keras.losses import LOSSES
from skmultilabel_keras.metrics import get_multilabel_scorer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)).astype(np.float32)
Y = (X[:, :3] + RNG.normal(size=(60, 3)) > 0).astype(float)
LACKING = RNG.random(Y.shape) < 0.3
Y_LACKING = np.where(LACKING, np.nan, Y)


def classifier(**params):
    defaults = {"random_state": 0, "epochs": 3, "batch_size": 16}
    return KerasMultiLabelClassifier(**{"model": "mlp", **defaults, **params})


def as_nullable(dtype):
    return pd.DataFrame(
        {
            name: pd.array([None if np.isnan(v) else int(v) for v in column], dtype=dtype)
            for name, column in zip("abc", Y_LACKING.T, strict=True)
        }
    )


CONTAINERS = {
    "float32": Y_LACKING.astype(np.float32),
    "nested list": Y_LACKING.tolist(),
    "frame": pd.DataFrame(Y_LACKING, columns=list("abc")),
    "Int64": as_nullable("Int64"),
    "boolean": as_nullable("boolean"),
    "Float32": as_nullable("Float32"),
    "masked": np.ma.array(Y.astype(int), mask=LACKING),
    "masked floats": np.ma.array(Y, mask=LACKING),
    "objects": np.where(LACKING, None, Y.astype(object)),
}


@pytest.fixture(scope="module")
def expected():
    return classifier().fit(X, Y_LACKING)


@pytest.mark.parametrize("y", CONTAINERS.values(), ids=CONTAINERS)
def test_any_container(y, expected):
    clf = classifier().fit(X, y)
    assert np.array_equal(clf.predict_proba(X), expected.predict_proba(X))
    predicted = clf.predict(X)
    assert predicted.shape == Y.shape
    assert np.isin(predicted, (0, 1)).all()
    assert clf.score(X, y) == expected.score(X, Y_LACKING)


@pytest.mark.parametrize(
    ("loss", "engine"),
    # How Keras computes a loss does not depend on which one it is: one per row, one of all rows.
    [*((loss, "auto") for loss in LOSSES), ("binary_crossentropy", "keras"), ("zlpr", "keras")],
)
def test_what_is_missing_has_no_part_in_any_loss(loss, engine):
    """Rows of which nothing is known change nothing but the batches: here, one of all rows."""
    options = {"loss": loss, "engine": engine, "batch_size": -1, "model__standardize": False}
    unknown = np.vstack([Y_LACKING, np.full((7, 3), np.nan)])
    more = np.vstack([X, RNG.normal(size=(7, 5))]).astype(np.float32)
    one = classifier(**options).fit(X, Y_LACKING)
    other = classifier(**options).fit(more, unknown)
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("container", ["masked", "objects", "boolean"])
def test_scorers_know_the_containers(container):
    y, clf = CONTAINERS[container], classifier()
    folds = KFold(2)
    found = cross_val_score(clf, X, y, cv=folds, scoring=get_multilabel_scorer("f1_macro"))
    wanted = cross_val_score(clf, X, Y_LACKING, cv=folds, scoring=get_multilabel_scorer("f1_macro"))
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "params", [{"class_weight": "balanced"}, {"loss": "distribution_balanced"}]
)
def test_entries_of_weight_zero_have_no_part_in_what_is_learnt_of_labels(params):
    hidden = np.where(LACKING, 0.0, 1.0)
    one = classifier(**params).fit(X, Y_LACKING)
    other = classifier(**params).fit(X, Y, sample_weight=hidden)
    for name in ("label_weight", "prior"):
        found = [getattr(clf.model_.loss, name, None) for clf in (one, other)]
        np.testing.assert_array_equal(*(np.zeros(1) if value is None else value for value in found))


def test_weight_zero_and_missing_are_one():
    """Up to the scale of the loss, which Adam does not see."""
    options = {"batch_size": -1, "optimizer__epsilon": 1e-12, "model__standardize": False}
    one = classifier(**options).fit(X, Y_LACKING)
    other = classifier(**options).fit(X, Y, sample_weight=(~LACKING).astype(float))
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-3, atol=1e-4)


@pytest.mark.thorough
def test_validation_and_early_stopping_leave_them_out():
    clf = classifier(early_stopping=True, validation_split=0.3, n_iter_no_change=2)
    clf.fit(X, Y_LACKING)
    assert np.isfinite(clf.history_["val_loss"]).all()
    clf = classifier().fit(X, Y, validation_data=(X, Y_LACKING))
    known = classifier().fit(X, Y, validation_data=(X[:, :], Y))
    assert np.isfinite(clf.history_["val_loss"]).all()
    assert clf.history_["loss"] == pytest.approx(known.history_["loss"])


def test_score_takes_missing_labels_for_right():
    clf = classifier().fit(X, Y.astype(int))
    predicted = clf.predict(X)
    right = (np.isnan(Y_LACKING) | (predicted == Y)).all(axis=1)
    assert clf.score(X, Y_LACKING) == pytest.approx(right.mean())


def test_partial_fit_pickles_and_goes_on():
    clf = classifier().partial_fit(X, Y)
    clf = pickle.loads(pickle.dumps(clf.partial_fit(X, Y_LACKING)))
    clf.partial_fit(X[:4], np.full((4, 3), np.nan))  # nothing to learn from, and no error
    assert np.isfinite(clf.predict_proba(X)).all()


@pytest.mark.thorough
def test_keras_fit_takes_missing_labels_later():
    """Keras keeps the functions that it traced in the first call."""
    clf = classifier(engine="keras").partial_fit(X, Y)
    clf.partial_fit(X, Y_LACKING)
    assert np.isfinite(clf.history_["loss"]).all()


@pytest.mark.parametrize("dtype", ["Int64", "boolean"])
def test_predictions_have_one_dtype_whatever_a_fold_lacks(dtype):
    frame = as_nullable(dtype)
    folds = [frame, frame[~LACKING.any(axis=1)]]
    for fold in folds:
        assert classifier(epochs=1).fit(X[fold.index], fold).predict(X).dtype == np.int64
    masked = np.ma.array(Y.astype(np.int8), mask=LACKING)
    assert classifier(epochs=1).fit(X, masked).predict(X).dtype == np.int8


@pytest.mark.thorough
def test_with_and_without_missing_labels_are_two_functions():
    clear_compile_cache()
    for y in (Y, Y_LACKING, Y[:40], Y_LACKING[:40]):
        classifier().fit(X[: len(y)], y)
    assert compile_cache_info().traces == 2


def test_one_label_may_lack():
    clf = classifier().fit(X, Y_LACKING[:, :1])
    assert clf.predict(X).shape == (60, 1)


def with_value(value):
    y = Y_LACKING.copy()
    y[0, 1] = value
    return y


ERRORS = {
    "all are NaN for label 1. Drop the column": np.where([[False, True, False]], np.nan, Y),
    "must hold only 0 and 1 in a label indicator; got 2.0": with_value(2),
    "contains infinity": with_value(np.inf),
    "of numbers that is not sparse": sparse.csr_array(np.where(LACKING, np.nan, Y)),
}


@pytest.mark.parametrize(("message", "y"), ERRORS.items())
def test_what_is_no_missing_label(message, y):
    with pytest.raises(ValueError, match=message):
        classifier().fit(X, y)


def test_exclusive_classes_must_be_known():
    y = np.eye(3)[RNG.integers(3, size=60)]
    y[4, 0] = np.nan
    with pytest.raises(ValueError, match="exactly one label; Input y contains NaN in row 4"):
        classifier(exclusive=True).fit(X, y)


def test_losses_and_metrics_of_keras_cannot_leave_them_out():
    with pytest.raises(ValueError, match="NaN in y, for missing labels, can only be used with"):
        classifier(loss="binary_focal_crossentropy").fit(X, Y_LACKING)
    with pytest.raises(
        ValueError, match="metrics must hold none of Keras' own where labels are missing"
    ):
        classifier(metrics=["accuracy"]).fit(X, Y_LACKING)
    network = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, "sigmoid")])
    with pytest.raises(ValueError, match="end the network without activation"):
        classifier(model=network).fit(X, Y_LACKING)


def test_weights_of_entries_are_checked():
    for weight, message in (
        (np.ones((60, 2)), r"or for each entry of y, \(60, 3\); got shape \(60, 2\)"),
        (-np.ones((60, 3)), "sample_weight must not be negative; got -1 in row 0"),
        (np.zeros((60, 3)), "at least one non-zero number"),
    ):
        with pytest.raises(ValueError, match=message):
            classifier().fit(X, Y, sample_weight=weight)
    with pytest.raises(ValueError, match="sample_weight with a weight for each entry can only"):
        classifier(loss="binary_focal_crossentropy").fit(X, Y, sample_weight=np.ones((60, 3)) + Y)
    with pytest.raises(ValueError, match="sample_weight must hold one number for each row"):
        classifier().fit(X, Y[:, 0], sample_weight=np.ones((60, 2)))
