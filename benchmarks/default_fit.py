"""The row on fits with everything default: time and peak memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import scipy.sparse
from sklearn.neural_network import MLPClassifier

from names import LARGE, LARGE_SPARSE, OURS, PEAK_MEMORY, PERCEPTRON, RARE, SMALL
from peak import peak_growth
from peers import Problem
from skmultilabel_keras import KerasMultiLabelClassifier
from sparse_rows import make_sparse
from timing import Measurement, Sample, Settings, compare_fresh, timed

Data = tuple[np.ndarray | scipy.sparse.csr_array, np.ndarray]

_SMALL = Problem(n_rows=600, n_features=70, n_labels=6)
_LARGE = Problem(n_rows=10_000, n_features=2_000, n_labels=200)
RARE_SHARE, LARGE_SHARE = 0.05, 0.02

CASES: dict[str, tuple[Problem, Callable[[Problem], Data]]] = {
    SMALL: (_SMALL, Problem.data),
    RARE: (_SMALL, lambda problem: make_table(problem, RARE_SHARE)),
    LARGE: (_LARGE, lambda problem: make_table(problem, LARGE_SHARE)),
    LARGE_SPARSE: (_LARGE, make_sparse),
}
CONTENDERS = {OURS: KerasMultiLabelClassifier, PERCEPTRON: MLPClassifier}


def default_fit(settings: Settings) -> list[Measurement]:
    """Time first fits, then measure their memory, each in a process of its own."""
    results = []
    for case, (problem, _) in CASES.items():
        names = CONTENDERS if problem is _SMALL else [OURS]  # the other takes minutes
        arguments = {name: (name, case, settings.quick) for name in names}
        results += compare_fresh("default_fit:sample_time", arguments, settings.few, case=case)
        results += compare_fresh(
            "default_fit:sample_peak",
            arguments,
            replace(settings, repeats=1),
            case=case,
            quantity=PEAK_MEMORY,
            unit="MB",
        )
    return results


def sample_time(name: str, case: str, quick: bool) -> Sample:
    """Time a fit: tracing and compiling count, imports do not."""
    return timed(_make_fit(name, case, quick))


def sample_peak(name: str, case: str, quick: bool) -> Sample:
    """Measure the memory of a fit on top of the imports, features and labels."""
    return Sample(peak_growth(_make_fit(name, case, quick)))


def _make_fit(name: str, case: str, quick: bool) -> Callable[[], object]:
    problem, make = CASES[case]
    if quick:
        problem = replace(problem.sized(quick), n_features=min(problem.n_features, 400))
    X, y = make(problem)
    model = CONTENDERS[name](random_state=0)
    return lambda: model.fit(X, y)


def make_table(problem: Problem, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return standard normal features, and labels of this share by a noisy linear rule."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((problem.n_rows, problem.n_features), dtype=np.float32)
    rule = rng.standard_normal((problem.n_features, problem.n_labels), dtype=np.float32)
    scores = X @ rule / np.sqrt(problem.n_features, dtype=np.float32)
    scores += rng.standard_normal(scores.shape, dtype=np.float32)
    return X, (scores > np.quantile(scores, 1 - share, axis=0)).astype(np.int64)
