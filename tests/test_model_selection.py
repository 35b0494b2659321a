"""Laws of the rows set aside for validation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from skmultilabel_keras.model_selection import split_validation


def random_labels(n_samples, n_labels=3, density=0.3, seed=0):
    return (np.random.default_rng(seed).random((n_samples, n_labels)) < density).astype(int)


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1, np.nan, 3, "0.2"])
def test_a_share_is_between_none_and_all(share):
    with pytest.raises(ValueError, match=r"validation_split must be a finite number in \(0, 1\)"):
        split_validation(np.eye(6), share, 0)


@given(
    n_samples=st.integers(2, 60),
    n_labels=st.integers(1, 6),
    density=st.sampled_from([0.0, 0.05, 0.4, 1.0]),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**31 - 1),
)
def test_the_parts_are_disjoint_and_complete(n_samples, n_labels, density, share, seed):
    y = random_labels(n_samples, n_labels, density, seed)

    train, validation = split_validation(y, share, seed)

    assert len(train) >= 1
    assert len(validation) >= 1
    for part in (train, validation):
        assert part.dtype.kind == "i"
        assert (np.diff(part) > 0).all()
    np.testing.assert_array_equal(np.sort(np.concatenate([train, validation])), range(n_samples))


@pytest.mark.parametrize("n_samples", range(2, 11))
@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("n_labels", [1, 2, 5])
def test_small_sets_leave_a_row_on_each_side(n_samples, share, n_labels):
    for seed in range(3):
        y = random_labels(n_samples, n_labels, seed=seed)
        train, validation = split_validation(y, share, seed)
        asked = min(max(1, round(share * n_samples)), n_samples - 1)
        assert min(len(train), len(validation)) >= 1
        assert abs(len(validation) - asked) <= 1


@pytest.mark.parametrize("n_samples", [3, 4, 7])
@pytest.mark.parametrize("share", [1 / 3, 2 / 3])
def test_few_rows_with_many_labels_leave_a_row_on_each_side(n_samples, share):
    """Stratification alone puts all of them on one side now and then."""
    for seed in range(30):
        y = random_labels(n_samples, 10, density=0.2, seed=seed)
        parts = split_validation(y, share, seed)
        assert min(map(len, parts)) >= 1
        assert [sorted(part) for part in parts] == [part.tolist() for part in parts]


@pytest.mark.parametrize("n_samples", [3, 20, 100, 300])
@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("n_labels", [1, 3, 10, 30])
def test_the_share_is_met_to_the_row(n_samples, share, n_labels):
    """Stratification alone misses it where there are many labels and few rows."""
    for seed in range(3):
        y = random_labels(n_samples, n_labels, seed=seed)
        _, validation = split_validation(y, share, seed)
        assert len(validation) == max(1, round(share * n_samples))


@pytest.mark.parametrize("make", [np.asarray, np.asfortranarray])
def test_what_is_known_of_labels_is_in_proportion(make):
    y = random_labels(60).astype(float)
    holes = np.where(np.random.default_rng(1).random(y.shape) < 0.2, np.nan, y)

    for one, other in zip(
        split_validation(make(holes), 0.2, 0),
        split_validation(np.hstack([holes == 1, ~np.isnan(holes)]), 0.2, 0),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n_samples", [20, 50, 300])
@pytest.mark.parametrize("n_labels", [1, 2, 3])
@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_each_label_is_in_proportion(n_samples, n_labels, share, seed):
    y = random_labels(n_samples, n_labels, seed=seed)

    _, validation = split_validation(y, share, seed)

    assert np.abs(y[validation].sum(axis=0) - share * y.sum(axis=0)).max() <= 1


def test_rare_labels_are_on_both_sides():
    """A plain draw would leave a label of four rows out of a tenth of them most of the time."""
    y = np.zeros((200, 3), dtype=int)
    y[:100, 0] = y[5:9, 1] = y[50:54, 2] = 1

    for seed in range(20):
        train, validation = split_validation(y, 0.25, seed)
        assert (y[validation].sum(axis=0) >= 1).all()
        assert (y[train].sum(axis=0) >= 1).all()


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_classes_are_in_proportion(n_classes):
    codes = np.random.default_rng(0).integers(0, n_classes, size=200)

    for seed in range(5):
        _, validation = split_validation(codes, 0.2, seed)
        counts = np.bincount(codes[validation], minlength=n_classes)
        assert np.abs(counts - 0.2 * np.bincount(codes)).max() <= 1


def test_codes_are_split_as_their_indicator_is():
    codes = np.random.default_rng(0).integers(0, 4, size=50)

    for one, other in zip(
        split_validation(codes, 0.3, 1), split_validation(np.eye(4)[codes], 0.3, 1), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n_samples", [2, 7, 90])
@pytest.mark.parametrize("n_labels", [1, 3])
@pytest.mark.parametrize(
    "make",
    [
        sparse.csr_array,
        sparse.csr_matrix,
        np.asfortranarray,
        lambda y: y.astype(np.float32),
        lambda y: y.astype(bool),
        lambda y: sparse.csr_array(y.astype(np.float32)),
    ],
)
def test_the_container_does_not_matter(n_samples, n_labels, make):
    y = random_labels(n_samples, n_labels)

    for one, other in zip(
        split_validation(y, 0.2, 3), split_validation(make(y), 0.2, 3), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "y", [np.zeros((9, 1)), np.ones((9, 1)), np.zeros((9, 3)), np.ones((9, 3)), np.zeros(9, int)]
)
def test_labels_that_do_not_vary(y):
    train, validation = split_validation(y, 1 / 3, 0)

    assert (len(train), len(validation)) == (6, 3)


def test_one_column_is_in_proportion():
    y = (np.arange(100) < 30)[:, np.newaxis]

    _, validation = split_validation(y, 0.2, 0)

    assert len(validation) == 20
    assert y[validation].sum() == 6


@pytest.mark.parametrize("n_samples", [2, 5, 60])
def test_the_seed_settles_the_draw(n_samples):
    y = random_labels(n_samples)
    draws = [split_validation(y, 0.3, seed)[1].tolist() for seed in range(8)]

    assert draws == [split_validation(y, 0.3, seed)[1].tolist() for seed in range(8)]
    assert len({tuple(draw) for draw in draws}) > 1


def test_rows_at_the_end_are_not_preferred():
    """Keras takes the last rows."""
    y = random_labels(100)
    drawn = np.concatenate([split_validation(y, 0.1, seed)[1] for seed in range(40)])

    assert 30 < drawn.mean() < 70


@pytest.mark.parametrize("n_samples", [2, 30])
def test_numpys_global_generator_is_left_alone(n_samples):
    y = random_labels(n_samples)
    np.random.seed(0)
    expected = np.random.random(3)
    np.random.seed(0)

    split_validation(y, 0.2, 5)
    np.testing.assert_array_equal(np.random.random(3), expected)

    np.random.seed(1)
    one = split_validation(y, 0.2, 5)
    np.random.seed(2)
    for part, other in zip(one, split_validation(y, 0.2, 5), strict=True):
        np.testing.assert_array_equal(part, other)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_the_callers_labels_are_left_alone(make):
    y = make(random_labels(40))
    before = y.copy()

    split_validation(y, 0.2, 0)

    assert (y != before).sum() == 0


@pytest.mark.parametrize("y", [np.ones((1, 3)), np.array([0]), sparse.csr_array(np.ones((1, 2)))])
def test_one_row_cannot_be_split(y):
    message = "from two rows or more; got n_samples=1 .*early_stopping=False and validation_split=0"
    with pytest.raises(ValueError, match=message):
        split_validation(y, 0.5, 0)


def test_no_rows_cannot_be_split():
    with pytest.raises(ValueError, match="from two rows or more; got n_samples=0"):
        split_validation(np.ones((0, 3)), 0.5, 0)
