"""An optimizer that acts on each number alone, applied to all trained weights as one vector.

Owns: which optimizers do, and the twin of a model's optimizer that works on vectors.
Does not own: steps (``steps``).

Adam takes a dozen operations for each variable. On one vector that holds them all it takes a dozen
in all, with the same results to the last bit, as each of them works number by number. A network of
small layers gains most, and its graph is traced sooner. Large ones are left alone: to split and to
join their vector costs more than fewer operations save.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Not here: Adafactor, Lamb and Muon look at the shape or the norm of a variable.
_NUMBER_BY_NUMBER = frozenset(
    {"Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lion", "RMSprop", "SGD"}
)

# Weights of a network up to which it pays. Measured: fits with 11,000 and with 31,000 take a few
# percent less time, one with 101,000 takes 14 % more.
_MOST_WEIGHTS = 2**16


class NotFlatError(Exception):
    """A gradient that does not fit into one vector: there is none, or it is sparse."""


class FlatOptimizer:
    """The twin of an optimizer, for the vectors that its variables make up; see :meth:`of`.

    Parameters
    ----------
    optimizer : keras.optimizers.Optimizer
        The optimizer of a model.
    twin : keras.optimizers.Optimizer
        One like it, for a single variable.
    columns : sequence of (list of keras.Variable, keras.Variable)
        Variables of the optimizer and the vector of the twin that stands for them, the trained
        ones first.
    """

    def __init__(
        self,
        optimizer: Any,
        twin: Any,
        columns: Sequence[tuple[list[Any], Any]],
    ) -> None:
        self.optimizer = optimizer
        self.twin = twin
        self.columns = [variables for variables, _ in columns]
        self._vectors = [vector for _, vector in columns]
        self._shapes = [tuple(variable.shape) for variable in self.columns[0]]
        self._shared = _shared_variables(optimizer, twin)

    @classmethod
    def of(cls, model: keras.Model) -> FlatOptimizer | None:
        """Return that of a compiled model's built optimizer, None where there is none."""
        optimizer, trained = model.optimizer, list(model.trainable_variables)
        if hasattr(model, "hold_back") or not _works_number_by_number(optimizer, trained):
            return None
        twin = type(optimizer).from_config(optimizer.get_config())
        size = sum(math.prod(variable.shape) for variable in trained)
        twin.build([keras.Variable(np.zeros(size, np.float32), name="weights")])
        columns = [
            (list(found), getattr(twin, name)[0])
            for name, found in vars(optimizer).items()
            if _is_column(found, trained)
        ]
        columns.sort(key=lambda column: column[0][0] is not trained[0])
        covered = {id(variable) for variables, _ in columns for variable in variables}
        covered |= {id(own) for own, _ in _shared_variables(optimizer, twin)}
        all_known = covered >= {id(variable) for variable in optimizer.variables}
        return cls(optimizer, twin, columns) if all_known else None

    def join(self, value_of: Callable[[Any], Any]) -> list[Any]:
        """Return the vectors that hold the values of the variables."""
        return [_join([value_of(variable) for variable in column]) for column in self.columns]

    def split(self, vector: Any) -> list[Any]:
        """Return the values in a vector, each in the shape of its variable."""
        parts = tf.split(vector, [math.prod(shape) for shape in self._shapes])
        return [tf.reshape(part, shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def apply(
        self, vectors: Sequence[Any], gradients: Sequence[Any], scope: keras.StatelessScope
    ) -> list[Any]:
        """Return the vectors after an update; what else it changes goes into ``scope``.

        Raises
        ------
        NotFlatError
            If there is no dense gradient for some variable.
        """
        if not all(isinstance(gradient, tf.Tensor) for gradient in gradients):
            raise NotFlatError
        # It may be a tensor for the time of a trace.
        self.twin.weight_decay = self.optimizer.weight_decay
        mapping = list(zip(self._vectors, vectors, strict=True))
        mapping += [(twin, scope.get_current_value(own)) for own, twin in self._shared]
        with keras.StatelessScope(mapping) as inner:
            self.twin.apply([_join(gradients)], self._vectors[:1])
        for own, twin in self._shared:
            scope.add_update((own, inner.get_current_value(twin)))
        return [inner.get_current_value(vector) for vector in self._vectors]


def _works_number_by_number(optimizer: Any, trained: Sequence[Any]) -> bool:
    """Tell whether an update of each number depends on that number's gradient and state alone."""
    whole = (optimizer.clipnorm, optimizer.global_clipnorm, optimizer.use_ema)
    plain = all(
        keras.backend.standardize_dtype(variable.dtype) == "float32"
        and getattr(variable, "constraint", None) is None
        and not getattr(variable, "overwrite_with_gradient", False)
        for variable in trained
    )
    own = [id(variable) for variable in optimizer._trainable_variables]
    return (
        type(optimizer).__name__ in _NUMBER_BY_NUMBER
        and not any(whole)
        and plain
        and len(trained) > 1
        and sum(math.prod(variable.shape) for variable in trained) <= _MOST_WEIGHTS
        and own == [id(variable) for variable in trained]
    )


def _is_column(value: Any, trained: Sequence[Any]) -> bool:
    """Tell whether an attribute of an optimizer holds a variable for each trained one."""
    return (
        isinstance(value, list)
        and len(value) == len(trained)
        and all(isinstance(item, keras.Variable) for item in value)
        and all(a.shape == b.shape for a, b in zip(value, trained, strict=True))
    )


def _shared_variables(optimizer: Any, twin: Any) -> list[tuple[Any, Any]]:
    """Return pairs of the variables that an optimizer has once, and those of its twin."""
    pairs = [(optimizer.iterations, twin.iterations)]
    if isinstance(optimizer._learning_rate, keras.Variable):
        pairs.append((optimizer._learning_rate, twin._learning_rate))
    return pairs


def _join(values: Sequence[Any]) -> Any:
    return tf.concat([tf.reshape(value, [-1]) for value in values], axis=0)
