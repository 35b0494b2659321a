"""Frozen specifications: what decides the graph of a network's steps, and nothing else.

Owns: the key under which compiled functions are shared, which networks may share at all, and the
hyperparameters that enter a graph as values.
Does not own: the graph (``steps``, ``epochs``) or the cache (``cache``).

Two fits share a compiled function if their keys agree, never because of an object's identity. So
a key has to hold all that the graph depends on; a network with code of its user's cannot promise
that, and is traced for each fit.

Keras' configurations are not all of it. They leave out some arguments of layers and losses, which
variables are shared or frozen one by one, what ``adapt`` found, and functions that go by the name
of one of Keras' own; :func:`_describe_network` and :func:`find_own_code` look at the objects.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from skmultilabel_keras import losses
from skmultilabel_keras._compat import compile_arguments, is_plain
from skmultilabel_keras.networks import Dropout

_TRUSTED_PACKAGES = ("keras", "skmultilabel_keras")

# Keys of configurations that decide first values of variables, which are handed in, or names that
# lead nowhere.
_FIRST_VALUES = ("seed", "build_config")

# Attributes of a layer that are no setting, or that its configuration holds.
_NO_SETTINGS = ("built", "name", "rate", "seed")

# Attributes that are looked at on their own, or decide first values only.
_SEEN_ELSEWHERE = (
    keras.initializers.Initializer,
    keras.layers.Layer,
    keras.losses.Loss,
    keras.metrics.Metric,
)

# Optimizers whose update is known to be a function of their variables alone. Nadam keeps a
# product outside its variables; loss scaling and accumulation branch with side effects.
_STATELESS_OPTIMIZERS = frozenset(
    {
        "Adadelta",
        "Adafactor",
        "Adagrad",
        "Adam",
        "AdamW",
        "Adamax",
        "Ftrl",
        "Lamb",
        "Lion",
        "Muon",
        "RMSprop",
        "SGD",
    }
)

_SMOOTHED_LOSSES = (
    keras.losses.BinaryCrossentropy,
    keras.losses.BinaryFocalCrossentropy,
    keras.losses.CategoricalCrossentropy,
    keras.losses.CategoricalFocalCrossentropy,
)


@dataclass(frozen=True)
class Specification:
    """A key that networks share if one graph serves them; None, and the reason, if none does."""

    key: str | None
    reason: str = ""


def specify_network(model: keras.Model) -> Specification:
    """Return the specification of a network's outputs."""
    reason = find_own_code(model)
    return Specification(None, reason) if reason else _freeze(lambda: _describe_network(model))


def specify_training(model: keras.Model) -> Specification:
    """Return the specification of a compiled network's training and evaluation steps."""
    network = specify_network(model)
    if network.key is None:
        return network
    reason = _find_unsteady_optimizer(model.optimizer) or _find_own_training_code(model)
    if reason:
        return Specification(None, reason)
    training = _freeze(lambda: _describe_training(model))
    return training if training.key is None else Specification(network.key + training.key)


def find_hyperparameters(model: keras.Model) -> dict[str, np.ndarray]:
    """Return the hyperparameters of a training step that enter its graph as values, by name.

    Returns
    -------
    dict of str to float32 ndarray
    """
    values: dict[str, Any] = {name: layer.rate for name, layer in _dropouts(model).items()}
    if model.optimizer.weight_decay is not None:
        values["weight_decay"] = model.optimizer.weight_decay
    if _smoothing(model.loss):
        values["label_smoothing"] = _smoothing(model.loss)
    values |= {name: getattr(model.loss, name) for name in _loss_values(model.loss)}
    values |= {name: variable.regularizer.l2 for name, variable in _penalised(model).items()}
    return {name: np.asarray(value, dtype=np.float32) for name, value in values.items()}


