"""Laws of rows: batches are slices, order does not matter, statistics are those of NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from scipy.stats import gmean
from sklearn.preprocessing import StandardScaler

from skmultilabel_keras import _rows
from skmultilabel_keras._rows import (
    Rows,
    bin_edges,
    block_length,
    dense_rows,
    feature_statistics,
)

CONTAINERS = {
    "C array": np.ascontiguousarray,
    "Fortran array": np.asfortranarray,
    "csr_array": sparse.csr_array,
    "csr_matrix": sparse.csr_matrix,
}
every_container = pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)


def make_rows(X, y=None, weight=None, index=None):
    n = X.shape[0]
    y = np.zeros((n, 1), dtype=np.float32) if y is None else y
    return Rows(X, y, weight, np.arange(n) if index is None else np.asarray(index))


def random_data(seed=0, n=40, density=0.4):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5)) * (rng.random((n, 5)) < density)
    return X, (rng.random((n, 3)) < 0.3).astype(np.float32), rng.random(n) + 0.1


@pytest.fixture
def small_blocks(monkeypatch):
    """Make blocks so small that every test data has many."""
    monkeypatch.setattr(_rows, "_BLOCK_SIZE", 12)


# Batches.


@every_container
@pytest.mark.parametrize("make_y", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("positions", [[0], [3, 3, 0], [9, 2, 5], [], list(range(10))])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_batches_are_dense_slices(make, make_y, positions, dtype):
    X, y, weight = random_data()
    index = np.array([7, 3, 30, 12, 12, 0, 39, 5, 1, 20])
    positions = np.array(positions, dtype=int)

    got = make_rows(make(X), make_y(y), weight, index).batch(positions, dtype)

    assert got[0].dtype == dtype
    assert got[2].dtype == np.float32
    wanted = X.astype(dtype), y, weight.astype(np.float32)
    for part, whole in zip(got, wanted, strict=True):
        assert type(part) is np.ndarray
        np.testing.assert_array_equal(part, whole[index[positions]])


@pytest.mark.parametrize("shape", [(6, 2, 3), (6, 4, 1, 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64, bool])
def test_batches_of_images(shape, dtype):
    X = (np.random.default_rng(0).random(shape) * 2).astype(dtype)
    codes = np.arange(6)

    x, y, weight = make_rows(X, codes, index=[5, 0, 2]).batch(np.array([2, 0]), "float32")

    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, X[[2, 5]].astype(np.float32))
    np.testing.assert_array_equal(y, [2, 5])
    assert weight is None


@every_container
def test_batches_are_copies(make):
    X, y, weight = random_data()
    for part in (X, y, weight):
        part.flags.writeable = False

    for part in make_rows(make(X), y, weight).batch(np.arange(4), "float64"):
        assert part.flags.writeable


@given(
    index=st.lists(st.integers(0, 9), min_size=1, max_size=12),
    data=st.data(),
)
def test_select_composes(index, data):
    X, y, weight = random_data(n=10)
    rows = make_rows(X, y, weight, index)
    first = np.array(data.draw(st.lists(st.integers(0, len(index) - 1), min_size=1)))
    second = np.array(data.draw(st.lists(st.integers(0, len(first) - 1), min_size=1)))

    selected = rows.select(first).select(second)

    assert len(selected) == len(second)
    np.testing.assert_array_equal(selected.index, rows.select(first[second]).index)
    np.testing.assert_array_equal(
        selected.batch(np.arange(len(second)), "float64")[0],
        rows.batch(first[second], "float64")[0],
    )
    assert selected.X is X
    assert selected.weight is weight


@every_container
@pytest.mark.parametrize("rows", [[2, 0], slice(1, 3), np.array([], dtype=int), slice(0, 0)])
def test_dense_rows(make, rows):
    X = random_data()[0]

    dense = dense_rows(make(X), rows)

    assert type(dense) is np.ndarray
    np.testing.assert_array_equal(dense, X[rows])


@pytest.mark.parametrize("shape", [(10, 1), (1, 1), (7, 5), (9, 2, 3), (3, 50), (5, 0)])
def test_blocks_hold_each_row_once_and_are_bounded(shape, small_blocks):
    rows = make_rows(np.zeros(shape), index=np.arange(shape[0])[::-1])

    blocks = list(rows.blocks())

    np.testing.assert_array_equal(np.concatenate(blocks), rows.index)
    assert {len(block) for block in blocks[:-1]} <= {block_length(shape)}
    row_size = int(np.prod(shape[1:]))
    assert all(len(block) == 1 or len(block) * row_size <= 12 for block in blocks)


# Equal rows.


def merged_batch(rows):
    merged = rows.sort_by_content(merge=True)
    return merged.batch(np.arange(len(merged)), "float64")


def rows_with_repeats(seed, make=np.asarray):
    """Return 30 rows of which many are equal, with weights that do not add up exactly."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-1, 2, size=(30, 2)) / 3
    y = rng.integers(0, 2, size=(30, 1)).astype(np.float32)
    return make(X), make(y), rng.random(30)


