"""Keys hold all that a graph depends on, and no code of a user's gets one."""

import functools
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from skmultilabel_keras._compat import isolated_build
from skmultilabel_keras._keras_metrics import OnProbabilities
from skmultilabel_keras._tensorflow.specification import (
    find_hyperparameters,
    hyperparameters_as,
    smooth_targets,
    specify_network,
    specify_training,
)
from skmultilabel_keras.networks import Dropout, FeatureScaler, PiecewiseLinear, SmoothClip

layers, losses, metrics, optimizers = keras.layers, keras.losses, keras.metrics, keras.optimizers
schedules = optimizers.schedules
partial = functools.partial


def build(*make_layers, shape=(4,), seed=0, optimizer=None, loss=None, logged=(), **options):
    """Return a compiled network; everything is made anew, as each fit does it."""
    with isolated_build(seed):
        x = inputs = keras.Input(shape)
        for make in make_layers:
            x = make()(x)
        model = keras.Model(inputs, layers.Dense(3)(x))
        model.compile(
            optimizer() if optimizer else "adam",
            loss() if loss else losses.BinaryCrossentropy(from_logits=True),
            metrics=[make() for make in logged],
            **{"jit_compile": False, **options},
        )
    return model


def key_of(model):
    specification = specify_training(model)
    assert specification.key is not None, specification.reason
    return specification.key


def changed(change, *make_layers, **params):
    """Return a network that its user changed after it was made."""
    model = build(*make_layers, **params)
    change(model)
    return model


def dense(units=4, **params):
    return partial(layers.Dense, units, **params)


def penalise(model):
    model.layers[1].kernel.regularizer = keras.regularizers.L2(0.1)


def bound(model):
    model.layers[1].kernel.constraint = keras.constraints.MaxNorm(0.1)


def set_edges(width, model):
    model.layers[1].set_edges(np.tile(np.arange(9) * width, (4, 1)))


# Networks that are to share.


def attend():
    attention = layers.MultiHeadAttention(2, 2)
    return lambda x: attention(x, x)


EQUAL = {
    "seeds of layers": [
        partial(build, dense(), partial(Dropout, 0.5, seed=seed), partial(layers.Dropout, 0.5))
        for seed in (0, 1)
    ],
    "seeds of the build": [
        partial(build, dense(), partial(layers.Dropout, 0.5), seed=seed) for seed in (0, 1)
    ],
    "initializers": [
        partial(build, dense(kernel_initializer=name)) for name in ("zeros", "he_normal")
    ],
    "dropout rates": [partial(build, dense(), partial(Dropout, rate)) for rate in (0.1, 0.7)],
    "penalties": [
        partial(build, dense(kernel_regularizer=keras.regularizers.L2(factor)))
        for factor in (0.01, 0.02)
    ],
    "learning rates": [
        partial(build, dense(), optimizer=partial(optimizers.SGD, rate)) for rate in (0.1, 2.0)
    ],
    "weight decay": [
        partial(build, optimizer=partial(optimizers.AdamW, weight_decay=decay))
        for decay in (0.1, 0.0)
    ],
    "label smoothing": [
        partial(build, loss=partial(losses.BinaryCrossentropy, label_smoothing=share))
        for share in (0.1, 0.4)
    ],
    "normalisation": [partial(build, layers.BatchNormalization, FeatureScaler)] * 2,
    "edges of bins": [
        partial(changed, partial(set_edges, width), PiecewiseLinear) for width in (1, 2)
    ],
    "attention": [partial(build, attend, shape=(4, 4))] * 2,
    "metrics on probabilities": [
        partial(build, logged=[lambda: OnProbabilities(metrics.AUC(), "sigmoid")])
    ]
    * 2,
}


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL)
def test_networks_that_differ_in_values_only_share_a_key(pair):
    one, other = (make() for make in pair)
    assert key_of(one) == key_of(other)
    assert find_hyperparameters(one).keys() == find_hyperparameters(other).keys()


# Networks that are not to share.


def by_layer(*makers, **params):
    return [partial(build, make, **params) for make in makers]


