"""Whole epochs as one graph: batches, steps, evaluation and logs.

Owns: the graph's loops over epochs and steps, its signature, how it is traced.
Does not own: steps (``steps``), where rows lie (``resident``), callbacks (``training``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context

from skmultilabel_keras._tensorflow.resident import Layout, gather
from skmultilabel_keras._tensorflow.steps import Batch, Steps

_NUMBER = tf.TensorSpec((), tf.int32)
_ROWS = tf.TensorSpec((None,), tf.int32)

# What the executor of one thread hands to another one and waits for, in vain if there is none.
_CONDITIONALS = frozenset({"Case", "If", "StatelessCase", "StatelessIf"})

# From the hyperparameters' tensors to the steps, for as long as the graph is built.
MakeSteps = Callable[[dict[str, Any]], AbstractContextManager[Steps]]


class NeedsThreadsError(Exception):
    """A function that the executor of one thread cannot run."""


@dataclass(frozen=True)
class BatchLayout:
    """What a graph knows of batches: layouts of features, targets and weights, and the input.

    Parameters
    ----------
    layouts : tuple of Layout or None
        Those of a ``Resident``.
    input_dtype : str
        What the network takes.
    keep_sparse : bool
        Whether it takes sparse rows as they are.
    """

    layouts: tuple[Layout | None, ...]
    input_dtype: str
    keep_sparse: bool

    def take(self, tensors: Sequence[Any], rows: Any) -> Batch:
        """Return a batch of the given rows."""
        x, y, *weight = (part for part in self.layouts if part is not None)
        batch = [
            gather(tensors[0], x, rows, dtype=self.input_dtype, keep_sparse=self.keep_sparse),
            gather(tensors[1], y, rows, dtype=None, keep_sparse=False),
        ]
        if weight:
            batch.append(gather(tensors[2], weight[0], rows, dtype=None, keep_sparse=False))
        return tuple(batch)

    def signature(self) -> list[Any]:
        """Return the specification of the resident tensors."""
        return [layout.signature() for layout in self.layouts if layout is not None]

    def batch_signature(self) -> Batch:
        """Return the specification of a batch."""
        x, y, *weight = (part for part in self.layouts if part is not None)
        shape = (None, *x.row_shape)
        if x.is_sparse and self.keep_sparse:
            features: Any = tf.SparseTensorSpec(shape, self.input_dtype)
        else:
            features = tf.TensorSpec(shape, self.input_dtype)
        rest = [tf.TensorSpec((None, *part.row_shape), part.dtypes[0]) for part in (y, *weight)]
        return (features, *rest)


def trace_epochs(
    make_steps: MakeSteps,
    *,
    state: Sequence[tf.TensorSpec],
    hyperparameters: Mapping[str, tuple[int, ...]],
    layouts: Sequence[BatchLayout],
    one_thread: bool,
) -> Any:
    """Return a function that runs epochs.

    Its arguments are the state, a dict of hyperparameters, the resident training rows, the row
    numbers of each epoch in order (n_epochs, n), the first and the last step to do, the batch
    size; and, for evaluation, the resident rows, their row numbers, the batch size, and how many
    steps to evaluate after each epoch (n_epochs,). It returns the state and the logs, by name,
    one row for each epoch.

    Parameters
    ----------
    make_steps : callable
        Gives the steps for the hyperparameters' tensors.
    state : sequence of TensorSpec
        The specification of the state.
    hyperparameters : mapping of str to tuple
        Their names and shapes.
    layouts : sequence of BatchLayout
        What batches are like: those of training and, if there are any, of evaluation.
    one_thread : bool
        Whether operations run one after the other in the calling thread; see README.md.

    Raises
    ------
    NeedsThreadsError
        If one thread cannot run them.
    """
    train, test = layouts if len(layouts) == 2 else (layouts[0], None)

    def run(
        state: list[Any],
        values: dict[str, Any],
        data: list[Any],
        orders: Any,
        first: Any,
        last: Any,
        batch_size: Any,
        *evaluation: Any,
    ) -> tuple[list[Any], dict[str, Any]]:
        with make_steps(values) as steps:

            def epoch(number: Any, state: list[Any]) -> tuple[list[Any], dict[str, Any]]:
                start = steps.begin(state, tf.logical_or(first == 0, number > 0))
                order = orders[number]
                end = _loop(steps.train, start, train, data, order, first, last, batch_size)
                logs = steps.logs(end)
                if test is not None:
                    end, found = _evaluate(steps, end, test, number, *evaluation)
                    logs |= found
                return end, logs

            start = steps.enter(state)
            examples = dict(steps.logs(start))
            if test is not None:
                found = steps.evaluation_logs(steps.evaluation_state(start))
                examples |= {f"val_{name}": value for name, value in found.items()}
            end, logs = _loop_epochs(epoch, start, examples, tf.shape(orders)[0])
            return steps.leave(end), logs

    signature = [
        list(state),
        {name: tf.TensorSpec(shape, tf.float32) for name, shape in hyperparameters.items()},
        train.signature(),
        tf.TensorSpec((None, None), tf.int32),
        _NUMBER,
        _NUMBER,
        _NUMBER,
    ]
    if test is not None:
        signature += [test.signature(), _ROWS, _NUMBER, _ROWS]
    with executor(one_thread=one_thread):
        function = tf.function(run, autograph=False).get_concrete_function(*signature)
    if one_thread and _has_conditionals(function):
        raise NeedsThreadsError
    return function


def trace_steps(
    make_steps: MakeSteps,
    state: Sequence[tf.TensorSpec],
    hyperparameters: Mapping[str, tuple[int, ...]],
    train: BatchLayout,
    batch_size: int,
) -> Any:
    """Return a function that runs full batches, compiled by XLA.

    Its arguments are the state, a dict of hyperparameters, the resident rows, the row numbers
    (n,), and the first and the last step to do; it returns the state. XLA compiles it for each
    number of rows and of row numbers, so both are to be padded.
    """

    def run(
        state: list[Any], values: dict[str, Any], data: list[Any], order: Any, first: Any, last: Any
    ) -> list[Any]:
        def body(number: Any, *state: Any) -> tuple[Any, ...]:
            rows = tf.slice(order, [number * batch_size], [batch_size])
            return (number + 1, *steps.train(state, train.take(data, rows)))

        with make_steps(values) as steps:
            fresh = steps.begin(steps.enter(state), first == 0)
            end = _while(lambda number, *_: number < last, body, (first, *fresh))[1:]
            return steps.leave(end)

    # Traced now, and once: the model belongs to a fit that goes on living. XLA still compiles what
    # was traced for each number of rows.
    signature = [
        list(state),
        {name: tf.TensorSpec(shape, tf.float32) for name, shape in hyperparameters.items()},
        train.signature(),
        _ROWS,
        _NUMBER,
        _NUMBER,
    ]
    function = tf.function(run, autograph=False, jit_compile=True)
    return function.get_concrete_function(*signature)


def _has_conditionals(function: Any) -> bool:
    """Tell whether a function or one that it calls runs some operations on a condition only."""
    graph = function.graph.as_graph_def()
    nodes = (part.node_def for part in graph.library.function)
    return any(node.op in _CONDITIONALS for node in chain(graph.node, *nodes))


def executor(*, one_thread: bool) -> AbstractContextManager[Any]:
    """Return a block in which functions are traced and run by the executor that suits them."""
    if not one_thread:
        return nullcontext()
    return context.function_executor_type("SINGLE_THREADED_EXECUTOR")


def _evaluate(
    steps: Steps,
    state: list[Any],
    layout: BatchLayout,
    epoch: Any,
    data: Sequence[Any],
    rows: Any,
    batch_size: Any,
    counts: Any,
) -> tuple[list[Any], dict[str, Any]]:
    """Return the state and the logs after an evaluation; where it has no steps, they mean nothing.

    A conditional would wait for a thread that there may not be.
    """
    changed: set[int] = set()

    def evaluate(state: Sequence[Any], batch: Batch) -> list[Any]:
        new = steps.evaluate(state, batch)
        changed.update(i for i, (a, b) in enumerate(zip(state, new, strict=True)) if a is not b)
        return new

    first, last = tf.constant(0), counts[epoch]
    start = steps.begin_evaluation(state, last > 0)
    end = _loop(evaluate, start, layout, data, rows, first, last, batch_size)
    logs = {f"val_{name}": value for name, value in steps.evaluation_logs(end).items()}
    return steps.end_evaluation(state, end, changed), logs


def _loop(
    step: Callable[[Sequence[Any], Batch], list[Any]],
    state: list[Any],
    layout: BatchLayout,
    data: Sequence[Any],
    order: Any,
    first: Any,
    last: Any,
    batch_size: Any,
) -> list[Any]:
    """Return the state after the steps from ``first`` until before ``last``."""
    n_rows = tf.size(order)

    def body(number: Any, *state: Any) -> tuple[Any, ...]:
        rows = order[number * batch_size : tf.minimum((number + 1) * batch_size, n_rows)]
        return (number + 1, *step(state, layout.take(data, rows)))

    return list(_while(lambda number, *_: number < last, body, (first, *state))[1:])


def _loop_epochs(
    epoch: Callable[[Any, list[Any]], tuple[list[Any], dict[str, Any]]],
    state: list[Any],
    examples: dict[str, Any],
    n_epochs: Any,
) -> tuple[list[Any], dict[str, Any]]:
    """Return the state after all epochs, and the logs of each."""
    names = sorted(examples)
    arrays = [
        tf.TensorArray(examples[name].dtype, n_epochs, element_shape=examples[name].shape)
        for name in names
    ]

    def body(number: Any, arrays: list[Any], state: list[Any]) -> tuple[Any, list[Any], list[Any]]:
        state, logs = epoch(number, state)
        written = [
            array.write(number, logs[name]) for name, array in zip(names, arrays, strict=True)
        ]
        return number + 1, written, state

    _, arrays, state = _while(
        lambda number, *_: number < n_epochs, body, (tf.constant(0), arrays, state)
    )
    return state, {name: array.stack() for name, array in zip(names, arrays, strict=True)}


def _while(condition: Callable[..., Any], body: Callable[..., Any], start: tuple[Any, ...]) -> Any:
    return tf.while_loop(condition, body, start, parallel_iterations=1)