@every_container
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_merging_does_not_depend_on_the_order_of_rows(make, weighted, seed):
    X, y, weight = rows_with_repeats(seed, make)
    order = np.random.default_rng(seed + 100).permutation(30)
    rows = make_rows(X, y, weight if weighted else None)
    moved = make_rows(X[order], y[order], weight[order] if weighted else None)

    for kept, got in zip(merged_batch(rows), merged_batch(moved), strict=True):
        assert kept.tobytes() == got.tobytes()
    for one, other in zip(merged_batch(rows), merged_batch(rows.select(order)), strict=True):
        assert one.tobytes() == other.tobytes()
    merged, merged_moved = rows.sort_by_content(merge=True), moved.sort_by_content(merge=True)
    np.testing.assert_array_equal(
        merged.weight[merged.index], merged_moved.weight[merged_moved.index], strict=True
    )


@every_container
@pytest.mark.parametrize("weighted", [True, False])
def test_merging_keeps_distinct_rows_and_sums_weights(make, weighted):
    X, y, weight = rows_with_repeats(0)
    content = np.hstack([X, y])
    distinct, group = np.unique(content, axis=0, return_inverse=True)
    sums = np.bincount(group.ravel(), weight if weighted else None)

    x, targets, weights = merged_batch(make_rows(make(X), make(y), weight if weighted else None))

    found = np.hstack([x, targets])
    order = np.lexsort(found.T[::-1])
    np.testing.assert_array_equal(found[order], distinct)
    np.testing.assert_allclose(weights[order], sums, rtol=1e-6)


def test_copies_do_what_weights_do():
    X, y, _ = rows_with_repeats(1)
    times = np.random.default_rng(0).integers(1, 4, size=30)
    copies = make_rows(np.repeat(X, times, axis=0), np.repeat(y, times, axis=0))
    weighted = make_rows(X, y, times.astype(float))

    for one, other in zip(merged_batch(copies), merged_batch(weighted), strict=True):
        assert one.tobytes() == other.tobytes()


def test_merging_groups_sparse_and_dense_rows_alike():
    X, y, weight = rows_with_repeats(2)
    dense = make_rows(X, y, weight).sort_by_content(merge=True)
    in_csr = make_rows(sparse.csr_array(X), sparse.csr_array(y), weight).sort_by_content(merge=True)

    np.testing.assert_array_equal(np.sort(dense.index), np.sort(in_csr.index))
    np.testing.assert_array_equal(dense.weight, in_csr.weight)


@pytest.mark.parametrize("dtypes", [("f4", "f8"), ("f2", "f8"), ("i8", "f4"), ("?", "f4")])
def test_merging_does_not_depend_on_the_dtype(dtypes):
    X = np.random.default_rng(0).integers(0, 2, size=(20, 3))
    one, other = (make_rows(X.astype(dtype)).sort_by_content(merge=True) for dtype in dtypes)

    np.testing.assert_array_equal(one.index, other.index)


def test_rows_that_differ_in_the_last_bit_stay_apart():
    """Merged, the first of them would stand for both, and which is first depends on the order."""
    X = np.array([[1.0], [np.nextafter(1.0, 2.0)], [1.0]])

    assert len(make_rows(X).sort_by_content(merge=True)) == 2


@every_container
def test_rows_with_other_targets_stay_apart(make):
    rows = make_rows(make(np.ones((4, 2))), make(np.array([[0], [1], [0], [1.0]])))

    assert len(rows.sort_by_content(merge=True)) == 2


def test_negative_zeros_are_zeros():
    X = np.array([[0.0, 1.0], [-0.0, 1.0]])
    in_csr = sparse.csr_array(([0.0, 1.0, 1.0, -0.0], [0, 1, 1, 0], [0, 2, 4]), shape=(2, 2))

    for values in (X, in_csr, X.astype("f4"), X.reshape(2, 2, 1)):
        merged = make_rows(values).sort_by_content(merge=True)
        assert len(merged) == 1
        assert merged.weight[merged.index] == [2.0]


