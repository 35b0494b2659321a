"""A fit in compiled functions: rows on the device, calls of bounded length, logs.

Owns: what is handed to compiled functions and taken back from them.
Does not own: the functions (``programs``), the order of epochs and callbacks (``training``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skmultilabel_keras._rows import Rows
from skmultilabel_keras._tensorflow.engine import Engine, input_dtype, takes_sparse
from skmultilabel_keras._tensorflow.epochs import BatchLayout, executor
from skmultilabel_keras._tensorflow.programs import own_program, shared_program
from skmultilabel_keras._tensorflow.resident import place

# Row numbers handed over in one call, unless an epoch has more.
_MAX_ROW_NUMBERS = 2**22

# Rows are padded to one of so many sizes for each power of two, so that XLA sees few of them.
_ROW_BUCKETS = 8


@dataclass(frozen=True)
class Evaluation:
    """Rows to evaluate after epochs, and how many at a time and in all.

    Parameters
    ----------
    rows : Rows
        The rows.
    batch_size : int
        Rows per step.
    n_steps : int
        Steps of an evaluation.
    """

    rows: Rows
    batch_size: int
    n_steps: int


class CompiledEpochs:
    """A fit that runs in compiled functions.

    Parameters
    ----------
    model : keras.Model
        Compiled model whose variables all exist.
    engine : Engine
        "shared" or "own".
    key : str or None
        Key of the model's training, needed for "shared".
    rows : Rows
        Training rows.
    evaluation : Evaluation or None
        What is evaluated after epochs.
    batch_size : int
        Rows per step.
    """

    def __init__(
        self,
        model: keras.Model,
        engine: Engine,
        key: str | None,
        rows: Rows,
        evaluation: Evaluation | None,
        batch_size: int,
    ) -> None:
        self.model = model
        self.batch_size = batch_size
        known: dict[tuple[int, str | None], Any] = {}
        views = [rows] if evaluation is None else [rows, evaluation.rows]
        placed = [place(view, input_dtype(model), known) for view in views]
        layouts = [
            BatchLayout(resident.layouts, input_dtype(model), takes_sparse(model))
            for resident in placed
        ]
        if key is None or engine.name == "own":
            self._program = own_program(model, layouts, jit_compile=engine.jit_compile)
        else:
            evaluation_size = 0 if evaluation is None else evaluation.batch_size
            self._program = shared_program(
                model, key, layouts, batch_size, evaluation_size, jit_compile=engine.jit_compile
            )
        self.state = self._program.state
        self._data = placed[0].parts
        self._padded = _pad_rows(self._data) if self._program.full_batches else []
        self._evaluation: tuple[Any, ...] = ()
        self._evaluation_steps = 0
        if evaluation is not None:
            order = tf.constant(evaluation.rows.index.astype(np.int32))
            self._evaluation = (placed[1].parts, order, tf.constant(evaluation.batch_size))
            self._evaluation_steps = evaluation.n_steps

    def pull(self) -> None:
        """Take the values of the model's variables."""
        # Raw operations: those of variables take several times as long, for each of them.
        if self._program.variables:
            self.state = [
                tf.raw_ops.ReadVariableOp(
                    resource=variable.value.handle, dtype=variable.value.dtype
                )
                for variable in self._program.variables
            ]

    def push(self) -> None:
        """Give the model's variables their values."""
        if self._program.variables:
            for variable, value in zip(self._program.variables, self.state, strict=True):
                tf.raw_ops.AssignVariableOp(resource=variable.value.handle, value=value)

    def how_many(self, n_steps: int, at_most: int) -> int:
        """Return how many epochs of ``n_steps`` to run in one call."""
        if self._program.full_batches is not None:
            return 1
        n_rows = self._data[0][0].shape[0]
        in_memory = _MAX_ROW_NUMBERS // max(1, n_rows)
        in_time = self._program.pace.steps // (n_steps + self._evaluation_steps)
        return max(1, min(at_most, in_memory, in_time))

    def run(
        self, orders: np.ndarray, n_steps: int, evaluates: Sequence[bool]
    ) -> list[dict[str, Any]]:
        """Run epochs and return the logs of each.

        Parameters
        ----------
        orders : int32 ndarray of shape (n_epochs, n_rows)
            Row numbers in the order of each epoch.
        n_steps : int
            Steps of an epoch.
        evaluates : sequence of bool
            Whether there is an evaluation after each epoch.
        """
        logs: dict[str, Any] = {}
        first = 0
        while first < n_steps:
            last = n_steps if len(orders) > 1 else min(n_steps, first + self._program.pace.steps)
            counts = [self._evaluation_steps * (yes and last == n_steps) for yes in evaluates]
            with self._program.pace.measure((last - first) * len(orders) + sum(counts)):
                logs = self._call(orders, first, last, counts)
            first = last
        return [
            {
                name: _as_number(values[i])
                for name, values in logs.items()
                if evaluates[i] or not name.startswith("val_")
            }
            for i in range(len(orders))
        ]

    def _call(self, orders: np.ndarray, first: int, last: int, counts: list[int]) -> dict[str, Any]:
        if self._program.full_batches is not None:
            first = self._run_full_batches(orders[0], first, last)
        evaluation = (*self._evaluation, tf.constant(counts)) if self._evaluation else ()
        with executor(one_thread=self._program.one_thread):
            self.state, logs = self._program.epochs(
                self.state,
                self._program.values,
                self._data,
                tf.constant(orders),
                tf.constant(first),
                tf.constant(last),
                tf.constant(self.batch_size),
                *evaluation,
            )
        return {name: value.numpy() for name, value in logs.items()}

    def _run_full_batches(self, order: np.ndarray, first: int, last: int) -> int:
        """Run the steps with full batches through XLA, and return the first step that is left."""
        full = min(last, len(order) // self.batch_size)
        if full <= first:
            return first
        padded = np.zeros(_bucket(len(order)), dtype=np.int32)
        padded[: len(order)] = order
        self.state = self._program.full_batches(
            self.state,
            self._program.values,
            self._padded,
            tf.constant(padded),
            tf.constant(first),
            tf.constant(full),
        )
        return full


def build_training_variables(model: keras.Model, example: tuple[np.ndarray, ...]) -> None:
    """Create the variables of metrics and optimizer, which come into being with the first batch."""
    if model._compile_metrics is not None:
        model._symbolic_build(data_batch=example)
    elif not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def _bucket(n_rows: int) -> int:
    """Return a number of rows that is no smaller, one of a few for each power of two."""
    step = max(1, 2 ** math.ceil(math.log2(max(n_rows, 1))) // _ROW_BUCKETS)
    return -(-n_rows // step) * step


def _pad_rows(parts: list[Any]) -> list[Any]:
    n_rows = int(parts[0][0].shape[0])
    missing = _bucket(n_rows) - n_rows
    return [
        tuple(tf.pad(t, [[0, missing]] + [[0, 0]] * (t.shape.rank - 1)) for t in part)
        for part in parts
    ]


def _as_number(value: np.ndarray) -> Any:
    """Return a scalar as a float; metrics with a value for each label stay arrays."""
    return float(value) if value.ndim == 0 else value
