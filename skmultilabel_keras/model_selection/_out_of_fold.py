"""Scores of rows that a classifier was not trained on.

Owns: fitting on splits, and scores of shape (n_samples, n_labels) from any multi-label classifier.
Does not own: splitters (``_splits``), and what scores are good for (``_tuned``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from skmultilabel_keras.metrics import align_scores

# Rows to fit on, None to fit nothing, and rows to score.
Split: TypeAlias = tuple[np.ndarray | None, np.ndarray]


def score_out_of_fold(
    estimator: Any,
    X: Any,
    y: Any,
    splits: Sequence[Split],
    *,
    fit_params: Mapping[str, Any],
    n_labels: int,
    n_jobs: int | None,
) -> tuple[Any, list[np.ndarray]]:
    """Return the scores of each split, and the estimator where there is a single one.

    Parameters
    ----------
    estimator : classifier
        Cloned for each split, but used as it is where nothing is to be fitted.
    X : array-like of shape (n_samples, ...)
    y : indicator of shape (n_samples, n_labels)
    splits : sequence of (train, test)
    fit_params : mapping
        Parameters of ``fit``; what has an entry for each row is cut with the rows.
    n_labels : int
    n_jobs : int or None
        Number of splits at the same time.

    Returns
    -------
    fitted : classifier or None
        None where there are several splits: fitted networks are not sent between processes.
    scores : list of ndarray of shape (n_scored, n_labels)

    Raises
    ------
    ValueError
        For scores that are not finite or of another shape.
    """
    results = Parallel(n_jobs=n_jobs)(
        delayed(_fit_and_score)(
            estimator if train is None else clone(estimator),
            X,
            y,
            train,
            test,
            fit_params=fit_params,
            n_labels=n_labels,
            keep=len(splits) == 1,
        )
        for train, test in splits
    )
    return results[-1][0], [scores for _, scores in results]


def _fit_and_score(
    estimator: Any,
    X: Any,
    y: Any,
    train: np.ndarray | None,
    test: np.ndarray,
    *,
    fit_params: Mapping[str, Any],
    n_labels: int,
    keep: bool,
) -> tuple[Any, np.ndarray]:
    """Fit on some rows and return the scores of others, and the estimator where it is kept."""
    if train is not None:
        n_samples = np.shape(y)[0]
        params = {name: _cut(value, train, n_samples) for name, value in fit_params.items()}
        estimator.fit(_take(X, train), _take(y, train), **params)
    response = estimator.predict_proba(_take(X, test))
    scores = align_scores(response, getattr(estimator, "classes_", None), n_labels=n_labels)
    if not np.isfinite(scores).all():
        raise ValueError(
            "estimator must give finite probabilities; predict_proba of "
            f"{type(estimator).__name__} returned NaN or infinity. Thresholds cannot be tuned on "
            "such scores: look for what made its training diverge."
        )
    return (estimator if keep else None), scores


def _take(values: Any, rows: np.ndarray) -> Any:
    """Return some rows of an array, a sparse matrix, a data frame or a list."""
    if hasattr(values, "iloc"):
        return values.iloc[rows]
    return values[rows] if hasattr(values, "shape") else [values[row] for row in rows]


def _cut(value: Any, rows: np.ndarray, n_samples: int) -> Any:
    """Return some rows of a parameter of ``fit`` where it has an entry for each row."""
    is_rows = hasattr(value, "shape") or isinstance(value, (list, tuple))
    return _take(value, rows) if is_rows and np.shape(value)[:1] == (n_samples,) else value


def as_indices(rows: Any) -> np.ndarray:
    """Return row numbers, also where an iterable of splits holds masks."""
    array = np.asarray(rows)
    return np.flatnonzero(array) if array.dtype == bool else array
