"""Networks for tables: the parameters of ``mlp`` and ``linear``, biases at the label priors."""

from itertools import cycle, pairwise

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse, special
from sklearn.base import clone

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras._rows import Rows, prior_logits
from skmultilabel_keras._tensorflow.forward import ForwardPass
from skmultilabel_keras.networks import FeatureScaler, LabelPrior, linear, mlp

META = {"X_shape_": (5, 3), "n_units_": 2}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(43, 4)).astype(np.float32)
Y = (X[:, :3] + RNG.normal(size=(43, 3)) > [0, 0.5, 1]).astype(int)


def classifier(**params):
    return KerasMultiLabelClassifier(
        **{"model": "mlp", "random_state": 0, "epochs": 2, "batch_size": 16, **params}
    )


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


# The parameters of mlp.


@pytest.mark.parametrize(
    ("normalization", "kind"), [("batch", "BatchNormalization"), ("layer", "LayerNormalization")]
)
def test_normalization_stands_before_the_activation(normalization, kind):
    model = mlp(META, normalization=normalization, dropout=0.1, activation="tanh")
    hidden = ["Dense", kind, "Activation", "Dropout"]
    assert kinds(model) == ["InputLayer", "FeatureScaler", *hidden, "Dense"]
    assert not model.layers[2].use_bias
    assert model.layers[4].activation is keras.activations.tanh


@pytest.mark.parametrize("sizes", [(4,), (4, 4), (4, 5, 5), (4, 5, 6)])
def test_residual_adds_the_input_of_each_hidden_layer_after_the_first(sizes):
    """With the weights of those layers at zero, what the first one put out goes through."""
    model = mlp(META, hidden_layer_sizes=sizes, residual=True, standardize=False)
    n_maps = sum(a != b for a, b in pairwise(sizes))
    assert kinds(model).count("Add") == len(sizes) - 1
    assert kinds(model).count("Dense") == len(sizes) + 1 + n_maps
    if n_maps:
        return
    hidden = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    for layer in hidden[1:-1]:
        layer.set_weights([np.zeros(variable.shape) for variable in layer.weights])
    x = np.ones((2, 3), dtype=np.float32)
    expected = hidden[-1](hidden[0](x))
    assert np.allclose(model(x), expected, atol=1e-6)


@pytest.mark.parametrize("make", [mlp, linear])
def test_l2_is_the_sum_of_squared_weights_without_biases(make):
    model = make(META, l2=0.3)
    for variable in model.trainable_variables:
        variable.assign(np.full(variable.shape, 2.0))
    n_weights = sum(np.prod(v.shape) for v in model.trainable_variables if v.name == "kernel")
    assert sum(map(float, model.losses)) == pytest.approx(0.3 * 4 * n_weights, rel=1e-5)
    assert make(META).losses == []


def test_l2_keeps_weights_small():
    sizes = [
        np.square(classifier(model="linear", epochs=200, model__l2=l2).fit(X, Y).model_.weights[2])
        for l2 in (0.0, 0.1)
    ]
    assert sizes[1].sum() < 0.7 * sizes[0].sum()


BAD = {
    "hidden_layer_sizes": [5, (0,), (2.5,), ("8",), (True,), None, "ab"],
    "activation": ["rellu", 3],
    "dropout": [-0.1, 1, "a", None, True, np.nan],
    "normalization": ["bach", True, 1, ["batch"]],
    "residual": ["yes", 1, None],
    "l2": [-1, "a", None, np.inf, np.nan, True],
    "prior_bias": [1, None, "no"],
    "standardize": [1, None, "no"],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in BAD.items() for v in vs])
def test_bad_values_are_named(name, value):
    with pytest.raises(ValueError, match=f"model__{name} must be .*; got") as raised:
        mlp(META, **{name: value})
    assert repr(value) in str(raised.value)


def test_numbers_of_numpy_are_numbers():
    sizes = np.array([4, 5])
    model = mlp(META, hidden_layer_sizes=sizes, dropout=np.float32(0.5), l2=np.float32(0.5))
    assert [layer.units for layer in model.layers if hasattr(layer, "units")] == [4, 5, 2]


@pytest.mark.parametrize(
    ("params", "X_"),
    [
        ({"normalization": "batch"}, X),
        ({"normalization": "layer"}, sparse.csr_array(X)),
        ({"residual": True, "hidden_layer_sizes": (5, 5)}, sparse.csr_array(X)),
        ({"l2": 0.01, "dropout": 0.2, "prior_bias": False}, X),
    ],
    ids=["batch", "layer, sparse", "residual, sparse", "penalty and dropout"],
)
def test_predictions_are_those_of_keras(params, X_):
    clf = classifier(**{f"model__{name}": value for name, value in params.items()}).fit(X_, Y)
    assert clf.engine_.name == "shared"
    expected = special.expit(clf.model_.predict(X, verbose=0))
    assert np.allclose(clf.predict_proba(X_), expected, rtol=1e-4, atol=1e-6)
    assert (ForwardPass.of(clf.model_) is None) == bool(params.get("residual"))


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_layer_normalization_in_numpy(center, scale):
    layer = keras.layers.LayerNormalization(center=center, scale=scale, epsilon=0.1)
    model = keras.Sequential([keras.Input((4,)), layer])
    layer.set_weights([RNG.normal(size=4) for _ in layer.weights])
    assert np.allclose(ForwardPass.of(model).outputs(X), model(X), rtol=1e-5, atol=1e-6)
    several = keras.Sequential([keras.Input((4,)), keras.layers.LayerNormalization(axis=(-1,))])
    assert ForwardPass.of(several) is not None


