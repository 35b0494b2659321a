"""Networks on top of others: frozen features, fine-tuning, weights, pixels, errors."""

import importlib
import inspect
import pickle
from itertools import cycle

import keras
import numpy as np
import pytest
from resources import real_file
from sklearn.base import clone

from skmultilabel_keras import (
    KerasMultiLabelClassifier,
    clear_compile_cache,
    compile_cache_info,
)
from skmultilabel_keras._heads import output_activation
from skmultilabel_keras._tensorflow.functions import NetworkFunctions
from skmultilabel_keras.networks import (
    Augmentation,
    BackboneInput,
    FineTuned,
    FrozenFeatures,
    InferenceMode,
    split_at_features,
    transfer,
)
from skmultilabel_keras.networks._backbones import find_application, preprocessing_of

RNG = np.random.default_rng(0)
N = 40
Y = RNG.integers(0, 2, (N, 3))
IMAGES = RNG.integers(0, 256, (N, 8, 8, 3)).astype(np.uint8)
META = {"X_shape_": (5, 32, 32, 3), "n_units_": 2}


def build_backbone(size=(8, 8), channels=3):
    """Return a small network with batch normalisation that has seen something, and dropout."""
    seeded = [keras.initializers.GlorotUniform(seed=seed) for seed in (0, 1)]
    inputs = keras.Input((*size, channels))
    x = keras.layers.Conv2D(4, 3, use_bias=False, kernel_initializer=seeded[0])(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Activation("relu")(x)
    x = keras.layers.Dropout(0.5)(x)
    last = keras.layers.Conv2D(6, 3, activation="relu", kernel_initializer=seeded[1])
    model = keras.Model(inputs, last(x))
    mean, variance = model.layers[2].non_trainable_variables
    mean.assign(np.full(4, 0.1))
    variance.assign(np.full(4, 2.0))
    return model


@pytest.fixture(scope="module")
def backbone():
    return build_backbone()


@pytest.fixture
def make(backbone):
    def make_classifier(**params):
        defaults = {
            "random_state": 0,
            "epochs": 3,
            "batch_size": 16,
            "model__backbone": backbone,
            "model__preprocessing": "tf",
        }
        return KerasMultiLabelClassifier("transfer", **{**defaults, **params})

    return make_classifier


def weights_of(network, name="backbone"):
    return [np.asarray(variable.value) for variable in network.get_layer(name).weights]


def count_rows(monkeypatch):
    """Return a list that gets the number of images of each batch that a backbone computes."""
    counts, predict = [], NetworkFunctions.predict

    def counting(self, x):
        if self.split is None and x.ndim == 4:
            counts.append(len(x))
        return predict(self, x)

    monkeypatch.setattr(NetworkFunctions, "predict", counting)
    return counts


# Pixels.

APPLICATIONS = {
    name: value
    for name, value in vars(keras.applications).items()
    if name[0].isupper() and callable(value)
}


@pytest.mark.parametrize("name", sorted(APPLICATIONS))
def test_every_application_gets_its_own_preprocessing(name):
    application = find_application(name)
    assert application is APPLICATIONS[name]
    module = importlib.import_module(application.__module__)
    pixels = RNG.uniform(0, 255, (2, 4, 4, 3)).astype(np.float32)
    mode = preprocessing_of(application) or "none"
    found = BackboneInput((4, 4), 3, (0, 255), mode)(pixels)
    np.testing.assert_allclose(found, module.preprocess_input(pixels.copy()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mode", ["tf", "torch", "caffe", "none"])
def test_pixels_are_brought_into_range(mode):
    pixels = RNG.uniform(0, 255, (2, 4, 4, 3)).astype(np.float32)
    expected = BackboneInput((4, 4), 3, (0, 255), mode)(pixels)
    for black, white in ((0, 1), (-1, 1), (1, 0)):
        other = pixels / 255 * (white - black) + black
        found = BackboneInput((4, 4), 3, (black, white), mode)(other)
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_gray_images_are_repeated_and_resized():
    gray = RNG.uniform(0, 255, (2, 4, 4, 1)).astype(np.float32)
    found = np.asarray(BackboneInput((8, 6), 3, (0, 255), "none")(gray))
    assert found.shape == (2, 8, 6, 3)
    np.testing.assert_array_equal(found[..., 0], found[..., 2])
    resized = keras.ops.image.resize(gray, (8, 6), interpolation="bilinear")
    np.testing.assert_allclose(found[..., :1], resized, rtol=1e-6)


@pytest.mark.thorough
def test_range_of_pixels_follows_from_the_dtype(make):
    expected = make().fit(IMAGES, Y).predict_proba(IMAGES)
    X = IMAGES.astype(np.int64)
    np.testing.assert_array_equal(make().fit(X, Y).predict_proba(X), expected)
    X = (IMAGES / 255).astype(np.float32)
    np.testing.assert_allclose(make().fit(X, Y).predict_proba(X), expected, atol=1e-4)
    X = IMAGES.astype(np.float64)
    found = make(model__pixel_range=(0, 255)).fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("X", "params"),
    [
        (IMAGES.astype(np.float32), {}),
        (IMAGES / 60.0 - 2, {}),
        (IMAGES.astype(np.int64) * 250, {}),
        (IMAGES, {"model__pixel_range": (0, 1)}),
    ],
)
def test_pixels_out_of_range_are_an_error(make, X, params):
    message = r"X holds .* pixels from .* model__pixel_range=\("
    with pytest.raises(ValueError, match=message):
        make(**params).fit(X, Y)
    clf = make(model__trainable_layers=1, **params)
    with pytest.raises(ValueError, match=message):
        clf.partial_fit(X, Y)
    assert not hasattr(clf, "model_")


# Networks.


@pytest.mark.parametrize(
    ("shape", "params"),
    [
        ((32, 32), {}),
        ((32, 32, 1), {"trainable_layers": 2}),
        ((40, 33, 3), {"augmentation": {"flip": "both"}}),
    ],
)
def test_networks_end_in_logits(shape, params):
    meta = {**META, "X_shape_": (5, *shape)}
    model = transfer(meta, backbone_options={"alpha": 0.35}, **params)
    assert model.input_shape == (None, *shape)
    assert model.output_shape == (None, 2)
    assert output_activation(model) == "linear"
    assert not model.compiled


def test_parameters(backbone):
    meta = {**META, "X_shape_": (5, 28, 28)}
    model = transfer(
        meta,
        backbone=backbone,
        preprocessing="none",
        pooling="flatten",
        hidden_layer_sizes=(7,),
        activation="selu",
        dropout=0.1,
    )
    assert [type(layer).__name__ for layer in model.layers] == [
        "InputLayer",
        "Reshape",
        "BackboneInput",
        "InferenceMode",
        "Flatten",
        "FrozenFeatures",
        "Dropout",
        "Dense",
        "Dropout",
        "Dense",
    ]
    assert model.get_layer("pixels").size == (8, 8)
    assert model.get_layer("features").output.shape == (None, 4 * 4 * 6)
    assert len(model.trainable_variables) == 4
    model = transfer(META, backbone_options={"alpha": 0.35}, image_size=(48, 40), pooling="max")
    assert model.get_layer("pixels").size == (48, 40)


@pytest.mark.parametrize("is_frozen", [False, True])
@pytest.mark.parametrize(("n_layers", "n_weights"), [(0, 0), (1, 2), (2, 4), (3, 5), (-1, 5)])
def test_the_last_layers_are_trained(n_layers, n_weights, is_frozen):
    """Of a convolution with bias, a batch normalisation, a convolution without bias.

    What was frozen before is a matter of another training, and stays so in the original.
    """
    backbone = build_backbone()
    backbone.trainable = not is_frozen
    model = transfer(
        {**META, "X_shape_": (5, 8, 8, 3)},
        backbone=backbone,
        preprocessing="tf",
        trainable_layers=n_layers,
    )
    assert len(model.get_layer("backbone").trainable_variables) == n_weights
    assert len(model.trainable_variables) == n_weights + 2
    assert isinstance(model, FineTuned) == (n_layers != 0)
    frozen = any(isinstance(layer, FrozenFeatures) for layer in model.layers)
    assert frozen == (n_layers == 0)
    assert bool(backbone.trainable_variables) != is_frozen


# Frozen features.

HEADS = {
    "hidden": {"model__hidden_layer_sizes": (8,), "model__dropout": 0.3, "optimizer": "adamw"},
    "validation": {"validation_split": 0.2, "early_stopping": True},
    "nadam": {"optimizer": "nadam"},
}


@pytest.mark.parametrize("params", HEADS.values(), ids=HEADS)
def test_training_on_features_is_training_of_the_network(make, params):
    clf = make(**params).fit(IMAGES, Y)
    assert clf.engine_.name == ("own" if params.get("optimizer") == "nadam" else "shared")
    whole = clone(clf).set_params(engine="keras").fit(IMAGES, Y)
    assert whole.engine_.name == "keras"
    for found, expected in zip(clf.model_.weights, whole.model_.weights, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert clf.history_.keys() == whole.history_.keys()
    for name, values in whole.history_.items():
        np.testing.assert_allclose(clf.history_[name], values, rtol=1e-3)


def test_features_are_computed_once(make, monkeypatch):
    counts = count_rows(monkeypatch)
    clf = make(epochs=9, early_stopping=True, metrics=["f1_micro"]).fit(IMAGES[:30], Y[:30])
    assert sum(counts) == 30
    assert "val_f1_micro" in clf.history_
    assert clf.n_iter_ == 9
    counts.clear()
    clf.fit(IMAGES[:30], Y[:30], validation_data=(IMAGES[30:], Y[30:]))
    assert sum(counts) == N
    counts.clear()
    clf.fit(IMAGES, Y, sample_weight=np.arange(N) >= 5, validation_split=0.1)
    assert sum(counts) == N - 5


@pytest.mark.thorough
def test_the_fitted_model_is_the_whole_network(make, backbone, tmp_path):
    clf = make(validation_split=0.2).fit(IMAGES, Y)
    X = IMAGES.astype(np.float32)
    logits = clf.model_.predict(X, verbose=0)
    np.testing.assert_allclose(clf.decision_function(IMAGES), logits, atol=1e-5)
    np.testing.assert_allclose(clf.predict_proba(IMAGES), 1 / (1 + np.exp(-logits)), atol=1e-5)
    for found, expected in zip(weights_of(clf.model_), backbone.weights, strict=True):
        np.testing.assert_array_equal(found, expected)
    clf.model_.save(tmp_path / "whole.keras")
    loaded = keras.models.load_model(tmp_path / "whole.keras")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), logits)
    # It goes on training as any Keras model does.
    loss = clf.model_.evaluate(X, Y, verbose=0)
    clf.model_.fit(X, Y, epochs=2, verbose=0)
    assert clf.model_.evaluate(X, Y, verbose=0) < loss


@pytest.mark.thorough
def test_callbacks_see_the_whole_network(make, tmp_path):
    class Seen(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.outputs = self.model.predict(IMAGES.astype(np.float32), verbose=0)

    path = tmp_path / "best.keras"
    seen = Seen()
    callbacks = [seen, keras.callbacks.ModelCheckpoint(path)]
    clf = make(callbacks=callbacks).fit(IMAGES, Y)
    assert clf.engine_.name == "shared"
    np.testing.assert_allclose(seen.outputs, clf.decision_function(IMAGES), atol=1e-5)
    saved = keras.models.load_model(path)
    np.testing.assert_array_equal(saved.predict(IMAGES.astype(np.float32), verbose=0), seen.outputs)

    class OnBatches(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.layers = len(self.model.layers)

    on_batches = OnBatches()
    clf = make(callbacks=on_batches).fit(IMAGES, Y)
    assert clf.engine_.name == "keras"
    assert on_batches.layers == len(clf.model_.layers)


def test_early_stopping_takes_the_best_weights_back(make):
    clf = make(epochs=60, early_stopping=True, n_iter_no_change=2, optimizer__learning_rate=0.5)
    clf.fit(IMAGES[:30], Y[:30], validation_data=(IMAGES[30:], Y[30:]))
    assert clf.n_iter_ < 60
    losses = clf.history_["val_loss"]
    p = np.clip(clf.predict_proba(IMAGES[30:]).astype(float), 1e-7, 1 - 1e-7)
    found = -(Y[30:] * np.log(p) + (1 - Y[30:]) * np.log(1 - p)).mean()
    np.testing.assert_allclose(found, min(losses), rtol=1e-3)


@pytest.mark.thorough
@pytest.mark.parametrize("params", [{}, {"model__trainable_layers": 1}])
def test_training_goes_on_as_in_one_fit(make, params):
    expected = make(**params).fit(IMAGES, Y)
    steps = make(**params)
    for _ in range(3):
        steps.partial_fit(IMAGES, Y)
    np.testing.assert_array_equal(steps.predict_proba(IMAGES), expected.predict_proba(IMAGES))
    warm = make(**params, epochs=1, warm_start=True).fit(IMAGES, Y)
    warm = pickle.loads(pickle.dumps(warm))
    warm.set_params(epochs=2).fit(IMAGES, Y)
    found, wanted = warm.predict_proba(IMAGES), expected.predict_proba(IMAGES)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.thorough
def test_features_of_networks_of_the_user(monkeypatch):
    def build(meta, units=3):
        inputs = keras.Input(meta["X_shape_"][1:])
        x = keras.layers.Conv2D(2, 3, trainable=False)(inputs)
        x = FrozenFeatures()(x)  # not flat
        x = keras.layers.Flatten()(x)
        return keras.Model(inputs, keras.layers.Dense(meta["n_units_"])(x))

    counts = count_rows(monkeypatch)
    clf = KerasMultiLabelClassifier(build, epochs=5, random_state=0).fit(IMAGES, Y)
    assert N in counts
    whole = clone(clf).set_params(engine="keras").fit(IMAGES, Y)
    np.testing.assert_allclose(clf.predict_proba(IMAGES), whole.predict_proba(IMAGES), atol=1e-4)


def test_split_at_features():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3, trainable=False)(inputs)
    features = FrozenFeatures()(hidden)
    outputs = keras.layers.Dense(2)(features)
    before, after = split_at_features(keras.Model(inputs, outputs))
    x = RNG.normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_allclose(after(before(x)), keras.Model(inputs, outputs)(x), rtol=1e-6)
    assert not before.trainable_variables
    # A way round the features.
    around = keras.layers.Concatenate()([features, hidden])
    assert split_at_features(keras.Model(inputs, keras.layers.Dense(2)(around))) is None
    trained = FrozenFeatures()(keras.layers.Dense(3)(inputs))
    with pytest.raises(ValueError, match=r"before FrozenFeatures must not be trained.*kernel"):
        split_at_features(keras.Model(inputs, keras.layers.Dense(2)(trained)))


# Fine-tuning.


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("optimizer", "engine"),
    [("sgd", "auto"), ("adam", "auto"), ("adamw", "auto"), ("adamw", "keras")],
)
def test_the_backbone_learns_at_its_rate(make, backbone, optimizer, engine):
    """In one step it moves by that share of what it would; the dense layer as it would."""
    params = {"optimizer": optimizer, "engine": engine, "epochs": 1, "batch_size": -1}
    moved = {}
    for rate in (1, 0.25):
        clf = make(model__trainable_layers=-1, model__backbone_rate=rate, **params)
        clf.fit(IMAGES, Y)
        assert clf.engine_.name == ("shared" if engine == "auto" else "keras")
        moved[rate] = clf.model_
    start = [np.asarray(variable.value) for variable in backbone.weights]
    some = 0
    for old, full, part in zip(start, weights_of(moved[1]), weights_of(moved[0.25]), strict=True):
        np.testing.assert_allclose(part - old, (full - old) / 4, atol=1e-6)
        some += np.abs(part - old).max() > 1e-6
    assert some == 5
    full, part = (weights_of(moved[rate], "logits") for rate in (1, 0.25))
    for one, other in zip(full, part, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def nested(network, rate):
    """Return a model of two numbers that has a network in inference mode inside."""
    inputs = keras.Input((2,))
    return keras.Model(inputs, InferenceMode(network, rate=rate)(inputs))


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("inner_rate", [None, 1.0])
def test_a_network_learns_at_its_rate_wherever_it_is(depth, inner_rate):
    """One that is inside another at the rate of the outer one."""
    backbone = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    network = nested(backbone if inner_rate is None else nested(backbone, inner_rate), 0.0)
    for _ in range(depth - 1):
        network = keras.Sequential([network])
    inputs = keras.Input((2,))
    model = FineTuned(inputs, keras.layers.Dense(1)(network(inputs)))
    before = model.get_weights()
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((4, 2)), np.ones((4, 1)))
    moved = [not np.array_equal(*pair) for pair in zip(before, model.get_weights(), strict=True)]
    assert moved == [False, False, True, True]


@pytest.mark.thorough
def test_fine_tuning_of_many_steps_is_the_same_on_each_way(make):
    params = {"model__trainable_layers": 2, "validation_split": 0.2}
    clf = make(**params).fit(IMAGES, Y)
    whole = make(**params, engine="keras").fit(IMAGES, Y)
    np.testing.assert_allclose(clf.predict_proba(IMAGES), whole.predict_proba(IMAGES), atol=1e-4)


def test_batch_normalisation_keeps_its_statistics(make, backbone):
    clf = make(model__trainable_layers=-1).fit(IMAGES, Y)
    found = clf.model_.get_layer("backbone").non_trainable_weights
    for mine, theirs in zip(found, backbone.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.thorough
def test_averages_of_weights_do_not_go_with_a_rate(make):
    clf = make(model__trainable_layers=1, optimizer__use_ema=True)
    with pytest.raises(ValueError, match="optimizer__use_ema must be False"):
        clf.fit(IMAGES, Y)
    clf.set_params(model__backbone_rate=1).fit(IMAGES, Y)


@pytest.mark.thorough
def test_the_rate_survives_saving(make, tmp_path):
    clf = make(model__trainable_layers=-1, model__backbone_rate=0.5).fit(IMAGES, Y)
    clf.model_.save(tmp_path / "tuned.keras")
    loaded = keras.models.load_model(tmp_path / "tuned.keras")
    assert isinstance(loaded, FineTuned)
    assert loaded.get_layer("backbone").rate == 0.5
    X = IMAGES.astype(np.float32)
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), clf.model_.predict(X, verbose=0))


