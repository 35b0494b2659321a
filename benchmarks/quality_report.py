"""Results of ``quality`` as Markdown: a table for each data set, ranks, costs.

Owns: means over folds and seeds, what counts as finished, the sections of ``docs/quality.md``.
Does not own: measuring (``quality_cells``), ranks and their picture (``quality_ranks``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd

from datasets import CONFIRMATION, DATA, DEVELOPMENT
from decisions import format_table, replace_section
from names import LOGISTIC, OURS, PERCEPTRON
from quality_cells import COSTS, OK, SCORES
from quality_peers import PEERS
from quality_ranks import (
    LEAST_SETS,
    LEAST_SHARE,
    LEVEL,
    Ranking,
    average_ranks,
    choose_ranked,
    draw_ranks,
    friedman_p,
)
from quality_variants import VARIANTS, concerns
from report import describe_run, format_number

Row = Mapping[str, object]


@dataclass(frozen=True)
class Column:
    """A figure of the tables: its title, its name in the results, how it is shown."""

    title: str
    score: str
    less_is_better: bool = False
    decimals: int = 3

    def format(self, mean: float) -> str:
        return f"{mean:.{self.decimals}f}"


LRAP = Column("LRAP", "label_ranking_average_precision")
MICRO = Column("micro-F1", "default.f1_micro")

# What is made for a metric stands beside each peer's own decision. No choice between the two, or
# between rules, is made on held-out rows.
TABLE = (
    LRAP,
    Column("ranking loss", "label_ranking_loss", less_is_better=True, decimals=4),
    Column("log loss", "label_log_loss", less_is_better=True, decimals=4),
    Column("Hamming loss", "default.hamming_loss", less_is_better=True, decimals=4),
    Column(
        "Hamming loss, tuned",
        "tuned_neg_hamming_loss.hamming_loss",
        less_is_better=True,
        decimals=4,
    ),
    Column("subset accuracy", "default.subset_accuracy"),
    Column("subset accuracy, rule", "subset.subset_accuracy"),
    Column("example-F1", "default.f1_samples"),
    Column("example-F1, rule", "example_f.f1_samples"),
    Column("example-F1, tuned", "tuned_f1_samples.f1_samples"),
    MICRO,
    Column("micro-F1, tuned", "tuned_f1_micro.f1_micro"),
    Column("macro-F1", "default.f1_macro"),
    Column("macro-F1, tuned", "tuned_f1_macro.f1_macro"),
)
VARIANT_COLUMNS = tuple(
    column
    for column in TABLE
    if column.title in ("LRAP", "log loss", "Hamming loss", "example-F1, rule", "micro-F1")
)

COST_TITLES = {
    "fit_s": "Seconds to fit",
    "predict_s": "Seconds to predict the held-out rows",
    "memory_mb": "Peak memory of fit and prediction, MB beyond the data",
}

# The best figures that published comparisons of some thirty methods have on this set, each
# metric's by whichever method.
PUBLISHED = {
    "LRAP": 0.822,
    "ranking loss": 0.139,
    "Hamming loss": 0.1805,
    "subset accuracy": 0.339,
    "example-F1": 0.690,
    "micro-F1": 0.709,
    "macro-F1": 0.695,
}
PUBLISHED_ON = "emotions"

PICTURE = "quality_ranks.svg"  # beside the page
SHORT_SETS = ("emotions", "birds", "bibtex", "corel5k", "rcv1sub1")
SHORT_PEERS = {
    "logistic": LOGISTIC,
    "forest": "RandomForestClassifier",
    "perceptron": PERCEPTRON,
    "ours": OURS,
}


@dataclass(frozen=True)
class Summary:
    """The results, row by row, and what follows from them for a peer on a data set."""

    rows: Sequence[Row]

    @cached_property
    def frame(self) -> pd.DataFrame:
        frame = pd.DataFrame(self.rows).reindex(columns=[*_TEXTS, *_NUMBERS])
        frame[_NUMBERS] = frame[_NUMBERS].apply(pd.to_numeric)
        return frame[_are_of_whole_seeds(frame)]

    @cached_property
    def data(self) -> list[str]:
        return [name for name in DATA if (self.frame["data"] == name).any()]

    @cached_property
    def peers(self) -> list[str]:
        return [name for name in PEERS if (self.frame["peer"] == name).any()]

    @cached_property
    def _parts(self) -> dict[tuple[str, str], pd.DataFrame]:
        return dict(iter(self.frame.groupby(["data", "peer"])))

    @cached_property
    def _notes(self) -> dict[tuple[str, str], str]:
        return {key: self._describe(*key) for key in self._parts}

    @cached_property
    def _means(self) -> dict[tuple[str, str], pd.DataFrame]:
        """The means over folds for each seed; NaN where a fold has no value."""
        return {
            key: cells[_FIGURES].groupby(cells["seed"]).apply(lambda seed: seed.mean(skipna=False))
            for key, cells in self._parts.items()
        }

    def cells(self, data: str, peer: str) -> pd.DataFrame:
        return self._parts.get((data, peer), self.frame[:0])

    def describe(self, data: str, peer: str) -> str:
        """Return "" where a peer finished a set, or what became of it."""
        return self._notes.get((data, peer), "not run")

    def _describe(self, data: str, peer: str) -> str:
        statuses = self.cells(data, peer)["status"]
        bad = [status for status in statuses if status != OK]
        if bad:
            return min(bad, key=len)
        n_due = self._count_due(data, peer)
        return "" if len(statuses) == n_due else f"{len(statuses)} of {n_due} folds"

    def _count_due(self, data: str, peer: str) -> int:
        """Return how many cells of a set there are: those that any peer of its kind was run on."""
        frame = self.frame[self.frame["data"] == data]
        if not _differs_by_seed(data, peer):
            frame = frame[frame["seed"] == 0]
        return len(frame[["seed", "fold"]].drop_duplicates())

    def by_seed(self, data: str, peer: str, score: str) -> np.ndarray:
        """Return the means over folds, one for each seed; NaN where a fold has no value."""
        return self._means[data, peer][score].to_numpy()

    def mean(self, data: str, peer: str, score: str) -> float:
        """Return the mean over folds, then seeds that have it; NaN where the peer did not finish.

        Inner cross-validation, and so what is tuned by it, may be of the first seeds only.
        """
        if self.describe(data, peer):
            return np.nan
        values = self.by_seed(data, peer, score)
        return np.nan if np.isnan(values[0]) else float(np.nanmean(values))


def _are_of_whole_seeds(frame: pd.DataFrame) -> np.ndarray:
    """Return which rows are of seed 0, or of one that all have finished who finished seed 0.

    So the figures of a run that was cut off are means over the same seeds.
    """
    whole = set()
    for data, part in frame.groupby("data"):
        n_folds = part[part["seed"] == 0]["fold"].nunique()
        done = {seed: _list_finished(rows, n_folds) for seed, rows in part.groupby("seed")}
        first = {peer for peer in done.get(0, ()) if _differs_by_seed(str(data), peer)}
        whole |= {(data, seed) for seed, peers in done.items() if seed == 0 or first <= peers}
    return np.array([key in whole for key in zip(frame["data"], frame["seed"], strict=True)], bool)


def _list_finished(rows: pd.DataFrame, n_folds: int) -> set[str]:
    """Return the peers that finished all folds of a seed."""
    counts = rows[rows["status"] == OK].groupby("peer")["fold"].nunique()
    return set(counts[counts == n_folds].index)


def _differs_by_seed(data: str, peer: str) -> bool:
    return DATA[data].split != "original" or peer not in PEERS or PEERS[peer].random


_TEXTS = ["data", "peer", "status", "tuning"]
_FIGURES = [*COSTS, *SCORES]
_NUMBERS = ["seed", "fold", *_FIGURES]


def write_page(page: Path, rows: Sequence[Row], command: str) -> None:
    """Replace the sections of a page, and the picture beside it."""
    summary = Summary(rows)
    text = page.read_text(encoding="utf-8")
    sections = {"run": write_run(command), **{name: f(summary) for name, f in SECTIONS.items()}}
    for name, section in sections.items():
        text = replace_section(text, name, section)
    if rankings := rank_enough(summary):
        draw_ranks(rankings, page.with_name(PICTURE))
    page.write_text(text, encoding="utf-8")


def write_run(command: str) -> str:
    lines = describe_run(command)
    try:
        lines.append(["mlrl-boomer", version("mlrl-boomer")])
    except PackageNotFoundError:  # the results may come from elsewhere
        lines.append(["mlrl-boomer", "not installed"])
    return format_table(("what", "value"), lines)


def write_variants(page: Path, rows: Sequence[Row], command: str) -> None:
    """Replace the section on variants of our default."""
    summary = Summary(rows)
    parts = [
        f"`{command}`; the first row as it is, the others as differences from it, with the "
        "standard error over folds where there are several."
    ]
    parts += [f"{c.title}:\n\n{_write_differences(summary, c)}" for c in VARIANT_COLUMNS]
    text = replace_section(page.read_text(encoding="utf-8"), "variants", "\n\n".join(parts))
    page.write_text(text, encoding="utf-8")


def _write_differences(summary: Summary, column: Column) -> str:
    """Return a table of what each variant changes, with the standard error over folds."""
    lines = []
    for name in (n for n in VARIANTS if (summary.frame["peer"] == n).any()):
        texts = []
        for data in summary.data:
            concerned = concerns(name, DATA[data].kind)
            known = concerned and np.isfinite(summary.mean(data, name, column.score))
            texts.append(_write_difference(summary, data, name, column) if known else "")
        lines.append([VARIANTS[name].title, *texts])
    return format_table(("variant", *summary.data), lines)


def _write_difference(summary: Summary, data: str, name: str, column: Column) -> str:
    if name == "default":
        return column.format(summary.mean(data, name, column.score))
    one, other = (
        summary.cells(data, peer).set_index(["seed", "fold"])[column.score]
        for peer in (name, "default")
    )
    changes = (one - other).dropna()
    text = f"{changes.mean():+.{column.decimals}f}"
    error = changes.sem() if len(changes) > 1 else np.nan
    return f"{text} ± {column.format(error)}" if np.isfinite(error) else text


def write_peers(summary: Summary) -> str:
    return format_table(
        ("name", "what it is"), [[PEERS[p].title, PEERS[p].about] for p in summary.peers]
    )


def write_sets(summary: Summary) -> str:
    return "\n\n".join(
        f"### {name}\n\n{DATA[name].purpose.capitalize()} set, {describe_split(summary, name)}.\n\n"
        f"{write_set(summary, name)}"
        for name in summary.data
    )


def describe_split(summary: Summary, name: str) -> str:
    frame = summary.frame[summary.frame["data"] == name]
    folds, seeds = frame["fold"].nunique(), frame["seed"].nunique()
    split = "original split" if DATA[name].split == "original" else _count(folds, "fold")
    return f"{split}, {_count(seeds, 'seed')}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def write_set(summary: Summary, data: str) -> str:
    """Return the table of a set, with the best of each column bold."""
    peers = [peer for peer in summary.peers if len(summary.cells(data, peer))]
    notes = [summary.describe(data, peer) for peer in peers]
    columns = {}
    for column in TABLE:
        means = np.array([summary.mean(data, peer, column.score) for peer in peers])
        if not np.isnan(means).all():
            seeds = [summary.by_seed(data, peer, column.score) for peer in peers]
            columns[column] = format_column(column, means, seeds)
    lines = [
        [PEERS[peer].title, *(cells[i] for cells in columns.values())]
        for i, peer in enumerate(peers)
    ]
    for line, note in zip(lines, notes, strict=True):
        if note:
            line[1:] = [f"*{note}*", *[""] * (len(columns) - 1)]
    return format_table(["peer", *(column.title for column in columns)], lines)


def format_column(column: Column, means: Iterable[float], seeds: Iterable[np.ndarray]) -> list[str]:
    """Return means, and deviations over seeds; what is shown alike is equally good."""
    best = column.format((np.nanmin if column.less_is_better else np.nanmax)(list(means)))
    texts = []
    for mean, values in zip(means, seeds, strict=True):
        if np.isnan(mean):
            texts.append("–")
            continue
        known = values[~np.isnan(values)]
        text = column.format(mean)
        spread = f" ± {column.format(known.std(ddof=1))}" if len(known) > 1 else ""
        few = f" ({_count(len(known), 'seed')})" if len(known) < len(values) else ""
        texts.append((f"**{text}**" if text == best else text) + spread + few)
    return texts


def write_leads(summary: Summary) -> str:
    """Return how far ours is ahead of the best other classifier, for each set and column."""
    others = [peer for peer in summary.peers if PEERS[peer].ranked and peer != "ours"]
    lines = []
    for data in summary.data:
        leads = [find_lead(summary, data, others, column) for column in TABLE]
        if np.isfinite(leads).any():
            lines.append([data, *("" if np.isnan(lead) else f"{lead:+.1%}" for lead in leads)])
    return format_table(("set", *(column.title for column in TABLE)), lines)


def find_lead(summary: Summary, data: str, others: Sequence[str], column: Column) -> float:
    """Return by what share of the best other's figure ours is better, NaN without either."""
    ours = summary.mean(data, "ours", column.score)
    figures = np.array([summary.mean(data, peer, column.score) for peer in others])
    if np.isnan(ours) or np.isnan(figures).all():
        return np.nan
    best = (np.nanmin if column.less_is_better else np.nanmax)(figures)
    return float((best - ours if column.less_is_better else ours - best) / best) if best else np.nan


