"""Laws of targets: one encoding for every container, and the way back."""

from __future__ import annotations

import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import type_of_target

from skmultilabel_keras._target_encoder import TargetEncoder

Y = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 0], [1, 1, 1]])
NAMES = ["red", "green", "blue", "cyan", "pink"]


def content(y):
    """Return all of what a container holds as bytes; what pandas caches beside it is left out."""
    if isinstance(y, pd.DataFrame):
        y = [(y[name].tolist(), y[name].dtype) for name in y]
    return pickle.dumps(y)


def names_of(indicator):
    return NAMES[: indicator.shape[1]]


def as_dense(encoded):
    return encoded.toarray() if sparse.issparse(encoded) else encoded


def label_rows(indicator):
    names = np.array(names_of(indicator), dtype=object)
    return [names[row > 0].tolist() for row in indicator]


def object_vector(rows):
    vector = np.empty(len(rows), dtype=object)
    vector[:] = rows
    return vector


def untidy_parts(indicator):
    """Return values, rows and columns with an explicit zero beside each value, in reverse."""
    rows, columns = (np.repeat(part.ravel(), 2)[::-1] for part in np.indices(indicator.shape))
    values = np.column_stack([indicator.ravel(), np.zeros(indicator.size, int)]).ravel()[::-1]
    return values, rows, columns


def untidy_coo(indicator):
    values, rows, columns = untidy_parts(indicator)
    return sparse.coo_array((values, (rows, columns)), shape=indicator.shape)


def untidy_csr(indicator):
    values, rows, columns = untidy_parts(indicator)
    order = np.argsort(rows, kind="stable")
    indptr = np.arange(indicator.shape[0] + 1) * 2 * indicator.shape[1]
    return sparse.csr_array((values[order], columns[order], indptr), shape=indicator.shape)


def untidy_csc(indicator):
    transposed = untidy_csr(indicator.T)
    parts = transposed.data, transposed.indices, transposed.indptr
    return sparse.csc_matrix(parts, shape=indicator.shape)


def read_only(indicator):
    copy = indicator.copy()
    copy.flags.writeable = False
    return copy


def mixed_frame(indicator):
    dtypes = ["bool", "Int8", "float32", "boolean", "object"]
    columns = zip(names_of(indicator), indicator.T, dtypes, strict=False)
    return pd.DataFrame({name: pd.Series(column).astype(dtype) for name, column, dtype in columns})


def frame(dtype):
    return lambda indicator: pd.DataFrame(indicator, columns=names_of(indicator)).astype(dtype)


DENSE_DTYPES = list("?bBhHiIlLqQefdg")
FRAME_DTYPES = [
    "bool",
    "uint8",
    "int64",
    "float32",
    "boolean",
    "Int64",
    "Float64",
    "category",
    "object",
    pd.SparseDtype("int64"),
    pd.SparseDtype("bool"),
    pd.SparseDtype("float64", 0.0),
]
FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]

