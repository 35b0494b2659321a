"""What a layer does in prediction, as a step in NumPy.

Owns: the layers that have such a step, the steps so far of a network, the variables that they read.
Does not own: which networks are chains of them, and running the steps (``forward``); activations
(``_activations``).

It takes layers of Keras' own and of ``networks``. A subclass of one or an unknown setting may mean
something else, so neither is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from scipy import special
from tensorflow.python.ops.resource_variable_ops import ResourceVariable

from skmultilabel_keras import networks
from skmultilabel_keras._activations import ACTIVATIONS, Activation, elu, leaky_relu, smooth_clip

# Takes rows, and the values of the network's variables in the order in which they are asked for.
Step = Callable[[Any, Sequence[np.ndarray]], np.ndarray]


class StepList:
    """The steps of a network in the making, and the variables that they read."""

    def __init__(self) -> None:
        self.variables: list[Any] = []
        self.width = 0
        self.products: list[int] = []
        self.takes_sparse = False
        self.shift: int | None = None
        # Whether the steps so far keep zeros, but for what a scaler shifts.
        self.keeps_zeros = True
        # Whether rows have become those of the members of an ensemble.
        self.has_members = False
        self._steps: list[Step] = []
        # Whether what the last step returns is an array of its own, which may be overwritten.
        self._owned = False

    def finished_steps(self) -> list[Step]:
        """Return the steps, the last of which returns an array of its own."""
        return self._steps if self._owned else [*self._steps, _copy]

    def add(self, layer: Any) -> bool:
        """Add what a layer does; tell whether it is known."""
        if self.has_members and type(layer) not in _OF_MEMBERS:
            return False
        if type(layer) in _IDENTITIES:
            return True
        make = _LAYERS.get(type(layer))
        return make is not None and make(self, layer)

    def _place(self, variable: Any) -> int | None:
        """Return the place that a variable's value gets, None for one that cannot be read."""
        value: Any = getattr(variable, "value", None)
        if type(value) is not ResourceVariable or value.dtype != tf.float32:
            return None
        if "CPU" not in value.device:
            return None
        self.variables.append(value)
        return len(self.variables) - 1

    def places(self, *variables: Any) -> tuple[int, ...] | None:
        """Return the places of several variables, None unless all can be read."""
        found = [self._place(variable) for variable in variables]
        return None if None in found else tuple(found)  # type: ignore[arg-type]

    def append(self, step: Step) -> None:
        """Add a step that returns a new array."""
        self._steps.append(step)
        self._owned = True
        self.keeps_zeros = False

    def activate(self, activation: Activation) -> None:
        """Add a step that overwrites its array."""
        if not self._owned:
            self.append(_copy)
        self._steps.append(lambda z, _: activation(z))
        self.keeps_zeros = False

    def put_beside(self, step: Step) -> None:
        """Put the columns that a step makes of the input behind those of the steps so far."""
        before = tuple(self._steps)

        def both(x: np.ndarray, weights: Sequence[np.ndarray]) -> np.ndarray:
            z = x
            for one in before:
                z = one(z, weights)
            return np.concatenate([z, step(x, weights)], axis=1)

        self._steps = []
        self.takes_sparse = False
        self.append(both)

    @property
    def is_empty(self) -> bool:
        """Whether no step has been added yet."""
        return not self._steps


def _copy(z: np.ndarray, _: Sequence[np.ndarray]) -> np.ndarray:
    return z.copy()


class Beside(NamedTuple):
    """The columns of a layer on the network's input, put behind those of the chain so far."""

    bins: networks.PiecewiseLinear


def _add_dense(steps: StepList, layer: Any) -> bool:
    activation = _find_activation(layer.activation)
    wanted = [layer.kernel, layer.bias] if layer.use_bias else [layer.kernel]
    places = steps.places(*wanted)
    if activation is None or places is None:
        return False
    steps.takes_sparse = steps.takes_sparse or steps.keeps_zeros
    steps.width = max(steps.width, layer.units)
    steps.products.append(math.prod(layer.kernel.shape))
    kernel, *bias = places

    def step(x: Any, weights: Sequence[np.ndarray]) -> np.ndarray:
        z = x @ weights[kernel]
        if bias:
            z += weights[bias[0]]
        return activation(z)

    steps.append(step)
    return True


