"""Which shapes does a picture show? A convolutional network for one or two objects per image.

Each picture of 128 x 128 pixels in colour shows one or two shapes, of random size, place and
colour, on a noisy background; the labels say which shapes, whatever their colour. The network
ends in sigmoids: each output is the probability of one label and owes nothing to the others, so
that ``[0.1, 0.8, 0.99]`` means the second and the third label.

``python examples/multilabel_shapes.py`` does it with three classes and with six, on drawn
pictures: nothing is downloaded.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # fewer messages from TensorFlow

import keras
import numpy as np

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras.metrics import multilabel_report

# Where a shape is, in coordinates whose origin is its centre and whose unit is its radius.
SHAPES = {
    "circle": lambda u, v: u**2 + v**2 <= 1,
    "square": lambda u, v: np.maximum(abs(u), abs(v)) <= 0.9,
    "triangle": lambda u, v: (2 * abs(u) <= v + 1) & (v <= 1),
    "ring": lambda u, v: abs(u**2 + v**2 - 0.7) <= 0.3,
    "cross": lambda u, v: (np.minimum(abs(u), abs(v)) <= 0.3) & (np.maximum(abs(u), abs(v)) <= 1),
    "diamond": lambda u, v: abs(u) + abs(v) <= 1,
}
SCORES = ("subset_accuracy", "hamming_loss", "precision_micro", "recall_micro", "f1_micro")


def main(n_classes=(3, 6), n_train=2000, n_test=500, epochs=10, side=128, n_shown=5):
    """Train with each number of classes, score on other pictures, show a few outputs."""
    for number in n_classes:
        X, y, names = draw_shapes(n_train, number, side=side, seed=0)
        X_test, y_test, _ = draw_shapes(n_test, number, side=side, seed=1)
        clf = KerasMultiLabelClassifier(
            build_cnn,
            label_names=names,
            epochs=epochs,
            batch_size=32,
            optimizer__learning_rate=2e-3,
            random_state=0,
        ).fit(X, y)
        print(f"{number} classes: {n_train} training pictures, {n_test} others to test on\n")
        overall = multilabel_report(y_test, clf.predict(X_test)).overall
        print("\n".join(f"{name:16} {overall[name]:.4f}" for name in SCORES))
        print()
        show_outputs(clf, X_test[:n_shown], y_test[:n_shown])
        print()


def build_cnn(meta, filters=(16, 32, 64, 64)):
    """Halve the picture with each convolution; a maximum finds a shape wherever it is."""
    inputs = keras.Input(meta["X_shape_"][1:])
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(filters[0], 5, strides=2, padding="same", activation="relu")(x)
    for n in filters[1:]:
        x = keras.layers.MaxPooling2D()(x)
        x = keras.layers.Conv2D(n, 3, padding="same", activation="relu")(x)
    x = keras.layers.GlobalMaxPooling2D()(x)
    x = keras.layers.Dense(64, activation="relu")(x)
    return keras.Model(inputs, keras.layers.Dense(meta["n_units_"], activation="sigmoid")(x))


def show_outputs(clf, X, y):
    """Print probabilities beside the labels that they mean and the true ones."""
    print("outputs ->", ", ".join(clf.label_names_))
    for outputs, labels, truth in zip(
        clf.predict_proba(X), clf.predict_labels(X), y.astype(bool), strict=True
    ):
        print(
            f"[{' '.join(f'{p:.2f}' for p in outputs)}] -> {', '.join(labels) or 'none'}"
            f"   (true: {', '.join(clf.label_names_[truth])})"
        )


def draw_shapes(n_images, n_classes, *, side=128, seed=0):
    """Return images (n, side, side, 3) in uint8, their indicator (n, n_classes) and the names."""
    rng = np.random.default_rng(seed)
    image, kind, cell = draw_objects(rng, n_images, n_classes)
    images = np.broadcast_to(
        rng.integers(20, 100, (n_images, 1, 1, 3), dtype=np.uint8), (n_images, side, side, 3)
    ).copy()

    # A view of the pictures as two by two cells of which each holds one object at most.
    half = side // 2
    cells = images.reshape(n_images, 2, half, 2, half, 3).swapaxes(2, 3)
    place = (image, *np.divmod(cell, 2))
    colour = rng.integers(60, 192, (len(image), 1, 1, 3), dtype=np.uint8)
    colour[np.arange(len(image)), 0, 0, rng.integers(3, size=len(image))] = 191  # one is bright
    mask = draw_masks(rng, kind, half)[..., np.newaxis]
    cells[place] = np.where(mask, colour, cells[place])
    images += rng.integers(0, 64, images.shape, dtype=np.uint8)

    y = np.zeros((n_images, n_classes), dtype=int)
    y[image, kind] = 1
    return images, y, list(SHAPES)[:n_classes]


def draw_objects(rng, n_images, n_classes):
    """Return image, kind and cell of each object: one or two in an image, of different kinds."""
    n_objects = rng.integers(1, 3, n_images)
    image, number = np.nonzero(np.arange(2) < n_objects[:, np.newaxis])
    kinds, cells = (
        rng.permuted(np.tile(np.arange(n), (n_images, 1)), axis=1) for n in (n_classes, 4)
    )
    return image, kinds[image, number], cells[image, number]


def draw_masks(rng, kind, size):
    """Return where each object is in its cell, boolean of shape (n_objects, size, size)."""
    radius = rng.uniform(0.22 * size, 0.4 * size, len(kind))
    centre = rng.uniform(radius, size - radius, (2, len(kind)))
    v, u = (np.arange(size) + 0.5 - centre[..., np.newaxis]) / radius[:, np.newaxis]
    u, v = u[:, np.newaxis, :], v[:, :, np.newaxis]
    masks = np.empty((len(kind), size, size), dtype=bool)
    for number, is_inside in enumerate(SHAPES.values()):
        mine = kind == number
        masks[mine] = is_inside(u[mine], v[mine])
    return masks


if __name__ == "__main__":
    main()
