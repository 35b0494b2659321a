"""The convolutional network for images.

Owns: ``cnn``, pooling, the checks of image shapes.
Does not own: dense layers (``_dense``), networks that were trained elsewhere (``_transfer``),
random changes of images (``_augmentation``).

Images are rows of shape (height, width) or (height, width, channels), of any numeric dtype.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from skmultilabel_keras.networks._augmentation import augmentation_layer
from skmultilabel_keras.networks._checks import (
    check_choice,
    check_counts,
    check_dense,
    check_flags,
    is_count,
)
from skmultilabel_keras.networks._dense import dense_head
from skmultilabel_keras.networks._layers import FeatureScaler

# Blocks are added while what comes out has so many pixels at least along its smaller side.
_SMALLEST_SIDE = 4
_FIRST_FILTERS, _MOST_FILTERS = 32, 256

POOLINGS = {
    "flatten": keras.layers.Flatten,
    "average": keras.layers.GlobalAveragePooling2D,
    "max": keras.layers.GlobalMaxPooling2D,
}


def cnn(
    meta: Mapping[str, Any],
    *,
    filters: Sequence[int | Sequence[int]] | None = None,
    kernel_size: int = 3,
    pool_size: int = 2,
    batch_normalization: bool = False,
    pooling: str = "flatten",
    hidden_layer_sizes: Sequence[int] = (100,),
    activation: Any = "relu",
    dropout: float = 0.0,
    augmentation: Mapping[str, Any] | None = None,
    prior_bias: bool = True,
    standardize: bool = True,
) -> keras.Model:
    """Convolutional network for images.

    Parameters
    ----------
    meta : mapping
        See :mod:`skmultilabel_keras.networks`. Rows are images of shape (height, width) or
        (height, width, channels).
    filters : sequence of int or of sequences of int, default=None
        One entry for each block: the number of filters of its convolution, or of each of several;
        a block ends in max-pooling. None takes 32, 64, 128, 256, 256, ... for as many blocks as
        leave at least 4 pixels along the smaller side: 32 and 64 for images of 28 x 28, five
        blocks for 224 x 224.
    kernel_size : int, default=3
        Side of the filters, in pixels. The images' edges are padded with zeros.
    pool_size : int, default=2
        Side of what max-pooling makes one pixel of; 1 for none.
    batch_normalization : bool, default=False
        Whether each convolution is followed by batch normalisation.
    pooling : {"flatten", "average", "max"}, default="flatten"
        What becomes of the last block's output: all of its numbers, or the average or the maximum
        of each filter over all pixels.
    hidden_layer_sizes : sequence of int, default=(100,)
        Units of each dense layer behind it; empty for none.
    activation : str or callable, default="relu"
        Activation of convolutions and dense layers, one of Keras' names or a function.
    dropout : float, default=0.0
        Share of what goes into each dense layer that is dropped in each training step, in [0, 1).
    augmentation : mapping of str to value, default=None
        Random changes of the training images, the arguments of :class:`Augmentation`:
        ``{"flip": "horizontal", "shift": 0.1, "rotation": 10}``.
    prior_bias : bool, default=True
        As in :func:`mlp`.
    standardize : bool, default=True
        Whether one mean is subtracted from all pixels and they are divided by one standard
        deviation, those of the training rows. So images of uint8 and the same numbers as floats
        give the same network, and the unit of the pixels does not matter.

    Returns
    -------
    keras.Model
        Network whose outputs are logits of shape ``(n_samples, meta["n_units_"])``.

    Raises
    ------
    ValueError
        For rows that are no images, images too small for the pooling, or parameters out of range.

    Examples
    --------
    >>> cnn({"X_shape_": (5, 28, 28), "n_units_": 2}).output_shape
    (None, 2)
    """
    height, width, _ = image_shape(meta, "cnn")
    check_counts(kernel_size=kernel_size, pool_size=pool_size)
    kernel_size, pool_size = int(kernel_size), int(pool_size)
    blocks = _read_blocks(filters, min(height, width), pool_size)
    _check_size(height, width, blocks, pool_size)
    check_choice("pooling", pooling, POOLINGS)
    check_flags(standardize=standardize, batch_normalization=batch_normalization)
    activation = check_dense(hidden_layer_sizes, activation, dropout, prior_bias)
    inputs = keras.Input(meta["X_shape_"][1:])
    x = with_channels(inputs)
    if standardize:
        x = FeatureScaler(name="scaler")(x)
    change = augmentation_layer(augmentation)
    if change is not None:
        x = change(x)
    for block in blocks:
        for n_filters in map(int, block):
            x = _convolve(x, n_filters, kernel_size, activation, normalize=batch_normalization)
        if pool_size > 1:
            x = keras.layers.MaxPooling2D(pool_size)(x)
    outputs = dense_head(
        pool(x, pooling),
        meta,
        hidden_layer_sizes=hidden_layer_sizes,
        activation=activation,
        dropout=dropout,
        prior_bias=prior_bias,
    )
    return keras.Model(inputs, outputs)


def pool(x: Any, pooling: str) -> Any:
    """Return features of shape (n, n_features) for what convolutions made of images."""
    return POOLINGS[pooling]()(x)


def image_shape(meta: Mapping[str, Any], network: str) -> tuple[int, int, int]:
    """Return height, width and channels of the rows.

    Raises
    ------
    ValueError
        If the rows are no images, or their channels come first.
    """
    shape = tuple(meta["X_shape_"])
    if len(shape) not in (3, 4):
        dense = "X.toarray()" if meta.get("X_sparse_", False) else "X"
        raise ValueError(
            f"model={network!r} takes images, X of shape (n, height, width) or (n, height, width, "
            f"channels); got shape {shape}. Reshape rows of pixels, {dense}.reshape(-1, 28, 28) "
            "say, or take model='mlp'."
        )
    height, width, channels = (*shape[1:], 1)[:3]
    if len(shape) == 4 and height in (1, 3, 4) and height < min(width, channels):
        raise ValueError(
            f"model={network!r} takes images of shape (n, height, width, channels); got shape "
            f"{shape}. It seems that channels come first: pass numpy.moveaxis(X, 1, -1)."
        )
    return height, width, channels


def with_channels(inputs: Any) -> Any:
    """Return images of shape (n, height, width, channels) for an input without channels too."""
    if len(inputs.shape) == 4:
        return inputs
    return keras.layers.Reshape((*inputs.shape[1:], 1))(inputs)


def _read_blocks(filters: Any, side: int, pool_size: int) -> list[list[int]]:
    """Return the numbers of filters of each block's convolutions."""
    if filters is None:
        n_blocks = 1
        while pool_size > 1 and side // pool_size ** (n_blocks + 1) >= _SMALLEST_SIDE:
            n_blocks += 1
        return [[min(_FIRST_FILTERS * 2**number, _MOST_FILTERS)] for number in range(n_blocks)]
    sequence = (tuple, list, np.ndarray)
    if isinstance(filters, sequence):
        blocks = [list(block) if isinstance(block, sequence) else [block] for block in filters]
        if blocks and all(block and all(map(is_count, block)) for block in blocks):
            return blocks
    raise ValueError(
        "model__filters must be None or a tuple or list that has, for each block, a number of "
        f"filters or a list of such numbers, all of at least 1; got {filters!r}."
    )


def _check_size(height: int, width: int, blocks: Sequence[Any], pool_size: int) -> None:
    """Raise if pooling leaves nothing of an image."""
    least = pool_size ** len(blocks)
    if min(height, width) < least:
        fewer = "Give model__filters fewer entries, lower" if len(blocks) > 1 else "Lower"
        raise ValueError(
            f"model='cnn' got images of {height} x {width} pixels, but {len(blocks)} block(s) with "
            f"model__pool_size={pool_size} need at least {least} x {least}. {fewer} "
            "model__pool_size, or enlarge the images."
        )


def _convolve(x: Any, n_filters: int, kernel_size: int, activation: Any, *, normalize: bool) -> Any:
    convolution = keras.layers.Conv2D(
        n_filters,
        kernel_size,
        padding="same",
        use_bias=not normalize,
        activation=None if normalize else activation,
    )
    if not normalize:
        return convolution(x)
    return keras.layers.Activation(activation)(keras.layers.BatchNormalization()(convolution(x)))
