"""A model's own steps as traced TensorFlow functions.

Owns: tracing, signatures, what a trace must not leave behind.
Does not own: the order of epochs and batches (``training``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from skmultilabel_keras._compat import compile_arguments, fresh_names
from skmultilabel_keras._rows import Rows


class NetworkFunctions:
    """Traced functions of one model, made when first needed.

    Parameters
    ----------
    model : keras.Model
        Built model; compiled where it is to be trained.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.input_dtype = _input_dtype(model)
        self._predict: Callable[[Any], Any] | None = None
        self._steps: dict[tuple[str, int], Callable[..., dict[str, Any]]] = {}

    def train_step(self, example: Rows) -> Callable[..., dict[str, Any]]:
        """Return the training step, a function of features, targets and weights.

        Parameters
        ----------
        example : Rows
            Rows of the kind that the function will get; one is looked at, none is trained on.
        """
        _keep_gradients_local(self.model.optimizer)
        return self._step("train_step", example)

    def test_step(self, example: Rows) -> Callable[..., dict[str, Any]]:
        """Return the evaluation step, a function of features, targets and weights."""
        return self._step("test_step", example)

    def forget_steps(self) -> None:
        """Drop the traces that only training needs, and what TensorFlow keeps for them."""
        self._steps.clear()
        context.context().clear_kernel_cache()

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs for one batch of dense features."""
        if self._predict is None:
            self._predict = self._trace_predict(x)
        return np.asarray(self._predict(x))

    def _trace_predict(self, x: np.ndarray) -> Callable[[Any], Any]:
        model = self.model
        if model.run_eagerly:
            return model.predict_step
        # TensorFlow counts traces by code object and would warn after a few models; not so here.
        run = functools.partial(model.predict_step)
        function = tf.function(run, input_signature=[_free_batch(x)], autograph=False)
        with fresh_names():
            function.get_concrete_function()
        return function

    def _step(self, name: str, example: Rows) -> Callable[..., dict[str, Any]]:
        batch = tuple(
            part
            for part in example.batch(np.arange(min(2, len(example))), self.input_dtype)
            if part is not None
        )
        key = (name, len(batch))
        if key not in self._steps:
            # Variables of metrics and optimizer must exist before the trace.
            self.model._symbolic_build(data_batch=batch)
            self._steps[key] = self._trace_step(getattr(self.model, name), batch)
        return self._steps[key]

    def _trace_step(
        self, step: Callable[[Any], dict[str, Any]], batch: tuple[np.ndarray, ...]
    ) -> Callable[..., dict[str, Any]]:
        run = functools.partial(_run_step, step)
        if self.model.run_eagerly:
            return run
        signature = [_free_batch(part) for part in batch]
        # Only where asked for: Keras' own "auto" is XLA, which slows small networks on a CPU down.
        compiled = compile_arguments(self.model).get("jit_compile") is True or None
        return tf.function(run, input_signature=signature, autograph=False, jit_compile=compiled)


def _run_step(step: Callable[[Any], dict[str, Any]], *data: Any) -> dict[str, Any]:
    return step(data)


def _free_batch(array: np.ndarray) -> tf.TensorSpec:
    return tf.TensorSpec((None, *array.shape[1:]), tf.as_dtype(array.dtype))


def _input_dtype(model: keras.Model) -> str:
    """Return the dtype that a network takes; floatx for one that does not say."""
    inputs = getattr(model, "inputs", None)
    return str(keras.backend.standardize_dtype(inputs[0].dtype if inputs else None))


def _keep_gradients_local(optimizer: Any) -> None:
    """Skip the sum over replicas, of which there is one; see README.md."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    inner._all_reduce_sum_gradients = lambda grads_and_vars: grads_and_vars
