"""The convolutional network: shapes, parameters, laws, random changes of images."""

from itertools import cycle

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmultilabel_keras import (
    KerasMultiLabelClassifier,
    clear_compile_cache,
    compile_cache_info,
)
from skmultilabel_keras._heads import output_activation
from skmultilabel_keras._tensorflow.functions import NetworkFunctions
from skmultilabel_keras.networks import Augmentation, cnn

RNG = np.random.default_rng(0)
N = 40
Y = RNG.integers(0, 2, (N, 3))
# The labels show as bright quarters of otherwise noisy images.
IMAGES = RNG.integers(0, 100, (N, 8, 8, 3)).astype(np.uint8)
IMAGES[:, :4, :4] += 100 * Y[:, :1, None, None].astype(np.uint8)
IMAGES[:, :4, 4:] += 100 * Y[:, 1:2, None, None].astype(np.uint8)
IMAGES[:, 4:, :4] += 100 * Y[:, 2:, None, None].astype(np.uint8)


def classifier(**params):
    defaults = {"random_state": 0, "epochs": 2, "batch_size": 16}
    small = {"model__filters": (4,), "model__hidden_layer_sizes": (8,)}
    return KerasMultiLabelClassifier("cnn", **{**defaults, **small, **params})


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


# Shapes and parameters.


@pytest.mark.parametrize(
    "shape", [(8, 8), (28, 28), (8, 8, 1), (32, 32, 3), (48, 32, 3), (9, 31, 4)]
)
@pytest.mark.parametrize("pooling", ["flatten", "average", "max"])
def test_images_of_any_size_become_logits(shape, pooling):
    model = cnn({"X_shape_": (5, *shape), "n_units_": 2}, pooling=pooling)
    assert model.output_shape == (None, 2)
    assert model.input_shape == (None, *shape)
    assert output_activation(model) == "linear"
    assert not model.compiled


