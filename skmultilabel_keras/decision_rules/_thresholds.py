"""Rules that decide each label by itself.

Owns: thresholds, given or from costs.
Does not own: thresholds chosen from data (``model_selection``).
"""

from __future__ import annotations

from typing import Any, final

import numpy as np

from skmultilabel_keras.decision_rules._reading import Decisions, Scores, read_for_labels
from skmultilabel_keras.decision_rules._rule import DecisionRule, is_above


@final
class Threshold(DecisionRule):
    """Decide the labels whose scores are above a threshold.

    At 0.5, on probabilities, it is optimal for the Hamming loss.

    Parameters
    ----------
    threshold : float or array-like of shape (n_labels,), default=0.5
        One for all labels, or one for each. Infinity leaves a label out.

    Examples
    --------
    >>> Threshold([0.5, 0.2]).decide([[0.4, 0.4], [0.6, 0.1]])
    array([[False,  True],
           [ True, False]])
    """

    def __init__(self, threshold: Any = 0.5) -> None:
        self.threshold = threshold

    def _decide(self, y_score: Scores) -> Decisions:
        return is_above(y_score, self.threshold)


@final
class CostThreshold(DecisionRule):
    """Decide the labels whose expected cost is less than that of leaving them out.

    A label of probability p costs (1 - p) times ``false_positive`` if it is decided and p times
    ``false_negative`` if not, so it is decided where p is above
    false_positive / (false_positive + false_negative) [1]_.

    Parameters
    ----------
    false_positive, false_negative : float or array-like of shape (n_labels,), default=1.0
        Costs of a wrong label and of one left out: finite, not negative, not both zero.

    References
    ----------
    .. [1] Elkan (2001): The foundations of cost-sensitive learning, IJCAI, section 2.

    Examples
    --------
    >>> CostThreshold(false_negative=4).decide([[0.1, 0.3, 0.6]])
    array([[False,  True,  True]])
    """

    _needs_probabilities = True

    def __init__(self, false_positive: Any = 1.0, false_negative: Any = 1.0) -> None:
        self.false_positive = false_positive
        self.false_negative = false_negative

    def _decide(self, y_score: Scores) -> Decisions:
        n_labels = y_score.shape[1]
        wrong = _check_costs("false_positive", self.false_positive, n_labels)
        missed = _check_costs("false_negative", self.false_negative, n_labels)
        larger = np.maximum(wrong, missed)
        if not larger.all():
            raise ValueError(
                "false_positive and false_negative must not both be zero for a label; got "
                f"false_positive={self.false_positive!r}, false_negative={self.false_negative!r}. "
                "Equal costs of 1 give threshold 0.5."
            )
        # Scaled before they are added, which could overflow.
        return is_above(y_score, wrong / larger / (wrong / larger + missed / larger))


def _check_costs(name: str, value: Any, n_labels: int) -> Scores:
    costs = read_for_labels(name, value, n_labels).astype(np.float64)
    if not np.isfinite(costs).all() or (costs < 0).any():
        raise ValueError(
            f"{name} must be finite and not negative; got {value!r}. Costs count what a wrong "
            "decision loses, in any unit."
        )
    return costs