def write_published(summary: Summary) -> str:
    """Return ours beside the best published figures, by each way to decide; bold where better."""
    by_title = {column.title: column for column in TABLE}
    lines = []
    for title, published in PUBLISHED.items():
        columns = [by_title.get(title + way) for way in ("", ", rule", ", tuned")]
        texts = [_beside_published(summary, column, published) for column in columns]
        lines.append([title, by_title[title].format(published), *texts])
    return format_table(
        ("metric", "published", "`predict`", "by the rule", "by tuned thresholds"), lines
    )


def _beside_published(summary: Summary, column: Column | None, published: float) -> str:
    mean = np.nan if column is None else summary.mean(PUBLISHED_ON, "ours", column.score)
    if column is None or np.isnan(mean):
        return ""
    text = column.format(mean)
    shown = float(text)
    better = shown < published if column.less_is_better else shown > published
    return f"**{text}**" if better else text


def list_sets(summary: Summary, purpose: str) -> list[str]:
    return [name for name in summary.data if DATA[name].purpose == purpose]


def find_ranked(
    summary: Summary, purpose: str, column: Column, share: float = LEAST_SHARE
) -> tuple[list[str], list[str]]:
    """Return the peers that are ranked by a column on the sets of a list, and these sets."""
    finished = {
        peer: {
            name
            for name in list_sets(summary, purpose)
            if np.isfinite(summary.mean(name, peer, column.score))
        }
        for peer in summary.peers
        if PEERS[peer].ranked
    }
    return choose_ranked(finished, share) if finished else ([], [])


