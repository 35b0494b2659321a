"""A model's training and evaluation steps, as parts of a larger graph.

Owns: what one step does with a batch, in two ways behind one set of methods: on values handed in
(``StatelessSteps``), so that one graph serves many models, or on the model's own variables
(``OwnSteps``), which any model can do.
Does not own: loops over batches and epochs (``epochs``).

Both do what ``keras.Model.train_step`` and ``test_step`` do; ``OwnSteps`` calls just these.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from typing import Any, Protocol

import keras
import tensorflow as tf
from keras.src.optimizers.base_optimizer import BaseOptimizer

from skmultilabel_keras._compat import compile_arguments
from skmultilabel_keras._tensorflow.flat_optimizer import FlatOptimizer
from skmultilabel_keras._tensorflow.specification import hyperparameters_as, smooth_targets
from skmultilabel_keras.losses import gradient_by_logits

# Methods that Keras' TensorFlow optimizers replace by versions on tf.Variable; those of the base
# class work on values.
_ON_VALUES = (
    "_apply_weight_decay",
    "_backend_increment_gradient_accumulators",
    "_backend_update_step",
    "_overwrite_model_variables_with_average_value",
    "_var_key",
    "assign",
    "assign_add",
    "assign_sub",
)

Batch = tuple[Any, ...]  # features, targets and, where there are any, weights


class NestedLogsError(Exception):
    """Logs that are not one tensor for each name, which a loop could carry."""


class Steps(Protocol):
    """What the loops need; states are lists of tensors."""

    def enter(self, values: Sequence[Any]) -> list[Any]:
        """Return the state that the loops carry for what the function was given."""

    def leave(self, state: Sequence[Any]) -> list[Any]:
        """Return what the function gives back for a state; undoes ``enter``."""

    def begin(self, state: Sequence[Any], fresh: Any) -> list[Any]:
        """Return the state with metrics at their start where the tensor ``fresh`` is true."""

    def train(self, state: Sequence[Any], batch: Batch) -> list[Any]:
        """Return the state after a training step."""

    def logs(self, state: Sequence[Any]) -> dict[str, Any]:
        """Return what is logged of training."""

    def begin_evaluation(self, state: Sequence[Any], wanted: Any) -> list[Any]:
        """Return the state that an evaluation starts from, if the tensor ``wanted`` is true."""

    def evaluate(self, state: Sequence[Any], batch: Batch) -> list[Any]:
        """Return the evaluation's state after a step."""

    def end_evaluation(
        self, state: Sequence[Any], end: Sequence[Any], changed: Set[int]
    ) -> list[Any]:
        """Return the training state after an evaluation, given its end and what steps changed."""

    def evaluation_logs(self, state: Sequence[Any]) -> dict[str, Any]:
        """Return what is logged of an evaluation."""

    def evaluation_state(self, state: Sequence[Any]) -> Sequence[Any]:
        """Return any state of an evaluation, without doing anything."""


