"""Compare multi-label classifiers on real data: ``python benchmarks/quality.py``.

Owns: the command, which cells are run, and the file of results, from which a run goes on.
Does not own: what a cell measures (``quality_cells``), the page (``quality_report``).

Needs the extra "bench", and the data sets in the folder that ``SKMLK_DATA`` names.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from tqdm import tqdm

from datasets import CONFIRMATION, DATA, DEVELOPMENT
from fresh import call_fresh
from quality_cells import (
    COLUMNS,
    COSTS,
    FAILED,
    NO_TIME,
    OK,
    OVER_TIME,
    SCORES,
    UNTUNED,
    Cell,
)
from quality_peers import PEERS
from quality_variants import VARIANTS, concerns
from run import ENVIRONMENT

RESULTS = Path(__file__).resolve().parent / "quality.csv"
VARIANT_RESULTS = RESULTS.with_name("quality_variants.csv")
ROOT = Path(__file__).resolve().parents[1]
PAGE, README = ROOT / "docs" / "quality.md", ROOT / "README.md"
LIMIT = 900.0
MARGIN = 60.0  # seconds that a process may go on after its limit, to start, load and score

Row = dict[str, object]


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    os.environ |= ENVIRONMENT
    results = Results.read(options.results)
    if options.forget:
        results.drop(lambda row: row["peer"] in options.forget)
    cells = list_cells(options)
    if options.check:
        return check(results, cells, options)
    if not options.report:
        run(results, cells, options)
    if options.page is not None:
        from quality_report import write_page, write_short, write_variants

        write = write_variants if options.variants else write_page
        write(options.page, results.rows, describe(options))
        if options.page == PAGE and not options.variants:
            write_short(README, results.rows)
    rows = [results.last[cell] for cell in cells if cell in results.last]
    return int(any(str(row["status"]).startswith(FAILED) for row in rows))


@dataclass
class Results:
    """The file of results: a row for each cell that was run, the last one counting."""

    path: Path
    last: dict[Cell, Row] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.RLock)

    @property
    def rows(self) -> list[Row]:
        return list(self.last.values())

    @classmethod
    def read(cls, path: Path) -> Results:
        results = cls(path)
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    results.last[read_key(row)] = row
        return results

    def add(self, row: Row) -> None:
        """Append a row, at once, so that an interrupted run loses only the cells in progress."""
        with self.lock, self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(row)
            self.last[read_key(row)] = row

    def drop(self, unwanted: Callable[[Row], bool]) -> None:
        """Write the file anew without some rows, and without those that were replaced."""
        kept = [row for row in self.rows if not unwanted(row)]
        self.path.unlink(missing_ok=True)
        self.last = {}
        for row in kept:
            self.add(row)

    def has(self, cell: Cell, tuning: bool, retry: bool) -> bool:
        """Return whether a cell need not be run, or not again."""
        row = self.last.get(cell)
        if row is None:
            return not retry and self._is_too_slow(cell)
        if row["status"] != OK:
            return not retry
        return not tuning or row["tuning"] != UNTUNED

    def _is_too_slow(self, cell: Cell) -> bool:
        """Return whether the peer ran over time in another fold or seed of the same data."""
        with self.lock:
            slow = [done for done, row in self.last.items() if row["status"] == OVER_TIME]
        return any(done[:2] == cell[:2] for done in slow)


def read_key(row: Row) -> Cell:
    return Cell(str(row["data"]), str(row["peer"]), int(row["seed"]), int(row["fold"]))


def list_cells(options: argparse.Namespace) -> list[Cell]:
    """Return the cells of a run: seed 0 of all data first, and cheap peers before dear ones."""
    cells = []
    for seed in range(options.seeds):
        for peer in (name for name in (*PEERS, *VARIANTS) if name in options.peers):
            for data in (name for name in DATA if name in options.data):
                if seed >= DATA[data].n_seeds or (seed > 0 and _is_same(data, peer)):
                    continue
                if peer in VARIANTS and not concerns(peer, DATA[data].kind):
                    continue
                n_folds = min(DATA[data].n_folds, options.folds or DATA[data].n_folds)
                cells += [Cell(data, peer, seed, fold) for fold in range(n_folds)]
    return cells


def _is_same(data: str, peer: str) -> bool:
    """Return whether another seed changes neither the rows nor the classifier."""
    random = PEERS[peer].random if peer in PEERS else True
    return DATA[data].split == "original" and not random


def run(results: Results, cells: Iterable[Cell], options: argparse.Namespace) -> None:
    """Run the cells that have no result yet, side by side, each on a core of its own."""

    def is_due(cell: Cell) -> bool:
        return not results.has(cell, options.tuning, options.retry)

    def work(cell: Cell) -> Row | None:
        # A cell before may have run over time on the same data.
        if not options.retry and not is_due(cell):
            return None
        row, before = compute_cell(cell, options), results.last.get(cell, {})
        if before.get("status") == OK:  # so it is run again for its tuned thresholds alone
            kept = {name: before[name] for name in COSTS}
            row = row | kept if row["status"] == OK else {**before, "tuning": NO_TIME}
        results.add(row)
        return row

    due = [cell for cell in cells if is_due(cell)]
    with tqdm(total=len(due), unit="cell", disable=options.quiet) as bar:
        for row in compute(work, due, options.jobs):
            if row is not None:
                bar.set_postfix_str(f"{row['data']}, {row['peer']}: {row['status'][:40]}")
            bar.update()


def compute(
    work: Callable[[Cell], Row | None], cells: Sequence[Cell], n_jobs: int
) -> Iterator[Row | None]:
    """Yield what becomes of cells as they end, as many at a time as there are cores for them."""
    cores = sorted(_list_cores())[:n_jobs]
    free: SimpleQueue[int] = SimpleQueue()
    for core in cores:
        free.put(core)
    pool = ThreadPoolExecutor(len(cores), initializer=lambda: _pin(free.get()))
    try:
        for future in as_completed([pool.submit(work, cell) for cell in cells]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def compute_cell(cell: Cell, options: argparse.Namespace) -> Row:
    """Return the row of a cell, whatever becomes of it, from a process of its own."""
    arguments = (tuple(cell), options.tuning, options.quick, options.limit)
    try:
        return call_fresh("quality_cells:run_cell", *arguments, limit=options.limit + MARGIN)
    except TimeoutError:
        status = OVER_TIME
    except RuntimeError as error:
        status = f"{FAILED}: {summarise(str(error))}"
    return {**cell._asdict(), "status": status, "tuning": UNTUNED}


def summarise(error: str) -> str:
    """Return the line of a traceback that names the error, at most 200 characters."""
    lines = [line for line in error.splitlines() if line and not line.startswith((" ", "\t"))]
    named = [line for line in lines if line.partition(":")[0].endswith(("Error", "Exception"))]
    return (named or lines or ["no message"])[-1][:200]


def _list_cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _pin(core: int) -> None:
    """Keep this thread on one core, and with it the processes that it starts.

    They inherit it, so numerical libraries find one core when they are imported, and use one.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(threading.get_native_id(), {core})


