"""Built-in networks: functions ``(meta, ...) -> keras.Model``, the same kind users write.

Owns: the networks that ``model=`` knows by name, and the layer that standardises their inputs.
Does not own: compiling, losses, or the reading of outputs (``_heads``). Networks end without
activation: their outputs are logits.

``meta`` holds what is known of the data, under SciKeras' names: ``n_features_in_``, ``X_shape_``,
``n_classes_``, ``target_type_`` and others, and ``n_units_``, the number of outputs wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from skmultilabel_keras._validation import nearest_names


@keras.saving.register_keras_serializable("skmultilabel_keras")
class FeatureScaler(keras.layers.Layer):
    """Subtract a mean from the features and divide by a scale, both set once before training.

    Parameters
    ----------
    **kwargs : dict
        Passed to ``keras.layers.Layer``.

    Notes
    -----
    Inputs of shape (n_samples, n_features) have a mean and a scale for each feature. Inputs with
    more dimensions, images say, have one mean and one scale: a pixel that hardly ever varies
    must not be blown up.

    Examples
    --------
    >>> import numpy as np
    >>> scaler = FeatureScaler()
    >>> scaler.build((None, 2))
    >>> scaler.set_statistics(np.array([1.0, 0.0]), np.array([2.0, 1.0]))
    >>> scaler(np.array([[3.0, 4.0]])).numpy().tolist()
    [[1.0, 4.0]]
    """

    def __init__(self, **kwargs: Any) -> None:
        # In float32 whatever the policy: half precision overflows for unscaled features.
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the statistics, which leave inputs as they are until they are set."""
        shape = tuple(input_shape[1:]) if len(input_shape) == 2 else ()
        self.mean = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones", trainable=False)

    def set_statistics(self, mean: np.ndarray, scale: np.ndarray) -> None:
        """Set the mean and the scale, each of shape (n_features,) or () for images."""
        self.mean.assign(mean)
        self.scale.assign(scale)

    def call(self, inputs: Any) -> Any:
        """Return the standardised inputs."""
        return (inputs - self.mean) / self.scale


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
        See the module's docstring.
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
    inputs = keras.Input(meta["X_shape_"][1:])
    x = FeatureScaler(name="scaler")(inputs) if standardize else inputs
    if len(inputs.shape) > 2:
        x = keras.layers.Flatten()(x)
    for units in hidden_layer_sizes:
        x = keras.layers.Dense(units, activation=activation)(x)
        if dropout:
            x = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, keras.layers.Dense(meta["n_units_"], name="logits")(x))


def linear(meta: Mapping[str, Any], *, standardize: bool = True) -> keras.Model:
    """Return a network without hidden layer: one logistic regression per label.

    Parameters
    ----------
    meta : mapping
        See the module's docstring.
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


NETWORKS: dict[str, Callable[..., keras.Model]] = {"auto": mlp, "mlp": mlp, "linear": linear}


def resolve_network(name: str) -> Callable[..., keras.Model]:
    """Return the built-in network of this name.

    Raises
    ------
    ValueError
        For an unknown name, with the nearest known ones.

    Examples
    --------
    >>> resolve_network("mlp") is mlp
    True
    """
    if name not in NETWORKS:
        raise ValueError(
            "model must be the name of a built-in network, a function or a Keras model; got "
            f"{name!r}. {nearest_names(name, NETWORKS)}"
        )
    return NETWORKS[name]


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