@pytest.mark.parametrize(
    ("side", "filters"),
    [
        (2, [32]),
        (8, [32]),
        (16, [32, 64]),
        (28, [32, 64]),
        (32, [32, 64, 128]),
        (128, [32, 64, 128, 256, 256]),
        (224, [32, 64, 128, 256, 256]),
    ],
)
def test_blocks_follow_from_the_size(side, filters):
    model = cnn({"X_shape_": (5, side, side + 3), "n_units_": 2})
    found = [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert found == filters


def test_parameters():
    meta = {"X_shape_": (5, 32, 32, 3), "n_units_": 10}
    # Two convolutions, pooling of three pixels, no dense layer but the last.
    model = cnn(meta, filters=[(32, 64)], pool_size=3, hidden_layer_sizes=(), standardize=False)
    assert kinds(model) == ["InputLayer", "Conv2D", "Conv2D", "MaxPooling2D", "Flatten", "Dense"]
    assert model.layers[-2].output.shape == (None, 10 * 10 * 64)
    model = cnn(
        meta,
        filters=np.array([4]),
        kernel_size=np.int64(5),
        pool_size=1,
        batch_normalization=True,
        pooling="average",
        hidden_layer_sizes=[6],
        activation="selu",
        dropout=0.2,
        augmentation={"flip": "both"},
    )
    assert kinds(model) == [
        "InputLayer",
        "FeatureScaler",
        "Augmentation",
        "Conv2D",
        "BatchNormalization",
        "Activation",
        "GlobalAveragePooling2D",
        "Dropout",
        "Dense",
        "Dropout",
        "Dense",
    ]
    assert model.layers[3].kernel_size == (5, 5)
    assert not model.layers[3].use_bias
    assert model.layers[5].activation is model.layers[8].activation is keras.activations.selu


BAD = {
    "rank 2": ({"X_shape_": (5, 784)}, {}, r"takes images.*got shape \(5, 784\).*reshape"),
    "rank 5": ({"X_shape_": (5, 4, 8, 8, 3)}, {}, r"takes images.*got shape \(5, 4, 8, 8, 3\)"),
    "sparse": (
        {"X_shape_": (5, 784), "X_sparse_": True},
        {},
        r"X.toarray\(\).reshape\(-1, 28, 28\)",
    ),
    "channels first": ({"X_shape_": (5, 3, 32, 32)}, {}, r"channels come first.*moveaxis"),
    "too small": ({}, {"filters": (4, 4, 4, 4)}, "8 x 8 pixels.*4 block.*need at least 16 x 16"),
    "one pixel": ({"X_shape_": (5, 1, 1)}, {}, "at least 2 x 2. Lower model__pool_size"),
    "pooled away": ({}, {"filters": (4,), "pool_size": 9}, "model__pool_size=9"),
    "no filters": ({}, {"filters": ()}, r"model__filters must be.*got \(\)"),
    "filters": ({}, {"filters": (4, 0)}, r"model__filters must be.*got \(4, 0\)"),
    "filters in block": ({}, {"filters": [(4, "a")]}, "model__filters must be"),
    "number": ({}, {"filters": 32}, "model__filters must be.*got 32"),
    "kernel": ({}, {"kernel_size": 0}, "model__kernel_size must be an integer of at least 1"),
    "pool": ({}, {"pool_size": 1.5}, "model__pool_size must be an integer.*got 1.5"),
    "pooling": ({}, {"pooling": "avg"}, "model__pooling must be one of 'flatten', 'average'"),
    "flag": ({}, {"batch_normalization": 1}, "model__batch_normalization must be True or False"),
    "hidden": ({}, {"hidden_layer_sizes": 3}, "model__hidden_layer_sizes must be"),
    "dropout": ({}, {"dropout": 1}, "model__dropout must be"),
    "activation": ({}, {"activation": "rel"}, "model__activation must be"),
    "augmentation": ({}, {"augmentation": "flip"}, "model__augmentation must be None or a dict"),
    "entry": ({}, {"augmentation": {"flips": 1}}, "no entry 'flips'. Did you mean 'flip'"),
    "flip": ({}, {"augmentation": {"flip": "left"}}, "model__augmentation: flip must be"),
    "negative": ({}, {"augmentation": {"shift": -1}}, r"shift must be a finite number in \[0, 1\]"),
    "large": (
        {},
        {"augmentation": {"zoom": 1}},
        r"zoom must be a .*\[0, 0.99\]; got 1",
    ),
    "nan": ({}, {"augmentation": {"brightness": np.nan}}, "brightness must be a finite number"),
    "inf": ({}, {"augmentation": {"brightness": np.inf}}, "brightness must be a finite number"),
}


@pytest.mark.parametrize(("meta", "params", "message"), BAD.values(), ids=BAD)
def test_bad_input(meta, params, message):
    with pytest.raises(ValueError, match=message):
        cnn({"X_shape_": (5, 8, 8, 3), "n_units_": 2, **meta}, **params)


def test_images_with_more_channels_than_pixels_along_a_side():
    assert cnn({"X_shape_": (9, 5, 5, 200), "n_units_": 2}).output_shape == (None, 2)


def test_an_empty_augmentation_is_none():
    names = [
        type(layer).__name__
        for layer in cnn({"X_shape_": (5, 8, 8, 3), "n_units_": 2}, augmentation={}).layers
    ]
    assert "Augmentation" not in names


@pytest.mark.thorough
def test_an_error_leaves_the_estimator_as_it_was():
    clf = classifier().fit(IMAGES, Y)
    before = clf.predict_proba(IMAGES)
    with pytest.raises(ValueError, match="takes images"):
        clf.fit(IMAGES.reshape(N, -1), Y)
    np.testing.assert_array_equal(clf.predict_proba(IMAGES), before)


# Laws.

TARGETS = {
    "indicator": Y,
    "one label": Y[:, :1],
    "classes": RNG.integers(0, 4, N),
    "two classes": np.array(["a", "b"])[Y[:, 0]],
}
NETWORKS = {
    "plain": {},
    "normalised": {"model__batch_normalization": True, "model__dropout": 0.2},
    "augmented": {
        "model__augmentation": {"flip": "both", "shift": 0.1, "rotation": 10, "contrast": 0.1}
    },
}


@pytest.mark.parametrize(("targets", "network"), list(zip(TARGETS, cycle(NETWORKS), strict=False)))
def test_fit_and_predict(network, targets):
    y = TARGETS[targets]
    label_names = None if y.ndim == 2 else np.unique(y)
    clf = classifier(label_names=label_names, **NETWORKS[network]).fit(IMAGES, y)
    n_labels = y.shape[1] if y.ndim == 2 else len(label_names)
    assert clf.engine_.name == "shared"
    for n in (0, 1, N):
        assert clf.predict_proba(IMAGES[:n]).shape == (n, n_labels)
        assert clf.predict(IMAGES[:n]).shape == (n, *y.shape[1:])
    np.testing.assert_allclose(
        clf.decision_function(IMAGES).reshape(N, -1),
        clf.model_.predict(IMAGES.astype(np.float32), verbose=0),
        atol=1e-5,
    )
    one_row = clone(clf).fit(IMAGES[:1], y[:1])
    assert one_row.predict_proba(IMAGES).shape == (N, n_labels)


@pytest.mark.thorough
@pytest.mark.parametrize("network", ["normalised", "augmented"])
def test_the_engine_trains_as_keras_does(network):
    clf = classifier(**NETWORKS[network]).fit(IMAGES, Y)
    keras_fit = clone(clf).set_params(engine="keras").fit(IMAGES, Y)
    np.testing.assert_allclose(
        clf.predict_proba(IMAGES), keras_fit.predict_proba(IMAGES), atol=1e-4
    )


def test_integers_are_as_good_as_floats():
    expected = classifier().fit(IMAGES, Y).predict_proba(IMAGES)
    for dtype in ("float64", "uint16"):
        X = IMAGES.astype(dtype)
        np.testing.assert_array_equal(classifier().fit(X, Y).predict_proba(X), expected)
    X = IMAGES / 255
    np.testing.assert_allclose(classifier().fit(X, Y).predict_proba(X), expected, atol=1e-4)


@pytest.mark.thorough
def test_gray_images_with_and_without_channel_are_the_same():
    X = IMAGES[..., 0]
    plain = classifier().fit(X, Y)
    channel = classifier().fit(X[..., None], Y)
    np.testing.assert_array_equal(plain.predict_proba(X), channel.predict_proba(X[..., None]))


def test_fits_share_one_trace():
    """Whatever the number of rows, the rate of dropout, the learning rate."""
    clear_compile_cache()
    clf = classifier(model__dropout=0.2, model__augmentation={"flip": "both"})
    clf.fit(IMAGES, Y)
    clone(clf).set_params(model__dropout=0.4).fit(IMAGES[5:], Y[5:])
    clone(clf).set_params(optimizer__learning_rate=0.01, random_state=1).fit(IMAGES[9:], Y[9:])
    assert compile_cache_info().traces == 1
    clf.predict(IMAGES)
    assert compile_cache_info().traces == 2


@pytest.mark.thorough
def test_grid_search():
    grid = {
        "model__filters": [(4,), [(3, 4)]],
        "model__augmentation": [{"flip": "horizontal"}],
        "model__pooling": ["max"],
    }
    search = GridSearchCV(classifier(epochs=1), grid, cv=2, scoring="f1_micro").fit(IMAGES, Y)
    assert set(search.best_params_) == set(grid)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.thorough
def test_it_learns():
    clf = classifier(epochs=60, optimizer__learning_rate=0.01).fit(IMAGES[:30], Y[:30])
    assert (clf.predict(IMAGES[30:]) == Y[30:]).mean() > 0.9


@pytest.mark.thorough
def test_saved_models_predict_the_same(tmp_path):
    clf = classifier(**NETWORKS["augmented"]).fit(IMAGES, Y)
    clf.model_.save(tmp_path / "cnn.keras")
    loaded = keras.models.load_model(tmp_path / "cnn.keras")
    X = IMAGES.astype(np.float32)
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), clf.model_.predict(X, verbose=0))