def rank(
    summary: Summary, purpose: str, column: Column = LRAP, share: float = LEAST_SHARE
) -> Ranking | None:
    """Return the average ranks on the sets of a list; None where there is nothing to compare."""
    peers, sets = find_ranked(summary, purpose, column, share)
    if len(peers) < 2 or not sets:
        return None
    values = np.array([[summary.mean(data, p, column.score) for p in peers] for data in sets])
    ranks = average_ranks(values, column.less_is_better)
    names = [PEERS[peer].title for peer in peers]
    return Ranking(
        f"{column.title}, {purpose} sets",
        dict(zip(names, ranks.tolist(), strict=True)),
        len(sets),
        friedman_p(values),
    )


def rank_enough(summary: Summary) -> list[Ranking]:
    """Return the rankings by LRAP over so many sets that a picture of them says something."""
    found = []
    for purpose in (DEVELOPMENT, CONFIRMATION):
        rankings = [rank(summary, purpose, share=share) for share in (LEAST_SHARE, 1.0)]
        found += [ranking for ranking in rankings if ranking and ranking.n_sets >= LEAST_SETS][:1]
    return found


def write_ranks(summary: Summary) -> str:
    texts = [_write_ranks(summary, purpose) for purpose in (DEVELOPMENT, CONFIRMATION)]
    texts = [text for text in texts if text] or ["There are no ranks yet."]
    if rank_enough(summary):
        texts.append(f"![Average ranks by LRAP, with the critical difference]({PICTURE})")
    return "\n\n".join(texts)


