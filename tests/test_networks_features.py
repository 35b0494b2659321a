"""Features encoded by bins: the layer, and the networks that take it beside the features."""

import pickle

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import KFold, cross_val_predict

from skmultilabel_keras import KerasMultiLabelClassifier, clear_compile_cache, compile_cache_info
from skmultilabel_keras._rows import Rows, bin_edges
from skmultilabel_keras._tensorflow.forward import ForwardPass
from skmultilabel_keras.networks import (
    FeatureScaler,
    PiecewiseLinear,
    SmoothClip,
    ensemble,
    linear,
    mlp,
)

META = {"X_shape_": (5, 3), "n_units_": 2}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(43, 4)).astype(np.float32)
X[:, 1] = RNG.integers(0, 4, 43)
X[:, 2] = RNG.integers(0, 2, 43)
Y = (X[:, :3] + RNG.normal(size=(43, 3)) > [0, 1.5, 1]).astype(int)
NETWORKS = {
    "mlp": {"model__hidden_layer_sizes": (5,)},
    "linear": {},
    "ensemble": {"model__hidden_layer_sizes": (5,), "model__n_members": 3},
}
over_networks = pytest.mark.parametrize("name", NETWORKS)


def classifier(name="linear", **params):
    defaults = {"random_state": 0, "epochs": 2, "batch_size": 16, "model__n_bins": 3}
    return KerasMultiLabelClassifier(name, **defaults | NETWORKS.get(name, {}) | params)


def encoder(edges):
    edges = np.asarray(edges, dtype=float)
    layer = PiecewiseLinear(edges.shape[1] - 1)
    layer.build((None, len(edges)))
    layer.set_edges(edges)
    return layer


def encode(edges, x):
    return np.asarray(encoder(edges)(np.asarray(x, dtype=np.float32)))


# The layer.


def test_values_by_hand():
    edges = [[0, 1, 5], [-4, -2, -2]]
    got = encode(edges, [[0.5, -3], [3, -2], [-9, -5], [9, 0]])
    expected = [[0.5, 0, 0.5, 0], [1, 0.5, 1, 0], [0, 0, 0, 0], [1, 1, 1, 0]]
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, expected)


def test_no_edges_give_zeros():
    layer = PiecewiseLinear(2)
    assert np.array_equal(layer(X), np.zeros((43, 8)))


def edges_of(values):
    return bin_edges(Rows(values, np.zeros((len(values), 1)), None, np.arange(len(values))), 4)


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 20), st.integers(1, 3)),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    )
)
def test_encodings_of_any_numbers_are_in_order_and_bounded(values):
    got = encode(edges_of(values), values).reshape(*values.shape, 4)
    assert ((got >= 0) & (got <= 1)).all()
    for feature in range(values.shape[1]):
        assert (np.diff(got[np.argsort(values[:, feature]), feature], axis=0) >= 0).all()


@pytest.mark.parametrize("width", [2e-38, 1.0, 4e37])
def test_no_width_is_too_narrow_or_too_wide(width):
    x = np.array([[-1.0], [0.0], [1.0], [3.0]]) * width
    np.testing.assert_allclose(encode(x.T, x), np.tri(4)[:, 1:], atol=1e-6)


def test_bins_that_float32_cannot_divide_by_are_left_out():
    x = np.array([[-3e38], [0.0], [1e-44], [3e38]])
    assert np.isfinite(encode(x.T, x)).all()


