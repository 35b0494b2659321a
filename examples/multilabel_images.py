"""Which digits does a picture show? The functional network of Keras' tutorials, ten labels.

Pictures of 32 x 32 pixels in colour show one to four handwritten digits in any place; the labels
say which. Two convolutions, one pooling and a layer of ten sigmoids are trained by binary
cross-entropy, and judged on pictures of other digits: accuracy, precision, recall and F1 for each
label and over all of them, and the Hamming loss.

``python examples/multilabel_images.py`` takes its digits from scikit-learn: nothing is downloaded.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # fewer messages from TensorFlow

import keras
import numpy as np

from skmultilabel_keras import KerasMultiLabelClassifier, load_digit_scenes
from skmultilabel_keras.metrics import multilabel_report


def main(n_train=5000, n_test=1000, epochs=10):
    """Train on coloured scenes, report on scenes of digits that no training scene shows."""
    X, y = make_scenes(n_train, "train")
    X_test, y_test = make_scenes(n_test, "test")
    clf = KerasMultiLabelClassifier(
        build_network,
        optimizer="adam",
        loss="binary_crossentropy",
        metrics=["accuracy"],
        batch_size=64,
        epochs=epochs,
        random_state=0,
    ).fit(X, y, validation_data=(X_test, y_test))
    print_history(clf.history_)

    predicted = clf.predict(X_test)
    report = multilabel_report(y_test, predicted, clf.predict_proba(X_test))
    print(f"\n{n_test} test scenes\n")
    print_labels(report, (predicted == y_test).mean(axis=0))
    print_overall(report, (predicted == y_test).mean())


def build_network(meta):
    """Conv 32, Conv 64, max-pool 3, flatten, a sigmoid for each label."""
    inputs = keras.Input(meta["X_shape_"][1:], name="img")
    x = keras.layers.Conv2D(32, 3, activation="relu")(inputs)
    x = keras.layers.Conv2D(64, 3, activation="relu")(x)
    x = keras.layers.MaxPooling2D(3)(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(meta["n_units_"], activation="sigmoid")(x))


def make_scenes(n_scenes, subset):
    """Return scenes (n, 32, 32, 3) in [0, 1], bright ink on dark paper, and their digits."""
    gray, y = load_digit_scenes(
        n_scenes, subset=subset, max_digits=4, image_shape=(32, 32), return_X_y=True
    )
    rng = np.random.default_rng(len(subset))
    ink = rng.uniform(0.5, 1.0, (n_scenes, 1, 1, 3)).astype(np.float32)
    paper = rng.uniform(0.0, 0.3, (n_scenes, 1, 1, 3)).astype(np.float32)
    return paper + (ink - paper) * gray[..., np.newaxis], y


def print_history(history):
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    print("epoch", *(f"{name:>13}" for name in names))
    for epoch, values in enumerate(zip(*(history[name] for name in names), strict=True), start=1):
        print(f"{epoch:5}", *(f"{value:13.4f}" for value in values))


def print_labels(report, accuracy):
    """Print a line for each label; accuracy is the share of rows in which it is right."""
    scores = {
        "accuracy": accuracy,
        **{n: report.per_label[n] for n in ("precision", "recall", "f1")},
    }
    print("label", *(f"{name:>10}" for name in scores))
    for label, *values in zip(report.label_names, *scores.values(), strict=True):
        print(f"{label:5}", *(f"{value:10.4f}" for value in values))


def print_overall(report, accuracy):
    names = ("precision_micro", "recall_micro", "f1_micro", "hamming_loss", "subset_accuracy")
    overall = {"accuracy of entries": accuracy, **{name: report.overall[name] for name in names}}
    print()
    print("\n".join(f"{name:20} {value:.4f}" for name, value in overall.items()))


if __name__ == "__main__":
    main()
