"""Which encoding, activation, loss and accuracy belong together? All combinations, run.

Ten classes that exclude each other can be written as integers or as one-hot rows. A network may end
in nothing, sigmoid or softmax; be trained by the binary, the categorical or the sparse categorical
cross-entropy; and these may take its outputs for logits or for probabilities. That makes 36
combinations, of which few are right. Each is trained on handwritten digits twice, by the estimator
and by plain Keras, and what comes out of it is written as a page.

``python examples/cheat_table.py`` prints the page, ``--output FILE`` writes it to a file.
"""

import argparse
import itertools
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # fewer messages from TensorFlow

import keras
import numpy as np
import sklearn
import tensorflow as tf
from scipy import special
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skmultilabel_keras import KerasMultiLabelClassifier

ENCODINGS = ("integers", "one-hot")
ACTIVATIONS = (None, "sigmoid", "softmax")
LOSSES = {
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
}
METRICS = {
    "BinaryAccuracy": keras.metrics.BinaryAccuracy,
    "CategoricalAccuracy": keras.metrics.CategoricalAccuracy,
    "SparseCategoricalAccuracy": keras.metrics.SparseCategoricalAccuracy,
}
N_CLASSES = 10
LEARNT = 0.9  # accuracy from which on a network counts as trained; the right ones reach .97
TOLERANCE = 0.02  # what may lie between a figure and what it should be


@dataclass(frozen=True)
class Combination:
    """One row of the table."""

    encoding: str
    activation: str | None
    loss: str
    from_logits: bool


@dataclass
class Outcome:
    """What came out of training one combination; figures are of the test rows."""

    error: str = ""
    accuracy: float = np.nan  # share of rows whose largest output is that of the class
    sum_error: float = np.nan  # how far the probabilities of a row are from summing to one, mean
    reported: float = np.nan  # what metrics=["accuracy"] says
    loss: float = np.nan  # what evaluate says
    own_loss: float = np.nan  # the same loss, of the probabilities that come out
    metrics: dict[str, float | str] = field(default_factory=dict)
    warned: bool = False


def main(output=None, epochs=30, n_rows=1797, combinations=None):
    """Run the combinations, and print the page or write it to ``output``."""
    combinations = list(combinations or all_combinations())
    data = load_data(n_rows)
    results = {c: (run_here(c, data, epochs), run_keras(c, data, epochs)) for c in combinations}
    page = write_page(results, epochs, n_rows)
    if output is None:
        print(page)
    else:
        Path(output).write_text(page, encoding="utf-8")
        print(f"{len(results)} combinations: {output}")
    return results


def all_combinations():
    return itertools.starmap(
        Combination, itertools.product(ENCODINGS, ACTIVATIONS, LOSSES, (False, True))
    )


