"""Keras' own ``fit``, on the same batches in the same order.

Owns: the way round the engine, for what looks at single batches and for comparison.
Does not own: when it is taken (``engine``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from skmultilabel_keras._rows import Rows
from skmultilabel_keras._tensorflow.compiled import Evaluation
from skmultilabel_keras._tensorflow.engine import input_dtype
from skmultilabel_keras._tensorflow.steps import keep_gradients_local


def fit_with_keras(
    model: keras.Model,
    rows: Rows,
    orders: Iterator[np.ndarray],
    evaluation: Evaluation | None,
    *,
    batch_size: int,
    n_steps: int,
    callbacks: list[keras.callbacks.Callback],
    **options: Any,
) -> dict[str, list[float]]:
    """Train a compiled model by ``keras.Model.fit`` and return its logs.

    Parameters
    ----------
    model : keras.Model
        Compiled model.
    rows : Rows
        Training rows.
    orders : iterator of int ndarray
        Positions of the rows in the order of each epoch.
    evaluation : Evaluation or None
        What is evaluated after epochs.
    batch_size : int
        Rows per step.
    n_steps : int
        Steps of an epoch.
    callbacks : list of keras.callbacks.Callback
        Callbacks.
    **options : dict
        Further arguments of ``keras.Model.fit``.
    """
    keep_gradients_local(model.optimizer)
    dtype = input_dtype(model)
    if evaluation is not None:
        options["validation_data"] = _HeldOut(evaluation, dtype)
    # Keras' BackupAndRestore sets this where it goes on with an interrupted run: this one alone.
    model._initial_epoch = None
    history = model.fit(
        _batches(rows, orders, batch_size, n_steps, dtype),
        steps_per_epoch=n_steps,
        shuffle=False,
        callbacks=callbacks,
        **options,
    )
    model._initial_epoch = None
    return history.history


def _batches(
    rows: Rows, orders: Iterator[np.ndarray], batch_size: int, n_steps: int, dtype: str
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield the batches of one epoch after the other."""
    for order in orders:
        for start in range(0, n_steps * batch_size, batch_size):
            batch = rows.batch(order[start : start + batch_size], dtype)
            yield tuple(part for part in batch if part is not None)


class _HeldOut(keras.utils.PyDataset):
    """The batches of an evaluation, by number: Keras reads ahead, so an iterator would run on."""

    def __init__(self, evaluation: Evaluation, dtype: str) -> None:
        super().__init__()
        self._evaluation = evaluation
        self._dtype = dtype

    def __len__(self) -> int:
        return self._evaluation.n_steps

    def __getitem__(self, number: int) -> tuple[np.ndarray, ...]:
        rows, size = self._evaluation.rows, self._evaluation.batch_size
        positions = np.arange(len(rows))[number * size : (number + 1) * size]
        return tuple(part for part in rows.batch(positions, self._dtype) if part is not None)
