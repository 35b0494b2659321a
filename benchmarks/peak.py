"""The memory of this process, and how far a piece of work makes it rise.

Owns: reading it, on Linux and elsewhere. It imports no library that is measured.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

_MEGABYTE = 2**20
_STATUS = Path("/proc/self/status")


def peak_growth(work: Callable[[], object]) -> float:
    """Return the MB by which memory rises at most while ``work`` runs."""
    gc.collect()
    forget_peak()
    before = resident()
    work()
    return max(peak() - before, 0.0)


def resident() -> float:
    """Return the memory of this process in MB."""
    return psutil.Process().memory_info().rss / _MEGABYTE


def peak() -> float:
    """Return the largest memory that this process has had, in MB.

    ``ru_maxrss`` is what systems without /proc offer. On Linux it starts at the size of the
    process that started this one, so a small process looks as large as its parent.
    """
    if _STATUS.exists():
        lines = _STATUS.read_text(encoding="utf-8").splitlines()
        kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
        return int(kilobytes) / 1024
    import resource  # Windows has none

    maximum = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return maximum / (_MEGABYTE if sys.platform == "darwin" else 1024)


def forget_peak() -> None:
    """Let the largest memory be counted from now on, where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:  # not Linux, or not allowed: the peak then covers what was before
        return
