"""The forward pass of dense networks in NumPy: microseconds for one row, with no trace.

Owns: which networks it can compute, the steps of such a network, its weights as arrays.
Does not own: networks that are anything else (``functions``), or activations (``_activations``).

It takes chains of Keras' own layers on rows of features, in float32 on the CPU, and beside the
first of them the branch that encodes features by bins. A subclass of a layer, any other branch or
an unknown setting may mean something else, so none of these is taken.

Weights are read from the network's variables in each call: a user may set them at any time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from scipy import sparse, special
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import context, core
from tensorflow.python.ops.resource_variable_ops import ResourceVariable

from skmultilabel_keras import networks
from skmultilabel_keras._activations import ACTIVATIONS, Activation, elu, leaky_relu, smooth_clip
from skmultilabel_keras._compat import is_plain
from skmultilabel_keras._rows import block_length, dense_rows

# Rows of one block. Smaller ones stay in the cache, but the threads of a product wait for each
# other in each block, which takes long where other processes keep the cores busy.
_BLOCK_ROWS = 8192

# OpenBLAS, which NumPy's wheels bring, takes one thread for a product of up to 64^3
# multiplications. For a larger one it wakes others, and these keep their cores busy for some
# 0.1 s after it (measured), which the next fit or another thread of a search wants. So for inputs
# of little work in all, below a millisecond or so, blocks are small enough for one thread; unless
# they had fewer rows than pay.
_ONE_THREAD_PRODUCT = 2**18
_LITTLE_WORK = 2**24
_FEWEST_ROWS = 16

# Share of numbers other than zero from which a dense product is faster than a sparse one.
_DENSE_FROM = 0.1

# Takes rows, and the values of the network's variables in the order in which they are asked for.
Step = Callable[[Any, Sequence[np.ndarray]], np.ndarray]


class ForwardPass:
    """The outputs of one network, computed with NumPy.

    Parameters
    ----------
    steps : sequence of callable
        What turns rows into outputs, one after the other.
    variables : sequence of tf.Variable
        What the steps get the values of.
    width : int
        The most numbers that a row becomes.
    products : sequence of int
        Multiplications per row of each dense layer.
    takes_sparse : bool
        Whether the first step is a product, before which a scaler may stand.
    shift : int or None
        Place of the mean that this scaler subtracts: unless it is zero, rows do not stay sparse.

    Notes
    -----
    Instances come from :meth:`of`.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        variables: Sequence[Any],
        *,
        width: int,
        products: Sequence[int],
        takes_sparse: bool,
        shift: int | None,
    ) -> None:
        self._steps = tuple(steps)
        self._read = _reader(variables)
        self._block_rows = min(_BLOCK_ROWS, block_length((1, width)))
        self._one_thread_rows = _ONE_THREAD_PRODUCT // max(products, default=1)
        self._little_rows = _LITTLE_WORK // max(sum(products), 1)
        self._takes_sparse = takes_sparse
        self._shift = shift

    @classmethod
    def of(cls, model: keras.Model) -> ForwardPass | None:
        """Return the forward pass of a built network, None where there is none for its kind."""
        layers = _chain(model)
        if layers is None:
            return None
        recipe = _Recipe()
        if not all(recipe.add(layer) for layer in layers) or recipe.has_members:
            return None
        return cls(
            recipe.finished_steps(),
            recipe.variables,
            width=max(recipe.width, model.input_shape[1]),
            products=recipe.products,
            takes_sparse=recipe.takes_sparse,
            shift=recipe.shift,
        )

    def outputs(self, X: Any, batch_size: int | None = None) -> np.ndarray:
        """Return the network's outputs as an array of its own.

        Parameters
        ----------
        X : ndarray or CSR of shape (n_samples, n_features)
            Checked features.
        batch_size : int or None, default=None
            The most rows at a time; None or -1 for as many as are fast.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            float32.
        """
        weights = self._read()
        size = self._block_length(X)
        if batch_size is not None and batch_size != -1:
            size = min(size, batch_size)
        # What overflows in float32 does so in TensorFlow, too, which does not warn.
        with np.errstate(all="ignore"):
            if X.shape[0] <= size and type(X) is np.ndarray and X.dtype.kind == "f":
                return self._run(X.astype(np.float32, copy=False), weights)
            return self._run_blocks(X, size, weights)

    def _block_length(self, X: Any) -> int:
        """Return how many rows to compute at a time."""
        n_rows, one_thread = X.shape[0], self._one_thread_rows
        if one_thread < n_rows <= self._little_rows and one_thread >= _FEWEST_ROWS:
            return self._block_rows if sparse.issparse(X) else one_thread
        return self._block_rows

    def _run(self, z: Any, weights: Sequence[np.ndarray]) -> np.ndarray:
        for step in self._steps:
            z = step(z, weights)
        return z

    def _run_blocks(self, X: Any, size: int, weights: Sequence[np.ndarray]) -> np.ndarray:
        rows, n_rows = self._prepare(X, weights), X.shape[0]
        first = self._run(rows(slice(0, size)), weights)
        if n_rows <= size:
            return first
        outputs = np.empty((n_rows, first.shape[1]), np.float32)
        outputs[:size] = first
        for start in range(size, n_rows, size):
            block = slice(start, start + size)
            outputs[block] = self._run(rows(block), weights)
        return outputs

    def _prepare(self, X: Any, weights: Sequence[np.ndarray]) -> Callable[[slice], Any]:
        """Return a function that takes rows of ``X`` in the form that the steps want."""
        if not sparse.issparse(X):
            return partial(dense_rows, X, dtype="float32")
        shifts = self._shift is not None and weights[self._shift].any()
        if shifts or not self._takes_sparse or X.nnz > _DENSE_FROM * np.prod(X.shape):
            return partial(dense_rows, X, dtype="float32")
        return lambda rows: X[rows].astype(np.float32)


