"""Compiled functions for fits: fetched from the cache, or traced for one model alone.

Owns: which functions a fit runs, their keys, and what they take besides rows.
Does not own: their graphs (``epochs``, ``steps``) or running them (``compiled``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from skmultilabel_keras._tensorflow.cache import COMPILE_CACHE
from skmultilabel_keras._tensorflow.engine import is_light
from skmultilabel_keras._tensorflow.epochs import (
    BatchLayout,
    NeedsThreadsError,
    trace_epochs,
    trace_steps,
)
from skmultilabel_keras._tensorflow.flat_optimizer import FlatOptimizer, NotFlatError
from skmultilabel_keras._tensorflow.pace import Pace
from skmultilabel_keras._tensorflow.specification import find_hyperparameters
from skmultilabel_keras._tensorflow.steps import OwnSteps, state_variables, stateless_steps


@dataclass(frozen=True)
class Program:
    """The compiled functions of a fit.

    Parameters
    ----------
    epochs : callable
        See :func:`~epochs.trace_epochs`.
    full_batches : callable or None
        See :func:`~epochs.trace_steps`; None without XLA.
    variables : list of keras.Variable
        Those whose values are the state; none where the functions work on the variables.
    state : list of tensor
        The first state where there are no variables.
    values : dict of str to tensor
        Hyperparameters.
    one_thread : bool
        Whether ``epochs`` is to run in the executor of one thread.
    pace : Pace
        How many steps a call may take; known from earlier fits where functions are shared.
    """

    epochs: Any
    full_batches: Any
    variables: list[Any]
    state: list[Any]
    values: dict[str, Any]
    one_thread: bool
    pace: Pace


class _Shared(NamedTuple):
    """What fits share: a function, what runs it, and its pace by sizes of batches."""

    function: Any
    one_thread: bool
    paces: defaultdict[tuple[int, int], Pace]


def shared_program(
    model: keras.Model,
    key: str,
    layouts: Sequence[BatchLayout],
    batch_size: int,
    evaluation_size: int,
    *,
    jit_compile: bool,
) -> Program:
    """Return functions that serve all models of this key, traced only if there are none yet.

    Parameters
    ----------
    model : keras.Model
        Compiled model whose variables all exist.
    key : str
        Key of its training.
    layouts : sequence of BatchLayout
        Those of the training rows and, if there are any, the evaluated ones.
    batch_size : int
        Rows per step, which XLA has to know.
    evaluation_size : int
        Rows per step of an evaluation, 0 for none.
    jit_compile : bool
        Whether full batches run through XLA.
    """
    values = find_hyperparameters(model)
    shapes = {name: value.shape for name, value in values.items()}
    variables = state_variables(model)
    state = [tf.TensorSpec(variable.shape, variable.dtype) for variable in variables]

    def make_epochs() -> _Shared:
        COMPILE_CACHE.count_trace()
        flat = FlatOptimizer.of(model)
        one_thread = is_light(model)
        while True:
            try:
                function = trace_epochs(
                    partial(stateless_steps, model, flat=flat),
                    state=state,
                    hyperparameters=shapes,
                    layouts=layouts,
                    one_thread=one_thread,
                )
            except NotFlatError:
                flat = None
            except NeedsThreadsError:
                one_thread = False
            else:
                return _Shared(function, one_thread, defaultdict(Pace))

    def make_full_batches() -> Any:
        COMPILE_CACHE.count_trace()
        # One variable after the other: XLA makes one pass of an update anyhow.
        make_steps = partial(stateless_steps, model)
        return trace_steps(make_steps, state, shapes, layouts[0], batch_size)

    # Optimizers may hold more than a configuration says: that of weights frozen later, say.
    kinds = tuple((v.path, tuple(v.shape), str(v.dtype)) for v in variables)
    full_batches = None
    if jit_compile:
        full_batches = COMPILE_CACHE.get(
            ("steps", key, kinds, layouts[0], batch_size), make_full_batches
        )
    epochs = COMPILE_CACHE.get(("epochs", key, kinds, *layouts), make_epochs)
    return Program(
        epochs.function,
        full_batches,
        variables,
        state=[],
        values={name: tf.constant(value) for name, value in values.items()},
        one_thread=epochs.one_thread,
        # A step through XLA takes another time.
        pace=Pace() if jit_compile else epochs.paces[batch_size, evaluation_size],
    )


def own_program(
    model: keras.Model, layouts: Sequence[BatchLayout], *, jit_compile: bool
) -> Program:
    """Return a function that runs one model's own steps.

    Parameters
    ----------
    model : keras.Model
        Compiled model.
    layouts : sequence of BatchLayout
        Those of the training rows and, if there are any, the evaluated ones.
    jit_compile : bool
        Whether XLA compiles each step.
    """
    COMPILE_CACHE.count_trace()
    steps = OwnSteps(
        model, [layout.batch_signature() for layout in layouts], jit_compile=jit_compile
    )
    # One thread cannot run conditional steps of functions called within functions.
    epochs = trace_epochs(
        lambda _: nullcontext(steps),
        state=steps.signature,
        hyperparameters={},
        layouts=layouts,
        one_thread=False,
    )
    state = [tf.zeros(spec.shape, spec.dtype) for spec in steps.signature]
    return Program(epochs, None, [], state, {}, one_thread=False, pace=Pace())
