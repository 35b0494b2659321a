"""How many training steps one call into a compiled function may take.

Owns: the bound on a call's duration, and what is known of how long steps take.
Does not own: how epochs are cut into calls (``compiled``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

# Seconds that one call may take: Python hears Ctrl-C between calls only.
_CALL_SECONDS = 0.5
_FIRST_CALL_STEPS = 16


class Pace:
    """How many steps fit into one call: few until it is known how long they take.

    Threads may share one: the worst that comes of it is a call that is too short.

    Examples
    --------
    >>> pace = Pace()
    >>> with pace.measure(pace.steps):
    ...     pass  # a call that takes no time
    >>> pace.steps
    32
    """

    def __init__(self) -> None:
        self.steps = _FIRST_CALL_STEPS

    @contextmanager
    def measure(self, n_steps: int) -> Iterator[None]:
        """Learn from a call of ``n_steps`` steps."""
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        # No more than doubled at once: a short call says little about a long one.
        fitting = int(n_steps * _CALL_SECONDS / max(seconds, 1e-6))
        self.steps = max(1, min(2 * self.steps, fitting))
