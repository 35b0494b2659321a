"""Keras models that are passed: their copies, and all that makes them what they are."""

import copy
import pickle
from itertools import cycle

import cloudpickle
import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.base import clone

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras._building import copy_model, note_network

layers = keras.layers
RNG = np.random.default_rng(0)
X = RNG.integers(0, 9, (41, 3))
Y = (X + RNG.integers(0, 4, (41, 3)) > 5).astype(int)

COPIES = {
    "same": lambda value: value,
    "clone": clone,
    "deepcopy": copy.deepcopy,
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
}


def adapted(layer):
    layer.adapt(X)
    return layer


def nested(layer):
    return keras.Sequential([keras.Input((3,)), layer, layers.Rescaling(0.5)])


LEARNT = {
    "normalization": lambda: adapted(layers.Normalization()),
    "nested normalization": lambda: nested(adapted(layers.Normalization())),
    "lookup": lambda: adapted(layers.IntegerLookup()),
    "lookup of sets": lambda: adapted(layers.IntegerLookup(output_mode="multi_hot")),
    "nested lookup": lambda: nested(adapted(layers.IntegerLookup())),
    "words that were passed": lambda: layers.IntegerLookup(vocabulary=list(range(9))),
}


def classifier(model, **params):
    return KerasMultiLabelClassifier(model, epochs=1, random_state=0, **params)


# What layers learn by adapt.


@pytest.mark.parametrize(
    ("make", "warm_start"),
    list(zip(LEARNT.values(), cycle([False, True]), strict=False)),
    ids=LEARNT,
)
def test_copies_keep_what_layers_have_learnt(make, warm_start):
    model = keras.Sequential([keras.Input((3,)), make(), layers.Rescaling(1.0), layers.Dense(3)])
    for twin in (copy_model(model), copy_model(copy_model(model))):
        np.testing.assert_array_equal(twin(X), model(X))
    clf = classifier(copy_model(model), warm_start=warm_start).fit(X, Y)
    loaded = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_frequencies_of_words_are_copied():
    lookup = adapted(layers.IntegerLookup(output_mode="tf_idf"))
    model = keras.Sequential([keras.Input((3,)), lookup, layers.Dense(3)])
    np.testing.assert_array_equal(copy_model(model)(X), model(X))


def test_what_is_put_back_is_used():
    layer = adapted(layers.Normalization())
    model = keras.Sequential([keras.Input((3,)), layer])
    before = np.asarray(model(X))
    put_back = note_network(model)
    layer.adapt(10 * X)
    put_back()
    np.testing.assert_array_equal(model(X), before)


# What is set on single weights.


def build_partly_frozen(*, compiled):
    keras.utils.set_random_seed(0)
    hidden = layers.Dense(5)
    out = layers.Dense(3, "sigmoid", kernel_regularizer="l2", bias_constraint="non_neg")
    model = keras.Sequential([keras.Input((3,)), hidden, out])
    hidden.kernel.trainable = False
    hidden.bias.regularizer = keras.regularizers.L1(0.1)
    out.kernel.regularizer = None
    out.kernel.constraint = keras.constraints.MaxNorm(0.5)
    if compiled:
        model.compile("adam", "binary_crossentropy")
    return model


def settings_of(model):
    kinds = [(type(w.regularizer), type(w.constraint)) for w in model.weights]
    return [w.trainable for w in model.weights], kinds


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("copied", "compiled", "warm_start"),
    [
        ("same", True, True),
        ("same", False, False),
        ("clone", True, False),
        ("deepcopy", False, True),
        ("pickle", True, True),
        ("pickle", False, False),
    ],
)
def test_settings_of_single_weights_are_kept(copied, compiled, warm_start):
    """Before and after a fit, and so are the optimizer's variables, which are fewer."""
    model = build_partly_frozen(compiled=compiled)
    frozen, settings = model.layers[0].kernel.numpy(), settings_of(model)
    clf = COPIES[copied](classifier(model, warm_start=warm_start)).fit(X, Y)
    expected = classifier(build_partly_frozen(compiled=compiled), engine="keras").fit(X, Y)
    np.testing.assert_allclose(clf.predict_proba(X), expected.predict_proba(X), rtol=1e-5)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    for one in (clf, again.partial_fit(X, Y)):
        assert settings_of(one.model_) == settings
        np.testing.assert_array_equal(one.model_.layers[0].kernel, frozen)
    # An optimizer that would have gone on with other weights would do other steps.
    np.testing.assert_array_equal(again.predict_proba(X), clf.partial_fit(X, Y).predict_proba(X))