DENSE = {
    **{f"dense {dtype}": lambda a, dtype=dtype: a.astype(dtype) for dtype in DENSE_DTYPES},
    "object": lambda a: a.astype(object),
    "object of bool": lambda a: a.astype(bool).astype(object),
    "object of Decimal": lambda a: np.vectorize(Decimal, otypes=[object])(a),
    "Fortran order": np.asfortranarray,
    "strided": lambda a: np.repeat(np.repeat(a, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "read-only": read_only,
    "big-endian": lambda a: a.astype(">i4"),
    "nested list": lambda a: a.tolist(),
    "nested bools": lambda a: (a > 0).tolist(),
    "nested tuples": lambda a: tuple(map(tuple, a.tolist())),
    "list of arrays": lambda a: list(a),
    "Series of lists": lambda a: pd.Series(a.tolist(), index=range(len(a), 0, -1)),
    "object vector of arrays": lambda a: object_vector(list(a)),
    "masked array without masked entries": lambda a: np.ma.array(a),
}
FRAMES = {
    **{f"frame {dtype}": frame(dtype) for dtype in FRAME_DTYPES},
    "frame of many dtypes": mixed_frame,
    "frame with another index": lambda a: frame("int64")(a).set_index(np.arange(len(a))[::-1]),
}
SPARSE = {
    **{f"{f} matrix": lambda a, f=f: getattr(sparse, f"{f}_matrix")(a) for f in FORMATS},
    **{f"{f} array": lambda a, f=f: getattr(sparse, f"{f}_array")(a) for f in FORMATS},
    **{
        f"csr {dtype}": lambda a, dtype=dtype: sparse.csr_array(a.astype(dtype))
        for dtype in "?bQfd"
    },
    "untidy coo": untidy_coo,
    "untidy csr": untidy_csr,
    "untidy csc": untidy_csc,
}
LISTS = {
    "lists": label_rows,
    "tuples": lambda a: tuple(map(tuple, label_rows(a))),
    "sets": lambda a: [set(row) for row in label_rows(a)],
    "frozensets": lambda a: [frozenset(row) for row in label_rows(a)],
    "lists and sets": lambda a: [set(r) if i % 2 else r for i, r in enumerate(label_rows(a))],
    "arrays of names": lambda a: [np.array(row, dtype=str) for row in label_rows(a)],
    "Series of label lists": lambda a: pd.Series(label_rows(a), index=range(len(a), 0, -1)),
    "Series of sets": lambda a: pd.Series([set(row) for row in label_rows(a)]),
    "object vector of lists": lambda a: object_vector(label_rows(a)),
    "names twice in a row": lambda a: [row * 2 for row in label_rows(a)],
}
CONTAINERS = {**DENSE, **FRAMES, **SPARSE, **LISTS}

few_examples = settings(max_examples=5)
every_container = pytest.mark.parametrize("name", CONTAINERS)
indicators = hnp.arrays(
    np.int64,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=5),
    elements=st.integers(0, 1),
)


def make(name, indicator):
    """Return a container of this indicator and an encoder that is not fitted."""
    declared = names_of(indicator) if name in LISTS else None
    return CONTAINERS[name](indicator), TargetEncoder(label_names=declared)


# Indicators: every container means the same, and comes back as it was.


@every_container
@few_examples
@given(indicator=indicators)
def test_every_container_has_the_same_encoding(name, indicator):
    y, encoder = make(name, indicator)

    encoded = encoder.fit(y).transform(y)

    assert encoder.meaning_ == "indicator"
    assert encoded.dtype == np.float32
    assert encoded.shape == indicator.shape
    assert sparse.issparse(encoded) == (name in SPARSE)
    np.testing.assert_array_equal(as_dense(encoded), indicator)


@every_container
@few_examples
@given(indicator=indicators)
def test_decode_gives_the_container_of_fit_back(name, indicator):
    y, encoder = make(name, indicator)
    encoded = encoder.fit(y).transform(y)

    decoded = encoder.decode(as_dense(encoded) > 0)

    kind = np.ndarray
    if name in SPARSE:
        kind = sparse.csr_array if isinstance(y, sparse.sparray) else sparse.csr_matrix
    assert type(decoded) is kind
    assert decoded.shape == indicator.shape
    np.testing.assert_array_equal(as_dense(decoded), indicator)
    assert type_of_target(decoded) == type_of_target(np.asarray(indicator))


@pytest.mark.parametrize("make_y", [np.array, sparse.csr_array, sparse.csc_matrix])
@pytest.mark.parametrize("dtype", list("?bBhHiIlLqQfdg"))
def test_decode_keeps_the_dtype(dtype, make_y):
    y = make_y(Y.astype(dtype))
    encoder = TargetEncoder().fit(y)

    assert encoder.decode(Y > 0).dtype == y.dtype


@pytest.mark.parametrize("name", ["object", "frame boolean", "frame category", "lists", "sets"])
def test_containers_without_a_dtype_of_numbers_give_integers(name):
    y, encoder = make(name, Y)

    assert encoder.fit(y).decode(Y > 0).dtype == np.int64


@every_container
@few_examples
@given(data=st.data(), indicator=indicators)
def test_meaning_does_not_depend_on_the_rows_of_a_fold(name, data, indicator):
    """Rows of one label each, columns all 0 or all 1, one row: meaning and shapes stay."""
    rows = data.draw(st.lists(st.integers(0, len(indicator) - 1), min_size=1, max_size=6))
    y, encoder = make(name, indicator)
    fold, fold_encoder = make(name, indicator[rows])

    encoder.fit(y)
    fold_encoder.fit(fold)

    for attribute in ("meaning_", "container_", "n_labels_"):
        assert getattr(fold_encoder, attribute) == getattr(encoder, attribute)
    np.testing.assert_array_equal(fold_encoder.label_names_, encoder.label_names_)
    for fitted in (encoder, fold_encoder):
        np.testing.assert_array_equal(as_dense(fitted.transform(fold)), indicator[rows])
    assert fold_encoder.decode(indicator[rows] > 0).shape == indicator[rows].shape


@pytest.mark.parametrize("name", [*DENSE, *SPARSE])
@pytest.mark.parametrize(
    "fold",
    [np.eye(3), np.zeros((4, 3)), np.ones((4, 3)), [[1, 0, 0]], np.ones((1, 1)), np.zeros((1, 1))],
    ids=["one label per row", "all 0", "all 1", "one row", "only 1", "only 0"],
)
def test_extreme_folds_stay_indicators(name, fold):
    fold = np.array(fold, dtype=np.int64)
    y, encoder = make(name, fold)

    encoder.fit(y)

    assert encoder.meaning_ == "indicator"
    np.testing.assert_array_equal(as_dense(encoder.transform(y)), fold)
    np.testing.assert_array_equal(encoder.label_names_, np.arange(fold.shape[1]))


@pytest.mark.parametrize("name", [*DENSE, *SPARSE, *FRAMES])
@few_examples
@given(indicator=indicators, random=st.randoms(use_true_random=False))
def test_permuting_columns_permutes_the_encoding(name, indicator, random):
    order = random.sample(range(indicator.shape[1]), indicator.shape[1])
    y, encoder = make(name, indicator)
    permuted, encoder_of_permuted = make(name, indicator[:, order])

    np.testing.assert_array_equal(
        as_dense(encoder_of_permuted.fit(permuted).transform(permuted)),
        as_dense(encoder.fit(y).transform(y))[:, order],
    )


@given(indicator=indicators, random=st.randoms(use_true_random=False))
def test_permuting_declared_names_permutes_the_encoding_of_lists(indicator, random):
    names = names_of(indicator)
    order = random.sample(range(len(names)), len(names))
    y = label_rows(indicator)

    encoder = TargetEncoder(label_names=[names[j] for j in order]).fit(y)

    np.testing.assert_array_equal(encoder.transform(y), indicator[:, order])


@every_container
def test_the_callers_data_is_left_alone(name):
    y, encoder = make(name, Y)
    before = content(y)

    encoded = encoder.fit(y).transform(y)
    encoder.decode(as_dense(encoded) > 0)
    part = encoded.data if sparse.issparse(encoded) else encoded
    part[...] = 7

    assert content(y) == before


@pytest.mark.parametrize("name", [*DENSE, *SPARSE, *FRAMES])
def test_zero_rows_after_fit(name):
    y, encoder = make(name, Y)
    encoder.fit(y)

    assert encoder.transform(sparse.csr_array((0, 3))).shape == (0, 3)
    assert encoder.transform(np.zeros((0, 3))).shape == (0, 3)
    assert encoder.decode(np.zeros((0, 3), dtype=bool)).shape == (0, 3)


@pytest.mark.parametrize("first", ["dense l", "frame bool", "csr array", "lists"])
@pytest.mark.parametrize("second", ["dense ?", "frame Int64", "coo matrix", "sets", "nested list"])
def test_containers_may_change_after_fit(first, second):
    """Scikit-learn hands arrays on where a frame was, and scorers pass what they like."""
    y, encoder = make(first, Y)
    encoder = encoder.set_params(label_names=names_of(Y)).fit(y)
    other, _ = make(second, Y)

    np.testing.assert_array_equal(as_dense(encoder.transform(other)), Y)


# Names.


@pytest.mark.parametrize("name", FRAMES)
def test_columns_of_a_frame_are_the_label_names(name):
    y, encoder = make(name, Y)

    assert encoder.fit(y).label_names_.tolist() == ["red", "green", "blue"]


@pytest.mark.parametrize("name", [*DENSE, *SPARSE])
def test_columns_without_names_are_numbered(name):
    y, encoder = make(name, Y)

    assert encoder.fit(y).label_names_.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("names", "dtype"),
    [
        (["b", "a", "c"], np.dtype("<U1")),
        (np.array(["b", "a", "c"]), np.dtype("<U1")),
        (np.array(["b", "a", "c"], dtype=object), np.dtype("<U1")),
        (pd.Series(["b", "a", "c"]), np.dtype("<U1")),
        (pd.Index(["b", "a", "c"]), np.dtype("<U1")),
        ((3, 1, 2), np.dtype(np.int64)),
        (np.array([3, 1, 2], dtype=np.int8), np.dtype(np.int64)),
        (np.array([3.5, 1.0, 2.0]), np.dtype(np.float64)),
        (["a", 1, ("b", 2)], np.dtype(object)),
        ([("g", "a"), ("g", "b"), ("h", "a")], np.dtype(object)),
        (["a\0", "a", "b"], np.dtype(object)),
        ([2**70, -1, 0], np.dtype(object)),
    ],
)
@pytest.mark.parametrize("container", ["array", "frame"])
def test_names_are_kept_and_in_order(names, dtype, container):
    if container == "array":
        encoder = TargetEncoder(label_names=names).fit(Y)
    else:
        y = pd.DataFrame(Y)
        y.columns = pd.Index(list(names), tupleize_cols=False)
        encoder = TargetEncoder().fit(y)

    assert encoder.label_names_.tolist() == list(names)
    assert encoder.label_names_.dtype == dtype