def _add_scaler(steps: StepList, layer: networks.FeatureScaler) -> bool:
    places = steps.places(layer.scale, *([layer.mean] if layer.shift else []))
    if places is None:
        return False
    scale, *mean = places

    def step(x: Any, weights: Sequence[np.ndarray]) -> np.ndarray:
        if not isinstance(x, np.ndarray):
            return _divide_columns(x, weights[scale])
        if not mean:
            return x / weights[scale]
        z = x - weights[mean[0]]
        z /= weights[scale]
        return z

    is_first = steps.is_empty
    steps.append(step)
    if is_first:
        steps.keeps_zeros = True
        steps.shift = mean[0] if mean else None
    return True


def _add_bins(steps: StepList, layer: networks.PiecewiseLinear | Beside) -> bool:
    bins = layer.bins if isinstance(layer, Beside) else layer
    places = steps.places(bins.start, bins.inverse_width)
    if places is None:
        return False
    start, inverse_width = places
    n_features, n_bins = bins.start.shape

    def step(x: np.ndarray, weights: Sequence[np.ndarray]) -> np.ndarray:
        positions = x[:, :, np.newaxis] - weights[start]
        positions *= weights[inverse_width]
        return np.clip(positions, 0, 1, out=positions).reshape(-1, n_features * n_bins)

    steps.width = max(steps.width, n_features * (n_bins + 1))
    (steps.append if bins is layer else steps.put_beside)(step)
    return True


def _add_clip(steps: StepList, layer: networks.SmoothClip) -> bool:
    keeps_zeros, limit = steps.keeps_zeros, layer.limit

    def step(x: Any, _: Sequence[np.ndarray]) -> Any:
        if isinstance(x, np.ndarray):
            return smooth_clip(x.copy(), limit)
        x.data = smooth_clip(x.data, limit)  # of a CSR of our own
        return x

    steps.append(step)
    steps.keeps_zeros = keeps_zeros
    return True


def _divide_columns(x: Any, scale: np.ndarray) -> Any:
    """Divide the columns of a CSR of our own by a scale."""
    x.data /= scale[x.indices]
    return x


def _add_normalization(steps: StepList, layer: Any) -> bool:
    if layer.axis not in (-1, 1):
        return False
    gamma = [layer.gamma] if layer.scale else []
    beta = [layer.beta] if layer.center else []
    places = steps.places(layer.moving_mean, layer.moving_variance, *gamma, *beta)
    if places is None:
        return False
    mean, variance, *others = places
    epsilon = np.float32(layer.epsilon)

    def step(x: np.ndarray, weights: Sequence[np.ndarray]) -> np.ndarray:
        # In the order of TensorFlow's operations, to round alike.
        factor = 1 / np.sqrt(weights[variance] + epsilon)
        if gamma:
            factor *= weights[others[0]]
        shift = -weights[mean] * factor
        if beta:
            shift += weights[others[-1]]
        z = x * factor
        z += shift
        return z

    steps.append(step)
    return True


def _add_layer_normalization(steps: StepList, layer: Any) -> bool:
    axis = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    if list(axis) not in ([-1], [1]) or getattr(layer, "rms_scaling", False):
        return False
    gamma = [layer.gamma] if layer.scale else []
    beta = [layer.beta] if layer.center else []
    places = steps.places(*gamma, *beta)
    if places is None:
        return False
    epsilon = np.float32(layer.epsilon)

    def step(x: np.ndarray, weights: Sequence[np.ndarray]) -> np.ndarray:
        z = x - x.mean(axis=1, keepdims=True)
        z /= np.sqrt(np.mean(z * z, axis=1, keepdims=True) + epsilon)
        if gamma:
            z *= weights[places[0]]
        if beta:
            z += weights[places[-1]]
        return z

    steps.append(step)
    return True


def _add_member_dense(steps: StepList, layer: networks.MemberDense) -> bool:
    activation = _find_activation(layer.activation)
    scaled = [layer.scale] if layer.scale_inputs else []
    places = steps.places(layer.kernel, layer.bias, *scaled)
    if activation is None or places is None:
        return False
    kernel, bias, *scale = places
    steps.takes_sparse = steps.takes_sparse or (steps.keeps_zeros and not layer.share)
    widths = [math.prod(variable.shape) for variable in (layer.bias, *scaled)]
    steps.width = max(steps.width, *widths)
    n_products = math.prod(layer.kernel.shape)
    steps.products.append(n_products * layer.n_members if layer.share else n_products)
    steps.has_members = True

    def step(x: Any, weights: Sequence[np.ndarray]) -> np.ndarray:
        if scale:
            x = (x if x.ndim == 3 else x[:, np.newaxis]) * weights[scale[0]]
        return activation(_multiply_members(x, weights[kernel]) + weights[bias])

    steps.append(step)
    return True


