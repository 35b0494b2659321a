"""What "auto" stands for: a network and its training, chosen from the kind and size of the rows.

Owns: the recipes, one for each kind of rows, and how they fill in what a user left open.
Does not own: networks (``networks``), which values are legal (``_parameters``).

A recipe looks at the kind of the rows, at the numbers of rows, features and labels, and at how rare
labels are, at no other values: folds of a search are treated alike. Where the settings come from is
told in ``docs/quality.md``.
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

# Products of a weight and a number that a fit on a table aims at, each about three times: half a
# minute on two cores.
_MOST_PRODUCTS = 5e11

# Weights of members for sparse rows, all of which each step changes: where members are fewer, where
# units.
_MANY_WEIGHTS, _MOST_WEIGHTS = 6_000_000, 8_000_000

# Shares of its labels that a row of a table has: fewer ask for more epochs, to a limit.
_USUAL_SHARE, _RAREST_SHARE = 0.3, 0.05

_MOST_EPOCHS = 100
_MOST_STEPS = 1200  # on sparse rows, unless eight epochs take more
_SHORTEST_SIDE = 8  # of what is taken for an image

Recipe = dict[str, Any]


def choose_recipe(params: Mapping[str, Any], model: Any, meta: Mapping[str, Any]) -> Recipe:
    """Return what open parameters stand for.

    Parameters
    ----------
    params : mapping
        All parameters of the estimator; epochs and batch size are those of this fit.
    model : object
        What ``params`` name as the network; "auto" leaves the choice to the recipe.
    meta : mapping
        What is known of the data, see :mod:`skmultilabel_keras.networks`; and for "auto"
        ``n_rows_``, the number of training rows with a weight above zero, and ``label_share_``, the
        share of the known entries of their targets that are 1.

    Returns
    -------
    dict
        Parameters by name, whether they are open or not. Settings of Adam are among them only if
        the optimizer is open.
    """
    if not (isinstance(model, str) and model == AUTO):
        return dict(_PLAIN)
    recipe = _RECIPES[_kind_of(meta)](params, meta)
    if params["early_stopping"]:
        recipe["epochs"] = _MOST_EPOCHS  # the validation rows tell when to stop
    if params["optimizer"] == AUTO:
        return recipe
    return {name: value for name, value in recipe.items() if not name.startswith("optimizer__")}


def what_is_open(params: Mapping[str, Any], recipe: Recipe) -> Recipe:
    """Return the part of a recipe that parameters leave to it."""
    return {name: value for name, value in recipe.items() if _is_open(params, name)}


def complete(params: Mapping[str, Any], recipe: Recipe) -> dict[str, Any]:
    """Return parameters with a recipe's part in them."""
    return {**params, **what_is_open(params, recipe)}


def _is_open(params: Mapping[str, Any], name: str) -> bool:
    """Tell whether a declared parameter is left open, or a routed one is left out."""
    if "__" in name:
        # A subclass may declare what a network takes.
        return name not in params and name.removeprefix("model__") not in params
    value = params.get(name)
    return value is None or (isinstance(value, str) and value == AUTO)


def _kind_of(meta: Mapping[str, Any]) -> str:
    shape = meta["X_shape_"]
    if len(shape) == 1:
        return "text"
    if len(shape) in (3, 4) and min(shape[1:3]) >= _SHORTEST_SIDE:
        return "image"
    return "sparse" if meta["X_sparse_"] else "table"


