"""Who is compared: each peer's recipe, and how its probabilities are read.

Owns: the table of peers, from the cheapest to the dearest, and the choices made for each of them.
Does not own: fitting and scoring (``quality_cells``).

A recipe takes the kind of the features ("dense" or "sparse") and a seed, and returns an unfitted
classifier. What scikit-learn scales in practice is scaled here where features are dense, within the
pipeline, so on training rows alone. Libraries are imported by the recipes that need them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from datasets import DENSE
from names import LOGISTIC, OURS, PERCEPTRON, SCIKERAS
from scored import EDGE
from skmultilabel_keras.metrics import align_scores, label_log_loss

STRENGTHS = [0.01, 0.03, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0]  # C of logistic regressions
SCIKERAS_EPOCHS = 100  # as many as ours with a named network

Recipe = Callable[[str, int], BaseEstimator]


@dataclass(frozen=True)
class Peer:
    """How a peer is called and made.

    ``needs_dense``: it takes no sparse features. ``random``: another seed gives another classifier
    on the same rows, apart from folds of searches. ``ranked``: it is no second version of a
    classifier whose ranks are taken, by which those of others would fall.
    """

    title: str
    build: Recipe
    about: str
    needs_dense: bool = False
    random: bool = True
    ranked: bool = True


class OrConstant(ClassifierMixin, BaseEstimator):
    """A classifier of one label, or its only value where a training fold has no other."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        values = np.unique(y)
        self.constant_ = int(values[0]) if len(values) == 1 else None
        if self.constant_ is None:
            self.estimator_ = clone(self.estimator).fit(X, y)
        return self

    def predict_proba(self, X):
        if self.constant_ is None:
            return self.estimator_.predict_proba(X)
        ones = np.full(X.shape[0], float(self.constant_))
        return np.column_stack([1 - ones, ones])

    def predict(self, X):
        return (self.predict_proba(X)[:, 1] > 0.5).astype(int)


def probabilities(model: Any, X: Any, n_labels: int) -> np.ndarray:
    """Return a classifier's probabilities of labels, of shape (n_samples, n_labels).

    Raises ValueError where they are not finite, or not those of ``n_labels`` labels.
    """
    classes = getattr(model, "classes_", None)
    values = align_scores(model.predict_proba(X), classes, n_labels=n_labels)
    if not np.isfinite(values).all():
        raise ValueError("predict_proba must be finite; got NaN or infinity")
    return np.clip(values, 0.0, 1.0)


def decisions(model: Any, X: Any, n_labels: int) -> np.ndarray:
    """Return the label sets that a classifier predicts, of shape (n_samples, n_labels)."""
    predicted = model.predict(X)
    predicted = predicted.toarray() if sparse.issparse(predicted) else np.asarray(predicted)
    return predicted.reshape(-1, n_labels).astype(np.int64)


def score_log_loss(model: Any, X: Any, y: np.ndarray) -> float:
    """Return the mean log loss of labels, negative: what searches of settings go by."""
    return -label_log_loss(y, np.clip(probabilities(model, X, y.shape[1]), EDGE, 1 - EDGE))


def _scale(kind: str, classifier: BaseEstimator) -> Pipeline:
    scaler = StandardScaler() if kind == DENSE else "passthrough"
    return Pipeline([("scaler", scaler), ("model", classifier)])


def _search_strength(kind: str, seed: int, classifier: BaseEstimator, name: str) -> GridSearchCV:
    """Choose one C for all labels, by folds of small sets and by a fifth of the rows of others."""
    if kind == DENSE:
        cv = KFold(5, shuffle=True, random_state=seed)
    else:
        cv = ShuffleSplit(1, test_size=0.2, random_state=seed)
    grid = {f"model__{name}": STRENGTHS}
    return GridSearchCV(
        _scale(kind, classifier), grid, scoring=score_log_loss, cv=cv, error_score="raise"
    )


def _dummy(kind, seed):
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior")


def _neighbours(kind, seed):
    from sklearn.neighbors import KNeighborsClassifier

    return _scale(kind, KNeighborsClassifier())


