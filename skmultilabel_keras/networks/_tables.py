"""Networks for rows of features: tables, dense or sparse.

Owns: ``mlp`` and ``linear``, and the checks of their parameters.
Does not own: layers (``_layers``), which names they go by (the package itself).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from skmultilabel_keras.networks._layers import Dropout, FeatureScaler


def mlp(
    meta: Mapping[str, Any],
    *,
    hidden_layer_sizes: Sequence[int] = (100,),
    activation: str = "relu",
    dropout: float = 0.0,
    standardize: bool = True,
) -> keras.Model:
    """Multilayer perceptron.

    Parameters
    ----------
    meta : mapping
        See :mod:`skmultilabel_keras.networks`.
    hidden_layer_sizes : sequence of int, default=(100,)
        Units of each hidden layer; empty for none.
    activation : str, default="relu"
        Activation of the hidden layers, one of Keras' names.
    dropout : float, default=0.0
        Share of the hidden units dropped in each training step, in [0, 1).
    standardize : bool, default=True
        Whether inputs are standardised inside the network, with the statistics of the training
        rows: mean and standard deviation for dense inputs, the largest absolute value (and no
        shift) for sparse ones. Inputs of more than two dimensions get one mean and one scale.

    Returns
    -------
    keras.Model
        Network whose outputs are logits of shape ``(n_samples, meta["n_units_"])``.

    Examples
    --------
    >>> mlp({"X_shape_": (5, 3), "n_units_": 2}, hidden_layer_sizes=(8,)).output_shape
    (None, 2)
    """
    _check_mlp(hidden_layer_sizes, dropout)
    is_sparse = meta.get("X_sparse_", False)
    inputs = keras.Input(meta["X_shape_"][1:], sparse=is_sparse)
    x = FeatureScaler(shift=not is_sparse, name="scaler")(inputs) if standardize else inputs
    if len(inputs.shape) > 2:
        x = keras.layers.Flatten()(x)
    for units in hidden_layer_sizes:
        x = keras.layers.Dense(units, activation=activation)(x)
        if dropout:
            x = Dropout(dropout)(x)
    return keras.Model(inputs, keras.layers.Dense(meta["n_units_"], name="logits")(x))


def linear(meta: Mapping[str, Any], *, standardize: bool = True) -> keras.Model:
    """Return a network without hidden layer: one logistic regression per label.

    Parameters
    ----------
    meta : mapping
        See :mod:`skmultilabel_keras.networks`.
    standardize : bool, default=True
        As in :func:`mlp`.

    Returns
    -------
    keras.Model
        Network whose outputs are logits of shape ``(n_samples, meta["n_units_"])``.

    Examples
    --------
    >>> linear({"X_shape_": (5, 3), "n_units_": 2}).output_shape
    (None, 2)
    """
    return mlp(meta, hidden_layer_sizes=(), standardize=standardize)


def _check_mlp(hidden_layer_sizes: Any, dropout: Any) -> None:
    sizes = hidden_layer_sizes
    if not isinstance(sizes, (tuple, list, np.ndarray)) or not all(_is_size(n) for n in sizes):
        raise ValueError(
            "model__hidden_layer_sizes must be a tuple or list of integers of at least 1; got "
            f"{sizes!r}."
        )
    if not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
        raise ValueError(f"model__dropout must be a number in [0, 1); got {dropout!r}.")


def _is_size(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= 1