def _table(params: Mapping[str, Any], meta: Mapping[str, Any]) -> Recipe:
    """Return members that share weights, over features and their places among the rows."""
    shape, n_units, n_rows = meta["X_shape_"], meta["n_units_"], meta["n_rows_"]
    n_features = math.prod(shape[1:])
    n_bins = next((n for n in (8, 4) if n_features * (n + 1) <= _MOST_INPUTS), None)
    n_bins = n_bins if len(shape) == 2 else None
    n_inputs = n_features * (1 + (n_bins or 0))
    units = _units(256, n_inputs)
    # Epochs and rate go with the batches that there will be.
    usual = _usual_batch_size(n_rows, least=32, share=40)
    batch_size = _asked_batch_size(params, n_rows) or usual
    # One rate for one batch of all rows, as of epochs.
    scale_of = 256 if batch_size >= n_rows else _between(32, batch_size, 256)
    rarity = _USUAL_SHARE / max(meta["label_share_"], _RAREST_SHARE)
    wanted = 30 * _times(rarity, 500 / n_rows)
    epochs = _epochs(wanted, usual, batch_size, n_rows)
    products = units * (n_inputs + units + n_units) * n_rows
    n_members = next((n for n in (8, 4) if n * products * epochs <= _MOST_PRODUCTS), 2)
    affordable = int(_MOST_PRODUCTS / (n_members * products))
    return {
        "model": "ensemble",
        "model__n_members": n_members,
        "model__hidden_layer_sizes": (units, units),
        "model__dropout": 0.5,
        "model__smooth_clip": 3.0,
        "model__n_bins": n_bins,
        "optimizer": "adam",
        "optimizer__learning_rate": 7e-4 * (scale_of / 32) ** 0.5,
        "epochs": _between(min(epochs, 2), affordable, epochs),
        "batch_size": batch_size,
    }


def _sparse(params: Mapping[str, Any], meta: Mapping[str, Any]) -> Recipe:
    """Return a few members with weights of their own, most of whose units are dropped."""
    n_rows, n_ends = meta["n_rows_"], meta["X_shape_"][1] + meta["n_units_"]
    units = _units(128, n_ends)
    n_members = next((n for n in (4, 2) if n * units * n_ends <= _MANY_WEIGHTS), 1)
    usual = _usual_batch_size(n_rows, least=64, share=50)
    batch_size = _asked_batch_size(params, n_rows) or usual
    wanted = 12 * _times(meta["n_units_"] / 22, 1000 / n_rows)
    wanted = min(wanted, max(8, _MOST_STEPS * usual / n_rows))
    return {
        "model": "ensemble",
        "model__n_members": n_members,
        "model__hidden_layer_sizes": (units,),
        "model__dropout": 0.6,
        "model__smooth_clip": 1.5,
        "optimizer": "adam",
        "optimizer__learning_rate": 2e-3,
        "epochs": _epochs(wanted, usual, batch_size, n_rows),
        "batch_size": batch_size,
    }


def _image(params: Mapping[str, Any], meta: Mapping[str, Any]) -> Recipe:
    return {"model": "cnn", "epochs": 30, "optimizer": "adam"}


def _text(params: Mapping[str, Any], meta: Mapping[str, Any]) -> Recipe:
    return {"model": "text", "epochs": 20, "optimizer": "adam"}


_RECIPES: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Recipe]] = {
    "table": _table,
    "sparse": _sparse,
    "image": _image,
    "text": _text,
}


def _asked_batch_size(params: Mapping[str, Any], n_rows: int) -> int | None:
    """Return the rows per step that the user asks for, None where he leaves it open."""
    asked = params["batch_size"]
    return n_rows if asked == -1 else asked


def _usual_batch_size(n_rows: int, *, least: int, share: int) -> int:
    """Return one in ``share`` of the rows, within bounds."""
    return _between(least, n_rows // share, _between(256, n_rows // 400, 1024))


def _times(rarity: float, fewness: float) -> float:
    """Return how many times the usual epochs to take.

    The rarer labels are, the fewer rows have one of them; and the fewer rows, the sooner they are
    known by heart, though an epoch of them has fewer steps. Square roots of both suited parts of
    `emotions`, `slashdot` and `bibtex` of 100 to 5,400 rows.
    """
    return (max(1.0, rarity) * max(1.0, fewness)) ** 0.5


def _epochs(wanted: float, usual_batch_size: int, batch_size: int, n_rows: int) -> int:
    """Return the epochs of as many steps as those that are wanted of usual batches, to a limit.

    One batch of all rows has one number of epochs, so that a weight does what copies of a row do.
    """
    if batch_size >= n_rows:
        return _MOST_EPOCHS
    per_usual_step = batch_size / min(usual_batch_size, n_rows)
    return _between(1, math.ceil(wanted * per_usual_step), _MOST_EPOCHS)


def _units(usual: int, n_ends: int) -> int:
    """Return the units of a layer: fewer where it would have too many weights to its ends."""
    sizes = (usual, usual // 2, usual // 4, usual // 8)
    return next((units for units in sizes if units * n_ends <= _MOST_WEIGHTS), 16)


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))
