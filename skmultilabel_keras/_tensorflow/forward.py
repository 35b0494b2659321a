"""The forward pass of dense networks in NumPy: microseconds for one row, with no trace.

Owns: which networks it can compute, running their steps over rows, their weights as arrays.
Does not own: the steps of layers (``forward_steps``), networks that are anything else
(``functions``).

It takes chains of layers on rows of features, in float32 on the CPU, and beside the first of them
the branch that encodes features by bins. No other branch is taken.

Weights are read from the network's variables in each call: a user may set them at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from scipy import sparse
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import context, core

from skmultilabel_keras import networks
from skmultilabel_keras._compat import is_plain
from skmultilabel_keras._rows import block_length, dense_rows, sparse_rows
from skmultilabel_keras._tensorflow.forward_steps import Beside, Step, StepList

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
        steps = StepList()
        if not all(steps.add(layer) for layer in layers) or steps.has_members:
            return None
        return cls(
            steps.finished_steps(),
            steps.variables,
            width=max(steps.width, model.input_shape[1]),
            products=steps.products,
            takes_sparse=steps.takes_sparse,
            shift=steps.shift,
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
        return partial(sparse_rows, X, dtype="float32")


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


def _find_bins_beside(layer: Any, node: Any, first: Any) -> Beside | None:
    """Return the bins that a layer puts beside what comes from the chain, None if it does not."""
    tensors = node.input_tensors
    if type(layer) is not keras.layers.Concatenate or len(tensors) != 2:
        return None
    history = tensors[1]._keras_history
    bins, node = history.operation, history.operation._inbound_nodes[history.node_index]
    is_known = type(bins) is networks.PiecewiseLinear and _is_float32(bins)
    if not is_known or not _is_called_plainly(node) or layer.axis not in (-1, 1):
        return None
    return Beside(bins) if node.input_tensors[0] is first else None


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