class StatelessSteps:
    """Steps as functions of the values of all variables; made by :func:`stateless_steps`.

    The state holds the vectors of ``flat``, if there is one, and the values of the other variables.
    """

    def __init__(self, model: keras.Model, smoothing: Any, flat: FlatOptimizer | None) -> None:
        self.model = model
        self.variables = state_variables(model)
        self._smoothing = smoothing
        self._flat = flat
        columns = flat.columns if flat else []
        joined = {id(variable) for column in columns for variable in column}
        self._n_vectors = len(columns)
        self._single = [variable for variable in self.variables if id(variable) not in joined]

    def enter(self, values: Sequence[Any]) -> list[Any]:
        """Return the state for the values of all variables."""
        if self._flat is None:
            return list(values)
        by_id = {id(v): value for v, value in zip(self.variables, values, strict=True)}
        vectors = self._flat.join(lambda variable: by_id[id(variable)])
        return [*vectors, *(by_id[id(variable)] for variable in self._single)]

    def leave(self, state: Sequence[Any]) -> list[Any]:
        """Return the values of all variables."""
        if self._flat is None:
            return list(state)
        single = zip(self._single, state[self._n_vectors :], strict=True)
        by_id = {id(variable): value for variable, value in single}
        for column, vector in zip(self._flat.columns, state, strict=False):
            by_id |= {id(v): part for v, part in zip(column, self._flat.split(vector), strict=True)}
        return [by_id[id(variable)] for variable in self.variables]

    def begin(self, state: Sequence[Any], fresh: Any) -> list[Any]:
        """Return the state with metrics at their start where ``fresh`` is true."""
        with self._scope(state, ()) as scope:
            self.model.reset_metrics()
        pairs = zip(self._collect(scope, state), state, strict=True)
        return [old if new is old else tf.where(fresh, new, old) for new, old in pairs]

    def train(self, state: Sequence[Any], batch: Batch) -> list[Any]:
        """Return the state after a training step."""
        model, trained = self.model, self._trained(state)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(trained)
            with self._scope(state, trained) as scope:
                y_pred, loss = self._forward(batch, training=True)
                targets, slopes = self._differentiated(batch, y_pred, loss)
        found = tape.gradient(targets, trained, output_gradients=slopes)
        gradients = [_without_needless_slices(gradient) for gradient in found]
        with scope:
            if self._flat is None:
                model.optimizer.apply(gradients, model.trainable_variables)
                if hasattr(model, "hold_back"):
                    model.hold_back(trained)
            self._update_metrics(batch, y_pred, loss)
        if self._flat is None:
            return self._collect(scope, state)
        vectors = self._flat.apply(state[: self._n_vectors], gradients, scope)
        return [*vectors, *self._collect(scope, state)[self._n_vectors :]]

    def logs(self, state: Sequence[Any]) -> dict[str, Any]:
        """Return what the metrics say."""
        with self._scope(state, ()):
            return self.model.get_metrics_result()

    begin_evaluation = begin

    def evaluate(self, state: Sequence[Any], batch: Batch) -> list[Any]:
        """Return the state after an evaluation step."""
        with self._scope(state, self._trained(state)) as scope:
            self._update_metrics(batch, *self._forward(batch, training=False))
        return self._collect(scope, state)

    def end_evaluation(
        self, state: Sequence[Any], end: Sequence[Any], changed: Set[int]
    ) -> list[Any]:
        """Return the training state, with generators that drew in the evaluation as they are."""
        of_metrics = {id(variable) for variable in self.model.metrics_variables}
        carried = changed & {
            self._n_vectors + number
            for number, variable in enumerate(self._single)
            if id(variable) not in of_metrics
        }
        pairs = zip(state, end, strict=True)
        return [new if i in carried else old for i, (old, new) in enumerate(pairs)]

    evaluation_logs = logs

    def evaluation_state(self, state: Sequence[Any]) -> Sequence[Any]:
        """Return the state, which is of one kind in training and evaluation."""
        return state

    def _forward(self, batch: Batch, *, training: bool) -> tuple[Any, Any]:
        x, y, weight = _unpack(batch)
        if self._smoothing is not None:
            y = smooth_targets(self.model, y, self._smoothing)
        y_pred = self.model(x, training=training)
        loss = self.model._compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=weight, training=training
        )
        return y_pred, loss

    def _differentiated(self, batch: Batch, y_pred: Any, loss: Any) -> tuple[list[Any], list[Any]]:
        """Return what gradients start from, and the gradients of the loss by it.

        A loss that knows its gradient by the outputs leaves the tape what comes before them, and
        the penalties.
        """
        model, (_, y, weight) = self.model, _unpack(batch)
        scale = model.optimizer.scale_loss
        gradient = None
        if isinstance(y_pred, tf.Tensor) and _may_start_from_outputs(model):
            gradient = gradient_by_logits(model.loss, y, y_pred, weight)
        if gradient is None:
            targets, gradients = [scale(loss)], []
        else:
            targets, gradients = [y_pred], [tf.cast(scale(gradient), y_pred.dtype)]
            targets += [scale(penalty) for penalty in model.losses]
        # The tape takes None for all gradients, not for single ones.
        ones = [tf.ones_like(target) for target in targets[len(gradients) :]]
        return targets, [*gradients, *ones]

    def _update_metrics(self, batch: Batch, y_pred: Any, loss: Any) -> None:
        x, y, weight = _unpack(batch)
        # What the tracker, a mean, does with a number and the weight of the batch.
        tracker = self.model._loss_tracker
        n_rows = tf.cast(tf.shape(y)[0], tracker.dtype)
        tracker.total.assign_add(tf.cast(loss, tracker.dtype) * n_rows)
        tracker.count.assign_add(n_rows)
        self.model.compute_metrics(x, y, y_pred, sample_weight=weight)

    def _trained(self, state: Sequence[Any]) -> list[Any]:
        """Return the values of the trained variables."""
        if self._flat is not None:
            return self._flat.split(state[0])
        return list(state[: len(self.model.trainable_variables)])

    def _scope(self, state: Sequence[Any], trained: Sequence[Any]) -> keras.StatelessScope:
        """Return a block in which variables have the values of a state, and ``trained``."""
        mapping = list(zip(self._single, state[self._n_vectors :], strict=True))
        mapping += list(zip(self.model.trainable_variables, trained, strict=False))
        return keras.StatelessScope(mapping, collect_losses=True)

    def _collect(self, scope: keras.StatelessScope, state: Sequence[Any]) -> list[Any]:
        """Return a state with the values that variables have got."""
        values = [scope.get_current_value(variable) for variable in self._single]
        # Loops need shapes; a value that has its own stays the tensor that it is.
        single = [
            value if value.shape.is_fully_defined() else tf.ensure_shape(value, variable.shape)
            for value, variable in zip(values, self._single, strict=True)
        ]
        return [*state[: self._n_vectors], *single]