def test_features_that_do_not_vary_have_no_bins():
    values = np.stack([np.full(9, 3.0), np.arange(9) % 2, np.arange(9)], axis=1)
    got = encode(edges_of(values), values).reshape(9, 3, 4)
    assert not got[:, :2].any()
    assert got[:, 2].any(axis=0).all()


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        (np.zeros((2, 3)), r"must have the shape .* \(2, 4\); got \(2, 3\)"),
        (np.zeros((3, 4)), r"must have the shape .* \(2, 4\); got \(3, 4\)"),
        ([[0, 0, 0, 0], [0, 2, 1, 3]], r"must not decrease .* got \[0.0, 2.0, 1.0, 3.0\]"),
        ([[0, 1, 2, np.inf], [0, 1, 2, 3]], r"must be finite .* got \[0.0, 1.0, 2.0, inf\]"),
        ([[0, 1, 2, np.nan], [0, 1, 2, 3]], r"must be finite .* got \[0.0, 1.0, 2.0, nan\]"),
    ],
)
def test_bad_edges(edges, message):
    layer = PiecewiseLinear(3)
    layer.build((None, 2))
    with pytest.raises(ValueError, match=message):
        layer.set_edges(edges)


def test_edges_of_a_layer_without_inputs():
    with pytest.raises(ValueError, match=r"needs a layer that knows its inputs.*build"):
        PiecewiseLinear(2).set_edges(np.zeros((1, 3)))


@pytest.mark.parametrize("n_bins", [0, -1, 2.5, "3", None, True])
def test_bad_numbers_of_bins(n_bins):
    with pytest.raises(ValueError, match="n_bins must be an integer of at least 2; got"):
        PiecewiseLinear(n_bins)


def test_bad_inputs():
    with pytest.raises(ValueError, match=r"takes inputs of shape \(n_samples, n_features\); got"):
        PiecewiseLinear(3)(keras.Input((3, 2)))
    with pytest.raises(ValueError, match="takes dense rows"):
        PiecewiseLinear(3)(keras.Input((3,), sparse=True))


def test_is_not_trained_and_survives_saving(tmp_path):
    layer = encoder([[0, 1, 5], [-4, -2, -2]])
    inputs = keras.Input((2,))
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, 4)
    assert model.trainable_weights == []
    model.save(tmp_path / "bins.keras")
    again = keras.models.load_model(tmp_path / "bins.keras")
    x = np.array([[0.5, -3]], dtype=np.float32)
    np.testing.assert_array_equal(again(x), [[0.5, 0, 0.5, 0]])


def test_float32_whatever_the_policy():
    layer = PiecewiseLinear(3)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        halves = PiecewiseLinear(3)
    finally:
        keras.config.set_dtype_policy(policy)
    assert halves(X).dtype == layer(X).dtype == "float32"
    assert halves.compute_dtype == "float32"


# The layer that clips.


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 20), st.integers(1, 3)),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    ),
    st.floats(0.01, 100),
)
def test_clipped_numbers_keep_their_order_and_sign(values, limit):
    got = np.asarray(SmoothClip(limit)(values))
    assert (np.abs(got) <= np.float32(limit) * (1 + 1e-6)).all()
    assert (np.abs(got) <= np.abs(values) * (1 + 1e-6)).all()
    assert (got * np.sign(values) >= 0).all()
    order = np.argsort(values, axis=0)
    steps = np.diff(np.take_along_axis(got, order, axis=0), axis=0)
    assert (steps >= -1e-6 * limit).all()


def test_small_numbers_stay_and_large_ones_reach_the_limit():
    got = np.asarray(SmoothClip(2.0)(np.array([[1e-3, -1e-3, 1e9, -3e38]], dtype=np.float32)))
    np.testing.assert_allclose(got, [[1e-3, -1e-3, 2, -2]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.float64, bool])
def test_numbers_of_any_kind_are_clipped(dtype):
    rows = np.array([[0, 1, 200], [7, 90, 5]]).astype(dtype)
    layer = SmoothClip(2.0)
    expected = layer(rows.astype(np.float32))
    assert keras.backend.standardize_dtype(layer(rows).dtype) == "float32"
    np.testing.assert_array_equal(layer(rows), expected)
    got = layer(tf.sparse.from_dense(rows.astype(np.int32)))
    np.testing.assert_array_equal(
        tf.sparse.to_dense(got), layer(rows.astype(np.int32).astype(np.float32))
    )


@pytest.mark.parametrize("limit", [0, -1.0, np.inf, np.nan, "3", None, True])
def test_bad_limits(limit):
    with pytest.raises(ValueError, match="limit must be a finite number above 0; got"):
        SmoothClip(limit)


