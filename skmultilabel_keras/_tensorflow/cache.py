"""Compiled functions, shared by all fits of one process whose specification agrees.

Owns: the bounded, thread-safe cache, its counters and its size.
Does not own: what a specification holds (``specification``) or what is compiled (``epochs``).
"""

from __future__ import annotations

import numbers
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class CompileCacheInfo(NamedTuple):
    """What the cache of compiled functions did so far.

    Parameters
    ----------
    hits : int
        Requests answered with a function that was there.
    misses : int
        Requests for which a function had to be traced.
    traces : int
        Functions traced, those included that belong to one fit alone and are not kept.
    size : int
        Functions kept now.
    maxsize : int
        Functions kept at most.
    """

    hits: int
    misses: int
    traces: int
    size: int
    maxsize: int


@dataclass
class _Entry:
    """A place for one function; its lock is held while the function is made."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    function: Any = None


class CompileCache:
    """Least recently used functions go first once there are more than ``maxsize``.

    Parameters
    ----------
    maxsize : int
        Functions kept at most; 0 keeps none.
    """

    def __init__(self, maxsize: int) -> None:
        self._maxsize = maxsize
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._hits = self._misses = self._traces = 0

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return the function of ``key``, which ``make`` makes if there is none.

        Threads that ask for the same key at once wait for the first of them; an error in
        ``make`` leaves no entry behind.
        """
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
        with entry.lock:
            if entry.function is not None:
                self._count(hits=1)
                return entry.function
            try:
                function = make()
            except BaseException:
                self._discard(key, entry)
                raise
            entry.function = function
        with self._lock:
            # A thread that waited for one whose ``make`` failed holds an entry that is gone.
            self._entries.setdefault(key, entry)
        self._count(misses=1)
        self._shrink()
        return function

    def count_trace(self) -> None:
        """Count a function that was traced, whether it is kept here or not."""
        self._count(traces=1)

    def clear(self) -> None:
        """Drop all functions and start the counters anew."""
        with self._lock:
            self._entries.clear()
            self._hits = self._misses = self._traces = 0

    def resize(self, maxsize: int) -> None:
        """Set how many functions are kept at most."""
        with self._lock:
            self._maxsize = maxsize
        self._shrink()

    def info(self) -> CompileCacheInfo:
        """Return the counters."""
        with self._lock:
            size = len(self._entries)
            return CompileCacheInfo(self._hits, self._misses, self._traces, size, self._maxsize)

    def _count(self, hits: int = 0, misses: int = 0, traces: int = 0) -> None:
        with self._lock:
            self._hits += hits
            self._misses += misses
            self._traces += traces

    def _shrink(self) -> None:
        with self._lock:
            while len(self._entries) > self._maxsize:
                self._entries.popitem(last=False)

    def _discard(self, key: Hashable, entry: _Entry) -> None:
        with self._lock:
            if self._entries.get(key) is entry:
                del self._entries[key]


# A function takes some 4 MB.
COMPILE_CACHE = CompileCache(maxsize=16)


def clear_compile_cache() -> None:
    """Drop all compiled functions of this process, and start their counters anew.

    Fits and predictions work as before; the next of each kind is compiled again.

    Examples
    --------
    >>> from skmultilabel_keras import clear_compile_cache, compile_cache_info
    >>> clear_compile_cache()
    >>> compile_cache_info().size
    0
    """
    COMPILE_CACHE.clear()


def compile_cache_info() -> CompileCacheInfo:
    """Return what the cache of compiled functions did so far in this process.

    Returns
    -------
    CompileCacheInfo
        Named tuple of ``hits``, ``misses``, ``traces``, ``size`` and ``maxsize``.

    Examples
    --------
    >>> from skmultilabel_keras import compile_cache_info
    >>> compile_cache_info().maxsize
    16
    """
    return COMPILE_CACHE.info()


def set_compile_cache_size(maxsize: int) -> None:
    """Set how many compiled functions this process keeps.

    Parameters
    ----------
    maxsize : int
        Functions kept at most; those used longest ago go first. 0 keeps none.

    Raises
    ------
    ValueError
        If ``maxsize`` is no integer of at least 0.

    Examples
    --------
    >>> from skmultilabel_keras import set_compile_cache_size
    >>> set_compile_cache_size(16)
    """
    if isinstance(maxsize, bool) or not isinstance(maxsize, numbers.Integral) or maxsize < 0:
        raise ValueError(f"maxsize must be an integer of at least 0; got {maxsize!r}.")
    COMPILE_CACHE.resize(int(maxsize))
