"""Weights of labels: their forms, and what they do to a fit."""

import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.utils.class_weight import compute_class_weight

from skmultilabel_keras import KerasMultiLabelClassifier, clear_compile_cache, compile_cache_info
from skmultilabel_keras._class_weight import (
    label_shares,
    resolve_class_weight,
    resolve_label_weight,
)
from skmultilabel_keras.losses import BinaryCrossentropy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 5)).astype(np.float32)
Y = (X[:, :3] + RNG.normal(size=(90, 3)) > [0.0, 1.5, -1.0]).astype(int)
NAMES = np.array(["a", "b", "c"])


def classifier(**params):
    defaults = {"random_state": 0, "epochs": 3, "batch_size": 16}
    return KerasMultiLabelClassifier(**{"model": "mlp", **defaults, **params})


FORMS = {
    "array": ([1.0, 2.0, 0.0], [[1, 2, 0], [1, 2, 0]]),
    "tuple of integers": ((1, 2, 3), [[1, 2, 3], [1, 2, 3]]),
    "labels": ({"b": 3}, [[1, 3, 1], [1, 3, 1]]),
    "classes of labels": ({"b": {0: 2, 1: 3}, "c": {1: 0.5}}, [[1, 2, 1], [1, 3, 0.5]]),
    "mixed": ({"a": 2, "c": {0: 4}}, [[2, 1, 4], [2, 1, 1]]),
}


@pytest.mark.parametrize(("form", "expected"), FORMS.values(), ids=FORMS)
def test_forms(form, expected):
    assert resolve_label_weight(form, Y, NAMES).tolist() == expected


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array, sparse.csr_matrix])
def test_balanced_is_that_of_scikit_learn(make):
    weight = resolve_label_weight("balanced", make(Y.astype(np.float32)), NAMES)
    for column, of_label in zip(Y.T, weight.T, strict=True):
        theirs = compute_class_weight("balanced", classes=np.array([0, 1]), y=column)
        assert of_label == pytest.approx(theirs)


def test_balanced_counts_known_entries_only():
    lacking = Y.astype(float)
    lacking[::3] = np.nan
    known = np.delete(Y, np.s_[::3], axis=0)
    assert resolve_label_weight("balanced", lacking, NAMES) == pytest.approx(
        resolve_label_weight("balanced", known, NAMES)
    )
    assert label_shares(lacking) == pytest.approx(known.mean(axis=0))


def test_balanced_is_finite_for_constant_labels():
    constant = np.array([[0, 1, np.nan], [0, 1, np.nan]])
    weight = resolve_label_weight("balanced", constant, NAMES)
    assert weight.tolist() == [[0.5, 1, 1], [1, 0.5, 1]]


BAD = {
    "one number for each label, shape": [[1.0, 2.0], np.ones((3, 3)), ["x", "y", "z"]],
    "names 'd', which is no label of y. Legal names": [{"d": 1}],
    "names 0, which is no label": [{0: 1.0, 1: 2.0}],
    "must give label 'a' a number": [{"a": "x"}, {"a": {2: 1.0}}, {"a": [1, 2]}],
    "finite weights, none below 0": [[-1, 1, 1], [np.nan, 1, 1], [np.inf, 1, 1], [0, 0, 0]],
}


@pytest.mark.parametrize(
    ("message", "form"), [(message, form) for message, forms in BAD.items() for form in forms]
)
def test_forms_that_cannot_be(message, form):
    with pytest.raises(ValueError, match=message):
        resolve_label_weight(form, Y, NAMES)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_weights_of_labels_are_weights_of_entries(make, engine):
    """The same fit as with a weight for each entry, which has another scale."""
    form = {0: {1: 3.0}, 2: 0.5}
    options = {"engine": engine, "optimizer": "sgd", "model__standardize": False}
    weighed = classifier(class_weight=form, **options)
    weighed.fit(X, make(Y))
    weight = resolve_label_weight(form, Y, np.arange(3))
    of_entries = np.where(Y == 1, weight[1], weight[0])
    rate = 0.01 * of_entries.mean()
    plain = classifier(**options, optimizer__learning_rate=rate)
    plain.fit(X, make(Y), sample_weight=of_entries)
    np.testing.assert_allclose(
        weighed.predict_proba(X), plain.predict_proba(X), rtol=1e-4, atol=1e-5
    )


