"""The rule for labels that have parents.

Owns: forests of labels, and decisions that agree with them.
Does not own: thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt

from skmultilabel_keras._validation import nearest_names
from skmultilabel_keras.decision_rules._reading import Decisions, Scores
from skmultilabel_keras.decision_rules._rule import DecisionRule, is_above


@final
class Hierarchy(DecisionRule):
    """Decide the labels whose scores are above a threshold, and no label without its parent.

    Scores are made consistent, parents at least as likely as their children, before they are
    compared with the threshold. Where labels have thresholds of their own, so that consistent
    scores are not enough, parents are decided and children left out by the same direction.

    Parameters
    ----------
    parents : sequence of length n_labels
        The column of each label's parent; None or -1 for a label without one.
    threshold : float or array-like of shape (n_labels,), default=0.5
        One for all labels, or one for each.
    how : {"raise", "lower"}, default="raise"
        Whether a parent's score is raised to the greatest of its descendants, or a label's
        lowered to the least of its ancestors.

    Examples
    --------
    The first label is the parent of both others.

    >>> scores = [[0.4, 0.7, 0.1]]
    >>> Hierarchy([None, 0, 0]).decide(scores)
    array([[ True,  True, False]])
    >>> Hierarchy([None, 0, 0], how="lower").decide(scores)
    array([[False, False, False]])
    """

    def __init__(
        self,
        parents: Sequence[int | None] | npt.NDArray[np.integer[Any]],
        threshold: Any = 0.5,
        how: Literal["raise", "lower"] = "raise",
    ) -> None:
        self.parents = parents
        self.threshold = threshold
        self.how = how

    def _decide(self, y_score: Scores) -> Decisions:
        if self.how not in ("raise", "lower"):
            raise ValueError(
                f"how is unknown: {self.how!r}. {nearest_names(str(self.how), ['raise', 'lower'])}"
            )
        parents = _check_parents(self.parents, y_score.shape[1])
        generations = _list_generations(parents)
        # The greatest of some scores is above a threshold if one of them is, the least if all are:
        # decisions may be made consistent in place of scores.
        decided = is_above(y_score, self.threshold)
        if self.how == "lower":
            for children in generations:
                decided[:, children] &= decided[:, parents[children]]
            return decided
        for children in reversed(generations):
            children = children[np.argsort(parents[children], kind="stable")]
            heads, first = np.unique(parents[children], return_index=True)
            decided[:, heads] |= np.logical_or.reduceat(decided[:, children], first, axis=1)
        return decided


def _check_parents(parents: Any, n_labels: int) -> npt.NDArray[np.intp]:
    """Return the column of each label's parent, -1 for those without one."""
    listed = None if isinstance(parents, (str, bytes)) or np.ndim(parents) != 1 else list(parents)
    if listed is None or len(listed) != n_labels:
        raise ValueError(
            f"parents must name the parent of each of the {n_labels} labels by its column, None or "
            f"-1 for none; got {parents!r}."
        )
    columns = [-1 if parent is None else parent for parent in listed]
    for label, parent in enumerate(columns):
        is_whole = isinstance(parent, Integral) and not isinstance(parent, bool)
        if not is_whole or not -1 <= int(parent) < n_labels:
            raise ValueError(
                f"parents must hold columns from 0 to {n_labels - 1}, and None or -1 for none; got "
                f"{parent!r} for label {label}."
            )
    return np.array(columns, dtype=np.intp)


def _list_generations(parents: npt.NDArray[np.intp]) -> list[npt.NDArray[np.intp]]:
    """Return the labels with one ancestor, those with two, and so on."""
    n_ancestors = np.zeros(len(parents), dtype=np.intp)
    ancestor = parents
    while (ancestor >= 0).any():
        n_ancestors += ancestor >= 0
        if n_ancestors.max() >= len(parents):
            label = int(ancestor[n_ancestors.argmax()])
            raise ValueError(
                f"parents must not hold a cycle; label {label} is its own ancestor, by way of "
                f"label {parents[label]}. Give one label of the cycle None as its parent."
            )
        ancestor = np.where(ancestor >= 0, parents[ancestor], -1)
    return [np.flatnonzero(n_ancestors == n) for n in range(1, n_ancestors.max() + 1)]
