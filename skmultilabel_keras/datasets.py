"""Data sets: real multi-label problems that need no download.

Owns: scenes composed of scikit-learn's bundled handwritten digits.
Does not own: the digit images (``sklearn.datasets.load_digits``), models, or scores.

A scene is laid out in three independent draws, each vectorised over all scenes: which digits
(labels), which grid cells (places), which handwritten images (patches). One cell holds at most
one digit, so digits cannot overlap, whatever the jitter inside the cells.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from sklearn.datasets import load_digits
from sklearn.utils import Bunch, check_random_state

__all__ = ["load_digit_scenes"]

_SIDE = 8  # height and width of one digit image, in pixels
_N_DIGITS = 10
_MAX_LEVEL = 16  # gray levels of load_digits run from 0 to 16
_TEST_EVERY = 4  # of each class, every fourth image is for testing
_SUBSETS = ("train", "test")

_DESCR = """\
Digit scenes (subset "{subset}")
--------------------------------
{n_samples} gray images of {height} x {width} pixels, values in [0, 1]. Each shows {min_digits} to
{max_digits} handwritten digits of distinct classes; the target says which, one column per digit.
The digits are {n_images} of the 1797 images of sklearn.datasets.load_digits (8 x 8 pixels).
No image of the "train" subset occurs in the "test" subset, but the 13 writers are not kept
apart. Scenes within one subset reuse digit images, so cross-validation inside a
subset is optimistic: score on the other one.

Source of the digits: E. Alpaydin, C. Kaynak (1998). Optical Recognition of Handwritten Digits.
UCI Machine Learning Repository, https://doi.org/10.24432/C50P49.
"""


class _DigitBank(NamedTuple):
    """Digit images of one subset, sorted by class; class ``k`` starts at ``starts[k]``."""

    images: np.ndarray
    starts: np.ndarray
    counts: np.ndarray


@overload
def load_digit_scenes(
    n_samples: int = ...,
    *,
    subset: str = ...,
    min_digits: int = ...,
    max_digits: int = ...,
    image_shape: tuple[int, int] = ...,
    flatten: bool = ...,
    noise: float = ...,
    return_X_y: Literal[False] = ...,
    random_state: int | np.random.RandomState | None = ...,
) -> Bunch: ...


@overload
def load_digit_scenes(
    n_samples: int = ...,
    *,
    subset: str = ...,
    min_digits: int = ...,
    max_digits: int = ...,
    image_shape: tuple[int, int] = ...,
    flatten: bool = ...,
    noise: float = ...,
    return_X_y: Literal[True],
    random_state: int | np.random.RandomState | None = ...,
) -> tuple[np.ndarray, np.ndarray]: ...


def load_digit_scenes(
    n_samples: int = 1000,
    *,
    subset: str = "train",
    min_digits: int = 1,
    max_digits: int = 3,
    image_shape: tuple[int, int] = (8, 30),
    flatten: bool = False,
    noise: float = 0.0,
    return_X_y: bool = False,
    random_state: int | np.random.RandomState | None = 0,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Compose gray scenes of real handwritten digits; say which digits are in each.

    Every scene is cut into a grid of ``(height // 8) * (width // 8)`` near-equal cells. Each
    digit gets a cell of its own, drawn at random, and a random place within it: pixels that the
    cell has beyond 8 x 8 are room for jitter. More jitter makes the problem harder, first of
    all for linear models; without it (both sides divisible by 8) a logistic regression does
    about as well as a small network.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of scenes, at least 1.
    subset : {"train", "test"}, default="train"
        Which digit images to draw from. The 1797 images are split once, independently of
        ``random_state``: every fourth image of each class is for testing. Equal seeds give
        unrelated scenes in the two subsets.
    min_digits, max_digits : int, default=1 and 3
        The number of digits in a scene is uniform in ``min_digits..max_digits``, with
        ``0 <= min_digits <= max_digits <= 10`` and ``max_digits >= 1``. Digits in one scene are
        of distinct classes, so it is also the number of labels. 0 allows blank scenes, rows
        without any label.
    image_shape : tuple of int, default=(8, 30)
        Height and width of a scene in pixels; its grid needs ``max_digits`` cells or more. The
        default is one row of three cells, with two pixels of sideways jitter in each.
    flatten : bool, default=False
        Whether ``data`` (or ``X``) holds rows of ``height * width`` pixels instead of images.
    noise : float, default=0.0
        Standard deviation of Gaussian noise added to every pixel, in units of full brightness;
        values are then clipped to [0, 1]. It changes neither labels nor places.
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.
    random_state : int, RandomState instance or None, default=0
        Seed of the scenes, as in scikit-learn. An int gives the same scenes on each call.

    Returns
    -------
    scenes : sklearn.utils.Bunch
        With the attributes

        - ``data`` : float32 ndarray, ``(n_samples, height, width)``, or
          ``(n_samples, height * width)`` if ``flatten``; in [0, 1], 0 is background
        - ``images`` : float32 ndarray, ``(n_samples, height, width)``
        - ``target`` : int64 ndarray of 0 and 1, ``(n_samples, 10)``; column ``k`` is digit ``k``
        - ``target_names`` : str ndarray, ``(10,)``; ``"0"`` to ``"9"``
        - ``DESCR`` : str
    X, y : tuple of ndarray
        ``(data, target)``, if ``return_X_y``.

    Raises
    ------
    TypeError
        If ``n_samples``, ``min_digits``, ``max_digits`` or a side of ``image_shape`` is not an
        int, or ``noise`` is not a number.
    ValueError
        If an argument is outside its range, or the grid has fewer cells than ``max_digits``.

    References
    ----------
    E. Alpaydin, C. Kaynak (1998). Optical Recognition of Handwritten Digits. UCI Machine
    Learning Repository. https://doi.org/10.24432/C50P49

    Examples
    --------
    >>> from skmultilabel_keras.datasets import load_digit_scenes
    >>> scenes = load_digit_scenes(200, random_state=0)
    >>> scenes.images.shape, scenes.target.shape
    ((200, 8, 30), (200, 10))
    >>> scenes.target_names[scenes.target[0] == 1].tolist()
    ['0', '2', '7']
    >>> X_test, y_test = load_digit_scenes(50, subset="test", flatten=True, return_X_y=True)
    >>> X_test.shape, y_test.shape
    ((50, 240), (50, 10))
    """
    _check_counts(n_samples, min_digits, max_digits)
    _check_choice(subset, noise)
    shape = _check_image_shape(image_shape, max_digits)
    bank = _load_bank(subset)
    rng = _scene_rng(random_state, subset)

    scene, label = _draw_labels(rng, n_samples, min_digits, max_digits)
    top, left = _draw_corners(rng, scene, n_samples, shape)
    images = np.zeros((n_samples, *shape), dtype=np.float32)
    _paint(images, bank.images[_draw_images(rng, label, bank)], scene, top, left)
    if noise > 0:
        _add_noise(rng, images, noise)

    target = np.zeros((n_samples, _N_DIGITS), dtype=np.int64)
    target[scene, label] = 1
    data = images.reshape(n_samples, -1) if flatten else images
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        images=images,
        target=target,
        target_names=np.array([str(digit) for digit in range(_N_DIGITS)]),
        DESCR=_DESCR.format(
            subset=subset,
            n_samples=n_samples,
            height=shape[0],
            width=shape[1],
            min_digits=min_digits,
            max_digits=max_digits,
            n_images=len(bank.images),
        ),
    )


