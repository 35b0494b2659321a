"""The training loop: epochs, batches, validation, callbacks.

Owns: the order in which steps, callbacks and validation run, and the logs.
Does not own: what a step does (``functions``, and the model itself).
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from skmultilabel_keras._compat import fresh_names
from skmultilabel_keras._rows import Rows
from skmultilabel_keras._tensorflow.functions import NetworkFunctions

_TRAIN_BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)
_TEST_BATCH_HOOKS = ("on_test_batch_begin", "on_test_batch_end")


@dataclass
class TrainingPlan:
    """What a training run is to do; names and meanings are those of ``keras.Model.fit``.

    ``epochs_before`` counts epochs of earlier runs of the same model: its rows come in new orders.
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


def train(
    functions: NetworkFunctions, rows: Rows, validation: Rows | None, plan: TrainingPlan
) -> dict[str, list[float]]:
    """Train a compiled model and return its logs, one number per epoch.

    Raises
    ------
    ValueError
        If the loss or a weight becomes NaN or infinite.
    """
    with fresh_names():
        return _train(functions, rows, validation, plan)


def epoch_order(n_rows: int, seed: int, epoch: int, *, shuffle: bool) -> np.ndarray:
    """Return the order of the rows in an epoch, a function of seed and epoch alone."""
    if not shuffle:
        return np.arange(n_rows)
    return np.random.default_rng([seed, epoch]).permutation(n_rows)


def _train(
    functions: NetworkFunctions, rows: Rows, validation: Rows | None, plan: TrainingPlan
) -> dict[str, list[float]]:
    model = functions.model
    callbacks = keras.callbacks.CallbackList(
        plan.callbacks,
        add_history=True,
        add_progbar=plan.verbose not in (0, False),
        verbose=1 if plan.verbose == "auto" else int(plan.verbose),
        epochs=plan.epochs,
        steps=_count_steps(rows, plan.batch_size, plan.steps_per_epoch),
        model=model,
    )
    train_step = functions.train_step(rows)
    test_step = None if validation is None else functions.test_step(validation)
    model.stop_training = False
    callbacks.on_train_begin()
    logs: dict[str, float] = {}
    for epoch in range(plan.initial_epoch, plan.epochs):
        callbacks.on_epoch_begin(epoch)
        logs = _run_epoch(functions, train_step, rows, epoch, plan, callbacks)
        _check_finite_loss(logs, epoch)
        if (
            validation is not None
            and test_step is not None
            and _validates_after(epoch, plan.validation_freq)
        ):
            logs |= _evaluate(functions, test_step, validation, plan, callbacks)
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    if plan.epochs > plan.initial_epoch:
        model.optimizer.finalize_variable_values(model.trainable_weights)
    callbacks.on_train_end(logs)
    _check_finite_weights(model)
    return dict(model.history.history)


def _run_epoch(
    functions: NetworkFunctions,
    step: Callable[..., dict[str, Any]],
    rows: Rows,
    epoch: int,
    plan: TrainingPlan,
    callbacks: keras.callbacks.CallbackList,
) -> dict[str, float]:
    number = plan.epochs_before + epoch
    order = epoch_order(len(rows), plan.seed, number, shuffle=plan.shuffle)
    hooks = None
    if _has_batch_hooks(callbacks, _TRAIN_BATCH_HOOKS):
        hooks = (callbacks.on_train_batch_begin, callbacks.on_train_batch_end)
    n_steps = _count_steps(rows, plan.batch_size, plan.steps_per_epoch)
    return _run_steps(functions, step, rows, order, plan.batch_size, n_steps, hooks)


def _evaluate(
    functions: NetworkFunctions,
    step: Callable[..., dict[str, Any]],
    rows: Rows,
    plan: TrainingPlan,
    callbacks: keras.callbacks.CallbackList,
) -> dict[str, float]:
    hooks = None
    if _has_batch_hooks(callbacks, _TEST_BATCH_HOOKS):
        hooks = (callbacks.on_test_batch_begin, callbacks.on_test_batch_end)
    callbacks.on_test_begin()
    size = plan.validation_batch_size
    n_steps = _count_steps(rows, size, plan.validation_steps)
    order = np.arange(len(rows))
    logs = _run_steps(functions, step, rows, order, size, n_steps, hooks)
    callbacks.on_test_end(logs)
    return {f"val_{name}": value for name, value in logs.items()}


def _run_steps(
    functions: NetworkFunctions,
    step: Callable[..., dict[str, Any]],
    rows: Rows,
    order: np.ndarray,
    batch_size: int,
    n_steps: int,
    hooks: tuple[Callable[..., None], Callable[..., None]] | None,
) -> dict[str, float]:
    """Run a step over batches of rows and return what the model's metrics say then."""
    model = functions.model
    model.reset_metrics()
    logs: dict[str, Any] = {}
    for number in range(n_steps):
        positions = order[number * batch_size : (number + 1) * batch_size]
        x, y, weight = rows.batch(positions, functions.input_dtype)
        if hooks is not None:
            hooks[0](number)
        logs = step(x, y) if weight is None else step(x, y, weight)
        if hooks is not None:
            hooks[1](number, _as_floats(logs))
    results = model.get_metrics_result()
    return _as_floats(results if set(results) == set(logs) else logs)


def _as_floats(logs: dict[str, Any]) -> dict[str, Any]:
    """Fetch logs; metrics with a value for each label stay arrays."""
    arrays = {name: np.asarray(value) for name, value in logs.items()}
    return {name: float(v) if v.ndim == 0 else v for name, v in arrays.items()}


def _count_steps(rows: Rows, batch_size: int, at_most: int | None) -> int:
    steps = -(-len(rows) // batch_size)
    return steps if at_most is None else min(steps, at_most)


def _validates_after(epoch: int, frequency: int | Sequence[int]) -> bool:
    if isinstance(frequency, numbers.Integral):
        return (epoch + 1) % int(frequency) == 0
    return epoch + 1 in frequency  # type: ignore[operator]


def _has_batch_hooks(callbacks: keras.callbacks.CallbackList, names: Sequence[str]) -> bool:
    """Tell whether any callback looks at batches; logs are fetched from the device only then."""
    return any(
        getattr(getattr(callback, name), "__func__", None)
        is not getattr(keras.callbacks.Callback, name)
        for callback in callbacks.callbacks
        for name in names
    )


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