@pytest.mark.thorough
def test_a_weight_on_positives_finds_more_of_them():
    shares = [
        classifier(epochs=20, class_weight=form).fit(X, Y).predict_proba(X)[:, 1].mean()
        for form in (None, {1: {1: 10.0}})
    ]
    assert shares[1] > shares[0] + 0.1


def test_a_label_of_weight_zero_is_not_learnt():
    clf = classifier(class_weight=[1, 0, 1], epochs=1).fit(X, Y)
    bias = clf.model_.layers[-1].bias.numpy()
    assert bias[1] == 0
    assert (bias[[0, 2]] != 0).all()


def test_folds_with_other_weights_share_one_function():
    clear_compile_cache()
    grid = {"class_weight": ["balanced", [1, 2, 3], {0: 2.0}]}
    GridSearchCV(classifier(epochs=1), grid, cv=3, refit=False, error_score="raise").fit(X, Y)
    assert compile_cache_info().traces == 1


def test_partial_fit_goes_on_with_the_weights():
    clf = classifier(class_weight={1: {1: 5.0}})
    for _ in range(2):
        clf.partial_fit(X, Y)
    assert clf.model_.loss.label_weight.tolist() == [[1, 1, 1], [1, 5, 1]]
    with pytest.raises(ValueError, match="pass class_weight as a dict"):
        classifier(class_weight="balanced").partial_fit(X, Y)


def test_an_array_is_no_weight_of_classes():
    with pytest.raises(ValueError, match="class_weight must be a dict or 'balanced' for 1-D"):
        classifier(class_weight=[1.0, 2.0]).fit(X, Y[:, 0])


@pytest.mark.parametrize("loss", ["binary_focal_crossentropy", keras.losses.MeanSquaredError])
def test_losses_of_others_take_no_weights_of_labels(loss):
    if loss is keras.losses.MeanSquaredError:

        def build(meta):
            return keras.Sequential(
                [keras.Input(meta["X_shape_"][1:]), keras.layers.Dense(3, "sigmoid")]
            )

        clf = classifier(model=build, loss=loss, class_weight="balanced")
    else:
        clf = classifier(loss=loss, class_weight="balanced")
    with pytest.raises(ValueError, match="class_weight can only be used with a loss of skmulti"):
        clf.fit(X, Y)
    assert not hasattr(clf, "model_")


def test_a_failing_form_leaves_a_fitted_estimator_alone():
    clf = classifier().fit(X, Y)
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match="class_weight"):
        clf.set_params(class_weight={"x": 1}).fit(X, Y)
    assert np.array_equal(clf.predict_proba(X), before)


def test_training_that_goes_on_takes_changes():
    clf = classifier(warm_start=True, epochs=1).fit(X, Y)
    clf.set_params(class_weight=[1, 9, 1]).fit(X, Y)
    assert clf.model_.loss.label_weight[0].tolist() == [1, 9, 1]
    clf.set_params(class_weight=None).fit(X, Y)
    assert clf.model_.loss.label_weight is None
    classifier(class_weight=np.array([1.0, 5.0, 1.0])).partial_fit(X, Y)


def test_a_loss_of_a_model_function_stays_as_it_is():
    loss = BinaryCrossentropy()

    def build(meta):
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
        model.compile("adam", loss)
        return model

    weighed = classifier(model=build, class_weight=[1, 5, 1]).fit(X, Y)
    assert loss.label_weight is None
    plain = classifier(model=build).fit(X, Y)
    assert plain.model_.loss.label_weight is None
    assert not np.array_equal(weighed.predict_proba(X), plain.predict_proba(X))


def test_a_loss_with_weights_of_its_own_takes_no_others():
    loss = BinaryCrossentropy(label_weight=[1, 5, 1])
    assert classifier(loss=loss).fit(X, Y).model_.loss.label_weight[0].tolist() == [1, 5, 1]
    with pytest.raises(ValueError, match="class_weight must be None where the loss has"):
        classifier(loss=loss, class_weight={2: 2.0}).fit(X, Y)
    with pytest.raises(ValueError, match="loss__label_weight must have one number for each of"):
        classifier(loss__label_weight=[2.0]).fit(X, Y)


