"""Built-in networks and their layers: standardised inputs, dropout."""

import random
from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras._heads import output_activation
from skmultilabel_keras.networks import (
    NETWORKS,
    Dropout,
    FeatureScaler,
    linear,
    mlp,
    resolve_network,
)

# Networks for images and text take these alone; their own files say so.
FOR_TABLES = sorted(set(NETWORKS) - {"cnn", "text", "transfer"})


@pytest.mark.parametrize("name", FOR_TABLES)
@pytest.mark.parametrize("shape", [(5, 3), (5, 4, 4), (5, 4, 4, 3)])
def test_networks_take_any_shape_and_end_in_logits(name, shape):
    model = NETWORKS[name]({"X_shape_": shape, "n_units_": 2})
    assert model.output_shape == (None, 2)
    assert output_activation(model) == "linear"
    assert not model.compiled


def test_parameters_of_mlp():
    meta = {"X_shape_": (5, 3), "n_units_": 2}
    model = mlp(meta, hidden_layer_sizes=(7, 5), activation="tanh", dropout=0.2, standardize=False)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["InputLayer", "Dense", "Dropout", "Dense", "Dropout", "Dense"]
    assert [layer.units for layer in model.layers if hasattr(layer, "units")] == [7, 5, 2]
    assert all(type(layer) is Dropout for layer in model.layers if "dropout" in layer.name)
    assert len(linear(meta).trainable_weights) == 2


def test_resolve_network():
    assert resolve_network("mlp") is mlp
    with pytest.raises(ValueError, match="Did you mean 'linear'"):
        resolve_network("liner")


def test_scaler_is_not_trained_and_survives_saving(tmp_path):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, FeatureScaler()(inputs))
    assert model.trainable_weights == []
    model.layers[-1].set_statistics(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    model.save(tmp_path / "scaler.keras")
    again = keras.models.load_model(tmp_path / "scaler.keras")
    x = np.array([[3.0, 6.0]], dtype=np.float32)
    assert np.array_equal(model.predict(x, verbose=0), [[1, 1]])
    assert np.array_equal(again.predict(x, verbose=0), [[1, 1]])


def test_statistics_are_those_of_the_training_rows(multilabel_data):
    X, Y = multilabel_data
    X = X * [1, 10, 100, 1e3, 1, 1, 1, 0] + [0, 1e4, 0, 0, 0, 0, 0, 5]
    validation = (X[:20] + 1e3, Y[:20])
    clf = KerasMultiLabelClassifier("mlp", epochs=1, random_state=0)
    clf.fit(X, Y, validation_data=validation)
    scaler = clf.model_.get_layer("scaler")

    assert np.allclose(scaler.mean, X.mean(axis=0), rtol=1e-5)
    assert np.allclose(scaler.scale[:-1], X.std(axis=0)[:-1], rtol=1e-4)
    assert float(scaler.scale[-1]) == 1  # constant


def test_unscaled_features_train_as_well_as_scaled(multilabel_data):
    X, Y = multilabel_data
    units = np.logspace(-4, 4, 8)
    plain = KerasMultiLabelClassifier("mlp", random_state=0, epochs=30).fit(X, Y)
    scaled = KerasMultiLabelClassifier("mlp", random_state=0, epochs=30).fit(X * units, Y)
    assert np.allclose(plain.predict_proba(X), scaled.predict_proba(X * units), atol=1e-2)


def test_networks_of_users_may_use_the_scaler(multilabel_data):
    X, Y = multilabel_data

    def build(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        x = keras.layers.Dense(4)(FeatureScaler()(inputs))
        return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(x))

    clf = KerasMultiLabelClassifier(build, epochs=1).fit(X, Y)
    assert np.allclose(clf.model_.layers[1].mean, X.mean(axis=0), rtol=1e-5)


# Dropout


def _kept(layer, *, shape=(64, 100), n_steps=1):
    """Return the masks of consecutive training steps, shape (n_steps, *shape)."""
    x = np.ones(shape, dtype=np.float32)
    return np.stack([np.asarray(layer(x, training=True)) > 0 for _ in range(n_steps)])


def _correlation(a, b):
    """Return the correlation of two masks in standard errors: normal(0, 1) if independent."""
    return np.corrcoef(a.ravel(), b.ravel())[0, 1] * np.sqrt(a.size)


def _lowbias32(x):
    x = (x ^ (x >> 16)) * 0x7FEB352D & 0xFFFFFFFF
    x = (x ^ (x >> 15)) * 0x846CA68B & 0xFFFFFFFF
    return x ^ (x >> 16)


def test_dropout_is_the_hash_that_it_says():
    """Against lowbias32 in Python's own integers: masks must not change between releases."""
    layer = Dropout(0.4, seed=123)
    for step, mask in enumerate(_kept(layer, shape=(3, 7), n_steps=3)):
        a = _lowbias32((123 * 0x9E3779B9 + step * 0xC2B2AE35) & 0xFFFFFFFF) | 1
        b = _lowbias32((123 * 0x85EBCA6B + step * 0x27D4EB2E) & 0xFFFFFFFF)
        hashes = np.array([_lowbias32((a * i + b) & 0xFFFFFFFF) for i in range(21)])
        assert np.array_equal(mask, (hashes >= 0.4 * 2**32).reshape(3, 7))


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.5, 0.9])
def test_dropout_keeps_the_mean(rate):
    outputs = np.asarray(Dropout(rate, seed=1)(np.full((500, 200), 2.0), training=True))
    assert np.allclose(np.unique(outputs), [0, 2 / (1 - rate)], rtol=1e-6)
    n_dropped = int((outputs == 0).sum())
    assert stats.binomtest(n_dropped, outputs.size, rate).pvalue > 1e-3


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_dropout_drops_all_units_rows_and_steps_alike(seed):
    """Counts over each axis have the binomial's variance, neither more nor less."""
    rate, masks = 0.3, _kept(Dropout(0.3, seed=seed), shape=(64, 100), n_steps=200)
    for axis in range(3):
        counts = masks.sum(axis=tuple({0, 1, 2} - {axis}))
        n = masks.size / len(counts)
        chi2 = ((counts - n * (1 - rate)) ** 2).sum() / (n * rate * (1 - rate))
        assert 1e-3 < stats.chi2.cdf(chi2, len(counts)) < 1 - 1e-3


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_dropout_masks_are_independent(seed):
    """Of neighbours at every small distance, of steps, of layers with other seeds."""
    masks = _kept(Dropout(0.5, seed=seed), n_steps=50)
    others = _kept(Dropout(0.5, seed=seed + 1), n_steps=50)
    flat = masks.reshape(50, -1)
    scores = [_correlation(flat[:, lag:], flat[:, :-lag]) for lag in (*range(1, 33), 64, 100, 200)]
    scores += [_correlation(masks[lag:], masks[:-lag]) for lag in range(1, 9)]
    scores += [_correlation(masks, others), _correlation(masks[1:], others[:-1])]
    assert np.abs(scores).max() < 4
    assert stats.kstest(scores, "norm").pvalue > 1e-3