def test_columns_of_two_levels_give_tuples():
    columns = pd.MultiIndex.from_tuples([("g", "a"), ("g", "b"), ("h", "a")])
    encoder = TargetEncoder().fit(pd.DataFrame(Y, columns=columns))

    assert encoder.label_names_.tolist() == columns.tolist()


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ([["b", "a"], ["c"]], ["a", "b", "c"]),
        ([{10, 9}, set(), {1}], [1, 9, 10]),
        ([{np.int64(2), 1}, {np.int8(1)}], [1, 2]),
        ([frozenset({0.5}), {1.5}], [0.5, 1.5]),
        ([{("x", 2)}, {("x", 1), ("a", 1)}], [("a", 1), ("x", 1), ("x", 2)]),
        ([[np.str_("b")], np.array(["a"])], ["a", "b"]),
        ([["1", "0"], ["0"]], ["0", "1"]),
    ],
)
def test_names_in_lists_are_sorted(rows, names):
    encoder = TargetEncoder().fit(rows)

    assert encoder.label_names_.tolist() == names
    assert encoder.label_names_.dtype != object or isinstance(names[0], tuple)
    expected = [[float(name in row) for name in names] for row in rows]
    np.testing.assert_array_equal(encoder.transform(rows), expected)


@pytest.mark.parametrize("y", [[[], []], [(), ()], [set(), set()], pd.Series([[], []])])
def test_empty_rows_are_label_lists_where_names_are_declared(y):
    encoder = TargetEncoder(label_names=["a", "b"]).fit(y)

    assert encoder.container_ == "lists"
    np.testing.assert_array_equal(encoder.transform(y), np.zeros((2, 2)))


@pytest.mark.parametrize("y", [[["a"], ["b"]], [{"a"}, set()], [["a", "b"], []]])
def test_empty_rows_after_fit(y):
    encoder = TargetEncoder().fit(y)

    np.testing.assert_array_equal(encoder.transform([[], [], []]), np.zeros((3, encoder.n_labels_)))


def test_strings_of_digits_are_names():
    """Lists of strings are label lists even where they look like an indicator."""
    encoder = TargetEncoder().fit([["0", "1"], ["1", "1"]])

    np.testing.assert_array_equal(encoder.transform([["0", "1"], ["1", "1"]]), [[1, 1], [0, 1]])


# Truth and decisions in one form.


@every_container
def test_pair_gives_truth_and_decisions_in_one_form(name):
    y, encoder = make(name, Y)
    decisions = Y[::-1] > 0

    truth, predicted = encoder.fit(y).pair(y, decisions)

    assert type_of_target(truth) == type_of_target(predicted) == "multilabel-indicator"
    agree = (as_dense(truth) == as_dense(predicted)).all(axis=1)
    np.testing.assert_array_equal(agree, (Y[::-1] == Y).all(axis=1))