class _Recipe:
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

    def place(self, variable: Any) -> int | None:
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
        found = [self.place(variable) for variable in variables]
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


def _chain(model: keras.Model) -> list[Any] | None:
    """Return the layers from input to output, None where they are no chain on rows of features."""
    if not (is_plain(model) and model.built) or len(model.inputs) != 1 or len(model.outputs) != 1:
        return None
    first, tensor = model.inputs[0], model.outputs[0]
    if len(first.shape) != 2 or first.shape[1] is None or _is_special(first):
        return None
    layers: list[Any] = []
    while tensor is not first:
        history = tensor._keras_history
        layer, node = history.operation, history.operation._inbound_nodes[history.node_index]
        if not _is_float32(layer):
            return None
        beside = _find_bins_beside(layer, node, first)
        if beside is None and not _is_called_plainly(node):
            return None
        layers.append(beside or layer)
        tensor = node.input_tensors[0]
    return layers[::-1]


class _Beside(NamedTuple):
    """The columns of a layer on the network's input, put behind those of the chain so far."""

    bins: networks.PiecewiseLinear


def _find_bins_beside(layer: Any, node: Any, first: Any) -> _Beside | None:
    """Return the bins that a layer puts beside what comes from the chain, None if it does not."""
    tensors = node.input_tensors
    if type(layer) is not keras.layers.Concatenate or len(tensors) != 2:
        return None
    history = tensors[1]._keras_history
    bins, node = history.operation, history.operation._inbound_nodes[history.node_index]
    is_known = type(bins) is networks.PiecewiseLinear and _is_float32(bins)
    if not is_known or not _is_called_plainly(node) or layer.axis not in (-1, 1):
        return None
    return _Beside(bins) if node.input_tensors[0] is first else None


def _is_special(tensor: Any) -> bool:
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return dtype != "float32" or getattr(tensor, "ragged", False)


def _is_float32(layer: Any) -> bool:
    """Tell whether a layer computes in float32, with its class' own code and whole weights."""
    return (
        getattr(layer, "compute_dtype", None) == "float32"
        and type(layer.dtype_policy) is keras.DTypePolicy
        and "call" not in vars(layer)
        and not getattr(layer, "lora_enabled", False)
    )


def _is_called_plainly(node: Any) -> bool:
    """Tell whether a layer is called on one tensor, and not as in training."""
    arguments = node.arguments
    plain = all(value is None or value is False for value in arguments.kwargs.values())
    return plain and len(arguments.args) == len(node.input_tensors) == 1


