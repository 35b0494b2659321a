"""Classes that exclude each other: encodings, heads and the accuracy that belongs to them."""

import itertools

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone

from skmultilabel_keras import KerasMultiLabelClassifier

NAMES = np.array(["ant", "bee", "cat"])
RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4)).astype(np.float32)
CODES = X[:, :3].argmax(axis=1)

INTEGERS = {
    "integers": lambda codes: codes,
    "strings": lambda codes: NAMES[codes],
    "list of strings": lambda codes: NAMES[codes].tolist(),
    "series": lambda codes: pd.Series(NAMES[codes]),
}
if hasattr(np.dtypes, "StringDType"):  # of NumPy 2
    INTEGERS["strings of any length"] = lambda codes: NAMES[codes].astype(np.dtypes.StringDType())
ONE_HOT = {
    "one-hot": lambda codes: np.eye(3, dtype=int)[codes],
    "one-hot booleans": lambda codes: np.eye(3, dtype=bool)[codes],
    "one-hot frame": lambda codes: pd.DataFrame(np.eye(3, dtype=int)[codes], columns=NAMES),
    "one-hot csr": lambda codes: sparse.csr_array(np.eye(3, dtype=int)[codes]),
    "lists of one name": lambda codes: [[name] for name in NAMES[codes]],
}
ENCODINGS = {**INTEGERS, **ONE_HOT}
ACTIVATIONS = (None, "sigmoid", "softmax")
LOSSES = ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy")


def build_network(meta, activation=None):
    inputs = keras.Input(meta["X_shape_"][1:])
    hidden = keras.layers.Dense(6, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(meta["n_units_"], activation)(hidden))


def make_classifier(encoding, **params):
    return KerasMultiLabelClassifier(
        build_network,
        **{
            "exclusive": encoding in ONE_HOT,
            "epochs": 3,
            "batch_size": 16,
            "random_state": 0,
            **params,
        },
    )


