"""Layers of the built-in networks, for any Keras model to use.

Owns: the layer that standardises inputs, and dropout with a generator that stays fast in compiled
training.
Does not own: networks.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

# Odd but for the last one, so that (seed, step) and the two sums of _random_bits are one to one.
_SEED_MULTIPLIERS = np.array([0x9E3779B9, 0x85EBCA6B], dtype=np.uint32)
_STEP_MULTIPLIERS = np.array([0xC2B2AE35, 0x27D4EB2E], dtype=np.uint32)


@keras.saving.register_keras_serializable("skmultilabel_keras")
class FeatureScaler(keras.layers.Layer):
    """Subtract a mean from the features and divide by a scale, both set once before training.

    Parameters
    ----------
    shift : bool, default=True
        Whether the mean is subtracted. Sparse features stay sparse without.
    **kwargs : dict
        Passed to ``keras.layers.Layer``.

    Notes
    -----
    Inputs of shape (n_samples, n_features) have a mean and a scale for each feature. Inputs with
    more dimensions, images say, have one mean and one scale: a pixel that hardly ever varies
    must not be blown up.

    Examples
    --------
    >>> import numpy as np
    >>> scaler = FeatureScaler()
    >>> scaler.build((None, 2))
    >>> scaler.set_statistics(np.array([1.0, 0.0]), np.array([2.0, 1.0]))
    >>> scaler(np.array([[3.0, 4.0]])).numpy().tolist()
    [[1.0, 4.0]]
    """

    def __init__(self, *, shift: bool = True, **kwargs: Any) -> None:
        # In float32 whatever the policy: half precision overflows for unscaled features.
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.shift = shift

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the statistics, which leave inputs as they are until they are set."""
        shape = tuple(input_shape[1:]) if len(input_shape) == 2 else ()
        self.mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones", trainable=False)

    @property
    def is_set(self) -> bool:
        """Whether the statistics are others than those that leave inputs as they are."""
        return bool(np.any(self.mean != 0) or np.any(self.scale != 1))

    def set_statistics(self, mean: np.ndarray, scale: np.ndarray) -> None:
        """Set the mean and the scale, each of shape (n_features,) or () for images."""
        self.mean.assign(mean)
        self.scale.assign(scale)

    def call(self, inputs: Any) -> Any:
        """Return the standardised inputs."""
        if self.shift:
            return (inputs - self.mean) / self.scale
        # Keras itself casts no sparse inputs.
        return keras.ops.cast(inputs, self.compute_dtype) / self.scale

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the inputs' own shape, which a division of sparse rows would lose."""
        if inputs.sparse and self.shift:
            raise ValueError(
                "FeatureScaler must not shift sparse inputs, whose zeros would be lost; use "
                "FeatureScaler(shift=False), or an input with sparse=False."
            )
        return keras.KerasTensor(inputs.shape, self.compute_dtype, sparse=inputs.sparse)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "shift": self.shift}


@keras.saving.register_keras_serializable("skmultilabel_keras")
class Dropout(keras.layers.Dropout):
    """``keras.layers.Dropout`` with a random generator that costs next to nothing under XLA.

    Parameters
    ----------
    rate : float
        Share of the units dropped in each training step, in [0, 1). Kept ones are multiplied by
        ``1 / (1 - rate)``.
    noise_shape : sequence of int or None, default=None
        Shape of the mask where it is not that of the inputs; None entries are the inputs' own.
    seed : int or None, default=None
        Seed of the masks. None draws one from Python's ``random``, as Keras does.
    **kwargs : dict
        Passed to ``keras.layers.Layer``.

    Raises
    ------
    ValueError
        If ``rate`` is not in [0, 1).

    Notes
    -----
    Whether a unit is kept is a hash of its index in the batch, of the seed and of the number of
    training calls so far, both held by Keras' ``SeedGenerator``. So equal seeds give equal masks,
    compiled or not, and rows added to the end of a batch leave the masks of the others alone. Two
    layers with one seed have one mask, as in Keras.

    ``rate`` may be set to a scalar float32 tensor for the time of a trace, which then serves all
    rates. A rate of 0 makes the identity, without a generator.

    The hash is lowbias32 of C. Wellons, "Prospecting for Hash Functions" (2018), applied to
    ``a * index + b`` with odd ``a`` and ``b`` themselves hashes of seed and number of calls.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Dropout(0.5, seed=0)
    >>> x = np.ones((2, 1000), dtype="float32")
    >>> sorted({float(value) for value in np.unique(layer(x, training=True))})
    [0.0, 2.0]
    >>> bool((layer(x).numpy() == x).all())
    True
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        if not 0 <= np.float32(rate) < 1:
            raise ValueError(f"rate must be a finite number in [0, 1); got {rate!r}.")
        noise_shape = None if noise_shape is None else tuple(noise_shape)
        super().__init__(rate, noise_shape=noise_shape, seed=seed, **kwargs)

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        """Return the inputs, in training with some set to 0 and the others scaled up."""
        if not training or (isinstance(self.rate, numbers.Real) and self.rate == 0):
            return inputs
        shape = self._mask_shape(keras.ops.shape(inputs))
        # In float32 whatever the policy, number or tensor, so that all round alike.
        rate = keras.ops.convert_to_tensor(self.rate, "float32")
        bits = _random_bits(self.seed_generator.next(), math.prod(shape))
        keep = keras.ops.reshape(bits >= keras.ops.cast(rate * 2.0**32, "uint32"), shape)
        scale = keras.ops.cast(1 / (1 - rate), inputs.dtype)
        return inputs * keras.ops.where(keep, scale, keras.ops.zeros_like(scale))

    def _mask_shape(self, shape: Sequence[Any]) -> tuple[Any, ...]:
        if self.noise_shape is None:
            return tuple(shape)
        if len(self.noise_shape) != len(shape):
            raise ValueError(
                f"noise_shape must have one entry per dimension of the inputs, {len(shape)}; got "
                f"{self.noise_shape}."
            )
        pairs = zip(self.noise_shape, shape, strict=True)
        return tuple(own if given is None else given for given, own in pairs)


def _random_bits(state: Any, n: Any) -> Any:
    """Return n uint32 hashes for a ``SeedGenerator``'s state, (seed, number of calls)."""
    state = keras.ops.cast(state, "uint32")
    a, b = keras.ops.unstack(_hash(state[0] * _SEED_MULTIPLIERS + state[1] * _STEP_MULTIPLIERS), 2)
    # TensorFlow has no range of uint32.
    index = keras.ops.cast(keras.ops.arange(n, dtype="int32"), "uint32")
    return _hash(index * keras.ops.bitwise_or(a, np.uint32(1)) + b)


def _hash(x: Any) -> Any:
    """Return lowbias32 of uint32 numbers; products wrap around."""
    x = _xor_shift(x, 16) * np.uint32(0x7FEB352D)
    x = _xor_shift(x, 15) * np.uint32(0x846CA68B)
    return _xor_shift(x, 16)


def _xor_shift(x: Any, bits: int) -> Any:
    return keras.ops.bitwise_xor(x, keras.ops.right_shift(x, np.uint32(bits)))