def test_sparse_rows_stay_sparse():
    rows = tf.sparse.from_dense(X)
    inputs = keras.Input((4,), sparse=True)
    outputs = SmoothClip(0.5)(inputs)
    assert outputs.sparse
    got = keras.Model(inputs, outputs)(rows)
    np.testing.assert_allclose(tf.sparse.to_dense(got), SmoothClip(0.5)(X), rtol=1e-6)


def test_clipping_survives_saving(tmp_path):
    inputs = keras.Input((2, 3))
    model = keras.Model(inputs, SmoothClip(0.5)(inputs))
    assert model.output_shape == (None, 2, 3)
    model.save(tmp_path / "clip.keras")
    x = RNG.normal(size=(4, 2, 3)).astype(np.float32)
    again = keras.models.load_model(tmp_path / "clip.keras")
    np.testing.assert_array_equal(again(x), model(x))


# The networks.


@over_networks
def test_outliers_move_nothing_but_themselves(name):
    """Behind the scaler; the bins see the features as they are."""
    clf = classifier(name, model__smooth_clip=2).fit(X, Y)
    scaler, clip, bins = (clf.model_.get_layer(n) for n in ("scaler", "clip", "bins"))
    beside = next(layer for layer in clf.model_.layers if "concatenate" in layer.name)
    first = keras.Model(clf.model_.inputs[0], beside.output)
    np.testing.assert_allclose(first(X)[:, :4], clip(scaler(X)), rtol=1e-6)
    np.testing.assert_array_equal(first(X)[:, 4:], bins(X))
    far, farther = (np.where(X.max() == X, size, X).astype(np.float32) for size in (1e6, 1e9))
    np.testing.assert_allclose(clf.predict_proba(far), clf.predict_proba(farther), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("mlp", (43, 4)), ("linear", (43, 2, 2)), ("ensemble", (43, 2, 2))],
    ids=NETWORKS,
)
def test_clipping_alone(name, shape):
    rows = X.reshape(shape)
    clf = classifier(name, model__n_bins=None, model__smooth_clip=1.5).fit(rows, Y)
    assert clf.engine_.name == "shared"
    clipped = clf.model_.get_layer("clip")(rows * 1e6)
    assert np.abs(clipped).max() == pytest.approx(1.5)
    other = classifier(name, model__n_bins=None).fit(rows, Y)
    assert not np.allclose(clf.predict_proba(rows), other.predict_proba(rows))


@over_networks
def test_clipping_sparse_rows(name):
    """As dense ones, behind a scaler of their own; counts that are huge are like large ones."""
    counts = sparse.csr_array(RNG.poisson(0.8, (43, 4)).astype(np.float32))
    clf = classifier(name, model__n_bins=None, model__smooth_clip=1.5).fit(counts, Y)
    assert clf.engine_.name == "shared"
    passed = ForwardPass.of(clf.model_)
    for rows in (counts, counts[:0], counts[:1], counts.toarray()):
        dense = rows.toarray() if sparse.issparse(rows) else rows
        expected = clf.model_(tf.sparse.from_dense(dense), training=False)
        np.testing.assert_allclose(passed.outputs(rows), expected, atol=1e-5)
    before = counts.copy()
    far, farther = counts.copy(), counts.copy()
    far.data[0], farther.data[0] = 1e5, 1e9
    np.testing.assert_allclose(clf.predict_proba(far), clf.predict_proba(farther), atol=1e-5)
    assert (counts != before).nnz == 0


@pytest.mark.parametrize("make", [mlp, linear, ensemble])
@pytest.mark.parametrize(
    ("name", "rule", "values"),
    [
        ("n_bins", "an integer of at least 2", [1, 0, -2, 2.5, "3", True, np.nan]),
        ("smooth_clip", "a finite number above 0", [0, -2, np.inf, "3", True, np.nan]),
    ],
)
def test_bad_values_are_named(make, name, rule, values):
    for value in values:
        with pytest.raises(ValueError, match=f"model__{name} must be .*{rule}; got"):
            make(META, **{name: value})