# Priors.


def rows_of(y, weight=None, index=None):
    index = np.arange(y.shape[0]) if index is None else index
    return Rows(np.zeros((y.shape[0], 1)), y, weight, index)


INDICATORS = st.integers(1, 12).flatmap(
    lambda n: st.tuples(
        st.lists(
            st.lists(st.sampled_from([0.0, 1.0]), min_size=3, max_size=3), min_size=n, max_size=n
        ),
        st.lists(st.integers(1, 4), min_size=n, max_size=n),
    )
)


@given(INDICATORS, st.booleans())
def test_priors_count_rows_by_weight(data, is_sparse):
    """A weight is as many copies, in relation; containers do not matter."""
    y, weight = np.array(data[0]), np.array(data[1], dtype=float)
    container = sparse.csr_array(y) if is_sparse else y
    n, w = len(y), weight / weight.mean()
    ones = w @ y
    expected = np.log((ones + 0.5) / (n - ones + 0.5))
    assert np.allclose(prior_logits(rows_of(container, weight), 3, exclusive=False), expected)
    by_entry = rows_of(container, np.tile(weight[:, None], 3))
    assert np.allclose(prior_logits(by_entry, 3, exclusive=False), expected)
    scaled = rows_of(container, 7 * weight)
    assert np.allclose(prior_logits(scaled, 3, exclusive=False), expected)


def test_priors_leave_missing_labels_and_other_rows_out():
    y = np.array([[1, np.nan], [0, 1], [1, np.nan], [0, 0]])
    logits = prior_logits(rows_of(y, index=np.array([0, 1, 2])), 2, exclusive=False)
    assert np.allclose(logits, np.log([2.5 / 1.5, 1.5 / 0.5]))


def test_priors_of_labels_with_weights_are_those_of_the_weighted_loss():
    """The best constant of the weighted cross-entropy, up to the halves."""
    y = (RNG.random((1000, 2)) < [0.1, 0.6]).astype(float)
    n = len(y)
    ones = y.sum(axis=0)
    balanced = n / (2 * np.stack([n - ones, ones]))
    logits = prior_logits(rows_of(y), 2, exclusive=False, label_weight=balanced)
    assert np.allclose(logits, 0, atol=1e-9)


def test_priors_take_weights_of_labels_entries_and_missing_ones_alike():
    y = (RNG.random((40, 3)) < 0.3).astype(float)
    by_label = np.array([[1, 2, 0.5], [3, 1, 0.5]])
    of_entries = np.where(y == 1, by_label[1], by_label[0])
    logits = prior_logits(rows_of(y), 3, exclusive=False, label_weight=by_label)
    assert np.allclose(logits, prior_logits(rows_of(y, of_entries), 3, exclusive=False))
    known = RNG.random(y.shape) < 0.7
    missing = prior_logits(rows_of(np.where(known, y, np.nan)), 3, exclusive=False)
    assert np.allclose(missing, prior_logits(rows_of(y, known * 5.0), 3, exclusive=False))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20))
def test_priors_of_classes_sum_to_one(codes):
    """Codes and a one-hot indicator give the same, absent classes included."""
    codes = np.array(codes)
    logits = prior_logits(rows_of(codes), 4, exclusive=True)
    one_hot = sparse.csr_array(np.eye(4)[codes])
    assert np.exp(logits).sum() == pytest.approx(1)
    assert np.allclose(logits, prior_logits(rows_of(one_hot), 4, exclusive=True))
    counts = np.bincount(codes, minlength=4) + 0.5
    assert np.allclose(np.exp(logits), counts / counts.sum())


TARGETS = {
    "indicator": (Y, {}),
    "sparse": (sparse.csr_array(Y), {}),
    "one label": (Y[:, :1], {}),
    "missing": (np.where(RNG.random(Y.shape) < 0.3, np.nan, Y), {}),
    "one-hot": (np.eye(4, dtype=int)[Y.sum(axis=1)], {"exclusive": True}),
    "classes": (Y.sum(axis=1), {}),
    "categorical": (Y.sum(axis=1), {"loss": "categorical_crossentropy"}),
    "binary": (Y[:, 0], {}),
    "balanced": (Y, {"class_weight": "balanced"}),
    "balanced classes": (Y.sum(axis=1), {"class_weight": "balanced"}),
}