def _boomer(kind, seed):
    from mlrl.boosting import BoomerClassifier

    return BoomerClassifier(random_state=seed + 1)  # it takes no 0


def _logistic(kind, seed):
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    each = LogisticRegression(solver="liblinear", random_state=seed)
    return _search_strength(kind, seed, OneVsRestClassifier(each), "estimator__C")


def _chain(kind, seed):
    from sklearn.linear_model import LogisticRegression
    from sklearn.multioutput import ClassifierChain

    each = OrConstant(LogisticRegression(solver="liblinear", random_state=seed))
    chain = ClassifierChain(each, order="random", random_state=seed)
    return _search_strength(kind, seed, chain, "estimator__estimator__C")


def _perceptron(**settings: Any) -> Recipe:
    def build(kind, seed):
        from sklearn.neural_network import MLPClassifier

        return _scale(kind, MLPClassifier(random_state=seed, **settings))

    return build


def _trees(kind, seed):
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(500, random_state=seed)


def _forest(kind, seed):
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(500, random_state=seed)


def _boosting(kind, seed):
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.multiclass import OneVsRestClassifier

    return OneVsRestClassifier(HistGradientBoostingClassifier(random_state=seed))


def _scikeras(kind, seed):
    from scikeras.wrappers import KerasClassifier

    from peers import plain_network

    network = KerasClassifier(
        plain_network,
        optimizer="adam",
        loss="binary_crossentropy",
        epochs=SCIKERAS_EPOCHS,
        verbose=0,
        random_state=seed,
    )
    return _scale(kind, network)


def _ours(model: str) -> Recipe:
    def build(kind, seed):
        from skmultilabel_keras import KerasMultiLabelClassifier

        return KerasMultiLabelClassifier(model, random_state=seed)

    return build


# From the cheapest to the dearest, so that a run that is cut off has most peers complete.
PEERS: dict[str, Peer] = {
    "prior": Peer("label prior", _dummy, 'DummyClassifier(strategy="prior")', random=False),
    "neighbours": Peer(
        "KNeighbors", _neighbours, "KNeighborsClassifier(), scaled if dense", random=False
    ),
    "boomer": Peer("mlrl-boomer", _boomer, "BoomerClassifier(), boosted multi-label rules"),
    "logistic": Peer(
        LOGISTIC,
        _logistic,
        "liblinear (which penalises intercepts), scaled if dense; one C of nine for all labels, by "
        "log loss in inner cross-validation",
        random=False,
    ),
    "chain": Peer("ClassifierChain", _chain, "the same regressions in a chain of random order"),
    # An early end goes by whole rows that are right, of which small sets and long label lists have
    # hardly any: it suits text only. So both stand here.
    "perceptron_early": Peer(
        f"{PERCEPTRON}, early end",
        _perceptron(early_stopping=True),
        "MLPClassifier(early_stopping=True), scaled if dense",
        ranked=False,
    ),
    "perceptron": Peer(PERCEPTRON, _perceptron(), "MLPClassifier(), scaled if dense"),
    "extra_trees": Peer("ExtraTrees", _trees, "ExtraTreesClassifier(500)"),
    "ours": Peer(OURS, _ours("auto"), "ours, everything default"),
    "ours_mlp": Peer(f"{OURS}, mlp", _ours("mlp"), 'ours with model="mlp"', ranked=False),
    "ours_ensemble": Peer(
        f"{OURS}, ensemble", _ours("ensemble"), 'ours with model="ensemble"', ranked=False
    ),
    "scikeras": Peer(
        SCIKERAS,
        _scikeras,
        f"one hidden layer of 100, sigmoid, Adam, {SCIKERAS_EPOCHS} epochs, scaled if dense",
        needs_dense=True,
    ),
    "forest": Peer("RandomForest", _forest, "RandomForestClassifier(500)"),
    "boosting": Peer(
        "HistGradientBoosting",
        _boosting,
        "OneVsRestClassifier(HistGradientBoostingClassifier())",
        needs_dense=True,
    ),
}
