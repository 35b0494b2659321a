"""What a network is compiled with means what it means in Keras, and is of one fit alone."""

import copy
import pickle

import keras
import numpy as np
import pytest
from sklearn.base import clone

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras._compiling import weights_are_copies
from skmultilabel_keras._keras_metrics import OnProbabilities
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


def check_copies(X, Y, model, *, merged, **parameters):
    """Check that copies in a batch count in the loss, and whether they become weights."""
    rows = np.r_[np.arange(10), np.zeros(30, dtype=int)]
    parameters |= {"epochs": 4, "batch_size": -1, "random_state": 0}
    clf = KerasMultiLabelClassifier(model, **parameters).fit(X[rows], Y[rows])
    assert weights_are_copies(clf.model_) is merged
    # Keras' metrics have no weights, so rows stay as they are.
    counted = KerasMultiLabelClassifier(model, **parameters, metrics=["accuracy"])
    history = counted.fit(X[rows], Y[rows]).history_
    np.testing.assert_allclose(clf.history_["loss"], history["loss"], rtol=1e-4)


@pytest.mark.parametrize("loss", [None, "soft_f1", "zlpr", "focal"])
def test_copies_of_rows_count_in_every_loss_on_logits(loss, multilabel_data):
    check_copies(*multilabel_data, linear(), loss=loss, merged=True)


@pytest.mark.thorough
@pytest.mark.parametrize(("loss", "merged"), [(keras.losses.Huber, True), ("dice", False)])
def test_copies_of_rows_count_in_every_loss_on_probabilities(loss, merged, multilabel_data):
    check_copies(*multilabel_data, linear("sigmoid"), loss=loss, merged=merged)


@pytest.mark.thorough
def test_copies_of_rows_count_where_activities_are_regularised(multilabel_data):
    model = linear(activation="relu", activity_regularizer="l2")
    check_copies(*multilabel_data, model, merged=False)


def centre(x):
    return x - keras.ops.mean(x, axis=0, keepdims=True)


class Centred(keras.layers.Layer):
    def call(self, inputs):
        return centre(inputs)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "look",
    [
        lambda x: Centred()(x),
        lambda x: keras.layers.Lambda(centre)(x),
        lambda x: keras.layers.Activation(centre)(x),
        lambda x: keras.layers.BatchNormalization()(x),
        centre,
    ],
    ids=["layer", "Lambda", "activation", "BatchNormalization", "operations"],
)
def test_copies_of_rows_count_where_the_network_looks_at_the_batch(look, multilabel_data):
    def build(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(look(inputs)))

    check_copies(*multilabel_data, build, merged=False)


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
        (keras.losses.Circle(), False),
        (keras.losses.SparseCategoricalCrossentropy(), True),
        (keras.losses.SparseCategoricalCrossentropy(ignore_class=0), False),
        (keras.losses.CosineSimilarity(), True),
        (keras.losses.CosineSimilarity(axis=0), False),
        (None, False),
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
        (
            {"loss": "binary_crossentropy", "loss__label_smoothing": 0.1},
            "loss__label_smoothing",
        ),
        ({"run_eagerly": True}, "run_eagerly"),
    ],
)
def test_parameters_that_a_compiled_model_would_drop(parameters, named, multilabel_data):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    clf = KerasMultiLabelClassifier(head(optimizer="adam", loss=loss), **parameters)
    with pytest.raises(ValueError, match=f"comes compiled, so {named} would have no effect"):
        clf.fit(*multilabel_data)


def test_an_optimizer_is_dropped_by_no_name(multilabel_data):
    clf = KerasMultiLabelClassifier(head(optimizer="sgd"), optimizer="adam", epochs=1)
    with pytest.raises(ValueError, match="comes compiled, so optimizer would have no effect"):
        clf.fit(*multilabel_data)
    clf.set_params(optimizer="sgd").fit(*multilabel_data)
    assert isinstance(clf.model_.optimizer, keras.optimizers.SGD)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"optimizer__learning_rate": 0.1}, "optimizer__learning_rate"),
        ({"metrics": ["auc"]}, "metrics"),
        ({"compile__weighted_metrics": ["auc"]}, "compile__weighted_metrics"),
    ],
)
def test_parameters_that_a_model_with_an_optimizer_would_drop(parameters, named, multilabel_data):
    clf = KerasMultiLabelClassifier(head(optimizer="adam"), **parameters)
    with pytest.raises(ValueError, match=f"comes compiled, so {named} would have no effect"):
        clf.fit(*multilabel_data)


