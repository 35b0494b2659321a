"""Results as Markdown: a table of ratios, and for each row what was measured.

Owns: ratios, whether targets are met, formatting, versions and the machine.
Does not own: measuring.
"""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

import psutil

import skmultilabel_keras
from names import OURS, TIME, TIME_GROWTH
from rows import Row, Target
from timing import Measurement

PACKAGES = (
    "keras",
    "tensorflow",
    "scikeras",
    "scikit-learn",
    "numpy",
    "scipy",
    "joblib",
)

_SECONDS = {"s": 1, "ms": 1e3, "µs": 1e6}

_SUMMARY_HEADER = ("work", "ours", "compared with", "theirs", "ratio", "target", "met")
_DETAIL_HEADER = ("case", "quantity", "contender", "median", "range", "samples", "note")


@dataclass(frozen=True)
class Result:
    """The measurements of one row, or why there are none."""

    row: Row
    measurements: tuple[Measurement, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Comparison:
    """Our figure beside another's, or beside a bound of its own where ``theirs`` is None."""

    ours: Measurement
    theirs: Measurement | None
    target: Target | None

    @property
    def ratio(self) -> float | None:
        """Theirs to ours: how many times less time or memory ours takes."""
        if self.theirs is None or self.ours.value <= 0:
            return None
        return self.theirs.value / self.ours.value

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without target or ratio."""
        if self.target is None:
            return None
        if not self.target.contender:
            return self.ours.value <= self.target.bound
        return None if self.ratio is None else self.ratio >= self.target.bound


def compare_all(result: Result) -> list[Comparison]:
    """Return our figure of each case and quantity beside every other, and beside its bounds."""
    comparisons = []
    for ours in (one for one in result.measurements if one.contender == OURS):
        bound = _find_target(result.row, ours, "")
        others = [one for one in result.measurements if one is not ours and _is_same(one, ours)]
        if bound is not None or not others:
            comparisons.append(Comparison(ours, None, bound))
        # What grows by less can start from more: a ratio of growths would mislead.
        if ours.quantity != TIME_GROWTH:
            targets = [_find_target(result.row, ours, other.contender) for other in others]
            comparisons += map(Comparison, [ours] * len(others), others, targets)
    return comparisons


def write_report(results: Sequence[Result], command: str, remark: str = "") -> str:
    """Return the whole page."""
    parts = [
        "# Benchmarks",
        "This page is written by the command below. Figures are medians; contenders take turns, "
        "on the same data and machine. A ratio is theirs to ours: 10 means that ours takes a "
        "tenth.",
        remark,
        _format_table(("what", "value"), describe_run(command)),
        "## Ratios",
        _format_table(_SUMMARY_HEADER, summarise(results)),
        "## What was measured",
        "Samples during which other processes kept more than a quarter of a core busy are "
        "disturbed; medians leave them out unless most are. A range spans all samples.",
        *(_write_details(result) for result in results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def summarise(results: Iterable[Result]) -> list[list[str]]:
    """Return the lines of the table of ratios."""
    lines = []
    for result in results:
        if result.error:
            lines.append([result.row.title, f"failed: {result.error}", *[""] * 5])
        lines += [_summary_line(result.row, one) for one in compare_all(result)]
    return lines


def describe_run(command: str) -> list[list[str]]:
    """Return date, command, machine and versions."""
    cores = f"{os.cpu_count()} cores"
    memory = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
    return [
        ["command", f"`{command}`"],
        ["date", date.today().isoformat()],
        ["machine", f"{find_cpu()}, {cores}, {memory} of memory, {platform.system()}; CPU only"],
        ["skmultilabel_keras", skmultilabel_keras.__version__],
        ["Python", platform.python_version()],
        *([package, version(package)] for package in PACKAGES),
    ]


def find_cpu() -> str:
    """Return the model of the CPU."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def format_value(value: float, unit: str) -> str:
    """Return a figure with three digits, and seconds in the unit that suits them."""
    if unit == "s":
        for name, factor in _SECONDS.items():
            if abs(value) * factor >= 1:
                return f"{format_number(value * factor)} {name}"
    return f"{format_number(value)} {unit}"


def format_number(value: float) -> str:
    """Return a number with three digits, all of them where it has more before the point."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 4)}f}"


def _summary_line(row: Row, comparison: Comparison) -> list[str]:
    ours, theirs, target = comparison.ours, comparison.theirs, comparison.target
    ratio = comparison.ratio
    return [
        _name_work(row, ours),
        format_value(ours.value, ours.unit),
        theirs.contender if theirs else "",
        format_value(theirs.value, theirs.unit) if theirs else "",
        "" if ratio is None else f"{format_number(ratio)}×",
        _format_target(target, ours),
        {True: "yes", False: "no", None: ""}[comparison.met],
    ]


def _name_work(row: Row, measurement: Measurement) -> str:
    details = [measurement.case, "" if measurement.quantity == TIME else measurement.quantity]
    return ": ".join([row.title, ", ".join(filter(None, details))]).removesuffix(": ")


def _format_target(target: Target | None, ours: Measurement) -> str:
    if target is None:
        return ""
    if target.contender:
        return f"≥ {target.bound:.3g}×"
    return f"≤ {target.bound:.3g} {ours.unit}"


def _write_details(result: Result) -> str:
    parts = [f"### {result.row.title}", result.row.explanation]
    if result.error:
        parts.append(f"This failed: {result.error}")
    lines = [
        [
            one.case,
            one.quantity,
            one.contender,
            format_value(one.value, one.unit),
            _format_range(one),
            _format_samples(one),
            one.note,
        ]
        for one in result.measurements
    ]
    return "\n\n".join([*parts, _format_table(_DETAIL_HEADER, lines)])


def _format_range(measurement: Measurement) -> str:
    values = [sample.value for sample in measurement.samples]
    lowest, highest = (format_value(pick(values), measurement.unit) for pick in (min, max))
    return lowest if lowest == highest else f"{lowest} to {highest}"


def _format_samples(measurement: Measurement) -> str:
    disturbed = f" ({measurement.n_disturbed} disturbed)" if measurement.n_disturbed else ""
    return f"{len(measurement.samples)}{disturbed}"


def _format_table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table without the columns that are empty in all lines."""
    lines = [list(line) for line in lines]
    kept = [i for i in range(len(header)) if not lines or any(line[i] for line in lines)]
    table = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(line[i] for i in kept) + " |" for line in table)


def _find_target(row: Row, ours: Measurement, contender: str) -> Target | None:
    wanted = (contender, ours.case, ours.quantity)
    for target in row.targets:
        if (target.contender, target.case, target.quantity) == wanted:
            return target
    return None


def _is_same(one: Measurement, other: Measurement) -> bool:
    return (one.case, one.quantity) == (other.case, other.quantity)
