"""Losses, metrics and optimizers that users pass as objects: fresh ones, and those in a pickle.

Owns: how they are compared, copied and stored, without Keras' registry, which knows no classes of a
user's; what a stored model has that Keras' format leaves out; which hooks a callback has.
Does not own: making them from names and classes (``_compiling``), or networks (``_building``).

Importing SciKeras makes ``copy`` and ``pickle`` go through that registry, where objects of classes
that are not registered lose their parameters or cannot be read.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from skmultilabel_keras._compat import compile_arguments, fresh_names, trains_apart

_OBJECTS = (keras.losses.Loss, keras.metrics.Metric, keras.optimizers.Optimizer)


def renewed(value: Any) -> Any:
    """Return a value with fresh objects of Keras, in lists and dicts too, all else as it is.

    Raises
    ------
    ValueError
        For a metric or an optimizer that does not tell its parameters.
    """
    return unpacked(packed(value))


def packed(value: Any) -> Any:
    """Return a value in which objects of Keras, in lists and dicts too, are fit for pickling.

    What is one object in several places stays one.
    """
    known: dict[int, Any] = {}

    def pack(item: Any) -> Any:
        if not isinstance(item, (*_OBJECTS, keras.Model)):
            return _mapped(pack, item)
        if id(item) not in known and isinstance(item, keras.Model):
            known[id(item)] = _PackedModel(item)
        elif id(item) not in known:
            make, state = _describe(item)
            known[id(item)] = _Packed(make, type(item), _mapped(pack, state))
        return known[id(item)]

    return pack(value)


def unpacked(value: Any) -> Any:
    """Return what :func:`packed` was given, with new objects, but the same models."""
    made: dict[int, Any] = {}

    def unpack(item: Any) -> Any:
        if isinstance(item, _PackedModel):
            return item.model
        if not isinstance(item, _Packed):
            return _mapped(unpack, item)
        if id(item) not in made:
            made[id(item)] = item.make(item.kind, _mapped(unpack, item.state))
        return made[id(item)]

    return unpack(value)


def is_alike(one: Any, other: Any) -> bool:
    """Tell whether two objects of Keras are of one class and configuration.

    The names of optimizers, which Keras numbers, do not matter; metrics are logged by theirs.
    """
    if type(one) is not type(other):
        return False
    configs = [dict(item.get_config()) for item in (one, other)]
    for config in configs:
        if isinstance(one, keras.optimizers.Optimizer):
            config.pop("name", None)
    # As text: arrays in configurations would be compared entry by entry.
    with np.printoptions(threshold=sys.maxsize):
        return str(configs[0]) == str(configs[1])


def _settings_of_weights(model: keras.Model) -> list[dict[str, Any]]:
    """Return what can be set on each weight itself, of which configurations of layers know nothing.

    That is whether it is trained, its regulariser and its constraint.
    """
    names = ("trainable", "regularizer", "constraint")
    serialize = keras.saving.serialize_keras_object
    return [{name: serialize(getattr(w, name)) for name in names} for w in model.weights]


def copy_settings_of_weights(model: keras.Model, twin: keras.Model) -> None:
    """Set on each weight of a model of the same kind what is set on that of the first itself."""
    for own, other in zip(model.weights, twin.weights, strict=True):
        other.trainable = own.trainable
        for name in ("regularizer", "constraint"):
            value, present = getattr(own, name), getattr(other, name)
            # Layers make theirs of their configuration, which was copied.
            if value is not present and (present is None or not is_alike(value, present)):
                setattr(other, name, value)


def recompile(model: keras.Model, options: Mapping[str, Any]) -> None:
    """Compile a model again, whose objects get the names that those of a first one have."""
    with fresh_names():
        model.compile(**options)


def _set_weights_like(model: keras.Model, settings: Sequence[dict[str, Any]]) -> None:
    """Give the weights of a model of the same kind what :func:`_settings_of_weights` returned."""
    for weight, asked, present in zip(
        model.weights, settings, _settings_of_weights(model), strict=True
    ):
        for name in [name for name in asked if asked[name] != present[name]]:
            setattr(weight, name, keras.saving.deserialize_keras_object(asked[name]))


@dataclass(frozen=True)
class _PackedModel:
    """A model that is pickled in Keras' format, and with what is set on single weights."""

    model: keras.Model

    def __reduce__(self) -> tuple[Any, ...]:
        # Keras' format holds the optimizer too, of use where layers tell which weights it has.
        apart = self.model.compiled and self.model.optimizer.built and trains_apart(self.model)
        values = [v.numpy() for v in self.model.optimizer.variables] if apart else []
        return _load_model, (*self.model.__reduce__(), _settings_of_weights(self.model), values)