@contextmanager
def hyperparameters_as(model: keras.Model, values: Mapping[str, Any]) -> Iterator[None]:
    """Give hyperparameters other values, tensors say, for a block.

    Label smoothing is left out of Keras' losses instead: :func:`smooth_targets` does it.
    """
    changes: list[tuple[Any, str, Any]] = [
        (layer, "rate", values[name]) for name, layer in _dropouts(model).items() if name in values
    ]
    if "weight_decay" in values:
        changes.append((model.optimizer, "weight_decay", values["weight_decay"]))
    changes += [(model.loss, name, values[name]) for name in _loss_values(model.loss)]
    changes += [
        (variable, "regularizer", _penalty(values[name]))
        for name, variable in _penalised(model).items()
        if name in values
    ]
    if "label_smoothing" in values and type(model.loss) in _SMOOTHED_LOSSES:
        without = {**model.loss._fn_kwargs, "label_smoothing": 0.0}
        changes.append((model.loss, "_fn_kwargs", without))
    before = [getattr(owner, name) for owner, name, _ in changes]
    try:
        for owner, name, value in changes:
            setattr(owner, name, value)
        yield
    finally:
        for (owner, name, _), value in zip(changes, before, strict=True):
            setattr(owner, name, value)


def smooth_targets(model: keras.Model, y: Any, smoothing: Any) -> Any:
    """Return targets moved towards the middle, as one of Keras' losses does it."""
    if type(model.loss) not in _SMOOTHED_LOSSES:
        return y  # the loss has the value
    is_binary = "Binary" in type(model.loss).__name__
    middle = 0.5 if is_binary else 1.0 / y.shape[-1]
    y = keras.ops.cast(y, smoothing.dtype)  # indicators may be of integers
    return y * (1.0 - smoothing) + middle * smoothing


def leaf_layers(model: keras.Model) -> list[Any]:
    """Return the layers of a network, those of networks in it included, but not those networks."""
    return [layer for layer in model._flatten_layers() if not isinstance(layer, keras.Model)]


def _describe_network(model: keras.Model) -> list[Any]:
    """Return what the graph of a network's outputs depends on."""
    numbers = {id(variable): number for number, variable in enumerate(model.variables)}
    layers = leaf_layers(model)
    settings = [
        {
            k: v
            for k, v in vars(layer).items()
            if k[0] != "_" and k not in _NO_SETTINGS and _is_plain(v)
        }
        for layer in layers
    ]
    # Layers may share variables, and have some of them frozen.
    shared = [[numbers[id(variable)] for variable in layer.variables] for layer in layers]
    variables = [_describe_variable(variable) for variable in model.variables]
    config = _without_values(model.get_config())
    kind = type(model).__name__  # what a step does is up to it
    numbers_of_keras = [keras.config.floatx(), keras.config.epsilon()]
    return [kind, config, settings, shared, variables, *numbers_of_keras]


def _describe_variable(variable: Any) -> list[Any]:
    """Return what a step does with a variable; layers show what they were built with only."""
    serialize = keras.saving.serialize_keras_object
    return [
        variable.trainable,
        getattr(variable, "overwrite_with_gradient", False),
        "L2" if _is_penalised(variable) else serialize(getattr(variable, "regularizer", None)),
        serialize(getattr(variable, "constraint", None)),
    ]


def _describe_training(model: keras.Model) -> list[Any]:
    """Return what the graph of a step depends on beyond the network."""
    serialize = keras.saving.serialize_keras_object
    config = compile_arguments(model) | {
        "optimizer": serialize(model.optimizer),
        **{name: serialize(value) for name, value in _losses_and_metrics(model).items()},
    }
    optimizer = config["optimizer"]["config"]
    optimizer["weight_decay"] = optimizer["weight_decay"] is not None
    if isinstance(optimizer["learning_rate"], float):
        optimizer["learning_rate"] = "variable"
    # Beside what configurations leave out: arguments of functions, and dtypes of losses.
    arguments = [
        {**getattr(part, "_fn_kwargs", {}), "dtype": str(getattr(part, "dtype", None))}
        for part in _flat(_losses_and_metrics(model))
    ]
    if _smoothing(model.loss):
        arguments[0]["label_smoothing"] = config["loss"]["config"]["label_smoothing"] = True
    for name in _loss_values(model.loss):
        config["loss"]["config"][name] = list(np.shape(getattr(model.loss, name)))
    return [config, arguments]


