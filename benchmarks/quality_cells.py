"""One cell: a peer, fitted to the training rows of one fold and scored on the others.

Owns: what a cell measures, how its decisions are made, the columns of its result.
Does not own: which cells are run and where results are kept (``quality``), recipes
(``quality_peers``), data (``datasets``).

Whatever is chosen is chosen on training rows: thresholds and label counts on probabilities that
inner cross-validation gives to rows which the classifier was not fitted to.
"""

from __future__ import annotations

import gc
import os
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import KFold

from datasets import Split, load_fold
from peak import forget_peak, peak, resident
from quality_peers import PEERS, decisions, probabilities
from quality_variants import VARIANTS
from scored import EDGE, Scored
from skmultilabel_keras.decision_rules import ExampleF, SubsetAccuracy
from skmultilabel_keras.metrics import (
    f1_score,
    hamming_loss,
    multilabel_report,
    subset_accuracy,
)
from skmultilabel_keras.model_selection import MultilabelStratifiedKFold

OK, OVER_TIME, FAILED = "ok", "over time", "failed"
TUNED, UNTUNED, NO_TIME = "yes", "no", "no time"

RANKINGS = ("label_ranking_average_precision", "label_ranking_loss", "label_log_loss")
SETS: dict[str, Callable[..., float]] = {
    "hamming_loss": hamming_loss,
    "subset_accuracy": subset_accuracy,
    "f1_samples": lambda y, decided: f1_score(y, decided, average="samples", zero_division=0),
    "f1_micro": lambda y, decided: f1_score(y, decided, average="micro", zero_division=0),
    "f1_macro": lambda y, decided: f1_score(y, decided, average="macro", zero_division=0),
}
RULES = {"example_f": ExampleF(zero_division=0), "subset": SubsetAccuracy()}
OBJECTIVES = ("f1_samples", "f1_micro", "f1_macro", "neg_hamming_loss")

DEFAULT = "default"  # the peer's own ``predict``
DECISIONS = (DEFAULT, *RULES, *(f"tuned_{objective}" for objective in OBJECTIVES))

KEYS = ("data", "peer", "seed", "fold")
COSTS = ("fit_s", "predict_s", "memory_mb")
SCORES = (*RANKINGS, *(f"{decision}.{metric}" for decision in DECISIONS for metric in SETS))
COLUMNS = (*KEYS, "status", "tuning", *COSTS, *SCORES)

_SMALL = 1000  # training sets of fewer rows get more inner folds


class Cell(NamedTuple):
    """One fold of one seed of a set, for one peer."""

    data: str
    peer: str
    seed: int
    fold: int


def run_cell(cell: tuple, tuning: bool, quick: bool, limit: float) -> dict[str, Any]:
    """Return what a cell measured; inner folds are left out where they would take too long.

    This needs a process of its own, which it makes silent.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # TensorFlow logs on import, whatever it is told
    start = time.perf_counter()
    cell, split = Cell(*cell), load_fold(cell[0], *cell[2:], quick)
    peer = {**VARIANTS, **PEERS}[cell.peer]
    kind = "dense" if isinstance(split.X_train, np.ndarray) else "sparse"
    if peer.needs_dense and kind == "sparse":
        split = Split(split.X_train.toarray(), split.y_train, split.X_test.toarray(), split.y_test)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of labels without positives in a fold, and iterations
        model, y_score, costs = fit_and_predict(peer.build(kind, cell.seed), split)
        scores = rate_rankings(split.y_test, y_score)
        scores |= rate_sets(DEFAULT, split.y_test, decisions(model, split.X_test, y_score.shape[1]))
        scores |= rate_rules(split, y_score)
        tuned = UNTUNED
        if tuning:
            folds = list_inner_folds(split, cell.seed)
            # A search is not run again in inner folds.
            once = getattr(model, "refit_time_", costs["fit_s"])
            needed = len(folds) * (once + costs["predict_s"])
            left = limit - (time.perf_counter() - start)
            tuned = TUNED if needed < left else NO_TIME
        if tuned == TUNED:
            scores |= rate_tuned(split, score_out_of_fold(model, split, folds), folds, y_score)
    return {**cell._asdict(), "status": OK, "tuning": tuned, **costs, **scores}


def fit_and_predict(model: Any, split: Split) -> tuple[Any, np.ndarray, dict[str, float]]:
    """Return the fitted model, its probabilities of held-out rows, and what the two cost."""
    gc.collect()
    forget_peak()
    before = resident()
    start = time.perf_counter()
    model.fit(split.X_train, split.y_train)
    fitted = time.perf_counter()
    y_score = probabilities(model, split.X_test, split.y_train.shape[1])
    costs = {
        "fit_s": fitted - start,
        "predict_s": time.perf_counter() - fitted,
        "memory_mb": max(peak() - before, 0.0),
    }
    return model, y_score, {name: round(value, 4) for name, value in costs.items()}


def list_inner_folds(split: Split, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return folds of the training rows, stratified by labels where that is possible."""
    n_folds = 5 if len(split.y_train) < _SMALL else 3
    try:
        folds = MultilabelStratifiedKFold(n_folds, random_state=seed)
        return list(folds.split(split.X_train, split.y_train))
    except ValueError:  # it refuses, say, labels that no row has
        return list(KFold(n_folds, shuffle=True, random_state=seed).split(split.y_train))


def score_out_of_fold(model: Any, split: Split, folds: list) -> np.ndarray:
    """Return the probabilities of training rows by classifiers that were not fitted to them.

    A search is not run again in each fold: what it chose on all training rows is kept.
    """
    chosen = getattr(model, "best_estimator_", model)
    out_of_fold = np.empty(split.y_train.shape)
    for train, test in folds:
        fitted = clone(chosen).fit(split.X_train[train], split.y_train[train])
        out_of_fold[test] = probabilities(fitted, split.X_train[test], out_of_fold.shape[1])
    return out_of_fold


def rate_rankings(y_true: np.ndarray, y_score: np.ndarray) -> dict[str, float]:
    """Return the metrics that need no decision."""
    overall = multilabel_report(y_true, y_score=np.clip(y_score, EDGE, 1 - EDGE)).overall
    return {name: float(overall[name]) for name in RANKINGS}


def rate_rules(split: Split, y_score: np.ndarray) -> dict[str, float]:
    """Return the metrics of each rule's decisions on the probabilities as they are."""
    rates = {}
    for name, rule in RULES.items():
        decided = clone(rule).fit(split.y_train).decide(y_score)
        rates |= rate_sets(name, split.y_test, decided)
    return rates


def rate_tuned(split: Split, out_of_fold: np.ndarray, folds: list, y_score: np.ndarray) -> dict:
    """Return the metrics of decisions by thresholds that are tuned out of fold."""
    scored = Scored(split.y_train, folds, out_of_fold, y_score)
    rates = {}
    for objective in OBJECTIVES:
        rates |= rate_sets(f"tuned_{objective}", split.y_test, scored.tune(objective))
    return rates


def rate_sets(decision: str, y_true: np.ndarray, decided: np.ndarray) -> dict[str, float]:
    """Return the metrics of decided label sets, named after the decision."""
    return {f"{decision}.{name}": float(rate(y_true, decided)) for name, rate in SETS.items()}
