"""The row on wide sparse rows with many labels: time and peak memory of a fit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.sparse
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from names import KERAS, LOGISTIC, OURS, PEAK_MEMORY, PERCEPTRON
from peak import peak_growth
from peers import Problem, fit_keras, our_network, perceptron
from timing import Contender, Measurement, Sample, Settings, compare, compare_fresh

PROBLEM = Problem(n_rows=3000, n_features=20_000, n_labels=500, batch_size=64, epochs=5)
QUICK = Problem(n_rows=200, n_features=2000, n_labels=20, batch_size=64, epochs=1)
FILLED = 0.005
LABEL_SHARE = 0.01

# One label takes as long as another: a tenth of them tells how long all take.
LABEL_STEP = 10


def fit_ours(problem: Problem, X: scipy.sparse.csr_array, y: np.ndarray) -> object:
    """Fit on the sparse rows."""
    return our_network(problem).fit(X, y)


def fit_dense(problem: Problem, X: scipy.sparse.csr_array, y: np.ndarray) -> object:
    """Fit Keras on dense rows; making them counts."""
    return fit_keras(problem, X.toarray(), y)


def fit_perceptron(problem: Problem, X: scipy.sparse.csr_array, y: np.ndarray) -> object:
    """Fit scikit-learn's network on the sparse rows."""
    return perceptron(problem).fit(X, y)


def fit_logistic(problem: Problem, X: scipy.sparse.csr_array, y: np.ndarray) -> object:
    """Fit a logistic regression for every tenth label."""
    return OneVsRestClassifier(LogisticRegression()).fit(X, y[:, ::LABEL_STEP])


FITS: dict[str, Callable[..., object]] = {
    OURS: fit_ours,
    KERAS: fit_dense,
    PERCEPTRON: fit_perceptron,
}


def sparse_fit(settings: Settings) -> list[Measurement]:
    """Time fits in this process, then measure their memory in processes of their own."""
    problem = QUICK if settings.quick else PROBLEM
    X, y = make_sparse(problem)
    note = f"1 in {LABEL_STEP} labels, times {LABEL_STEP}; no hidden layer"
    contenders = [
        *(Contender(name, partial(fit, problem, X, y)) for name, fit in FITS.items()),
        Contender(LOGISTIC, partial(fit_logistic, problem, X, y), scale=LABEL_STEP, note=note),
    ]
    times = compare(contenders, settings.few)
    arguments = {name: (name, problem) for name in FITS}
    return times + compare_fresh(
        "sparse_rows:sample_peak", arguments, settings.few, quantity=PEAK_MEMORY, unit="MB"
    )


def sample_peak(name: str, problem: Problem) -> Sample:
    """Measure the memory of a fit on top of the imports and the sparse rows."""
    X, y = make_sparse(problem)
    return Sample(peak_growth(lambda: FITS[name](problem, X, y)))


def make_sparse(problem: Problem) -> tuple[scipy.sparse.csr_array, np.ndarray]:
    """Return random rows and a label indicator in which every label occurs."""
    rng = np.random.default_rng(0)
    n_rows, n_features = problem.n_rows, problem.n_features
    filled = round(FILLED * n_features)
    columns = [np.sort(rng.choice(n_features, filled, replace=False)) for _ in range(n_rows)]
    values = rng.random(n_rows * filled, dtype=np.float32)
    starts = filled * np.arange(n_rows + 1)
    X = scipy.sparse.csr_array((values, np.concatenate(columns), starts), (n_rows, n_features))
    y = rng.random((n_rows, problem.n_labels)) < LABEL_SHARE
    labels = np.arange(problem.n_labels)
    y[labels % n_rows, labels] = True
    return X, y.astype(np.int64)