@pytest.mark.parametrize("rows", [[["a"], ["new"], []], [{"a"}, {"b", "new"}, set()]])
def test_pair_counts_rows_with_unknown_labels_as_wrong(rows):
    encoder = TargetEncoder().fit([["a"], ["b"]])
    decisions = np.array([[1, 0], [0, 1], [0, 0]], dtype=bool)

    truth, predicted = encoder.pair(rows, decisions)

    np.testing.assert_array_equal((truth == predicted).all(axis=1), [True, False, True])


def test_pair_leaves_classes_as_they_are():
    encoder = TargetEncoder().fit(["a", "b"])

    truth, predicted = encoder.pair(["b", "new"], np.array([1, 0]))

    assert list(truth) == ["b", "new"]
    assert predicted.tolist() == ["b", "a"]


def test_pair_gives_codes_of_classes_that_metrics_do_not_read():
    intervals = pd.interval_range(0, 3)
    encoder = TargetEncoder().fit(pd.Series(intervals[:2]))

    truth, predicted = encoder.pair(pd.Series(intervals), np.array([0, 0, 1]))

    np.testing.assert_array_equal(truth == predicted, [True, False, False])
    assert accuracy_score(truth, predicted) == pytest.approx(1 / 3)


# Exclusive labels.


@pytest.mark.parametrize("name", CONTAINERS)
def test_exclusive_takes_rows_of_one_label(name):
    one_hot = np.eye(3, dtype=np.int64)[[2, 0, 0, 1]]
    y, encoder = make(name, one_hot)

    encoded = encoder.set_params(exclusive=True).fit(y).transform(y)

    assert encoder.meaning_ == "indicator"
    np.testing.assert_array_equal(as_dense(encoded), one_hot)


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize(("row", "count"), [([0, 0, 0], 0), ([1, 0, 1], 2)])
def test_exclusive_refuses_other_rows(name, row, count):
    y, encoder = make(name, np.array([[0, 1, 0], row, [1, 0, 0]]))
    encoder.set_params(exclusive=True).fit(y)

    with pytest.raises(ValueError, match=f"exclusive=True .* one label; row 1 holds {count}"):
        encoder.transform(y)


# Classes.

CODES = np.array([1, 0, 2, 0, 1])
CLASSES = {
    **{f"{d}": (lambda c, d=d: c.astype(d), [0, 1, 2]) for d in "bBhHiIlLqQefd"},
    "list": (lambda c: c.tolist(), [0, 1, 2]),
    "tuple": (lambda c: tuple(c.tolist()), [0, 1, 2]),
    "list of NumPy integers": (list, [0, 1, 2]),
    "negative": (lambda c: c - 1, [-1, 0, 1]),
    "whole floats": (lambda c: c * 2.0, [0.0, 2.0, 4.0]),
    "object integers": (lambda c: c.astype(object), [0, 1, 2]),
    "Series": (lambda c: pd.Series(c, index=c + 5), [0, 1, 2]),
    "Index": (pd.Index, [0, 1, 2]),
    "nullable": (lambda c: pd.Series(c, dtype="Int64"), [0, 1, 2]),
    "nullable array": (lambda c: pd.array(c, dtype="Int8"), [0, 1, 2]),
    "nullable floats": (lambda c: pd.Series(c, dtype="Float64"), [0.0, 1.0, 2.0]),
    "sparse Series": (lambda c: pd.Series(c, dtype="Sparse[int64]"), [0, 1, 2]),
    "category of integers": (lambda c: pd.Series(c, dtype="category"), [0, 1, 2]),
    **{
        name: (lambda c, f=f: f(np.array(["ant", "bee", "cat"])[c]), ["ant", "bee", "cat"])
        for name, f in {
            "strings": np.asarray,
            "list of strings": lambda s: s.tolist(),
            "list of NumPy strings": list,
            "object strings": lambda s: s.astype(object),
            "string Series": pd.Series,
            "string dtype": lambda s: pd.Series(s, dtype="string"),
            "object Series": lambda s: pd.Series(s, dtype=object),
            "category": lambda s: pd.Series(s, dtype="category"),
            "Categorical": pd.Categorical,
            "category in another order": lambda s: pd.Series(
                pd.Categorical(s, categories=["zebra", "cat", "bee", "ant"])
            ),
        }.items()
    },
}


@pytest.mark.parametrize("name", CLASSES)
def test_every_container_of_classes_has_the_same_codes(name):
    make_y, classes = CLASSES[name]
    y = make_y(CODES)

    encoder = TargetEncoder().fit(y)
    codes = encoder.transform(y)

    assert encoder.meaning_ == "classes"
    assert encoder.label_names_.tolist() == classes
    assert codes.dtype == np.int64
    np.testing.assert_array_equal(codes, CODES)
    assert encoder.decode(codes).tolist() == list(y)


@pytest.mark.parametrize("name", CLASSES)
def test_classes_in_any_fold_where_declared(name):
    make_y, classes = CLASSES[name]
    y = make_y(np.array([1, 1]))

    encoder = TargetEncoder(label_names=classes).fit(y)

    assert encoder.n_labels_ == 3
    np.testing.assert_array_equal(encoder.transform(y), [1, 1])


@pytest.mark.parametrize("dtype", [*"?bBhHiIlLqQefd", "<U2", object])
def test_decode_keeps_the_dtype_of_classes(dtype):
    y = np.array([1, 0, 1]).astype(dtype)
    encoder = TargetEncoder().fit(y)

    decoded = encoder.decode(encoder.transform(y))

    assert decoded.dtype == y.dtype
    np.testing.assert_array_equal(decoded, y)


@pytest.mark.parametrize("y", [[True, False], np.array([True, False]), pd.Series([True, False])])
@pytest.mark.parametrize("declared", [None, [False, True], np.array([False, True])])
def test_booleans_are_two_classes(y, declared):
    encoder = TargetEncoder(label_names=declared).fit(y)

    assert encoder.decode(encoder.transform(y)).tolist() == [True, False]
    assert encoder.label_names_.dtype == bool


