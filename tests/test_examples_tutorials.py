"""The examples of the founding tutorials run, in a small size, and say what is right."""

import re
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest
from resources import real_file

from skmultilabel_keras import KerasMultiLabelClassifier

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def load_example(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return import_module


@pytest.fixture
def needs_data():
    """Skip the test where there is no MNIST."""
    real_file("mnist.npz")


# Shapes.


def test_each_shape_has_its_area(load_example):
    """In units of the squared radius, from the formulas of plane geometry."""
    areas = {
        "circle": np.pi,
        "square": 1.8**2,
        "triangle": 2,
        "ring": 0.6 * np.pi,
        "cross": 2 * 2 * 0.6 - 0.6**2,
        "diamond": 2,
    }
    u, v = np.meshgrid(*[np.linspace(-1, 1, 801)] * 2)
    shapes = load_example("multilabel_shapes").SHAPES
    found = {name: 4 * is_inside(u, v).mean() for name, is_inside in shapes.items()}
    assert found == pytest.approx(areas, rel=0.01)


@pytest.mark.parametrize("n_classes", [3, 6])
def test_pictures_show_as_many_objects_as_labels(load_example, n_classes):
    draw = load_example("multilabel_shapes").draw_shapes
    images, y, names = draw(40, n_classes, side=64)

    assert images.shape == (40, 64, 64, 3)
    assert images.dtype == np.uint8
    assert len(names) == y.shape[1] == n_classes
    assert set(y.sum(axis=1)) == {1, 2}
    assert y.any(axis=0).all()
    # Of an object one channel is at least 191, of the background none: 99 + 63 at most.
    bright = (images.max(axis=-1) >= 191).reshape(40, 2, 32, 2, 32).any(axis=(2, 4))
    assert np.array_equal(bright.sum(axis=(1, 2)), y.sum(axis=1))
    assert np.array_equal(draw(40, n_classes, side=64)[0], images)
    assert not np.array_equal(draw(40, n_classes, side=64, seed=1)[1], y)


def test_outputs_mean_labels_two_and_three(load_example, capsys):
    example = load_example("multilabel_shapes")
    X, y, names = example.draw_shapes(4, 3, side=16)
    probabilities = np.array([0.1, 0.8, 0.99])
    outputs = keras.layers.Dense(3, activation="sigmoid", kernel_initializer="zeros")
    network = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), outputs])
    outputs.bias.assign(np.log(probabilities / (1 - probabilities)))
    clf = KerasMultiLabelClassifier(network, label_names=names).initialize(X, y)

    np.testing.assert_allclose(clf.predict_proba(X[:1]), [probabilities], atol=1e-6)
    assert clf.predict(X[:1]).tolist() == [[0, 1, 1]]
    assert clf.predict_labels(X[:1]) == [["square", "triangle"]]
    example.show_outputs(clf, X[:1], y[:1])
    assert "[0.10 0.80 0.99] -> square, triangle" in capsys.readouterr().out


@pytest.mark.slow
def test_multilabel_shapes(load_example, capsys):
    load_example("multilabel_shapes").main(n_train=40, n_test=20, epochs=1, side=64)
    output = capsys.readouterr().out
    assert re.findall(r"^(\d) classes: 40 training pictures", output, re.MULTILINE) == ["3", "6"]
    assert len(re.findall(r"^f1_micro +[01]\.\d{4}$", output, re.MULTILINE)) == 2
    assert len(re.findall(r"^\[\d\.\d\d \d\.\d\d \d\.\d\d\] -> ", output, re.MULTILINE)) == 5


# Digits in scenes.


def test_scenes_are_colour_pictures(load_example):
    X, y = load_example("multilabel_images").make_scenes(50, "train")
    assert X.shape == (50, 32, 32, 3)
    assert X.dtype == np.float32
    assert X.min() >= 0
    assert X.max() <= 1
    assert set(y.sum(axis=1)) <= {1, 2, 3, 4}
    assert (X.std(axis=(1, 2)) > 0).all()


