"""Measure losses, decision rules and tuned thresholds: ``python benchmarks/decisions.py``.

Needs the extra "bench", and the data sets in the folder that ``SKMLK_DATA`` names. Tables go
between the markers of ``docs/decisions.md``. Quality is measured here, time in ``run.py``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from report import describe_run
from run import ENVIRONMENT
from timing import Settings

if TYPE_CHECKING:
    from decision_parts import Quality

PAGE = Path(__file__).resolve().parents[1] / "docs" / "decisions.md"
QUICK = "**A smoke run: sizes are cut, and the figures mean nothing.**"
LEAST_LIFT = 0.03


@dataclass(frozen=True)
class Metric:
    """How a metric is shown, and whether less of it is better."""

    title: str
    decimals: int = 3
    less_is_better: bool = False

    def format(self, value: float, *, sign: bool = False) -> str:
        return f"{value:{'+' if sign else ''}.{self.decimals}f}"

    def gain(self, before: float, after: float) -> float:
        """Return by how much a value is better than another."""
        return before - after if self.less_is_better else after - before


METRICS = {
    "hamming_loss": Metric("Hamming loss", 4, less_is_better=True),
    "cost": Metric("cost", 4, less_is_better=True),
    "subset_accuracy": Metric("subset accuracy"),
    "f1_samples": Metric("example-F1"),
    "f1_samples_empty": Metric("example-F1, 0/0 = 1"),
    "f1_micro": Metric("micro-F1"),
    "f1_macro": Metric("macro-F1"),
    "precision_macro": Metric("macro-precision"),
    "recall_macro": Metric("macro-recall"),
    "label_ranking_average_precision": Metric("LRAP"),
    "label_ranking_loss": Metric("ranking loss", less_is_better=True),
    "label_log_loss": Metric("log loss", less_is_better=True),
    "expected_calibration_error": Metric("ECE", less_is_better=True),
    "raw_label_log_loss": Metric("log loss", less_is_better=True),
    "calibrated_label_log_loss": Metric("log loss, calibrated", less_is_better=True),
    "raw_f1_samples": Metric("example-F1 by the rule"),
    "calibrated_f1_samples": Metric("by the rule, calibrated"),
    "tuned_f1_samples": Metric("by a tuned threshold"),
}

_LOSS_METRICS = (
    "hamming_loss",
    "f1_samples",
    "f1_micro",
    "f1_macro",
    "label_ranking_average_precision",
    "label_ranking_loss",
    "label_log_loss",
    "expected_calibration_error",
)
_CALIBRATION_METRICS = (
    "raw_label_log_loss",
    "calibrated_label_log_loss",
    "raw_f1_samples",
    "calibrated_f1_samples",
    "tuned_f1_samples",
)
_RULE_METRICS = (
    "hamming_loss",
    "cost",
    "subset_accuracy",
    "f1_samples",
    "f1_samples_empty",
    "f1_micro",
    "f1_macro",
    "precision_macro",
    "recall_macro",
)
_FOLD_METRICS = ("f1_samples", "hamming_loss", "f1_micro")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    os.environ |= ENVIRONMENT
    settings = Settings(1 if options.quick else options.seeds, options.quick)
    command = " ".join(["python benchmarks/decisions.py", *describe(options)])
    sections = {"run": write_run(command, options.quick)}
    names = options.only or list(PARTS)
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        start = time.perf_counter()
        try:
            # Parts share networks, so they run in one process.
            results = getattr(import_module("decision_parts"), name)(settings)
        except Exception:  # must not cost the other parts
            traceback.print_exc()
            continue
        sections[name] = PARTS[name](results)
        print(sections[name], flush=True)
        print(f"    {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    if options.output is not None:
        page = options.output.read_text(encoding="utf-8")
        for name, text in sections.items():
            page = replace_section(page, name, text)
        options.output.write_text(page, encoding="utf-8")
    return int(not set(names) <= set(sections))


def write_run(command: str, quick: bool) -> str:
    table = format_table(("what", "value"), describe_run(command))
    return f"{QUICK}\n\n{table}" if quick else table


def replace_section(page: str, name: str, text: str) -> str:
    """Return a page with other text between the markers of a name."""
    begin, end = (f"<!-- {name}: {word} -->" for word in ("begin", "end"))
    before, has_begin, rest = page.partition(begin)
    _, has_end, after = rest.partition(end)
    if not (has_begin and has_end):
        raise ValueError(f"The page must hold the lines {begin} and {end}, in this order.")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def write_comparisons(first: str, metrics: Sequence[str], results: Iterable[Quality]) -> str:
    """Return a table for each data set, with the best of each column bold."""
    return "\n\n".join(_write_comparison(first, metrics, result) for result in results)


def _write_comparison(first: str, metrics: Sequence[str], result: Quality) -> str:
    metrics = _leave_out_twin(metrics, result)
    columns = [_format_column(name, result) for name in metrics]
    header = [first, *(METRICS[name].title for name in metrics)]
    contenders = [*result.values, *["*range over seeds, at most*"] * _has_seeds(result)]
    lines = [list(line) for line in zip(contenders, *columns, strict=True)]
    return f"{result.title}.\n\n{format_table(header, lines)}"


def _leave_out_twin(metrics: Sequence[str], result: Quality) -> list[str]:
    """Leave out the second example-F1 where no row is without labels, so that it says the same."""
    pairs = [map(one.get, ("f1_samples", "f1_samples_empty")) for one in result.values.values()]
    same = all(first == second for first, second in pairs)
    return [name for name in metrics if not (same and name == "f1_samples_empty")]


def _has_seeds(result: Quality) -> bool:
    return any(len(v) > 1 for values in result.values.values() for v in values.values())


def _format_column(name: str, result: Quality) -> list[str]:
    metric = METRICS[name]
    samples = [values[name] for values in result.values.values()]
    cells = mark_best([float(np.mean(values)) for values in samples], metric)
    if not _has_seeds(result):
        return cells
    return [*cells, f"*{metric.format(max(map(np.ptp, samples)))}*"]


def mark_best(values: Sequence[float], metric: Metric) -> list[str]:
    """Return values as text, the best ones bold; what is shown alike is equally good."""
    best = metric.format(min(values) if metric.less_is_better else max(values))
    texts = map(metric.format, values)
    return [f"**{text}**" if text == best else text for text in texts]


def write_gains(results: Iterable[Quality]) -> str:
    """Return one table of what tuned thresholds gain, each judged by its own objective."""
    lines = []
    for result in results:
        plain, tuned = result.values.values()
        lines += [[result.title, *_write_gain(name, plain[name], tuned[name])] for name in plain]
    header = ("data and classifier", "objective", "at 0.5", "tuned", "gain", "beats 0.5", "seeds")
    return format_table(header, lines)


def _write_gain(name: str, plain: Sequence[float], tuned: Sequence[float]) -> list[str]:
    metric = METRICS[name]
    gains = [metric.gain(*pair) for pair in zip(plain, tuned, strict=True)]
    return [
        metric.title,
        metric.format(np.mean(plain)),
        metric.format(np.mean(tuned)),
        metric.format(np.mean(gains), sign=True),
        "yes" if np.mean(gains) > 0 else "no",
        f"{sum(gain > 0 for gain in gains)} of {len(gains)}",
    ]


def write_folds(results: Iterable[Quality]) -> str:
    """Return a table of a rule beside threshold 0.5, by seed, and whether it lifts enough."""
    (result,) = results
    plain, ruled = result.values.values()
    header, columns = ["seed"], []
    for name in _FOLD_METRICS:
        header += [f"{METRICS[name].title} at 0.5", "by the rule"]
        columns += [[*plain[name], np.mean(plain[name])], [*ruled[name], np.mean(ruled[name])]]
    lifts = np.subtract(ruled["f1_samples"], plain["f1_samples"])
    names = [*map(str, range(len(lifts))), "mean"]
    lines = [
        [name, *(METRICS[_FOLD_METRICS[i // 2]].format(v) for i, v in enumerate(values))]
        for name, *values in zip(names, *columns, strict=True)
    ]
    verdict = "yes" if lifts.min() >= LEAST_LIFT else "no"
    return (
        f"{result.title}.\n\n{format_table(header, lines)}\n\n"
        f"The rule lifts example-F1 by {lifts.mean():.3f} (by seed: {lifts.min():.3f} to "
        f"{lifts.max():.3f}). At least {LEAST_LIFT} with every seed: {verdict}."
    )


def format_table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    table = [header, ["---", *["---:"] * (len(header) - 1)], *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in table)


PARTS: dict[str, Callable[[list[Quality]], str]] = {
    "losses": lambda results: write_comparisons("loss", _LOSS_METRICS, results),
    "calibration": lambda results: write_comparisons("loss", _CALIBRATION_METRICS, results),
    "rules": lambda results: write_comparisons("rule", _RULE_METRICS, results),
    "thresholds": write_gains,
    "emotions_folds": write_folds,
}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="Parts: " + ", ".join(PARTS)
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help="parts to run")
    parser.add_argument("--seeds", type=int, default=3, help="networks of each kind")
    parser.add_argument("--quick", action="store_true", help="a smoke run in small sizes")
    parser.add_argument(
        "--output",
        type=Path,
        help="page whose tables are replaced; docs/decisions.md if all parts run in full",
    )
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error("--seeds must be at least 1")
    if not os.environ.get("SKMLK_DATA"):
        parser.error("the environment variable SKMLK_DATA must name the folder of the data sets")
    # A part of the tables, or rough ones, must not replace those of a full run unasked.
    if options.output is None and not options.only and not options.quick:
        options.output = PAGE
    return options


def describe(options: argparse.Namespace) -> list[str]:
    """Return the options that shape the results, as they would be typed."""
    parts = ["--only", *options.only] if options.only else []
    parts += ["--seeds", str(options.seeds)] if options.seeds != 3 else []
    return parts + ["--quick"] * options.quick


if __name__ == "__main__":
    sys.exit(main())