def test_untidy_sparse_rows_are_equal_to_tidy_ones():
    """Duplicates, explicit zeros and unsorted columns."""
    untidy = sparse.csr_array(
        ([1.0, 2.0, 1.0, 1.0, 0.0, 1.0], [0, 2, 2, 2, 1, 0], [0, 2, 6]), shape=(2, 3)
    )
    parts = untidy.data.copy(), untidy.indices.copy(), untidy.indptr.copy()

    assert len(make_rows(untidy).sort_by_content(merge=True)) == 1
    for part, before in zip((untidy.data, untidy.indices, untidy.indptr), parts, strict=True):
        np.testing.assert_array_equal(part, before)


def test_large_sets_are_not_searched(monkeypatch):
    monkeypatch.setattr(_rows, "_MERGE_AT_MOST", 3)
    rows = make_rows(np.zeros((4, 1)))

    assert rows.sort_by_content(merge=True) is rows
    assert len(rows.select(np.arange(3)).sort_by_content(merge=True)) == 1


@pytest.mark.parametrize("shape", [(3, 2), (3, 2, 2)])
def test_merging_one_row(shape):
    merged = make_rows(np.ones(shape), index=[2]).sort_by_content(merge=True)

    assert merged.index.tolist() == [2]
    assert merged.weight[2] == 1


# Statistics.


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 3, 40])
def test_statistics_are_those_of_a_standard_scaler(weighted, dtype, n, small_blocks):
    X, _, weight = random_data(n=n, density=1)
    X = X.astype(dtype)
    weight = weight if weighted else None

    mean, scale = feature_statistics(make_rows(X, weight=weight))

    scaler = StandardScaler().fit(X.astype(np.float64), sample_weight=weight)
    assert mean.dtype == scale.dtype == np.float64
    np.testing.assert_allclose(mean, scaler.mean_, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(scale, scaler.scale_, rtol=1e-12)


@given(
    X=hnp.arrays(
        np.float64,
        st.tuples(st.integers(2, 9), st.integers(1, 3)),
        elements=st.floats(-1e3, 1e3, width=16),
    ),
    block_size=st.integers(1, 40),
)
def test_statistics_do_not_depend_on_the_blocks(X, block_size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_rows, "_BLOCK_SIZE", block_size)
        mean, scale = feature_statistics(make_rows(X))
    whole_mean, whole_scale = feature_statistics(make_rows(X))

    np.testing.assert_allclose(mean, whole_mean, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(scale, whole_scale, rtol=1e-6)


def test_statistics_are_of_the_rows_of_the_view(small_blocks):
    X, _, weight = random_data(density=1)
    index = np.array([3, 8, 8, 30])

    got = feature_statistics(make_rows(X, weight=weight, index=index))
    wanted = feature_statistics(make_rows(X[index], weight=weight[index]))

    np.testing.assert_allclose(got, wanted, rtol=1e-12)


@pytest.mark.parametrize("shape", [(12, 4), (12, 2, 2)])
def test_weights_do_what_copies_do(shape, small_blocks):
    rng = np.random.default_rng(0)
    X, times = rng.normal(size=shape), rng.integers(0, 4, size=12)

    weighted = feature_statistics(make_rows(X, weight=times.astype(float)))
    copied = feature_statistics(make_rows(np.repeat(X, times, axis=0)))

    np.testing.assert_allclose(weighted[0], copied[0], rtol=1e-12)
    np.testing.assert_allclose(weighted[1], copied[1], rtol=1e-12)


def test_the_unit_of_weights_does_not_matter(small_blocks):
    X, _, weight = random_data(density=1)

    np.testing.assert_allclose(
        feature_statistics(make_rows(X, weight=weight)),
        feature_statistics(make_rows(X, weight=weight * 1e6)),
        rtol=1e-12,
    )


def test_blocks_without_weight_count_for_nothing(small_blocks):
    """A class of weight zero may fill whole blocks of sorted rows."""
    X, _, weight = random_data(density=1)
    weight[:20] = 0

    got = feature_statistics(make_rows(X, weight=weight))

    np.testing.assert_allclose(
        got, feature_statistics(make_rows(X[20:], weight=weight[20:])), rtol=1e-12
    )


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6, 1e30, np.float32(0.1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_columns_are_not_scaled(value, dtype, small_blocks):
    X = np.column_stack([np.full(37, value), np.arange(37)]).astype(dtype)

    mean, scale = feature_statistics(make_rows(X))

    assert scale[0] == pytest.approx(1.0) or value == 1e30
    np.testing.assert_allclose(mean[0], X[0, 0], rtol=1e-12)
    assert np.abs((X[:, 0] - mean[0]) / scale[0]).max() < 2
    assert scale[1] == pytest.approx(np.std(np.arange(37)))


def test_large_offsets_do_not_hide_the_spread(small_blocks):
    """One pass of sums of squares would lose it in float64 too."""
    noise = np.random.default_rng(0).normal(size=(500, 1))
    X = 1e6 + 50 * noise

    mean, scale = feature_statistics(make_rows(X))

    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scale, X.std(axis=0), rtol=1e-9)


def test_spread_of_the_size_of_rounding_is_not_blown_up():
    """Differences of a few units in the last place of float32."""
    X = 1e6 + np.random.default_rng(0).normal(scale=0.1, size=(100, 1))

    with pytest.warns(UserWarning, match="vary too little beside their mean for float32"):
        assert feature_statistics(make_rows(X))[1] == [1.0]


def test_spread_beside_a_large_mean_does_not_stay_large():
    """Time stamps: a thousand seconds are few units in the last place of 1.6e9 in float32."""
    X = 1.6e9 + np.random.default_rng(0).normal(scale=1000, size=(100, 1))

    with pytest.warns(UserWarning, match="vary too little beside their mean for float32"):
        np.testing.assert_allclose(feature_statistics(make_rows(X))[1], X.std(), rtol=1e-6)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_numbers_that_float32_does_not_know_are_not_scaled(make):
    """Their scale would be zero as float32."""
    scale = feature_statistics(make_rows(make(np.array([[1e-50], [3e-50]]))))[1]

    assert scale == [1.0]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, bool])
