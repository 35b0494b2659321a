"""Rows on grid searches: 40 fits, in one thread, in two, and with regularisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import joblib
from joblib.externals.loky import get_reusable_executor
from sklearn.model_selection import GridSearchCV, KFold

from names import FIRST, LATER, OURS, OURS_SERIAL, PERCEPTRON, PERCEPTRON_PROCESSES, SCIKERAS
from peers import (
    Problem,
    our_network,
    our_regularised,
    perceptron,
    regularised_network,
    scikeras_network,
)
from timing import Contender, Measurement, Sample, Settings, compare, compare_fresh, timed

LEARNING_RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2)
N_FOLDS = 5

# Fits of SciKeras take seconds each and are all alike: this share of the grid is enough.
FEW_RATES = LEARNING_RATES[2:4]

# What is searched: the estimator and its name of the learning rate.
SEARCHED: dict[str, tuple[Callable[[Problem], Any], str]] = {
    OURS: (our_network, "optimizer__learning_rate"),
    SCIKERAS: (scikeras_network, "optimizer__learning_rate"),
    PERCEPTRON: (perceptron, "learning_rate_init"),
    "regularised " + OURS: (our_regularised, "optimizer__learning_rate"),
    "regularised " + SCIKERAS: (
        lambda problem: scikeras_network(problem, regularised_network),
        "optimizer__learning_rate",
    ),
}


def serial(settings: Settings) -> list[Measurement]:
    """Time a search, the first of its process and later ones, with one job."""
    problem, rates = _sizes(settings)
    arguments = {name: (name, problem, rates, None) for name in (OURS, SCIKERAS, PERCEPTRON)}
    first = compare_fresh("search:sample_search", arguments, settings.few, case=FIRST)
    contenders = [
        Contender(name, _make_search(name, problem, rates)) for name in (OURS, PERCEPTRON)
    ]
    later = compare(contenders, settings.few, case=LATER)
    note = "taken from its first searches: it keeps nothing for later ones"
    same = [replace(one, case=LATER, note=note) for one in first if one.contender == SCIKERAS]
    return first + later + same


def threads(settings: Settings) -> list[Measurement]:
    """Time a search with two jobs: threads for ours, processes for ``MLPClassifier``."""
    problem, rates = _sizes(settings)
    jobs = {
        OURS: (OURS, problem, rates, "threading"),
        OURS_SERIAL: (OURS, problem, rates, None),
        PERCEPTRON_PROCESSES: (PERCEPTRON, problem, rates, "loky"),
    }
    note = {PERCEPTRON_PROCESSES: "starting the processes counts"}
    first = compare_fresh("search:sample_search", jobs, settings.few, case=FIRST, notes=note)
    contenders = [
        Contender(name, _make_search(*job), note="processes wait" if job[-1] == "loky" else "")
        for name, job in jobs.items()
    ]
    later = compare(contenders, settings.few, case=LATER)
    _end_processes("loky")
    return first + later


def regularised(settings: Settings) -> list[Measurement]:
    """Time a search over a network with dropout and batch normalisation."""
    problem, rates = _sizes(settings)
    few = rates[: len(FEW_RATES)] if settings.quick else FEW_RATES
    arguments = {
        OURS: ("regularised " + OURS, problem, rates, None),
        SCIKERAS: ("regularised " + SCIKERAS, problem, few, None),
    }
    results = compare_fresh("search:sample_search", arguments, settings.few)
    return [_scaled(one, len(rates), len(few)) for one in results]


def _scaled(result: Measurement, n_rates: int, n_few: int) -> Measurement:
    if result.contender != SCIKERAS:
        return result
    scale = n_rates / n_few
    samples = tuple(replace(one, value=one.value * scale) for one in result.samples)
    return replace(result, samples=samples, note=f"{n_few * N_FOLDS} fits, times {scale:g}")


def sample_search(
    name: str, problem: Problem, rates: tuple[float, ...], backend: str | None
) -> Sample:
    """Time one search, for a process in which nothing else has run."""
    try:
        return timed(_make_search(name, problem, rates, backend))
    finally:
        _end_processes(backend)


def _sizes(settings: Settings) -> tuple[Problem, tuple[float, ...]]:
    rates = LEARNING_RATES[:2] if settings.quick else LEARNING_RATES
    return Problem().sized(settings.quick), rates


def _make_search(
    name: str, problem: Problem, rates: tuple[float, ...], backend: str | None = None
) -> Callable[[], object]:
    make, rate_name = SEARCHED[name]
    X, y = problem.data()
    search = GridSearchCV(
        make(problem),
        {rate_name: list(rates)},
        scoring="f1_micro",
        cv=KFold(N_FOLDS),
        refit=False,
        error_score="raise",
        n_jobs=2 if backend else 1,
    )
    return partial(_run_search, search, X, y, backend)


def _run_search(search: GridSearchCV, X: Any, y: Any, backend: str | None) -> None:
    if backend is None:
        search.fit(X, y)
        return
    with joblib.parallel_config(backend=backend):
        search.fit(X, y)


def _end_processes(backend: str | None) -> None:
    # They would wait for more work for minutes, and this process would wait for them.
    if backend == "loky":
        get_reusable_executor().shutdown(wait=True)
