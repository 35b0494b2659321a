"""Inputs and tables that the tests of metrics share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from skmultilabel_keras import metrics

AVERAGES = ["micro", "macro", "samples", "weighted"]
RATIOS = ["precision_score", "recall_score", "f1_score", "jaccard_score"]
PLAIN = {"hamming_loss": "hamming_loss", "subset_accuracy": "accuracy_score"}
RANKINGS = {
    "label_ranking_average_precision": "label_ranking_average_precision_score",
    "coverage_error": "coverage_error",
    "label_ranking_loss": "label_ranking_loss",
}


class Metric(NamedTuple):
    """A metric with its options.

    ``over`` says what its mean is taken over: "entries", "labels", "weighted" labels or "rows".
    """

    name: str
    over: str
    reads: str = "sets"
    options: dict[str, Any] = {}  # noqa: RUF012
    ends: tuple[float, float] = (0, 1)

    def __call__(self, y_true: Any, y_pred: Any, y_score: Any, weight: Any = None) -> Any:
        response = y_pred if self.reads == "sets" else y_score
        metric = getattr(metrics, self.name)
        return metric(y_true, response, sample_weight=weight, **self.options)

    def __repr__(self) -> str:
        return "-".join([self.name, *map(str, self.options.values())])


_OVER = {"micro": "entries", "macro": "labels", "samples": "rows", "weighted": "weighted"}

SET_METRICS = [
    Metric("hamming_loss", "entries"),
    Metric("subset_accuracy", "rows"),
    *(Metric(name, _OVER[how], "sets", {"average": how}) for name in RATIOS for how in AVERAGES),
    *(Metric("fbeta_score", _OVER[how], "sets", {"beta": 2, "average": how}) for how in AVERAGES),
    Metric("balanced_accuracy", "labels"),
    Metric("matthews_corrcoef", "labels", ends=(-1, 1)),
]
SCORE_METRICS = [
    Metric("label_log_loss", "entries", "scores", ends=(0, -np.log(np.finfo(float).eps))),
    Metric("expected_calibration_error", "entries", "scores", {"average": "micro"}),
    Metric("expected_calibration_error", "labels", "scores", {"average": "macro"}),
    Metric("label_ranking_average_precision", "rows", "scores"),
    Metric("coverage_error", "rows", "scores", ends=(0, np.inf)),
    Metric("label_ranking_loss", "rows", "scores"),
    Metric("one_error", "rows", "scores"),
    *(Metric("precision_at_k", "rows", "scores", {"k": k}) for k in (1, 2, 5)),
    *(Metric("ndcg_at_k", "rows", "scores", {"k": k}) for k in (1, 2, 5)),
    *(
        Metric(name, _OVER[how], "scores", {"average": how})
        for name in ("average_precision", "roc_auc")
        for how in ("micro", "macro")
    ),
]
METRICS = SET_METRICS + SCORE_METRICS

# Metrics with one value for each label.
_OF_LABELS = {
    "sets": [*RATIOS, "balanced_accuracy", "matthews_corrcoef"],
    "scores": ["average_precision", "roc_auc", "expected_calibration_error"],
}
LABEL_METRICS = [
    Metric("fbeta_score", "labels", "sets", {"beta": 2, "average": None}),
    *(
        Metric(name, "labels", reads, {"average": None})
        for reads, names in _OF_LABELS.items()
        for name in names
    ),
]


def all_values(y_true: Any, y_pred: Any, y_score: Any, weight: Any = None) -> np.ndarray:
    """Every metric that gives a number, as one vector."""
    return np.array([metric(y_true, y_pred, y_score, weight) for metric in METRICS])


def label_values(y_true: Any, y_pred: Any, y_score: Any, weight: Any = None) -> np.ndarray:
    """Every metric that gives a number for each label, of shape (n_metrics, n_labels)."""
    return np.array([metric(y_true, y_pred, y_score, weight) for metric in LABEL_METRICS])


CONTAINERS: dict[str, Callable[[np.ndarray], Any]] = {
    "list": np.ndarray.tolist,
    "bool": lambda y: y.astype(bool),
    "float32": lambda y: y.astype(np.float32),
    "object": lambda y: y.astype(object),
    "frame": pd.DataFrame,
    "nullable frame": lambda y: pd.DataFrame(y).astype("boolean"),
    "read-only": lambda y: np.broadcast_to(y, y.shape),
    "bool csr_array": lambda y: sparse.csr_array(y.astype(bool)),
    "stored zeros": lambda y: with_stored_zeros(y),
    **{
        f"{form}_{kind}": getattr(sparse, f"{form}_{kind}")
        for form in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
        for kind in ("matrix", "array")
    },
}


def with_stored_zeros(y: np.ndarray) -> sparse.csr_array:
    n_samples, n_labels = y.shape
    columns = np.tile(np.arange(n_labels)[::-1], n_samples)
    starts = np.arange(0, y.size + 1, n_labels)
    return sparse.csr_array((y[:, ::-1].ravel(), columns, starts), shape=y.shape)


# Strategies


@st.composite
def indicators(draw: Any, shape: tuple[int, int]) -> np.ndarray:
    """Draw an indicator, often with rows and labels that hold nothing or everything."""
    y = draw(arrays(np.int64, shape, elements=st.integers(0, 1)))
    kinds = st.sampled_from(["keep", "keep", "zeros", "ones"])
    for axis_view in (y.T, y):
        for line in axis_view:
            kind = draw(kinds)
            line[...] = {"keep": line, "zeros": 0, "ones": 1}[kind]
    return y


def shapes(*, min_labels: int = 1) -> st.SearchStrategy:
    return st.tuples(st.integers(1, 6), st.integers(min_labels, 4))


def weights(n_samples: int, values: tuple[float, ...] = (0, 0.5, 1, 2)) -> st.SearchStrategy:
    """Weights that are exact in binary, so that rounding does not decide what is 0/0."""
    rows = st.lists(st.sampled_from(values), min_size=n_samples, max_size=n_samples)
    return rows.filter(any).map(np.array)


@st.composite
def label_sets(draw: Any, *, min_labels: int = 1) -> tuple[np.ndarray, np.ndarray, Any]:
    shape = draw(shapes(min_labels=min_labels))
    weight = draw(st.none() | weights(shape[0]))
    return draw(indicators(shape)), draw(indicators(shape)), weight


@st.composite
def label_scores(draw: Any, *, min_labels: int = 1) -> tuple[np.ndarray, np.ndarray, Any]:
    """Draw scores on a coarse grid of [0, 1]: ties, and the ends, are common."""
    shape = draw(shapes(min_labels=min_labels))
    grid = draw(arrays(np.int64, shape, elements=st.integers(0, 4)))
    weight = draw(st.none() | weights(shape[0]))
    return draw(indicators(shape)), grid / 4, weight


@st.composite
def full_cases(draw: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, Any]:
    """Draw true labels, predicted ones, scores and weights."""
    y_true, y_score, weight = draw(label_scores())
    return y_true, draw(indicators(y_true.shape)), y_score, weight


@st.composite
def missing_cases(draw: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, Any]:
    """Draw the same with missing entries, often whole rows and labels, never all that count."""
    y_true, y_pred, y_score, weight = draw(full_cases())
    missing = draw(indicators(y_true.shape)) > 0
    counts = np.ones(len(y_true)) if weight is None else weight
    row, column = int(np.argmax(counts)), draw(st.integers(0, y_true.shape[1] - 1))
    missing[row, column] = False
    return np.where(missing, np.nan, y_true), y_pred, y_score, weight


def law(max_examples: int = 40) -> Callable[[Any], Any]:
    return settings(
        max_examples=max_examples, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