# Laws.

WAYS = {
    "frozen": {},
    "tuned": {"model__trainable_layers": 1},
    "augmented": {"model__augmentation": {"flip": "horizontal", "shift": 0.1}},
}
TARGETS = {
    "indicator": Y,
    "one label": Y[:, :1],
    "classes": RNG.integers(0, 4, N),
    "two classes": np.array(["a", "b"])[Y[:, 0]],
}


@pytest.mark.parametrize(("targets", "way"), list(zip(TARGETS, cycle(WAYS), strict=False)))
def test_fit_and_predict(make, way, targets):
    y = TARGETS[targets]
    label_names = None if y.ndim == 2 else np.unique(y)
    clf = make(label_names=label_names, **WAYS[way]).fit(IMAGES, y)
    n_labels = y.shape[1] if y.ndim == 2 else len(label_names)
    assert clf.engine_.name == "shared"
    for n in (0, 1, N):
        assert clf.predict_proba(IMAGES[:n]).shape == (n, n_labels)
        assert clf.predict(IMAGES[:n]).shape == (n, *y.shape[1:])
    one_row = clone(clf).fit(IMAGES[:1], y[:1])
    assert one_row.predict_proba(IMAGES).shape == (N, n_labels)


@pytest.mark.thorough
def test_clones_and_copies_agree_bit_by_bit(make):
    clf = make(**WAYS["tuned"], **WAYS["augmented"], validation_split=0.2).fit(IMAGES, Y)
    expected = clf.predict_proba(IMAGES)
    clear_compile_cache()
    again = clone(clf).fit(IMAGES, Y)
    loaded = pickle.loads(pickle.dumps(clf))
    for other in (again, loaded, clf):
        np.testing.assert_array_equal(other.predict_proba(IMAGES), expected)
        other.partial_fit(IMAGES, Y)
    np.testing.assert_array_equal(loaded.predict_proba(IMAGES), clf.predict_proba(IMAGES))
    np.testing.assert_array_equal(again.predict_proba(IMAGES), clf.predict_proba(IMAGES))


