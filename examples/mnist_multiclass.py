"""MNIST: ten classes that exclude each other, through the same estimator.

The network of the tutorials, 784-512-256-dropout-64-10, is trained twice: on 1-D integers, and on
one-hot rows with ``exclusive=True``. Both get softmax outputs, categorical cross-entropy and the
accuracy that fits the encoding.

``python examples/mnist_multiclass.py`` reads ``mnist.npz``, the file that
``keras.datasets.mnist.load_data`` keeps, from the folder that ``SKMLK_DATA`` names.
``--seeds 0 1 2`` repeats it.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # fewer messages from TensorFlow

import keras
import numpy as np

from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras.networks import Dropout


def main(n_train=60_000, n_test=10_000, epochs=10, seeds=(0,)):
    """Train on both encodings, and print what the test images say."""
    X, digits, X_test, digits_test = load_mnist(n_train, n_test)
    X, X_test = (images.reshape(len(images), -1) / np.float32(255) for images in (X, X_test))
    encodings = {
        "integers": (digits, digits_test, {"loss": "sparse_categorical_crossentropy"}),
        "one-hot": (
            np.eye(10, dtype=int)[digits],
            np.eye(10, dtype=int)[digits_test],
            {"loss": "categorical_crossentropy", "exclusive": True},
        ),
    }
    print("encoding  seed  accuracy in training  test accuracy  sum of a row's probabilities")
    for seed in seeds:
        for name, (y, y_test, params) in encodings.items():
            clf = KerasMultiLabelClassifier(
                build_network,
                optimizer="rmsprop",
                metrics=["accuracy"],
                batch_size=128,
                epochs=epochs,
                random_state=seed,
                **params,
            ).fit(X, y)
            trained, tested = clf.history_["accuracy"][-1], clf.score(X_test, y_test)
            total = clf.predict_proba(X_test).sum(axis=1).mean()
            print(f"{name:8}  {seed:4}  {trained:20.4f}  {tested:13.4f}  {total:28.4f}")


def build_network(meta, dropout=0.2):
    """784-512-256-dropout-64-10."""
    inputs = keras.Input(meta["X_shape_"][1:])
    x = keras.layers.Dense(512, activation="relu")(inputs)
    x = keras.layers.Dense(256, activation="relu")(x)
    x = Dropout(dropout)(x)  # as keras.layers.Dropout, with a faster generator
    x = keras.layers.Dense(64, activation="relu")(x)
    return keras.Model(inputs, keras.layers.Dense(meta["n_units_"], activation="softmax")(x))


def load_mnist(n_train=60_000, n_test=10_000):
    """Return the first images (n, 28, 28) in uint8 and their digits, for training and test."""
    path = Path(os.environ.get("SKMLK_DATA", "")) / "mnist.npz"
    if "SKMLK_DATA" not in os.environ or not path.is_file():
        raise SystemExit(
            "This example needs MNIST. Set SKMLK_DATA to a folder that holds mnist.npz, with the "
            "arrays x_train, y_train, x_test and y_test; keras.datasets.mnist.load_data() "
            f"downloads such a file to ~/.keras/datasets. Looked for {path}."
        )
    with np.load(path) as file:
        train = (file[name][:n_train] for name in ("x_train", "y_train"))
        test = (file[name][:n_test] for name in ("x_test", "y_test"))
        return *train, *test


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    main(**vars(parser.parse_args()))