def _load_model(
    load: Callable[..., keras.Model],
    arguments: tuple[Any, ...],
    settings: list[dict[str, Any]],
    optimizer_values: list[np.ndarray],
) -> _PackedModel:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        model = load(*arguments)
    trained = [weight.trainable for weight in model.weights]
    _set_weights_like(model, settings)
    if model.compiled and trained != [weight.trainable for weight in model.weights]:
        # Keras built the optimizer for other weights.
        optimizer = renewed(model.optimizer)
        recompile(model, compile_arguments(model) | {"optimizer": optimizer})
        if optimizer_values:
            with fresh_names():
                optimizer.build(model.trainable_variables)
            for variable, value in zip(optimizer.variables, optimizer_values, strict=True):
                variable.assign(value)
    return _PackedModel(model)


@dataclass(frozen=True)
class _Packed:
    """How to make an object of a class, and of what."""

    make: Callable[[type, dict[str, Any]], Any]
    kind: type
    state: dict[str, Any]


def _from_attributes(kind: type, state: dict[str, Any]) -> Any:
    made: Any = object.__new__(kind)
    vars(made).update(state)
    return made


def _from_arguments(kind: type, state: dict[str, Any]) -> Any:
    return kind(**state)


def _from_config(kind: Any, state: dict[str, Any]) -> Any:
    made = kind.from_config(state["config"])
    vars(made).update(state["attributes"])
    return made


def _mapped(function: Any, value: Any) -> Any:
    """Return a plain list, tuple or dict with a function applied to what it holds."""
    if type(value) is dict:
        return {key: function(item) for key, item in value.items()}
    return type(value)(map(function, value)) if type(value) in (list, tuple) else value


def _describe(item: Any) -> tuple[Callable[[type, dict[str, Any]], Any], dict[str, Any]]:
    """Return a function that makes an object like this one, and what it takes."""
    if isinstance(item, keras.losses.Loss):
        return _from_attributes, dict(vars(item))
    if hasattr(item, "live_arguments"):
        return _from_arguments, item.live_arguments()
    if type(item) is keras.metrics.MeanMetricWrapper:
        return _from_arguments, {
            "fn": item._fn,
            "name": item.name,
            "dtype": item.dtype,
            **item._fn_kwargs,
        }
    _require_config(item)
    config = item.get_config()
    rate = getattr(item, "_learning_rate", None)
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        config["learning_rate"] = rate  # an object that never changes
    # Not all configurations hold the arguments of a metric's function.
    attributes = {"_fn_kwargs": item._fn_kwargs} if hasattr(item, "_fn_kwargs") else {}
    return _from_config, {"config": config, "attributes": attributes}


def _require_config(item: Any) -> None:
    """Raise if parameters of a class would get lost, as ``get_config`` is that of a base."""
    kind = type(item)
    places = {
        name: next(place for place, base in enumerate(kind.__mro__) if name in vars(base))
        for name in ("__init__", "get_config")
    }
    told = item.get_config()
    lost = [
        parameter.name
        for parameter in list(inspect.signature(kind.__init__).parameters.values())[1:]
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        and parameter.name not in told
        and not _is_default(parameter, item)
    ]
    if places["get_config"] > places["__init__"] and lost:
        raise ValueError(
            f"{kind.__name__} takes parameters, {lost}, that its get_config does not return, so no "
            "fit can have a fresh one of its own. Define get_config, or pass the class, and the "
            "parameters behind its prefix."
        )


def _is_default(parameter: inspect.Parameter, item: Any) -> bool:
    """Tell whether an object has an attribute for a parameter, with the parameter's default."""
    default = parameter.default
    value = getattr(item, parameter.name, inspect.Parameter.empty)
    return default is not parameter.empty and (value is default or str(value) == str(default))


def has_hooks(callback: keras.callbacks.Callback, names: Iterable[str]) -> bool:
    """Tell whether a callback has any of these methods of its own."""
    return any(
        getattr(getattr(callback, name), "__func__", None)
        is not getattr(keras.callbacks.Callback, name)
        for name in names
    )
