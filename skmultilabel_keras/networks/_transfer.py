"""Networks on top of one that was trained elsewhere.

Owns: ``transfer``.
Does not own: backbones and their weights (``_backbones``), layers (``_backbone_layers``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from skmultilabel_keras._intervals import check_number, is_real
from skmultilabel_keras.networks._augmentation import augmentation_layer
from skmultilabel_keras.networks._backbone_layers import (
    BackboneInput,
    FineTuned,
    FrozenFeatures,
    InferenceMode,
)
from skmultilabel_keras.networks._backbones import (
    build_application,
    copy_backbone,
    find_application,
    preprocessing_of,
)
from skmultilabel_keras.networks._checks import check_choice, check_dense, is_count
from skmultilabel_keras.networks._dense import dense_head
from skmultilabel_keras.networks._features import PiecewiseLinear
from skmultilabel_keras.networks._images import POOLINGS, image_shape, pool, with_channels
from skmultilabel_keras.networks._layers import FeatureScaler

_MODES = ("tf", "torch", "caffe", "none")
_OF_COLOURS = ("torch", "caffe")  # these have a mean for each


def transfer(
    meta: Mapping[str, Any],
    *,
    backbone: str | keras.Model = "MobileNetV2",
    weights: Any = None,
    backbone_options: Mapping[str, Any] | None = None,
    image_size: int | Sequence[int] | None = None,
    pixel_range: Sequence[float] | None = None,
    preprocessing: str | None = None,
    trainable_layers: int = 0,
    backbone_rate: float = 0.1,
    pooling: str = "average",
    hidden_layer_sizes: Sequence[int] = (),
    activation: Any = "relu",
    dropout: float = 0.0,
    augmentation: Mapping[str, Any] | None = None,
    prior_bias: bool = True,
) -> keras.Model:
    """Return dense layers on top of a network for images that was trained elsewhere.

    Parameters
    ----------
    meta : mapping
        See :mod:`skmultilabel_keras.networks`. Rows are images of shape (height, width) or
        (height, width, channels), with one or three channels.
    backbone : str or keras.Model, default="MobileNetV2"
        A network of ``keras.applications`` by name, taken without its last layers, or a Keras
        model that takes images; a model is copied with its weights for each fit.
    weights : str, path or None, default=None
        Weights of the backbone: a file that Keras wrote; "imagenet" for the one that Keras
        downloads; None for random ones, or those of a Keras model.
    backbone_options : mapping, default=None
        Further arguments of the function of ``keras.applications``: ``{"alpha": 0.35}``.
    image_size : int or tuple of int, default=None
        Height and width to which images are resized for the backbone. None leaves them, unless a
        Keras model takes one size only.
    pixel_range : tuple of float, default=None
        What is black and what is white in ``X``. None takes (0, 255) for integers, (0, 1) for
        floats and booleans.
    preprocessing : {"tf", "torch", "caffe", "none"}, default=None
        What the backbone expects of pixels: from -1 to 1 ("tf"), standardised by the means and
        standard deviations of ImageNet ("torch"), blue first less the means of ImageNet ("caffe"),
        or from 0 to 255 ("none"). None takes what the application needs. A Keras model needs a
        value.
    trainable_layers : int, default=0
        How many of the backbone's last layers with weights are trained; -1 for all. The
        ``trainable`` of a Keras model and of its layers has no effect.
    backbone_rate : float, default=0.1
        Learning rate of these layers, as a share of that of the dense layers.
    pooling : {"average", "max", "flatten"}, default="average"
        What becomes of the backbone's output: the average or the maximum of each filter over all
        pixels, or all of its numbers.
    hidden_layer_sizes : sequence of int, default=()
        Units of each dense layer before the outputs; empty for none.
    activation : str or callable, default="relu"
        Activation of these layers, one of Keras' names or a function.
    dropout : float, default=0.0
        Share of what goes into each dense layer that is dropped in each training step, in [0, 1).
    augmentation : mapping of str to value, default=None
        Random changes of the training images, as in :func:`cnn`.
    prior_bias : bool, default=True
        As in :func:`mlp`.

    Returns
    -------
    keras.Model
        Network whose outputs are logits of shape ``(n_samples, meta["n_units_"])``.

    Raises
    ------
    ValueError
        For rows that are no images, an unknown backbone, images too small for it, weights that
        are missing or do not fit, or parameters out of range.

    Notes
    -----
    The backbone always computes as in prediction: its batch normalisation uses the statistics
    that it came with, and its dropout drops nothing. With ``trainable_layers=0`` and no
    augmentation its features are computed once for each fit.

    Examples
    --------
    >>> meta = {"X_shape_": (5, 32, 32, 3), "n_units_": 2}
    >>> transfer(meta, backbone_options={"alpha": 0.35}).output_shape
    (None, 2)
    """
    check_choice("pooling", pooling, POOLINGS)
    check_number("model__backbone_rate", backbone_rate, 0, 1, above=True)
    activation = check_dense(hidden_layer_sizes, activation, dropout, prior_bias)
    # All values of a network that is restored are put in place afterwards.
    saved = None if meta.get("is_restored_", False) else weights
    found = _find_backbone(meta, backbone, saved, backbone_options, _read_size(image_size))
    is_trained = _freeze(found.network, trainable_layers)
    inputs = keras.Input(meta["X_shape_"][1:])
    x = with_channels(inputs)
    change = augmentation_layer(augmentation)
    if change is not None:
        x = change(x)
    x = BackboneInput(
        found.size,
        found.channels,
        _read_range(pixel_range, meta.get("X_dtype_", np.float32)),
        _read_preprocessing(preprocessing, backbone, found.channels),
        name="pixels",
    )(x)
    x = InferenceMode(found.network, rate=float(backbone_rate), name="backbone")(x)
    x = pool(x, pooling) if len(x.shape) == 4 else keras.layers.Flatten()(x)
    if not is_trained and change is None:
        x = FrozenFeatures(name="features")(x)
    outputs = dense_head(
        x,
        meta,
        hidden_layer_sizes=hidden_layer_sizes,
        activation=activation,
        dropout=dropout,
        prior_bias=prior_bias,
    )
    kind = FineTuned if is_trained and backbone_rate != 1 else keras.Model
    return kind(inputs, outputs)


class _Backbone(NamedTuple):
    network: keras.Model
    size: tuple[int, int]
    channels: int


def _find_backbone(
    meta: Mapping[str, Any],
    backbone: Any,
    weights: Any,
    options: Mapping[str, Any] | None,
    asked_size: tuple[int, int] | None,
) -> _Backbone:
    """Return the backbone for images like these, and the images that it takes."""
    height, width, channels = image_shape(meta, "transfer")
    size = (height, width) if asked_size is None else asked_size
    if isinstance(backbone, str):
        taken = 3
        _check_channels(channels, taken, meta)
        network = build_application(backbone, size, weights, options)
    elif isinstance(backbone, keras.Model):
        if options is not None:
            raise ValueError(
                "model__backbone_options must be None for a Keras model as model__backbone; got "
                f"{options!r}."
            )
        network = copy_backbone(backbone, weights)
        rows, columns, taken = network.inputs[0].shape[1:]
        own = (rows or size[0], columns or size[1])
        if asked_size not in (None, own):
            raise ValueError(
                f"model__image_size must be {own}, the size that the backbone takes; got "
                f"{asked_size}."
            )
        size, taken = own, taken or channels
        _check_channels(channels, taken, meta)
    else:
        raise ValueError(
            "model__backbone must be the name of a network of keras.applications or a Keras "
            f"model; got {backbone!r}."
        )
    return _Backbone(network, size, taken)


def _freeze(network: keras.Model, n_layers: Any) -> bool:
    """Freeze all but the last layers of a backbone; tell whether any is trained."""
    if n_layers != -1 and not (is_count(n_layers) or (is_real(n_layers) and n_layers == 0)):
        raise ValueError(
            "model__trainable_layers must be an integer of at least 0, or -1 for all layers; got "
            f"{n_layers!r}."
        )
    parts = list(network._flatten_layers())
    for part in parts:  # one by one: Keras leaves out those of a network that is trainable itself
        part.trainable = True
    for part in parts:
        if isinstance(part, (FeatureScaler, PiecewiseLinear)):
            part.trainable = False  # keeps the statistics that the backbone was trained with
    layers = [layer for layer in network.layers if layer.trainable_weights]
    if n_layers > len(layers):
        raise ValueError(
            f"model__trainable_layers must be at most {len(layers)}, the layers of the backbone "
            f"that have weights, or -1 for all; got {n_layers!r}."
        )
    if n_layers == 0:
        network.trainable = False
    elif n_layers > 0:
        for layer in layers[: len(layers) - int(n_layers)]:
            layer.trainable = False
    return bool(network.trainable_weights)


def _read_size(image_size: Any) -> tuple[int, int] | None:
    if image_size is None:
        return None
    sizes = (image_size, image_size) if is_count(image_size) else image_size
    if (
        isinstance(sizes, (tuple, list, np.ndarray))
        and len(sizes) == 2
        and all(map(is_count, sizes))
    ):
        return int(sizes[0]), int(sizes[1])
    raise ValueError(
        "model__image_size must be None, an integer of at least 1, or two of them, height and "
        f"width; got {image_size!r}."
    )


def _read_range(pixel_range: Any, dtype: Any) -> tuple[float, float]:
    """Return what is black and what is white in the rows."""
    if pixel_range is None:
        return (0.0, 255.0) if np.dtype(dtype).kind in "iu" else (0.0, 1.0)
    values = pixel_range if isinstance(pixel_range, (tuple, list, np.ndarray)) else ()
    if len(values) != 2 or not all(is_real(v) and math.isfinite(v) for v in values):
        raise ValueError(
            "model__pixel_range must be None or two numbers, what is black and what is white in X: "
            f"(0, 255) say; got {pixel_range!r}."
        )
    if values[0] == values[1]:
        raise ValueError(
            f"model__pixel_range must have two numbers that differ; got {pixel_range!r}."
        )
    return float(values[0]), float(values[1])


def _read_preprocessing(preprocessing: Any, backbone: Any, channels: int) -> str:
    """Return what becomes of pixels before they reach the backbone."""
    if preprocessing is not None:
        check_choice("preprocessing", preprocessing, _MODES)
        if preprocessing in _OF_COLOURS and channels != 3:
            raise ValueError(
                f"model__preprocessing={preprocessing!r} is for backbones that take three colours; "
                f"this one takes {channels} channel(s). Take 'tf' or 'none'."
            )
        return str(preprocessing)
    if isinstance(backbone, str):
        return preprocessing_of(find_application(backbone)) or "none"
    raise ValueError(
        "model__preprocessing must say what a Keras model as model__backbone expects of pixels: "
        f"one of {', '.join(map(repr, _MODES))}; got None. 'none' leaves them from 0 to 255, for "
        "a network that scales them itself."
    )


def _check_channels(channels: int, taken: int, meta: Mapping[str, Any]) -> None:
    if channels in (1, taken):
        return
    remedy = "Drop the alpha channel, X[..., :3]" if (channels, taken) == (4, 3) else "Change X"
    raise ValueError(
        f"The backbone takes images of {taken} channel(s), or gray ones; got X of shape "
        f"{tuple(meta['X_shape_'])}. {remedy}, or pass a Keras model that takes such images as "
        "model__backbone."
    )
