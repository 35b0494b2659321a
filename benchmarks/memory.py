"""The row on memory over many fits, and the peak of one piece of work."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from names import KERAS, MANY_ARCHITECTURES, MEMORY_GROWTH, ONE_ARCHITECTURE, OURS
from peers import FITS, Problem
from timing import Measurement, Sample, Settings, compare_fresh

PROBLEM = Problem(n_rows=500, n_features=20, n_labels=5, n_hidden=20, epochs=2)

# Fits of one process. Keras grows by megabytes a fit, which shows after a few dozen.
N_FITS = {OURS: 200, KERAS: 60}
N_FITS_QUICK = 12
FITS_PER_READING = 4

# Share of the fits that may fill caches and pools before growth counts.
WARM_UP = 0.25

_MEGABYTE = 2**20
_STATUS = Path("/proc/self/status")


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


def peak_growth(work: Callable[[], object]) -> float:
    """Return the MB by which memory rises at most while ``work`` runs."""
    gc.collect()
    _forget_peak()
    before = resident()
    work()
    return max(peak() - before, 0.0)


def resident() -> float:
    """Return the memory of this process in MB."""
    return psutil.Process().memory_info().rss / _MEGABYTE


def peak() -> float:
    """Return the largest memory that this process has had, in MB.

    ``ru_maxrss`` is what systems without /proc offer. On Linux it starts at the size of the
    process that started this one, so a small process looks as large as its parent.
    """
    if _STATUS.exists():
        lines = _STATUS.read_text(encoding="utf-8").splitlines()
        kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
        return int(kilobytes) / 1024
    import resource  # Windows has none

    maximum = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return maximum / (_MEGABYTE if sys.platform == "darwin" else 1024)


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:  # not Linux, or not allowed: the peak then covers what was before
        return