def by_optimizer(kind, **options):
    ((name, values),) = options.items()
    return [partial(build, optimizer=partial(kind, **{name: v})) for v in values]


def by_loss(*makers):
    return [partial(build, loss=make) for make in makers]


def by_metric(*makers):
    return [partial(build, logged=[make]) for make in makers]


def freeze_kernel(number):
    return lambda model: setattr(model.layers[number].kernel, "trainable", False)


def build_twins(*, shared):
    """Return a network with one layer in two places, or with two layers of one name."""
    with isolated_build(0):
        inputs = keras.Input((4,))
        inner = layers.Dense(4, name="twin")
        outer = inner if shared else layers.Dense(4, name="twin")
        nested = keras.Sequential([keras.Input((4,)), inner], name="nested")
        model = keras.Model(inputs, layers.Dense(3)(outer(nested(inputs))))
        model.compile("adam", losses.BinaryCrossentropy(from_logits=True))
    return model


def build_scaled(numbers):
    """Return a network with an array in the middle of its graph."""
    with isolated_build(0):
        inputs = keras.Input((numbers.size,))
        model = keras.Model(inputs, layers.Dense(1)(inputs * numbers))
        model.compile("adam", "mse")
    return model


def smoothed_on_probabilities(share):
    return OnProbabilities(metrics.BinaryCrossentropy(label_smoothing=share), "sigmoid")


LONG = np.arange(3000, dtype="float32")

