"""The ensemble network: members in one network, trained on the mean of their losses."""

import pickle
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from resources import real_file
from scipy import sparse, special
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold

from skmultilabel_keras import (
    KerasMultiLabelClassifier,
    clear_compile_cache,
    compile_cache_info,
    losses,
)
from skmultilabel_keras._heads import output_activation
from skmultilabel_keras._tensorflow.forward import ForwardPass
from skmultilabel_keras._tensorflow.specification import specify_network
from skmultilabel_keras.networks import (
    Dropout,
    EnsembleModel,
    MemberDense,
    MemberMean,
    ensemble,
    resolve_network,
)

RNG = np.random.default_rng(0)
N, D, L, K = 43, 4, 3, 5
X = RNG.normal(size=(N, D)).astype(np.float32)
Y = (X[:, :L] + RNG.normal(size=(N, L)) > 0.3).astype(int)
SPARSE = sparse.csr_array(np.where(np.abs(X) > 0.5, X, 0))
META = {"X_shape_": (N, D), "n_units_": L}
SMALL = {"model__n_members": K, "model__hidden_layer_sizes": (6, 5)}


def classifier(**params):
    defaults = {"model": "ensemble", "random_state": 0, "epochs": 2, "batch_size": 16, **SMALL}
    return KerasMultiLabelClassifier(**{**defaults, **params})


def randomize(model, seed=0):
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    return model


# Members.


def member(model, number, x):
    """Return the logits of one member, computed with its own weights alone."""
    z = x
    for layer in model.layers:
        if not isinstance(layer, MemberDense):
            continue
        kernel = np.asarray(layer.kernel)
        if kernel.ndim == 3:
            side_by_side = z is x
            kernel = kernel[:, number] if side_by_side else kernel[number]
        if layer.scale is not None:
            z = z * np.asarray(layer.scale)[number]
        z = np.asarray(layer.activation(z @ kernel + np.asarray(layer.bias)[number]))
    return z


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("sizes", [(), (6,), (6, 5)])
def test_members_are_networks_of_their_own(share, sizes):
    model = randomize(
        ensemble(
            META, n_members=K, hidden_layer_sizes=sizes, share_weights=share, standardize=False
        )
    )
    outputs = np.asarray(keras.Model(model.inputs[0], model.layers[-2].output)(X))
    assert outputs.shape == (N, K, L)
    for number in range(K):
        assert np.allclose(outputs[:, number], member(model, number, X), rtol=1e-4, atol=1e-4)


def test_a_layer_that_shares_without_scales_takes_rows_and_rows_of_members():
    layer = MemberDense(2, n_members=K, share=True)
    outputs = np.asarray(layer(X))
    kernel = np.asarray(layer.kernel)
    assert np.allclose(outputs, np.repeat((X @ kernel)[:, None], K, axis=1), atol=1e-5)
    rows = RNG.normal(size=(N, K, D)).astype(np.float32)
    assert np.allclose(layer(rows), rows @ kernel, atol=1e-5)


def test_members_differ_from_the_start():
    """In signs of inputs where they share, in all weights where they do not; biases start alike."""
    keras.utils.set_random_seed(0)
    for share in (True, False):
        model = ensemble(META, n_members=K, share_weights=share, standardize=False)
        outputs = np.asarray(model(X, training=True))
        assert (outputs.std(axis=1) > 1e-3).all()
        first, last = model.layers[1], model.layers[-2]
        assert (np.asarray(last.bias) == 0).all()
        if share:
            assert set(np.unique(first.scale)) == {-1.0, 1.0}
            assert first.kernel.shape == (D, 256)


@pytest.mark.parametrize("shape", [(300, 5, 200), (5, 300, 200), (300, 200)])
def test_initial_weights(shape):
    """Uniform, by the number of inputs of one member, whatever their number."""
    share = len(shape) == 2
    n_inputs = shape[0] if shape[1] == 5 or share else shape[1]
    keras.utils.set_random_seed(0)
    layer = MemberDense(200, n_members=5, share=share, gain=0.5)
    layer.build((None, n_inputs) if shape[0] == 300 else (None, 5, n_inputs))
    kernel = np.asarray(layer.kernel)
    assert kernel.shape == shape
    assert kernel.std() == pytest.approx(0.5 / np.sqrt(n_inputs), rel=0.02)
    limit = np.float32(0.5 * np.sqrt(3 / n_inputs))
    assert np.abs(kernel).max() <= np.nextafter(limit, np.float32(1))