@pytest.mark.slow
def test_multilabel_images(load_example, capsys):
    load_example("multilabel_images").main(n_train=100, n_test=50, epochs=2)
    output = capsys.readouterr().out
    assert len(re.findall(r"^ {4}[12]( {8}\d\.\d{4}){4}$", output, re.MULTILINE)) == 2
    labels = re.findall(r"^ {4}(\d)( {5}[01]\.\d{4}){4}$", output, re.MULTILINE)
    assert [label for label, _ in labels] == list("0123456789")
    for name in ("f1_micro", "hamming_loss", "subset_accuracy"):
        assert re.search(rf"^{name} +[01]\.\d{{4}}$", output, re.MULTILINE)


# MNIST.


@pytest.mark.parametrize("folder", [None, "here"])
def test_without_mnist_the_way_out_is_told(load_example, monkeypatch, tmp_path, folder):
    monkeypatch.delenv("SKMLK_DATA", raising=False)
    if folder is not None:
        monkeypatch.setenv("SKMLK_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match=r"Set SKMLK_DATA to a folder that holds mnist\.npz"):
        load_example("mnist_multiclass").main()


@pytest.mark.slow
@pytest.mark.usefixtures("needs_data")
def test_mnist_multiclass(load_example, capsys):
    load_example("mnist_multiclass").main(n_train=3000, n_test=500, epochs=3)
    lines = capsys.readouterr().out.splitlines()[1:]
    found = [re.split(r" {2,}", line.strip()) for line in lines]
    assert [row[0] for row in found] == ["integers", "one-hot"]
    for row in found:
        assert float(row[3]) > 0.85
        assert float(row[4]) == pytest.approx(1, abs=1e-3)


# Transfer.


def test_images_become_colour_pictures(load_example):
    images = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    colour = load_example("mnist_transfer").as_colour(images)
    assert colour.shape == (2, 32, 32, 3)
    assert colour.dtype == np.uint8
    assert (colour[:, 2:-2, 2:-2] == images[..., np.newaxis]).all()
    assert colour.sum(dtype=int) == 3 * images.sum(dtype=int)


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_the_head_is_seeded_and_all_else_is_frozen(load_example, activation):
    example = load_example("mnist_transfer")
    meta = {"X_shape_": (1, 32, 32, 3), "n_units_": 10}
    options = {**example.BACKBONES["MobileNetV2"], "image_size": 32}
    network = example.build_on_backbone(meta, "MobileNetV2", activation=activation, **options)
    kernel, bias = network.trainable_variables
    expected = keras.initializers.GlorotUniform(seed=42)(kernel.shape)
    assert np.array_equal(kernel, expected)
    assert not np.any(bias)
    assert network.output_shape == (None, 10)


@pytest.fixture
def vgg_weights(tmp_path):
    """Return a file with weights of VGG16, not trained on anything."""
    path = tmp_path / "vgg16_notop.weights.h5"
    keras.applications.VGG16(weights=None, include_top=False).save_weights(path)
    return path


def run_transfer(example, capsys, backbone, weights, n_train):
    """Return the first line of the output, and the test accuracies."""
    example.main(backbone, weights, n_train=n_train, n_test=n_train // 4, epochs=(6, 4))
    first, *_, integers, one_hot = capsys.readouterr().out.splitlines()
    for line, name, epochs in ((integers, "integers, logits", 6), (one_hot, "one-hot, softmax", 4)):
        assert line.startswith(f"{name}  {epochs:6}  ")
    return first, float(integers.split()[-1]), float(one_hot.split()[-1])


@pytest.mark.slow
@pytest.mark.usefixtures("needs_data")
def test_mnist_transfer(load_example, capsys, monkeypatch):
    example = load_example("mnist_transfer")
    monkeypatch.setitem(example.BACKBONES["MobileNetV2"], "image_size", 64)
    first, *accuracies = run_transfer(example, capsys, "MobileNetV2", None, n_train=600)
    assert first == "MobileNetV2, weights: mobilenet_v2_0.35_224_notop.weights.h5"
    assert min(accuracies) > 0.7


@pytest.mark.slow
@pytest.mark.usefixtures("needs_data")
def test_mnist_transfer_from_a_file_or_at_random(load_example, capsys, vgg_weights):
    example = load_example("mnist_transfer")
    first, *_ = run_transfer(example, capsys, "VGG16", None, n_train=24)
    assert first == "VGG16, weights: random"
    first, *_ = run_transfer(example, capsys, "VGG16", vgg_weights, n_train=24)
    assert first == f"VGG16, weights: {vgg_weights.name}"


# The cheat table.


def test_every_combination_is_there_and_has_a_reason(load_example):
    example = load_example("cheat_table")
    combinations = list(example.all_combinations())
    assert len(set(combinations)) == 36
    fitting = [c for c in combinations if example.explain(c) == "all fit"]
    assert [(c.encoding, c.activation, c.loss, c.from_logits) for c in fitting] == [
        ("integers", None, "sparse_categorical_crossentropy", True),
        ("integers", "softmax", "sparse_categorical_crossentropy", False),
        ("one-hot", None, "categorical_crossentropy", True),
        ("one-hot", "softmax", "categorical_crossentropy", False),
    ]


FIGURES = {"accuracy": 0.97, "reported": 0.97, "sum_error": 0.0, "loss": 0.1, "own_loss": 0.1}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "trains"),
        ({"loss": np.nan, "own_loss": np.nan}, "trains"),  # not measured
        ({"warned": True}, "warns"),
        ({"sum_error": 0.1}, "misleads"),
        ({"loss": 0.03}, "misleads"),
        ({"reported": 0.99, "accuracy": 0.95}, "misleads"),
        ({"sum_error": 0.1, "warned": True}, "misleads"),
        ({"accuracy": 0.5}, "fails"),
        ({"accuracy": np.nan}, "fails"),
        ({"error": "no"}, "error"),
    ],
)
def test_verdicts(load_example, changed, expected):
    example = load_example("cheat_table")
    assert example.verdict(example.Outcome(**{**FIGURES, **changed})) == expected