def test_a_model_with_an_optimizer_takes_what_belongs_to_its_loss(multilabel_data):
    clf = KerasMultiLabelClassifier(
        head(optimizer="sgd", run_eagerly=True), loss="focal", loss__gamma=1.0, epochs=1
    ).fit(*multilabel_data)
    assert clf.model_.loss.gamma == 1.0
    assert clf.model_.run_eagerly


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("parameters", "options"),
    [
        ({"loss": "focal", "loss__gamma": 1.0}, {"optimizer": "sgd"}),
        ({"loss": "focal", "loss__gamma": 1.0}, {}),
        ({"run_eagerly": True}, {"optimizer": "sgd"}),
    ],
)
def test_a_model_trained_in_place_may_be_copied(parameters, options, multilabel_data):
    """It is compiled from then on, with what the parameters ask for."""
    X, Y = multilabel_data
    clf = KerasMultiLabelClassifier(
        head(**options), warm_start=True, random_state=0, epochs=1, **parameters
    ).fit(X, Y)
    for copied in (pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf), clone(clf).fit(X, Y)):
        assert copied.fit(X, Y).model_.loss.get_config() == clf.model_.loss.get_config()


def test_metrics_of_a_function_and_of_the_estimator(multilabel_data):
    def build(meta, compile_kwargs):
        model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
        model.compile(optimizer=compile_kwargs["optimizer"], metrics=["mae"])
        return model

    own = KerasMultiLabelClassifier(build, epochs=1).fit(*multilabel_data)
    assert set(own.history_) == {"loss", "mae"}
    given = KerasMultiLabelClassifier(build, metrics=["mse"], epochs=1).fit(*multilabel_data)
    assert set(given.history_) == {"loss", "mse"}


@pytest.mark.thorough
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


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["AUC", "acc", "mean_squared_error"])
def test_metrics_are_logged_by_the_names_that_they_are_given_by(name, multilabel_data):
    X, Y = multilabel_data
    model = head(optimizer="sgd", loss="mse", metrics=[name])
    in_keras = model.fit(X, Y, epochs=1, verbose=0).history
    clf = KerasMultiLabelClassifier("linear", metrics=[name], epochs=1, random_state=0).fit(X, Y)
    assert set(clf.history_) == set(in_keras) == {"loss", name}


@pytest.mark.parametrize("kind", [keras.metrics.BinaryCrossentropy, keras.metrics.AUC])
def test_a_metric_that_takes_logits_gets_them(kind, multilabel_data):
    metrics = [kind(from_logits=True, name="of_logits"), kind(name="of_probabilities")]
    clf = KerasMultiLabelClassifier("linear", metrics=metrics, epochs=2, random_state=0)
    history = clf.fit(*multilabel_data).history_
    np.testing.assert_allclose(history["of_logits"], history["of_probabilities"], rtol=1e-3)


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


# What a model function is handed, and what a compiled model has already.


def build_compiled(meta, compile_kwargs):
    model = head_of(meta)
    model.compile(**compile_kwargs)
    return model


def build_with_more(meta, compile_kwargs):
    """Add a metric of its own, on the outputs as they are."""
    more = keras.metrics.BinaryAccuracy("own", threshold=0.0)
    model = head_of(meta)
    model.compile(**compile_kwargs | {"metrics": [*compile_kwargs["metrics"], more]})
    return model


def head_of(meta):
    inputs = keras.Input(meta["X_shape_"][1:])
    return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(inputs))