def test_dropout_patterns_of_neighbours_are_all_as_frequent():
    """Eight neighbouring units: each of the 256 patterns."""
    bits = _kept(Dropout(0.5, seed=3), n_steps=100).reshape(-1, 8)
    counts = np.bincount(bits @ (1 << np.arange(8)), minlength=256)
    assert 1e-3 < stats.chisquare(counts).pvalue < 1 - 1e-3


def test_dropout_layers_of_a_network_differ():
    meta = {"X_shape_": (5, 64), "n_units_": 2}
    model = mlp(meta, hidden_layer_sizes=(64, 64), dropout=0.5)
    first, second = (layer for layer in model.layers if isinstance(layer, Dropout))
    assert abs(_correlation(_kept(first), _kept(second))) < 4


def test_dropout_repeats_with_its_seed():
    """An integer seed, or the one drawn from Python's generator; rows do not see rows after."""
    first, again = (_kept(Dropout(0.5, seed=7), n_steps=3) for _ in range(2))
    assert np.array_equal(first, again)
    assert not any(np.array_equal(a, b) for a, b in pairwise(first))
    assert np.array_equal(_kept(Dropout(0.5, seed=7), shape=(10, 100)), first[:1, :10])
    state = random.getstate()
    try:
        drawn = []
        for seed in (5, 5, 6):
            random.seed(seed)
            drawn.append(_kept(Dropout(0.5)))
    finally:
        random.setstate(state)
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("rate_is", ["number", "tensor"])
def test_dropout_compiled_equals_eager(jit_compile, rate_is):
    """Bit by bit; one trace serves all rates when the rate is an argument."""
    x = np.random.default_rng(0).normal(size=(9, 20)).astype(np.float32)
    layer = Dropout(0.3, seed=2)

    @tf.function(
        jit_compile=jit_compile, input_signature=[tf.TensorSpec((None, 20)), tf.TensorSpec(())]
    )
    def run(x, rate):
        layer.rate = rate if rate_is == "tensor" else 0.3
        try:
            return layer(x, training=True)
        finally:
            layer.rate = 0.3

    rates = (0.3, 0.0, 0.8) if rate_is == "tensor" else (0.3, 0.3, 0.3)
    eager = Dropout(0.3, seed=2)
    for rate in rates:
        # Not by a layer of rate 0, which would not count its calls.
        eager.rate = tf.constant(rate)
        got = run(x, tf.constant(rate)).numpy()
        assert np.array_equal(got, eager(x, training=True))
        assert rate or np.array_equal(got, x)
    assert run.experimental_get_tracing_count() == 1