@pytest.mark.parametrize("weighted", [True, False])
def test_images_have_one_mean_and_one_scale(dtype, weighted, small_blocks):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2 if dtype is bool else 200, size=(9, 2, 3, 1)).astype(dtype)
    weight = rng.random(9) + 0.1 if weighted else None

    mean, scale = feature_statistics(make_rows(X, weight=weight))

    numbers = X.astype(np.float64)
    weights = np.broadcast_to(np.ones(9) if weight is None else weight, (6, 9)).T.reshape(X.shape)
    expected = np.average(numbers, weights=weights)
    assert np.shape(mean) == np.shape(scale) == ()
    assert mean == pytest.approx(expected)
    spread = np.sqrt(np.average((numbers - expected) ** 2, weights=weights))
    assert scale == pytest.approx(spread)


@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.int64, np.uint8, bool])
@pytest.mark.parametrize("weight", [None, "rows", "entries"])
def test_sparse_features_get_the_geometric_mean_of_their_sizes(kind, dtype, weight, small_blocks):
    rng = np.random.default_rng(0)
    X = (rng.integers(-100, 100, size=(40, 5)) * (rng.random((40, 5)) < 0.2)).astype(dtype)
    X[:, 2] = 0
    X_csr = getattr(sparse, f"csr_{kind}")(X)
    if weight is not None:
        weight = rng.random((40, 3))[:, slice(None) if weight == "entries" else 0]

    shift, scale = feature_statistics(make_rows(X_csr, weight=weight), shift=False)

    assert not shift.any()
    weights = np.ones(40) if weight is None else weight.reshape(40, -1).mean(axis=1)
    for feature, numbers in enumerate(np.abs(X.astype(np.float64)).T):
        known = numbers > 0
        expected = gmean(numbers[known], weights=weights[known]) if known.any() else 1
        assert scale[feature] == pytest.approx(expected)
    assert scale[2] == 1


def test_the_lowest_int8_has_a_size():
    X = sparse.csr_array(np.array([[-128], [2]], dtype=np.int8))

    assert feature_statistics(make_rows(X), shift=False)[1] == pytest.approx([16])


def test_stored_zeros_and_rows_of_weight_zero_have_no_size():
    X = sparse.csr_array(([0.0, 3.0, 1e30], [0, 0, 0], [0, 1, 2, 3]), shape=(3, 1))

    scale = feature_statistics(make_rows(X, weight=np.array([1.0, 2.0, 0.0])), shift=False)[1]

    assert scale == pytest.approx([3])


