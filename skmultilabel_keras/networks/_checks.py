"""Checks of the parameters that built-in networks take.

Owns: one clear error for each kind of bad value, which names the parameter ``model__...``.
Does not own: which values a network takes (the networks' own modules).
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from skmultilabel_keras._intervals import check_number, is_real


def check_sizes(name: str, sizes: Any) -> None:
    """Raise unless ``sizes`` is a sequence of whole numbers of at least 1."""
    if not isinstance(sizes, (tuple, list, np.ndarray)) or not all(is_count(n) for n in sizes):
        raise ValueError(
            f"model__{name} must be a tuple or list of integers of at least 1; got {sizes!r}."
        )


def check_flags(**flags: Any) -> None:
    """Raise unless all values are True or False."""
    for name, value in flags.items():
        if not isinstance(value, (bool, np.bool_)):
            raise ValueError(f"model__{name} must be True or False; got {value!r}.")


def resolve_activation(activation: Any) -> Any:
    """Return the function of one of Keras' names; anything that can be called is one itself."""
    try:
        return keras.activations.get(activation)
    except (ValueError, TypeError) as error:
        raise ValueError(
            "model__activation must be the name of one of Keras' activations, such as 'relu', "
            f"'selu' or 'tanh', or a function; got {activation!r}."
        ) from error


def check_dense(hidden_layer_sizes: Any, activation: Any, dropout: Any, prior_bias: Any) -> Any:
    """Return the activation's function; raise for bad values of what dense layers take."""
    check_sizes("hidden_layer_sizes", hidden_layer_sizes)
    check_number("model__dropout", dropout, 0, 1, below=True)
    check_flags(prior_bias=prior_bias)
    return resolve_activation(activation)


def is_count(value: Any) -> bool:
    """Tell whether this is a whole number of at least 1."""
    return isinstance(value, numbers.Integral) and is_real(value) and int(value) >= 1


def check_counts(*, at_least: int = 1, prefix: str = "model__", **values: Any) -> None:
    """Raise unless all values are whole numbers of at least ``at_least``.

    ``prefix`` is what the names of a network's parameters have that a layer's do not.
    """
    for name, value in values.items():
        if not is_count(value) or value < at_least:
            raise ValueError(
                f"{prefix}{name} must be an integer of at least {at_least}; got {value!r}."
            )


def check_choice(
    name: str, value: Any, legal: Iterable[str | None], *, prefix: str = "model__"
) -> None:
    """Raise unless ``value`` is one of the legal names, or None where that is one of them."""
    if not (value is None or isinstance(value, str)) or value not in legal:
        raise ValueError(
            f"{prefix}{name} must be one of {', '.join(map(repr, legal))}; got {value!r}."
        )