def find_own_code(model: keras.Model) -> str:
    """Return the first part of a network that its user wrote, "" if there is none.

    Parts that hold more than weights, and so may mean something else in each model, count too.
    """
    if not is_plain(model):
        return f"the model is a {type(model).__name__}, with methods of its own"
    own = _find_own_attribute(model)
    if own:
        return f"{own!r} of the model is code of the user's"
    for part in [*model._flatten_layers(), *getattr(model, "operations", ())]:
        if not _is_trusted(type(part)) or isinstance(part, keras.layers.Lambda):
            return f"the layer {part.name!r} holds code of its own"
        if getattr(part, "stateful", False):
            return f"the layer {part.name!r} carries its state from batch to batch"
        if isinstance(part, keras.layers.SpectralNormalization):
            return f"the layer {part.name!r} sets weights while gradients are taken"
        if hasattr(part, "adapt"):
            return f"the layer {part.name!r} holds what it learned by adapt()"
        own = _find_own_attribute(part)
        if own:
            return f"{own!r} of the layer {part.name!r} is code of the user's"
    return ""


def _find_own_training_code(model: keras.Model) -> str:
    """Return the first part of what a model is compiled with that its user wrote."""
    for part in [model.optimizer, *_flat(_losses_and_metrics(model))]:
        if isinstance(part, str) or part is None:
            continue
        kind = getattr(part, "__name__", type(part).__name__)
        if not _is_trusted(part if callable(part) and hasattr(part, "__name__") else type(part)):
            return f"{kind!r} is code of the user's"
        own = _find_own_attribute(part)
        if own:
            return f"{own!r} of {kind} is code of the user's"
    return ""


def _find_own_attribute(part: Any) -> str:
    """Return the name of an attribute that is a function of the user's: an activation, a method."""
    for name, value in vars(part).items() if hasattr(part, "__dict__") else ():
        if not callable(value) or isinstance(value, _SEEN_ELSEWHERE) or name == "loss":
            continue
        if not _is_trusted(value if hasattr(value, "__name__") else type(value)):
            return name.removeprefix("_")
    return ""


def _is_trusted(function_or_class: Any) -> bool:
    # functools.wraps gives a function another's module; its globals are its own.
    module = getattr(function_or_class, "__globals__", {}).get("__name__")
    module = module or getattr(function_or_class, "__module__", None) or ""
    return module.partition(".")[0] in _TRUSTED_PACKAGES


def _losses_and_metrics(model: keras.Model) -> dict[str, Any]:
    options = compile_arguments(model)
    return {"loss": model.loss, **{k: options.get(k) for k in ("metrics", "weighted_metrics")}}


def _flat(value: Any) -> Iterator[Any]:
    """Yield losses and metrics out of containers, and metrics within metrics."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _flat(item)
        return
    yield value
    if isinstance(value, keras.metrics.Metric):
        yield from _flat([inner for inner in vars(value).values() if _is_metric(inner)])


def _is_metric(value: Any) -> bool:
    return isinstance(value, keras.metrics.Metric)


def _find_unsteady_optimizer(optimizer: Any) -> str:
    """Return why an optimizer's step is no function of its variables alone, "" if it is."""
    name = type(optimizer).__name__
    if name not in _STATELESS_OPTIMIZERS or type(optimizer) is not getattr(
        keras.optimizers, name, None
    ):
        return f"the optimizer {name} keeps more than its variables"
    if optimizer.gradient_accumulation_steps or optimizer.ema_overwrite_frequency:
        return "the optimizer takes different steps at different times"
    excluded = ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern")
    if any(getattr(optimizer, name, None) for name in excluded):
        return "some variables are excluded from weight decay"
    return ""


def _freeze(describe: Callable[[], Any]) -> Specification:
    try:
        description = describe()
        foreign = next(_foreign_parts(description), None)
        if foreign is not None:
            return Specification(None, f"{foreign} is code of the user's")
        return Specification(json.dumps(description, sort_keys=True, default=_exactly))
    except Exception as error:  # of get_config, which may be anyone's
        return Specification(None, f"it cannot be described: {error}")