def test_dropout_is_another_one_for_each_member():
    model = ensemble(META, n_members=K, hidden_layer_sizes=(64,), dropout=0.5, standardize=False)
    hidden = next(layer for layer in model.layers if isinstance(layer, Dropout))
    kept = np.asarray(hidden(np.ones((8, K, 64), dtype=np.float32), training=True)) > 0
    assert len(np.unique(kept.reshape(8 * K, 64), axis=0)) == 8 * K


# The mean of members.

LOGITS = st.lists(st.floats(-60, 60, width=32), min_size=6, max_size=6)


@given(LOGITS, st.sampled_from([1, 3]))
def test_the_mean_is_that_of_the_probabilities(values, n_members):
    z = np.array(values, dtype=np.float32).reshape(-1, n_members, 2)
    exact = z.astype(np.float64)
    labels = np.asarray(MemberMean("sigmoid")(z), dtype=np.float64)
    assert np.allclose(special.expit(labels), special.expit(exact).mean(axis=1), rtol=1e-4)
    assert np.allclose(special.expit(-labels), special.expit(-exact).mean(axis=1), rtol=1e-4)
    classes = np.asarray(MemberMean("softmax")(z), dtype=np.float64)
    expected = special.softmax(exact, axis=2).mean(axis=1)
    assert np.allclose(np.exp(classes), expected, rtol=1e-4, atol=1e-30)


@pytest.mark.parametrize("reading", ["sigmoid", "softmax"])
def test_the_mean_of_equal_members_is_one_of_them_far_from_zero_too(reading):
    z = np.float32([[-300, 300], [-90, 90], [3, -2]])
    logits = np.asarray(MemberMean(reading)(np.repeat(z[:, None], 4, axis=1)))
    expected = z if reading == "sigmoid" else special.log_softmax(z, axis=1)
    assert np.allclose(logits, expected, rtol=1e-5)


def test_outputs_are_logits_and_in_training_those_of_members():
    model = randomize(ensemble(META, n_members=K))
    assert model.output_shape == (None, L)
    assert output_activation(model) == "linear"
    members, mean = np.asarray(model(X, training=True)), np.asarray(model(X))
    assert members.shape == (N, K, L)
    model = randomize(ensemble(META, n_members=K, dropout=0.0))
    members = np.asarray(model(X, training=True))
    assert np.allclose(special.expit(members).mean(axis=1), special.expit(model(X)), atol=1e-5)
    assert mean.shape == (N, L)


# The loss.

WEIGHTS = {
    "none": None,
    "rows": RNG.uniform(0.5, 2, N).astype(np.float32),
    "entries": RNG.uniform(0.5, 2, (N, L)).astype(np.float32),
}


def soft_f1_of_the_user(y_true, y_pred):
    p = keras.ops.sigmoid(y_pred)
    y = keras.ops.cast(y_true, p.dtype)
    return 1 - keras.ops.sum(2 * y * p) / keras.ops.sum(y + p)


LOSSES = {
    **{name: kind for name, kind in losses.LOSSES.items() if name != "distribution_balanced"},
    "distribution_balanced": lambda: losses.DistributionBalanced(prior=[0.2, 0.4, 0.5]),
    "smoothed": lambda: losses.BinaryCrossentropy(label_smoothing=0.2),
    "sum": lambda: losses.BinaryCrossentropy(reduction="sum"),
    "keras": lambda: keras.losses.BinaryCrossentropy(from_logits=True),
    "keras focal": lambda: keras.losses.BinaryFocalCrossentropy(from_logits=True),
    "keras sum": lambda: keras.losses.BinaryCrossentropy(from_logits=True, reduction="sum"),
    "keras weighted": lambda: keras.losses.BinaryCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    ),
    "squares": keras.losses.MeanSquaredError,
    "dice": keras.losses.Dice,
    "tversky": keras.losses.Tversky,
    "function": lambda: soft_f1_of_the_user,
    "name": lambda: "mse",
}


@pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("make_loss", LOSSES.values(), ids=LOSSES)
def test_the_loss_is_the_mean_of_the_losses_of_the_members(make_loss, weight):
    """For every loss, with weights of rows and of entries; penalties count once."""
    ours = isinstance(make_loss(), losses.LabelLoss)
    if weight is not None and weight.ndim == 2 and not ours:
        pytest.skip("only our losses take a weight for each entry")
    model = randomize(ensemble(META, n_members=K, hidden_layer_sizes=(4,), l2=0.01, dropout=0.0))
    model.compile("sgd", make_loss())
    z = model(X, training=True)
    value = float(model.compute_loss(X, Y.astype("float32"), z, weight))
    penalty = sum(map(float, model.losses))
    single = keras.Sequential([keras.Input((L,)), keras.layers.Identity()])
    single.compile("sgd", make_loss())
    each = [
        float(single.compute_loss(None, Y.astype("float32"), z[:, number], weight))
        for number in range(K)
    ]
    assert value == pytest.approx(np.mean(each) + penalty, rel=1e-5)
    assert penalty > 0


def test_the_loss_with_missing_labels_is_the_mean_over_members():
    y = np.where(RNG.random(Y.shape) < 0.3, np.nan, Y).astype(np.float32)
    loss = losses.BinaryCrossentropy()
    model = randomize(ensemble(META, n_members=K))
    model.compile("sgd", loss)
    z = model(X, training=True)
    each = [float(loss(y, z[:, number])) for number in range(K)]
    assert float(model.compute_loss(X, y, z)) == pytest.approx(np.mean(each), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (keras.losses.CategoricalCrossentropy(from_logits=True), np.eye(L)[Y.sum(axis=1) % L]),
        (keras.losses.SparseCategoricalCrossentropy(from_logits=True), Y.sum(axis=1) % L),
    ],
)
def test_the_loss_of_classes(loss, targets):
    model = randomize(ensemble({**META, "target_type_": "multiclass"}, n_members=K))
    model.compile("sgd", loss)
    z = model(X, training=True)
    each = [float(loss(targets, z[:, number])) for number in range(K)]
    assert float(model.compute_loss(X, targets, z)) == pytest.approx(np.mean(each), rel=1e-5)
    assert model.layers[-1].reading == "softmax"


def test_l2_is_the_mean_of_the_penalties_of_the_members():
    for share in (True, False):
        model = ensemble(META, n_members=K, hidden_layer_sizes=(6, 5), share_weights=share, l2=0.3)
        for variable in model.trainable_variables:
            variable.assign(np.full(variable.shape, 2.0))
        n_weights = D * 6 + 6 * 5 + 5 * L
        assert sum(map(float, model.losses)) == pytest.approx(0.3 * 4 * n_weights, rel=1e-5)


# Training: members are what they would be alone.


@pytest.mark.thorough
def test_members_with_weights_of_their_own_train_as_alone():
    """Adam's steps do not depend on the factor 1 / n_members of the gradients."""
    params = {"model__share_weights": False, "model__dropout": 0.0, "optimizer__epsilon": 1e-12}
    clf = classifier(**params, epochs=3).fit(X, Y)
    fresh = clone(clf).initialize(X, Y).model_
    inputs = keras.Input((D,))
    for number in (0, K - 1):
        alone = keras.Sequential(
            [
                inputs,
                keras.layers.Dense(6, "relu"),
                keras.layers.Dense(5, "relu"),
                keras.layers.Dense(L),
            ]
        )
        kernels = [layer for layer in fresh.layers if isinstance(layer, MemberDense)]
        weights = []
        for layer in kernels:
            kernel = np.asarray(layer.kernel)
            own = kernel[:, number] if layer is kernels[0] else kernel[number]
            weights += [own, np.asarray(layer.bias)[number]]
        alone.set_weights(weights)
        scaler = clf.model_.get_layer("scaler")
        scaled = (X - np.asarray(scaler.mean)) / np.asarray(scaler.scale)
        one = KerasMultiLabelClassifier(
            alone, random_state=0, epochs=3, batch_size=16, optimizer__epsilon=1e-12
        ).fit(scaled, Y)
        expected = one.decision_function(scaled)
        assert np.allclose(member(clf.model_, number, scaled), expected, atol=2e-3)


