"""Memory that fits leave behind: swept up now and then.

Owns: when Python's collector runs and TensorFlow's cache of eager kernels is emptied.
Does not own: which compiled functions are kept (``cache``).

Graphs and Keras models are full of reference cycles, and TensorFlow keeps a kernel for each
operation that it has run; both pile up over many fits, and one does not go without the other.
"""

from __future__ import annotations

import gc
import threading

from tensorflow.python.eager import context

from skmultilabel_keras._tensorflow.cache import COMPILE_CACHE

# A sweep takes some 0.2 s; a fit leaves some 0.03 MB behind without it, a trace 1 MB.
_FITS_BETWEEN_SWEEPS = 128
_FITS_PER_TRACE = 16


class Sweeper:
    """Sweeps after a number of fits, earlier if they traced functions.

    Parameters
    ----------
    fits_between : int
        Fits after which there is a sweep; each trace counts as some of them.
    """

    def __init__(self, fits_between: int) -> None:
        self._fits_between = fits_between
        self._lock = threading.Lock()
        self._fits = 0
        self._traces_seen = 0

    def count_fit(self) -> None:
        """Count a fit that ended, and sweep if it is time."""
        with self._lock:
            traces = COMPILE_CACHE.info().traces
            # The cache's counters start anew when it is cleared.
            new_traces = max(0, traces - self._traces_seen)
            self._traces_seen = traces
            self._fits += 1 + _FITS_PER_TRACE * new_traces
            due = self._fits >= self._fits_between
            if due:
                self._fits = 0
        if due:
            gc.collect()
            context.context().clear_kernel_cache()


SWEEPER = Sweeper(_FITS_BETWEEN_SWEEPS)