# Optimizers of a model's own steps.


class TwoOptimizers(keras.Model):
    """Trains its last layer by an optimizer of its own, which is built in the first step."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.of_outputs = keras.optimizers.SGD(0.1, momentum=0.9)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
        weights = self.trainable_variables
        gradients = tape.gradient(loss, weights)
        self.optimizer.apply(gradients[:2], weights[:2])
        self.of_outputs.apply(gradients[2:], weights[2:])
        return {"loss": loss}


def build_with_two(meta):
    inputs = keras.Input(meta["X_shape_"][1:])
    return TwoOptimizers(inputs, layers.Dense(3)(layers.Dense(4)(inputs)))


@pytest.mark.thorough
@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_states_of_all_optimizers_are_pickled(engine):
    clf = classifier(build_with_two, engine=engine, optimizer="adam")
    unfitted = pickle.loads(pickle.dumps(clf.initialize(X, Y)))
    for one in (clf, unfitted):
        loaded = pickle.loads(pickle.dumps(one.partial_fit(X, Y)))
        kept = loaded.model_.of_outputs.variables
        for a, b in zip(kept, one.model_.of_outputs.variables, strict=True):
            np.testing.assert_array_equal(a, b)
        going_on = [some.partial_fit(X, Y).predict_proba(X) for some in (loaded, one)]
        np.testing.assert_array_equal(*going_on)


@pytest.mark.thorough
@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_a_failed_fit_leaves_no_optimizer_built(engine):
    def stop(epoch, logs):
        raise RuntimeError("stop")

    clf = classifier(build_with_two, engine=engine, optimizer="adam", warm_start=True)
    expected = clf.initialize(X, Y).fit(X, Y).predict_proba(X)
    other = clone(clf).initialize(X, Y)
    with pytest.raises(RuntimeError, match="stop"):
        other.fit(X, Y, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=stop)])
    assert not other.model_.of_outputs.built
    np.testing.assert_array_equal(other.fit(X, Y).predict_proba(X), expected)


def test_an_optimizer_stays_one_whatever_names_it_has():
    def stop(epoch, logs):
        raise RuntimeError("stop")

    model = keras.Sequential([keras.Input((3,)), layers.Dense(3)])
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    model.alias = model.optimizer
    callback = keras.callbacks.LambdaCallback(on_epoch_end=stop)
    clf = classifier(model, warm_start=True, callbacks=[callback])
    with pytest.raises(RuntimeError, match="stop"):
        clf.fit(X, Y)
    assert model.alias is model.optimizer
    assert not model.optimizer.built


def test_an_optimizer_of_other_variables_is_none_of_the_networks():
    def build(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        model = keras.Model(inputs, layers.Dense(3)(inputs))
        outside = keras.optimizers.SGD()
        outside.build([keras.Variable(np.zeros(2))])
        model.of_others = outside
        return model

    clf = classifier(build).fit(X, Y)
    loaded = cloudpickle.loads(cloudpickle.dumps(clf))
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_an_optimizer_that_others_use_in_training_is_left_to_them():
    class Teaching(keras.Model):
        def train_step(self, data):
            if not self.of_others.built:
                self.of_others.build([self.outside])
            return super().train_step(data)

    def build(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        model = Teaching(inputs, layers.Dense(3)(inputs))
        model.of_others, model.outside = keras.optimizers.SGD(), tf.Variable([1.0])
        return model

    clf = classifier(build, engine="keras").fit(X, Y)
    loaded = cloudpickle.loads(cloudpickle.dumps(clf))
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_pickles_hold_the_state_of_an_optimizer_once():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2000), layers.Dense(3)])
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    model.fit(X, Y, epochs=1, verbose=0)
    size = sum(variable.numpy().nbytes for variable in [*model.weights, *model.optimizer.variables])
    assert len(pickle.dumps(classifier(model))) < 1.2 * size


class Largest(keras.regularizers.Regularizer):
    """A regulariser that Keras cannot make anew, as it is not registered."""

    def __call__(self, weight):
        return keras.ops.max(keras.ops.abs(weight))


def test_a_regulariser_of_ones_own_is_copied_with_its_weight():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3)])
    model.layers[0].kernel.regularizer = own = Largest()
    assert copy_model(model).layers[0].kernel.regularizer is own