def load_data(n_rows):
    """Return training rows, test rows, and the digits of both."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    return train_test_split(X[:n_rows], y[:n_rows], test_size=0.3, random_state=0)


def encode(digits, encoding):
    return digits if encoding == "integers" else np.eye(N_CLASSES, dtype=int)[digits]


def build_network(meta, activation=None):
    inputs = keras.Input(meta["X_shape_"][1:])
    x = keras.layers.Dense(64, activation="relu", kernel_initializer=seeded())(inputs)
    outputs = keras.layers.Dense(
        meta["n_units_"], activation=activation, kernel_initializer=seeded()
    )
    return keras.Model(inputs, outputs(x))


def seeded():
    return keras.initializers.GlorotUniform(seed=0)


# The two ways to train.


def run_here(c, data, epochs):
    """Train by the estimator."""
    X, X_test, digits, digits_test = data
    clf = KerasMultiLabelClassifier(
        build_network,
        model__activation=c.activation,
        loss=c.loss,
        loss__from_logits=c.from_logits,
        exclusive=c.encoding == "one-hot",
        optimizer__learning_rate=3e-3,
        metrics=["accuracy"],
        batch_size=64,
        epochs=epochs,
        random_state=0,
    )
    y, y_test = (encode(part, c.encoding) for part in (digits, digits_test))
    try:
        clf.fit(X, y, validation_data=(X_test, y_test))
    except ValueError as error:
        return Outcome(error=str(error))
    proba = clf.predict_proba(X_test)
    return Outcome(reported=clf.history_["val_accuracy"][-1], **judge(proba, digits_test))


def run_keras(c, data, epochs):
    """Train by Keras' fit, and ask its metrics."""
    X, X_test, digits, digits_test = data
    y, y_test = (encode(part, c.encoding) for part in (digits, digits_test))
    model = build_network({"X_shape_": X.shape, "n_units_": N_CLASSES}, c.activation)
    model.compile(
        optimizer=keras.optimizers.Adam(3e-3),
        loss=LOSSES[c.loss](from_logits=c.from_logits),
        metrics=["accuracy"],
        jit_compile=False,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            # Rows are in random order already; so a run can be repeated.
            model.fit(X, y, batch_size=64, epochs=epochs, shuffle=False, verbose=0)
            said = model.evaluate(X_test, y_test, verbose=0, return_dict=True)
        except (ValueError, tf.errors.OpError) as error:
            return Outcome(error=str(error))
    outputs = model(X_test).numpy()
    proba = read_probabilities(c, outputs)
    return Outcome(
        reported=said["accuracy"],
        loss=said["loss"],
        own_loss=float(LOSSES[c.loss](from_logits=False)(y_test, proba)),
        metrics={name: ask_metric(kind, y_test, outputs) for name, kind in METRICS.items()},
        warned=any("from_logits" in str(warning.message) for warning in caught),
        **judge(proba, digits_test),
    )


def read_probabilities(c, outputs):
    """Return what a user takes for probabilities: logits through the function of the loss."""
    if c.activation is not None or not c.from_logits:
        return outputs
    return special.expit(outputs) if c.loss.startswith("binary") else special.softmax(outputs, 1)


def judge(proba, digits):
    return {
        "accuracy": float((proba.argmax(axis=1) == digits).mean()),
        "sum_error": float(abs(proba.sum(axis=1) - 1).mean()),
    }


def ask_metric(kind, y, outputs):
    metric = kind()
    try:
        metric.update_state(y, outputs)
    except (ValueError, tf.errors.OpError):
        return "error"
    return float(metric.result())


# What it means.


def verdict(outcome):
    """Return "error", "fails", "misleads", "warns" or "trains"."""
    if outcome.error:
        return "error"
    if not outcome.accuracy >= LEARNT:
        return "fails"
    honest = (
        abs(outcome.reported - outcome.accuracy) <= TOLERANCE
        and outcome.sum_error <= TOLERANCE
        and not abs(outcome.loss - outcome.own_loss) > TOLERANCE * outcome.own_loss
    )
    if not honest:
        return "misleads"
    return "warns" if outcome.warned else "trains"


BINARY, CATEGORICAL, SPARSE = LOSSES
SHAPES_DIFFER = {
    ("integers", BINARY): "the loss wants as many numbers in a row of y as there are outputs",
    ("one-hot", SPARSE): "the loss wants one integer for each row",
}
OF_ENCODING = {
    ("integers", CATEGORICAL): "Keras wants one-hot rows; the estimator makes them of integers",
    ("one-hot", BINARY): "each class is judged alone",
}
# Whether the loss is the binary one, last activation, from_logits.
OF_OUTPUTS = {
    (True, None, False): "logits are taken for probabilities and clipped to [0, 1]",
    (True, "sigmoid", True): "outputs are no logits; Keras takes those beneath the sigmoid",
    (True, "softmax", False): "Keras trains sigmoids of the logits beneath the softmax",
    (True, "softmax", True): "Keras trains sigmoids of the logits beneath the softmax",
    (False, None, False): "logits are taken for probabilities and clipped to [0, 1]",
    (False, "sigmoid", False): "Keras trains the softmax of the logits beneath the sigmoids",
    (False, "sigmoid", True): "Keras trains the softmax of the logits beneath the sigmoids",
    (False, "softmax", True): "outputs are no logits; Keras takes those beneath the softmax",
}


def explain(c):
    """Return why a combination is what it is."""
    if (c.encoding, c.loss) in SHAPES_DIFFER:
        return SHAPES_DIFFER[c.encoding, c.loss]
    reasons = [
        OF_ENCODING.get((c.encoding, c.loss)),
        OF_OUTPUTS.get((c.loss == BINARY, c.activation, c.from_logits)),
    ]
    return "; ".join(filter(None, reasons)) or "all fit"


# The page.

PAGE = """\
# What belongs together

This page is written by `{command}`.
Every combination of encoding, last activation, loss and `from_logits` is trained on {n_train} of
scikit-learn's handwritten digits, with one hidden layer of 64 and Adam for {epochs} epochs: by the
estimator ("here") and by Keras' own `fit`. Figures are of {n_test} other digits. Keras {keras},
TensorFlow {tensorflow}, scikit-learn {sklearn}.

- **trains**: it learns, and the figures are what they seem. The number is the share of rows whose
  largest output is that of the class.
- **error**: `fit` raises. Here it does so before any training.
- **fails**: no error, but fewer than {learnt:.0%} of the rows are right.
- **warns**: it learns, and Keras warns.
- **misleads**: it learns, but what comes out is not what it seems: the probabilities of a row are
  off a sum of one by more than {tolerance:g} on the average; or the loss that Keras reports is not
  the loss of these probabilities; or "accuracy" is off by more than {tolerance:g}.

The figures beside the verdicts are those of Keras: how far the sum of a row of probabilities is
from one, on the average; the loss that `evaluate` reports; and the same loss of the probabilities
that come out. Outputs count as probabilities as they are; logits with `from_logits=True` go through
the function of the loss first, softmax or sigmoid.

{tables}
"""
METRICS_NOTE = """\
Each metric, asked by its class, of what Keras trained. `BinaryAccuracy` counts entries, not rows.
`CategoricalAccuracy` of integers raises nothing and means nothing."""
TITLES = {"integers": "Integers", "one-hot": "One-hot rows"}
SETTINGS = ("activation", "loss", "from_logits")


def write_page(results, epochs, n_rows):
    n_test = len(load_data(n_rows)[1])
    parts = [
        *(write_encoding(encoding, results) for encoding in ENCODINGS),
        write_metrics(results),
        write_metrics_here(results),
        write_errors(results),
    ]
    return PAGE.format(
        command="python examples/cheat_table.py --output docs/cheat_table.md",
        n_train=n_rows - n_test,
        n_test=n_test,
        epochs=epochs,
        keras=keras.__version__,
        tensorflow=tf.__version__,
        sklearn=sklearn.__version__,
        learnt=LEARNT,
        tolerance=TOLERANCE,
        tables="\n\n".join(parts),
    )


def write_encoding(encoding, results):
    """Return what each combination of an encoding comes to."""
    rows = []
    for c, (here, plain) in results.items():
        if c.encoding == encoding:
            figures = (plain.sum_error, plain.loss, plain.own_loss)
            rows.append([*names(c), show(here), show(plain), *map(number, figures), explain(c)])
    header = (*SETTINGS, "here", "Keras", "row sums off by", "its loss", "of the outputs", "why")
    return f"## {TITLES[encoding]}\n\n{write_table(header, rows)}"


def write_metrics(results):
    """Return what each accuracy metric of Keras says of what Keras trained."""
    rows = [
        [c.encoding, *names(c), *map(number, (plain.accuracy, plain.reported))]
        + [number(plain.metrics[name]) for name in METRICS]
        for c, (_, plain) in results.items()
        if not plain.error
    ]
    header = ("y", *SETTINGS, "right rows", '"accuracy"', *METRICS)
    return f"## Accuracy metrics of Keras\n\n{METRICS_NOTE}\n\n{write_table(header, rows)}"


def write_metrics_here(results):
    """Return what "accuracy" says of what the estimator trained."""
    rows = [
        [c.encoding, *names(c), number(here.accuracy), number(here.reported)]
        for c, (here, _) in results.items()
        if not here.error
    ]
    header = ("y", *SETTINGS, "right rows", '"accuracy"')
    return f"## Accuracy here\n\n{write_table(header, rows)}"


def write_errors(results):
    """Return what the estimator says of the combinations that it refuses."""
    messages = dict.fromkeys(here.error for here, _ in results.values() if here.error)
    return "\n".join(["## Errors here", "", *(f"- {message}" for message in messages)])


def write_table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def names(c):
    return str(c.activation).lower(), c.loss.removesuffix("_crossentropy"), str(c.from_logits)


def show(outcome):
    word = verdict(outcome)
    return word if outcome.error else f"{word}, {outcome.accuracy:.3f}"


def number(value):
    return value if isinstance(value, str) else "" if np.isnan(value) else f"{value:.3f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", help="file to write the page to; printed where left out")
    main(parser.parse_args().output)