def test_the_page_in_docs_is_that_of_the_example(load_example):
    """All but the figures and the versions."""
    example = load_example("cheat_table")
    page = (EXAMPLES.parent / "docs" / "cheat_table.md").read_text(encoding="utf-8")
    written = example.write_page({}, epochs=30, n_rows=1797).splitlines()
    prose = [line for line in written if not re.search(r"Keras \d|TensorFlow \d", line)]
    assert set(prose) <= set(page.splitlines())
    for c in example.all_combinations():
        assert f"| {' | '.join(example.names(c))} | " in page
        assert f" | {example.explain(c)} |\n" in page


@pytest.mark.slow
def test_cheat_table(load_example, tmp_path, capsys):
    """A few combinations: one that trains in both, one of each that does not."""
    example = load_example("cheat_table")
    sparse, categorical, binary = reversed(example.LOSSES)
    expected = {
        ("integers", "softmax", sparse, False): ("trains", "trains"),
        ("integers", None, categorical, True): ("trains", "error"),
        ("one-hot", "softmax", categorical, True): ("error", "warns"),
        ("one-hot", "sigmoid", categorical, False): ("error", "misleads"),
        ("one-hot", "softmax", binary, False): ("error", "misleads"),
        ("one-hot", None, categorical, False): ("error", "fails"),
        ("one-hot", None, sparse, True): ("error", "error"),
    }
    combinations = [example.Combination(*values) for values in expected]
    path = tmp_path / "page.md"
    results = example.main(path, epochs=10, combinations=combinations)

    assert [tuple(map(example.verdict, results[c])) for c in combinations] == list(
        expected.values()
    )
    page = path.read_text()
    assert str(path) in capsys.readouterr().out
    assert "| softmax | sparse_categorical | False | trains, 0.9" in page
    assert page.count("| error | error |") == 1
    assert "- The network ends in 'softmax', so its outputs are probabilities, but" in page
