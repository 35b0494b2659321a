"""Checks of features, weights and names: what passes is not copied, what fails is named."""

from __future__ import annotations

import re
from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from sklearn.base import BaseEstimator

from skmultilabel_keras._validation import (
    check_features,
    check_sample_weight,
    in_order_of_labels,
    nearest_names,
)

X = np.array([[1.0, 0.0, 3.0], [0.0, 0.5, 0.0]])
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])
FORMATS = ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"]


def check(X, X_later=None):
    """Return what ``check_features`` gives, in fit or after a fit on ``X``."""
    estimator = BaseEstimator()
    checked = check_features(estimator, X, reset=True)
    return checked if X_later is None else check_features(estimator, X_later, reset=False)


def as_dense(checked):
    return checked.toarray() if sparse.issparse(checked) else checked


# What passes.


@given(
    X=hnp.arrays(
        st.sampled_from([np.dtype(kind) for kind in "?bBhHiIlLqQefdg"]),
        hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=4),
        elements={"min_value": 0, "max_value": 100},
        fill=st.nothing(),
    ),
    order=st.sampled_from("CF"),
    writeable=st.booleans(),
)
def test_dense_arrays_of_any_dtype_and_order_are_not_copied(X, order, writeable):
    X = np.asarray(X, order=order)
    X.flags.writeable = writeable
    estimator = BaseEstimator()

    checked = check_features(estimator, X, reset=True)

    assert np.shares_memory(checked, X)
    assert checked.dtype == X.dtype
    np.testing.assert_array_equal(checked, X)
    assert estimator.n_features_in_ == X.shape[1]
    assert estimator.X_shape_ == X.shape


def test_strided_views_are_not_copied():
    wide = np.zeros((8, 6))

    assert np.shares_memory(check(wide[::2, ::-3]), wide)


def test_memory_maps_are_not_copied(tmp_path):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")

    checked = check(mapped)

    assert np.shares_memory(checked, mapped)
    np.testing.assert_array_equal(checked, X)


@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("dtype", list("?bBhiIlQfd"))
def test_csr_is_not_copied(kind, dtype):
    X_csr = getattr(sparse, f"csr_{kind}")(X.astype(dtype))

    checked = check(X_csr)

    assert type(checked) is type(X_csr)
    assert checked.dtype == X_csr.dtype
    for part in ("data", "indices", "indptr"):
        assert np.shares_memory(getattr(checked, part), getattr(X_csr, part))


@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("name", FORMATS)
def test_sparse_formats_become_csr_of_their_kind(name, kind):
    checked = check(getattr(sparse, f"{name}_{kind}")(X))

    assert type(checked) is getattr(sparse, f"csr_{kind}")
    np.testing.assert_array_equal(checked.toarray(), X)


@pytest.mark.parametrize(
    "container",
    [
        np.ndarray.tolist,
        lambda X: tuple(map(tuple, X)),
        list,
        lambda X: X.astype(object),
        pd.DataFrame,
        lambda X: FRAME,
        lambda X: FRAME.astype({"a": "Int64", "b": "Float32", "c": "object"}),
        lambda X: FRAME.astype({"a": "bool", "c": "category"}),
        lambda X: FRAME.astype(pd.SparseDtype("float64", 0.0)),
        lambda X: FRAME.set_axis([3, 1], axis="index"),
    ],
)
def test_other_containers_give_the_same_numbers(container):
    np.testing.assert_array_equal(as_dense(check(container(X))), X)


def test_sparse_frames_are_not_made_dense():
    assert sparse.issparse(check(FRAME.astype(pd.SparseDtype("float64", 0.0))))


IMAGES = np.arange(24, dtype=float).reshape(2, 3, 4)


@pytest.mark.parametrize("name", ["list", "tuple", "Series", "object array"])
def test_rows_that_are_arrays_are_stacked(name):
    rows = np.empty(2, dtype=object)
    rows[:] = list(IMAGES)
    given = {"list": list(IMAGES), "tuple": tuple(IMAGES), "Series": pd.Series(list(IMAGES))}

    np.testing.assert_array_equal(check(given.get(name, rows)), IMAGES)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([IMAGES[0], IMAGES[1, :2]], r"row 0 has shape \(3, 4\), row 1 has shape \(2, 4\)"),
        (pd.Series([IMAGES[0], IMAGES[1, :2]]), r"row 1 has shape \(2, 4\)"),
        ([[1, 2], [3, 4], [5]], r"row 0 has shape \(2,\), row 2 has shape \(1,\)"),
        ([[1, 2], [3, [4]]], r"row 1 has parts of different lengths"),
        ([[1, [2]], [3, [4]]], r"row 0 has parts of different lengths\. Resize"),
    ],
)
def test_rows_of_different_shapes_are_refused(rows, message):
    with pytest.raises(ValueError, match=f"X must hold rows of one shape; .*{message}"):
        check(rows)