def check(results: Results, cells: Sequence[Cell], options: argparse.Namespace) -> int:
    """Run some finished cells again; return 1, and say which, unless all metrics are equal."""
    done = [cell for cell in cells if results.last.get(cell, {}).get("status") == OK]
    chosen = random.Random(0).sample(done, min(options.check, len(done)))
    if not chosen:
        print("There are no finished cells to check.", file=sys.stderr)
        return 1
    different = 0
    rows = compute(partial(compute_cell, options=options), chosen, options.jobs)
    for row in tqdm(rows, total=len(chosen), disable=options.quiet):
        before = results.last[read_key(row)]
        unequal = [name for name in SCORES if not _agree(before.get(name, ""), row.get(name, ""))]
        if row["status"] != OK or unequal:
            different += 1
            print(f"differs: {read_key(row)}: {row['status']}, {', '.join(unequal)}")
    print(f"{len(chosen) - different} of {len(chosen)} cells gave the same metrics again.")
    return int(different > 0)


def _agree(before: object, after: object) -> bool:
    """Return whether two figures are equal, where both runs have them."""
    return "" in (before, after) or float(before) == float(after)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", nargs="+", choices=DATA, metavar="NAME", help=", ".join(DATA))
    add("--peers", nargs="+", choices=PEERS, metavar="NAME", help=", ".join(PEERS))
    add("--list", choices=(DEVELOPMENT, CONFIRMATION, "all"), default="all", help="which sets")
    add("--seeds", type=int, default=5, help="how many seeds, 5 by default")
    add("--folds", type=int, help="the first folds only, for a quick look")
    add("--limit", type=float, default=LIMIT, help="seconds for each cell, 900 by default")
    add("--jobs", type=int, default=len(_list_cores()), help="cells side by side; all cores")
    add("--variants", action="store_true", help="our default with one thing changed, not peers")
    add("--no-tuning", dest="tuning", action="store_false", help="no inner cross-validation")
    add("--retry", action="store_true", help="run again what failed or ran over time")
    add("--forget", nargs="+", choices=PEERS, metavar="PEER", help="drop the results of peers")
    add("--report", action="store_true", help="write the page only")
    add("--check", type=int, metavar="N", help="run N finished cells again, and compare")
    add("--quick", action="store_true", help="a smoke run on small parts of the data")
    add("--quiet", action="store_true", help="no progress bar")
    add("--results", type=Path, help="file of results, benchmarks/quality.csv by default")
    add("--page", type=Path, help="page to write, docs/quality.md by default")
    options = parser.parse_args(arguments)
    _complete(options)
    if min(options.seeds, options.jobs, options.folds or 1) < 1:
        parser.error("--seeds, --folds and --jobs must be at least 1")
    if not options.report and not os.environ.get("SKMLK_DATA"):
        parser.error("the environment variable SKMLK_DATA must name the folder of the data sets")
    return options