@over_networks
def test_rows_without_features_of_their_own_are_errors(name):
    clf = classifier(name)
    with pytest.raises(ValueError, match=r"model__n_bins must be None for sparse X.*toarray"):
        clf.fit(sparse.csr_array(X), Y)
    with pytest.raises(ValueError, match=r"model__n_bins must be None for X of more.*reshape"):
        clf.fit(X.reshape(43, 2, 2), Y)
    clf.set_params(model__n_bins=None).fit(sparse.csr_array(X), Y)


@pytest.mark.parametrize(
    ("name", "standardize"), [("mlp", True), ("linear", False), ("ensemble", True)], ids=NETWORKS
)
def test_encoded_features_stand_beside_the_features(name, standardize):
    """In the forward pass of NumPy as well."""
    clf = classifier(name, model__n_bins=np.int64(3), model__standardize=standardize).fit(X, Y)
    kinds = [type(layer).__name__ for layer in clf.model_.layers]
    assert kinds.count("FeatureScaler") == standardize
    assert clf.engine_.name == "shared"
    encoded = clf.model_.get_layer("bins")
    beside = next(layer for layer in clf.model_.layers if "concatenate" in layer.name)
    first = keras.Model(clf.model_.inputs[0], beside.output)
    assert first.output_shape == (None, 4 + 4 * 3)
    np.testing.assert_array_equal(first(X)[:, 4:], encoded(X))
    if not standardize:
        np.testing.assert_array_equal(first(X)[:, :4], X)
    passed = ForwardPass.of(clf.model_)
    assert passed is not None
    np.testing.assert_allclose(passed.outputs(X), clf.model_(X, training=False), atol=1e-5)


@pytest.mark.thorough
def test_edges_are_those_of_the_training_rows():
    clf = classifier().fit(X, Y, validation_data=(X + 5, Y))
    layer = clf.model_.get_layer("bins")
    edges = np.quantile(X[:, 0], [0, 1 / 3, 2 / 3], method="inverted_cdf")
    np.testing.assert_array_equal(layer.start[0], edges)
    np.testing.assert_array_equal(layer.start[1], [0, 1, 2])
    assert not np.any(layer.inverse_width[2])


def test_edges_stay_where_training_goes_on():
    clf = classifier(warm_start=True).fit(X, Y)
    before = np.asarray(clf.model_.get_layer("bins").start)
    clf.fit(X + 5, Y)
    clf.partial_fit(X + 7, Y)
    np.testing.assert_array_equal(clf.model_.get_layer("bins").start, before)


def test_edges_of_a_layer_that_is_not_trainable_stay():
    def build(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        x = PiecewiseLinear(2, trainable=False, name="bins")(inputs)
        return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(x))

    clf = KerasMultiLabelClassifier(build, epochs=1, random_state=0).fit(X, Y)
    assert not np.any(clf.model_.get_layer("bins").start)


@pytest.mark.thorough
@pytest.mark.parametrize("make", [FeatureScaler, PiecewiseLinear])
def test_what_is_set_from_the_features_stands_behind_the_input(make):
    def build(meta, trainable=True):
        inputs = keras.Input(meta["X_shape_"][1:])
        hidden = keras.layers.Dense(X.shape[1], activation="tanh")(inputs)
        found = make(name="late", trainable=trainable)(hidden)
        return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(found))

    clf = KerasMultiLabelClassifier(build, epochs=1)
    with pytest.raises(ValueError, match=r"right behind the network's input.*'late' stands behind"):
        clf.fit(X, Y)
    assert not clf.set_params(trainable=False).fit(X, Y).model_.get_layer("late").is_set

    def build_behind(meta):
        inner = keras.Sequential([keras.Input((X.shape[1],)), make(name="late")])
        inputs = keras.Input(meta["X_shape_"][1:])
        found = inner(keras.layers.Dense(X.shape[1])(inputs))
        return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(found))

    with pytest.raises(ValueError, match=r"right behind the network's input.*'late' stands behind"):
        KerasMultiLabelClassifier(build_behind, epochs=1).fit(X, Y)

    def build_nested(meta):
        inner = keras.Sequential([keras.Input(meta["X_shape_"][1:]), make(name="early")])
        inputs = keras.Input(meta["X_shape_"][1:])
        return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(inner(inputs)))

    nested = KerasMultiLabelClassifier(build_nested, epochs=1).fit(X, Y).model_
    assert next(layer for layer in nested._flatten_layers() if layer.name == "early").is_set