def _foreign_parts(config: Any) -> Iterator[str]:
    """Yield the names of functions and classes in a configuration that are not Keras' or ours."""
    if isinstance(config, Mapping):
        if "class_name" in config and not _is_known(config):
            name = config.get("config")
            yield repr(name if isinstance(name, str) else config["class_name"])
        for value in config.values():
            yield from _foreign_parts(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from _foreign_parts(value)
    elif callable(config):
        yield repr(getattr(config, "__name__", type(config).__name__))


def _is_known(config: Mapping[str, Any]) -> bool:
    """Tell whether a serialized object is of a class of Keras', ours, or a plain value.

    Keras gives classes of its users a registered name, with a package before ">" or without, and
    at times no module.
    """
    module, registered = config.get("module"), config.get("registered_name")
    package = str(registered or "").rpartition(">")[0]
    if config["class_name"] in ("function", "__lambda__"):
        return False
    if package:
        return package in _TRUSTED_PACKAGES
    if module:
        return module.partition(".")[0] in (*_TRUSTED_PACKAGES, "builtins")
    return not registered


def _without_values(config: Any) -> Any:
    """Return a network's configuration without what enters its graph as a value."""
    if isinstance(config, Mapping):
        kept = {
            name: _without_values(value)
            for name, value in config.items()
            if name not in _FIRST_VALUES
            and not name.endswith("_initializer")
            and not _is_seen_on_variables(name, value)
        }
        if config.get("registered_name") == "skmultilabel_keras>Dropout":
            kept["config"]["rate"] = config["config"]["rate"] > 0
        return kept
    if isinstance(config, (list, tuple)):
        return [_without_values(value) for value in config]
    return config


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, (bool, int, float, str))


def _exactly(value: Any) -> Any:
    """Return an array with all of its numbers, which its repr leaves out."""
    if not hasattr(value, "__array__"):
        raise TypeError(f"{type(value).__name__} {value!r} has no plain form.")
    array = np.asarray(value)
    return [str(array.dtype), array.tolist()]


def _dropouts(model: keras.Model) -> dict[str, Dropout]:
    """Return the dropout layers that drop something, by names of their own."""
    layers = [layer for layer in model._flatten_layers() if type(layer) is Dropout]
    return {f"rate {i}": layer for i, layer in enumerate(layers) if layer.rate > 0}


def _penalised(model: keras.Model) -> dict[str, Any]:
    """Return the trained variables whose squares are part of the loss, by names of their own."""
    variables = enumerate(model.trainable_variables)
    return {f"l2 {i}": variable for i, variable in variables if _is_penalised(variable)}


def _is_penalised(variable: Any) -> bool:
    penalty: Any = getattr(variable, "regularizer", None)
    return variable.trainable and type(penalty) is keras.regularizers.L2 and penalty.l2 > 0


def _penalty(factor: Any) -> keras.regularizers.L2:
    """Return Keras' penalty with a tensor for its factor."""
    penalty = keras.regularizers.L2(0.0)
    penalty.l2 = factor
    return penalty


def _is_seen_on_variables(name: str, value: Any) -> bool:
    """Tell whether an entry of a configuration is Keras' L2 penalty of some variables."""
    return (
        name.endswith("_regularizer")
        and name != "activity_regularizer"
        and isinstance(value, Mapping)
        and (value.get("module"), value.get("class_name")) == ("keras.regularizers", "L2")
    )


def _smoothing(loss: Any) -> float:
    """Return the label smoothing of one of Keras' losses, 0 for any other."""
    smoothed = type(loss) in _SMOOTHED_LOSSES
    return float(loss._fn_kwargs.get("label_smoothing", 0.0)) if smoothed else 0.0


def _loss_values(loss: Any) -> list[str]:
    """Return the attributes of one of our losses that its graph takes as values.

    Whether they are there at all is a matter of the graph.
    """
    if type(loss) not in losses.LOSSES.values():
        return []
    names = ("label_smoothing", "label_weight", "prior")
    return [name for name in names if np.any(getattr(loss, name, None))]