@pytest.mark.thorough
def test_engines_agree():
    ways = [classifier(engine=engine, epochs=3).fit(X, Y) for engine in ("auto", "keras")]
    assert [clf.engine_.name for clf in ways] == ["shared", "keras"]
    assert np.allclose(ways[0].history_["loss"], ways[1].history_["loss"], rtol=1e-4)
    assert np.allclose(ways[0].predict_proba(X), ways[1].predict_proba(X), atol=1e-4)


@pytest.mark.thorough
def test_xla_agrees():
    plain, compiled = (
        classifier(jit_compile=jit, epochs=3).fit(X, Y).predict_proba(X) for jit in (False, True)
    )
    assert np.allclose(plain, compiled, atol=1e-4)


def test_what_is_logged():
    """In training the mean of the losses of members; of validation rows the loss of the mean."""
    clf = classifier(model__dropout=0.0, optimizer="sgd", optimizer__learning_rate=0.0)
    clf.set_params(metrics=["accuracy"]).fit(X, Y, validation_data=(X, Y))
    model, y = clf.model_, Y.astype(np.float32)
    loss = losses.BinaryCrossentropy()
    members = np.asarray(model(X, training=True))
    each = np.mean([float(loss(y, members[:, number])) for number in range(K)])
    assert clf.history_["loss"][0] == pytest.approx(each, rel=1e-4)
    assert clf.history_["val_loss"][0] == pytest.approx(float(loss(y, model(X))), rel=1e-4)
    assert clf.history_["val_loss"][0] < clf.history_["loss"][0]
    right = ((clf.predict_proba(X) > 0.5) == Y).mean()
    assert clf.history_["val_accuracy"][0] == pytest.approx(right, rel=1e-5)
    assert clf.history_["accuracy"][0] == pytest.approx(right, rel=1e-5)


# Laws.

TARGETS = {
    "indicator": (Y, {}),
    "sparse indicator": (sparse.csr_array(Y), {}),
    "missing": (np.where(RNG.random(Y.shape) < 0.2, np.nan, Y), {}),
    "class weights": (Y, {"class_weight": "balanced"}),
    "one-hot": (np.eye(4, dtype=int)[Y.sum(axis=1)], {"exclusive": True}),
    "classes": (Y.sum(axis=1), {}),
    "binary": (Y[:, 0], {}),
    "zlpr": (Y, {"loss": "zlpr"}),
    "early stopping": (Y, {"early_stopping": True, "metrics": ["f1_micro"], "epochs": 5}),
}


# Targets do not meet the features: a few of their kinds stand for all where these are sparse.
WITH_SPARSE = ("sparse indicator", "missing", "classes")


@pytest.mark.parametrize(
    ("X_", "target"),
    [*((X, name) for name in TARGETS), *((SPARSE, name) for name in WITH_SPARSE)],
    ids=[*TARGETS, *(f"{name}, sparse" for name in WITH_SPARSE)],
)
def test_fit_predict_pickle(X_, target):
    y, params = TARGETS[target]
    clf = classifier(**params).fit(X_, y)
    n_columns = len(clf.label_names_)
    assert clf.engine_.name == "shared", clf.engine_.reason
    for n in (N, 1, 0):
        proba = clf.predict_proba(X_[:n])
        assert proba.shape == (n, n_columns)
        assert ((proba >= 0) & (proba <= 1)).all()
    assert type(clf.predict(X_)) is not list
    assert np.isfinite(clf.decision_function(X_)).all()
    if clf.target_encoder_.meaning_ == "classes" or params.get("exclusive"):
        assert np.allclose(clf.predict_proba(X_).sum(axis=1), 1, atol=1e-5)
    again = pickle.loads(pickle.dumps(clf))
    assert np.array_equal(again.predict_proba(X_), clf.predict_proba(X_))


