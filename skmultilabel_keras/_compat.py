"""Every branch on a version, and every use of private parts of scikit-learn and Keras.

Owns: what differs between supported versions, and the few names without a public home.
Does not own: TensorFlow's graph level (``_tensorflow``).

Keras is imported inside the functions that need it: modules that do without it import this one.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.metrics._scorer import _Scorer as Scorer
from sklearn.utils import _safe_indexing as take_rows
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    StrOptions,
    validate_parameter_constraints,
)

__all__ = [
    "HasMethods",
    "Interval",
    "Options",
    "Scorer",
    "StrOptions",
    "compile_arguments",
    "follows_input",
    "fresh_names",
    "isolated_build",
    "last_operation",
    "optimized_by",
    "released_after",
    "take_rows",
    "trains_apart",
    "validate_parameter_constraints",
]

_BUILD_LOCK = threading.RLock()
_KERAS_GLOBALS = ("object_name_uids", "global_seed_generator")


@contextmanager
def fresh_names() -> Iterator[None]:
    """Let Keras number names from the start, and put its counters back after the block.

    Names that start anew leave no trace in the counters, and keep TensorFlow's kernel cache, which
    is keyed by them, from growing with each network.
    """
    from keras.src.backend.common import global_state

    before = {name: global_state.get_global_attribute(name) for name in _KERAS_GLOBALS}
    try:
        for name in _KERAS_GLOBALS:
            global_state.set_global_attribute(name, None)
        yield
    finally:
        for name, value in before.items():
            global_state.set_global_attribute(name, value)


@contextmanager
def isolated_build(seed: int) -> Iterator[None]:
    """Build Keras objects from ``seed`` and leave no trace of it.

    Keras draws the seeds of layers and initializers that got none from Python's global generator.
    It and NumPy's (for networks whose own code draws from it) are seeded for the block and put
    back after it, under one lock, so that builds in several threads do not disturb each other.
    """
    with _BUILD_LOCK, fresh_names():
        python_state, numpy_state = random.getstate(), np.random.get_state()
        try:
            random.seed(seed)
            np.random.seed(seed % 2**32)
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


@contextmanager
def released_after(callbacks: Iterable[Any]) -> Iterator[None]:
    """Take the model that Keras gives to callbacks from them after the block.

    They are parameters of an estimator, which is copied and pickled with its parameters. A block
    within another one, of a callback that predicts, leaves them what they have.
    """
    listed = list(callbacks)
    before = [getattr(callback, "_model", None) for callback in listed]
    try:
        yield
    finally:
        for callback, model in zip(listed, before, strict=True):
            callback._model = model


def compile_arguments(model: Any) -> dict[str, Any]:
    """Return the arguments that a model was compiled with, as the objects that they were."""
    return dict(model._compile_config.config)


def is_plain(model: Any) -> bool:
    """Tell whether a model is one of Keras' own kinds or ours, without methods of its user's."""
    import keras
    from keras.src.models.functional import Functional

    kind = type(model)
    return kind in (Functional, keras.Sequential) or kind.__module__.startswith(
        "skmultilabel_keras."
    )


def optimized_by(optimizer: Any) -> list[Any]:
    """Return the variables that an optimizer was built for, none before."""
    return list(getattr(optimizer, "_trainable_variables", None) or [])


def trains_apart(model: Any) -> bool:
    """Tell whether a weight is trained though its layer is not, or the other way round."""
    return any(
        weight.trainable != layer.trainable
        for layer in model._flatten_layers()
        for weight in layer._trainable_variables
    )


def follows_input(layer: Any) -> bool:
    """Tell whether a layer stands right behind an input; so it does where there is no graph."""
    import keras

    tensors = [tensor for node in layer._inbound_nodes for tensor in node.input_tensors]
    origins = [tensor._keras_history.operation for tensor in tensors]
    return all(isinstance(origin, keras.layers.InputLayer) for origin in origins)


def last_operation(model: Any) -> Any:
    """Return the layer or operation that computes a model's output, None where there is no graph.

    Looks through nested models and through layers that only reshape or pass on.
    """
    import keras
    from keras.src.models.functional import Functional

    passing_on = (keras.layers.Reshape, keras.layers.Flatten, keras.layers.Identity)
    if not (isinstance(model, (Functional, keras.Sequential)) and model.built):
        return None
    tensor = model.outputs[0]
    while True:
        history = tensor._keras_history
        operation = history.operation
        if isinstance(operation, keras.Model):
            return last_operation(operation)
        if not isinstance(operation, passing_on):
            return operation
        tensor = operation._inbound_nodes[history.node_index].input_tensors[0]
