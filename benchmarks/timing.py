"""Measuring contenders in turn, at moments when other processes leave the CPU alone.

Owns: samples and measurements, taking turns.
Does not own: what is measured (``training``, ``search``, ``prediction``, ``sparse``, ``memory``),
the table of rows (``rows``) and how results are shown (``report``).
"""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import psutil

from fresh import call_fresh
from names import TIME

# Cores that other processes may keep busy before a sample counts as disturbed.
QUIET = 0.25


@dataclass(frozen=True)
class Settings:
    """How often and how thoroughly to measure.

    ``patience`` is the number of seconds to wait, before each sample, for a quiet moment.
    """

    repeats: int = 5
    quick: bool = False
    patience: float = 10.0

    @property
    def few(self) -> Settings:
        """The settings for work of many seconds: at most three samples."""
        return replace(self, repeats=min(self.repeats, 3))


@dataclass(frozen=True)
class Sample:
    """One measured value, and the cores that other processes kept busy meanwhile."""

    value: float
    foreign: float = 0.0


@dataclass(frozen=True)
class Measurement:
    """All samples of one contender in one case: seconds, unless ``unit`` says otherwise."""

    contender: str
    samples: tuple[Sample, ...]
    case: str = ""
    quantity: str = TIME
    unit: str = "s"
    note: str = ""

    @property
    def value(self) -> float:
        """The median of the undisturbed samples, or of all where most are disturbed."""
        undisturbed = [sample for sample in self.samples if sample.foreign <= QUIET]
        used = undisturbed if 2 * len(undisturbed) > len(self.samples) else self.samples
        return statistics.median(sample.value for sample in used)

    @property
    def n_disturbed(self) -> int:
        return sum(sample.foreign > QUIET for sample in self.samples)


@dataclass(frozen=True)
class Contender:
    """What is timed under one name.

    ``warm_up`` runs once before all samples: ``run`` itself where it is None. Times are
    multiplied by ``scale``, for work of which only a part is run; ``note`` then says so.
    """

    name: str
    run: Callable[[], object]
    warm_up: Callable[[], object] | None = None
    scale: float = 1.0
    note: str = ""


def compare(
    contenders: Sequence[Contender], settings: Settings, *, case: str = "", shortest: float = 0.0
) -> list[Measurement]:
    """Time contenders in this process, each warmed up, in turn.

    Work that takes less than ``shortest`` seconds is repeated within a sample.
    """
    samplers = {}
    for contender in contenders:
        (contender.warm_up or contender.run)()
        calls = count_calls(contender.run, shortest) if shortest else 1
        samplers[contender.name] = _sampler(contender, calls)
    samples = take_turns(samplers, settings)
    return [
        Measurement(contender.name, samples[contender.name], case, note=contender.note)
        for contender in contenders
    ]


def compare_fresh(
    reference: str,
    arguments: Mapping[str, Sequence[object]],
    settings: Settings,
    *,
    case: str = "",
    quantity: str = TIME,
    unit: str = "s",
    notes: Mapping[str, str] | None = None,
) -> list[Measurement]:
    """Sample contenders in turn, every sample in a process of its own.

    ``reference`` names a function, "module:function", that returns a `Sample`; ``arguments``
    holds its arguments for each contender.
    """
    samplers = {name: _fresh_sampler(reference, values) for name, values in arguments.items()}
    samples = take_turns(samplers, settings)
    notes = notes or {}
    return [
        Measurement(name, samples[name], case, quantity, unit, notes.get(name, ""))
        for name in arguments
    ]


def take_turns(
    samplers: Mapping[str, Callable[[], Sample]], settings: Settings
) -> dict[str, tuple[Sample, ...]]:
    """Return the samples of each contender, drawn in the order A B A B."""
    samples: dict[str, list[Sample]] = {name: [] for name in samplers}
    for _ in range(settings.repeats):
        for name, sampler in samplers.items():
            gc.collect()
            wait_for_quiet(settings.patience)
            samples[name].append(sampler())
    return {name: tuple(values) for name, values in samples.items()}


def timed(work: Callable[[], object], calls: int = 1) -> Sample:
    """Return the seconds that one call of ``work`` takes."""
    foreign, start = foreign_seconds(), time.perf_counter()
    for _ in range(calls):
        work()
    wall = time.perf_counter() - start
    # The system counts CPU time in steps of 10 ms: shorter windows would say nothing.
    busy = (foreign_seconds() - foreign) / max(wall, 0.05)
    return Sample(wall / calls, max(busy, 0.0))


def count_calls(work: Callable[[], object], shortest: float) -> int:
    """Return how many calls of ``work`` last for ``shortest`` seconds."""
    start = time.perf_counter()
    work()
    return max(1, math.ceil(shortest / (time.perf_counter() - start)))


def wait_for_quiet(patience: float, window: float = 0.2) -> bool:
    """Wait until other processes are quiet, for ``patience`` seconds at most."""
    deadline = time.perf_counter() + patience
    while time.perf_counter() < deadline:
        before = foreign_seconds()
        time.sleep(window)
        if (foreign_seconds() - before) / window <= QUIET:
            return True
    return False


def foreign_seconds() -> float:
    """Return the CPU seconds used so far by all but this process and its descendants."""
    times = psutil.cpu_times()
    kinds = ("user", "nice", "system", "irq", "softirq", "steal")
    this = psutil.Process()
    family = [this, *this.children(recursive=True)]
    return sum(getattr(times, kind, 0.0) for kind in kinds) - sum(map(_cpu_seconds, family))


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:  # it has just ended
        return 0.0
    return times.user + times.system + times.children_user + times.children_system


def _sampler(contender: Contender, calls: int) -> Callable[[], Sample]:
    def sample() -> Sample:
        measured = timed(contender.run, calls)
        return replace(measured, value=measured.value * contender.scale)

    return sample


def _fresh_sampler(reference: str, arguments: Sequence[object]) -> Callable[[], Sample]:
    return lambda: call_fresh(reference, *arguments)
