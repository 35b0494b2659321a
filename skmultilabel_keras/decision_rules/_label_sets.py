"""The rule that decides among label sets seen before.

Owns: the most probable of these sets.
Does not own: which sets are likely to occur, beyond that they did.
"""

from __future__ import annotations

from itertools import pairwise
from typing import final

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from skmultilabel_keras.decision_rules._reading import Decisions, Scores
from skmultilabel_keras.decision_rules._rule import DecisionRule, slices

# Numbers in a temporary array.
_BLOCK = 2**20


@final
class SubsetAccuracy(DecisionRule):
    """Decide the most probable label set among those seen in ``fit``, given independent labels.

    Among all sets, threshold 0.5 finds the most probable one; sets that do not occur are ruled out
    here, which makes up for the dependence of labels that probabilities do not tell.

    Attributes
    ----------
    label_sets_ : csr_array of float64, of shape (n_sets, n_labels)
        The distinct rows of ``y_true``, those with a missing label left out. Of equally probable
        sets the first is decided.

    Notes
    -----
    A probability of exactly 0 or 1 that speaks against a set rules it out, unless all sets are
    ruled out: then those remain against which the fewest such probabilities speak.

    Examples
    --------
    >>> rule = SubsetAccuracy().fit([[1, 1, 0], [0, 0, 1]])
    >>> rule.decide([[0.9, 0.4, 0.2], [0.1, 0.6, 0.9]])
    array([[ True,  True, False],
           [False, False,  True]])
    """

    _needs_probabilities = True

    def _learn(self, y_true: sparse.csr_array) -> None:
        if not y_true.shape[0]:
            raise ValueError(
                "y_true must have a row without missing labels for SubsetAccuracy, which decides "
                "among the label sets of such rows; got none. Use another rule, such as Threshold."
            )
        self.label_sets_ = _distinct_rows(y_true)

    def _decide(self, y_score: Scores) -> Decisions:
        check_is_fitted(self, "label_sets_")
        n_sets, n_labels = self.label_sets_.shape
        if y_score.shape[1] != n_labels:
            raise ValueError(
                f"y_score must have one column for each of the {n_labels} labels seen in fit; got "
                f"shape {y_score.shape}."
            )
        decided = np.empty(y_score.shape, dtype=bool)
        for rows in slices(y_score.shape[0], _BLOCK // max(n_sets, n_labels)):
            best = self._log_odds(y_score[rows].astype(np.float64)).argmax(axis=0)
            decided[rows] = self.label_sets_[best].toarray() > 0
        return decided

    def _log_odds(self, probability: Scores) -> Scores:
        """Return log-probabilities of sets, up to a number for each row, of shape (sets, rows)."""
        never, always = probability == 0, probability == 1
        inside = np.where(never | always, 0.5, probability)
        log_odds = self.label_sets_ @ (np.log(inside) - np.log1p(-inside)).T
        if never.any() or always.any():
            # Up to a number for each row again, as those of "always" that a set lacks are.
            n_against = self.label_sets_ @ (never.astype(np.float64) - always).T
            log_odds[n_against > n_against.min(axis=0)] = -np.inf
        return log_odds


def _distinct_rows(indicator: sparse.csr_array) -> sparse.csr_array:
    """Return the distinct rows of a canonical CSR array, as strings of bits in ascending order.

    Of two rows the greater has the first label that they differ in: labels are numbered from the
    last, and bytes are compared as such numbers are if the greatest byte comes first.
    """
    n_labels = indicator.shape[1]
    numbers = (n_labels - indicator.indices).astype(np.min_scalar_type(n_labels).newbyteorder(">"))
    strings = numbers.tobytes()
    ends = (indicator.indptr.astype(np.int64) * numbers.itemsize).tolist()
    row_of = {strings[start:end]: row for row, (start, end) in enumerate(pairwise(ends))}
    return indicator[[row_of[labels] for labels in sorted(row_of)]]
