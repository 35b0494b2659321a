"""From parameters to a compiled network: optimizer, loss, metrics, callbacks.

Owns: making these from what a user gave, the loss that fits the head, what a loss is told of the
labels.
Does not own: networks (``_building``), metrics (``_keras_metrics``), which names are legal
(``_parameters``), which combinations fit (``_heads``).
"""

from __future__ import annotations

import inspect
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from scikeras._utils import unflatten_params

from skmultilabel_keras import losses
from skmultilabel_keras._compat import compile_arguments
from skmultilabel_keras._heads import Reading, resolve_reading
from skmultilabel_keras._keras_metrics import (
    KINDS_OF_METRICS,
    asked_metrics,
    fitting_metrics,
    unlike_metrics,
)
from skmultilabel_keras._keras_objects import is_alike, renewed
from skmultilabel_keras._parameters import (
    check_learning_rate,
    check_names,
    class_parameters,
    loss_class,
    loss_name,
    optimizer_class,
    params_behind,
    takes_argument,
)
from skmultilabel_keras._tensorflow.specification import find_own_code


def compile_options(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments for ``keras.Model.compile``, with every object made anew.

    The loss is as the user gave it where it has no parameters: what the network's outputs are is
    not known before there is a network.
    """
    options = params_behind(params, "compile")
    options.setdefault("run_eagerly", params["run_eagerly"])
    # Keras would choose XLA, which slows small networks on a CPU down; it can be asked for.
    options.setdefault("jit_compile", False)
    options["optimizer"] = _asked_optimizer(params)
    loss, routed = params["loss"], params_behind(params, "loss")
    kind = loss_class(loss)
    asked = (routed and loss is not None) or kind in losses.LOSSES.values()
    options["loss"] = unflatten_params(kind, routed) if asked else renewed(loss)
    return options | asked_metrics(params)


def _asked_optimizer(params: Mapping[str, Any]) -> Any:
    """Return the optimizer that the parameters describe, made anew."""
    optimizer = params["optimizer"]
    if isinstance(optimizer, keras.optimizers.Optimizer):
        return renewed(optimizer)
    routed = params_behind(params, "optimizer")
    if "learning_rate" in routed:
        routed["learning_rate"] = check_learning_rate(routed["learning_rate"])
    return unflatten_params(optimizer_class(optimizer), routed)


def compile_like(network: keras.Model, model: keras.Model) -> None:
    """Compile a network like another one, with objects of its own."""
    options = compile_arguments(model)
    options["optimizer"] = renewed(model.optimizer)
    options["loss"] = renewed(options["loss"])
    for kind in KINDS_OF_METRICS:
        options[kind] = renewed(options.get(kind))
    network.compile(**options)


def compile_network(
    network: keras.Model,
    model: Any,
    params: Mapping[str, Any],
    meta: Mapping[str, Any],
    targets: str,
    *,
    chosen: Container[str],
) -> Reading:
    """Compile a network that has no loss yet, and return how its outputs are read.

    Parameters
    ----------
    network : keras.Model
        Built network.
    model : callable or keras.Model
        What it was built from.
    params : mapping
        All parameters of the estimator.
    meta : mapping
        What is known of the data.
    targets : {"independent", "one_hot", "binary", "classes"}
        What the targets are.
    chosen : container of str
        Names of the parameters that the user left open.
    """
    compiled_loss = network.loss if network.compiled else None
    if isinstance(compiled_loss, losses.LabelLoss):
        # A fit tells its loss of weights and missing labels, and the user's is to stay as it is.
        compiled_loss = renewed(compiled_loss)
        network.compile(**compile_arguments(network) | {"loss": compiled_loss})
    # A network that was trained in place is compiled with what its pickle still asks for.
    restored = meta.get("is_restored_", False)
    if network.compiled and not restored and not _compiles_as_asked(model):
        _check_nothing_dropped(params, chosen, network)
    if compiled_loss is None:
        given = params["loss"]
        loss = _Loss(loss_class(given), params_behind(params, "loss"), isinstance(given, str))
    else:
        _check_given_loss(params["loss"], compiled_loss)
        loss = _Loss(loss_class(compiled_loss), _defaults_of_name(compiled_loss))
    reading = resolve_reading(
        network,
        _output_shapes(network, meta["X_shape_"][1:]),
        targets,
        meta["n_labels_"],
        loss.target,
        declared_logits=loss.declared_logits(),
    )
    made = loss.make(reading) if compiled_loss is None else compiled_loss
    if getattr(made, "reduction", "sum") in (None, "none"):
        raise ValueError(
            "loss__reduction must be 'sum_over_batch_size' or 'sum', as training goes by one "
            f"number; got {made.reduction!r} of {made!r}."
        )
    if compiled_loss is None:
        options = compile_options(params)
        options["loss"] = made
        if network.compiled:
            own = compile_arguments(network)
            for kind in KINDS_OF_METRICS:
                options[kind] = options.get(kind) or own.get(kind)
            options["optimizer"] = network.optimizer
            options["run_eagerly"] = options["run_eagerly"] or network.run_eagerly
        for kind in KINDS_OF_METRICS:
            if options.get(kind):
                options[kind] = fitting_metrics(options[kind], reading)
        network.compile(**options)
    elif _compiles_as_asked(model):
        own, asked = compile_arguments(network), asked_metrics(params)
        fitting = {
            kind: fitting_metrics(own[kind], reading, only=keras.tree.flatten(given))
            for kind, given in asked.items()
            if given and own.get(kind)
        }
        if fitting:
            network.compile(**own | fitting)
    return reading


# Keras' losses of which there is a version of our own that takes logits only.
_ON_LOGITS = {keras.losses.BinaryCrossentropy: losses.BinaryCrossentropy}


@dataclass(frozen=True)
class _Loss:
    """A loss as asked for: a class with routed parameters, an object, a function, or None."""

    target: Any
    routed: Mapping[str, Any]
    by_name: bool = False

    def declared_logits(self) -> bool | None:
        """Return whether the loss takes logits, None where that is left to us."""
        kind = self.target if inspect.isclass(self.target) else type(self.target)
        if issubclass(kind, losses.LabelLoss):
            return True
        if isinstance(self.target, keras.losses.Loss):
            return self.target.get_config().get("from_logits")
        return self.routed.get("from_logits")

    def make(self, reading: Reading) -> Any:
        """Return the loss for a network whose outputs are read so."""
        target = loss_class(reading.head.loss) if self.target is None else self.target
        if self.target is None or self.by_name:
            target = self._faster(target, reading)
        if isinstance(target, keras.losses.Loss):
            return renewed(target)  # of this fit alone, as everything that it trains with
        if not inspect.isclass(target):
            return target
        check_names("loss__", self.routed, target)
        routed = dict(self.routed)
        if "from_logits" in class_parameters(target):
            routed.setdefault("from_logits", reading.from_logits)
        return unflatten_params(target, routed)

    def _faster(self, target: Any, reading: Reading) -> Any:
        """Return our own loss of a name that Keras has too, where it does what is asked for."""
        ours = _ON_LOGITS.get(target)
        if ours is None or not reading.from_logits:
            return target
        return ours if set(self.routed) <= class_parameters(ours) else target


def needs_prior(loss: Any) -> bool:
    """Tell whether a loss waits for the shares of the labels."""
    return isinstance(loss, losses.DistributionBalanced) and loss.prior is None


def inform_loss(
    network: keras.Model,
    n_units: int,
    *,
    label_weight: np.ndarray | None,
    label_prior: np.ndarray | None,
    lacks_labels: bool,
    weighs_entries: bool,
) -> None:
    """Tell the loss of a compiled network what it has to know of the labels.

    Parameters
    ----------
    network : keras.Model
        Compiled network, whose loss is of this fit alone.
    n_units : int
        Number of its outputs.
    label_weight : ndarray of shape (2, n_labels) or None
        Weights of the labels.
    label_prior : ndarray of shape (n_labels,) or None
        Shares of the labels, for a loss that waits for them.
    lacks_labels : bool
        Whether some labels are missing.
    weighs_entries : bool
        Whether there are weights of single entries.

    Raises
    ------
    ValueError
        If the loss or a metric has no use for one of these.
    """
    _check_metrics_know(network, lacks_labels)
    loss = network.loss
    if not isinstance(loss, losses.LabelLoss):
        needs = {
            "NaN in y, for missing labels,": lacks_labels,
            "class_weight": label_weight is not None,
            "sample_weight with a weight for each entry": weighs_entries,
        }
        what = next((what for what, needed in needs.items() if needed), None)
        if what is not None:
            raise ValueError(
                f"{what} can only be used with a loss of skmultilabel_keras.losses; the network is "
                f"compiled with {loss!r}. Leave out the loss or pass one of "
                f"{sorted(losses.LOSSES)}, and end the network without activation."
            )
        return
    known: dict[str, Any] = {"may_lack": lacks_labels, "label_weight": label_weight}
    if needs_prior(loss):
        known["prior"] = label_prior
    if any(not np.array_equal(getattr(loss, name), value) for name, value in known.items()):
        # Functions that Keras keeps were traced with what the loss knew then.
        network.train_function = network.test_function = None
    for name, value in known.items():
        setattr(loss, name, value)
    _check_lengths(loss, n_units)


def _check_metrics_know(network: keras.Model, lacks_labels: bool) -> None:
    options = compile_arguments(network)
    if lacks_labels and (options.get("metrics") or options.get("weighted_metrics")):
        raise ValueError(
            "metrics must hold none of Keras' own where labels are missing (NaN in y): they cannot "
            "leave them out. Names of skmultilabel_keras.metrics.multilabel_scorers can."
        )


def _check_lengths(loss: losses.LabelLoss, n_labels: int) -> None:
    """Raise unless a loss has one number for each label."""
    for name in ("label_weight", "prior"):
        values = getattr(loss, name, None)
        if values is not None and np.shape(values)[-1] != n_labels:
            raise ValueError(
                f"loss__{name} must have one number for each of the {n_labels} labels; got shape "
                f"{np.shape(values)}."
            )


def weights_are_copies(network: keras.Model) -> bool:
    """Tell whether copies of a row and a weight are one and the same to a compiled network.

    Not so for layers that look at the whole batch or whose code is not known, for steps of its own,
    for metrics without weights, and for a loss that is not known to be a weighted mean.
    """
    loss = network.loss
    layers = network._flatten_layers()
    parts = [part for layer in layers for part in (layer, *getattr(layer, "operations", ()))]
    return (
        not find_own_code(network)
        and not any(map(_may_look_at_batches, parts))
        and not compile_arguments(network).get("metrics")
        # The sums of soft F1 over the rows are weighted ones.
        and (losses.is_mean_of_rows(loss) or type(loss) is losses.SoftF1)
    )


def _may_look_at_batches(part: Any) -> bool:
    return (
        not isinstance(part, keras.layers.Layer)  # one of keras.ops, which may go over rows
        or isinstance(part, keras.layers.BatchNormalization)
        or type(part).__name__ in ("CutMix", "MixUp")  # not all of Keras' versions have them
        or getattr(part, "activity_regularizer", None) is not None  # which knows no weights
    )


def callbacks_of_call(
    params: Mapping[str, Any], destination: str, call: Mapping[str, Any]
) -> list[keras.callbacks.Callback]:
    """Return the callbacks of a ``fit`` or ``predict``: those of the call stand for all others."""
    if "callbacks" in call:
        return resolve_callbacks(call, "callbacks")
    return resolve_callbacks(params, "callbacks", f"{destination}__callbacks")


def resolve_callbacks(params: Mapping[str, Any], *names: str) -> list[keras.callbacks.Callback]:
    """Return the callbacks given under ``names``, classes made into objects, as one flat list.

    Raises
    ------
    TypeError
        For anything in them that is no Keras callback.
    """
    found: list[Any] = []
    for name in names:
        given = params.get(name)
        if given is not None:
            made = unflatten_params(given, params_behind(params, name))
            found += keras.tree.flatten(made) if isinstance(made, (list, tuple, dict)) else [made]
    for callback in found:
        if not isinstance(callback, keras.callbacks.Callback):
            raise TypeError(
                "callbacks must be a Keras callback, a class of one, or a list or dict of those; "
                f"got {callback!r}."
            )
    return found


def _output_shapes(
    network: keras.Model, row_shape: tuple[int, ...]
) -> list[tuple[int | None, ...]]:
    if getattr(network, "outputs", None):
        return [tuple(output.shape) for output in network.outputs]
    outputs = network(np.zeros((1, *row_shape), dtype=keras.config.floatx()), training=False)
    return [(None, *output.shape[1:]) for output in keras.tree.flatten(outputs)]


def _compiles_as_asked(model: Any) -> bool:
    """Tell whether a model function gets the estimator's parameters to compile with."""
    return not isinstance(model, keras.Model) and takes_argument(model, "compile_kwargs")


def _check_nothing_dropped(
    params: Mapping[str, Any], chosen: Container[str], network: keras.Model
) -> None:
    """Raise where parameters would have no effect, as the network comes compiled.

    One without a loss is compiled again, with its own optimizer and metrics.
    """
    dropped = unlike_metrics(network, params)
    if network.loss is not None:
        others = set(params_behind(params, "compile")) - {"weighted_metrics"}
        dropped += [f"compile__{name}" for name in others]
        dropped += _unlike(network.loss, params_behind(params, "loss"))
        dropped += ["run_eagerly"] if params["run_eagerly"] and not network.run_eagerly else []
    optimizer = [name for name in params if name.startswith("optimizer__")]
    optimizer += ["optimizer"] if "optimizer" not in chosen else []
    if optimizer and not is_alike(_asked_optimizer(params), network.optimizer):
        dropped += optimizer
    if dropped:
        raise ValueError(
            f"The model comes compiled, so {', '.join(sorted(dropped))} would have no effect. "
            "Leave the model uncompiled, compile it in a function with what that gets as "
            "compile_kwargs, or leave the parameters out."
        )


def _unlike(loss: Any, routed: Mapping[str, Any]) -> list[str]:
    """Return the parameters of a loss that it was not made with."""
    kind = type(loss)
    if not (isinstance(loss, keras.losses.Loss) and set(routed) <= class_parameters(kind)):
        return [f"loss__{name}" for name in routed]
    asked, has = kind(**routed).get_config(), loss.get_config()
    return [
        f"loss__{name}" for name in routed if not np.array_equal(asked.get(name), has.get(name))
    ]


def _check_given_loss(given: Any, compiled: Any) -> None:
    """Raise where the estimator's loss would be dropped for that of a compiled network."""
    if given is not None and loss_name(given) != loss_name(compiled):
        raise ValueError(
            f"loss={given!r}, but the model is compiled with {compiled!r}. Leave out one of them."
        )


def _defaults_of_name(loss: Any) -> dict[str, Any]:
    """Return what Keras takes a loss for that is compiled by name: one on probabilities."""
    target = loss_class(loss)
    by_name = inspect.isclass(target) and "from_logits" in class_parameters(target)
    return {"from_logits": False} if by_name else {}