@contextmanager
def stateless_steps(
    model: keras.Model, hyperparameters: Mapping[str, Any], *, flat: FlatOptimizer | None = None
) -> Iterator[StatelessSteps]:
    """Make a model's steps functions of values, for the time that a graph is built.

    Parameters
    ----------
    model : keras.Model
        Compiled model that has a key, see ``specification``.
    hyperparameters : mapping of str to tensor
        Values for the names in :func:`~specification.find_hyperparameters`.
    flat : FlatOptimizer or None, default=None
        What updates all trained variables as one vector; None for one after the other.
    """
    optimizer = flat.twin if flat else model.optimizer
    with hyperparameters_as(model, hyperparameters), _on_values(optimizer):
        yield StatelessSteps(model, hyperparameters.get("label_smoothing"), flat)


class OwnSteps:
    """Steps on the variables of one model; the state is the logs of the last training step.

    Parameters
    ----------
    model : keras.Model
        Compiled model.
    batches : sequence of tuple of TensorSpec
        What batches are like: those of training and, if there are any, of evaluation.
    jit_compile : bool
        Whether each step is compiled by XLA.

    Raises
    ------
    NestedLogsError
        If a step returns logs within logs.
    """

    def __init__(self, model: keras.Model, batches: Sequence[Batch], *, jit_compile: bool) -> None:
        keep_gradients_local(model.optimizer)
        self.model = model
        # Traced before the loops, where steps may still create variables.
        steps = (model.train_step, model.test_step)
        traced = [
            _trace_step(step, batch, jit_compile)
            for step, batch in zip(steps, batches, strict=False)
        ]
        for step, trace in zip(("train_step", "test_step"), traced, strict=False):
            _check_logs(step, trace.structured_outputs)
        self._train, self._test = traced[0], traced[-1]

    @property
    def signature(self) -> list[tf.TensorSpec]:
        """The specification of the training state."""
        logs = self._train.structured_outputs
        return [tf.TensorSpec(logs[name].shape, logs[name].dtype) for name in sorted(logs)]

    def enter(self, values: Sequence[Any]) -> list[Any]:
        """Return the values as they are."""
        return list(values)

    def leave(self, state: Sequence[Any]) -> list[Any]:
        """Return the state as it is."""
        return list(state)

    def begin(self, state: Sequence[Any], fresh: Any) -> list[Any]:
        """Reset the metrics where ``fresh`` is true."""
        tf.cond(fresh, self._reset, lambda: tf.constant(0))
        return list(state)

    def train(self, state: Sequence[Any], batch: Batch) -> list[Any]:
        """Do a training step, and return its logs."""
        return _in_order(self._train(*batch))

    def logs(self, state: Sequence[Any]) -> dict[str, Any]:
        """Return what the metrics say, or the last logs of a step that returns something else."""
        return self._metrics_or(self._train, state)

    def begin_evaluation(self, state: Sequence[Any], wanted: Any) -> list[Any]:
        """Reset the metrics where ``wanted`` is true."""
        self.begin(state, wanted)
        return self.evaluation_state(state)

    def evaluate(self, state: Sequence[Any], batch: Batch) -> list[Any]:
        """Do an evaluation step, and return its logs."""
        return _in_order(self._test(*batch))

    def end_evaluation(
        self, state: Sequence[Any], end: Sequence[Any], changed: Set[int]
    ) -> list[Any]:
        """Return the training state: all else lies in the model's variables."""
        return list(state)

    def evaluation_logs(self, state: Sequence[Any]) -> dict[str, Any]:
        """Return what the metrics say, or the last logs of a step that returns something else."""
        return self._metrics_or(self._test, state)

    def evaluation_state(self, state: Sequence[Any]) -> list[Any]:
        """Return logs that are zero."""
        logs = self._test.structured_outputs
        return [tf.zeros(logs[name].shape, logs[name].dtype) for name in sorted(logs)]

    def _reset(self) -> Any:
        self.model.reset_metrics()
        return tf.constant(0)

    def _metrics_or(self, step: Any, state: Sequence[Any]) -> dict[str, Any]:
        results = self.model.get_metrics_result()
        names = sorted(step.structured_outputs)
        return results if sorted(results) == names else dict(zip(names, state, strict=True))