def test_predictions_take_bounded_memory():
    """Not the rows' own size counts, but what the widest layer makes of a row."""
    network = cnn({"X_shape_": (5, 28, 28), "n_units_": 2}, filters=(256,))
    functions = NetworkFunctions(network)
    length = functions.batch_length(np.broadcast_to(np.float32(0), (100_000, 28, 28)))
    assert 1 <= length * 28 * 28 * 256 <= 2**24
    dense = NetworkFunctions(keras.Sequential([keras.Input((9,)), keras.layers.Dense(3)]))
    assert dense.batch_length(np.broadcast_to(np.float32(0), (100_000, 9))) == 4096


# Random changes of images.

PICTURES = RNG.normal(size=(50, 9, 12, 3)).astype(np.float32)
EVERYTHING = {
    "flip": "both",
    "shift": 0.2,
    "rotation": 20,
    "zoom": 0.2,
    "brightness": 0.3,
    "contrast": 0.3,
    "saturation": 0.3,
}


def augmented(images=PICTURES, **params):
    return np.asarray(Augmentation(**{"seed": 0, **params})(images, training=True))


@pytest.mark.parametrize("training", [False, None])
def test_augmentation_is_off_at_prediction(training):
    layer = Augmentation(**EVERYTHING)
    np.testing.assert_array_equal(layer(PICTURES, training=training), PICTURES)


def test_no_change_is_the_identity():
    np.testing.assert_array_equal(augmented(), PICTURES)


@pytest.mark.parametrize(
    ("flip", "axes"), [("horizontal", [(2,)]), ("vertical", [(1,)]), ("both", [(1,), (2,), (1, 2)])]
)
def test_flips_are_exact_and_as_frequent(flip, axes):
    images = np.tile(PICTURES, (20, 1, 1, 1))
    found = augmented(images, flip=flip)
    views = [images, *(np.flip(images, axis) for axis in axes)]
    same = np.stack([(found == view).all(axis=(1, 2, 3)) for view in views])
    assert (same.sum(axis=0) == 1).all()
    assert stats.chisquare(same.sum(axis=1)).pvalue > 1e-3


def blob(x, y, *, height=41, width=31, size=3.0):
    rows, columns = np.mgrid[:height, :width]
    image = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * size**2))
    return np.tile(image[None, ..., None], (400, 1, 1, 1)).astype(np.float32)