def _load_bank(subset: str) -> _DigitBank:
    """Return the digit images of one subset, float32 in [0, 1], sorted by class."""
    digits = load_digits()
    order = np.argsort(digits.target, kind="stable")
    label = digits.target[order]
    rank_in_class = np.arange(len(label)) - np.searchsorted(label, label)
    is_test = rank_in_class % _TEST_EVERY == _TEST_EVERY - 1
    keep = is_test if subset == "test" else ~is_test

    counts = np.bincount(label[keep], minlength=_N_DIGITS)
    images = (digits.images[order[keep]] / _MAX_LEVEL).astype(np.float32)
    return _DigitBank(images, np.cumsum(counts) - counts, counts)


def _scene_rng(
    random_state: int | np.random.RandomState | None, subset: str
) -> np.random.RandomState:
    """Return a stream of its own per subset, else equal seeds would repeat the labels."""
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    return np.random.RandomState([seed, _SUBSETS.index(subset)])


def _draw_labels(
    rng: np.random.RandomState, n_samples: int, min_digits: int, max_digits: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return scene and class of every digit, both ``(n_drawn,)``, ordered by scene."""
    n_in_scene = rng.randint(min_digits, max_digits + 1, size=n_samples)
    shuffled = rng.random_sample((n_samples, _N_DIGITS)).argsort(axis=1)
    scene, position = np.nonzero(np.arange(max_digits) < n_in_scene[:, np.newaxis])
    return scene, shuffled[scene, position]


def _draw_corners(
    rng: np.random.RandomState, scene: np.ndarray, n_samples: int, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return top row and left column of every digit, each in a cell of its own."""
    n_rows, n_columns = shape[0] // _SIDE, shape[1] // _SIDE
    shuffled = rng.random_sample((n_samples, n_rows * n_columns)).argsort(axis=1)
    position = np.arange(len(scene)) - np.searchsorted(scene, scene)
    row, column = np.divmod(shuffled[scene, position], n_columns)
    return _jitter(rng, row, shape[0], n_rows), _jitter(rng, column, shape[1], n_columns)


def _jitter(rng: np.random.RandomState, cell: np.ndarray, size: int, n_cells: int) -> np.ndarray:
    """Return a first pixel per digit such that its 8 pixels stay within its cell."""
    edges = np.arange(n_cells + 1) * size // n_cells
    room = np.diff(edges) - _SIDE
    first: np.ndarray = edges[cell] + rng.randint(room[cell] + 1)
    return first


def _draw_images(rng: np.random.RandomState, label: np.ndarray, bank: _DigitBank) -> np.ndarray:
    """Return, for every digit, the index of an image of its class."""
    index: np.ndarray = bank.starts[label] + rng.randint(bank.counts[label])
    return index


def _paint(
    images: np.ndarray, patches: np.ndarray, scene: np.ndarray, top: np.ndarray, left: np.ndarray
) -> None:
    """Write the patches, ``(n_drawn, 8, 8)``, into their scenes, in place."""
    offset = np.arange(_SIDE)
    rows = top[:, np.newaxis, np.newaxis] + offset[:, np.newaxis]
    columns = left[:, np.newaxis, np.newaxis] + offset
    images[scene[:, np.newaxis, np.newaxis], rows, columns] = patches


def _add_noise(rng: np.random.RandomState, images: np.ndarray, noise: float) -> None:
    """Add Gaussian noise to every pixel and clip to [0, 1], in place."""
    images += rng.normal(scale=noise, size=images.shape).astype(images.dtype)
    np.clip(images, 0.0, 1.0, out=images)


def _check_int(name: str, value: Any) -> None:
    """Reject anything but an integer; bool is no count."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int; got {value!r} of type {type(value).__name__}.")


def _check_counts(n_samples: int, min_digits: int, max_digits: int) -> None:
    """Check the number of scenes and the range of digits in one."""
    _check_int("n_samples", n_samples)
    _check_int("min_digits", min_digits)
    _check_int("max_digits", max_digits)
    if n_samples < 1:
        raise ValueError(f"n_samples must be at least 1; got {n_samples}. Ask for 1 or more.")
    if not 1 <= max_digits <= _N_DIGITS:
        raise ValueError(
            f"max_digits must be between 1 and {_N_DIGITS}, because digits in one scene are of "
            f"distinct classes; got {max_digits}."
        )
    if not 0 <= min_digits <= max_digits:
        raise ValueError(
            f"min_digits must be between 0 and max_digits={max_digits}; got {min_digits}. "
            f"Lower min_digits or raise max_digits."
        )


def _check_choice(subset: str, noise: float) -> None:
    """Check the name of the subset and the strength of the noise."""
    if subset not in _SUBSETS:
        raise ValueError(f"subset must be 'train' or 'test'; got {subset!r}.")
    if not isinstance(noise, Real) or isinstance(noise, bool):
        raise TypeError(f"noise must be a number; got {noise!r} of type {type(noise).__name__}.")
    if not 0 <= noise < np.inf:
        raise ValueError(
            f"noise is a standard deviation and must be finite and not negative; got {noise}. "
            f"Pass 0 for no noise."
        )


def _check_image_shape(image_shape: tuple[int, int], max_digits: int) -> tuple[int, int]:
    """Return ``(height, width)`` if its grid has a cell for each of ``max_digits`` digits."""
    if not isinstance(image_shape, (tuple, list)) or len(image_shape) != 2:
        raise ValueError(
            f"image_shape must be a pair (height, width) of ints; got {image_shape!r}."
        )
    for side in image_shape:
        _check_int("each side of image_shape", side)
    height, width = (int(side) for side in image_shape)
    n_cells = max(height // _SIDE, 0) * max(width // _SIDE, 0)
    if n_cells < max_digits:
        raise ValueError(
            f"image_shape must have room for max_digits={max_digits} digits of {_SIDE} x {_SIDE} "
            f"pixels that do not overlap; got {image_shape!r}, which holds {n_cells}. "
            f"Enlarge image_shape, for example to ({_SIDE}, {_SIDE * max_digits}), "
            f"or lower max_digits."
        )
    return height, width