@pytest.mark.parametrize("declared", [np.array([0, 1, 2]), [0, 1, 2], list(np.arange(3))])
def test_declared_classes_have_a_type_that_scikit_learn_knows(declared):
    """An object array of numbers would be of type "unknown" to every scorer."""
    encoder = TargetEncoder(label_names=declared).fit([1, 0])

    assert type_of_target(encoder.decode(np.array([0, 1, 2]))) == "multiclass"


@given(labels=st.lists(st.integers() | st.text("ab\0é ", max_size=3), min_size=1))
def test_decode_inverts_transform_for_any_classes_of_one_type(labels):
    kept = [label for label in labels if type(label) is type(labels[0])]
    y = object_vector(kept)
    encoder = TargetEncoder().fit(y)

    assert encoder.decode(encoder.transform(y)).tolist() == kept


def test_codes_count_sorted_classes_in_whatever_order_they_are_declared():
    """scikit-learn's metrics take columns of scores for sorted classes."""
    encoder = TargetEncoder(label_names=["b", "c", "a"]).fit(["a", "b"])

    np.testing.assert_array_equal(encoder.transform(["a", "b", "c"]), [0, 1, 2])
    assert encoder.label_names_.tolist() == ["a", "b", "c"]


def test_numbers_of_another_type_are_the_same_classes():
    encoder = TargetEncoder().fit(np.array([0, 1, 2]))

    np.testing.assert_array_equal(encoder.transform([2.0, 0.0]), [2, 0])
    np.testing.assert_array_equal(encoder.transform(np.array([True, False])), [1, 0])


# A single column.


@pytest.mark.parametrize("values", [[[0], [1]], [[1], [1]], [[0], [0]], [[1]], [[True], [False]]])
@pytest.mark.parametrize("container", [np.array, list, sparse.csr_array, pd.DataFrame])
def test_one_column_of_0_and_1_is_an_indicator_of_one_label(values, container):
    y = container(values)
    encoder = TargetEncoder().fit(y)

    assert encoder.meaning_ == "indicator"
    assert encoder.transform(y).shape == (len(values), 1)
    assert encoder.decode(np.array(values, dtype=bool)).shape == (len(values), 1)


@pytest.mark.parametrize(
    ("column", "classes"),
    [
        ([[1], [2]], [1, 2]),
        ([[-1], [1]], [-1, 1]),
        (np.array([["a"], ["b"]]), ["a", "b"]),
        (np.array([["b"], ["a"]], dtype=object), ["a", "b"]),
        ([[3.0], [0.0]], [0.0, 3.0]),
    ],
)
def test_a_column_of_other_values_is_read_as_classes(column, classes):
    with pytest.warns(DataConversionWarning, match=r"column-vector y .* using ravel\(\)"):
        encoder = TargetEncoder().fit(column)

    assert encoder.meaning_ == "classes"
    assert encoder.label_names_.tolist() == classes
    with pytest.warns(DataConversionWarning):
        codes = encoder.transform(column)
    assert encoder.decode(codes).tolist() == np.ravel(column).tolist()


def test_a_later_column_is_read_as_fit_was():
    """A fold of the column may hold only 0 and 1; its meaning was settled before."""
    with pytest.warns(DataConversionWarning):
        classes = TargetEncoder().fit([[0], [1], [2]])
    with pytest.warns(DataConversionWarning):
        np.testing.assert_array_equal(classes.transform([[1], [0]]), [1, 0])

    indicator = TargetEncoder().fit([[0], [1]])
    with pytest.raises(ValueError, match="only 0 and 1 in a label indicator; got 2"):
        indicator.transform([[2], [1]])


def test_declared_names_tell_what_a_column_is():
    """One name stands for one label, several for classes; the values are not asked."""
    column = np.array([[0], [1], [1]])

    assert TargetEncoder(label_names=["spam"]).fit(column).meaning_ == "indicator"
    with pytest.warns(DataConversionWarning):
        encoder = TargetEncoder(label_names=[0, 1, 2]).fit(column)
    assert encoder.meaning_ == "classes"
    assert encoder.n_labels_ == 3
    with pytest.raises(ValueError, match="got 2 for label 'spam'"):
        TargetEncoder(label_names=["spam"]).fit([[2], [1]]).transform([[2], [1]])


# Bad input.


def fit_transform(y, **params):
    return TargetEncoder(**params).fit(y).transform(y)


