"""The head table, the reasons against other combinations, and the reading of outputs."""

import itertools

import keras
import numpy as np
import pytest
from scipy import sparse, special

from skmultilabel_keras._heads import (
    _HEADS,
    _WHY_NOT_ACTIVATION,
    _WHY_NOT_LOSS,
    Head,
    Reading,
    count_units,
    output_activation,
    resolve_reading,
)

TARGETS = ("independent", "one_hot", "binary", "classes")
LOSSES = (
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
)


def network(activation, units):
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(units, activation)])


def resolve(activation, targets, loss=None, declared=None, units=None):
    n_labels = 2 if targets == "binary" else 3
    units = count_units(targets, n_labels) if units is None else units
    model = network(activation, units)
    return resolve_reading(
        model, [(None, units)], targets, n_labels, loss, declared_logits=declared
    )


@pytest.mark.parametrize(
    ("targets", "activation", "loss"),
    list(itertools.product(TARGETS, (None, "sigmoid", "softmax"), (None, *LOSSES))),
)
def test_every_combination_is_read_or_refused_with_a_reason(targets, activation, loss):
    """Nothing falls between the table of heads and the tables of reasons."""
    family = "binary_crossentropy" if loss == "binary_focal_crossentropy" else loss
    refused = (targets, family) in _WHY_NOT_LOSS or (targets, activation) in _WHY_NOT_ACTIVATION
    if refused:
        with pytest.raises(ValueError, match="does not fit"):
            resolve(activation, targets, loss)
        return
    reading = resolve(activation, targets, loss)
    assert reading.head in _HEADS
    assert reading.head.targets == targets
    assert reading.from_logits == (activation is None)
    assert family in (None, reading.head.loss)


def test_two_softmax_outputs_read_binary_targets():
    reading = resolve("softmax", "binary", units=2)
    assert reading.head.targets == "classes"
    assert reading.n_units == 2


@pytest.mark.parametrize(
    ("last", "name"),
    [
        ([keras.layers.Dense(3)], "linear"),
        ([keras.layers.Dense(3, "sigmoid")], "sigmoid"),
        ([keras.layers.Dense(3), keras.layers.Activation("softmax")], "softmax"),
        ([keras.layers.Dense(3), keras.layers.Softmax()], "softmax"),
        ([keras.layers.Dense(3, "sigmoid"), keras.layers.Flatten()], "sigmoid"),
        ([keras.layers.Dense(3, "sigmoid"), keras.layers.Reshape((3,))], "sigmoid"),
        ([keras.layers.Dense(3, "tanh")], "tanh"),
        ([keras.layers.Dense(3), keras.layers.BatchNormalization()], "unknown"),
        ([keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "sigmoid")])], "sigmoid"),
    ],
)
def test_activation_is_told_from_the_network(last, name):
    assert output_activation(keras.Sequential([keras.Input((2,)), *last])) == name


def test_activation_of_an_operation_and_of_a_subclassed_model():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.ops.sigmoid(keras.layers.Dense(3)(inputs)))
    assert output_activation(model) == "sigmoid"

    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    assert output_activation(Own()) == "unknown"


@pytest.mark.parametrize("declared", [True, False])
def test_where_the_network_does_not_tell_the_loss_does(declared):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dropout(0)])
    loss = keras.losses.BinaryCrossentropy(from_logits=declared)
    reading = resolve_reading(model, [(None, 3)], "independent", 3, loss, declared_logits=declared)
    assert reading.from_logits == declared


def reading_of(targets, from_logits, units=3):
    head = next(head for head in _HEADS if head.targets == targets)
    return Reading(head, from_logits, units)


@pytest.mark.parametrize("targets", TARGETS)
def test_logits_and_probabilities_say_the_same(targets):
    """Outputs as logits or as probabilities give equal scores and decisions."""
    units = 1 if targets == "binary" else 3
    z = np.random.default_rng(0).normal(scale=3, size=(50, units)).astype(np.float32)
    from_logits = reading_of(targets, True, units)
    p = from_logits.probabilities(z)
    from_probabilities = reading_of(targets, False, units)

    assert np.allclose(from_probabilities.predict_proba(p), from_logits.predict_proba(z))
    assert np.array_equal(from_probabilities.decide(p), from_logits.decide(z))
    back = from_probabilities.logits(p)
    if from_logits.head.activation == "softmax":  # known up to a constant per row
        back, z = (v - v.mean(axis=1, keepdims=True) for v in (back, z))
    assert np.allclose(back, z, atol=1e-4)
    if targets in ("binary", "classes"):
        assert np.allclose(from_logits.predict_proba(z).sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("targets", TARGETS)
def test_saturated_outputs_stay_finite_and_in_range(targets, from_logits):
    units = 1 if targets == "binary" else 3
    low, high = (-1e4, 1e4) if from_logits else (0, 1)
    outputs = np.array([[low] * units, [high] * units], dtype=np.float32)
    reading = reading_of(targets, from_logits, units)

    proba = reading.predict_proba(outputs)
    assert np.isfinite(reading.logits(outputs)).all()
    assert ((proba >= 0) & (proba <= 1)).all()


def test_binary_softmax_decision_is_a_difference():
    z = np.array([[1.0, 3.0], [2.0, -1.0]], dtype=np.float32)
    reading = reading_of("classes", True, 2)
    assert reading.decision_function(z, binary=True).tolist() == [2, -3]
    expected = special.expit(reading.decision_function(z, binary=True))
    assert np.allclose(reading.predict_proba(z)[:, 1], expected)


def test_encodings():
    codes = np.array([2, 0, 1])
    head = Head("classes", "softmax", "categorical_crossentropy", "one_hot", "CategoricalAccuracy")
    one_hot = Reading(head, True, 4).encode(codes, 4)
    assert sparse.issparse(one_hot)
    assert np.array_equal(one_hot.toarray(), np.eye(4)[codes])
    column = reading_of("binary", True, 1).encode(np.array([1, 0]), 2)
    assert column.tolist() == [[1], [0]]
    assert reading_of("classes", True).encode(codes, 3) is codes


@pytest.mark.parametrize("n_labels", [1, 2, 7])
def test_zero_rows(n_labels):
    reading = reading_of("independent", True, n_labels)
    nothing = np.empty((0, n_labels), np.float32)
    for method in (reading.logits, reading.predict_proba, reading.decide):
        assert method(nothing).shape == (0, n_labels)
