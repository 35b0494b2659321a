"""Run the benchmarks: ``python benchmarks/run.py``, in an environment with the extra "bench".

Each row runs in a process of its own, so that no row leaves anything behind for the next.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fresh import call_fresh
from report import Result, summarise, write_report
from rows import ROWS, Row
from timing import Settings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
QUICK = "**A smoke run: sizes and repeats are cut, and the figures mean nothing.**"

# Read by the libraries when the rows' processes import them. Contenders meet on the CPU.
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    os.environ |= ENVIRONMENT
    settings = Settings(options.repeats)
    if options.quick:
        settings = Settings(min(options.repeats, 2), quick=True, patience=0.0)
    rows = [row for row in ROWS if not options.only or row.name in options.only]

    command = " ".join(["python benchmarks/run.py", *describe(options)])
    results: list[Result] = []
    for row in rows:
        print(f"{row.name} ...", file=sys.stderr, flush=True)
        results.append(run_row(row, settings, options.limit))
        for line in summarise(results[-1:]):
            print("    " + "  ".join(filter(None, line)), file=sys.stderr, flush=True)
    page = write_report(results, command, QUICK if options.quick else "")
    print(page)
    if options.output is not None:
        options.output.write_text(page, encoding="utf-8")
    return int(any(result.error for result in results))


def run_row(row: Row, settings: Settings, limit: float) -> Result:
    """Return what a row measured. The failure of one row must not cost the others."""
    try:
        return Result(row, tuple(call_fresh(row.measure, settings, limit=limit)))
    except Exception as error:
        print(error, file=sys.stderr)
        return Result(row, error=str(error).strip().splitlines()[-1])


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="Rows: " + ", ".join(names)
    )
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="rows to run")
    parser.add_argument(
        "--repeats", type=int, default=5, help="samples of each contender, 3 at most of slow work"
    )
    parser.add_argument("--limit", type=float, default=3600, help="seconds that a row may take")
    parser.add_argument("--quick", action="store_true", help="a smoke run in small sizes")
    parser.add_argument(
        "--output", type=Path, help="page to write; docs/benchmarks.md if all rows run in full"
    )
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        parser.error("--repeats must be at least 1")
    # A part of the rows must not replace the page of all of them unasked.
    if options.output is None and not options.only and not options.quick:
        options.output = PAGE
    return options


def describe(options: argparse.Namespace) -> list[str]:
    """Return the options that shape the results, as they would be typed."""
    parts = ["--only", *options.only] if options.only else []
    parts += ["--repeats", str(options.repeats)] if options.repeats != 5 else []
    return parts + ["--quick"] * options.quick


if __name__ == "__main__":
    sys.exit(main())
