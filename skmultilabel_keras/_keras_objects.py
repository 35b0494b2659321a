"""Losses, metrics and optimizers that users pass as objects: fresh ones, and those in a pickle.

Owns: how they are compared, copied and stored, without Keras' registry, which knows no classes of a
user's.
Does not own: making them from names and classes (``_compiling``), or networks (``_building``).

Importing SciKeras makes ``copy`` and ``pickle`` go through that registry, where objects of classes
that are not registered lose their parameters or cannot be read.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import keras

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
    known: dict[int, _Packed] = {}

    def pack(item: Any) -> Any:
        if not isinstance(item, _OBJECTS):
            return _mapped(pack, item)
        if id(item) not in known:
            known[id(item)] = _Packed(type(item), _describe(item))
        return known[id(item)]

    return pack(value)


def unpacked(value: Any) -> Any:
    """Return what :func:`packed` was given, with new objects."""
    made: dict[int, Any] = {}

    def unpack(item: Any) -> Any:
        if not isinstance(item, _Packed):
            return _mapped(unpack, item)
        if id(item) not in made:
            made[id(item)] = item.unpack()
        return made[id(item)]

    return unpack(value)


def is_alike(one: Any, other: Any) -> bool:
    """Tell whether two objects of Keras are of one class and configuration."""
    # As text: arrays in configurations would be compared entry by entry.
    return type(one) is type(other) and str(one.get_config()) == str(other.get_config())


@dataclass(frozen=True)
class _Packed:
    """A class, and what makes an object of it: a loss' attributes, else a configuration."""

    kind: type
    state: dict[str, Any]

    def unpack(self) -> Any:
        if not issubclass(self.kind, keras.losses.Loss):
            return self.kind.from_config(self.state)  # type: ignore[attr-defined]
        loss: Any = object.__new__(self.kind)
        vars(loss).update(self.state)
        return loss


def _mapped(function: Any, value: Any) -> Any:
    """Return a plain list, tuple or dict with a function applied to what it holds."""
    if type(value) is dict:
        return {key: function(item) for key, item in value.items()}
    return type(value)(map(function, value)) if type(value) in (list, tuple) else value


def _describe(item: Any) -> dict[str, Any]:
    if isinstance(item, keras.losses.Loss):
        return dict(vars(item))  # plain attributes
    _require_config(item)
    return item.get_config()


def _require_config(item: Any) -> None:
    """Raise if parameters of a class would get lost, as ``get_config`` is that of a base."""
    kind = type(item)
    places = {
        name: next(place for place, base in enumerate(kind.__mro__) if name in vars(base))
        for name in ("__init__", "get_config")
    }
    parameters = inspect.signature(kind.__init__).parameters.values()
    told = {"self", *item.get_config()}
    lost = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD and p.name not in told]
    if places["get_config"] > places["__init__"] and lost:
        raise ValueError(
            f"{kind.__name__} takes parameters, {lost}, that its get_config does not return, so no "
            "fit can have a fresh one of its own. Define get_config, or pass the class, and the "
            "parameters behind its prefix."
        )
