"""An optimizer on one vector does what it does on one variable after the other."""

from functools import partial

import keras
import numpy as np
import pytest

from skmultilabel_keras import KerasMultiLabelClassifier, clear_compile_cache
from skmultilabel_keras._tensorflow import flat_optimizer
from skmultilabel_keras._tensorflow.flat_optimizer import FlatOptimizer

layers, optimizers = keras.layers, keras.optimizers
RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 6)).astype(np.float32)
Y = (X[:, :3] + RNG.normal(size=(50, 3)) > 0).astype(int)


def build(meta, middle=layers.Identity):
    inputs = keras.Input(meta["X_shape_"][1:])
    hidden = middle()(layers.Dense(8, activation="relu")(inputs))
    return keras.Model(inputs, layers.Dense(meta["n_units_"])(hidden))


def compiled(optimizer, **network):
    model = build({"X_shape_": (50, 6), "n_units_": 3}, **network)
    model.compile(optimizer, "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def fit(**params):
    clear_compile_cache()
    clf = KerasMultiLabelClassifier(
        **{"model": build, "epochs": 3, "batch_size": 16, "random_state": 0, **params}
    )
    return clf.fit(X, Y)


FLAT = {
    "adadelta": optimizers.Adadelta,
    "adagrad": optimizers.Adagrad,
    "adam": optimizers.Adam,
    "amsgrad": partial(optimizers.Adam, amsgrad=True),
    "adamw": partial(optimizers.AdamW, weight_decay=0.01),
    "adamax": optimizers.Adamax,
    "ftrl": partial(optimizers.Ftrl, l1_regularization_strength=0.01),
    "lion": optimizers.Lion,
    "rmsprop": partial(optimizers.RMSprop, momentum=0.5, centered=True),
    "sgd": optimizers.SGD,
    "nesterov": partial(optimizers.SGD, momentum=0.9, nesterov=True),
    "clipvalue": partial(optimizers.Adam, clipvalue=0.01),
    "schedule": partial(optimizers.Adam, optimizers.schedules.ExponentialDecay(0.01, 5, 0.5)),
}


@pytest.mark.lowest
@pytest.mark.parametrize("make", FLAT.values(), ids=FLAT)
def test_bits_are_those_of_one_variable_after_the_other(make, monkeypatch):
    assert FlatOptimizer.of(compiled(make())) is not None
    flat = fit(optimizer=make())
    monkeypatch.setattr(FlatOptimizer, "of", lambda model: None)
    plain = fit(optimizer=make())
    assert flat.history_ == plain.history_
    for one, other in zip(
        [*flat.model_.weights, *flat.model_.optimizer.variables],
        [*plain.model_.weights, *plain.model_.optimizer.variables],
        strict=True,
    ):
        assert np.array_equal(one.numpy(), other.numpy()), one.path


NOT_FLAT = {
    "clipnorm": partial(optimizers.Adam, clipnorm=1.0),
    "global_clipnorm": partial(optimizers.Adam, global_clipnorm=1.0),
    "average": partial(optimizers.Adam, use_ema=True),
    "adafactor": optimizers.Adafactor,
    "lamb": optimizers.Lamb,
}


@pytest.mark.lowest
@pytest.mark.parametrize("make", NOT_FLAT.values(), ids=NOT_FLAT)
def test_optimizers_that_look_at_whole_variables_are_left_alone(make):
    assert FlatOptimizer.of(compiled(make())) is None


def test_variables_with_constraints_are_left_alone():
    middle = partial(layers.Dense, 4, kernel_constraint="non_neg")
    assert FlatOptimizer.of(compiled("adam", middle=middle)) is None
    clf = fit(model__middle=middle)
    assert (clf.model_.layers[2].kernel.numpy() >= 0).all()


def test_a_single_variable_is_left_alone():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(3, use_bias=False)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    assert FlatOptimizer.of(model) is None


def test_large_networks_are_left_alone():
    model = keras.Sequential([keras.Input((300,)), layers.Dense(250), layers.Dense(3)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    assert FlatOptimizer.of(model) is None


def test_parts_come_back_in_their_shapes():
    flat = FlatOptimizer.of(compiled("adam"))
    values = {id(v): np.asarray(v.value) for column in flat.columns for v in column}
    for column, vector in zip(flat.columns, flat.join(lambda v: values[id(v)]), strict=True):
        for variable, part in zip(column, flat.split(vector), strict=True):
            assert np.array_equal(part, values[id(variable)])


def embed(meta):
    inputs = keras.Input(meta["X_shape_"][1:], dtype="int32")
    hidden = layers.Flatten()(layers.Embedding(4, 2)(inputs))
    return keras.Model(inputs, layers.Dense(meta["n_units_"])(hidden))


def ignore_one_output(meta):
    """A network with weights of which its outputs know nothing."""
    inputs = keras.Input(meta["X_shape_"][1:])
    inner = keras.Model(inputs, [layers.Dense(4)(inputs), layers.Dense(5)(inputs)])
    outer = keras.Input(meta["X_shape_"][1:])
    return keras.Model(outer, layers.Dense(meta["n_units_"])(inner(outer)[0]))


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:Gradients do not exist for variables:UserWarning")
@pytest.mark.parametrize("model", [embed, ignore_one_output])
def test_gradients_that_make_no_vector_go_the_other_way(model, monkeypatch):
    tried = []
    apply = FlatOptimizer.apply

    def record(self, *args):
        tried.append(self)
        return apply(self, *args)

    monkeypatch.setattr(FlatOptimizer, "apply", record)
    rows = RNG.integers(0, 4, X.shape) if model is embed else X
    clear_compile_cache()
    clf = KerasMultiLabelClassifier(model, epochs=3, batch_size=16, random_state=0)
    clf.fit(rows, Y)
    assert tried
    assert clf.engine_.name == "shared"
    keras_own = KerasMultiLabelClassifier(
        model, epochs=3, batch_size=16, random_state=0, engine="keras"
    ).fit(rows, Y)
    for one, other in zip(clf.model_.weights, keras_own.model_.weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-6)


def test_the_table_names_optimizers_of_keras():
    assert all(hasattr(optimizers, name) for name in flat_optimizer._NUMBER_BY_NUMBER)