def test_fits_share_traces(make):
    """One of the backbone, one of the training; predictions need no other."""
    clear_compile_cache()
    clf = make().fit(IMAGES, Y)
    clf.predict(IMAGES)
    clone(clf).set_params(random_state=1).fit(IMAGES[5:], Y[5:]).predict(IMAGES[:1])
    assert compile_cache_info().traces == 2
    clear_compile_cache()
    clf = make(model__trainable_layers=1).fit(IMAGES, Y)
    clone(clf).set_params(random_state=1).fit(IMAGES[5:], Y[5:])
    assert compile_cache_info().traces == 1


@pytest.mark.thorough
def test_no_head_is_made_anew_for_each_call(make):
    """Keras notes each new use of a layer on that layer."""
    clf = make().partial_fit(IMAGES, Y)
    nodes = len(clf.model_.get_layer("logits")._inbound_nodes)
    for _ in range(3):
        clf.partial_fit(IMAGES, Y).predict(IMAGES)
    assert len(clf.model_.get_layer("logits")._inbound_nodes) == nodes


def test_inference_mode():
    """Batch normalisation and dropout are off, gradients pass, and copies do the same."""
    network = build_backbone()
    layer = InferenceMode(network)
    images = IMAGES.astype(np.float32)
    expected = network(images, training=False)
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layer(inputs))
    np.testing.assert_allclose(model(images, training=True), expected, rtol=1e-5)
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    np.testing.assert_allclose(twin(images, training=True), expected, rtol=1e-5)
    assert len(model.trainable_variables) == 5