def state_variables(model: keras.Model) -> list[Any]:
    """Return all variables of a compiled model and its training, the trained ones first."""
    everything = [
        *model.trainable_variables,
        *model.variables,
        *model.optimizer.variables,
        *model.metrics_variables,
    ]
    return list({id(variable): variable for variable in everything}.values())


def keep_gradients_local(optimizer: Any) -> None:
    """Skip the sum over replicas, of which there is one; see README.md."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    inner._all_reduce_sum_gradients = lambda grads_and_vars: grads_and_vars


def _without_needless_slices(gradient: Any) -> Any:
    """Return a gradient by rows as a whole one, where that means the same up to rounding.

    An optimizer would make the same whole gradient several times, each for a term of its own. It
    squares rows before it adds up those of one place, so each must be of another place: those of a
    product with sparse features are.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    places = gradient.indices
    while places.op.type in ("Identity", "Reshape"):
        places = places.op.inputs[0]
    each_once = places.op.type == "Unique" and places.value_index == 0
    return tf.convert_to_tensor(gradient) if each_once else gradient


def _may_start_from_outputs(model: keras.Model) -> bool:
    """Tell whether what a model minimises is its loss of the outputs and its penalties, no more.

    Not in half precision, where small gradients need the scale of the loss before they are there.
    """
    is_precise = getattr(model.loss, "dtype", None) in ("float32", "float64")
    is_weighted = compile_arguments(model).get("loss_weights") is not None
    is_of_keras = type(model).compute_loss is keras.Model.compute_loss
    return is_precise and is_of_keras and not is_weighted


def _unpack(batch: Batch) -> tuple[Any, Any, Any]:
    return (*batch, None) if len(batch) == 2 else batch


@contextmanager
def _on_values(optimizer: Any) -> Iterator[None]:
    """Let an optimizer of Keras' work under a StatelessScope, which its TensorFlow side refuses."""
    present = {
        name: getattr(BaseOptimizer, name)
        for name in _ON_VALUES
        if hasattr(BaseOptimizer, name) and _is_for_tensorflow(type(optimizer), name)
    }
    before = dict(vars(optimizer))
    indices = optimizer._trainable_variables_indices
    try:
        for name, method in present.items():
            object.__setattr__(optimizer, name, types.MethodType(method, optimizer))
        optimizer._trainable_variables_indices = {
            id(variable): i for i, variable in enumerate(optimizer._trainable_variables)
        }
        yield
    finally:
        optimizer._trainable_variables_indices = indices
        # What decay applies to is noted by the identity of variables, which is another now.
        for name in {*present, "_exclude_from_weight_decay_cache"} & set(vars(optimizer)):
            object.__delattr__(optimizer, name)
            if name in before:
                object.__setattr__(optimizer, name, before[name])


def _is_for_tensorflow(optimizer: type, name: str) -> bool:
    """Tell whether a method is that of Keras' TensorFlow side, not one of the optimizer's own."""
    owner = next(base for base in optimizer.__mro__ if name in vars(base))
    return owner.__module__.startswith("keras.src.backend.tensorflow")


def _trace_step(step: Any, batch: Batch, jit_compile: bool) -> Any:
    # TensorFlow counts traces by code object and would warn after a few models; not so here.
    run = functools.partial(_run_step, step)
    function = tf.function(
        run, input_signature=list(batch), autograph=False, jit_compile=jit_compile or None
    )
    return function.get_concrete_function()


def _check_logs(step: str, logs: Any) -> None:
    flat = isinstance(logs, Mapping) and all(hasattr(value, "shape") for value in logs.values())
    if not flat:
        raise NestedLogsError(f"{step} returns logs that are not one tensor for each name")


def _in_order(logs: Mapping[str, Any]) -> list[Any]:
    return [logs[name] for name in sorted(logs)]


def _run_step(step: Any, *batch: Any) -> dict[str, Any]:
    return step(batch)
