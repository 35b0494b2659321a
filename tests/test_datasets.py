"""Laws of the bundled data sets: what is drawn is what is labelled, and nothing is shared.

The truth is found by search: all 8 x 8 windows of a scene are looked up among the digit images
of scikit-learn, so the tests know nothing of how scenes are laid out.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score
from sklearn.neural_network import MLPClassifier

from skmultilabel_keras import datasets
from skmultilabel_keras.datasets import load_digit_scenes

_DIGITS = load_digits()
_INDEX_OF_PATCH = {
    patch.tobytes(): index for index, patch in enumerate(_DIGITS.images.astype(np.uint8))
}


class Found(NamedTuple):
    """A digit image of ``load_digits`` found in a scene."""

    number: int
    top: int
    left: int


def find_digits(image: np.ndarray) -> list[Found]:
    """Search a noise-free scene for exact copies of the 1797 digit images."""
    levels = (image * 16).astype(np.uint8)
    windows = sliding_window_view(levels, (8, 8))
    return [
        Found(_INDEX_OF_PATCH[patch], top, left)
        for top, left in np.ndindex(windows.shape[:2])
        if (patch := windows[top, left].tobytes()) in _INDEX_OF_PATCH
    ]


def used_images(subset: str, n_samples: int = 8000) -> set[int]:
    """Return the digit images that occur in many scenes of a subset."""
    images = load_digit_scenes(n_samples, subset=subset, image_shape=(8, 24)).images
    return {found.number for image in images for found in find_digits(image)}


@st.composite
def scene_parameters(draw: st.DrawFn) -> dict[str, Any]:
    """Draw arguments for which the grid has enough cells."""
    max_digits = draw(st.integers(1, 10))
    height = draw(st.integers(8, 34))
    columns_needed = -(-max_digits // (height // 8))
    return {
        "n_samples": draw(st.integers(1, 4)),
        "subset": draw(st.sampled_from(["train", "test"])),
        "min_digits": draw(st.integers(0, max_digits)),
        "max_digits": max_digits,
        "image_shape": (height, 8 * columns_needed + draw(st.integers(0, 12))),
        "random_state": draw(st.integers(0, 2**32 - 1)),
    }


def test_the_1797_digit_images_are_distinct() -> None:
    """Otherwise the search could not tell the subsets apart."""
    assert len(_INDEX_OF_PATCH) == len(_DIGITS.images) == 1797


@pytest.mark.thorough
@settings(max_examples=60, deadline=None, derandomize=True)
@given(scene_parameters())
def test_scene_holds_just_the_labelled_digits(parameters: dict[str, Any]) -> None:
    """One real image per label, no other ink, no overlap, as many as asked for."""
    scenes = load_digit_scenes(**parameters)

    assert scenes.images.shape == (parameters["n_samples"], *parameters["image_shape"])
    for image, row in zip(scenes.images, scenes.target, strict=True):
        found = find_digits(image)
        indices = [digit.number for digit in found]
        assert sorted(_DIGITS.target[indices]) == np.flatnonzero(row).tolist()
        assert parameters["min_digits"] <= len(found) <= parameters["max_digits"]
        assert image.sum() * 16 == _DIGITS.images[indices].sum()
        for one, other in combinations(found, 2):
            assert max(abs(one.top - other.top), abs(one.left - other.left)) >= 8


def test_train_and_test_share_no_digit_image() -> None:
    """Together the subsets use every image; apart, each its own, a quarter per class."""
    train, test = used_images("train"), used_images("test")

    assert not train & test
    assert len(train | test) == 1797
    n_train, n_test = (np.bincount(_DIGITS.target[sorted(used)]) for used in (train, test))
    np.testing.assert_array_equal(n_test, (n_train + n_test) // 4)


def test_split_does_not_depend_on_the_seed() -> None:
    """An image seen for training under one seed is never a test image under another."""
    train = used_images("train")
    images = load_digit_scenes(300, subset="test", random_state=12345).images

    assert not {found.number for image in images for found in find_digits(image)} & train


@pytest.mark.parametrize("flatten", [False, True])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_types_and_range(flatten: bool, noise: float) -> None:
    """Dtypes, shapes and the range of values hold whatever the options."""
    scenes = load_digit_scenes(7, flatten=flatten, noise=noise)

    assert scenes.data.shape == ((7, 240) if flatten else (7, 8, 30))
    assert scenes.images.shape == (7, 8, 30)
    assert scenes.data.dtype == scenes.images.dtype == np.float32
    assert scenes.images.min() >= 0
    assert scenes.images.max() <= 1
    assert scenes.target.shape == (7, 10)
    assert scenes.target.dtype == np.int64
    assert set(np.unique(scenes.target)) == {0, 1}
    assert scenes.target_names.tolist() == list("0123456789")
    assert "7 gray images of 8 x 30 pixels" in scenes.DESCR


def test_default_size() -> None:
    """A thousand scenes unless told otherwise."""
    assert load_digit_scenes().data.shape == (1000, 8, 30)


def test_one_scene_keeps_its_axis() -> None:
    """One row must not collapse."""
    X, y = load_digit_scenes(1, max_digits=1, image_shape=(8, 8), return_X_y=True)

    assert X.shape == (1, 8, 8)
    assert y.shape == (1, 10)
    assert y.sum() == 1


def test_pair_is_data_and_target() -> None:
    """The pair holds what the Bunch holds."""
    scenes = load_digit_scenes(20, flatten=True)
    X, y = load_digit_scenes(20, flatten=True, return_X_y=True)

    np.testing.assert_array_equal(X, scenes.data)
    np.testing.assert_array_equal(y, scenes.target)


def test_flatten_is_a_reshape() -> None:
    """Flat rows are the images, row by row."""
    flat = load_digit_scenes(20, flatten=True)

    np.testing.assert_array_equal(flat.data, flat.images.reshape(20, -1))
    np.testing.assert_array_equal(flat.images, load_digit_scenes(20).data)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_int_seed_repeats(noise: float) -> None:
    """An int gives the same scenes, and a fresh RandomState of that int too."""
    first = load_digit_scenes(30, noise=noise, random_state=3)
    for seed in (3, np.random.RandomState(3)):
        again = load_digit_scenes(30, noise=noise, random_state=seed)
        np.testing.assert_array_equal(again.images, first.images)
        np.testing.assert_array_equal(again.target, first.target)


def test_seeds_differ() -> None:
    """Other seeds, a RandomState used twice and None give other scenes."""
    state = np.random.RandomState(20)
    # None takes NumPy's global generator, which other tests seed with small numbers.
    seeds: list[int | np.random.RandomState | None] = [1001, 1002, state, state, None, None]
    images = [load_digit_scenes(30, random_state=seed).images for seed in seeds]

    for one, other in combinations(images, 2):
        assert not np.array_equal(one, other)


def test_subsets_have_unrelated_labels_under_one_seed() -> None:
    """Else predicting the training targets would score on the test scenes."""
    train, test = (load_digit_scenes(300, subset=name).target for name in ("train", "test"))

    assert (train == test).all(axis=1).mean() < 0.1


def test_noise_changes_neither_labels_nor_places() -> None:
    """Noise of the stated strength comes on top of the same scenes."""
    clean, noisy = (load_digit_scenes(200, noise=noise) for noise in (0.0, 0.05))
    difference = noisy.images - clean.images
    unclipped = (clean.images > 0.25) & (clean.images < 0.75)

    np.testing.assert_array_equal(noisy.target, clean.target)
    assert difference[unclipped].std() == pytest.approx(0.05, rel=0.1)
    assert difference[unclipped].mean() == pytest.approx(0.0, abs=0.005)


def test_labels_and_numbers_of_digits_are_balanced() -> None:
    """Every class is in a fifth of the scenes; one, two and three digits are equally likely."""
    y = load_digit_scenes(5000).target

    np.testing.assert_allclose(y.mean(axis=0), 0.2, atol=0.03)
    np.testing.assert_allclose(np.bincount(y.sum(axis=1))[1:] / len(y), 1 / 3, atol=0.03)


@pytest.mark.parametrize(
    ("image_shape", "tops", "lefts"),
    [
        ((8, 24), {0}, {0, 8, 16}),
        ((8, 30), {0}, {0, 1, 2, 10, 11, 12, 20, 21, 22}),
        ((18, 25), {0, 1, 9, 10}, {0, 8, 16, 17}),
    ],
)
def test_digits_reach_every_place(
    image_shape: tuple[int, int], tops: set[int], lefts: set[int]
) -> None:
    """Every cell is used, and all the room within; a spare pixel goes to the last cell."""
    images = load_digit_scenes(300, image_shape=image_shape).images
    found = [digit for image in images for digit in find_digits(image)]

    assert {digit.top for digit in found} == tops
    assert {digit.left for digit in found} == lefts


def test_zero_digits_are_blank_scenes() -> None:
    """A row without labels is a scene without ink."""
    scenes = load_digit_scenes(100, min_digits=0)
    blank = scenes.target.sum(axis=1) == 0

    assert 0.1 < blank.mean() < 0.4
    np.testing.assert_array_equal(scenes.images.any(axis=(1, 2)), ~blank)


def test_numpy_ints_and_lists_are_accepted() -> None:
    """Counts may be numpy scalars, a shape may be a list."""
    arguments: dict[str, Any] = {
        "n_samples": np.int32(3),
        "max_digits": np.int64(2),
        "image_shape": [8, np.int16(16)],
    }
    scenes = load_digit_scenes(**arguments)

    assert scenes.images.shape == (3, 8, 16)


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_small_network_learns_it() -> None:
    """Quick training is far above naming all labels (micro-F1 of 1/3), and not perfect."""
    X, y = load_digit_scenes(2000, flatten=True, return_X_y=True)
    X_test, y_test = load_digit_scenes(500, subset="test", flatten=True, return_X_y=True)
    model = MLPClassifier((100,), learning_rate_init=0.004, max_iter=30, random_state=0).fit(X, y)

    assert 0.6 < f1_score(y_test, model.predict(X_test), average="micro") < 0.95


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_samples": 0}, ValueError, r"n_samples must be at least 1; got 0"),
        ({"n_samples": 2.0}, TypeError, r"n_samples must be an int; got 2\.0 of type float"),
        ({"n_samples": True}, TypeError, r"n_samples must be an int; got True"),
        ({"subset": "all"}, ValueError, r"subset must be 'train' or 'test'; got 'all'"),
        ({"min_digits": 4}, ValueError, r"min_digits must be between 0 and max_digits=3; got 4"),
        ({"min_digits": -1}, ValueError, r"min_digits must be between 0 .* got -1"),
        ({"min_digits": 1.5}, TypeError, r"min_digits must be an int; got 1\.5"),
        ({"max_digits": 11}, ValueError, r"max_digits must be between 1 and 10.* got 11"),
        (
            {"min_digits": 0, "max_digits": 0},
            ValueError,
            r"max_digits must be between 1 and 10.* got 0",
        ),
        ({"max_digits": "3"}, TypeError, r"max_digits must be an int; got '3'"),
        ({"image_shape": 24}, ValueError, r"image_shape must be a pair .* got 24"),
        ({"image_shape": (24, 24, 1)}, ValueError, r"image_shape must be a pair"),
        ({"image_shape": (24.0, 24)}, TypeError, r"each side of image_shape must be an int"),
        (
            {"image_shape": (15, 23)},
            ValueError,
            r"room for max_digits=3 .* got \(15, 23\), which holds 2\. Enlarge .* \(8, 24\)",
        ),
        ({"image_shape": (-24, -24)}, ValueError, r"which holds 0"),
        ({"noise": -0.1}, ValueError, r"noise .* not negative; got -0\.1"),
        ({"noise": float("nan")}, ValueError, r"noise .* finite .* got nan"),
        ({"noise": "low"}, TypeError, r"noise must be a number; got 'low'"),
        ({"random_state": "x"}, ValueError, r"cannot be used to seed"),
    ],
)
def test_errors_name_argument_rule_and_value(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """Illegal arguments are refused before anything is drawn."""
    with pytest.raises(error, match=message):
        load_digit_scenes(**arguments)


@pytest.mark.thorough
def test_module_needs_no_keras() -> None:
    """The file alone, without the package around it, imports neither Keras nor TensorFlow."""
    code = (
        "import runpy, sys; runpy.run_path(sys.argv[1]);"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, datasets.__file__], check=True)
