"""What all rules have in common.

Owns: the base class; ranks, and comparison with thresholds.
Does not own: any rule.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator

from skmultilabel_keras.decision_rules._reading import (
    Decisions,
    Scores,
    check_scores,
    read_for_labels,
)
from skmultilabel_keras.metrics._reading import check_shapes, read_labels


class DecisionRule(BaseEstimator, ABC):
    """A way from scores of labels to sets of labels.

    A rule of one's own defines ``_decide(y_score)``, from checked scores to booleans of the same
    shape, and ``_learn(y_true)``, from a CSR array, if it learns from labels. ``__init__`` stores
    parameters as they are, as in all of scikit-learn.

    Examples
    --------
    >>> class AboveMeanOfRow(DecisionRule):
    ...     def _decide(self, y_score):
    ...         return y_score > y_score.mean(axis=1, keepdims=True)
    >>> AboveMeanOfRow().decide([[0.1, 0.3, 0.8]])
    array([[False, False,  True]])
    """

    _needs_probabilities: ClassVar[bool] = False

    def fit(self, y_true: Any, y_score: Any = None) -> DecisionRule:
        """Check the parameters, and learn from labels where the rule does so.

        Parameters
        ----------
        y_true : indicator of shape (n_samples, n_labels)
            Nested list, array, DataFrame, SciPy sparse matrix or array of 0 and 1, NaN where a
            label is missing.
        y_score : array-like of shape (n_samples, n_labels), default=None
            Scores of the same rows. No rule of this package learns from them: they are checked
            where they are given.

        Returns
        -------
        DecisionRule
            The rule itself.

        Raises
        ------
        ValueError
            For labels, scores or parameters that break a rule of the package's docstring.
        """
        true, presence = read_labels("y_true", y_true)
        if y_score is not None:
            scores = check_scores(y_score, self._needs_probabilities)
            check_shapes("y_score", presence.shape, scores.shape)
        complete = slice(None) if presence.mask is None else presence.mask.all(axis=1)
        self._learn(true[complete])
        self.decide(np.zeros((0, true.shape[1])))  # raises if parameters do not fit the labels
        return self

    def decide(self, y_score: Any) -> Decisions:
        """Return the labels that are decided for each row.

        Parameters
        ----------
        y_score : array-like of shape (n_samples, n_labels)
            Scores, greater where a label is more likely.

        Returns
        -------
        ndarray of bool, of shape (n_samples, n_labels)

        Raises
        ------
        ValueError
            For scores or parameters that break a rule of the package's docstring.
        sklearn.exceptions.NotFittedError
            If the rule learns in ``fit``, which was not called.
        """
        return self._decide(check_scores(y_score, self._needs_probabilities))

    @property
    def learns(self) -> bool:
        """Whether ``fit`` learns from labels."""
        return type(self)._learn is not DecisionRule._learn

    def _learn(self, y_true: sparse.csr_array) -> None:
        """Learn from the rows without missing labels."""
        return

    @abstractmethod
    def _decide(self, y_score: Scores) -> Decisions: ...


def is_above(y_score: Scores, threshold: Any) -> Decisions:
    """Tell which scores are above a threshold for all labels, or one for each."""
    bounds = read_for_labels("threshold", threshold, y_score.shape[1])
    with np.errstate(over="ignore"):  # what no float32 reaches becomes infinity
        return y_score > bounds.astype(y_score.dtype)


def rank_labels(y_score: Scores, *, first: Decisions | None = None) -> npt.NDArray[np.intp]:
    """Return the rank of each label in its row, from 0, by score or by ``first`` and score."""
    keys = (-y_score,) if first is None else (-y_score, ~first)
    order = np.lexsort(keys, axis=1)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(order.shape[1])[np.newaxis], axis=1)
    return rank


def slices(n_rows: int, step: int) -> Iterable[slice]:
    """Return slices of ``step`` rows, and of one row at least, that cover all rows."""
    step = max(1, step)
    return (slice(start, start + step) for start in range(0, n_rows, step))
