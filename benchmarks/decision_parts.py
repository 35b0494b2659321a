"""How good decisions are, on real data: losses, rules, tuned thresholds.

Owns: the settings of networks, what is scored.
Does not own: the data (``datasets``), what is kept of a classifier (``scored``), the command and
the tables (``decisions``), ratios of time (``run``).

Whatever is chosen, from thresholds to the number of labels in a row, is chosen on training rows;
held-out rows are scored only.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from datasets import DATA, Split, load_rows, load_split
from names import LOGISTIC, OURS
from scored import Scored
from skmultilabel_keras import KerasMultiLabelClassifier
from skmultilabel_keras.decision_rules import (
    AtLeastOne,
    CostThreshold,
    ExampleF,
    SubsetAccuracy,
    Threshold,
    TopK,
)
from skmultilabel_keras.losses import LOSSES
from skmultilabel_keras.metrics import f1_score, multilabel_report
from skmultilabel_keras.model_selection import (
    CostObjective,
    MultilabelStratifiedKFold,
    PrecisionAtLeast,
    RecallAtLeast,
)
from timing import Settings

# One hidden layer each, trained by Adam; all else as the estimator has it. The epochs are those of
# about the least log loss of the cross-entropy in cross-validation of the training rows.
NETWORKS = {
    "emotions": {"epochs": 15, "batch": 32, "units": 256, "dropout": 0.5, "rate": 1e-3},
    "birds": {"epochs": 12, "batch": 32, "units": 256, "dropout": 0.5, "rate": 1e-3},
    "bibtex": {"epochs": 16, "batch": 128, "units": 128, "dropout": 0.3, "rate": 2e-3},
    "corel5k": {"epochs": 40, "batch": 128, "units": 128, "dropout": 0.3, "rate": 2e-3},
}

N_FOLDS = 5
COSTS = {"false_positive": 1.0, "false_negative": 3.0}
LEAST = 0.7  # the precision and the recall that are asked for

OBJECTIVES = {
    "f1_micro": "f1_micro",
    "f1_macro": "f1_macro",
    "f1_samples": "f1_samples",
    "cost": CostObjective(**COSTS),
}

CALIBRATED = "binary_crossentropy"  # the loss whose probabilities rules start from
PRIOR, PLAIN, TUNED = "label prior", "threshold 0.5", "tuned"

Values = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class Quality:
    """What was reached on one data set: for each contender and metric, a value for each seed."""

    title: str
    values: Values


def losses(settings: Settings) -> list[Quality]:
    """Score each loss by a network at threshold 0.5, and by its probabilities."""
    names = _cut(("emotions", "birds", "bibtex"), settings)
    return [_compare_losses(name, settings) for name in names]


def _compare_losses(name: str, settings: Settings) -> Quality:
    split = load_split(name, settings.quick)
    values: Values = {}
    for loss in _cut(tuple(LOSSES), settings):
        for seed in range(settings.repeats):
            network = build_network(name, seed, settings, loss=loss)
            y_score = network.fit(split.X_train, split.y_train).predict_proba(split.X_test)
            _add(values, loss, _rate(split.y_test, y_score > 0.5, y_score))
    prior = np.tile(split.y_train.mean(axis=0), (len(split.y_test), 1))
    _add(values, PRIOR, _rate(split.y_test, prior > 0.5, prior))
    return Quality(describe_split(name, split), values)


def calibration(settings: Settings) -> list[Quality]:
    """Score the rule for example-F on probabilities as they are, and calibrated."""
    return [_compare_calibration(name, settings) for name in _cut(("emotions", "birds"), settings)]


def _compare_calibration(name: str, settings: Settings) -> Quality:
    split = load_split(name, settings.quick)
    rule = ExampleF(zero_division=0)
    values: Values = {}
    for loss in _cut(tuple(LOSSES), settings):
        for seed in range(settings.repeats):
            scored = score_network(name, seed, settings, loss)
            raw, mended = scored.held_out, scored.calibrate()
            for kind, y_score in (("raw", raw), ("calibrated", mended)):
                rates = _rate(split.y_test, rule.decide(y_score), y_score)
                _add(values, loss, {f"{kind}_{metric}": v for metric, v in rates.items()})
            tuned = f1_score(split.y_test, scored.tune("f1_samples"), average="samples")
            _add(values, loss, {"tuned_f1_samples": tuned})
    return Quality(describe_split(name, split), values)


def rules(settings: Settings) -> list[Quality]:
    """Score each decision rule on the probabilities of the same networks."""
    return [
        _compare_rules(name, settings) for name in _cut(("emotions", "birds", "bibtex"), settings)
    ]


def _compare_rules(name: str, settings: Settings) -> Quality:
    split = load_split(name, settings.quick)
    contenders = _list_rules(split.y_train)
    values: Values = {}
    for seed in range(settings.repeats):
        scored = score_network(name, seed, settings, CALIBRATED)
        for title, decide in contenders.items():
            _add(values, title, _rate(split.y_test, decide(scored)))
    return Quality(describe_split(name, split), values)


def _list_rules(y_train: np.ndarray) -> dict[str, Callable[[Scored], np.ndarray]]:
    k = max(1, round(y_train.sum(axis=1).mean()))
    plain = {
        "`Threshold()`": Threshold(),
        "`AtLeastOne()`": AtLeastOne(),
        f"`TopK({k})`": TopK(k),
        "`ExampleF()`": ExampleF(),
        "`ExampleF(zero_division=0)`": ExampleF(zero_division=0),
        "`SubsetAccuracy()`": SubsetAccuracy(),
        "`CostThreshold(1, 3)`": CostThreshold(**COSTS),
    }
    tuned = {
        '"neg_hamming_loss"': "neg_hamming_loss",
        '"f1_micro"': "f1_micro",
        '"f1_macro"': "f1_macro",
        '"f1_samples"': "f1_samples",
        "CostObjective(1, 3)": OBJECTIVES["cost"],
        f"RecallAtLeast({LEAST})": RecallAtLeast(LEAST),
        f"PrecisionAtLeast({LEAST})": PrecisionAtLeast(LEAST),
    }
    return {
        **{title: partial(Scored.decide, rule=rule) for title, rule in plain.items()},
        **{f"tuned, `{t}`": partial(Scored.tune, objective=goal) for t, goal in tuned.items()},
    }


def thresholds(settings: Settings) -> list[Quality]:
    """Score thresholds tuned for a metric, and threshold 0.5, by that metric."""
    names = _cut(("birds", "bibtex", "corel5k"), settings)
    pairs = [(name, model) for name in names for model in (OURS, LOGISTIC)]
    return [_compare_thresholds(name, model, settings) for name, model in pairs]


def _compare_thresholds(name: str, model: str, settings: Settings) -> Quality:
    split = load_split(name, settings.quick)
    values: Values = {}
    # A logistic regression has no seed: another one would change the folds only.
    for seed in range(settings.repeats if model == OURS else 1):
        if model == OURS:
            scored = score_network(name, seed, settings, CALIBRATED)
        else:
            scored = score(build_logistic(name), split, seed)
        at_half = _rate(split.y_test, scored.decide(Threshold()))
        for metric, objective in OBJECTIVES.items():
            tuned = _rate(split.y_test, scored.tune(objective))
            _add(values, PLAIN, {metric: at_half[metric]})
            _add(values, TUNED, {metric: tuned[metric]})
    return Quality(f"`{name}`, {model}", values)


def emotions_folds(settings: Settings) -> list[Quality]:
    """Score threshold 0.5 and the rule for example-F in 10 folds of `emotions`, by seed."""
    X, y = load_rows("emotions", settings.quick)
    deciders = {PLAIN: Threshold(), "`ExampleF()`": ExampleF()}
    values: Values = {}
    for seed in range(1 if settings.quick else 5):
        by_fold: Values = {}
        for train, test in KFold(10, shuffle=True, random_state=seed).split(X):
            network = build_network("emotions", seed, settings)
            model = make_pipeline(StandardScaler(), network).fit(X[train], y[train])
            y_score = model.predict_proba(X[test])
            for title, rule in deciders.items():
                _add(by_fold, title, _rate(y[test], rule.decide(y_score)))
        for title, metrics in by_fold.items():
            _add(values, title, {metric: float(np.mean(v)) for metric, v in metrics.items()})
    return [Quality(f"`emotions`: {len(y)} rows; {describe_network('emotions')}", values)]


@cache
def score_network(name: str, seed: int, settings: Settings, loss: str) -> Scored:
    """Score a network, for all parts that need it."""
    network = build_network(name, seed, settings, loss=loss)
    return score(network, load_split(name, settings.quick), seed)


def score(classifier, split: Split, seed: int) -> Scored:
    """Fit a classifier to each fold and to all training rows, and keep what it says of others."""
    folds = list(MultilabelStratifiedKFold(N_FOLDS, random_state=seed).split(*split[:2]))
    out_of_fold = np.empty(split.y_train.shape)
    with warnings.catch_warnings():
        # Some folds lack a label.
        warnings.filterwarnings("ignore", "Label .* is present in all training examples")
        for train, test in folds:
            model = clone(classifier).fit(split.X_train[train], split.y_train[train])
            out_of_fold[test] = model.predict_proba(split.X_train[test])
        model = clone(classifier).fit(split.X_train, split.y_train)
    return Scored(split.y_train, folds, out_of_fold, model.predict_proba(split.X_test))


def build_network(name: str, seed: int, settings: Settings, **params) -> KerasMultiLabelClassifier:
    """Return our estimator with the settings of a data set."""
    given = NETWORKS[name] | ({"epochs": 2, "units": 8} if settings.quick else {})
    return KerasMultiLabelClassifier(
        "mlp",
        epochs=given["epochs"],
        batch_size=given["batch"],
        model__hidden_layer_sizes=(given["units"],),
        model__dropout=given["dropout"],
        optimizer__learning_rate=given["rate"],
        random_state=seed,
        **params,
    )


def build_logistic(name: str):
    """Return a logistic regression for each label, of scaled features where they are not binary."""
    per_label = OneVsRestClassifier(LogisticRegression(solver="liblinear"))
    return per_label if DATA[name].sparse else make_pipeline(StandardScaler(), per_label)


def describe_network(name: str) -> str:
    epochs, batch, units, dropout, rate = NETWORKS[name].values()
    return (
        f"{epochs} epochs, batches of {batch}, {units} hidden units, dropout {dropout}, learning "
        f"rate {rate}"
    )


def describe_split(name: str, split: Split) -> str:
    n_train, n_labels = split.y_train.shape
    return (
        f"`{name}`: {n_train} training rows, {len(split.y_test)} held-out ones, {n_labels} labels; "
        f"{describe_network(name)}"
    )


def _cut(names: Sequence[str], settings: Settings) -> Sequence[str]:
    """Return all data sets or losses, or the last one for a quick run."""
    return names[-1:] if settings.quick else names


def _rate(y_true: np.ndarray, y_pred: np.ndarray, y_score=None) -> dict[str, float]:
    wrong, missed = y_pred > y_true, y_pred < y_true
    cost = COSTS["false_positive"] * wrong + COSTS["false_negative"] * missed
    return {
        **multilabel_report(y_true, y_pred, y_score).overall,
        "f1_samples_empty": f1_score(y_true, y_pred, average="samples", zero_division=1.0),
        "cost": float(cost.mean()),
    }


def _add(values: Values, contender: str, rates: Mapping[str, float]) -> None:
    for metric, value in rates.items():
        values.setdefault(contender, {}).setdefault(metric, []).append(value)
