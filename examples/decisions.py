"""One network, many decisions: which rule for which metric.

A network is fitted once to pictures with one to three handwritten digits, blurred by noise. Its
probabilities for held-out pictures of other digits then go through several decision rules. Each is
the best one for some metric and worse for others. The digits come with scikit-learn, so nothing is
downloaded.

``python examples/decisions.py`` prints a table: one row for each rule, one column for each metric,
and in brackets by how much the rule is better than threshold 0.5.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # fewer messages from TensorFlow

from functools import partial

from skmultilabel_keras import KerasMultiLabelClassifier, load_digit_scenes
from skmultilabel_keras.decision_rules import (
    AtLeastOne,
    CostThreshold,
    ExampleF,
    SubsetAccuracy,
    Threshold,
    TopK,
)
from skmultilabel_keras.metrics import f1_score, hamming_loss, subset_accuracy
from skmultilabel_keras.model_selection import MultiLabelTunedThresholdClassifierCV

# Name and function; the Hamming loss as a share of right entries, so that more is better for all.
METRICS = {
    "right entries": lambda y_true, y_pred: 1 - hamming_loss(y_true, y_pred),
    "right rows": subset_accuracy,
    "example-F1": partial(f1_score, average="samples"),
    "micro-F1": partial(f1_score, average="micro"),
    "macro-F1": partial(f1_score, average="macro"),
}
RULES = [
    Threshold(0.5),
    AtLeastOne(),
    TopK(2),
    ExampleF(zero_division=0),
    SubsetAccuracy(),
    CostThreshold(false_negative=3),
]
OBJECTIVES = ["f1_micro", "f1_macro"]


def main(n_scenes=2000, epochs=30):
    """Fit on training scenes, decide on scenes of other digits in several ways, compare."""
    load = partial(load_digit_scenes, noise=0.3, flatten=True, return_X_y=True)
    X, y = load(n_scenes)
    X_test, y_test = load(1000, subset="test")

    network = KerasMultiLabelClassifier("mlp", epochs=epochs, model__dropout=0.5, random_state=0)
    probabilities = network.fit(X, y).predict_proba(X_test)

    decisions = {str(rule): rule.fit(y).decide(probabilities) for rule in RULES}
    for objective in OBJECTIVES:
        # Thresholds are chosen on scenes that the network was not fitted to, over three folds.
        tuned = MultiLabelTunedThresholdClassifierCV(
            network, objective=objective, cv=3, random_state=0
        )
        decisions[f"tuned for {objective}"] = tuned.fit(X, y).predict(X_test)

    print("1000 held-out scenes; in brackets the gain over threshold 0.5, * marks the best\n")
    print_table(["rule", *METRICS], compare(decisions, y_test))


def compare(decisions, y_true):
    """Yield for each rule its values, and by how much they are better than the first rule's."""
    values = {
        rule: [metric(y_true, y_pred) for metric in METRICS.values()]
        for rule, y_pred in decisions.items()
    }
    first = next(iter(values.values()))
    best = [max(column) for column in zip(*values.values(), strict=True)]
    for rule, row in values.items():
        yield [rule, *map(format_value, row, first, best)]


def format_value(value, first, best):
    return f"{'*' if value == best else ''}{value:.3f} ({value - first:+.3f})"


def print_table(header, rows):
    rows = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *cells]))


if __name__ == "__main__":
    main()