@pytest.mark.parametrize(
    ("build", "loss"),
    [
        (build_compiled, None),
        (build_with_more, "focal"),
        (build_with_more, keras.losses.BinaryCrossentropy(from_logits=True)),
    ],
    ids=["none", "name", "object"],
)
def test_metrics_in_compile_kwargs_are_computed_on_probabilities(build, loss, multilabel_data):
    X, Y = multilabel_data
    metrics = ["accuracy", keras.metrics.MeanSquaredError(name="squares")]
    clf = KerasMultiLabelClassifier(build, loss=loss, metrics=metrics, epochs=2, random_state=0)
    clf.fit(X, Y, validation_data=(X, Y))
    probability = clf.predict_proba(X)
    right = np.mean((probability > 0.5) == Y)
    logs = {name: values[-1] for name, values in clf.history_.items()}
    assert logs["val_accuracy"] == pytest.approx(right)
    assert logs["val_squares"] == pytest.approx(np.mean((probability - Y) ** 2), rel=1e-5)
    if build is build_with_more:
        assert logs["val_own"] == pytest.approx(right)


TRAINED_WITH = {
    "learning rate": {"optimizer__learning_rate": 0.01},
    "optimizer object": {"optimizer": keras.optimizers.RMSprop(0.003)},
    "metric parameters": {"metrics": [keras.metrics.AUC], "metrics__curve": "PR"},
    "weighted metrics": {"compile__weighted_metrics": "accuracy"},
    "weights of labels": {"class_weight": "balanced"},
    "scores": {"metrics": ["f1_macro"], "validation_split": 0.2},
}


@pytest.mark.parametrize("parameters", TRAINED_WITH.values(), ids=TRAINED_WITH)
def test_a_model_trained_in_place_has_what_it_was_compiled_with(parameters, multilabel_data):
    clf = KerasMultiLabelClassifier(head(), warm_start=True, epochs=1, **parameters)
    clf.fit(*multilabel_data)
    clone(clf).fit(*multilabel_data)
    clf.set_params(warm_start=False).fit(*multilabel_data)


@pytest.mark.thorough
def test_others_than_a_compiled_model_has_would_have_no_effect(multilabel_data):
    clf = KerasMultiLabelClassifier(head(), warm_start=True, epochs=1, optimizer="adam")
    clf.fit(*multilabel_data)
    others = {
        "optimizer__learning_rate": 0.5,
        "optimizer": "sgd",
        "metrics": ["mse"],
        "compile__weighted_metrics": ["mse"],
    }
    for name, value in others.items():
        other = clone(clf).set_params(**{name: value})
        with pytest.raises(ValueError, match=f"{name} would have no effect"):
            other.fit(*multilabel_data)


@pytest.mark.thorough
def test_weights_of_labels_are_of_one_fit(multilabel_data):
    X, Y = multilabel_data
    weighted = KerasMultiLabelClassifier(head(), warm_start=True, class_weight=[9.0, 1.0, 1.0])
    weighted.set_params(epochs=1).fit(X, Y)
    pickle.loads(pickle.dumps(weighted)).partial_fit(X, Y)
    again = KerasMultiLabelClassifier(weighted.model_, epochs=1).fit(X, Y)
    assert again.model_.loss.label_weight is None
    assert weighted.model_.loss.label_weight is not None


def test_positions_of_metrics_are_those_in_the_list(multilabel_data):
    """Scores, which Keras does not compute, count as well."""
    metrics = ["f1_macro", keras.metrics.Precision, keras.metrics.Recall]
    parameters = {"epochs": 1, "random_state": 0, "validation_split": 0.2}
    clf = KerasMultiLabelClassifier("mlp", metrics=metrics, metrics__2__thresholds=0.0)
    history = clf.set_params(**parameters).fit(*multilabel_data).history_
    assert history["val_recall"] == [1.0]
    assert history["val_precision"][0] != pytest.approx(multilabel_data[1].mean(), rel=1e-3)
    with pytest.raises(ValueError, match="metrics__0 is 'f1_macro'"):
        clf.set_params(metrics__0__thresholds=0.0).fit(*multilabel_data)


@pytest.mark.parametrize("loss", ["focal", keras.losses.BinaryFocalCrossentropy])
def test_a_loss_gives_one_number(loss, multilabel_data):
    clf = KerasMultiLabelClassifier("mlp", loss=loss, loss__reduction=None)
    with pytest.raises(ValueError, match=r"loss__reduction must be .*got None"):
        clf.fit(*multilabel_data)
    model = head(loss=keras.losses.BinaryCrossentropy(from_logits=True, reduction=None))
    with pytest.raises(ValueError, match=r"loss__reduction must be .*got None"):
        KerasMultiLabelClassifier(model).fit(*multilabel_data)