def _write_ranks(summary: Summary, purpose: str) -> str:
    """Return the ranks of those that finished most sets, and of those that finished all."""
    first = rank(summary, purpose)
    if first is None:
        return ""
    peers, sets = find_ranked(summary, purpose, LRAP)
    texts = [
        f"### {purpose.capitalize()} sets",
        f"Average ranks, 1 is the best; LRAP over {', '.join(sets)}. "
        + _write_critical_difference(first)
        + _write_left_out(summary, purpose, peers, sets),
        _rank_table(summary, purpose, LEAST_SHARE),
    ]
    whole = rank(summary, purpose, share=1.0)
    if whole and whole.n_sets > first.n_sets:
        texts += [
            f"The same for those that finished all {whole.n_sets} sets. "
            + _write_critical_difference(whole),
            _rank_table(summary, purpose, 1.0),
        ]
    return "\n\n".join(texts)


def _write_critical_difference(ranking: Ranking) -> str:
    return (
        f"Two peers differ in LRAP at level {LEVEL} where their ranks are "
        f"{ranking.critical_difference:.2f} apart."
    )


def _rank_table(summary: Summary, purpose: str, share: float) -> str:
    rankings = {column: rank(summary, purpose, column, share) for column in TABLE}
    rankings = {column: ranking for column, ranking in rankings.items() if ranking}
    titles = [PEERS[peer].title for peer in summary.peers]
    names = [n for n in titles if any(n in ranking.ranks for ranking in rankings.values())]
    columns = [_write_column_of_ranks(ranking, names) for ranking in rankings.values()]
    heads = [*names, "*sets*", "*Friedman's p*"]
    return format_table(
        ["peer", *(column.title for column in rankings)],
        [list(line) for line in zip(heads, *columns, strict=True)],
    )