def with_value(value, dtype=None):
    y = Y.astype(dtype if dtype is not None else np.result_type(type(value), float))
    y[1, 1] = value
    return y


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        ("ab", "a list with one entry for each row; got str"),
        (b"ab", "a list with one entry for each row; got bytes"),
        ({"a": [1]}, "a list with one entry for each row; got dict"),
        ({1, 2}, "a list with one entry for each row; got set"),
        (frozenset("a"), "a list with one entry for each row; got frozenset"),
        (3, "one dimension .* or two .*; got 0 dimensions"),
        (np.array(1), "got 0 dimensions"),
        ((row for row in Y), "got 0 dimensions"),
        (np.zeros((2, 2, 2)), r"got 3 dimensions, shape \(2, 2, 2\)"),
        ([[[1], [0]]], "got 3 dimensions"),
        ([[0, 1], [1]], "rows of one length, or lists of label names as strings"),
        ([[1, 2], [], [2]], "integer label names can be passed as sets"),
        ([(1, 2), (3,)], "integer label names can be passed as sets"),
        (pd.Series([[1, 2], [3]]), "integer label names can be passed as sets"),
        (pd.Series([(1, 2), (3, 2)]), "integer label names can be passed as sets"),
        (object_vector([[1, 2], [3]]), "integer label names can be passed as sets"),
        (np.zeros((2, 0)), r"at least one label column; got shape \(2, 0\)"),
        (sparse.csr_array((2, 0)), "at least one label column"),
        (pd.DataFrame(index=[0, 1]), "at least one label column"),
        ([[], []], "only empty label lists, .* Pass all of them as label_names"),
        ([set(), set()], "only empty label lists"),
        (pd.Series([[], ()]), "only empty label lists"),
        ([["a"], "b"], "list or set of labels in every row; got str in row 1: 'b'"),
        (["b", ["a"]], "got str in row 0: 'b'"),
        ([{"a"}, "b"], "got str in row 1"),
        ([1, [1, 0]], "got int in row 0"),
        ([["a"], None], "got NoneType in row 1"),
        (pd.Series([["a"], np.nan]), "got float in row 1: nan"),
        ([["a", 1], ["b"]], r"one kind that can be sorted; got \['int', 'str'\]"),
        ([{"a", 1}], "one kind that can be sorted"),
        ([["a", None]], "Label names must not be missing"),
        ([["a", np.nan]], "Label names must not be missing"),
        ([{np.nan}], "Label names must not be missing"),
        ([[["a"]], ["b"]], "Label names must be strings, numbers or tuples: unhashable"),
    ],
)
def test_what_is_no_target_is_refused(y, message):
    with pytest.raises(ValueError, match=message):
        fit_transform(y)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2, "only 0 and 1 in a label indicator; got 2.*for label 1. For counts pass y > 0"),
        (-1, "got -1.*for label 1. For labels coded as -1 and 1 pass y > 0"),
        (0.5, "got 0.5 for label 1"),
        (np.inf, "Input y contains infinity, first for label 1"),
        (-np.inf, "Input y contains infinity"),
    ],
)
@pytest.mark.parametrize(
    "container",
    [
        np.array,
        np.asfortranarray,
        np.ndarray.tolist,
        lambda y: y.astype(object),
        sparse.csr_array,
        sparse.coo_matrix,
        sparse.lil_array,
        pd.DataFrame,
    ],
)
def test_values_other_than_0_and_1_are_refused(value, message, container):
    y = with_value(value, dtype=np.int64 if isinstance(value, int) else np.float64)

    with pytest.raises(ValueError, match=message):
        fit_transform(container(y))


@pytest.mark.parametrize("value", [1 + 0j, "1", b"1", [1], Decimal("0.5")])
def test_objects_other_than_0_and_1_are_refused(value):
    y = Y.astype(object)
    y[1, 1] = value

    with pytest.raises(ValueError, match=r"y must hold only 0 and 1.* label 1"):
        fit_transform(y)


@pytest.mark.parametrize("make_y", [np.array, sparse.csr_array, pd.DataFrame])
def test_complex_numbers_are_refused(make_y):
    with pytest.raises(ValueError, match=r"only 0 and 1.*\(1\+0j\)"):
        fit_transform(make_y(Y.astype(complex)))


def test_uint8_masks_are_refused():
    with pytest.raises(ValueError, match="got 255 for label 0"):
        fit_transform((Y * 255).astype(np.uint8))


def test_text_in_an_array_gets_a_hint():
    with pytest.raises(
        ValueError, match=r"got 'a' for label 0\. Rows of label names must be lists"
    ):
        fit_transform(np.array([["a", "b"], ["b", "c"]]))


def test_duplicates_that_sum_to_two_are_refused():
    y = sparse.coo_array(([1, 1], ([0, 0], [1, 1])), shape=(2, 2))

    with pytest.raises(ValueError, match="got 2 for label 1"):
        fit_transform(y)


@pytest.mark.parametrize(
    "container",
    [np.array, np.asfortranarray, np.ndarray.tolist, pd.DataFrame, np.ma.masked_invalid],
)
def test_missing_labels_are_nan(container):
    y = with_value(np.nan, dtype=np.float64)
    np.testing.assert_array_equal(fit_transform(container(y)), y)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_objects_may_stand_for_missing_labels(missing):
    y = with_value(np.nan, dtype=np.float64)
    objects = np.where(np.isnan(y), missing, np.nan_to_num(y).astype(int).astype(object))
    encoder = TargetEncoder().fit(objects)
    np.testing.assert_array_equal(encoder.transform(objects), y)
    column = TargetEncoder().fit(objects[:, 1:2])
    np.testing.assert_array_equal(column.transform(objects[:, 1:2]), y[:, 1:2])
    assert encoder.decode(np.zeros(y.shape, dtype=bool)).dtype == np.int64


def test_missing_labels_are_refused_in_a_sparse_indicator():
    y = sparse.csr_array(with_value(np.nan, dtype=np.float64))
    with pytest.raises(ValueError, match=r"NaN, first for label 1.*numbers that is not sparse"):
        fit_transform(y)


@pytest.mark.parametrize("y", [np.array(["a", "b"]), np.array([["a"], ["b"]]), np.array([0, 1])])
def test_masked_entries_of_no_indicator_are_refused(y):
    with pytest.raises(ValueError, match="indicator of numbers where it is a masked array"):
        fit_transform(np.ma.array(y, mask=y == y[0]))


