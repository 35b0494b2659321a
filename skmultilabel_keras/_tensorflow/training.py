"""The training loop: epochs, validation, callbacks.

Owns: the order in which epochs and callbacks run, and the logs.
Does not own: what an epoch does (``engine`` and below).
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
from scipy import sparse

from skmultilabel_keras._compat import compile_arguments, fresh_names
from skmultilabel_keras._keras_objects import has_hooks
from skmultilabel_keras._rows import Rows, dense_rows
from skmultilabel_keras._tensorflow.compiled import (
    CompiledEpochs,
    Evaluation,
    build_training_variables,
)
from skmultilabel_keras._tensorflow.engine import Engine, input_dtype, resolve_engine
from skmultilabel_keras._tensorflow.keras_fit import fit_with_keras
from skmultilabel_keras._tensorflow.memory import SWEEPER
from skmultilabel_keras._tensorflow.specification import specify_training
from skmultilabel_keras._tensorflow.steps import NestedLogsError

_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_begin",
    "on_test_batch_end",
)

# What these do to the model, the evaluation is to see: no call of a compiled function waits for it.
_EVALUATION_HOOKS = ("on_test_begin", "on_test_end")

# Callbacks whose hooks on batches do nothing unless they are to save between epochs.
_SAVING_CALLBACKS = (keras.callbacks.BackupAndRestore, keras.callbacks.ModelCheckpoint)


@dataclass
class TrainingPlan:
    """What a training run is to do; names and meanings are those of ``keras.Model.fit``.

    ``epochs_before`` counts epochs of earlier runs of the same model: its rows come in new orders.
    ``engine`` and ``jit_compile`` are the estimator's. ``shown`` is what callbacks get as their
    model where only a part of it is trained, which shares its layers and its optimizer.
    """

    batch_size: int
    validation_batch_size: int
    epochs: int
    seed: int
    initial_epoch: int = 0
    epochs_before: int = 0
    shuffle: bool = True
    verbose: int | str = 0
    steps_per_epoch: int | None = None
    validation_steps: int | None = None
    validation_freq: int | Sequence[int] = 1
    callbacks: list[Any] = field(default_factory=list)
    engine: str = "auto"
    jit_compile: bool | str = "auto"
    shown: keras.Model | None = None


def train(
    model: keras.Model, rows: Rows, validation: Rows | None, plan: TrainingPlan
) -> tuple[dict[str, list[float]], Engine]:
    """Train a compiled model; return its logs, one number per epoch, and which way it ran.

    Raises
    ------
    ValueError
        If the loss or a weight becomes NaN or infinite.
    """
    try:
        with fresh_names():
            return _train(model, rows, validation, plan)
    finally:
        SWEEPER.count_fit()


def epoch_order(n_rows: int, seed: int, epoch: int, *, shuffle: bool) -> np.ndarray:
    """Return the order of the rows in an epoch, a function of seed and epoch alone."""
    if not shuffle:
        return np.arange(n_rows)
    return np.random.default_rng([seed, epoch]).permutation(n_rows)


def _train(
    model: keras.Model, rows: Rows, validation: Rows | None, plan: TrainingPlan
) -> tuple[dict[str, list[float]], Engine]:
    n_steps = _count_steps(rows, plan.batch_size, plan.steps_per_epoch)
    specification = specify_training(model)
    engine = resolve_engine(
        model,
        specification=specification,
        asked=plan.engine,
        callbacks=find_host_callback(plan.callbacks, evaluates=validation is not None),
        jit_compile=_asked_jit(model, plan),
        n_steps=n_steps * (plan.epochs - plan.initial_epoch),
        batch_size=plan.batch_size,
        is_sparse=sparse.issparse(rows.X),
        n_made_dense=math.prod(rows.y.shape) if sparse.issparse(rows.y) else 0,
    )
    evaluation = None
    if validation is not None:
        size = plan.validation_batch_size
        count = _count_steps(validation, size, plan.validation_steps)
        evaluation = Evaluation(validation, size, count)
    fit = None
    if engine.name != "keras":
        try:
            fit = _compile(model, engine, specification.key, rows, evaluation, plan.batch_size)
        except NestedLogsError as error:
            engine = Engine("keras", engine.jit_compile, str(error))
    if fit is None:
        model.jit_compile = engine.jit_compile
        history = _fit_with_keras(model, rows, evaluation, plan, n_steps)
    else:
        history = _run_epochs(fit, rows, plan, n_steps)
    _check_finite_weights(model)
    return history, engine


def _compile(
    model: keras.Model,
    engine: Engine,
    key: str | None,
    rows: Rows,
    evaluation: Evaluation | None,
    batch_size: int,
) -> CompiledEpochs:
    """Return the compiled functions of a fit, and create the variables that they need."""
    if engine.jit_compile and engine.name == "shared" and sparse.issparse(rows.y):
        rows = replace(rows, y=dense_rows(rows.y, slice(None)))  # XLA knows no sparse rows
    example = rows.batch(np.arange(min(2, len(rows))), input_dtype(model))
    build_training_variables(model, tuple(part for part in example if part is not None))
    return CompiledEpochs(model, engine, key, rows, evaluation, batch_size)


def _run_epochs(
    fit: CompiledEpochs, rows: Rows, plan: TrainingPlan, n_steps: int
) -> dict[str, list[float]]:
    model = fit.model if plan.shown is None else plan.shown
    callbacks = keras.callbacks.CallbackList(
        _with_history(plan.callbacks),
        add_progbar=plan.verbose not in (0, False),
        verbose=1 if plan.verbose == "auto" else int(plan.verbose),
        epochs=plan.epochs,
        steps=n_steps,
        model=model,
    )
    # What callbacks do, only the host can do; without any, several epochs run in one call.
    needs_host = bool(plan.callbacks) or plan.verbose not in (0, False)
    model.stop_training = False
    # Keras' BackupAndRestore sets this where it goes on with an interrupted run: this one alone.
    model._initial_epoch = None
    compiled = _what_is_compiled(model)
    callbacks.on_train_begin()
    epoch = first = model._initial_epoch or plan.initial_epoch
    model._initial_epoch = None
    orders = _orders(rows, replace(plan, initial_epoch=first))
    fit.pull()
    logs: dict[str, Any] = {}
    while epoch < plan.epochs:
        count = 1 if needs_host else fit.how_many(n_steps, plan.epochs - epoch)
        epochs = range(epoch, epoch + count)
        if needs_host:
            callbacks.on_epoch_begin(epoch)
            _require_compiled(model, compiled)
            fit.pull()
        order = np.stack([rows.index[next(orders)].astype(np.int32) for _ in epochs])
        evaluates = [_validates_after(number, plan.validation_freq) for number in epochs]
        found = fit.run(order, n_steps, evaluates)
        if needs_host:
            fit.push()
        for number, logs in zip(epochs, found, strict=True):
            _check_finite_loss(logs, number)
            callbacks.on_epoch_end(number, logs)
        epoch += count
        if model.stop_training:
            break
    if not needs_host:
        fit.push()
    if plan.epochs > first:
        model.optimizer.finalize_variable_values(model.trainable_weights)
    callbacks.on_train_end(logs)
    return dict(model.history.history)


def _fit_with_keras(
    model: keras.Model,
    rows: Rows,
    evaluation: Evaluation | None,
    plan: TrainingPlan,
    n_steps: int,
) -> dict[str, list[float]]:
    return fit_with_keras(
        model,
        rows,
        _orders(rows, plan),
        evaluation,
        batch_size=plan.batch_size,
        n_steps=n_steps,
        callbacks=_with_history([*plan.callbacks, _StopAtDivergence()]),
        epochs=plan.epochs,
        initial_epoch=plan.initial_epoch,
        verbose=plan.verbose,
        validation_freq=plan.validation_freq,
    )


def _orders(rows: Rows, plan: TrainingPlan) -> Iterator[np.ndarray]:
    """Yield the order of the rows in each epoch from now on."""
    number = plan.epochs_before + plan.initial_epoch
    while True:
        yield epoch_order(len(rows), plan.seed, number, shuffle=plan.shuffle)
        number += 1


def _with_history(callbacks: Sequence[keras.callbacks.Callback]) -> list[Any]:
    """Return callbacks with one behind them that keeps the logs of this fit.

    Keras would take one of the user's for it, which may hold those of other fits.
    """
    return [*callbacks, keras.callbacks.History()]


def _what_is_compiled(model: keras.Model) -> list[Any]:
    """Return the objects that a compiled function takes for given."""
    rate = getattr(model.optimizer, "_learning_rate", None)  # a variable, or a schedule
    return [model.optimizer, rate, model.loss, *model.trainable_variables]


def _require_compiled(model: keras.Model, compiled: list[Any]) -> None:
    """Raise where a callback changed what a compiled function takes for given."""
    now = _what_is_compiled(model)
    if len(now) != len(compiled) or any(a is not b for a, b in zip(now, compiled, strict=True)):
        raise ValueError(
            "callbacks must leave the optimizer, its schedule, the loss and which layers are "
            "trained as they are, since compiled functions do not see the change; got others in a "
            "fit that had begun. Change them before fit, or in on_train_begin with engine='keras'."
        )


class _StopAtDivergence(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        _check_finite_loss(logs or {}, epoch)


def _asked_jit(model: keras.Model, plan: TrainingPlan) -> bool | None:
    """Return whether XLA is wanted, by ``compile__jit_compile`` too; None for our choice."""
    compiled = compile_arguments(model).get("jit_compile")
    if plan.jit_compile != "auto":
        return bool(plan.jit_compile)
    return compiled if isinstance(compiled, bool) and compiled else None


def _count_steps(rows: Rows, batch_size: int, at_most: int | None) -> int:
    steps = -(-len(rows) // batch_size)
    return steps if at_most is None else min(steps, int(at_most))


def _validates_after(epoch: int, frequency: int | Sequence[int]) -> bool:
    if isinstance(frequency, numbers.Integral):
        return (epoch + 1) % int(frequency) == 0
    return epoch + 1 in frequency  # type: ignore[operator]


def find_host_callback(callbacks: Sequence[keras.callbacks.Callback], *, evaluates: bool) -> str:
    """Return the callback that has to act within an epoch and how, "" if none has.

    Compiled functions run whole epochs, with the evaluation where the fit ``evaluates``.
    """
    for callback in callbacks:
        name = type(callback).__name__
        saves = isinstance(callback, _SAVING_CALLBACKS) and callback.save_freq == "epoch"
        if has_hooks(callback, _BATCH_HOOKS) and not saves:
            return f"{name} looks at every batch"
        if evaluates and has_hooks(callback, _EVALUATION_HOOKS):
            return f"{name} may change what is evaluated"
    return ""


def _check_finite_loss(logs: dict[str, float], epoch: int) -> None:
    loss = logs.get("loss", 0.0)
    if not np.isfinite(loss):
        raise ValueError(
            f"Training diverged: the loss became {loss} in epoch {epoch + 1}. Lower "
            "optimizer__learning_rate, clip gradients (optimizer__clipnorm=1.0), or check a loss "
            "of your own for log(0) and division by zero."
        )


def _check_finite_weights(model: keras.Model) -> None:
    for variable in model.trainable_variables:
        if not np.isfinite(np.asarray(variable.value)).all():
            raise ValueError(
                f"Training diverged: the weights {variable.path!r} became NaN or infinite in the "
                "last step. Lower optimizer__learning_rate or clip gradients "
                "(optimizer__clipnorm=1.0)."
            )
