"""Keras' activations on NumPy arrays, in place.

Owns: the functions of a layer's name that are exact to float32 rounding and fast in NumPy.
Does not own: which layer uses which (``_tensorflow.forward_steps``).

Each function overwrites a float32 array whose last axis holds the units, and returns it. What
overflows on the way to a finite result may warn: callers ignore it with ``np.errstate``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

Activation = Callable[[np.ndarray], np.ndarray]

# Numbers that pass through several operations at a time, and so stay in the cache between them.
_IN_CACHE = 2**15

# Source: Klambauer et al., "Self-Normalizing Neural Networks", 2017.
_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805

# Numbers in float32 whose squares do not overflow, and beside which 1 is nothing.
LARGE = 1e9

_ZERO = np.zeros((), np.float32)


def relu(z: np.ndarray) -> np.ndarray:
    """Return max(z, 0)."""
    return np.maximum(z, _ZERO, out=z)


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-z))."""
    if z.size < _IN_CACHE or not z.flags.c_contiguous:
        return special.expit(z, out=z)
    # NumPy's exp is vectorised: on many numbers these four steps take a third of the time.
    flat = z.reshape(-1)
    with np.errstate(over="ignore"):
        for start in range(0, flat.size, _IN_CACHE):
            part = flat[start : start + _IN_CACHE]
            np.negative(part, out=part)
            np.exp(part, out=part)
            part += 1
            np.reciprocal(part, out=part)
    return z


def softmax(z: np.ndarray) -> np.ndarray:
    """Return exp(z) over its sum along the last axis."""
    z -= z.max(axis=-1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=-1, keepdims=True)
    return z


def leaky_relu(z: np.ndarray, negative_slope: float = 0.2) -> np.ndarray:
    """Return z, multiplied by ``negative_slope`` below zero."""
    negative = np.minimum(z, _ZERO)
    negative *= negative_slope
    relu(z)
    z += negative
    return z


def elu(z: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """Return z, below zero ``alpha`` times exp(z) - 1."""
    negative = np.minimum(z, _ZERO)
    np.expm1(negative, out=negative)
    negative *= alpha
    relu(z)
    z += negative
    return z


def _selu(z: np.ndarray) -> np.ndarray:
    elu(z, _SELU_ALPHA)
    z *= _SELU_SCALE
    return z


def _silu(z: np.ndarray) -> np.ndarray:
    z *= sigmoid(z.copy())
    return z


def _softsign(z: np.ndarray) -> np.ndarray:
    z /= 1 + np.abs(z)
    return z


def _relu6(z: np.ndarray) -> np.ndarray:
    return np.minimum(relu(z), 6, out=z)


def _hard_sigmoid(z: np.ndarray) -> np.ndarray:
    z += 3
    _relu6(z)
    z /= 6
    return z


def smooth_clip(z: np.ndarray, limit: float) -> np.ndarray:
    """Return z where it is small; what is large approaches the limit, or minus the limit."""
    z /= limit
    np.clip(z, -LARGE, LARGE, out=z)
    z /= np.sqrt(1 + z * z)
    z *= limit
    return z


def _linear(z: np.ndarray) -> np.ndarray:
    return z


# By Keras' names. Left out is what NumPy and SciPy have no fast function for, such as gelu's erf.
ACTIVATIONS: dict[str, Activation] = {
    "linear": _linear,
    "relu": relu,
    "relu6": _relu6,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": _selu,
    "silu": _silu,
    "sigmoid": sigmoid,
    "hard_sigmoid": _hard_sigmoid,
    "softmax": softmax,
    "softsign": _softsign,
    "tanh": lambda z: np.tanh(z, out=z),
    "exponential": lambda z: np.exp(z, out=z),
}
