"""The forward pass in NumPy gives what Keras gives, and stays out of what it does not know."""

import pickle
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp
from keras import layers
from scipy import sparse
from sklearn.base import BaseEstimator

from skmultilabel_keras import _validation, networks
from skmultilabel_keras._activations import ACTIVATIONS, sigmoid
from skmultilabel_keras._tensorflow import forward
from skmultilabel_keras._tensorflow.forward import ForwardPass

N_FEATURES = 5
# exp of exp of exp overflows, or blows rounding up before it does.
STEADY = sorted(set(ACTIVATIONS) - {"exponential"})


def randomize(model, seed=0):
    """Give every variable values that matter, variances and scales positive ones."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        values = rng.uniform(0.2, 1, variable.shape)
        if not any(word in variable.path for word in ("variance", "scale")):
            values *= rng.choice([-1, 1], variable.shape)
        variable.assign(values)
    return model


def make_model(*stack, n_features=N_FEATURES):
    return randomize(keras.Sequential([keras.Input((n_features,)), *stack]))


def make_rows(n_rows, n_features=N_FEATURES, seed=1):
    return np.random.default_rng(seed).normal(size=(n_rows, n_features)).astype(np.float32)


def assert_agrees(model, X, batch_size=None):
    """Compare with Keras, and see that neither rows nor weights are written to."""
    before, weights = X.copy(), model.get_weights()
    dense = X.toarray() if sparse.issparse(X) else np.asarray(X)
    expected = np.asarray(model(dense.astype(np.float32), training=False))
    outputs = ForwardPass.of(model).outputs(X, batch_size)

    assert outputs.dtype == np.float32
    assert outputs.shape == expected.shape
    np.testing.assert_allclose(outputs, expected, rtol=2e-5, atol=2e-6)
    assert (before != X).sum() == 0
    for a, b in zip(model.get_weights(), weights, strict=True):
        assert np.array_equal(a, b)
    outputs[...] = np.nan
    assert (before != X).sum() == 0


PIECES = {
    "dense": lambda units, name: layers.Dense(units, name),
    "no bias": lambda units, name: layers.Dense(units, name, use_bias=False),
    "activation": lambda units, name: layers.Activation(name),
    "batchnorm": lambda units, name: layers.BatchNormalization(),
    "batchnorm plain": lambda units, name: layers.BatchNormalization(center=False, scale=False),
    "batchnorm scale": lambda units, name: layers.BatchNormalization(center=False),
    "batchnorm center": lambda units, name: layers.BatchNormalization(scale=False, epsilon=0.1),
    "layernorm": lambda units, name: layers.LayerNormalization(),
    "layernorm plain": lambda units, name: layers.LayerNormalization(
        center=False, scale=False, epsilon=0.1
    ),
    "scaler": lambda units, name: networks.FeatureScaler(),
    "scaler without shift": lambda units, name: networks.FeatureScaler(shift=False),
    "clip": lambda units, name: networks.SmoothClip(units / 3),
    "bins": lambda units, name: networks.PiecewiseLinear(units),
    "dropout": lambda units, name: layers.Dropout(0.5),
    "own dropout": lambda units, name: networks.Dropout(0.5),
    "noise": lambda units, name: layers.GaussianNoise(0.5),
    "flatten": lambda units, name: layers.Flatten(),
    "relu": lambda units, name: layers.ReLU(),
    "sloped relu": lambda units, name: layers.ReLU(negative_slope=0.1),
    "leaky relu": lambda units, name: layers.LeakyReLU(0.2),
    "elu": lambda units, name: layers.ELU(0.5),
    "softmax": lambda units, name: layers.Softmax(),
}


STACKS = st.lists(
    st.tuples(st.sampled_from(sorted(PIECES)), st.integers(2, 6), st.sampled_from(STEADY)),
    min_size=1,
    max_size=5,
)


@given(STACKS, st.integers(0, 9), st.sampled_from([None, -1, 1, 4]))
def test_any_stack_agrees_with_keras(stack, n_rows, batch_size):
    model = make_model(*(PIECES[piece](units, name) for piece, units, name in stack))
    assert_agrees(model, make_rows(n_rows), batch_size)


@pytest.mark.lowest
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_agrees_with_keras(name):
    X = np.linspace(-90, 80, 400, dtype=np.float32).reshape(80, 5)
    assert_agrees(make_model(layers.Activation(name)), X)
    assert_agrees(make_model(layers.Dense(4, name), layers.Dense(2)), X / 50)


@pytest.mark.parametrize("n_rows", [0, 1, 5, 70])
def test_agrees_with_predict_of_keras(n_rows):
    model = make_model(layers.Dense(8, "relu"), layers.BatchNormalization(), layers.Dense(3))
    X = make_rows(n_rows)
    outputs = ForwardPass.of(model).outputs(X)
    expected = model.predict(X, verbose=0) if n_rows else np.empty((0, 3), np.float32)
    np.testing.assert_allclose(outputs, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("batch_size", [None, -1, 1, 3, 100])
@pytest.mark.parametrize("n_rows", [0, 1, 3, 4, 5, 8, 9])
def test_blocks_meet(monkeypatch, n_rows, batch_size):
    monkeypatch.setattr(forward, "_BLOCK_ROWS", 4)
    assert_agrees(
        make_model(layers.Dense(3, "tanh"), layers.Dense(2)), make_rows(n_rows), batch_size
    )


def record_blocks(monkeypatch):
    sizes = []
    run = ForwardPass._run

    def recorded(self, z, weights):
        sizes.append(z.shape[0])
        return run(self, z, weights)

    monkeypatch.setattr(ForwardPass, "_run", recorded)
    return sizes


@pytest.mark.parametrize(
    ("batch_size", "expected"), [(None, [2000, 1000]), (-1, [2000, 1000]), (1500, [1500, 1500])]
)
def test_a_batch_size_bounds_the_blocks(monkeypatch, batch_size, expected):
    monkeypatch.setattr(forward, "_BLOCK_ROWS", 2000)
    sizes = record_blocks(monkeypatch)
    ForwardPass.of(make_model(layers.Dense(2))).outputs(make_rows(3000), batch_size)
    assert sizes == expected


@pytest.mark.parametrize("stack", ["wide input", "wide layer"])
def test_blocks_of_wide_networks_are_small(monkeypatch, stack):
    """A block holds 2**22 numbers at most, 16 MB."""
    sizes = record_blocks(monkeypatch)
    width = 2**20
    if stack == "wide input":
        model, X = make_model(layers.Dense(1), n_features=width), make_rows(6, width)
    else:
        model, X = make_model(layers.Dense(width), layers.Dense(1)), make_rows(6)
    ForwardPass.of(model).outputs(X)
    assert sizes == [4, 2]


@pytest.mark.parametrize(
    ("units", "n_rows", "expected"),
    [
        (50, 40, [40]),  # one product of one thread
        (50, 600, [524, 76]),
        (10**5, 40, [40]),  # so few rows at a time would take longer than waiting for threads
        (50, 10**5, [8192] * 12 + [1696]),  # enough work for several threads
    ],
)
def test_little_work_wakes_no_other_threads(monkeypatch, units, n_rows, expected):
    """Blocks with products of at most 2**18 multiplications, where all take 2**24 or less."""
    sizes = record_blocks(monkeypatch)
    model = make_model(layers.Dense(units), layers.Dense(2), n_features=10)
    ForwardPass.of(model).outputs(make_rows(n_rows, 10))
    assert sizes == expected


LAYOUTS = {
    "fortran": np.asfortranarray,
    "every other": lambda X: np.repeat(X, 2, axis=0)[::2],
    "columns apart": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "reversed": lambda X: X[::-1, ::-1],
    "read-only": lambda X: np.frombuffer(X.tobytes(), np.float32).reshape(X.shape),
    "big-endian": lambda X: X.astype(">f4"),
    "float64": lambda X: X.astype(np.float64),
    "float16": lambda X: X.astype(np.float16),
    "int64": lambda X: (10 * X).astype(np.int64),
    "bool": lambda X: X > 0,
    "subclass": lambda X: X.view(np.recarray),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n_rows", [1, 9])
def test_any_layout_agrees_with_keras(monkeypatch, layout, n_rows):
    monkeypatch.setattr(forward, "_BLOCK_ROWS", 4)
    X = LAYOUTS[layout](make_rows(n_rows))
    assert_agrees(make_model(networks.FeatureScaler(), layers.Dense(3)), X)
    assert_agrees(make_model(layers.Activation("relu")), X)
    assert_agrees(make_model(layers.Dropout(0.5)), X)


def make_csr(n_rows, kind=sparse.csr_array, dtype=np.float32):
    X = np.where(make_rows(n_rows, seed=2) > 0.3, 10 * make_rows(n_rows), 0)
    return kind(X.astype(dtype))


def without_shift(model):
    for layer in model.layers:
        if isinstance(layer, networks.FeatureScaler):
            layer.mean.assign(np.zeros(layer.mean.shape))
    return model


SPARSE_STACKS = {
    "dense": lambda: [layers.Dense(3, "relu"), layers.Dense(2)],
    "scaler": lambda: [networks.FeatureScaler(), layers.Dropout(0.5), layers.Dense(3)],
    "scaler without shift": lambda: [networks.FeatureScaler(shift=False), layers.Dense(3)],
    "two scalers": lambda: [networks.FeatureScaler(), networks.FeatureScaler(), layers.Dense(3)],
    "scaler alone": lambda: [networks.FeatureScaler()],
    "activation first": lambda: [layers.Activation("sigmoid"), layers.Dense(3)],
    "scaler, activation": lambda: [networks.FeatureScaler(), layers.ReLU(), layers.Dense(3)],
    "batchnorm first": lambda: [layers.BatchNormalization(), layers.Dense(3)],
    "nothing": lambda: [layers.Dropout(0.5)],
}


@pytest.mark.parametrize("dense_from", [0, 1])
@pytest.mark.parametrize("shift", [True, False], ids=["shifted", "not shifted"])
@pytest.mark.parametrize("stack", SPARSE_STACKS)
def test_sparse_rows_agree_with_keras(monkeypatch, stack, shift, dense_from):
    monkeypatch.setattr(forward, "_BLOCK_ROWS", 4)
    monkeypatch.setattr(forward, "_DENSE_FROM", dense_from)
    model = make_model(*SPARSE_STACKS[stack]())
    for n_rows in (0, 1, 9):
        assert_agrees(model if shift else without_shift(model), make_csr(n_rows))


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.int64, np.int8])
def test_sparse_rows_of_any_kind_agree(monkeypatch, kind, dtype):
    monkeypatch.setattr(forward, "_DENSE_FROM", 1)
    model = without_shift(make_model(networks.FeatureScaler(), layers.Dense(3)))
    assert_agrees(model, make_csr(7, kind, dtype))


def test_sparse_rows_with_entries_in_parts_and_out_of_order(monkeypatch):
    monkeypatch.setattr(forward, "_DENSE_FROM", 1)
    values, columns, starts = [1.0, 2.0, 4.0, 8.0], [4, 0, 4, 2], [0, 3, 4]
    X = sparse.csr_array((values, columns, starts), shape=(2, N_FEATURES))
    assert not X.has_canonical_format
    model = without_shift(make_model(networks.FeatureScaler(), layers.Dense(3)))
    assert_agrees(model, X)


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_only_few_numbers_stay_sparse(monkeypatch, share):
    kinds = []
    run = ForwardPass._run
    monkeypatch.setattr(
        ForwardPass, "_run", lambda self, z, w: kinds.append(sparse.issparse(z)) or run(self, z, w)
    )
    X = sparse.csr_array(np.where(np.arange(1000).reshape(200, 5) % 50 < 50 * share, 1.0, 0.0))
    ForwardPass.of(make_model(layers.Dense(2))).outputs(X)
    assert kinds == [share < 0.1]


def test_weights_are_read_in_each_call():
    model = make_model(networks.FeatureScaler(), layers.Dense(4), layers.BatchNormalization())
    passed, X = ForwardPass.of(model), make_rows(3)
    for seed in (1, 2):
        randomize(model, seed)
        expected = np.asarray(model(X, training=False))
        np.testing.assert_allclose(passed.outputs(X), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_in_place_is_seen(optimizer):
    model = make_model(layers.Dense(4))
    model.compile(optimizer, "mse", jit_compile=False)
    passed, X = ForwardPass.of(model), make_rows(8)
    first = passed.outputs(X)
    model.train_on_batch(X, np.ones((8, 4)))
    second = passed.outputs(X)
    assert (first != second).any()
    np.testing.assert_allclose(second, np.asarray(model(X)), rtol=2e-5, atol=2e-6)


def test_what_was_read_stays_while_weights_change():
    """Arrays share the variables' memory, so an update must not write to it."""
    model = make_model(layers.Dense(4))
    read = ForwardPass.of(model)._read()
    kept = [values.copy() for values in read]
    model.layers[-1].kernel.value.assign_add(np.ones((N_FEATURES, 4), np.float32))
    model.set_weights([values + 1 for values in model.get_weights()])
    for values, copy in zip(read, kept, strict=True):
        assert np.array_equal(values, copy)