DIFFERENT = {
    "units": by_layer(dense(4), dense(5)),
    "activation": by_layer(dense(), dense(activation="relu"), dense(activation="tanh")),
    "bias": by_layer(dense(), dense(use_bias=False)),
    "regularizer": by_layer(
        *(dense(kernel_regularizer=r) for r in (None, keras.regularizers.L1(0.01))),
        *(dense(kernel_regularizer=keras.regularizers.L2(f)) for f in (0.0, 0.01)),
        *(dense(activity_regularizer=keras.regularizers.L2(f)) for f in (0.01, 0.02)),
        dense(bias_regularizer=keras.regularizers.L2(0.01)),
        dense(kernel_regularizer=keras.regularizers.L1L2(l2=0.01)),
    ),
    "constraint": by_layer(
        *(dense(kernel_constraint=keras.constraints.MaxNorm(value)) for value in (1, 2))
    ),
    "frozen layer": by_layer(dense(), dense(trainable=False)),
    "frozen variable": [
        partial(changed, freeze_kernel(i), *[dense(use_bias=False)] * 3) for i in (1, 2, 3)
    ],
    "shared layer": [partial(build_twins, shared=shared) for shared in (True, False)],
    "dtype": by_layer(*(dense(dtype=d) for d in (None, "float64", "mixed_bfloat16"))),
    "autocast": by_layer(*(dense(dtype="mixed_bfloat16", autocast=a) for a in (True, False))),
    "momentum": by_layer(*(partial(layers.BatchNormalization, momentum=m) for m in (0.9, 0.8))),
    "axis": by_layer(*(partial(layers.LayerNormalization, axis=a) for a in (1, 2)), shape=(4, 4)),
    "Keras' dropout": by_layer(*(partial(layers.Dropout, rate) for rate in (0.1, 0.2))),
    "no dropout": by_layer(*(partial(Dropout, rate) for rate in (0.0, 0.2))),
    "shape of masks": by_layer(*(partial(Dropout, 0.1, s) for s in (None, (1, 4), (None, 1)))),
    "negative slope": by_layer(*(partial(layers.LeakyReLU, slope) for slope in (0.1, 0.2))),
    "clip": by_layer(*(partial(SmoothClip, limit) for limit in (2, 3))),
    "bins": by_layer(*(partial(PiecewiseLinear, n) for n in (2, 3))),
    "shift": by_layer(*(partial(FeatureScaler, shift=shift) for shift in (True, False))),
    "padding": by_layer(
        *(partial(layers.Conv1DTranspose, 2, 3, strides=3, output_padding=p) for p in (1, 2)),
        shape=(4, 4),
    ),
    "constants": [partial(build_scaled, numbers) for numbers in (LONG, LONG * (LONG != 1500))],
    "rescaling": by_layer(
        *(partial(layers.Rescaling, numbers[None]) for numbers in (LONG, LONG * (LONG != 1500))),
        shape=(3000,),
    ),
    "optimizer": [partial(build, optimizer=kind) for kind in (optimizers.SGD, optimizers.Adam)],
    "clipnorm": by_optimizer(optimizers.Adam, clipnorm=[None, 0.5, 1.0]),
    "global clipnorm": by_optimizer(optimizers.Adam, global_clipnorm=[None, 0.5, 1.0]),
    "clipvalue": by_optimizer(optimizers.Adam, clipvalue=[None, 0.5]),
    "beta_1": by_optimizer(optimizers.Adam, beta_1=[0.9, 0.8]),
    "epsilon": by_optimizer(optimizers.Adam, epsilon=[1e-7, 1e-3]),
    "amsgrad": by_optimizer(optimizers.Adam, amsgrad=[False, True]),
    "decay at all": by_optimizer(optimizers.Adam, weight_decay=[None, 0.0]),
    "sgd momentum": by_optimizer(optimizers.SGD, momentum=[0.0, 0.9]),
    "nesterov": [
        partial(build, optimizer=partial(optimizers.SGD, momentum=0.9, nesterov=n))
        for n in (False, True)
    ],
    "averages": by_optimizer(optimizers.Adam, use_ema=[False, True]),
    "schedules": by_optimizer(
        optimizers.SGD,
        learning_rate=[
            0.1,
            *(schedules.CosineDecay(0.1, steps) for steps in (10, 20)),
            *(schedules.ExponentialDecay(0.1, 10, rate) for rate in (0.9, 0.8)),
        ],
    ),
    "loss": by_loss(losses.BinaryCrossentropy, losses.MeanSquaredError, losses.Huber),
    "logits": by_loss(*(partial(losses.BinaryCrossentropy, from_logits=f) for f in (True, False))),
    "reduction": by_loss(*(partial(losses.BinaryCrossentropy, reduction=r) for r in ("sum", None))),
    "delta": by_loss(*(partial(losses.Huber, delta) for delta in (0.1, 2.0))),
    "gamma": by_loss(*(partial(losses.BinaryFocalCrossentropy, gamma=g) for g in (1.0, 2.0))),
    "loss axis": by_loss(*(partial(losses.CosineSimilarity, axis=axis) for axis in (0, 1))),
    "smoothing at all": by_loss(
        *(partial(losses.BinaryCrossentropy, label_smoothing=share) for share in (0.0, 0.1))
    ),
    "smoothing in a list": by_loss(
        *(
            partial(lambda s: [losses.BinaryCrossentropy(label_smoothing=s)], share)
            for share in (0.1, 0.2)
        )
    ),
    "dtype of a loss": by_loss(
        *(partial(losses.BinaryCrossentropy, dtype=dtype) for dtype in ("float32", "float16"))
    ),
    "regularizer of a variable": [partial(build, dense()), partial(changed, penalise, dense())],
    "constraint of a variable": [partial(build, dense()), partial(changed, bound, dense())],
    "loss weights": [partial(build, loss_weights=weights) for weights in (None, [2.0])],
    "metric": [*by_metric(metrics.AUC, metrics.Precision), build],
    "threshold": by_metric(*(partial(metrics.BinaryAccuracy, threshold=t) for t in (0.5, 0.6))),
    "thresholds": by_metric(*(partial(metrics.Precision, t) for t in (0.5, [0.5, 0.6], 0.6))),
    "average": by_metric(*(partial(metrics.F1Score, average=a) for a in (None, "micro"))),
    "metric axis": by_metric(*(partial(metrics.CosineSimilarity, axis=axis) for axis in (0, 1))),
    "metric smoothing": by_metric(
        *(partial(metrics.BinaryCrossentropy, label_smoothing=s) for s in (0.1, 0.2))
    ),
    "metric within": by_metric(*(partial(smoothed_on_probabilities, s) for s in (0.1, 0.2))),
    "weighted metric": [
        partial(build, weighted_metrics=given) for given in (None, ["binary_accuracy"])
    ],
}