def test_a_list_of_images():
    assert check([np.zeros((4, 5)), np.ones((4, 5))]).shape == (2, 4, 5)


def test_names_of_features_are_kept():
    estimator = BaseEstimator()
    check_features(estimator, FRAME, reset=True)

    assert estimator.feature_names_in_.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize(
    "columns", [[0, 1, 2], pd.MultiIndex.from_tuples([("g", "a"), ("g", "b"), ("h", "a")])]
)
def test_names_that_are_not_strings_are_not_kept(columns):
    """As everywhere in scikit-learn."""
    estimator = BaseEstimator()

    check_features(estimator, FRAME.set_axis(columns, axis="columns"), reset=True)

    assert not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize(
    "make_X",
    [
        np.asarray,
        sparse.csr_array,
        sparse.csc_matrix,
        lambda X: pd.DataFrame(X, columns=["a", "b", "c"]),
        lambda X: np.zeros((len(X), 2, 3, 1)),
    ],
)
def test_zero_rows(make_X):
    assert check(make_X(X), make_X(X[:0])).shape[0] == 0
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        check_features(BaseEstimator(), make_X(X[:0]), reset=True, min_samples=1)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_the_largest_numbers_pass(dtype):
    """Their sum is infinite, as they are not."""
    largest = min(float(np.finfo(kind).max) for kind in (dtype, "f4"))
    X = np.full((40, 40), largest, dtype=dtype)

    np.testing.assert_array_equal(check(X), X)
    np.testing.assert_array_equal(check(-X), -X)


# Numbers that are none.

BAD = {
    "NaN": np.nan,
    "infinity": np.inf,
    "infinity ": -np.inf,
    "1e\\+39, which is too large for dtype\\('float32'\\)": 1e39,
    "-1e\\+39, which is too large for dtype\\('float32'\\)": -1e39,
}
CONTAINERS = {
    "array": np.asarray,
    "Fortran array": np.asfortranarray,
    "list": np.ndarray.tolist,
    "object array": lambda X: X.astype(object),
    "frame": lambda X: pd.DataFrame(X, columns=["a", "b", "c"]),
    "sparse frame": lambda X: pd.DataFrame(X, columns=["a", "b", "c"]).astype(
        pd.SparseDtype("float64", 0.0)
    ),
    **{name: getattr(sparse, f"{name}_array") for name in FORMATS},
}


@pytest.mark.parametrize("message", BAD)
@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("place", [(1, 0), (2, 2)])
@pytest.mark.parametrize("reset", [True, False])
def test_bad_numbers_are_named_by_column_and_row(name, message, place, reset):
    bad = np.eye(4, 3)
    bad[place] = BAD[message]
    make = CONTAINERS[name]
    column = repr("abc"[place[1]]) if "frame" in name else place[1]

    expected = rf"Input X contains {message.strip()} in column {column} \(first in row {place[0]}\)"
    with pytest.raises(ValueError, match=expected):
        check(make(bad)) if reset else check(make(np.eye(4, 3)), make(bad))


@given(
    X=hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.longdouble]),
        hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=4),
        elements=st.sampled_from([0.0, 1.0, -2.0, 3e4, np.inf, -np.inf, np.nan]),
    )
)
def test_what_passes_is_finite(X):
    if np.isfinite(X).all():
        np.testing.assert_array_equal(check(X), X)
    else:
        with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity) in column \d"):
            check(X)


@pytest.mark.parametrize("values", [[np.inf, -np.inf], [1e308, 1e308], [1e308, -1e308]])
def test_sums_that_cancel_or_overflow_hide_nothing(values):
    with pytest.raises(ValueError, match=r"Input X contains .* in column 0 \(first in row 0\)"):
        check([values])


