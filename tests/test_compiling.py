"""What a network is compiled with means what it means in Keras, and is of one fit alone."""

import keras
import numpy as np
import pytest

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras._compiling import OnProbabilities
from skmultilabel_keras.losses import is_mean_of_rows


def head(**options):
    """Return a network of one layer, compiled with these options if there are any."""
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    if options:
        model.compile(**options)
    return model


# Copies of rows and weights.


def linear(ends_in=None, **hidden):
    def build(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        z = keras.layers.Dense(4, **hidden)(inputs) if hidden else inputs
        return keras.Model(inputs, keras.layers.Dense(meta["n_units_"], ends_in)(z))

    return build


def in_one_batch(X, Y, model, **parameters):
    """Return the losses of two fits on a batch with copies, one of which may merge them."""
    rows = np.r_[np.arange(10), np.zeros(30, dtype=int)]
    parameters |= {"epochs": 4, "batch_size": -1, "random_state": 0}
    merged = KerasMultiLabelClassifier(model, **parameters).fit(X[rows], Y[rows])
    # Keras' metrics have no weights, so rows stay as they are.
    counted = KerasMultiLabelClassifier(model, **parameters, metrics=["accuracy"])
    return merged.history_["loss"], counted.fit(X[rows], Y[rows]).history_["loss"]


@pytest.mark.parametrize("loss", [None, "soft_f1", "zlpr", "focal"])
def test_copies_of_rows_count_in_every_loss_on_logits(loss, multilabel_data):
    merged, whole = in_one_batch(*multilabel_data, linear(), loss=loss)
    np.testing.assert_allclose(merged, whole, rtol=1e-4)


@pytest.mark.parametrize(
    "loss", ["dice", "tversky", keras.losses.Dice(), "mse", keras.losses.Huber]
)
def test_copies_of_rows_count_in_every_loss_on_probabilities(loss, multilabel_data):
    merged, whole = in_one_batch(*multilabel_data, linear("sigmoid"), loss=loss)
    np.testing.assert_allclose(merged, whole, rtol=1e-4)


def test_copies_of_rows_count_where_activities_are_regularised(multilabel_data):
    model = linear(activation="relu", activity_regularizer="l2")
    merged, whole = in_one_batch(*multilabel_data, model)
    np.testing.assert_allclose(merged, whole, rtol=1e-4)


class Centred(keras.layers.Layer):
    def call(self, inputs):
        return inputs - keras.ops.mean(inputs, axis=0, keepdims=True)


def test_copies_of_rows_count_where_a_layer_looks_at_the_batch(multilabel_data):
    def build(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(Centred()(inputs)))

    merged, whole = in_one_batch(*multilabel_data, build)
    np.testing.assert_allclose(merged, whole, rtol=1e-4)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("mse", True),
        ("binary_crossentropy", True),
        (keras.losses.binary_crossentropy, True),
        (keras.losses.Huber(), True),
        (keras.losses.Huber(reduction="sum"), False),
        ("dice", False),
        (keras.losses.tversky, False),
        (keras.losses.Dice(), False),
        (lambda y, z: keras.ops.mean(y - z), False),
    ],
)
def test_losses_that_look_at_each_row_alone(loss, expected):
    assert is_mean_of_rows(loss) is expected


# Models that come compiled.


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"optimizer__learning_rate": 0.1}, "optimizer__learning_rate"),
        ({"metrics": ["auc"]}, "metrics"),
        ({"compile__auto_scale_loss": False}, "compile__auto_scale_loss"),
        ({"loss__label_smoothing": 0.1}, "loss__label_smoothing"),
        ({"run_eagerly": True}, "run_eagerly"),
    ],
)
def test_parameters_that_a_compiled_model_would_drop(parameters, named, multilabel_data):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    given = {"loss": "binary_crossentropy"} if "loss__label_smoothing" in parameters else {}
    clf = KerasMultiLabelClassifier(head(optimizer="adam", loss=loss), **given, **parameters)
    with pytest.raises(ValueError, match=f"comes compiled, so {named} would have no effect"):
        clf.fit(*multilabel_data)


@pytest.mark.parametrize("kind", ["metrics", "weighted_metrics"])
def test_a_model_compiled_without_a_loss_keeps_its_metrics(kind, multilabel_data):
    """They are computed on probabilities, as those that the estimator is given."""
    model, metric = head(), keras.metrics.AUC(name="area")
    given = KerasMultiLabelClassifier(
        model, optimizer="sgd", metrics=[metric], epochs=2, random_state=0
    ).fit(*multilabel_data)
    model.compile(optimizer="sgd", **{kind: [metric]})
    clf = KerasMultiLabelClassifier(model, epochs=2, random_state=0).fit(*multilabel_data)
    assert type(clf.model_.optimizer) is keras.optimizers.SGD
    np.testing.assert_allclose(clf.history_["area"], given.history_["area"], rtol=1e-4)


# Metrics.


def test_a_metric_that_takes_logits_gets_them(multilabel_data):
    metrics = [
        keras.metrics.BinaryCrossentropy(from_logits=True, name="of_logits"),
        keras.metrics.BinaryCrossentropy(name="of_probabilities"),
    ]
    clf = KerasMultiLabelClassifier("linear", metrics=metrics, epochs=2, random_state=0)
    history = clf.fit(*multilabel_data).history_
    np.testing.assert_allclose(history["of_logits"], history["of_probabilities"], rtol=1e-4)


def test_weighted_metrics_of_the_caller_stay_untouched(multilabel_data):
    metric = keras.metrics.AUC(name="area")
    clf = KerasMultiLabelClassifier(
        "linear", compile__weighted_metrics=[metric], epochs=1, random_state=0
    )
    first = clf.fit(*multilabel_data).history_
    assert clf.fit(*multilabel_data).history_ == first
    assert not any(np.any(variable.numpy()) for variable in metric.variables)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_metrics_on_probabilities_come_back_from_their_configuration(dtype):
    metric = OnProbabilities(keras.metrics.AUC(name="area"), "sigmoid", dtype=dtype)
    twin = OnProbabilities.from_config(metric.get_config())
    assert (twin.name, twin.dtype, twin.activation) == ("area", dtype, "sigmoid")
    assert type(twin.metric) is keras.metrics.AUC