@pytest.mark.thorough
def test_weights_of_a_loss_go_by_the_names_of_labels():
    named = pd.DataFrame(Y, columns=NAMES)
    for weight in (
        pd.Series({"c": 3.0, "a": 1.0, "b": 2.0}),
        pd.DataFrame({"b": [2.0, 2.0], "c": [3.0, 3.0], "a": [1.0, 1.0]}),
    ):
        clf = classifier(loss__label_weight=weight).fit(X, named)
        assert clf.model_.loss.label_weight.tolist() == [[1, 2, 3], [1, 2, 3]]
        again = pickle.loads(pickle.dumps(clf))
        np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    clf = classifier(loss__label_weight=pd.Series([1.0, 2.0, 3.0])).fit(X, named)
    assert clf.model_.loss.label_weight[0].tolist() == [1, 2, 3]
    prior = pd.Series({"c": 0.3, "a": 0.1, "b": 0.2})
    clf = classifier(loss="distribution_balanced", loss__prior=prior).fit(X, named)
    np.testing.assert_allclose(clf.model_.loss.prior, [0.1, 0.2, 0.3])
    clf = classifier(loss__label_weight=pd.Series({"a": 1.0, "b": 2.0, "c": 3.0}), warm_start=True)
    clf.fit(X, named).set_params(loss__label_weight=pd.Series({"c": 1.0, "b": 2.0, "a": 3.0}))
    with pytest.raises(ValueError, match="loss__label_weight changed since"):
        clf.fit(X, named)
    with pytest.raises(ValueError, match="loss__label_weight must have the names of the labels"):
        classifier(loss__label_weight=pd.Series({"a": 1.0, "b": 2.0, "d": 3.0})).fit(X, named)


def test_networks_without_a_graph_take_weights_of_labels():
    class Network(keras.Model):
        def __init__(self):
            super().__init__()
            self.last = keras.layers.Dense(3)

        def call(self, inputs):
            return self.last(inputs)

    clf = classifier(
        model=lambda meta: Network(), loss=BinaryCrossentropy(), class_weight=[1, 5, 1]
    )
    assert clf.fit(X, Y).model_.loss.label_weight[0].tolist() == [1, 5, 1]


@pytest.mark.thorough
def test_exclusive_classes_are_weighed_by_rows():
    classes = np.argmax(X[:, :3], axis=1)
    one_hot = np.eye(3, dtype=int)[classes]
    form = {0: 3.0, 2: 0.5}
    ours = classifier(exclusive=True, class_weight=form).fit(X, one_hot)
    rows = np.array([3.0, 1.0, 0.5])[classes]
    theirs = classifier(exclusive=True).fit(X, one_hot, sample_weight=rows)
    assert np.array_equal(ours.predict_proba(X), theirs.predict_proba(X))


def test_a_series_is_read_by_its_names():
    names = np.array(["a", "b"])
    series = pd.Series({"b": 5.0, "a": 1.0})
    assert resolve_label_weight(series, np.eye(2), names).tolist() == [[1, 5], [1, 5]]


def test_clones_keep_the_form():
    form = {0: {1: 3.0}}
    assert clone(classifier(class_weight=form)).class_weight == form


# Classes that exclude each other.

CODES = np.arange(90) % 3
LETTERS = NAMES[CODES]
ONE_HOT = np.eye(3)[CODES]


@pytest.mark.parametrize(
    "weight", [None, RNG.integers(0, 3, 90).astype(float)], ids=["", "weights"]
)
def test_balanced_classes_are_those_of_scikit_learn(weight):
    codes = np.where(CODES == 2, 0, CODES)  # one class does not occur
    found = resolve_class_weight("balanced", codes, NAMES, weight)
    copies = codes if weight is None else np.repeat(codes, weight.astype(int))
    theirs = compute_class_weight("balanced", classes=np.array([0, 1]), y=copies)
    assert found == pytest.approx([*theirs, 1])
    for make in (np.asarray, sparse.csr_array):
        indicator = make(np.eye(3)[codes])
        assert resolve_class_weight("balanced", indicator, NAMES, weight) == pytest.approx(found)