def _multiply_members(x: Any, kernel: np.ndarray) -> np.ndarray:
    """Return the products of rows, or rows of members, with shared weights or each member's own."""
    if kernel.ndim == 2:
        rows = x.reshape(-1, x.shape[-1]) @ kernel
        return rows.reshape(len(x), x.shape[1] if x.ndim == 3 else 1, kernel.shape[1])
    if x.ndim == 2:
        return (x @ kernel.reshape(len(kernel), -1)).reshape(x.shape[0], *kernel.shape[1:])
    return np.matmul(x.transpose(1, 0, 2), kernel).transpose(1, 0, 2)


def _add_member_mean(steps: StepList, layer: networks.MemberMean) -> bool:
    if not steps.has_members:
        return False
    mean = _mean_softmax if layer.reading == "softmax" else _mean_sigmoid
    steps.append(lambda z, _: mean(z))
    steps.has_members = False
    return True


def _mean_sigmoid(z: np.ndarray) -> np.ndarray:
    """Return the logit of the mean probability of members, of shape (n_samples, n_units)."""
    log_p = special.log_expit(z)
    return _log_sum_exp(log_p, 1) - _log_sum_exp(log_p - z, 1)


def _mean_softmax(z: np.ndarray) -> np.ndarray:
    log_p = z - np.expand_dims(_log_sum_exp(z, 2), 2)
    return _log_sum_exp(log_p, 1) - np.float32(math.log(z.shape[1]))


def _log_sum_exp(z: np.ndarray, axis: int) -> np.ndarray:
    largest = z.max(axis=axis, keepdims=True)
    return np.log(np.exp(z - largest).sum(axis=axis)) + largest.squeeze(axis)


def _add_activation(steps: StepList, layer: Any) -> bool:
    return _activate(steps, _find_activation(layer.activation))


def _add_relu(steps: StepList, layer: Any) -> bool:
    if layer.max_value is not None or layer.threshold != 0:
        return False
    return _activate(steps, partial(leaky_relu, negative_slope=layer.negative_slope))


def _add_softmax(steps: StepList, layer: Any) -> bool:
    return layer.axis in (-1, 1) and _activate(steps, ACTIVATIONS["softmax"])


def _activate(steps: StepList, activation: Activation | None) -> bool:
    if activation is not None:
        steps.activate(activation)
    return activation is not None


_ACTIVATIONS = {getattr(keras.activations, name): found for name, found in ACTIVATIONS.items()}


def _find_activation(function: Any) -> Activation | None:
    """Return what computes one of Keras' own functions; a layer may have any callable."""
    try:
        return _ACTIVATIONS.get(function)
    except TypeError:  # not hashable, so none of Keras' own
        return None


_LAYERS: dict[type, Callable[[StepList, Any], bool]] = {
    keras.layers.Dense: _add_dense,
    keras.layers.BatchNormalization: _add_normalization,
    keras.layers.LayerNormalization: _add_layer_normalization,
    keras.layers.Activation: _add_activation,
    keras.layers.ReLU: _add_relu,
    keras.layers.LeakyReLU: lambda steps, layer: _activate(
        steps, partial(leaky_relu, negative_slope=layer.negative_slope)
    ),
    keras.layers.ELU: lambda steps, layer: _activate(steps, partial(elu, alpha=layer.alpha)),
    keras.layers.Softmax: _add_softmax,
    networks.FeatureScaler: _add_scaler,
    networks.PiecewiseLinear: _add_bins,
    Beside: _add_bins,
    networks.SmoothClip: _add_clip,
    networks.MemberDense: _add_member_dense,
    networks.MemberMean: _add_member_mean,
}


# Layers that may stand where rows are those of members.
_OF_MEMBERS = (networks.Dropout, networks.MemberDense, networks.MemberMean)

# Layers that pass rows of features on in prediction.
_IDENTITIES = (
    networks.Dropout,
    keras.layers.ActivityRegularization,
    keras.layers.AlphaDropout,
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
)