def test_sparse_statistics_are_of_the_rows_of_the_view(small_blocks):
    X = sparse.csr_array(np.diag([1.0, 5.0, 7.0]))

    scale = feature_statistics(make_rows(X, index=[0, 2]), shift=False)[1]

    assert scale == pytest.approx([1, 1, 7])


def test_sparse_features_that_are_shifted_have_the_statistics_of_dense_ones(small_blocks):
    X, _, weight = random_data()

    for weights in (None, weight):
        of_sparse = feature_statistics(make_rows(sparse.csr_array(X), weight=weights))
        np.testing.assert_array_equal(of_sparse, feature_statistics(make_rows(X, weight=weights)))


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_statistics_leave_the_features_alone(make, small_blocks):
    X = make(random_data()[0])
    numbers = X.data if sparse.issparse(X) else X
    before = numbers.copy()
    if not sparse.issparse(X):
        X.flags.writeable = False

    for shift in (True, False):
        feature_statistics(make_rows(X), shift=shift)

    np.testing.assert_array_equal(numbers, before)


# Weights.


@given(
    weight=hnp.arrays(np.float64, st.integers(1, 8), elements=st.floats(0.01, 100)),
    unit=st.sampled_from([0.5, 3.0, 1e-9, 1e12]),
)
def test_the_unit_of_weights_is_taken_out(weight, unit):
    rows = make_rows(np.zeros((len(weight), 1)), weight=weight).with_mean_weight_one()
    scaled = make_rows(np.zeros((len(weight), 1)), weight=weight * unit).with_mean_weight_one()

    if rows.weight is None or scaled.weight is None:
        np.testing.assert_allclose(weight, weight[0], rtol=1e-9)
        return
    assert rows.weight.mean() == pytest.approx(1)
    np.testing.assert_allclose(rows.weight, scaled.weight, rtol=1e-12)
    np.testing.assert_allclose(rows.weight / rows.weight[0], weight / weight[0], rtol=1e-12)


def test_the_mean_is_one_over_the_rows_of_the_view():
    weight = np.array([1.0, 100.0, 3.0])
    rows = make_rows(np.zeros((3, 1)), weight=weight, index=[0, 2]).with_mean_weight_one()

    assert rows.weight[rows.index].tolist() == [0.5, 1.5]
    assert weight.tolist() == [1.0, 100.0, 3.0]


@pytest.mark.parametrize("weight", [None, np.full(3, 7.0), np.array([2.0, 9.0, 2.0])])
def test_equal_weights_are_none(weight):
    rows = make_rows(np.zeros((3, 1)), weight=weight, index=[0, 2])

    assert rows.with_mean_weight_one().weight is None


# Edges of bins.

TABLES = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 30), st.integers(1, 4)),
    elements=st.integers(-9, 9).map(float),
)
over_bins = st.integers(2, 6)


@given(TABLES, over_bins, st.integers(1, 60))
def test_edges_are_the_quantiles(X, n_bins, block_size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_rows, "_BLOCK_SIZE", block_size)
        edges = bin_edges(make_rows(X), n_bins)

    assert edges.shape == (X.shape[1], n_bins + 1)
    assert edges.dtype == np.float32
    assert (np.diff(edges, axis=1) >= 0).all()
    levels = np.arange(n_bins + 1) / n_bins - 1e-12
    for values, found in zip(X.T, edges, strict=True):
        wanted, times = np.unique(values, return_counts=True)
        is_heavy = len(wanted) > n_bins + 1 and times.max() > len(X) / n_bins
        if len(wanted) > n_bins + 1:
            wanted = np.unique(np.quantile(values, levels.clip(0), method="inverted_cdf"))
        if is_heavy:  # then there are more of them
            assert set(found) <= set(values)
            assert len(np.unique(found)) >= len(wanted)
        else:
            assert np.unique(found).tolist() == (wanted if len(wanted) > 2 else found[:1]).tolist()


@pytest.mark.parametrize("n_zeros", [20, 100, 10_000])
def test_values_that_occur_often_leave_bins_to_the_others(n_zeros):
    """Zeros of a count take one bin, the other numbers share the rest."""
    others = np.arange(1, 71) / 70
    edges = bin_edges(make_rows(np.concatenate([np.zeros(n_zeros), others])[:, np.newaxis]), 8)
    np.testing.assert_allclose(edges[0, 1:], np.arange(8) / 7, atol=0.02)