def test_dropout_under_stateless_call():
    """The state goes in and comes out; the layer's own stays as it is."""
    inputs = keras.Input((50,))
    layer = Dropout(0.5, seed=1)
    model = keras.Model(inputs, layer(inputs))
    x = np.ones((4, 50), dtype=np.float32)
    before = [np.asarray(v.value) for v in model.non_trainable_variables]
    state, outputs = before, []
    for _ in range(2):
        output, state = model.stateless_call([], state, x, training=True)
        outputs.append(np.asarray(output) > 0)
    assert np.array_equal(np.asarray(model.non_trainable_variables[0].value), before[0])
    assert np.array_equal(outputs, _kept(layer, shape=(4, 50), n_steps=2))
    assert np.array_equal(layer.seed_generator.state.value, state[0])


def test_dropout_gradient_passes_where_units_are_kept():
    x = tf.ones((5, 40))
    layer = Dropout(0.2, seed=1)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x, training=True)
    assert np.array_equal(tape.gradient(outputs, x), outputs)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_dropout_in_other_dtypes(policy):
    """The mask is that of float32; so is the rounding of the rate."""
    x = np.ones((30, 40), dtype=np.float32)
    layer, usual = Dropout(0.3, seed=1, dtype=policy), Dropout(0.3, seed=1)
    outputs = layer(x, training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype
    outputs = np.asarray(keras.ops.cast(outputs, "float32"))
    assert np.allclose(outputs, usual(x, training=True), rtol=1e-2)


@pytest.mark.parametrize(("rate", "training"), [(0.5, False), (0.0, True), (0.0, False)])
def test_dropout_is_the_identity(rate, training):
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    assert np.array_equal(Dropout(rate)(x, training=training), x)


def test_dropout_noise_shape():
    """As in Keras: entries of 1 share the mask along an axis, None stands for the inputs' own."""
    layer = Dropout(0.5, noise_shape=(None, 1, 30), seed=0)
    mask = _kept(layer, shape=(20, 4, 30))[0]
    assert (mask == mask[:, :1]).all()
    assert 0.4 < mask.mean() < 0.6
    with pytest.raises(ValueError, match=r"one entry per dimension of the inputs, 2; got \(None"):
        layer(np.ones((20, 30)), training=True)


@pytest.mark.parametrize("rate", [-0.1, 1, 1 - 1e-9, 2, float("nan")])
def test_dropout_refuses_rates(rate):
    with pytest.raises(ValueError, match=r"rate must be a finite number in \[0, 1\); got"):
        Dropout(rate)


@pytest.mark.parametrize("seed", [None, 11])
def test_dropout_survives_copies(seed, tmp_path):
    """Configurations and files hold rate and seed; how far the masks are is a variable."""
    inputs = keras.Input((50,))
    model = keras.Model(inputs, Dropout(0.25, noise_shape=(None, 50), seed=seed)(inputs))
    layer = model.layers[-1]
    first = _kept(layer, shape=(4, 50), n_steps=3)
    model.save(tmp_path / "dropout.keras")
    copies = [
        Dropout.from_config(layer.get_config()),
        keras.models.clone_model(model).layers[-1],
        keras.models.load_model(tmp_path / "dropout.keras").layers[-1],
    ]
    wanted = _kept(layer, shape=(4, 50), n_steps=2)
    for again in copies:
        assert type(again) is Dropout
        assert {**again.get_config(), "name": layer.name} == layer.get_config()
        assert (again.rate, again.seed) == (0.25, seed)
        assert seed is None or np.array_equal(_kept(again, shape=(4, 50), n_steps=3), first)
        again.seed_generator.state.assign([int(layer.seed_generator.state[0]), 3])
        assert np.array_equal(_kept(again, shape=(4, 50), n_steps=2), wanted)