@pytest.mark.thorough
def test_a_backbone_keeps_the_scaling_of_its_inputs():
    """One of our networks, without its last layer, on pixels as it knew them."""
    X = IMAGES.astype(np.float32)
    first = KerasMultiLabelClassifier("cnn", model__filters=(4,), epochs=1, random_state=0)
    network = first.fit(X, Y).model_
    features = keras.Model(network.inputs[0], network.layers[-2].output)
    clf = KerasMultiLabelClassifier(
        "transfer",
        model__backbone=features,
        model__preprocessing="none",
        model__pixel_range=(0, 255),
        model__trainable_layers=1,
        epochs=1,
    )
    for layers in (0, 1):
        clf.set_params(model__trainable_layers=layers).fit(X[:20] / 2, Y[:20])
        scaler = clf.model_.get_layer("backbone").network.get_layer("scaler")
        np.testing.assert_array_equal(scaler.mean, network.get_layer("scaler").mean)


# Weights.


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    network = keras.applications.MobileNetV2(
        input_shape=(32, 32, 3), alpha=0.35, include_top=False, weights=None
    )
    path = tmp_path_factory.mktemp("weights") / "mobile.weights.h5"
    network.save_weights(path)
    return path


def mobile(**params):
    return KerasMultiLabelClassifier(
        "transfer",
        **{
            "random_state": 0,
            "epochs": 1,
            "model__image_size": 32,
            "model__backbone_options": {"alpha": 0.35},
            **params,
        },
    )


