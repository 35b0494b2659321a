"""What "auto" stands for: a network and its training, chosen from the kind and size of the rows.

Owns: the recipes, one for each kind of rows, and how they fill in what a user left open.
Does not own: networks (``networks``), which values are legal (``_parameters``).

A recipe looks at the kind of the rows, and at the numbers of rows, features and labels, never at
their values: all folds of a search are treated alike. Where the settings come from is told in
``docs/quality.md``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

AUTO = "auto"

# What networks are trained with that a user chose.
_PLAIN: dict[str, Any] = {"epochs": 100, "optimizer": "adam"}

# Columns that the first layer of a network for tables gets, of features and their bins.
_MOST_INPUTS = 4096

# Products of a weight and a number that a fit on a table may take, each about three times: half a
# minute on two cores.
_MOST_PRODUCTS = 5e11

# Weights of the first layer of a network for sparse rows; each step changes all of them.
_MOST_WEIGHTS = 2_000_000

_LEAST_EPOCHS, _MOST_EPOCHS = 10, 100


def choose_recipe(params: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that are chosen where a user left them open.

    Parameters
    ----------
    params : mapping
        All parameters of the estimator.
    meta : mapping
        What is known of the data, see :mod:`skmultilabel_keras.networks`.

    Returns
    -------
    dict
        Parameters by name, none of which the user has set. Settings of Adam are among them only
        if the optimizer is open as well.
    """
    chosen = params["build_fn"] is None and params["model"] == AUTO
    recipe = _RECIPES[_kind_of(meta)](meta) if chosen else _PLAIN
    return {
        name: value
        for name, value in recipe.items()
        if _is_open(params, name)
        and (params["optimizer"] == AUTO or not name.startswith("optimizer__"))
    }


def complete(params: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters, or some of them, with what the recipe says of open ones."""
    return dict(params) | {
        name: value
        for name, value in recipe.items()
        if _is_open(params, name) and (name in params or "__" in name)
    }


def _is_open(params: Mapping[str, Any], name: str) -> bool:
    """Tell whether a declared parameter is left open, or a routed one is left out."""
    if "__" in name:
        return name not in params
    value = params.get(name)
    return value is None or (isinstance(value, str) and value == AUTO)


def _epochs(steps: float, n_rows: int, batch_size: int, *, least: int) -> int:
    """Return the epochs that take about so many steps.

    The more labels, the fewer rows have one of them, and the more steps it takes to learn it.
    """
    return _between(least, math.ceil(steps * batch_size / n_rows), _MOST_EPOCHS)


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))


def _kind_of(meta: Mapping[str, Any]) -> str:
    shape = meta["X_shape_"]
    if len(shape) == 1:
        return "text"
    if len(shape) > 2:
        return "image"
    return "sparse" if meta["X_sparse_"] else "table"


def _table(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return members that share weights, over features and their places among the rows."""
    n_rows, n_features = meta["X_shape_"]
    n_units, units = meta["n_units_"], 256
    n_bins = next((n for n in (8, 4) if n_features * (n + 1) <= _MOST_INPUTS), None)
    n_inputs = n_features * (1 + (n_bins or 0))
    weights = units * (n_inputs + units + n_units)
    batch_size = _between(32, n_rows // 40, 256)
    epochs = _epochs(500 * (n_units / 6) ** 0.6, n_rows, batch_size, least=30)
    n_members = next((n for n in (8, 4) if n * weights * n_rows * epochs <= _MOST_PRODUCTS), 2)
    at_most = int(_MOST_PRODUCTS / (n_members * weights * n_rows))
    return {
        "model": "ensemble",
        "model__n_members": n_members,
        "model__hidden_layer_sizes": (units, units),
        "model__dropout": 0.4,
        "model__n_bins": n_bins,
        "optimizer": "adam",
        "optimizer__learning_rate": 5e-4 * (batch_size / 32) ** 0.5,
        "epochs": _between(_LEAST_EPOCHS, at_most, epochs),
        "batch_size": batch_size,
    }


def _sparse(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return a few members with weights of their own, half of whose units are dropped."""
    n_rows, n_features = meta["X_shape_"]
    units = 128
    n_members = next((n for n in (4, 2) if n * units * n_features <= _MOST_WEIGHTS), 1)
    batch_size = _between(64, n_rows // 50, 256)
    steps = min(330 * (meta["n_units_"] / 20) ** 0.6, 1500)
    return {
        "model": "ensemble",
        "model__n_members": n_members,
        "model__hidden_layer_sizes": (units,),
        "model__dropout": 0.5,
        "optimizer": "adam",
        "optimizer__learning_rate": 2e-3,
        "epochs": _epochs(steps, n_rows, batch_size, least=8),
        "batch_size": batch_size,
    }


def _image(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {"model": "cnn", "epochs": 30, "optimizer": "adam"}


def _text(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {"model": "text", "epochs": 20, "optimizer": "adam"}


_RECIPES: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "table": _table,
    "sparse": _sparse,
    "image": _image,
    "text": _text,
}