@pytest.mark.parametrize("make", [FeatureScaler, PiecewiseLinear])
def test_sparse_rows_may_be_made_dense_for_a_network_of_the_users(make):
    def build(meta):
        inputs = keras.Input(meta["X_shape_"][1:])
        return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(make()(inputs)))

    one, other = (
        KerasMultiLabelClassifier(build, epochs=2, random_state=0).fit(rows, Y)
        for rows in (X, sparse.csr_array(X))
    )
    np.testing.assert_allclose(
        one.predict_proba(X), other.predict_proba(sparse.csr_array(X)), atol=1e-6
    )


@pytest.mark.thorough
def test_a_feature_that_bends_is_learnt_with_bins_alone():
    x = RNG.normal(size=(500, 1))
    y = (np.abs(x) < 0.7).astype(int)
    scores = [
        classifier(model__n_bins=n, epochs=60, optimizer__learning_rate=0.05).fit(x, y).score(x, y)
        for n in (None, 8)
    ]
    assert scores[0] < 0.7
    assert scores[1] > 0.95


def test_clones_and_pickles_agree_bit_by_bit():
    clf = classifier("ensemble").fit(X, Y)
    expected = clf.predict_proba(X)
    np.testing.assert_array_equal(clone(clf).fit(X, Y).predict_proba(X), expected)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(again.predict_proba(X), expected)
    np.testing.assert_array_equal(
        again.partial_fit(X, Y).predict_proba(X), clf.partial_fit(X, Y).predict_proba(X)
    )


@pytest.mark.parametrize(
    "make", [np.float64, pd.DataFrame, np.ndarray.tolist], ids=["float64", "frame", "list"]
)
def test_any_container(make):
    clf = classifier().fit(make(X), Y)
    expected = classifier().fit(X, Y).predict_proba(X)
    np.testing.assert_allclose(clf.predict_proba(make(X)), expected, atol=1e-6)


def test_integers():
    whole = RNG.integers(-5, 6, X.shape)
    p = classifier().fit(whole, Y).predict_proba(whole)
    np.testing.assert_array_equal(p, classifier().fit(whole * 1.0, Y).predict_proba(whole * 1.0))


@over_networks
def test_one_row(name):
    clf = classifier(name).fit(X, Y)
    np.testing.assert_allclose(clf.predict_proba(X[:1]), clf.predict_proba(X)[:1], rtol=1e-5)
    assert classifier(name).fit(X[:1], Y[:1]).predict_proba(X).shape == Y.shape


@over_networks
def test_folds_share_one_trace(name):
    clear_compile_cache()
    cross_val_predict(classifier(name), X, Y, cv=KFold(3))
    n_traces = compile_cache_info().misses
    clear_compile_cache()
    classifier(name).fit(X, Y).predict(X)
    assert compile_cache_info().misses == n_traces


@pytest.mark.thorough
def test_a_weight_does_what_copies_do():
    """In one batch, to the last bit; see the laws of rows for the edges."""
    times = RNG.integers(1, 4, 43)
    whole = {"batch_size": 200, "shuffle": True}
    copies = classifier(**whole).fit(np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0))
    weighted = classifier(**whole).fit(X, Y, sample_weight=times.astype(float))
    np.testing.assert_allclose(
        weighted.predict_proba(X), copies.predict_proba(X), rtol=1e-5, atol=1e-6
    )