def codes_of(predicted):
    """Return the codes of predictions in whatever kind of container."""
    if sparse.issparse(predicted):
        predicted = predicted.toarray()
    predicted = np.asarray(predicted)
    if predicted.ndim == 2:
        assert (predicted.sum(axis=1) == 1).all()
        return predicted.argmax(axis=1)
    return np.searchsorted(NAMES, predicted) if predicted.dtype.kind in "UOT" else predicted


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("encoding", "activation"),
    list(zip(ENCODINGS, itertools.cycle([None, "softmax"]), strict=False)),
)
def test_encodings_train_the_same_network(encoding, activation):
    """However classes are written down: same probabilities, same decisions, same accuracy."""
    y = ENCODINGS[encoding](CODES)
    params = {"model__activation": activation, "metrics": ["accuracy"]}
    clf = make_classifier(encoding, **params).fit(X, y, validation_data=(X, y))
    reference = make_classifier("integers", **params).fit(X, CODES)
    proba = clf.predict_proba(X)

    np.testing.assert_allclose(proba, reference.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert np.array_equal(codes_of(clf.predict(X)), proba.argmax(axis=1))
    share = (proba.argmax(axis=1) == CODES).mean()
    assert clf.score(X, y) == pytest.approx(share)
    assert clf.history_["val_accuracy"][-1] == pytest.approx(share, abs=1e-6)


def belongs_together(encoding, activation, loss, from_logits):
    """Softmax over the classes, as an activation or inside the loss, and the encoding's loss."""
    losses = {"categorical_crossentropy"}
    if encoding == "integers":
        losses.add("sparse_categorical_crossentropy")
    return loss in losses and activation != "sigmoid" and from_logits == (activation is None)


@pytest.mark.parametrize(
    ("encoding", "activation", "loss", "from_logits"),
    list(itertools.product(("integers", "one-hot"), ACTIVATIONS, LOSSES, (False, True))),
)
def test_what_does_not_belong_together_is_refused_before_training(
    encoding, activation, loss, from_logits
):
    begun = []

    class Watch(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            begun.append(True)

    clf = make_classifier(
        encoding,
        model__activation=activation,
        loss=loss,
        loss__from_logits=from_logits,
        metrics=["accuracy"],
        callbacks=Watch(),
    )
    y = ENCODINGS[encoding](CODES)
    if belongs_together(encoding, activation, loss, from_logits):
        clf.fit(X, y)
        assert clf.history_["accuracy"]
        assert begun
        return
    with pytest.raises(ValueError, match=r"does not fit|probabilities|logits"):
        clf.fit(X, y)
    assert not begun
    assert not hasattr(clf, "model_")


@pytest.mark.parametrize(
    ("encoding", "activation", "loss", "metric"),
    [
        ("integers", None, None, keras.metrics.SparseCategoricalAccuracy),
        ("integers", "softmax", LOSSES[2], keras.metrics.SparseCategoricalAccuracy),
        ("integers", None, LOSSES[1], keras.metrics.CategoricalAccuracy),
        ("one-hot", "softmax", None, keras.metrics.CategoricalAccuracy),
        ("one-hot", None, LOSSES[1], keras.metrics.CategoricalAccuracy),
    ],
)
def test_accuracy_is_that_of_the_encoding(encoding, activation, loss, metric):
    y = ENCODINGS[encoding](CODES)
    clf = make_classifier(encoding, loss=loss, metrics=["accuracy"], model__activation=activation)
    clf.fit(X, y)
    (compiled,) = clf.model_._compile_metrics._user_metrics
    assert type(getattr(compiled, "metric", compiled)) is metric


TARGETS = {
    "integers": (CODES, {}),
    "integers, one-hot loss": (CODES, {"loss": "categorical_crossentropy"}),
    "one-hot": (np.eye(3, dtype=int)[CODES], {"exclusive": True}),
    "two classes": (CODES > 0, {}),
    "one class": (np.zeros(len(CODES), int), {}),
    "labels": (np.tri(3, dtype=int)[CODES], {}),
}
# For which targets each of Keras' metrics is taken. A fold may hold two classes of three, or one.
METRICS = {
    "SparseCategoricalAccuracy": {"integers", "two classes", "one class"},
    "CategoricalAccuracy": {"integers, one-hot loss", "one-hot", "one class"},
    "Accuracy": {"one class"},
    "AUC": set(TARGETS) - {"integers"},
}


@pytest.mark.parametrize(("name", "targets"), list(itertools.product(METRICS, TARGETS)))
def test_metrics_that_do_not_fit_are_refused_before_training(name, targets):
    y, params = TARGETS[targets]
    clf = KerasMultiLabelClassifier("mlp", metrics=[name], epochs=1, random_state=0, **params)
    if targets in METRICS[name]:
        assert name in clf.fit(X, y).history_
        return
    with pytest.raises(ValueError, match=rf"{name!r} among metrics does not fit .*; use "):
        clf.fit(X, y)
    assert not hasattr(clf, "model_")


@pytest.mark.parametrize(
    "params",
    [
        {"metrics": keras.metrics.categorical_accuracy},
        {"metrics": [keras.metrics.CategoricalAccuracy(name="own")]},
        {"metrics": keras.metrics.TopKCategoricalAccuracy, "metrics__k": 2},
        {"compile__weighted_metrics": ["categorical_accuracy"]},
    ],
    ids=["function", "object", "routed", "weighted"],
)
def test_metrics_that_do_not_fit_in_any_form(params):
    clf = KerasMultiLabelClassifier("mlp", epochs=1, **params)
    with pytest.raises(ValueError, match="use 'accuracy' or the 'sparse_' metric"):
        clf.fit(X, CODES)


@pytest.mark.thorough
def test_other_functions_and_subclasses_are_taken():
    """They may read targets as they like."""

    class FirstClass(keras.metrics.AUC):
        def update_state(self, y_true, y_pred, sample_weight=None):
            y_true = keras.ops.cast(y_true == 0, "float32")
            return super().update_state(y_true, y_pred[:, 0], sample_weight)

    clf = KerasMultiLabelClassifier("mlp", metrics=[FirstClass(name="own")], epochs=1)
    assert "own" in clf.fit(X, CODES).history_
    one_hot = np.eye(3, dtype=int)[CODES]
    clf.set_params(metrics=[keras.metrics.huber], exclusive=True)
    assert "huber" in clf.fit(X, one_hot).history_


@pytest.mark.parametrize(("units", "activation"), [(1, None), (1, "sigmoid"), (2, "softmax")])
def test_two_classes_have_one_output_or_two(units, activation):
    y = np.where(X[:, 0] > 0, "yes", "no")

    def build(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        return keras.Model(inputs, keras.layers.Dense(units, activation)(inputs))

    clf = KerasMultiLabelClassifier(build, metrics=["accuracy"], epochs=3, random_state=0)
    clf.fit(X, y, validation_data=(X, y))
    proba = clf.predict_proba(X)

    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert list(clf.classes_) == ["no", "yes"]
    assert np.array_equal(clf.predict(X), clf.classes_[(proba[:, 1] > 0.5).astype(int)])
    assert clf.history_["val_accuracy"][-1] == pytest.approx(clf.score(X, y), abs=1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize("weighing", ["balanced", "dict", "rows"])
def test_weights_mean_the_same_in_both_encodings(weighing):
    codes = np.minimum(CODES, RNG.integers(0, 3, len(CODES)))  # shares that differ
    by_class = {0: 0.5, 1: 2.0, 2: 1.0}
    params = {"balanced": {"class_weight": "balanced"}, "dict": {"class_weight": by_class}}
    weight = np.linspace(0.2, 2, len(codes)) if weighing == "rows" else None
    fits = [
        make_classifier(encoding, **params.get(weighing, {})).fit(
            X, ENCODINGS[encoding](codes), sample_weight=weight
        )
        for encoding in ("integers", "one-hot")
    ]
    plain = make_classifier("integers").fit(X, codes)
    one, other = (fit.predict_proba(X) for fit in fits)
    np.testing.assert_allclose(one, other, atol=1e-5)
    assert not np.allclose(one, plain.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("encoding", ["strings", "one-hot frame"])
def test_a_fold_without_a_class_keeps_its_column(encoding):
    """Declared classes, and columns of one-hot rows, do not depend on the values of a fold."""
    few = CODES < 2
    clf = make_classifier(encoding, label_names=NAMES).fit(X[few], ENCODINGS[encoding](CODES[few]))
    assert clf.predict_proba(X).shape == (len(X), 3)
    assert list(clf.label_names_) == list(NAMES)
    again = clone(clf).fit(X[few], ENCODINGS[encoding](CODES[few]))
    assert np.array_equal(clf.predict_proba(X), again.predict_proba(X))


def test_one_hot_rows_without_exclusive_are_labels():
    """Nothing is guessed from rows that happen to hold one label each."""
    y = ENCODINGS["one-hot"](CODES)
    clf = make_classifier("integers", metrics=["accuracy"]).fit(X, y)
    assert not np.allclose(clf.predict_proba(X).sum(axis=1), 1, atol=1e-2)
    with pytest.raises(ValueError, match="'softmax' does not fit a label indicator"):
        make_classifier("integers", model__activation="softmax").fit(X, y)