def test_what_says_no_more_than_the_feature_has_no_edges():
    """One value, and two values."""
    X = np.stack([np.full(40, 3.0), np.arange(40) % 2], axis=1)
    edges = bin_edges(make_rows(X), 2)
    assert (edges == edges[:, :1]).all()


@given(TABLES, over_bins, st.data())
def test_edges_count_weights_as_copies(X, n_bins, data):
    times = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(X), max_size=len(X))))
    times[0] += not times.any()
    copies = make_rows(np.repeat(X, times, axis=0))
    for unit in (1.0, 0.1, 1e-7, 3e9):
        for weight in (times * unit, np.stack([0.5 * times, 1.5 * times], axis=1) * unit):
            got = bin_edges(make_rows(X, weight=weight), n_bins)
            np.testing.assert_array_equal(got, bin_edges(copies, n_bins))


@given(TABLES, over_bins, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_features_does_not_move_edges(X, n_bins, random):
    rows, columns = list(range(len(X))), list(range(X.shape[1]))
    random.shuffle(rows)
    random.shuffle(columns)
    weight = np.arange(1.0, len(X) + 1) / 7
    edges = bin_edges(make_rows(X, weight=weight), n_bins)

    moved = make_rows(X[rows][:, columns], weight=weight[rows])
    np.testing.assert_array_equal(bin_edges(moved, n_bins), edges[columns])
    np.testing.assert_array_equal(bin_edges(make_rows(X, weight=weight, index=rows), n_bins), edges)


@every_container
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_edges_of_any_container(make, dtype, small_blocks):
    X = (10 * random_data()[0]).astype(dtype)
    index = np.arange(0, 40, 2)
    got = bin_edges(make_rows(make(X), index=index), 4)
    np.testing.assert_array_equal(got, bin_edges(make_rows(X[index]), 4))


def test_edges_leave_rounding_out():
    noise = np.array([0, 1, 2, 3]) * np.spacing(np.float32(7))
    X = np.stack([7 + noise, [7, 7 + noise[1], 8, 9], [0.0, -0.0, 0.0, 0.0], noise * 1e-40], axis=1)
    edges = bin_edges(make_rows(X), 4)
    np.testing.assert_array_equal(edges[1], [7, 7, 8, 9, 9])
    assert (edges[[0, 2, 3]] == edges[[0, 2, 3], :1]).all()


def test_edges_of_many_rows_are_those_of_a_sample(monkeypatch):
    monkeypatch.setattr(_rows, "_QUANTILES_OF", 500)
    X = np.random.default_rng(0).uniform(size=(4000, 2))
    weight = np.ones(4000)
    edges = bin_edges(make_rows(X, weight=weight), 4)
    np.testing.assert_allclose(edges, [np.linspace(0, 1, 5)] * 2, atol=0.08)
    np.testing.assert_array_equal(edges, bin_edges(make_rows(X), 4))
    assert np.isin(edges, X.astype(np.float32)).all()
    weight[2000:] = 0
    np.testing.assert_array_equal(
        bin_edges(make_rows(X, weight=weight), 4), bin_edges(make_rows(X[:2000]), 4)
    )


def test_duplicates_of_sparse_entries_are_summed():
    X = sparse.csr_array(np.random.default_rng(0).integers(0, 4, (30, 5)).astype(float))
    twice = sparse.csr_array(
        (np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr), shape=X.shape
    )
    for some, others in zip(*map(feature_statistics, map(make_rows, (X, twice))), strict=True):
        np.testing.assert_allclose(some, others)
    assert twice.nnz == 2 * X.nnz  # the user's matrix stays as it is


@pytest.mark.parametrize("names", [None, np.array(["a", "seconds", "b"])], ids=["", "names"])
def test_features_that_float32_cannot_tell_apart(names):
    X = np.random.default_rng(0).normal(size=(50, 3))
    X[:, 1] = 1.7e9 + 100 * X[:, 1]
    with pytest.warns(UserWarning, match="float32.*column 1,|float32.*column 'seconds',"):
        feature_statistics(make_rows(X), names)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_constant_and_plain_features_are_not_warned_of(dtype):
    X = np.random.default_rng(0).normal(scale=9, size=(50, 3))
    X[:, 1] = 1.7e9
    feature_statistics(make_rows((X + 100).astype(dtype)))
