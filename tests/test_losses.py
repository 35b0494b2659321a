"""Losses against Keras' own, against finite differences, and inside models."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from skmultilabel_keras.losses import BinaryCrossentropy

LOSSES = (BinaryCrossentropy,)
RNG = np.random.default_rng(0)


def draw(shape, spread=3.0):
    y = (RNG.random(shape) < 0.4).astype(np.float32)
    return y, (spread * RNG.normal(size=shape)).astype(np.float32)


@pytest.mark.parametrize("weight", [None, RNG.uniform(0, 2, 7).astype(np.float32)])
@pytest.mark.parametrize("smoothing", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", None])
@pytest.mark.parametrize("n_labels", [1, 2, 9])
def test_binary_crossentropy_equals_that_of_keras(n_labels, reduction, smoothing, weight):
    y, z = draw((7, n_labels))
    options = {"label_smoothing": smoothing, "reduction": reduction}
    ours = BinaryCrossentropy(**options)(y, z, sample_weight=weight)
    theirs = keras.losses.BinaryCrossentropy(from_logits=True, **options)(y, z, weight)
    assert np.shape(ours) == np.shape(theirs)
    assert np.asarray(ours) == pytest.approx(np.asarray(theirs), rel=2e-6, abs=1e-6)


@pytest.mark.parametrize("kind", LOSSES)
def test_gradients_are_those_of_finite_differences(kind):
    y, z = draw((3, 4))
    loss, z, step = kind(dtype="float64"), z.astype(np.float64), 1e-5
    with tf.GradientTape() as tape:
        logits = tf.constant(z)
        tape.watch(logits)
        value = loss(y, logits)
    gradient = tape.gradient(value, logits).numpy()
    for place in np.ndindex(z.shape):
        shift = np.zeros_like(z)
        shift[place] = step
        slope = (float(loss(y, z + shift)) - float(loss(y, z - shift))) / (2 * step)
        assert gradient[place] == pytest.approx(slope, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("size", [30.0, 1e4])
def test_large_logits_give_finite_numbers(kind, size):
    y = np.array([[0, 1, 0, 1]], dtype=np.float32)
    z = tf.constant([[size, size, -size, -size]])
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = kind()(y, z)
    gradient = tape.gradient(value, z).numpy()
    assert np.isfinite(value.numpy())
    assert np.allclose(gradient, [[0.25, 0, 0, -0.25]])


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("dtype", ["int8", "bool", "float64"])
def test_targets_of_any_dtype(kind, dtype):
    y, z = draw((5, 3))
    assert float(kind()(y.astype(dtype), z)) == pytest.approx(float(kind()(y, z)))


@pytest.mark.parametrize("kind", LOSSES)
def test_a_plain_keras_model_saves_and_loads(kind, tmp_path):
    y, z = draw((8, 3))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    model.compile("sgd", kind(label_smoothing=0.1))
    model.fit(z, y, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.loss.get_config() == model.loss.get_config()
    assert again.loss.label_smoothing == 0.1
    assert again.evaluate(z, y, verbose=0) == pytest.approx(model.evaluate(z, y, verbose=0))


@pytest.mark.parametrize("smoothing", [-0.1, 1.1, float("nan")])
def test_label_smoothing_is_checked(smoothing):
    with pytest.raises(ValueError, match=r"label_smoothing must be in \[0, 1\]"):
        BinaryCrossentropy(label_smoothing=smoothing)