def centres(images):
    """Return the centre of mass of each image relative to its middle, as x and y."""
    rows, columns = np.mgrid[: images.shape[1], : images.shape[2]]
    mass = images[..., 0] / images[..., 0].sum(axis=(1, 2), keepdims=True)
    x = (mass * columns).sum(axis=(1, 2)) - (images.shape[2] - 1) / 2
    y = (mass * rows).sum(axis=(1, 2)) - (images.shape[1] - 1) / 2
    return np.stack([x, y])


def is_uniform(values, low, high):
    return stats.kstest(values, "uniform", args=(low, high - low)).pvalue > 1e-3


def test_shifts_are_uniform_within_their_bounds():
    x, y = centres(augmented(blob(15, 20), shift=0.1))
    assert is_uniform(x, -3.1, 3.1)
    assert is_uniform(y, -4.1, 4.1)
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.2


def test_rotations_turn_about_the_middle():
    x, y = centres(augmented(blob(21, 20, size=2), rotation=30))
    np.testing.assert_allclose(np.hypot(x, y), 6, atol=0.1)
    assert is_uniform(np.degrees(np.arctan2(y, x)), -30, 30)


def test_zoom_changes_the_distance_from_the_middle():
    x, y = centres(augmented(blob(21, 20), zoom=0.2))
    np.testing.assert_allclose(y, 0, atol=0.05)
    assert is_uniform(x / 6, 0.8, 1.2)


def test_pixels_beyond_the_edge_are_those_of_the_edge():
    flat = np.ones((20, 8, 8, 1), np.float32)
    np.testing.assert_array_equal(augmented(flat, shift=0.5, rotation=90, zoom=0.5), flat)


def test_colours_change_as_they_say():
    images = np.tile(PICTURES, (8, 1, 1, 1))
    mean, spread = images.mean(axis=(1, 2, 3)), images.std(axis=(1, 2, 3))

    found = augmented(images, brightness=0.5)
    shift = (found - images).mean(axis=(1, 2, 3)) / spread
    assert is_uniform(shift, -0.5, 0.5)
    np.testing.assert_allclose(found.std(axis=(1, 2, 3)), spread, rtol=1e-4)

    found = augmented(images, contrast=0.5)
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), mean, atol=1e-5)
    assert is_uniform(found.std(axis=(1, 2, 3)) / spread, 0.5, 1.5)

    found = augmented(images, saturation=0.5)
    np.testing.assert_allclose(found.mean(axis=3), images.mean(axis=3), atol=1e-5)
    assert is_uniform((found.std(axis=3) / images.std(axis=3)).mean(axis=(1, 2)), 0.5, 1.5)
    gray = images[..., :1]
    np.testing.assert_array_equal(augmented(gray, saturation=0.5), gray)


def test_colours_do_not_depend_on_the_unit():
    units = augmented(PICTURES * 255 + 100, **EVERYTHING)
    np.testing.assert_allclose(units, augmented(PICTURES, **EVERYTHING) * 255 + 100, atol=0.05)


def test_random_numbers_repeat_with_their_seed():
    layers = [Augmentation(**EVERYTHING, seed=seed) for seed in (1, 1, 2)]
    first, again, other = (np.asarray(layer(PICTURES, training=True)) for layer in layers)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert not np.allclose(first, layers[0](PICTURES, training=True))
    # Images behind others do not change them.
    np.testing.assert_array_equal(augmented(PICTURES[:7], **EVERYTHING, seed=1), first[:7])
    assert len(np.unique(augmented(blob(15, 20)[:50], shift=0.2), axis=0)) == 50


def test_compiled_equals_eager():
    layer = Augmentation(**EVERYTHING, seed=3)
    compiled = tf.function(
        lambda x: layer(x, training=True), input_signature=[tf.TensorSpec((None, 9, 12, 3))]
    )
    found = [compiled(PICTURES), compiled(PICTURES)]
    eager = Augmentation(**EVERYTHING, seed=3)
    for images in found:
        np.testing.assert_allclose(images, eager(PICTURES, training=True), atol=1e-5)


def test_augmentation_survives_copies(tmp_path):
    inputs = keras.Input((9, 12, 3))
    model = keras.Model(inputs, Augmentation(**EVERYTHING, seed=4)(inputs))
    model.save(tmp_path / "model.keras")
    expected = model(PICTURES, training=True)
    for again in (
        keras.models.clone_model(model),
        keras.models.load_model(tmp_path / "model.keras"),
    ):
        np.testing.assert_array_equal(again(PICTURES, training=True), expected)


def test_integer_images_become_floats():
    found = augmented(IMAGES, flip="horizontal")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.sum(axis=2), IMAGES.astype(np.float32).sum(axis=2))
