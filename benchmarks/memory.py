"""The row on memory over many fits."""

from __future__ import annotations

import gc
from dataclasses import replace

import numpy as np

from names import KERAS, MANY_ARCHITECTURES, MEMORY_GROWTH, ONE_ARCHITECTURE, OURS
from peak import resident
from peers import FITS, Problem
from timing import Measurement, Sample, Settings, compare_fresh

PROBLEM = Problem(n_rows=500, n_features=20, n_labels=5, n_hidden=20, epochs=2)

# Fits of one process. Keras grows by megabytes a fit, which shows after a few dozen.
N_FITS = {OURS: 200, KERAS: 60}
N_FITS_QUICK = 12
FITS_PER_READING = 4

# Share of the fits that may fill caches and pools before growth counts.
WARM_UP = 0.25


def growth(settings: Settings) -> list[Measurement]:
    """Measure how much each fit, with predictions, adds to the memory of its process."""
    results = []
    for case in (ONE_ARCHITECTURE, MANY_ARCHITECTURES):
        n_fits = {name: N_FITS_QUICK if settings.quick else n for name, n in N_FITS.items()}
        results += compare_fresh(
            "memory:sample_growth",
            {name: (name, n_fits[name], case == MANY_ARCHITECTURES) for name in N_FITS},
            replace(settings, repeats=1),
            case=case,
            quantity=MEMORY_GROWTH,
            unit="MB a fit",
            notes={name: f"{n} fits" for name, n in n_fits.items()},
        )
    return results


def sample_growth(name: str, n_fits: int, many: bool) -> Sample:
    """Return the slope of memory over fits, in MB a fit, after a warm-up."""
    X, y = PROBLEM.data()
    readings = []
    for number in range(n_fits):
        problem = replace(PROBLEM, n_hidden=PROBLEM.n_hidden + number) if many else PROBLEM
        _fit_and_predict(name, problem, X, y)
        if number % FITS_PER_READING == FITS_PER_READING - 1:
            gc.collect()
            readings.append((number, resident()))
    numbers, megabytes = np.array(readings).T
    kept = numbers >= WARM_UP * n_fits
    return Sample(float(np.polyfit(numbers[kept], megabytes[kept], 1)[0]))


def _fit_and_predict(name: str, problem: Problem, X: np.ndarray, y: np.ndarray) -> None:
    fitted = FITS[name](problem, X, y)
    if name == KERAS:
        fitted.predict(X, verbose=0)
        fitted.predict(X[:1], verbose=0)
    else:
        fitted.predict_proba(X)
        fitted.predict(X[:1])