@pytest.mark.parametrize(("n", "X_"), [(1, X), (2, SPARSE)], ids=["dense", "sparse"])
def test_folds_of_one_row(n, X_):
    """With other numbers of members, set on clones as in a search."""
    clf = clone(classifier()).set_params(model__n_members=n).fit(X_[:1], Y[:1])
    assert clf.model_.get_layer("member_logits").n_members == n
    assert clf.predict_proba(X_).shape == (N, L)


@pytest.mark.thorough
def test_a_search_traces_once():
    clear_compile_cache()
    grid = [
        {"model__dropout": [0.1], "model__prior_bias": [True], "optimizer__learning_rate": [1e-3]},
        {"model__dropout": [0.4], "model__prior_bias": [False], "optimizer__learning_rate": [1e-2]},
    ]
    search = GridSearchCV(classifier(), grid, cv=KFold(3), scoring="roc_auc").fit(SPARSE, Y)
    assert search.best_estimator_.engine_.name == "shared"
    assert compile_cache_info().traces == 1


def test_the_kind_of_model_is_part_of_the_key():
    """What is trained is up to it; users' own functions share with the network of that name."""
    model = ensemble(META, n_members=L)
    plain = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    assert specify_network(plain).key is not None
    assert specify_network(model).key != specify_network(plain).key

    def build(meta):
        return ensemble(meta, n_members=K, hidden_layer_sizes=(6, 5))

    clear_compile_cache()
    classifier().fit(X, Y)
    KerasMultiLabelClassifier(build, epochs=1).fit(X, Y)
    assert compile_cache_info().traces == 1


def test_a_model_that_is_passed_is_copied_with_its_weights():
    model = ensemble(META, n_members=K, hidden_layer_sizes=(6,))
    clf = KerasMultiLabelClassifier(model, epochs=2, random_state=0).fit(X, Y)
    assert type(clf.model_) is EnsembleModel
    assert clf.model_ is not model
    assert clf.engine_.name == "shared"


def test_training_goes_on():
    clf = classifier(warm_start=True).fit(X, Y)
    first = clf.history_["loss"][0]
    clf.fit(X, Y).fit(X, Y)
    assert clf.history_["loss"][-1] < first
    clf.partial_fit(X, Y)
    assert len(clf.history_["loss"]) == 3


# Saved and used without the estimator.


@pytest.mark.thorough
def test_a_saved_network_predicts_and_trains_as_before(tmp_path):
    clf = classifier().fit(X, Y)
    clf.model_.save(tmp_path / "ensemble.keras")
    again = keras.models.load_model(tmp_path / "ensemble.keras")
    assert type(again) is EnsembleModel
    outputs = again.predict(X, verbose=0)
    assert np.allclose(special.expit(outputs), clf.predict_proba(X), atol=1e-6)
    again.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    history = again.fit(X, Y, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    twin = keras.models.clone_model(again)
    assert type(twin) is EnsembleModel
    assert again.evaluate(X, Y, verbose=0) < history["loss"][-1] + 1


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float64"])
def test_other_dtypes(policy):
    layer = MemberDense(3, K, share=True, scale_inputs=True, activation="relu", dtype=policy)
    outputs = MemberMean("sigmoid", dtype=policy)(layer(X))
    assert keras.backend.standardize_dtype(outputs.dtype) == layer.compute_dtype


# Predictions in NumPy.


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("reading", ["multilabel-indicator", "multiclass"])
@pytest.mark.parametrize("sizes", [(), (6,), (6, 5, 4)])
@pytest.mark.parametrize("n_rows", [0, 1, 43])
def test_the_forward_pass_in_numpy(share, reading, sizes, n_rows):
    meta = {**META, "target_type_": reading}
    model = ensemble(meta, n_members=K, hidden_layer_sizes=sizes, share_weights=share)
    randomize(model)
    forward = ForwardPass.of(model)
    for rows in (X[:n_rows], SPARSE[:n_rows]):
        dense = rows.toarray() if sparse.issparse(rows) else rows
        outputs = forward.outputs(rows)
        assert outputs.dtype == np.float32
        np.testing.assert_allclose(outputs, model(dense), rtol=2e-4, atol=2e-5)


def test_the_forward_pass_leaves_other_uses_of_members_to_tensorflow():
    inputs = keras.Input((D,))
    members = MemberDense(4, K)(inputs)
    for outputs in (
        members,
        MemberMean("sigmoid")(keras.layers.BatchNormalization(axis=1)(members)),
        MemberMean("sigmoid")(keras.layers.Softmax(axis=1)(members)),
        keras.layers.Flatten()(members),
    ):
        assert ForwardPass.of(keras.Model(inputs, outputs)) is None
    twice = MemberDense(2, K)(keras.layers.Dense(3)(MemberMean("sigmoid")(members)))
    model = keras.Model(inputs, MemberMean("sigmoid")(twice))
    np.testing.assert_allclose(ForwardPass.of(model).outputs(X), model(X), rtol=2e-4, atol=2e-5)


# Errors.

BAD = {
    "n_members": [0, -1, 2.0, True, None, "3"],
    "hidden_layer_sizes": [5, (0,), None, (True,)],
    "activation": ["selo", 3],
    "dropout": [-0.1, 1, None],
    "share_weights": ["yes", 1],
    "l2": [-1, None, np.nan],
    "prior_bias": [None, 0],
    "standardize": [None, 0],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in BAD.items() for v in vs])