def test_row_of_a_bad_number_behind_empty_rows():
    bad = sparse.csr_array(([1.0, np.nan], [1, 2], [0, 0, 1, 1, 1, 2, 2]), shape=(6, 3))

    with pytest.raises(ValueError, match=r"contains NaN in column 2 \(first in row 4\)"):
        check(bad)


def test_bad_numbers_in_images_are_found():
    images = np.zeros((3, 4, 5))
    images[2, 1, 3] = np.nan

    with pytest.raises(ValueError, match=r"contains NaN in column 1 \(first in row 2\)"):
        check(images)


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "Float64", "object"])
def test_missing_values_in_frames_are_named(dtype):
    column = pd.array([True, None], dtype=dtype)

    with pytest.raises(ValueError, match=r"contains NaN in column 'new' \(first in row 1\)"):
        check(FRAME.assign(new=column))


def test_masked_entries_are_refused():
    with pytest.raises(ValueError, match="X is a masked array with missing values"):
        check(np.ma.array(X, mask=X == 0))
    np.testing.assert_array_equal(check(np.ma.array(X)), X)


# Text, dates and other things.


@pytest.mark.parametrize(
    ("X", "column", "text"),
    [
        ([[1, "x"], [2, "y"]], 1, "x"),
        ((("x", 1), ("y", 2)), 0, "x"),
        ([[1, 2], [3, "y"]], 1, "y"),
        ([[1, "x"], [3]], 1, "x"),
        ([["1", "2"]], 0, "1"),
        (np.array([["1", "2"]]), 0, "1"),
        (np.array([[1, None], [2, "x"]], dtype=object), 1, "x"),
        (FRAME.assign(d=["x", "y"]), "d", "x"),
        (FRAME.assign(d=[None, "y"]), "d", "y"),
        (FRAME.assign(d=pd.array(["x", "y"], dtype="string")), "d", "x"),
        (FRAME.assign(d=pd.Categorical(["x", "y"])), "d", "x"),
        (FRAME.assign(d=pd.Series(["x", "y"], dtype=object)), "d", "x"),
        (FRAME.assign(d=pd.Series(["1", "2"])), "d", "1"),
        (pd.DataFrame([["x", "y"]], columns=["a", "a"]), "a", "x"),
        (pd.DataFrame([[1, "y"]]), 1, "y"),
    ],
)
def test_text_is_named_by_column(X, column, text):
    message = f"X must be numeric; column {column!r} holds text such as {text!r}.*OneHotEncoder"
    with pytest.raises(ValueError, match=message):
        check(X)


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy 2 has this dtype")
def test_text_of_any_length_is_text():
    with pytest.raises(ValueError, match="column 0 holds text such as '1'"):
        check(np.array([["1", "2"], ["3", "4"]], dtype=np.dtypes.StringDType()))


@pytest.mark.parametrize(
    "container",
    [list, tuple, np.array, pd.Series, lambda X: np.array(X, object), lambda X: pd.Index(X)],
)
def test_documents_get_a_hint(container):
    documents = container(["a b", "c d"])

    with pytest.raises(ValueError, match=r"holds text such as 'a b'.*TfidfVectorizer"):
        check(documents)


@pytest.mark.parametrize(
    ("dates", "column"),
    [
        (np.array([["2020-01-01"]], dtype="M8[D]"), 0),
        (np.array([[3]], dtype="m8[s]"), 0),
        (FRAME.assign(d=pd.to_datetime(["2020-01-01", "2020-01-02"])), "'d'"),
        (FRAME.assign(d=pd.to_datetime(["2020-01-01", None], utc=True)), "'d'"),
        (FRAME.assign(d=pd.to_timedelta([1, 2])), "'d'"),
    ],
)
def test_dates_are_named_by_column(dates, column):
    with pytest.raises(ValueError, match=f"column {column} holds dates or times .*into numbers"):
        check(dates)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (X + 0j, "Complex data not supported"),
        (sparse.csr_array(X + 0j), "Complex data not supported"),
        (FRAME.astype(complex), "Complex data not supported"),
        ([1, 2, 3], "Expected 2D array, got 1D array"),
        (np.array([1.0]), "Expected 2D array, got 1D array"),
        (pd.Series([1.0]), "Expected a 2-dimensional container"),
        (3, "Expected 2D array, got scalar array"),
        (None, "Expected 2D array, got scalar array"),
        ({"a": [1]}, "Expected 2D array, got scalar array"),
        ([], "Expected 2D array, got 1D array"),
        (np.zeros((3, 0)), r"Found array with 0 feature\(s\)"),
        (sparse.csr_array((3, 0)), r"Found array with 0 feature\(s\)"),
        (np.zeros((3, 2, 0)), r"Found array with 0 feature\(s\) \(shape=\(3, 2, 0\)\)"),
        ([[1, 2], [3]], "must hold rows of one shape"),
        (np.array([["x"]], dtype="S"), "not compatible with arrays of bytes/strings"),
        (np.array([[["x"]]]), "not compatible with arrays of bytes/strings"),
    ],
)
def test_what_are_no_features_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        check(X)