def _add_dense(recipe: _Recipe, layer: Any) -> bool:
    activation = _find_activation(layer.activation)
    wanted = [layer.kernel, layer.bias] if layer.use_bias else [layer.kernel]
    places = recipe.places(*wanted)
    if activation is None or places is None:
        return False
    recipe.takes_sparse = recipe.takes_sparse or recipe.keeps_zeros
    recipe.width = max(recipe.width, layer.units)
    recipe.products.append(math.prod(layer.kernel.shape))
    kernel, *bias = places

    def step(x: Any, weights: Sequence[np.ndarray]) -> np.ndarray:
        z = x @ weights[kernel]
        if bias:
            z += weights[bias[0]]
        return activation(z)

    recipe.append(step)
    return True


def _add_scaler(recipe: _Recipe, layer: networks.FeatureScaler) -> bool:
    places = recipe.places(layer.scale, *([layer.mean] if layer.shift else []))
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

    is_first = recipe.is_empty
    recipe.append(step)
    if is_first:
        recipe.keeps_zeros = True
        recipe.shift = mean[0] if mean else None
    return True


def _add_bins(recipe: _Recipe, layer: networks.PiecewiseLinear | _Beside) -> bool:
    bins = layer.bins if isinstance(layer, _Beside) else layer
    places = recipe.places(bins.start, bins.inverse_width)
    if places is None:
        return False
    start, inverse_width = places
    n_features, n_bins = bins.start.shape

    def step(x: np.ndarray, weights: Sequence[np.ndarray]) -> np.ndarray:
        positions = x[:, :, np.newaxis] - weights[start]
        positions *= weights[inverse_width]
        return np.clip(positions, 0, 1, out=positions).reshape(-1, n_features * n_bins)

    recipe.width = max(recipe.width, n_features * (n_bins + 1))
    (recipe.append if bins is layer else recipe.put_beside)(step)
    return True


def _add_clip(recipe: _Recipe, layer: networks.SmoothClip) -> bool:
    keeps_zeros, limit = recipe.keeps_zeros, layer.limit

    def step(x: Any, _: Sequence[np.ndarray]) -> Any:
        if isinstance(x, np.ndarray):
            return smooth_clip(x.copy(), limit)
        x.data = smooth_clip(x.data, limit)  # of a CSR of our own
        return x

    recipe.append(step)
    recipe.keeps_zeros = keeps_zeros
    return True


def _divide_columns(x: Any, scale: np.ndarray) -> Any:
    """Divide the columns of a CSR of our own by a scale."""
    x.data /= scale[x.indices]
    return x


def _add_normalization(recipe: _Recipe, layer: Any) -> bool:
    if layer.axis not in (-1, 1):
        return False
    gamma = [layer.gamma] if layer.scale else []
    beta = [layer.beta] if layer.center else []
    places = recipe.places(layer.moving_mean, layer.moving_variance, *gamma, *beta)
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

    recipe.append(step)
    return True


def _add_layer_normalization(recipe: _Recipe, layer: Any) -> bool:
    axis = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    if list(axis) not in ([-1], [1]) or getattr(layer, "rms_scaling", False):
        return False
    gamma = [layer.gamma] if layer.scale else []
    beta = [layer.beta] if layer.center else []
    places = recipe.places(*gamma, *beta)
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

    recipe.append(step)
    return True


def _add_member_dense(recipe: _Recipe, layer: networks.MemberDense) -> bool:
    activation = _find_activation(layer.activation)
    scaled = [layer.scale] if layer.scale_inputs else []
    places = recipe.places(layer.kernel, layer.bias, *scaled)
    if activation is None or places is None:
        return False
    kernel, bias, *scale = places
    recipe.takes_sparse = recipe.takes_sparse or (recipe.keeps_zeros and not layer.share)
    widths = [math.prod(variable.shape) for variable in (layer.bias, *scaled)]
    recipe.width = max(recipe.width, *widths)
    n_products = math.prod(layer.kernel.shape)
    recipe.products.append(n_products * layer.n_members if layer.share else n_products)
    recipe.has_members = True

    def step(x: Any, weights: Sequence[np.ndarray]) -> np.ndarray:
        if scale:
            x = (x if x.ndim == 3 else x[:, np.newaxis]) * weights[scale[0]]
        return activation(_multiply_members(x, weights[kernel]) + weights[bias])

    recipe.append(step)
    return True


