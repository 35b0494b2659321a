"""The contenders: one and the same network in each library, and the data they are given.

Owns: problems (sizes and data), the networks, and how each library is asked to train them.
Does not own: timing, or which contenders meet in which row.

Every contender gets float32 features, the same layers, batch size, epochs and optimizer, and
trains for all epochs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from scikeras.wrappers import KerasClassifier
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from names import KERAS, OURS, PERCEPTRON, SCIKERAS
from skmultilabel_keras import KerasMultiLabelClassifier

DROPOUT = 0.2

# MLPClassifier is told to train for a number of epochs, and warns that it did.
warnings.filterwarnings("ignore", category=ConvergenceWarning)


@dataclass(frozen=True)
class Problem:
    """Sizes of the data and of the network, and how long it is trained."""

    n_rows: int = 2000
    n_features: int = 100
    n_labels: int = 14
    n_hidden: int = 100
    batch_size: int = 32
    epochs: int = 20

    def sized(self, quick: bool) -> Problem:
        """Return this problem, or a small copy of it for a smoke run."""
        if not quick:
            return self
        return replace(self, n_rows=min(self.n_rows, 120), epochs=min(self.epochs, 2))

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Return standardised features and a label indicator with three labels a row or so."""
        X, y = make_multilabel_classification(
            self.n_rows, self.n_features, n_classes=self.n_labels, n_labels=3, random_state=0
        )
        X = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-9)
        return X.astype(np.float32), y


# Networks. They read SciKeras' names in ``meta``, so that one function serves all libraries, and
# end in probabilities, as SciKeras has it.


def plain_network(meta: Mapping[str, Any], n_hidden: int = 100) -> keras.Model:
    """Return a network with one hidden layer."""
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            keras.layers.Dense(n_hidden, activation="relu"),
            keras.layers.Dense(meta["n_classes_"], activation="sigmoid"),
        ]
    )


def regularised_network(meta: Mapping[str, Any], n_hidden: int = 100) -> keras.Model:
    """Return a network with batch normalisation and dropout behind its hidden layer."""
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            keras.layers.Dense(n_hidden, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(DROPOUT),
            keras.layers.Dense(meta["n_classes_"], activation="sigmoid"),
        ]
    )


def image_network(meta: Mapping[str, Any]) -> keras.Model:
    """Return a network with two convolutions, for images with one label each."""
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


# Estimators.


def our_network(problem: Problem, **parameters: Any) -> KerasMultiLabelClassifier:
    """Return the built-in network, without the scaling and the biases that others do not have."""
    return KerasMultiLabelClassifier(
        "mlp",
        model__hidden_layer_sizes=(problem.n_hidden,),
        model__standardize=False,
        model__prior_bias=False,
        optimizer="adam",
        batch_size=problem.batch_size,
        epochs=problem.epochs,
        random_state=0,
        **parameters,
    )


def our_regularised(problem: Problem) -> KerasMultiLabelClassifier:
    """Return the estimator over ``regularised_network``."""
    return KerasMultiLabelClassifier(
        regularised_network,
        model__n_hidden=problem.n_hidden,
        optimizer="adam",
        batch_size=problem.batch_size,
        epochs=problem.epochs,
        random_state=0,
    )


def scikeras_network(
    problem: Problem, network: Callable[..., keras.Model] = plain_network
) -> KerasClassifier:
    """Return SciKeras' estimator, as it is.

    It has no ``random_state``: with one, it switches TensorFlow's determinism on for all.
    """
    return KerasClassifier(
        network,
        model__n_hidden=problem.n_hidden,
        optimizer="adam",
        loss="binary_crossentropy",
        batch_size=problem.batch_size,
        epochs=problem.epochs,
        verbose=0,
    )


def perceptron(problem: Problem) -> MLPClassifier:
    """Return scikit-learn's network, without penalty and without an early end."""
    return MLPClassifier(
        (problem.n_hidden,),
        solver="adam",
        alpha=0.0,
        batch_size=problem.batch_size,
        max_iter=problem.epochs,
        n_iter_no_change=problem.epochs,
        tol=0.0,
        random_state=0,
    )


def fit_keras(
    problem: Problem,
    X: np.ndarray,
    y: np.ndarray,
    network: Callable[..., keras.Model] = plain_network,
    loss: str = "binary_crossentropy",
) -> keras.Model:
    """Build, compile and fit a network as a user of Keras would."""
    n_classes = y.shape[1] if y.ndim == 2 else int(y.max()) + 1
    meta = {"n_features_in_": X.shape[1], "n_classes_": n_classes, "X_shape_": X.shape}
    options = {} if network is image_network else {"n_hidden": problem.n_hidden}
    model = network(meta, **options)
    model.compile(optimizer="adam", loss=loss)
    model.fit(X, y, batch_size=problem.batch_size, epochs=problem.epochs, verbose=0)
    return model


FITS: dict[str, Callable[[Problem, np.ndarray, np.ndarray], Any]] = {
    OURS: lambda problem, X, y: our_network(problem).fit(X, y),
    KERAS: fit_keras,
    SCIKERAS: lambda problem, X, y: scikeras_network(problem).fit(X, y),
    PERCEPTRON: lambda problem, X, y: perceptron(problem).fit(X, y),
}