# Features other than in fit.


@pytest.mark.parametrize("make_X", [np.asarray, sparse.csr_array])
def test_another_number_of_features_is_refused(make_X):
    message = "X has 2 features, but BaseEstimator is expecting 3 features"
    with pytest.raises(ValueError, match=message):
        check(make_X(X), make_X(X[:, :2]))


@pytest.mark.parametrize(
    ("later", "message"),
    [
        (FRAME[["b", "a", "c"]], "must be in the same order"),
        (FRAME[["a", "b"]], "yet now missing:\n- c"),
        (FRAME.assign(d=1), "unseen at fit time:\n- d"),
        (FRAME.rename(columns={"c": "d"}), "unseen at fit time:\n- d\n.*now missing:\n- c"),
    ],
)
def test_other_names_of_features_are_refused(later, message):
    with pytest.raises(ValueError, match=message):
        check(FRAME, later)


@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 3), (2, 3, 4, 1)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"rows of the shape seen in fit, \(3, 4\); got rows of"):
        check(np.zeros((2, 3, 4)), np.zeros(shape))


def test_a_single_image_gets_a_hint():
    with pytest.raises(ValueError, match=r"\(3, 4\); got one such row alone\. Pass X\[np\.newaxis"):
        check(IMAGES, IMAGES[0])


@pytest.mark.parametrize("later", [X.astype(np.float64), X.astype(int), sparse.csc_array(X)])
def test_another_dtype_or_container_after_fit_passes(later):
    np.testing.assert_array_equal(as_dense(check(X.astype(np.float32), later)), as_dense(later))


# Sample weights.


@pytest.mark.parametrize(
    "weight",
    [
        [1, 0, 2.5],
        (1, 0, 2.5),
        np.array([1, 0, 2.5], dtype=np.float32),
        np.array([1, 0, 2], dtype=np.uint8),
        np.array([1, 0, 2], dtype=object),
        np.array([True, False, True]),
        pd.Series([1, 0, 2.5], index=[7, 8, 9]),
        pd.Series([1, 0, 2], dtype="Int64"),
        pd.array([1, 0, 2], dtype="Float64"),
        np.array([1, 0, 2.5])[::-1],
    ],
)
def test_weights_are_float64(weight):
    checked = check_sample_weight(weight, 3)

    assert checked.dtype == np.float64
    assert checked.tolist() == [float(w) for w in weight]


def test_no_weights():
    assert check_sample_weight(None, 3) is None


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, 2], r"one number for each row, shape \(3,\); got shape \(2,\)"),
        (np.ones((3, 1)), r"got shape \(3, 1\)"),
        (pd.DataFrame({"w": [1, 2, 3]}), r"got shape \(3, 1\)"),
        (2.0, r"got shape \(\)"),
        ([1, -0.5, -2], "must not be negative; got -0.5 in row 1. Use 0 to leave a row out"),
        ([1, np.nan, 1], "Input sample_weight contains NaN"),
        ([1, None, 1], "Input sample_weight contains NaN"),
        (pd.Series([1, None, 1], dtype="Int64"), "Input sample_weight contains NaN"),
        ([1, np.inf, 1], "Input sample_weight contains infinity"),
        ([0, 0.0, -0.0], "at least one non-zero number; got weights that are all zero"),
        ([False, False, False], "at least one non-zero number"),
        ("balanced", "one number for each row; got 'balanced'"),
        (["1", "2", "3"], "one number for each row; got"),
        ([1j, 2, 3], "one number for each row; got"),
        (np.ma.array([1, 2, 3], mask=[0, 1, 0]), "sample_weight is a masked array"),
    ],
)
def test_bad_weights_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        check_sample_weight(weight, 3)