def _complete(options: argparse.Namespace) -> None:
    """Fill in what follows from other options."""
    if options.variants:
        options.list, options.tuning, options.peers = DEVELOPMENT, False, list(VARIANTS)
    purposes = (options.list,) if options.list != "all" else (DEVELOPMENT, CONFIRMATION)
    names = options.data or DATA
    options.data = [name for name in names if DATA[name].purpose in purposes]
    options.peers = options.peers or list(PEERS)
    if options.quick:
        options.seeds, options.folds = 1, min(options.folds or 1, 1)
    # Rough figures must not mix with those of a full run, nor replace its page.
    if options.results is None:
        folder = Path(tempfile.mkdtemp()) if options.quick else RESULTS.parent
        options.results = folder / (VARIANT_RESULTS if options.variants else RESULTS).name
        if options.page is None and not options.quick:
            options.page = PAGE


def describe(options: argparse.Namespace) -> str:
    """Return the command of a run, as it would be typed, without what was merely left out."""
    parts = ["python benchmarks/quality.py"]
    parts += ["--variants"] * options.variants
    if not options.variants:
        for name, known in (("data", DATA), ("peers", PEERS)):
            chosen = getattr(options, name)
            parts += [f"--{name}", *chosen] if set(chosen) != set(known) else []
    parts += ["--seeds", str(options.seeds)] if options.seeds != 5 else []
    parts += ["--folds", str(options.folds)] if options.folds else []
    parts += ["--limit", f"{options.limit:g}"] if options.limit != LIMIT else []
    parts += ["--no-tuning"] * (not options.tuning and not options.variants)
    return " ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
