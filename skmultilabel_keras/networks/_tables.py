"""Networks for rows of features: tables, dense or sparse.

Owns: ``mlp`` and ``linear``, the input that networks for tables share.
Does not own: layers (``_layers``), outputs (``_dense``), members (``_ensemble``), which names
networks go by (the package itself).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from skmultilabel_keras._intervals import check_number
from skmultilabel_keras.networks._checks import (
    check_choice,
    check_dense,
    check_flags,
    is_count,
)
from skmultilabel_keras.networks._dense import logits_layer
from skmultilabel_keras.networks._features import PiecewiseLinear, SmoothClip
from skmultilabel_keras.networks._layers import Dropout, FeatureScaler

_NORMALIZATIONS = {
    "batch": keras.layers.BatchNormalization,
    "layer": keras.layers.LayerNormalization,
}


def mlp(
    meta: Mapping[str, Any],
    *,
    hidden_layer_sizes: Sequence[int] = (100,),
    activation: Any = "relu",
    dropout: float = 0.0,
    normalization: str | None = None,
    residual: bool = False,
    l2: float = 0.0,
    prior_bias: bool = True,
    standardize: bool = True,
    smooth_clip: float | None = None,
    n_bins: int | None = None,
) -> keras.Model:
    """Multilayer perceptron.

    Parameters
    ----------
    meta : mapping
        See :mod:`skmultilabel_keras.networks`.
    hidden_layer_sizes : sequence of int, default=(100,)
        Units of each hidden layer; empty for none.
    activation : str or callable, default="relu"
        Activation of the hidden layers, one of Keras' names.
    dropout : float, default=0.0
        Share of the hidden units dropped in each training step, in [0, 1).
    normalization : {"batch", "layer"} or None, default=None
        Whether hidden units are normalised before their activation: each over the rows of a batch,
        or all of a row together.
    residual : bool, default=False
        Whether each hidden layer after the first adds its input to its output, through a linear
        map where their sizes differ.
    l2 : float, default=0.0
        Factor of the sum of the squared weights, biases left out, that is added to the loss.
    prior_bias : bool, default=True
        Whether the biases of the outputs start at the logits of the label priors, see
        :class:`LabelPrior`, or at zero.
    standardize : bool, default=True
        Whether inputs are standardised inside the network, with the statistics of the training
        rows: mean and standard deviation for dense inputs, the geometric mean of the sizes of
        what is not zero (and no shift) for sparse ones. Inputs of more than two dimensions get one
        mean and one scale.
    smooth_clip : float or None, default=None
        Size that features, standardised if that is asked for, approach but never exceed, see
        :class:`SmoothClip`. None leaves outliers, and large counts of sparse rows, as they are.
    n_bins : int or None, default=None
        The most bins, 2 or more, by which dense features are encoded beside what they are, see
        :class:`PiecewiseLinear`: their edges are quantiles of the training rows. Each feature adds
        this many inputs to the first layer. None for no encoding, as sparse rows and inputs of
        more than two dimensions need it.

    Returns
    -------
    keras.Model
        Network whose outputs are logits of shape ``(n_samples, meta["n_units_"])``.

    Raises
    ------
    ValueError
        For a parameter that is none of these, and for bins of sparse rows or of inputs of more
        than two dimensions.

    Examples
    --------
    >>> mlp({"X_shape_": (5, 3), "n_units_": 2}, hidden_layer_sizes=(8,)).output_shape
    (None, 2)
    """
    activation = check_dense(hidden_layer_sizes, activation, dropout, prior_bias)
    check_number("model__l2", l2, 0)
    check_flags(residual=residual)
    check_choice("normalization", normalization, (*_NORMALIZATIONS, None))
    inputs, x = table_input(meta, standardize=standardize, smooth_clip=smooth_clip, n_bins=n_bins)
    penalty = keras.regularizers.L2(float(l2)) if l2 else None
    for number, units in enumerate(map(int, hidden_layer_sizes)):
        before = x
        x = _hidden(x, units, activation, normalization, penalty)
        if dropout:
            x = Dropout(dropout)(x)
        if residual and number:
            x = keras.layers.Add()([x, _of_size(before, units, penalty)])
    return keras.Model(inputs, logits_layer(meta, prior_bias=prior_bias, penalty=penalty)(x))


def linear(
    meta: Mapping[str, Any],
    *,
    l2: float = 0.0,
    prior_bias: bool = True,
    standardize: bool = True,
    smooth_clip: float | None = None,
    n_bins: int | None = None,
) -> keras.Model:
    """Return a network without hidden layer: one logistic regression per label.

    Parameters
    ----------
    meta : mapping
        See :mod:`skmultilabel_keras.networks`.
    l2 : float, default=0.0
        As in :func:`mlp`.
    prior_bias : bool, default=True
        As in :func:`mlp`.
    standardize : bool, default=True
        As in :func:`mlp`.
    smooth_clip : float or None, default=None
        As in :func:`mlp`.
    n_bins : int or None, default=None
        As in :func:`mlp`. With bins, the logit of a label is a sum of one piecewise linear function
        of each feature.

    Returns
    -------
    keras.Model
        Network whose outputs are logits of shape ``(n_samples, meta["n_units_"])``.

    Examples
    --------
    >>> linear({"X_shape_": (5, 3), "n_units_": 2}).output_shape
    (None, 2)
    """
    return mlp(
        meta,
        hidden_layer_sizes=(),
        l2=l2,
        prior_bias=prior_bias,
        standardize=standardize,
        smooth_clip=smooth_clip,
        n_bins=n_bins,
    )


def table_input(
    meta: Mapping[str, Any], *, standardize: bool, smooth_clip: float | None, n_bins: int | None
) -> tuple[Any, Any]:
    """Return an input for rows of features, and the rows: flat, with what is asked for done."""
    check_flags(standardize=standardize)
    _check_clip(smooth_clip)
    _check_bins(n_bins, meta)
    is_sparse = meta.get("X_sparse_", False)
    inputs = keras.Input(meta["X_shape_"][1:], sparse=is_sparse)
    x = FeatureScaler(shift=not is_sparse, name="scaler")(inputs) if standardize else inputs
    if smooth_clip is not None:
        x = SmoothClip(smooth_clip, name="clip")(x)
    if n_bins is not None:
        # Not standardised, which was measured to be worse.
        x = keras.layers.Concatenate()([x, PiecewiseLinear(int(n_bins), name="bins")(inputs)])
    return inputs, keras.layers.Flatten()(x) if len(inputs.shape) > 2 else x


def _check_clip(smooth_clip: Any) -> None:
    """Raise unless features can be clipped at this."""
    if smooth_clip is not None:
        hint = "With None nothing is clipped."
        check_number("model__smooth_clip", smooth_clip, 0, above=True, hint=hint)


def _check_bins(n_bins: Any, meta: Mapping[str, Any]) -> None:
    """Raise unless rows like these can be encoded by this many bins."""
    if n_bins is None:
        return
    if not is_count(n_bins) or n_bins < 2:
        raise ValueError(f"model__n_bins must be None or an integer of at least 2; got {n_bins!r}.")
    if meta.get("X_sparse_", False):
        raise ValueError(
            "model__n_bins must be None for sparse X, whose zeros would become other numbers; got "
            f"{n_bins!r}. Pass X.toarray() to encode features by bins."
        )
    if len(meta["X_shape_"]) > 2:
        raise ValueError(
            "model__n_bins must be None for X of more than two dimensions, whose numbers are no "
            f"features with bins of their own; got {n_bins!r}. Pass X.reshape(len(X), -1) to take "
            "them for features."
        )


def _hidden(x: Any, units: int, activation: Any, normalization: str | None, penalty: Any) -> Any:
    """Return the output of a hidden layer."""
    if normalization is None:
        return keras.layers.Dense(units, activation=activation, kernel_regularizer=penalty)(x)
    x = keras.layers.Dense(units, use_bias=False, kernel_regularizer=penalty)(x)
    return keras.layers.Activation(activation)(_NORMALIZATIONS[normalization]()(x))


def _of_size(x: Any, units: int, penalty: Any) -> Any:
    """Return ``x``, or a linear map of it where it does not have this many units."""
    if x.shape[-1] == units:
        return x
    return keras.layers.Dense(units, use_bias=False, kernel_regularizer=penalty)(x)