@pytest.mark.parametrize(
    "column",
    [
        pd.array([1, None], dtype="Int64"),
        pd.array([True, None], dtype="boolean"),
        [1.0, np.nan],
        np.array([1, None], dtype=object),
        np.array([1, pd.NA], dtype=object),
        pd.Categorical([1, None]),
    ],
)
def test_frames_may_lack_labels(column):
    y = fit_transform(pd.DataFrame({"b": [0, 1], "a": column}))
    np.testing.assert_array_equal(y, [[0, 1], [1, np.nan]])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["1", "0"], "column 'a' holds '1'"),
        ([0, "x"], "column 'a' holds 'x'"),
        (pd.Categorical(["1", "0"]), "column 'a' holds '1'"),
        (pd.array(["x", "y"], dtype="string"), "column 'a' holds 'x'"),
        (pd.to_datetime(["2020-01-01", "2020-01-02"]), "column 'a' holds Timestamp"),
        (pd.to_timedelta([0, 1]), "column 'a' holds Timedelta"),
        ([1, 2], "got 2 for label 'a'"),
        ([1, -1], "got -1 for label 'a'"),
        ([1, 0.5], "got 0.5 for label 'a'"),
    ],
)
def test_frames_of_other_values_are_refused(column, message):
    with pytest.raises(ValueError, match=f"y must hold only 0 and 1.*{message}"):
        fit_transform(pd.DataFrame({"b": [0, 1], "a": column}))


def test_a_frame_with_one_column_of_classes_gets_a_hint():
    with pytest.raises(ValueError, match=r"For classes pass the column itself, y\['species'\]"):
        fit_transform(pd.DataFrame({"species": ["a", "b"]}))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0.5, 0.2], "Unknown label type: continuous"),
        (np.array([0.5, 1.0], dtype=object), "Unknown label type: continuous"),
        (pd.Series([0.5, 1.0], dtype="Float64"), "Unknown label type: continuous"),
        ([1.0, np.nan], "Input y contains NaN"),
        ([1.0, np.inf], "Input y contains infinity"),
        (pd.Series([1, None], dtype="Int64"), "Input y contains NaN"),
        (pd.Series([True, None], dtype="boolean"), "Input y contains NaN"),
        (pd.Series(["a", None]), "Input y contains NaN: the class in row 1 is missing"),
        (pd.Series(["a", None], dtype=object), "the class in row 1 is missing"),
        (pd.Series(["a", None], dtype="string"), "the class in row 1 is missing"),
        (pd.Series(["a", None], dtype="category"), "the class in row 1 is missing"),
        (["a", None], "the class in row 1 is missing"),
        (["a", np.nan], "the class in row 1 is missing"),
        ([pd.NA, 1], "the class in row 0 is missing"),
        ([1, None], "the class in row 1 is missing"),
        (np.array(["2020-01-01", "NaT"], dtype="M8[D]"), "the class in row 1 is missing"),
        (pd.Series(pd.to_datetime(["2020-01-01", None])), "the class in row 1 is missing"),
        ([1, "a"], r"one kind that can be sorted; got \['int', 'str'\]"),
        (np.array([1, "a"], dtype=object), r"one kind that can be sorted; got \['int', 'str'\]"),
        ([1j, 2], "Complex data not supported"),
        (np.ma.array([0, 1], mask=[0, 1]), "masked array"),
    ],
)
def test_what_are_no_classes_is_refused(y, message):
    with pytest.raises(ValueError, match=message):
        fit_transform(y)


@pytest.mark.parametrize(
    ("y", "names", "message"),
    [
        (Y, ["a", "b"], "must name each of the 3 columns of y; got 2 names"),
        (sparse.csr_array(Y), ["a"], "must name each of the 3 columns of y; got 1 names"),
        (Y, ["a", "b", "a"], "must differ from each other; 'a' stands twice"),
        (Y, [1, 2, 1.0], "must differ from each other; 1 stands twice"),
        (Y, "abc", "a list or array in the order of the columns; got str"),
        (Y, {"a", "b", "c"}, "a list or array in the order of the columns; got set"),
        (Y, {"a": 1}, "a list or array in the order of the columns; got dict"),
        (Y, ["a", None, "b"], "must not be missing"),
        (Y, [1.0, np.nan, 2.0], "must not be missing"),
        (Y, [np.array([0, 1])] * 3, "must be strings, numbers or tuples: unhashable"),
        (Y, np.array([["a", "b", "c"]]), "must be strings, numbers or tuples: unhashable"),
        (
            pd.DataFrame(Y, columns=list("abc")),
            list("acb"),
            "must equal the columns of a DataFrame",
        ),
        (["a", "d"], ["a", "b"], "holds the label 'd'.*Legal names: a, b"),
        ([["a"], ["d"]], ["a", "b"], "holds the label 'd'"),
    ],
)
def test_declared_names_that_do_not_fit_are_refused(y, names, message):
    with pytest.raises(ValueError, match=message):
        fit_transform(y, label_names=names)


def test_columns_that_stand_twice_are_refused():
    with pytest.raises(ValueError, match="must differ from each other; 'a' stands twice"):
        fit_transform(pd.DataFrame(Y, columns=["a", "b", "a"]))


FRAME = pd.DataFrame(Y, columns=["a", "b", "c"])
ROWS = [["a"], ["b", "c"]]