def test_sparse_weights_are_refused():
    with pytest.raises(TypeError, match="Sparse data was passed for sample_weight"):
        check_sample_weight(sparse.csr_array([[1, 2, 3]]), 3)


def test_columns_of_weights_are_labels():
    frame = pd.DataFrame([[1.0, 2, 3], [4, 5, 6]], columns=list("cab"))
    names = np.array(["a", "b", "c"])
    ordered = [[2, 3, 1], [5, 6, 4]]
    np.testing.assert_array_equal(check_sample_weight(frame, 2, names), ordered)
    with pytest.raises(ValueError, match="sample_weight must have the names of the labels"):
        check_sample_weight(frame.rename(columns={"a": "d"}), 2, names)
    with pytest.raises(ValueError, match="sample_weight must hold one number for each row"):
        check_sample_weight(frame[["a"]], 2, names)
    column = frame[["a"]].rename(columns={"a": "weight"})
    np.testing.assert_array_equal(check_sample_weight(column, 2, names[:1]), [[2], [5]])


def test_weights_of_the_caller_are_left_alone():
    weight = np.array([1.0, 0.0, 2.0])
    weight.flags.writeable = False

    np.testing.assert_array_equal(check_sample_weight(weight, 3), weight)


# Names.


@pytest.mark.parametrize(
    ("name", "legal", "message"),
    [
        ("epocs", ["epochs", "batch_size"], "Did you mean 'epochs'?"),
        ("label", ["labels", "lapel"], "Did you mean 'labels' or 'lapel'?"),
        ("zzz", ["b", "a", "b"], "Legal names: a, b."),
        ("zzz", [], "There are none."),
        ("zzz", [f"n{i:02d}" for i in range(20)], "n18, n19."),
        ("zzz", [f"n{i:02d}" for i in range(30)], "n18, n19 and 10 more."),
    ],
)
def test_nearest_names(name, legal, message):
    assert re.search(re.escape(message) + "$", nearest_names(name, iter(legal)))


def test_frames_that_are_not_pandas():
    np.testing.assert_array_equal(check(pl.DataFrame({"a": [1.0], "b": [2.0]})), [[1, 2]])
    with pytest.raises(ValueError, match="column 'b' holds text such as 'x'"):
        check(pl.DataFrame({"a": [1.0], "b": ["x"]}))
    with pytest.raises(ValueError, match="contains NaN in column 'b'"):
        check(pl.DataFrame({"a": [1.0], "b": [None]}, schema={"a": pl.Float64, "b": pl.Float64}))
    with pytest.raises(ValueError, match="column 'a' holds dates or times"):
        check(pl.DataFrame({"a": [datetime(2026, 1, 2)]}))


def test_columns_of_polars_numbers_are_not_searched_for_text(monkeypatch):
    monkeypatch.setattr(pl.Series, "__iter__", None)
    check(pl.DataFrame({"a": [1.0, 2.0], "b": [1, 2], "c": [True, False]}))


@pytest.mark.parametrize("shape", [(3,), (3, 2)])
def test_weights_whose_sum_overflows_keep_their_ratios(shape):
    weight = np.full(shape, 1.5e308)
    weight[0] = 7.5e307
    found = check_sample_weight(weight, 3, np.array(["a", "b"]))
    np.testing.assert_allclose(found, weight / 1.5e308)
    assert np.isfinite(found.sum())


def test_tensors_are_arrays():
    tf = pytest.importorskip("tensorflow")
    np.testing.assert_array_equal(check(tf.constant(X)), X)


class TestInOrderOfLabels:
    NAMES = np.array(["a", "b", "c"])

    def align(self, values):
        return in_order_of_labels("what", values, self.NAMES)

    def test_names_are_put_in_order(self):
        series = pd.Series({"c": 3, "a": 1, "b": 2})
        assert self.align(series).tolist() == [1, 2, 3]
        assert self.align(FRAME[list("cab")]).equals(FRAME)

    def test_anything_without_names_stays_as_it_is(self):
        for values in (None, 0.5, [1, 2, 3], X, pd.Series([1, 2, 3]), pl.Series([1, 2, 3])):
            assert self.align(values) is values

    def test_other_names_are_an_error(self):
        for values in (pd.Series({"c": 3, "a": 1, "d": 2}), FRAME.rename(columns={"b": "d"})):
            with pytest.raises(ValueError, match=r"what must have the names of the labels, .*'b'"):
                self.align(values)
