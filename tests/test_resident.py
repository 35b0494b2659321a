"""Rows on the device: the caller's values, whatever the container, and none of its memory."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse

from skmultilabel_keras._rows import Rows
from skmultilabel_keras._tensorflow.resident import gather, place

RNG = np.random.default_rng(0)
BASE = RNG.integers(0, 100, (12, 5))
ORDER = np.array([3, 11, 0, 3, 7], dtype=np.int32)


def placed(X, y=None, weight=None, dtype="float32"):
    y = np.zeros((X.shape[0], 1), np.float32) if y is None else y
    return place(Rows(X, y, weight, np.arange(X.shape[0])), dtype)


def batch(resident, part=0, rows=ORDER, dtype="float32", keep_sparse=False):
    return gather(
        resident.tensors[part],
        resident.layouts[part],
        tf.constant(rows),
        dtype=dtype,
        keep_sparse=keep_sparse,
    )


DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
DTYPES += ["float16", "float32", "float64", "longdouble"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_of_any_dtype_arrive_as_the_network_takes_them(dtype):
    X = BASE.astype(dtype)
    found = batch(placed(X))
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found, X.astype(np.float32)[ORDER])


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("uint8", 1), ("bool", 1), ("float16", 2), ("float32", 4), ("float64", 4), ("int64", 4)],
)
def test_rows_take_no_more_memory_than_float32(dtype, expected):
    assert placed(BASE.astype(dtype)).tensors[0][0].dtype.size == expected


def strided():
    wide = np.zeros((24, 15), np.float32)
    view = wide[::-2, ::3]
    view[...] = BASE
    return view


def read_only():
    X = BASE.astype(np.float32)
    X.setflags(write=False)
    return X


LAYOUTS = {
    "C order": lambda: BASE.astype(np.float32),
    "Fortran order": lambda: np.asfortranarray(BASE, dtype=np.float32),
    "strided": strided,
    "read-only": read_only,
    "one column": lambda: BASE.astype(np.float32)[:, :1],
    "other bytes": lambda: BASE.astype(">f4"),
    "images": lambda: BASE.astype(np.float32).reshape(12, 5, 1, 1),
}


@pytest.mark.parametrize("make", LAYOUTS.values(), ids=LAYOUTS)
def test_arrays_in_any_memory_layout(make):
    X = make()
    np.testing.assert_array_equal(batch(placed(X)), X[ORDER])


def test_memory_maps(tmp_path):
    np.save(tmp_path / "X.npy", BASE.astype(np.float32))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(batch(placed(X)), BASE[ORDER])


@pytest.mark.parametrize("make", [np.array, sparse.csr_array], ids=["dense", "sparse"])
def test_what_the_caller_writes_later_has_no_effect(make):
    X, y = make(BASE.astype(np.float32)), make((BASE > 50).astype(np.float32))
    weight = np.arange(12.0)
    resident = placed(X, y, weight)
    before = [batch(resident, part).numpy() for part in range(3)]
    for values in (X, y):
        (values.data if sparse.issparse(values) else values)[...] = -1
    weight[...] = -1
    for part, expected in enumerate(before):
        np.testing.assert_array_equal(batch(resident, part), expected)


def test_nothing_of_the_caller_is_changed():
    X, y, weight = BASE.astype(np.float64), (BASE > 50).astype(np.int8), np.arange(12.0)
    copies = X.copy(), y.copy(), weight.copy()
    batch(placed(X, y, weight))
    for values, copy in zip((X, y, weight), copies, strict=True):
        np.testing.assert_array_equal(values, copy)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int64", "bool"])
@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csr_array])
def test_sparse_rows_equal_dense_ones(make, dtype):
    X = np.where(BASE > 60, BASE, 0).astype(dtype)
    X[3] = 0  # a row without any entry
    resident = placed(make(X))
    np.testing.assert_array_equal(batch(resident), X.astype(np.float32)[ORDER])
    kept = batch(resident, keep_sparse=True)
    np.testing.assert_array_equal(tf.sparse.to_dense(kept), X.astype(np.float32)[ORDER])


def test_sparse_rows_with_duplicates_in_any_order():
    data = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 0.0])
    columns = [2, 0, 2, 4, 1, 3]
    X = sparse.csr_array((data, columns, [0, 3, 3, 6]), shape=(3, 5))
    expected = X.toarray()
    rows = np.array([2, 0, 1, 0], dtype=np.int32)
    np.testing.assert_array_equal(batch(placed(X), rows=rows), expected[rows])
    assert list(X.indices) == columns
    assert list(X.data) == list(data)


def test_sparse_rows_with_long_indices():
    X = sparse.csr_array(np.where(BASE > 60, BASE, 0).astype(np.float32))
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    np.testing.assert_array_equal(batch(placed(X)), X.toarray()[ORDER])


def test_sparse_targets_come_dense():
    y = sparse.csr_array((BASE > 50).astype(np.float32))
    resident = placed(BASE, y)
    np.testing.assert_array_equal(batch(resident, part=1, dtype=None), y.toarray()[ORDER])


def test_a_sparse_container_without_entries():
    X = sparse.csr_array((12, 5), dtype=np.float32)
    np.testing.assert_array_equal(batch(placed(X)), np.zeros((5, 5)))


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_whole_numbers_for_networks_that_take_them(make):
    X = make(BASE.astype(np.float64))
    found = batch(placed(X, dtype="int32"), dtype="int32")
    assert found.dtype == tf.int32
    np.testing.assert_array_equal(found, BASE[ORDER])
    X = make(BASE + 0.5)
    with pytest.raises(ValueError, match="takes int32 inputs, which cannot hold the values of X"):
        placed(X, dtype="int32")


def test_two_views_of_the_same_containers_are_placed_once():
    X, y = BASE.astype(np.float32), (BASE > 50).astype(np.float32)
    known = {}
    one = place(Rows(X, y, None, np.arange(6)), "float32", known)
    other = place(Rows(X, y, np.ones(12), np.arange(6, 12)), "float32", known)
    assert one.tensors[0][0] is other.tensors[0][0]
    assert one.tensors[1][0] is other.tensors[1][0]
    assert one.tensors[2] is None
    assert one.layouts[2] is None


def test_layouts_do_not_know_the_number_of_rows():
    """One graph serves folds of any size."""
    for make in (np.asarray, sparse.csr_array):
        X = make(BASE.astype(np.float32))
        assert placed(X).layouts == placed(X[:7]).layouts
        assert placed(X).layouts != placed(X[:, :4]).layouts
    assert placed(BASE.astype(np.int8)).layouts != placed(BASE.astype(np.float32)).layouts