@pytest.mark.parametrize("broken", [AttributeError, TypeError])
def test_weights_are_read_where_the_fast_way_is_gone(monkeypatch, broken):
    class Gone:
        def __getattr__(self, name):
            raise broken(name)

    monkeypatch.setattr(forward, "pywrap_tfe", Gone())
    assert_agrees(make_model(layers.Dense(3, "relu")), make_rows(4))


def test_overflow_is_silent_and_the_same():
    model = make_model(networks.FeatureScaler(), layers.Dense(4), layers.Dense(3, "sigmoid"))
    X = np.full((2, N_FEATURES), 3e38, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outputs = ForwardPass.of(model).outputs(X)
    np.testing.assert_array_equal(outputs, np.asarray(model(X)))


# Bins beside what comes from the features.


def put_bins_beside(*stack, behind=(), order=1, bins=networks.PiecewiseLinear, **options):
    x = inputs = keras.Input((N_FEATURES,))
    for layer in stack:
        x = layer(x)
    parts = [x, bins(3)(inputs)][::order]
    x = layers.Concatenate(**options)(parts)
    for layer in behind:
        x = layer(x)
    return randomize(keras.Model(inputs, x))


BEFORE = {
    "nothing": list,
    "scaler": lambda: [networks.FeatureScaler()],
    "activation": lambda: [layers.ReLU()],
    "dense": lambda: [layers.Dense(3, "relu"), layers.Activation("tanh")],
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("n_rows", [0, 1, 9])
def test_bins_beside_agree_with_keras(monkeypatch, before, n_rows):
    monkeypatch.setattr(forward, "_BLOCK_ROWS", 4)
    for behind in ([], [layers.ReLU()], [layers.Dense(3, "relu"), layers.Dense(2)]):
        model = put_bins_beside(*BEFORE[before](), behind=behind)
        assert_agrees(model, make_rows(n_rows))
        assert_agrees(model, make_csr(n_rows))


class OwnBins(networks.PiecewiseLinear):
    """Looks like bins, and may be anything."""


def test_other_branches_are_left_alone():
    assert ForwardPass.of(put_bins_beside()) is not None
    assert ForwardPass.of(put_bins_beside(order=-1)) is None
    assert ForwardPass.of(put_bins_beside(bins=OwnBins)) is None
    assert ForwardPass.of(put_bins_beside(bins=layers.Dense)) is None
    inputs = keras.Input((N_FEATURES,))
    x = layers.Dense(N_FEATURES)(inputs)
    bins = networks.PiecewiseLinear(3)(x)  # of what is no input
    assert ForwardPass.of(keras.Model(inputs, layers.Concatenate()([x, bins]))) is None


# What the forward pass leaves alone.


class OwnDense(layers.Dense):
    """Looks like a dense layer, and is none."""

    def call(self, inputs):
        return 2 * super().call(inputs)


class OwnModel(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs)


class OwnFunctional(keras.Model):
    def call(self, *args, **kwargs):
        return 2 * super().call(*args, **kwargs)


def functional(make, shape=(N_FEATURES,), kind=keras.Model, dtype=None):
    inputs = keras.Input(shape, dtype=dtype)
    return kind(inputs, make(inputs))


def two_inputs():
    a, b = keras.Input((2,)), keras.Input((3,))
    return keras.Model([a, b], layers.Dense(3)(layers.Concatenate()([a, b])))


def with_lora():
    model = make_model(layers.Dense(3))
    model.layers[-1].enable_lora(1)
    return randomize(model)


def patched_layer():
    model = make_model(layers.Dense(3))
    model.layers[-1].call = lambda inputs: 2 * inputs
    return model


def subclassed():
    model = OwnModel()
    model(np.zeros((1, N_FEATURES)))
    return model


UNKNOWN = {
    "layer subclass": lambda: functional(OwnDense(3)),
    "model subclass": subclassed,
    "functional subclass": lambda: functional(layers.Dense(3), kind=OwnFunctional),
    "sum with a branch": lambda: functional(lambda x: layers.Add()([layers.Dense(5)(x), x])),
    "operation": lambda: functional(lambda x: layers.Dense(3)(x) * 2),
    "two inputs": two_inputs,
    "two outputs": lambda: functional(lambda x: [layers.Dense(3)(x), layers.Dense(2)(x)]),
    "nested": lambda: functional(lambda x: layers.Dense(3)(make_model(layers.Dense(4))(x))),
    "images": lambda: functional(lambda x: layers.Dense(3)(layers.Flatten()(x)), (4, 4)),
    "sequences": lambda: functional(layers.Dense(3), (4, 5)),
    "free width": lambda: functional(layers.Dropout(0.5), (None,)),
    "integers": lambda: functional(
        lambda x: layers.Dense(3)(layers.Flatten()(layers.Embedding(4, 2)(x))), dtype="int32"
    ),
    "float64": lambda: functional(layers.Dense(3, dtype="float64")),
    "half precision": lambda: functional(layers.Dense(3, dtype="mixed_float16")),
    "other layer": lambda: functional(lambda x: layers.Dense(3)(layers.UnitNormalization()(x))),
    "own activation": lambda: functional(layers.Dense(3, activation=lambda x: x**2)),
    "layer as activation": lambda: functional(layers.Dense(3, activation=layers.ReLU())),
    "slow activation": lambda: functional(layers.Dense(3, activation="gelu")),
    "bounded relu": lambda: functional(layers.ReLU(max_value=1.0)),
    "dropout always on": lambda: functional(lambda x: layers.Dropout(0.5)(x, training=True)),
    "softmax over rows": lambda: functional(layers.Softmax(axis=0)),
    "low rank": with_lora,
    "patched layer": patched_layer,
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_unknown_networks_have_no_forward_pass(kind):
    assert ForwardPass.of(UNKNOWN[kind]()) is None


def ends_as(kind):
    ends = {
        "layer subclass": lambda x: OwnDense(3)(x),
        "branch": lambda x: layers.Dense(3)(layers.Concatenate()([layers.Dense(4)(x), x])),
        "gelu": lambda x: layers.Dense(3)(layers.Dense(4, "gelu")(x)),
    }
    return lambda meta: functional(ends[kind], meta["X_shape_"][1:])


# The estimator.


@pytest.mark.parametrize("kind", ["layer subclass", "branch", "gelu"])
def test_networks_without_forward_pass_predict_as_before(make_classifier, multilabel_data, kind):
    X, Y = multilabel_data
    clf = make_classifier(model=ends_as(kind)).fit(X, Y)
    assert clf._functions.forward is None
    expected = clf.model_.predict(X, verbose=0)
    np.testing.assert_allclose(clf.decision_function(X), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("model", ["mlp", "linear"])
@pytest.mark.parametrize("kind", [np.array, sparse.csr_array])
def test_built_in_networks_have_a_forward_pass(make_classifier, multilabel_data, model, kind):
    X, Y = multilabel_data
    clf = make_classifier(model=model).fit(kind(X), Y)
    assert clf._functions.forward is not None
    expected = clf.model_.predict(X, verbose=0)
    np.testing.assert_allclose(clf.decision_function(kind(X)), expected, rtol=2e-5, atol=2e-6)


@pytest.fixture(scope="module")
def fitted():
    from skmultilabel_keras import KerasMultiLabelClassifier

    rng = np.random.default_rng(0)
    X, Y = make_rows(200), rng.integers(0, 2, (200, 3))
    params = {"model__hidden_layer_sizes": (8,), "epochs": 2, "random_state": 0}
    return KerasMultiLabelClassifier(**{"model": "mlp", **params}).fit(X, Y)


@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
def test_a_row_alone_gets_what_it_gets_among_others(fitted, method):
    X = make_rows(50)
    together = getattr(fitted, method)(X)
    for row in range(0, 50, 7):
        alone = getattr(fitted, method)(X[[row]])
        np.testing.assert_allclose(alone, together[[row]], rtol=2e-5, atol=2e-6)


def test_predictions_follow_the_logits(fitted):
    X = make_rows(50)
    logits = fitted.decision_function(X)
    np.testing.assert_array_equal(fitted.predict(X), logits > 0)
    np.testing.assert_allclose(fitted.predict_proba(X), 1 / (1 + np.exp(-logits)), rtol=1e-5)


def test_set_weights_changes_predictions(fitted):
    clf, X = pickle.loads(pickle.dumps(fitted)), make_rows(5)
    clf.predict(X)
    clf.model_.set_weights([values + 0.5 for values in clf.model_.get_weights()])
    expected = clf.model_.predict(X, verbose=0)
    np.testing.assert_allclose(clf.decision_function(X), expected, rtol=2e-5, atol=2e-6)


def test_a_pickled_estimator_predicts_the_same(fitted):
    X = make_rows(5)
    expected = fitted.predict_proba(X)
    assert not {"_functions", "forward"} & set(fitted.__getstate__())
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), expected)


def test_results_are_independent_arrays(fitted):
    X = make_rows(5)
    for method in (fitted.predict_proba, fitted.decision_function):
        first = method(X)
        kept = first.copy()
        method(X)[...] = -1
        assert np.array_equal(first, kept)


def test_a_routed_batch_size_is_honoured(monkeypatch, fitted):
    clf, sizes = pickle.loads(pickle.dumps(fitted)), record_blocks(monkeypatch)
    clf.set_params(predict__batch_size=2)
    clf.predict(make_rows(5))
    clf.predict(make_rows(5), batch_size=3)
    assert sizes == [2, 2, 1, 3, 2]


def test_callbacks_see_batches(fitted):
    seen = []

    class Hook(keras.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            seen.append(logs["outputs"].shape)

    outputs = fitted.decision_function(make_rows(5), callbacks=[Hook()], batch_size=2)
    assert seen == [(2, 3), (2, 3), (1, 3)]
    np.testing.assert_allclose(outputs, fitted.decision_function(make_rows(5)), rtol=2e-5)


@pytest.mark.parametrize("n_rows", [1, 20_000])
def test_sigmoid_of_few_and_of_many(n_rows):
    z = np.tile(np.array([-200, -88, -20, -1, 0, 1, 20, 200], np.float32), (n_rows, 1))
    with np.errstate(over="ignore"):
        expected = 1 / (1 + np.exp(-z.astype(np.float64)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p = sigmoid(z.copy())
    np.testing.assert_allclose(p, expected, rtol=1e-6, atol=1e-37)


# The short way through the checks of features.

NUMBERS = [0.0, 1.0, -1e5, 1e37, -1e38, 2e38, 3.4e38, 3.5e38, 1e300, np.inf, -np.inf, np.nan]


@given(
    stnp.arrays(
        np.float64,
        stnp.array_shapes(min_dims=2, max_dims=2, max_side=4),
        elements=st.sampled_from(NUMBERS),
    ),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from("CF"),
)
def test_numbers_that_float32_holds_are_told_from_others(values, dtype, order):
    with np.errstate(over="ignore"):
        values = values.astype(dtype, order=order)
    assert _validation._fits_float32(values) == (np.abs(values) <= np.finfo(np.float32).max).all()


INPUTS = {
    "float32": lambda X: X,
    "float64": lambda X: X.astype(np.float64),
    "no rows": lambda X: X[:0],
    "integers": lambda X: X.astype(int),
    "objects": lambda X: X.astype(object),
    "text": lambda X: X.astype(str),
    "one dimension": lambda X: X[0],
    "three dimensions": lambda X: X[:, :, np.newaxis],
    "fewer features": lambda X: X[:, 1:],
    "no features": lambda X: X[:, :0],
    "more features": lambda X: np.hstack([X, X]),
    "NaN": lambda X: np.where(X[2, 1] == X, np.nan, X),
    "infinity": lambda X: np.where(X[2, 1] == X, -np.inf, X),
    "beyond float32": lambda X: np.where(X[2, 1] == X, 1e39, X.astype(np.float64)),
    "large": lambda X: np.where(X[2, 1] == X, np.float32(3e38), X),
    "big-endian": lambda X: X.astype(">f8"),
    "masked": lambda X: np.ma.masked_array(X, X > 1),
    "list": lambda X: X.tolist(),
    "frame": pd.DataFrame,
    "named frame": lambda X: pd.DataFrame(X).add_prefix("f"),
    "renamed frame": lambda X: pd.DataFrame(X).add_prefix("g"),
    "sparse": sparse.csr_array,
    "sparse NaN": lambda X: sparse.csr_array(np.where(X[2, 1] == X, np.nan, X)),
    "complex": lambda X: X.astype(complex),
}


def outcome(estimator, X):
    """Return what a check gives: warnings, and the result or the error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            checked = _validation.check_features(estimator, X, reset=False)
            values = checked.toarray() if sparse.issparse(checked) else checked
            result = (type(checked), checked.dtype, values.tolist())
        except (ValueError, TypeError) as error:
            result = (type(error), str(error))
    return [(w.category, str(w.message)) for w in caught], result


@pytest.mark.parametrize("named", [False, True], ids=["unnamed", "named"])
@pytest.mark.parametrize("kind", INPUTS)
def test_the_short_way_changes_no_outcome(monkeypatch, kind, named):
    estimator, X = BaseEstimator(), make_rows(6)
    seen = pd.DataFrame(X).add_prefix("f") if named else X
    _validation.check_features(estimator, seen, reset=True)
    with np.errstate(over="ignore"):
        given_X = INPUTS[kind](X)
    short = outcome(estimator, given_X)
    monkeypatch.setattr(_validation, "_is_known_good", lambda *args: False)
    assert short == outcome(estimator, given_X)


def test_the_short_way_is_taken(monkeypatch, fitted):
    monkeypatch.setattr(_validation, "validate_data", None)
    for dtype in (np.float32, np.float64):
        for n_rows in (0, 1, 5):
            fitted.predict_proba(make_rows(n_rows).astype(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_entries_in_parts_are_their_sum(dtype):
    """A clip of the parts is not the clip of their sum."""
    rows = make_rows(20, 30)
    X = sparse.csr_array(np.where(rows > 1.5, 3 * rows, 0).astype(dtype))
    halves = (np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), X.indptr * 2)
    model = make_model(networks.SmoothClip(1.0), keras.layers.Dense(3), n_features=30)
    forward = ForwardPass.of(model)
    parts = sparse.csr_array(halves, shape=X.shape)
    np.testing.assert_allclose(forward.outputs(parts, 7), forward.outputs(X, 7), rtol=1e-5)
    assert parts.nnz == 2 * X.nnz
