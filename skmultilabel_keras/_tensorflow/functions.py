"""A network's outputs for a batch, as a traced function.

Owns: tracing of predictions, in one or in two parts; how many rows to predict at a time.
Does not own: training (``compiled``) or how rows are cut into batches (``prediction``).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from scipy import sparse

from skmultilabel_keras._compat import fresh_names
from skmultilabel_keras._rows import block_length, dense_rows, sparse_rows
from skmultilabel_keras._tensorflow.cache import COMPILE_CACHE
from skmultilabel_keras._tensorflow.engine import input_dtype, is_light, takes_sparse
from skmultilabel_keras._tensorflow.epochs import executor
from skmultilabel_keras._tensorflow.forward import ForwardPass
from skmultilabel_keras._tensorflow.specification import specify_network
from skmultilabel_keras.networks import split_at_features

# Rows of one batch where none is asked for: beyond it batches are no faster, only larger.
_BATCH_SIZE = 4096

# Share of numbers other than zero up to which a network with a sparse input is faster with sparse
# rows. Measured with 1,000 features: .5 of the time of dense ones at .01, 1.3 at .02, 6 at .1.
_SPARSE_UP_TO = 0.015


class NetworkFunctions:
    """Traced functions of one model, made when first needed.

    Parameters
    ----------
    model : keras.Model
        Built model.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.input_dtype = input_dtype(model)
        # By whether rows come sparse, and their shape, which a network may leave open.
        self._predict: dict[tuple[Any, ...], Callable[[Any], Any]] = {}

    @functools.cached_property
    def forward(self) -> ForwardPass | None:
        """The network's forward pass in NumPy, None where its kind has none."""
        return ForwardPass.of(self.model)

    @functools.cached_property
    def split(self) -> tuple[NetworkFunctions, NetworkFunctions] | None:
        """Functions up to the network's frozen features and from there on, None without any."""
        with fresh_names():
            parts = None if self.model.run_eagerly else split_at_features(self.model)
        return None if parts is None else (NetworkFunctions(parts[0]), NetworkFunctions(parts[1]))

    def keeps_sparse(self, X: Any) -> bool:
        """Tell whether the network is to take these rows as they are, sparse."""
        few = sparse.issparse(X) and X.nnz <= _SPARSE_UP_TO * math.prod(X.shape)
        return few and takes_sparse(self.model)

    def take(self, X: Any, rows: Any) -> Any:
        """Return some rows as the network takes them; all of ``X`` tells whether sparse."""
        take = sparse_rows if self.keeps_sparse(X) else dense_rows
        return take(X, rows, self.input_dtype)

    def batch_length(self, X: Any) -> int:
        """Return how many of these rows are fast at once, in bounded memory."""
        shape = X.shape
        if self.keeps_sparse(X):
            shape = (0, X.nnz // max(1, X.shape[0]))
        return min(_BATCH_SIZE, block_length(shape), block_length((0, self._widest)))

    @functools.cached_property
    def _widest(self) -> int:
        """How many numbers a layer makes of a row, at most; those of sparse ones are few."""
        sizes = [
            math.prod(size or 1 for size in tensor.shape[1:])
            for layer in self.model._flatten_layers()
            for node in getattr(layer, "_inbound_nodes", ())
            for tensor in node.output_tensors
            if not tensor.sparse
        ]
        return max(sizes, default=1)

    def predict(self, x: Any) -> np.ndarray:
        """Return the outputs for one batch, as :meth:`take` returns it."""
        if self.split is not None:  # functions of the parts were made for training
            before, after = self.split
            features = before.predict(x)
            forward = after.forward
            return after.predict(features) if forward is None else forward.outputs(features)
        kind = (sparse.issparse(x), *x.shape[1:])
        if kind not in self._predict:
            self._predict[kind] = self._make_predict(x)
        return np.asarray(self._predict[kind](_as_tensor(x)))

    def _make_predict(self, x: Any) -> Callable[[Any], Any]:
        model = self.model
        if model.run_eagerly:
            return model.predict_step
        kind = tf.SparseTensorSpec if sparse.issparse(x) else tf.TensorSpec
        spec = kind((None, *x.shape[1:]), tf.as_dtype(x.dtype))
        with fresh_names():
            specification = specify_network(model)
            if specification.key is None:
                return _trace_own(model, spec)
            key = ("predict", specification.key, spec)
            function = COMPILE_CACHE.get(key, lambda: _trace_shared(model, spec))
        one_thread = is_light(model)

        def predict(x: Any) -> Any:
            values = [tf.convert_to_tensor(variable.value) for variable in _variables(model)]
            with executor(one_thread=one_thread):
                return function(values, x)

        return predict


def _variables(model: keras.Model) -> list[Any]:
    return [*model.trainable_variables, *model.non_trainable_variables]


def _as_tensor(x: Any) -> Any:
    """Return a batch as a tensor, a SparseTensor if it is CSR."""
    if not sparse.issparse(x):
        return tf.convert_to_tensor(x)
    rows = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
    places = np.stack([rows, x.indices], axis=1).astype(np.int64, copy=False)
    return tf.SparseTensor(places, x.data, x.shape)


def _trace_shared(model: keras.Model, spec: tf.TypeSpec) -> Any:
    """Return a function of the values of a network's variables and a batch."""
    COMPILE_CACHE.count_trace()
    variables = _variables(model)

    def run(values: list[Any], x: Any) -> Any:
        with keras.StatelessScope(list(zip(variables, values, strict=True)), collect_losses=True):
            return model(x, training=False)

    signature = [tf.TensorSpec(variable.shape, variable.dtype) for variable in variables]
    with executor(one_thread=is_light(model)):
        return tf.function(run, autograph=False).get_concrete_function(signature, spec)


def _trace_own(model: keras.Model, spec: tf.TypeSpec) -> Any:
    """Return a function that runs a model's own step."""
    COMPILE_CACHE.count_trace()
    # TensorFlow counts traces by code object and would warn after a few models; not so here.
    run = functools.partial(model.predict_step)
    function = tf.function(run, input_signature=[spec], autograph=False)
    function.get_concrete_function()
    return function