@pytest.mark.parametrize("makers", DIFFERENT.values(), ids=DIFFERENT)
def test_networks_that_differ_have_different_keys(makers):
    keys = [key_of(make()) for make in makers]
    assert len(set(keys)) == len(keys)
    assert [key_of(make()) for make in makers] == keys  # and not for a name or an address


def test_floatx_and_epsilon_are_part_of_a_key(monkeypatch):
    keys = [key_of(build())]
    for name, value in (("floatx", "float16"), ("epsilon", 1e-3)):
        with monkeypatch.context() as patch:
            patch.setattr(keras.config, name, lambda value=value: value)
            keys.append(key_of(build()))
    assert len(set(keys)) == 3


# Networks that have no key.


def twice(x):
    return 2 * x


def gelu(x):
    """Be what Keras writes down as its own."""
    return twice(x)


@functools.wraps(keras.activations.relu)
def relu(x):
    return twice(x)


@keras.saving.register_keras_serializable("elsewhere")
class Registered(layers.Layer):
    def call(self, x):
        return x


class Own(keras.Model):
    pass


class Sum(keras.regularizers.Regularizer):
    def __call__(self, x):
        return keras.ops.sum(x)


class L2(keras.regularizers.L2):
    """Goes by the name of one of Keras'."""


class Positive(keras.constraints.Constraint):
    def __call__(self, w):
        return keras.ops.abs(w)


class Loss(losses.Loss):
    def call(self, y_true, y_pred):
        return keras.ops.mean(y_pred)


class Count(metrics.Mean):
    pass