BAD_CLASSES = {
    "NaN": ({"a": np.nan}, "finite weights"),
    "infinite": ({"a": np.inf}, "finite weights"),
    "negative": ({"a": -1.0}, "finite weights"),
    "none": ({"a": None}, "a number; got None for 'a'"),
    "pair": ({"a": {0: 1.0, 1: 2.0}}, "which exclude each other, a number"),
    "unknown": ({"d": 2.0}, "names 'd', which is no class of y"),
    "nothing left": (dict.fromkeys("abc", 0.0), "one above it"),
}


@pytest.mark.parametrize(("form", "message"), BAD_CLASSES.values(), ids=BAD_CLASSES)
@pytest.mark.parametrize("exclusive", [False, True])
def test_bad_weights_of_classes(form, message, exclusive):
    y = pd.DataFrame(ONE_HOT, columns=NAMES) if exclusive else LETTERS
    with pytest.raises(ValueError, match=message):
        classifier(class_weight=form, exclusive=exclusive).fit(X, y)


def test_weights_that_leave_no_row():
    some = LETTERS != "c"
    with pytest.raises(ValueError, match="leave a weight above zero for some row"):
        classifier(class_weight={"a": 0.0, "b": 0.0}, label_names=NAMES).fit(X[some], LETTERS[some])


@pytest.mark.thorough
def test_the_fold_does_not_decide_which_classes_there_are():
    """Rows without a class may be trained on, validated on, and trained on later."""
    some, weights = LETTERS != "c", {"c": 5.0}
    declared = classifier(class_weight=weights, label_names=NAMES)
    clone(declared).fit(X[some], LETTERS[some])
    clone(declared).fit(X, LETTERS, validation_data=(X[some], LETTERS[some]))
    clone(declared).partial_fit(X, LETTERS).partial_fit(X[some], LETTERS[some])
    # As in scikit-learn, all classes may be given a weight, though some do not occur.
    classifier(class_weight={"a": 1.0, "b": 2.0, "c": 5.0}).fit(X[some], LETTERS[some])


def test_one_hot_and_classes_have_the_same_weights():
    form = {"b": 4.0}
    of_classes = classifier(class_weight=form).fit(X, LETTERS)
    frame = pd.DataFrame(ONE_HOT, columns=NAMES)
    one_hot = classifier(class_weight=form, exclusive=True).fit(X, frame)
    np.testing.assert_array_equal(of_classes.predict_proba(X), one_hot.predict_proba(X))


@pytest.mark.thorough
def test_validation_rows_have_the_weights_of_training():
    rows = np.flatnonzero(CODES < 2)[:20]
    history = [
        classifier(class_weight=form).fit(X, CODES, validation_data=(X[rows], CODES[rows])).history_
        for form in ("balanced", dict.fromkeys(range(3), 1.0))
    ]
    np.testing.assert_allclose(history[0]["val_loss"], history[1]["val_loss"], rtol=1e-5)


# Weights of rows and copies.


@pytest.mark.parametrize("targets", [Y, CODES], ids=["labels", "classes"])
def test_balanced_counts_weights_as_copies(targets):
    weight = np.arange(90) // 3 % 3
    clf = classifier(class_weight="balanced", batch_size=-1)
    weighted = clone(clf).fit(X, targets, sample_weight=weight)
    copies = clone(clf).fit(np.repeat(X, weight, axis=0), np.repeat(targets, weight, axis=0))
    np.testing.assert_allclose(weighted.predict_proba(X), copies.predict_proba(X), atol=1e-6)


def test_a_copy_has_the_loss_of_the_fit():
    clf = classifier(class_weight=[1.0, 5.0, 2.0]).fit(X, Y)
    loaded = pickle.loads(pickle.dumps(clf))
    data = X, Y.astype(np.float32)
    expected = clf.model_.evaluate(*data, verbose=0)
    assert loaded.model_.evaluate(*data, verbose=0) == pytest.approx(expected)
    np.testing.assert_array_equal(loaded.model_.loss.label_weight, clf.model_.loss.label_weight)


def test_a_name_of_another_type_is_named_with_its_type():
    with pytest.raises(ValueError, match=r"names '0', which is no label of y. 0 is, of type int"):
        classifier(class_weight={"0": 2.0}).fit(X, Y)
