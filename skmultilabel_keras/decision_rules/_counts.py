"""Rules that bound how many labels a row has.

Owns: the best k, exactly one, at least one, between two numbers.
Does not own: the number that is best for a metric (``_example_f``).
"""

from __future__ import annotations

from typing import Any, final

import numpy as np

from skmultilabel_keras.decision_rules._reading import Decisions, Scores, check_count
from skmultilabel_keras.decision_rules._rule import DecisionRule, is_above, rank_labels


@final
class TopK(DecisionRule):
    """Decide the k labels of the greatest scores.

    Optimal for precision@k on probabilities.

    Parameters
    ----------
    k : int, default=1
        Number of labels, at least 1; all labels where there are fewer.

    Examples
    --------
    >>> TopK(2).decide([[0.1, 0.3, 0.8], [0.2, 0.2, 0.2]])
    array([[False,  True,  True],
           [ True,  True, False]])
    """

    def __init__(self, k: int = 1) -> None:
        self.k = k

    def _decide(self, y_score: Scores) -> Decisions:
        return rank_labels(y_score) < check_count("k", self.k, at_least=1)


@final
class ExactlyOne(DecisionRule):
    """Decide the label of the greatest score, as for exclusive classes.

    Examples
    --------
    >>> ExactlyOne().decide([[0.1, 0.3, 0.2]])
    array([[False,  True, False]])
    """

    def _decide(self, y_score: Scores) -> Decisions:
        return np.arange(y_score.shape[1]) == y_score.argmax(axis=1)[:, np.newaxis]


@final
class AtLeastOne(DecisionRule):
    """Decide the labels whose scores are above a threshold, or the best one if none is.

    Parameters
    ----------
    threshold : float or array-like of shape (n_labels,), default=0.5
        One for all labels, or one for each.

    Examples
    --------
    >>> AtLeastOne().decide([[0.1, 0.3, 0.2], [0.6, 0.7, 0.2]])
    array([[False,  True, False],
           [ True,  True, False]])
    """

    def __init__(self, threshold: Any = 0.5) -> None:
        self.threshold = threshold

    def _decide(self, y_score: Scores) -> Decisions:
        return _bound_count(y_score, self.threshold, 1, None)


@final
class LabelCount(DecisionRule):
    """Decide the labels whose scores are above a threshold, within bounds of their number.

    Where there are too few of them, the best of the others are added; where there are too many,
    the best of them are kept.

    Parameters
    ----------
    min_labels : int, default=0
        Least number of labels in a row; all labels where there are fewer.
    max_labels : int or None, default=None
        Greatest number of labels in a row, not below ``min_labels``; no bound where None.
    threshold : float or array-like of shape (n_labels,), default=0.5
        One for all labels, or one for each.

    Examples
    --------
    >>> LabelCount(1, 2).decide([[0.1, 0.3, 0.2], [0.6, 0.7, 0.8]])
    array([[False,  True, False],
           [False,  True,  True]])
    """

    def __init__(
        self, min_labels: int = 0, max_labels: int | None = None, threshold: Any = 0.5
    ) -> None:
        self.min_labels = min_labels
        self.max_labels = max_labels
        self.threshold = threshold

    def _decide(self, y_score: Scores) -> Decisions:
        least = check_count("min_labels", self.min_labels, at_least=0)
        most = None
        if self.max_labels is not None:
            most = check_count("max_labels", self.max_labels, at_least=0)
            if most < least:
                raise ValueError(
                    f"max_labels must not be below min_labels; got min_labels={least}, "
                    f"max_labels={most}. Use max_labels=None for no bound."
                )
        return _bound_count(y_score, self.threshold, least, most)


def _bound_count(y_score: Scores, threshold: Any, least: int, most: int | None) -> Decisions:
    above = is_above(y_score, threshold)
    n_decided = np.clip(above.sum(axis=1, keepdims=True), least, most)
    return rank_labels(y_score, first=above) < n_decided