class Rate(schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1


class Descent(optimizers.SGD):
    pass


def replaced(name, find=lambda model: model):
    return partial(changed, lambda model: setattr(find(model), name, twice), dense())


def adapted():
    layer = layers.Normalization()
    layer.adapt(np.arange(8.0).reshape(2, 4))
    return layer


def excluding():
    optimizer = optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def build_subclass():
    inputs = keras.Input((4,))
    model = Own(inputs, layers.Dense(3)(inputs))
    model.compile("adam", losses.BinaryCrossentropy(from_logits=True))
    return model


OF_USERS = {
    "subclass": (build_subclass, "Own"),
    "lambda layer": (partial(build, partial(layers.Lambda, twice)), "lambda"),
    "layer": (partial(build, Registered), "registered"),
    "activation": (partial(build, dense(activation=twice)), "activation"),
    "activation of a known name": (partial(build, dense(activation=gelu)), "activation"),
    "activation layer": (partial(build, partial(layers.Activation, twice)), "activation"),
    "activation that wraps Keras'": (partial(build, dense(activation=relu)), "activation"),
    "TensorFlow's function": (partial(build, dense(activation=tf.nn.relu)), "activation"),
    "partial": (partial(build, dense(activation=partial(keras.ops.relu))), "activation"),
    "regularizer": (partial(build, dense(kernel_regularizer=Sum())), "kernel_regularizer"),
    "regularizer of a known name": (partial(build, dense(bias_regularizer=L2(0.1))), "bias_reg"),
    "constraint": (partial(build, dense(kernel_constraint=Positive())), "kernel_constraint"),
    "adapt": (partial(build, adapted), "adapt"),
    "weights set in the call": (
        partial(build, lambda: layers.SpectralNormalization(layers.Dense(4))),
        "spectral_normalization",
    ),
    "loss": (partial(build, loss=Loss), "Loss"),
    "loss function": (partial(build, loss=lambda: twice), "twice"),
    "loss around a function": (partial(build, loss=lambda: [losses.get(twice)]), "twice"),
    "metric": (partial(build, logged=[Count]), "Count"),
    "metric function": (partial(build, logged=[lambda: twice]), "twice"),
    "metric around a function": (
        partial(build, logged=[partial(metrics.MeanMetricWrapper, twice)]),
        "fn",
    ),
    "metric within": (
        partial(build, logged=[lambda: OnProbabilities(Count(), "sigmoid")]),
        "Count",
    ),
    "optimizer": (partial(build, optimizer=Descent), "Descent"),
    "schedule": (partial(build, optimizer=lambda: optimizers.SGD(Rate())), "learning_rate"),
    "rate function": (partial(build, optimizer=lambda: optimizers.SGD(lambda: 0.1)), "learning_"),
    "excluded": (partial(build, optimizer=excluding), "excluded from weight decay"),
    "nadam": (partial(build, optimizer=optimizers.Nadam), "Nadam"),
    "accumulation": (
        partial(build, optimizer=partial(optimizers.SGD, gradient_accumulation_steps=2)),
        "different times",
    ),
    **{
        f"replaced {name}": (replaced(name), name)
        for name in ("train_step", "test_step", "call", "compute_loss", "compute_metrics")
    },
    "replaced call of a layer": (replaced("call", lambda model: model.layers[1]), "dense"),
    "replaced activation": (replaced("activation", lambda model: model.layers[1]), "activation"),
    "replaced call of a loss": (replaced("call", lambda model: model.loss), "call"),
    "replaced update": (replaced("update_step", lambda model: model.optimizer), "update_step"),
}


@pytest.mark.parametrize(("make", "culprit"), OF_USERS.values(), ids=OF_USERS)
def test_code_of_users_gets_no_key_and_is_named(make, culprit):
    model = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        specification = specify_training(model)
    assert specification.key is None
    assert culprit in specification.reason


def test_own_initializers_do_no_harm():
    class Ones(keras.initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return keras.ops.ones(shape, dtype)

    assert key_of(build(dense(kernel_initializer=Ones()))) == key_of(build(dense()))


def test_what_a_network_is_compiled_with_is_no_part_of_its_outputs():
    one, other = build(dense()), build(dense(), optimizer=optimizers.SGD, loss=Loss)
    assert specify_network(one) == specify_network(other)
    assert specify_network(one).key is not None


# Hyperparameters.


def test_layers_of_one_name_keep_rates_of_their_own():
    with isolated_build(0):
        x = inputs = keras.Input((4,))
        for name, rate in (("one", 0.2), ("other", 0.7)):
            part = [keras.Input((4,)), layers.Dense(4), Dropout(rate, name="same")]
            x = keras.Sequential(part, name=name)(x)
        model = keras.Model(inputs, x)
        model.compile("adam", "mse")
    assert sorted(find_hyperparameters(model).values()) == pytest.approx([0.2, 0.7])


def test_hyperparameters_are_put_back():
    model = build(
        partial(Dropout, 0.2),
        optimizer=partial(optimizers.AdamW, weight_decay=0.3),
        loss=partial(losses.BinaryCrossentropy, label_smoothing=0.1),
    )
    before = find_hyperparameters(model)
    assert sorted(before.values()) == pytest.approx([0.1, 0.2, 0.3])

    def fail():
        with hyperparameters_as(model, dict.fromkeys(before, 0.5)):
            assert model.layers[1].rate == model.optimizer.weight_decay == 0.5
            assert model.loss._fn_kwargs["label_smoothing"] == 0
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert find_hyperparameters(model) == before


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool"])
@pytest.mark.parametrize(
    "kind",
    [
        losses.BinaryCrossentropy,
        losses.BinaryFocalCrossentropy,
        losses.CategoricalCrossentropy,
        losses.CategoricalFocalCrossentropy,
    ],
)
def test_smoothed_targets_have_the_loss_of_keras(kind, dtype):
    y = np.eye(3)[[0, 1, 2, 0]].astype(dtype)
    y_pred = np.random.default_rng(0).uniform(0.1, 0.9, (4, 3)).astype(np.float32)
    model = build(loss=partial(kind, label_smoothing=0.3))
    smoothed = smooth_targets(model, tf.constant(y), tf.constant(0.3))
    expected = kind(label_smoothing=0.3)(y, y_pred)
    np.testing.assert_allclose(kind()(smoothed, y_pred), expected, rtol=1e-6)
