"""Images that are changed at random in training.

Owns: the layer, and how a network's parameter ``augmentation`` becomes one.
Does not own: networks (``_images``, ``_transfer``).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from skmultilabel_keras._intervals import check_number
from skmultilabel_keras._validation import nearest_names
from skmultilabel_keras.networks._layers import _random_bits

# Random numbers for each image: flips along both axes, shifts along both, rotation, zoom,
# brightness, contrast, saturation. How many are used has no effect on the others.
_N_DRAWS = 9


@keras.saving.register_keras_serializable("skmultilabel_keras")
class Augmentation(keras.layers.Layer):
    """Change images at random in training; pass them on in prediction.

    Parameters
    ----------
    flip : {"horizontal", "vertical", "both"} or None, default=None
        Along which axes an image is mirrored, each with probability one half.
    shift : float, default=0.0
        Most that an image is moved along each axis, as a share of its size along it.
    rotation : float, default=0.0
        Most that an image is turned about its centre, in degrees.
    zoom : float, default=0.0
        Most that an image is enlarged or made smaller: 0.2 for factors from 0.8 to 1.2.
    brightness : float, default=0.0
        Most that is added to all values of an image or taken from them, in standard deviations of
        its own values.
    contrast : float, default=0.0
        Most that the distances from the mean of an image change: 0.2 for factors from 0.8 to 1.2.
    saturation : float, default=0.0
        The same for the distances from the mean of the channels of each pixel.
    seed : int or None, default=None
        Seed of the random numbers. None draws one from Python's ``random``, as Keras does.
    **kwargs : dict
        Passed to ``keras.layers.Layer``.

    Raises
    ------
    ValueError
        For a number that is negative or not finite, a share above 1, or an unknown ``flip``.

    Notes
    -----
    All changes of place are one map of the pixels, read by bilinear interpolation; where it looks
    beyond the image it finds the nearest pixel of its edge. Numbers are uniform within their
    bounds. Changes of colour are relative to the image's own values, so that they mean the same
    for values from 0 to 255, from 0 to 1 and for standardised ones; results may leave that range.

    Random numbers are hashes as in :class:`Dropout`: equal seeds give equal images, compiled or
    not.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Augmentation(flip="horizontal", seed=4)
    >>> images = np.arange(8, dtype="float32").reshape(4, 1, 2, 1)
    >>> layer(images, training=True)[:, 0, :, 0].numpy().tolist()
    [[1.0, 0.0], [3.0, 2.0], [4.0, 5.0], [6.0, 7.0]]
    >>> bool((layer(images).numpy() == images).all())
    True
    """

    def __init__(
        self,
        *,
        flip: str | None = None,
        shift: float = 0.0,
        rotation: float = 0.0,
        zoom: float = 0.0,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if flip not in (None, "horizontal", "vertical", "both"):
            raise ValueError(
                f"flip must be 'horizontal', 'vertical', 'both' or None; got {flip!r}."
            )
        self.flip = flip
        self.shift = check_number("shift", shift, 0, 1)
        self.rotation = check_number("rotation", rotation, 0, 180)
        self.zoom = check_number("zoom", zoom, 0, 0.99)
        self.brightness = check_number("brightness", brightness, 0)
        self.contrast = check_number("contrast", contrast, 0, 1)
        self.saturation = check_number("saturation", saturation, 0, 1)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        """Return the images, in training changed at random.

        Parameters
        ----------
        inputs : tensor of shape (n, height, width, channels)
            Images.
        training : bool, default=False
            Whether they are changed.

        Returns
        -------
        tensor of shape (n, height, width, channels)
            In the layer's dtype.
        """
        images = keras.ops.cast(inputs, self.compute_dtype)
        if not training:
            return images
        n_images = keras.ops.shape(images)[0]
        bits = _random_bits(self.seed_generator.next(), n_images * _N_DRAWS)
        # 24 bits are what float32 can hold.
        upper = keras.ops.cast(keras.ops.right_shift(bits, np.uint32(8)), "float32")
        draws = keras.ops.reshape(upper * 2.0**-24, (n_images, _N_DRAWS))
        columns = [draws[:, number] for number in range(_N_DRAWS)]
        if self.flip or self.shift or self.rotation or self.zoom:
            images = self._move(images, columns[:6])
        return self._recolor(images, columns[6:])

    def _move(self, images: Any, draws: Sequence[Any]) -> Any:
        """Mirror, shift, turn and enlarge images by one map of their pixels."""
        height, width = images.shape[1:3]
        mirror = [
            keras.ops.where(draw < 0.5, -1.0, 1.0) if self.flip in (axis, "both") else 1.0
            for axis, draw in zip(("horizontal", "vertical"), draws, strict=False)
        ]
        angle = _around_zero(draws[4], math.radians(self.rotation))
        scale = 1.0 / (1.0 + _around_zero(draws[5], self.zoom))
        cosine, sine = keras.ops.cos(angle) * scale, keras.ops.sin(angle) * scale
        # From a pixel of the result to where its value is read.
        a0, a1 = cosine * mirror[0], -sine * mirror[0]
        b0, b1 = sine * mirror[1], cosine * mirror[1]
        x, y = (width - 1) / 2, (height - 1) / 2
        a2 = x - a0 * x - a1 * y + _around_zero(draws[2], self.shift * width)
        b2 = y - b0 * x - b1 * y + _around_zero(draws[3], self.shift * height)
        zeros = keras.ops.zeros_like(a0)
        return keras.ops.image.affine_transform(
            images,
            keras.ops.stack([a0, a1, a2, b0, b1, b2, zeros, zeros], axis=1),
            interpolation="bilinear",
            fill_mode="nearest",
            data_format="channels_last",
        )

    def _recolor(self, images: Any, draws: Sequence[Any]) -> Any:
        """Change saturation, contrast and brightness."""
        brightness, contrast, saturation = (
            keras.ops.cast(keras.ops.reshape(draw, (-1, 1, 1, 1)), images.dtype) for draw in draws
        )
        if self.saturation and images.shape[-1] > 1:
            gray = keras.ops.mean(images, axis=-1, keepdims=True)
            images += (images - gray) * _around_zero(saturation, self.saturation)
        if self.contrast or self.brightness:
            mean, variance = keras.ops.moments(images, axes=[1, 2, 3], keepdims=True)
            shift = keras.ops.sqrt(variance) * _around_zero(brightness, self.brightness)
            images += (images - mean) * _around_zero(contrast, self.contrast) + shift
        return images

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the inputs' own shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {name: getattr(self, name) for name in _AUGMENTATIONS}
        return {**super().get_config(), **own, "seed": self.seed}


# What an augmentation is made of.
_AUGMENTATIONS = tuple(
    name
    for name, parameter in inspect.signature(Augmentation.__init__).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and name != "seed"
)


def augmentation_layer(augmentation: Any) -> Augmentation | None:
    """Return the layer for a network's parameter ``augmentation``, None if nothing is changed.

    Raises
    ------
    ValueError
        For anything that is no mapping of the layer's arguments, and for values out of range.
    """
    if augmentation is None:
        return None
    if not isinstance(augmentation, Mapping):
        raise ValueError(
            "model__augmentation must be None or a dict of "
            f"{', '.join(_AUGMENTATIONS)}; got {augmentation!r}."
        )
    for name in augmentation:
        if name not in _AUGMENTATIONS:
            raise ValueError(
                f"model__augmentation has no entry {name!r}. "
                f"{nearest_names(str(name), _AUGMENTATIONS)}"
            )
    try:
        return Augmentation(**augmentation) if augmentation else None
    except ValueError as error:
        raise ValueError(f"model__augmentation: {error}") from error


def _around_zero(draw: Any, bound: float) -> Any:
    """Return numbers between -bound and bound for draws between 0 and 1."""
    return (2.0 * draw - 1.0) * bound