@pytest.mark.parametrize(
    ("seen", "later", "message"),
    [
        (Y, Y[:, :2], r"one column for each of the 3 labels seen in fit; got shape \(4, 2\)"),
        (Y, sparse.csr_array(Y[:, :1]), r"got shape \(4, 1\)"),
        (ROWS, Y[:, :2], "one column for each of the 3 labels"),
        (FRAME, FRAME[["a", "b"]], "one column for each of the 3 labels"),
        (
            FRAME,
            FRAME[["a", "c", "b"]],
            r"in their order, \['a', 'b', 'c'\]; got \['a', 'c', 'b'\]",
        ),
        (FRAME, FRAME.rename(columns={"c": "d"}), r"got \['a', 'b', 'd'\]"),
        (ROWS, FRAME[["a", "c", "b"]], r"labels of fit as columns, .* got \['a', 'c', 'b'\]"),
        (Y, [0, 1, 1], "must be a label indicator with 3 columns, as in fit; got 1-D labels"),
        (ROWS, ["a", "b"], "must be a label indicator with 3 columns"),
        (Y, [["a"]], "holds the label 'a'"),
        (ROWS, [["a"], ["blu"]], "holds the label 'blu', .* Declare all labels with label_names"),
        (["ant", "bee"], ["ent"], "holds the label 'ent'.*Did you mean 'ant'"),
        (["a", "b"], ["c"], "seen at the first fit. Legal names: a, b.*classes in the first call"),
        ([0, 1], ["0", "1"], "holds the label '0', .* 0 is, of type int"),
        ([0, 1], [2], "holds the label 2"),
        ([0, 1], [0.0, np.nan], "contains NaN"),
        ([0, 1], Y, r"1-D array of classes, as in fit; got an indicator of shape \(4, 3\)"),
        ([0, 1], sparse.csr_array(Y), r"1-D array of classes, .* of shape \(4, 3\)"),
        ([0, 1], FRAME, "1-D array of classes"),
        (["a", "b"], [["a"], ["b"]], "1-D array of classes, as in fit; got lists of labels"),
    ],
)
def test_later_targets_that_do_not_fit_are_refused(seen, later, message):
    encoder = TargetEncoder().fit(seen)

    with pytest.raises(ValueError, match=message):
        encoder.transform(later)


def test_a_later_frame_must_have_the_declared_order():
    encoder = TargetEncoder(label_names=["a", "b", "c"]).fit(Y)

    np.testing.assert_array_equal(encoder.transform(FRAME), Y)
    with pytest.raises(ValueError, match="labels of fit as columns, in their order"):
        encoder.transform(FRAME[["b", "a", "c"]])


def test_frames_without_rows_name_the_dtype_that_is_refused():
    empty = pd.DataFrame({"a": pd.to_datetime([])})
    with pytest.raises(ValueError, match="column 'a' is of dtype datetime64"):
        fit_transform(empty)


@pytest.mark.parametrize("method", ["transform", "pair"])
def test_label_lists_hold_names_alone(method):
    encoder = TargetEncoder(label_names=["a", "b"]).fit([["a"], []])
    arguments = (np.zeros((2, 2), dtype=bool),) if method == "pair" else ()
    with pytest.raises(ValueError, match="Label names must be strings, numbers or tuples"):
        getattr(encoder, method)([["a"], [["b"]]], *arguments)
    with pytest.raises(ValueError, match="Label names must be strings, numbers or tuples"):
        TargetEncoder(label_names=["a", "b"]).fit([["a"], [["b"]]])


def test_frames_that_are_not_pandas():
    encoder = TargetEncoder().fit(pl.DataFrame({"b": [1, 0], "a": [True, False]}))

    assert encoder.label_names_.tolist() == ["b", "a"]
    np.testing.assert_array_equal(encoder.transform(np.eye(2)), np.eye(2))
    assert TargetEncoder().fit(pl.Series([["b"], [], ["a"]])).label_names_.tolist() == ["a", "b"]
    assert TargetEncoder().fit(pl.Series(["x", "y"])).meaning_ == "classes"
    np.testing.assert_array_equal(fit_transform(pl.DataFrame({"a": [1, None]})), [[1], [np.nan]])
    with pytest.raises(ValueError, match="column 'a' holds '1'"):
        fit_transform(pl.DataFrame({"a": ["1", "0"]}))


@pytest.mark.parametrize(
    ("columns", "dtype"),
    [
        ({"a": [1.0, 0.0], "b": [0.0, 1.0]}, np.float64),
        ({"a": [1.0, None], "b": [0.0, 1.0]}, np.float64),
        ({"a": [1, 0], "b": [0, 1]}, np.int64),
        ({"a": [1, None], "b": [0, 1]}, np.int64),
        ({"a": [True, None], "b": [False, True]}, np.int64),
        ({"a": [True, False], "b": [0.0, 1.0]}, np.int64),
    ],
)
def test_frames_of_polars_and_pandas_mean_the_same(columns, dtype):
    theirs = pd.DataFrame(
        {name: pd.array(values) if None in values else values for name, values in columns.items()}
    )
    if dtype is np.float64:
        theirs = theirs.astype(float)
    decisions = np.array([[True, False]])
    for y in (theirs, pl.DataFrame(columns, strict=False)):
        encoder = TargetEncoder().fit(y)
        expected = [[1.0, 0.0], [np.nan if None in columns["a"] else 0.0, 1.0]]
        np.testing.assert_array_equal(encoder.transform(y), expected)
        assert encoder.decode(decisions).dtype == dtype


def test_columns_of_polars_numbers_are_not_read_one_by_one(monkeypatch):
    monkeypatch.setattr(pl.Series, "__iter__", None)
    frame = pl.DataFrame({"a": [1.0, 0.0], "b": [0, 1], "c": [True, False]})
    np.testing.assert_array_equal(fit_transform(frame), [[1, 0, 1], [0, 1, 0]])


@pytest.mark.thorough
def test_large_indicators_of_label_lists_are_sparse():
    """Dense, this one would take 40 GB."""
    tags = [f"tag {number}" for number in range(10**5)]
    y = [[tags[row], tags[-1], tags[row]] if row % 2 else [] for row in range(10**5)]
    encoder = TargetEncoder(label_names=tags).fit(y)
    encoded = encoder.transform(y)
    assert encoded.shape == (10**5, 10**5)
    assert encoded.dtype == np.float32
    assert encoded.has_canonical_format
    assert encoded.nnz == 2 * len(y[1::2]) - 1  # the last row lists the last tag only
    assert encoded[[0, 1]].nonzero()[1].tolist() == [1, 10**5 - 1]