def _write_column_of_ranks(ranking: Ranking, names: Sequence[str]) -> list[str]:
    """Return the ranks of peers, the number of sets and the p-value; the best rank bold."""
    best = f"{min(ranking.ranks.values()):.2f}"
    texts = [f"{ranking.ranks[name]:.2f}" if name in ranking.ranks else "–" for name in names]
    texts = [f"**{text}**" if text == best else text for text in texts]
    p_value = f"{ranking.p_value:.2g}" if np.isfinite(ranking.p_value) else "–"
    return [*texts, str(ranking.n_sets), p_value]


def _write_left_out(
    summary: Summary, purpose: str, ranked: Sequence[str], sets: Sequence[str]
) -> str:
    """Return who is not ranked, and which sets are left out, and for whom."""
    peers = [peer for peer in summary.peers if PEERS[peer].ranked and peer not in ranked]
    notes = [
        f"{data} ({', '.join(PEERS[p].title for p in ranked if summary.describe(data, p))})"
        for data in list_sets(summary, purpose)
        if data not in sets
    ]
    text = ""
    if peers:
        text += f" Not ranked, since unfinished: {', '.join(PEERS[p].title for p in peers)}."
    if notes:
        text += f" Left out, since some did not finish: {', '.join(notes)}."
    return text


def write_costs(summary: Summary) -> str:
    """Return, for each cost, a table of its means over the cells that were finished."""
    parts = []
    for cost, title in COST_TITLES.items():
        lines = [
            [PEERS[peer].title, *(_write_cost(summary, data, peer, cost) for data in summary.data)]
            for peer in summary.peers
        ]
        parts.append(f"{title}:\n\n{format_table(('peer', *summary.data), lines)}")
    return "\n\n".join(parts)


def _write_cost(summary: Summary, data: str, peer: str, cost: str) -> str:
    cells = summary.cells(data, peer)
    values = cells[cells["status"] == OK][cost]
    if len(values):
        return format_number(float(values.mean()))
    return min(cells["status"], key=len).partition(":")[0] if len(cells) else ""


def write_short(page: Path, rows: Sequence[Row]) -> None:
    """Replace the short table on a page."""
    text = page.read_text(encoding="utf-8")
    page.write_text(replace_section(text, "quality", short_table(rows)), encoding="utf-8")


def short_table(rows: Sequence[Row]) -> str:
    """Return LRAP and micro-F1, by each peer's own ``predict``, of a few peers on a few sets.

    They are those of seed 0, as the command beside the table has it.
    """
    summary = Summary([row for row in rows if int(row["seed"]) == 0])
    lines = []
    for data in SHORT_SETS:
        columns = []
        for column in (LRAP, MICRO):
            means = np.array([summary.mean(data, peer, column.score) for peer in SHORT_PEERS])
            known = not np.isnan(means).all()
            columns.append(
                format_column(column, means, means[:, None]) if known else ["–"] * len(means)
            )
        lines.append([data, *(f"{lrap}, {micro}" for lrap, micro in zip(*columns, strict=True))])
    return format_table(("LRAP, micro-F1", *SHORT_PEERS.values()), lines)


SECTIONS: dict[str, Callable[[Summary], str]] = {
    "peers": write_peers,
    "ranks": write_ranks,
    "leads": write_leads,
    "published": write_published,
    "sets": write_sets,
    "costs": write_costs,
}
