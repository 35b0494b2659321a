"""Sorting scores, with ties kept together.

Owns: the order of scores from the highest on, and where each group of equal scores begins and ends.
Does not own: what is counted along that order (``_rankings``, ``_curves``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.intp]


class Order(NamedTuple):
    """Scores of each line in descending order: all three of the shape of the scores.

    ``place[i, p]`` is the column of what stands at place p of line i; ``first`` and ``last`` are
    the first and the last place of those that have the same score.
    """

    place: Ints
    first: Ints
    last: Ints

    def sort(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return values of the columns in the order of the scores."""
        return np.take_along_axis(values, self.place, axis=1)

    def up_to_ties(self, sorted_values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return sums over what is scored as high or higher."""
        return np.take_along_axis(np.cumsum(sorted_values, axis=1), self.last, axis=1)

    def above(self, sorted_values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return sums over what is scored higher."""
        sums = np.zeros((sorted_values.shape[0], sorted_values.shape[1] + 1))
        np.cumsum(sorted_values, axis=1, out=sums[:, 1:])
        return np.take_along_axis(sums, self.first, axis=1)


def order_scores(score: npt.NDArray[Any]) -> Order:
    """Sort each line of scores from the highest on."""
    place = np.argsort(-score, axis=1, kind="stable")
    ordered = np.take_along_axis(score, place, axis=1)
    begins = np.ones(score.shape, dtype=bool)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    ends = np.ones(score.shape, dtype=bool)
    ends[:, :-1] = begins[:, 1:]
    position = np.arange(score.shape[1])
    first = np.maximum.accumulate(np.where(begins, position, 0), axis=1)
    until = np.where(ends, position, score.shape[1])[:, ::-1]
    return Order(place, first, np.minimum.accumulate(until, axis=1)[:, ::-1])