@pytest.mark.parametrize(
    ("target", "model"), list(zip(TARGETS, cycle(["mlp", "linear", "ensemble"]), strict=False))
)
def test_networks_start_at_the_best_constant(target, model):
    """Untrained, with all other output weights zero, no constant shift of the logits is better."""
    y, params = TARGETS[target]
    clf = classifier(model=model, **params).initialize(X, y)
    output = next(layer for layer in clf.model_.layers[::-1] if hasattr(layer, "bias"))
    bias = np.asarray(output.bias)
    if model == "ensemble":
        assert (bias == bias[0]).all()
        bias = bias[0]
    assert np.isfinite(bias).all()
    known = np.asarray(y.toarray() if sparse.issparse(y) else y)
    if "class_weight" in params:
        assert np.ptp(bias) < 0.2
    elif known.ndim == 2 and "exclusive" not in params:
        share = np.nanmean(known, axis=0)
        assert np.allclose(special.expit(bias), share, atol=0.02)
    elif len(bias) == 1:
        assert special.expit(bias[0]) == pytest.approx(known.mean(), abs=0.02)
    else:
        codes = known.argmax(axis=1) if known.ndim == 2 else known
        share = np.bincount(codes, minlength=len(bias)) / len(codes)
        assert np.allclose(special.softmax(bias), share, atol=0.03)


@pytest.mark.thorough
def test_priors_are_those_of_the_training_rows():
    rare = np.zeros((40, 1), dtype=int)
    rare[:10] = 1
    weight = np.where(rare[:, 0] == 1, 3.0, 1.0)
    still = {"optimizer": "sgd", "optimizer__learning_rate": 0.0, "model": "linear"}
    clf = classifier(**still).fit(X[:40], rare, sample_weight=weight)
    assert np.allclose(clf.model_.get_layer("logits").bias, 0, atol=0.03)
    clf = classifier(**still).fit(X[:20], rare[:20], validation_data=(X[20:40], rare[20:40]))
    assert np.allclose(clf.model_.get_layer("logits").bias, 0)
    assert np.allclose(classifier(**still, model__prior_bias=False).fit(X, Y).model_.weights[-1], 0)


@pytest.mark.thorough
def test_a_start_at_the_priors_saves_steps_for_rare_labels():
    rng = np.random.default_rng(1)
    features, rare = rng.normal(size=(300, 5)), rng.random((300, 4)) < 0.03
    losses = [
        classifier(model__prior_bias=prior, epochs=1).fit(features, rare).history_["loss"][0]
        for prior in (True, False)
    ]
    assert losses[0] < 0.6 * losses[1]


def build_with_prior(meta):
    inputs = keras.Input(meta["X_shape_"][1:])
    outputs = keras.layers.Dense(
        meta["n_units_"], activation="sigmoid", bias_initializer=LabelPrior()
    )(inputs)
    return keras.Model(inputs, outputs)


def build_with_hidden_prior(meta):
    inputs = keras.Input(meta["X_shape_"][1:])
    hidden = keras.layers.Dense(7, bias_initializer=LabelPrior(), name="seven")(inputs)
    return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(hidden))


def test_networks_of_users_may_start_at_the_priors():
    clf = classifier(model=build_with_prior).initialize(X, Y)
    share = special.expit(np.asarray(clf.model_.layers[-1].bias))
    assert np.allclose(share, Y.mean(axis=0), atol=0.02)
    with pytest.raises(
        ValueError, match=r"is for the layer of the outputs, .* 3; the layer 'seven'"
    ):
        classifier(model=build_with_hidden_prior).fit(X, Y)


def test_a_model_that_is_passed_keeps_its_biases():
    model = build_with_prior({"X_shape_": X.shape, "n_units_": 3})
    model.layers[-1].bias.assign([1.0, 2.0, 3.0])
    still = {"optimizer": "sgd", "optimizer__learning_rate": 0.0}
    clf = classifier(model=model, **still).fit(X, Y)
    assert np.array_equal(clf.model_.layers[-1].bias, [1.0, 2.0, 3.0])


def test_training_that_goes_on_keeps_its_biases():
    clf = classifier(warm_start=True).fit(X, Y)
    before = np.asarray(clf.model_.get_layer("logits").bias)
    clf.set_params(optimizer__learning_rate=0.0).fit(X, np.ones_like(Y))
    assert np.array_equal(clf.model_.get_layer("logits").bias, before)


def test_label_prior_survives_saving(tmp_path):
    model = mlp(META)
    model.save(tmp_path / "mlp.keras")
    again = keras.models.load_model(tmp_path / "mlp.keras")
    assert isinstance(again.layers[-1].bias_initializer, LabelPrior)
    assert isinstance(again.get_layer("scaler"), FeatureScaler)


# Laws, for mlp with what other networks do not have.


@pytest.mark.parametrize(
    "params",
    [
        {"model__normalization": "batch"},
        {"model__normalization": "layer", "model__residual": True},
    ],
    ids=str,
)
def test_clones_agree_bit_by_bit(params):
    clf = classifier(**params, model__hidden_layer_sizes=(5, 5), model__dropout=0.2)
    one, other = (clone(clf).fit(X, Y) for _ in range(2))
    assert np.array_equal(one.predict_proba(X), other.predict_proba(X))
    assert one.history_ == other.history_
