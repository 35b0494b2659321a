"""Which labels have the fewest rows left.

Owns: how many rows of each label are left, kept so that what few rows change costs little.
Does not own: which label is next, and who takes its rows (``_splits``).
"""

from __future__ import annotations

import math
from typing import final

import numpy as np


@final
class RarestLabels:
    """The labels with the fewest rows left, of those that have any, in ascending order.

    Labels are kept in blocks, about as many as a block has labels. Neither a label nor a change is
    looked for in all counts, so that the time to go through all labels is far from quadratic.

    Parameters
    ----------
    counts : ndarray of shape (n_labels,)
        Number of rows of each label, of one at least.

    Examples
    --------
    >>> rarest = RarestLabels(np.array([2, 3, 0, 2]))
    >>> [rarest[i] for i in range(len(rarest))]
    [0, 3]
    >>> rarest.remove(np.array([0, 0, 1, 1]))
    >>> [rarest[i] for i in range(len(rarest))]
    [1]
    """

    def __init__(self, counts: np.ndarray) -> None:
        size = math.isqrt(len(counts))
        n_blocks = math.ceil(len(counts) / size)
        self._counts = np.zeros(n_blocks * size, dtype=int)
        self._counts[: len(counts)] = counts
        self._blocks = self._counts.reshape(n_blocks, size)
        self._fewest, self._n_fewest = np.zeros(n_blocks), np.zeros(n_blocks, dtype=int)
        self._count_anew(np.arange(n_blocks))

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, place: int) -> int:
        at = np.searchsorted(self._ends, place, side="right")
        block = self._blocks[self._with_fewest[at]]
        within = np.flatnonzero(block == block[block > 0].min())[place - self._ends[at]]
        return int(self._with_fewest[at] * len(block) + within)

    def remove(self, labels: np.ndarray) -> None:
        """Count one row less of each label, as often as the label is given."""
        np.subtract.at(self._counts, labels, 1)
        is_changed = np.zeros(len(self._blocks), dtype=bool)
        is_changed[labels // self._blocks.shape[1]] = True
        self._count_anew(np.flatnonzero(is_changed))

    def _count_anew(self, changed: np.ndarray) -> None:
        blocks = self._blocks[changed]
        fewest = np.where(blocks > 0, blocks, np.inf).min(axis=1)
        self._fewest[changed] = fewest
        # None where all are zero, whose fewest is infinite.
        self._n_fewest[changed] = (blocks == fewest[:, np.newaxis]).sum(axis=1)
        self._with_fewest = np.flatnonzero(self._fewest == self._fewest.min())
        self._ends = self._n_fewest[self._with_fewest].cumsum()
