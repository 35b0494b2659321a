"""Rows on ``predict_proba``: from one row to a million."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from names import KERAS, OURS, PEAK_MEMORY, PERCEPTRON
from peak import peak_growth
from peers import FITS, Problem
from timing import Contender, Measurement, Sample, Settings, compare, compare_fresh

# Seconds that a sample of short calls lasts.
SHORTEST = 0.2

# Rows for each step of Keras on large inputs: with its default of 32 it is far slower.
LARGE_BATCH = 4096

CONTENDERS = (OURS, KERAS, PERCEPTRON)


def few_rows(settings: Settings) -> list[Measurement]:
    """Time calls on 1, 100 and 10,000 rows, repeated within each sample."""
    predict = {name: fit_predictor(name, settings.quick) for name in CONTENDERS}
    results = []
    for n_rows in (1, 100, 1000 if settings.quick else 10_000):
        X = make_rows(n_rows)
        contenders = [Contender(name, partial(call, X)) for name, call in predict.items()]
        case = f"{n_rows:,} row" + "s" * (n_rows > 1)
        results += compare(contenders, settings, case=case, shortest=SHORTEST)
    return results


def many_rows(settings: Settings) -> list[Measurement]:
    """Time one call on a million rows, and measure its memory in processes of their own."""
    n_rows = 20_000 if settings.quick else 1_000_000
    X = make_rows(n_rows)
    contenders = [
        Contender(name, partial(fit_predictor(name, settings.quick, LARGE_BATCH), X))
        for name in CONTENDERS
    ]
    times = compare(contenders, settings)
    arguments = {name: (name, n_rows, settings.quick) for name in CONTENDERS}
    return times + compare_fresh(
        "prediction:sample_peak", arguments, settings.few, quantity=PEAK_MEMORY, unit="MB"
    )


def sample_peak(name: str, n_rows: int, quick: bool) -> Sample:
    """Measure the memory of a prediction on top of the fitted network and the rows."""
    predict = fit_predictor(name, quick, LARGE_BATCH)
    X = make_rows(n_rows)
    return Sample(peak_growth(lambda: predict(X)))


def fit_predictor(
    name: str, quick: bool, batch_size: int | None = None
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function of a fitted network that predicts probabilities."""
    problem = Problem(epochs=2).sized(quick)
    fitted = FITS[name](problem, *problem.data())
    if name == KERAS:
        return partial(fitted.predict, batch_size=batch_size, verbose=0)
    return fitted.predict_proba


def make_rows(n_rows: int) -> np.ndarray:
    """Return random rows for the network, float32 from the start: a million take 400 MB."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((n_rows, Problem().n_features), dtype=np.float32)