def _multiply_members(x: Any, kernel: np.ndarray) -> np.ndarray:
    """Return the products of rows, or rows of members, with shared weights or each member's own."""
    if kernel.ndim == 2:
        rows = x.reshape(-1, x.shape[-1]) @ kernel
        return rows.reshape(len(x), x.shape[1] if x.ndim == 3 else 1, kernel.shape[1])
    if x.ndim == 2:
        return (x @ kernel.reshape(len(kernel), -1)).reshape(x.shape[0], *kernel.shape[1:])
    return np.matmul(x.transpose(1, 0, 2), kernel).transpose(1, 0, 2)


def _add_member_mean(recipe: _Recipe, layer: networks.MemberMean) -> bool:
    if not recipe.has_members:
        return False
    mean = _mean_softmax if layer.reading == "softmax" else _mean_sigmoid
    recipe.append(lambda z, _: mean(z))
    recipe.has_members = False
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


def _add_activation(recipe: _Recipe, layer: Any) -> bool:
    return _activate(recipe, _find_activation(layer.activation))


def _add_relu(recipe: _Recipe, layer: Any) -> bool:
    if layer.max_value is not None or layer.threshold != 0:
        return False
    return _activate(recipe, partial(leaky_relu, negative_slope=layer.negative_slope))


def _add_softmax(recipe: _Recipe, layer: Any) -> bool:
    return layer.axis in (-1, 1) and _activate(recipe, ACTIVATIONS["softmax"])


def _activate(recipe: _Recipe, activation: Activation | None) -> bool:
    if activation is not None:
        recipe.activate(activation)
    return activation is not None


_ACTIVATIONS = {getattr(keras.activations, name): found for name, found in ACTIVATIONS.items()}


def _find_activation(function: Any) -> Activation | None:
    """Return what computes one of Keras' own functions; a layer may have any callable."""
    try:
        return _ACTIVATIONS.get(function)
    except TypeError:  # not hashable, so none of Keras' own
        return None


_LAYERS: dict[type, Callable[[_Recipe, Any], bool]] = {
    keras.layers.Dense: _add_dense,
    keras.layers.BatchNormalization: _add_normalization,
    keras.layers.LayerNormalization: _add_layer_normalization,
    keras.layers.Activation: _add_activation,
    keras.layers.ReLU: _add_relu,
    keras.layers.LeakyReLU: lambda recipe, layer: _activate(
        recipe, partial(leaky_relu, negative_slope=layer.negative_slope)
    ),
    keras.layers.ELU: lambda recipe, layer: _activate(recipe, partial(elu, alpha=layer.alpha)),
    keras.layers.Softmax: _add_softmax,
    networks.FeatureScaler: _add_scaler,
    networks.PiecewiseLinear: _add_bins,
    _Beside: _add_bins,
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


def _reader(variables: Sequence[Any]) -> Callable[[], list[np.ndarray]]:
    """Return a function that reads the values of variables, without a copy.

    TensorFlow writes to a buffer of its own while one is read elsewhere, so what was read stays.
    It has no public way to read several at once, and each of the public reads costs more than all
    else that is done for one row.
    """
    handles = [variable.handle for variable in variables]
    # As numbers, which TensorFlow need not look up in each call.
    dtypes = [variable.dtype.as_datatype_enum for variable in variables]

    def read() -> list[np.ndarray]:
        tensors = pywrap_tfe.TFE_Py_FastPathExecute(
            context.context(), "_ReadVariablesOp", None, handles, "dtypes", dtypes
        )
        return [tensor._numpy() for tensor in tensors]

    if not variables:
        return list
    try:
        read()
    except (AttributeError, TypeError, core._NotOkStatusException):  # another TensorFlow
        return lambda: [variable.numpy() for variable in variables]
    return read