def test_bad_values_are_named(name, value):
    with pytest.raises(ValueError, match=f"model__{name} must be .*; got") as raised:
        ensemble(META, **{name: value})
    assert repr(value) in str(raised.value)


def test_sparse_rows_cannot_share_weights():
    with pytest.raises(ValueError, match="model__share_weights must be None or False for sparse X"):
        classifier(model__share_weights=True).fit(SPARSE, Y)
    assert classifier(model__share_weights=False).fit(SPARSE, Y).model_.layers[2].share is False


def test_bad_arguments_of_layers():
    for name, arguments in (("units", (0, 2)), ("n_members", (2, 0))):
        with pytest.raises(ValueError, match=f"{name} must be an integer of at least 1; got 0"):
            MemberDense(*arguments)
    with pytest.raises(ValueError, match="gain must be a finite number of at least 0; got -1"):
        MemberDense(2, 2, gain=-1)
    with pytest.raises(ValueError, match="scale_inputs must be False where members have weights"):
        MemberDense(2, 2, scale_inputs=True)
    with pytest.raises(ValueError, match="reading must be 'sigmoid' or 'softmax'; got 'tanh'"):
        MemberMean("tanh")
    with pytest.raises(
        ValueError, match=r"takes inputs of shape .*, 2, n_features\); got \(5, 3, 4"
    ):
        MemberDense(2, 2)(np.ones((5, 3, 4)))


def test_the_name():
    assert resolve_network("ensemble") is ensemble


# How good it is.

EXAMPLES = Path(__file__).parents[1] / "examples"
FILE = "emotions.npz"


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return import_module("ensemble")


@pytest.mark.parametrize("folder", [None, "here"])
def test_without_data_the_way_out_is_told(example, monkeypatch, tmp_path, folder):
    monkeypatch.delenv("SKMLK_DATA", raising=False)
    if folder is not None:
        monkeypatch.setenv("SKMLK_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match=f"Set SKMLK_DATA to a folder that holds {FILE}"):
        example.main()


@pytest.mark.slow
def test_an_ensemble_beats_a_single_network_on_emotions(example, capsys):
    """Of half as many members, on one shuffle; the user guide has the figures of all."""
    real_file(FILE)
    example.main(n_splits=3, seeds=[0], n_members=8)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["mlp", "ensemble"]
    single, ensemble = (np.array(line.split()[2:5], dtype=float) for line in lines[1:3])
    assert ensemble[0] < single[0]
    assert ensemble[1] > single[1]
    assert ensemble[2] < single[2] - 0.01