@pytest.mark.thorough
def test_weights_come_from_a_file(weights_file):
    network = transfer(META, weights=weights_file, backbone_options={"alpha": 0.35})
    other = keras.applications.MobileNetV2(
        input_shape=(32, 32, 3), alpha=0.35, include_top=False, weights=None
    )
    other.load_weights(weights_file)
    for found, expected in zip(weights_of(network), other.weights, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.thorough
def test_a_pickle_does_without_the_file(weights_file, tmp_path):
    path = tmp_path / "copy.weights.h5"
    path.write_bytes(weights_file.read_bytes())
    clf = mobile(model__weights=str(path)).fit(IMAGES, Y)
    expected = clf.predict_proba(IMAGES)
    data = pickle.dumps(clf)
    path.unlink()
    loaded = pickle.loads(data)
    np.testing.assert_array_equal(loaded.predict_proba(IMAGES), expected)
    loaded.partial_fit(IMAGES, Y)
    with pytest.raises(ValueError, match="there is no file"):
        loaded.fit(IMAGES, Y)


@pytest.mark.thorough
def test_random_weights_follow_from_the_seed():
    a, b, c = (mobile(random_state=seed).fit(IMAGES, Y) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a.predict_proba(IMAGES), b.predict_proba(IMAGES))
    assert not np.array_equal(weights_of(a.model_)[0], weights_of(c.model_)[0])


@pytest.mark.thorough
def test_weights_that_cannot_be_downloaded(monkeypatch):
    module = importlib.import_module(keras.applications.MobileNetV2.__module__)
    url = "https://example.org/models/mobilenet_no_top.h5"

    def get_file(*args, **kwargs):
        raise Exception(f"URL fetch failure on {url}: None -- [Errno -2] Name or service unknown")

    monkeypatch.setattr(module.file_utils, "get_file", get_file)
    message = rf"needs the file 'mobilenet_no_top.h5' for MobileNetV2.*Download {url} where"
    with pytest.raises(ValueError, match=message):
        mobile(model__weights="imagenet", model__image_size=96).fit(IMAGES, Y)

    def fail(*args, **kwargs):
        raise RuntimeError("another matter")

    monkeypatch.setattr(module.file_utils, "get_file", fail)
    with pytest.raises(RuntimeError, match="another matter"):
        transfer(META, weights="imagenet", image_size=96)


@pytest.mark.thorough
def test_weights_that_do_not_fit(weights_file, tmp_path):
    message = "does not fit the backbone.*include_top=False"
    with pytest.raises(ValueError, match=message):
        transfer(META, weights=weights_file)
    with pytest.raises(ValueError, match=message):
        transfer(META, weights=weights_file, backbone="MobileNet")
    for name in ("noise.weights.h5", "noise.txt"):
        (tmp_path / name).write_text("noise")
        with pytest.raises(ValueError, match=message):
            transfer(META, weights=tmp_path / name)


# Errors.


def two_inputs():
    a, b = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    return keras.Model([a, b], keras.layers.Add()([a, b]))


def two_outputs():
    image = keras.Input((32, 32, 3))
    return keras.Model(image, [keras.layers.Conv2D(2, 3)(image), keras.layers.Flatten()(image)])


def gray_backbone():
    return build_backbone(channels=1)


BAD = {
    "rank 2": ({"X_shape_": (5, 784)}, {}, r"model='transfer' takes images"),
    "channels": ({"X_shape_": (5, 32, 32, 4)}, {}, r"takes images of 3 channel.*X\[..., :3\]"),
    "two channels": ({"X_shape_": (5, 32, 32, 2)}, {}, "takes images of 3 channel"),
    "channels first": ({"X_shape_": (5, 3, 32, 32)}, {}, "channels come first"),
    "too small": ({"X_shape_": (5, 28, 28)}, {}, "28 x 28.*at least 32x32.*model__image_size"),
    "unknown": ({}, {"backbone": "MobilNetV2"}, "Did you mean 'MobileNetV2'"),
    "no name": ({}, {"backbone": 3}, "model__backbone must be.*got 3"),
    "module": ({}, {"backbone": "vgg16"}, "model__backbone must be the name"),
    "option": ({}, {"backbone_options": {"alfa": 1}}, "'alfa', which MobileNetV2 does not take"),
    "option's name": ({}, {"backbone_options": {1: 2}}, "has 1, which MobileNetV2 does not take"),
    "settled": ({}, {"backbone_options": {"weights": None}}, "must not have 'weights'"),
    "value": ({}, {"backbone_options": {"alpha": "a"}}, "cannot be built for images of 32 x 32"),
    "options": ({}, {"backbone_options": 0.35}, "model__backbone_options must be a dict"),
    "no file": ({}, {"weights": "missing.weights.h5"}, "there is no file 'missing.weights.h5'"),
    "weights": ({}, {"weights": 3}, "model__weights must be None, 'imagenet' or the path"),
    "size": ({}, {"image_size": 0}, "model__image_size must be None, an integer"),
    "sizes": ({}, {"image_size": (32, 32, 3)}, r"model__image_size.*got \(32, 32, 3\)"),
    "range": ({}, {"pixel_range": 255}, "model__pixel_range must be None or two numbers"),
    "equal": ({}, {"pixel_range": (1, 1)}, "two numbers that differ"),
    "mode": ({}, {"preprocessing": "tensorflow"}, "model__preprocessing must be one of 'tf'"),
    "layers": ({}, {"trainable_layers": 1.5}, "model__trainable_layers must be an integer"),
    "too many": ({}, {"trainable_layers": 999}, "model__trainable_layers must be at most"),
    "rate": ({}, {"backbone_rate": 0}, r"model__backbone_rate must be a finite number in \(0, 1\]"),
    "pooling": ({}, {"pooling": "avg"}, "model__pooling must be one of 'flatten', 'average'"),
    "model": ({}, {"backbone": build_backbone}, "model__preprocessing must say"),
    "inputs": ({}, {"backbone": two_inputs}, "must have one input of images"),
    "outputs": (
        {},
        {"backbone": two_outputs, "preprocessing": "tf"},
        "must have one output; got a .* with 2",
    ),
    "gray": (
        {"X_shape_": (5, 8, 8)},
        {"backbone": gray_backbone, "preprocessing": "torch"},
        r"take three colours; this one takes 1 channel\(s\). Take 'tf'",
    ),
    "its size": (
        {},
        {"backbone": build_backbone, "image_size": 9, "preprocessing": "tf"},
        r"model__image_size must be \(8, 8\)",
    ),
    "its options": (
        {},
        {"backbone": build_backbone, "backbone_options": {}, "preprocessing": "tf"},
        "model__backbone_options must be None for a Keras model",
    ),
}


@pytest.mark.parametrize(("meta", "params", "message"), BAD.values(), ids=BAD)
def test_bad_input(meta, params, message):
    if inspect.isfunction(params.get("backbone")):
        params = {**params, "backbone": params["backbone"]()}
    with pytest.raises(ValueError, match=message):
        transfer({**META, **meta}, **params)


# Real images.


def read_mnist(n_train, n_test):
    path, weights = real_file("mnist.npz"), real_file(f"weights/{MOBILE_WEIGHTS}")
    with np.load(path) as z:
        train = z["x_train"][:n_train], z["y_train"][:n_train]
        test = z["x_test"][:n_test], z["y_test"][:n_test]
    return str(weights), *train, *test


MOBILE_WEIGHTS = "mobilenet_v2_0.35_224_notop.weights.h5"


@pytest.mark.slow
def test_digits_by_the_features_of_a_network_for_photographs():
    weights, X, y, X_test, y_test = read_mnist(1000, 500)
    clf = mobile(model__weights=weights, model__image_size=96, epochs=40).fit(X, y)
    assert clf.engine_.name == "shared"
    assert (clf.predict(X_test) == y_test).mean() > 0.85


@pytest.mark.thorough
def test_a_copy_keeps_the_rate_of_the_backbone(make):
    clf = make(model__trainable_layers=1, model__backbone_rate=0.2).fit(IMAGES, Y)
    again = KerasMultiLabelClassifier(clf.model_, epochs=1, random_state=0).fit(IMAGES, Y)
    assert again.model_.get_layer("backbone").rate == 0.2


def test_validation_rows_must_have_the_same_pixels(make):
    with pytest.raises(ValueError, match=r"model__pixel_range"):
        make().fit(IMAGES / 255.0, Y, validation_data=(IMAGES, Y))


def test_rows_to_predict_must_have_the_same_pixels(make):
    clf = make().fit(IMAGES / 255.0, Y)
    assert clf.predict_proba(IMAGES[:0] / 255.0).shape == (0, Y.shape[1])
    for again in (clf, pickle.loads(pickle.dumps(clf))):
        with pytest.raises(ValueError, match=r"uint8 pixels from .* model__pixel_range=\(0, 1\)"):
            again.predict(IMAGES)


RESTLESS = {
    "dropout": lambda x: keras.layers.Dropout(0.5)(x),
    "augmentation": lambda x: Augmentation(flip="horizontal")(x),
    "moving statistics": lambda x: keras.layers.BatchNormalization(scale=False, center=False)(x),
    "nested": lambda x: keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Dropout(0.5)])(x),
}


@pytest.mark.parametrize("name", RESTLESS)
def test_what_changes_in_training_is_not_frozen(name):
    inputs = keras.Input((8, 8, 3))
    features = FrozenFeatures()(keras.layers.Flatten()(RESTLESS[name](inputs)))
    network = keras.Model(inputs, keras.layers.Dense(2)(features))
    with pytest.raises(ValueError, match=r"must be the same in each epoch.*InferenceMode"):
        split_at_features(network)


def test_moving_statistics_that_are_frozen_may_come_before_features():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.BatchNormalization(trainable=False)(inputs)
    features = FrozenFeatures()(keras.layers.Flatten()(x))
    assert split_at_features(keras.Model(inputs, keras.layers.Dense(2)(features))) is not None
