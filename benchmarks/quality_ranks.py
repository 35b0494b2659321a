"""Average ranks over data sets, and which of them differ by more than chance.

Owns: ranks, Friedman's test, the critical difference of Nemenyi's, the picture.
Does not own: figures (``quality_report`` makes them from results).

Source of test and picture: J. Demsar, Statistical comparisons of classifiers over multiple data
sets, JMLR 7, 2006.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import friedmanchisquare, rankdata, studentized_range

LEVEL = 0.05
LEAST_SETS = 5  # for a picture
LEAST_SHARE = 2 / 3  # of the sets that a peer must have finished to be ranked


@dataclass(frozen=True)
class Ranking:
    """The average ranks of peers over sets, 1 the best."""

    title: str
    ranks: Mapping[str, float]
    n_sets: int
    p_value: float = float("nan")

    @property
    def critical_difference(self) -> float:
        return critical_difference(len(self.ranks), self.n_sets)


def critical_difference(n_peers: int, n_sets: int) -> float:
    """Return by how much two average ranks must differ to be told apart at level 0.05."""
    q = studentized_range.ppf(1 - LEVEL, n_peers, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_peers * (n_peers + 1) / (6 * n_sets)))


def friedman_p(values: np.ndarray) -> float:
    """Return the p-value of Friedman's test that no column is better, NaN for less than three."""
    if values.shape[1] < 3 or len(values) < 2:
        return float("nan")
    return float(friedmanchisquare(*values.T).pvalue)


def average_ranks(values: np.ndarray, less_is_better: bool = False) -> np.ndarray:
    """Return the mean rank of each column over the rows, 1 the best; ties share their ranks."""
    return rankdata(values if less_is_better else -values, axis=1).mean(axis=0)


def choose_ranked(
    finished: Mapping[str, set[str]], share: float = LEAST_SHARE
) -> tuple[list[str], list[str]]:
    """Return the peers that are ranked, and the sets on which they are.

    ``finished`` holds the sets that each peer finished. Peers that finished this share of all sets
    are ranked, on the sets that all of these finished.
    """
    sets = set().union(*finished.values())
    ranked = [peer for peer, done in finished.items() if len(done) >= share * len(sets) > 0]
    common = set.intersection(*(finished[peer] for peer in ranked)) if ranked else set()
    return ranked, sorted(common)


def find_groups(ranks: Sequence[float], difference: float) -> list[tuple[int, int]]:
    """Return the longest runs of sorted ranks whose ends are not told apart, as first and last."""
    groups: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = max(i for i in range(len(ranks)) if ranks[i] - ranks[first] <= difference)
        if last > first and (not groups or last > groups[-1][1]):
            groups.append((first, last))
    return groups


def draw_ranks(rankings: Sequence[Ranking], path: Path) -> None:
    """Draw a diagram of critical differences for each ranking, one below the other."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    # So that equal results give an equal file.
    with plt.rc_context({"svg.hashsalt": "ranks", "svg.fonttype": "none", "font.size": 9}):
        heights = [len(ranking.ranks) / 2 + 4 for ranking in rankings]
        figure, axes = plt.subplots(
            len(rankings),
            figsize=(8, 0.28 * sum(heights)),
            squeeze=False,
            height_ratios=heights,
            layout="constrained",
        )
        for ranking, ax in zip(rankings, axes[:, 0], strict=True):
            _draw_ranking(ranking, ax)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def _draw_ranking(ranking: Ranking, ax) -> None:
    names = sorted(ranking.ranks, key=ranking.ranks.get)
    ranks = [ranking.ranks[name] for name in names]
    n, half = len(names), (len(names) + 1) // 2
    difference = ranking.critical_difference
    groups = find_groups(ranks, difference)
    depth = 0.5 * (len(groups) + 1)
    for i, (name, rank) in enumerate(zip(names, ranks, strict=True)):
        left = i < half
        level = -depth - (i if left else n - 1 - i)
        edge = 1 - 0.04 * n if left else n + 0.04 * n
        ax.plot([rank, rank, edge], [0, level, level], color="0.3", linewidth=0.8)
        text = f"{name}  {rank:.2f}" if left else f"{rank:.2f}  {name}"
        ax.text(edge, level, f" {text} ", ha="right" if left else "left", va="center")
    for number, (first, last) in enumerate(groups, 1):
        ends = [ranks[first] - 0.02 * n, ranks[last] + 0.02 * n]
        ax.plot(ends, [-0.5 * number] * 2, color="0.1", linewidth=3, solid_capstyle="butt")
    ax.plot([1, n], [0, 0], color="0.1", linewidth=1)
    for tick in range(1, n + 1):
        ax.plot([tick, tick], [0, 0.2], color="0.1", linewidth=1)
        ax.text(tick, 0.35, str(tick), ha="center", va="bottom")
    ax.plot([1, min(1 + difference, n)], [1.8, 1.8], color="0.1", linewidth=2)
    ax.text(1, 2.0, f"critical difference {difference:.2f}", va="bottom")
    ax.set_title(f"{ranking.title}, {ranking.n_sets} sets", loc="left")
    ax.set_xlim(1 - 0.55 * n, n + 0.55 * n)
    ax.set_ylim(-depth - half - 0.3, 3)
    ax.axis("off")
