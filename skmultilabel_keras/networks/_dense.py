"""The ends of built-in networks: dense layers, and the outputs.

Owns: layers from features to logits, as several networks have them.
Does not own: what makes the features (the networks' own modules), checks (``_checks``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from skmultilabel_keras.networks._initializers import LabelPrior
from skmultilabel_keras.networks._layers import Dropout


def dense_head(
    x: Any,
    meta: Mapping[str, Any],
    *,
    hidden_layer_sizes: Sequence[int],
    activation: Any,
    dropout: float,
    prior_bias: bool,
) -> Any:
    """Return the logits that dense layers make of features, with dropout before each of them."""
    for units in map(int, hidden_layer_sizes):
        x = Dropout(dropout)(x) if dropout else x
        x = keras.layers.Dense(units, activation=activation)(x)
    x = Dropout(dropout)(x) if dropout else x
    return logits_layer(meta, prior_bias=prior_bias)(x)


def logits_layer(
    meta: Mapping[str, Any], *, prior_bias: bool, penalty: Any = None
) -> keras.layers.Dense:
    """Return the output layer of a network, whose biases start at the label priors or at zero."""
    return keras.layers.Dense(
        meta["n_units_"],
        bias_initializer=LabelPrior() if prior_bias else "zeros",
        kernel_regularizer=penalty,
        name="logits",
    )
