"""What TensorFlow needs to know about the process that it runs in.

Owns: the error for processes forked after TensorFlow ran, and the number of TensorFlow's threads
in the worker processes of joblib and multiprocessing.
Does not own: what is trained there, or how many workers there are.

Both functions are called before TensorFlow runs something, and cost less than a microsecond from
the second call on. The module imports no TensorFlow: a fork is noticed if this module was imported
before it.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from typing import Any

_FORK_MESSAGE = (
    "This process was forked after TensorFlow had run in its parent, and TensorFlow would hang in "
    "it for ever. Start workers in another way: joblib's 'threading' or 'loky' backend, "
    "multiprocessing.get_context('spawn'); or fork before anything is fitted or predicted."
)

# Where joblib and OpenMP programs look for the number of threads that a process may use.
_LIMIT_VARIABLE = "OMP_NUM_THREADS"


class _State:
    """Facts of this process; a forked child inherits them and _note_fork corrects them."""

    forked_after_use = False
    threads_settled = False
    lock = threading.Lock()


def prepare_process() -> None:
    """Check that TensorFlow can run here, and hold it to the threads that it may use.

    Raises
    ------
    RuntimeError
        As in :func:`check_process`.

    Examples
    --------
    >>> prepare_process()
    """
    check_process()
    limit_threads()


def check_process() -> None:
    """Raise an error where TensorFlow would hang.

    Raises
    ------
    RuntimeError
        In a process that was forked after TensorFlow had run something in the parent: the threads
        that TensorFlow waits for stayed there.

    Examples
    --------
    >>> check_process()
    """
    if _State.forked_after_use:
        raise RuntimeError(_FORK_MESSAGE)


def limit_threads() -> None:
    """Hold TensorFlow to the threads that a worker process may use.

    Joblib's process workers get their share of the processors in ``OMP_NUM_THREADS`` (so do
    programs that a user starts that way), which TensorFlow does not read. Its arithmetic
    (intra-op) and its executors (inter-op) are both held to it.

    Notes
    -----
    Nothing is changed in a main process; in a worker without a limit below the number of
    processors; once TensorFlow has run something; where ``TF_NUM_INTRAOP_THREADS``,
    ``TF_NUM_INTEROP_THREADS`` or ``tf.config.threading`` says something else. A worker is a process
    with a ``multiprocessing.parent_process()``: multiprocessing's own children, and loky's.

    Examples
    --------
    >>> limit_threads()
    """
    if _State.threads_settled:
        return
    with _State.lock:
        if not _State.threads_settled:
            limit = _thread_limit() if multiprocessing.parent_process() is not None else None
            if limit is not None and not _has_run():
                _set_threads(limit)
            _State.threads_settled = True


def _thread_limit() -> int | None:
    """Return the number of threads that this process may use, None where all are free to it."""
    # The variable may hold one number for each level of nested parallelism.
    limit = os.environ.get(_LIMIT_VARIABLE, "").split(",")[0].strip()
    if not limit.isdecimal():
        return None
    return int(limit) if 0 < int(limit) < (os.cpu_count() or 1) else None


def _set_threads(limit: int) -> None:
    import tensorflow as tf

    threading_config = tf.config.threading
    if (
        "TF_NUM_INTRAOP_THREADS" not in os.environ
        and threading_config.get_intra_op_parallelism_threads() == 0
    ):
        threading_config.set_intra_op_parallelism_threads(limit)
    if (
        "TF_NUM_INTEROP_THREADS" not in os.environ
        and threading_config.get_inter_op_parallelism_threads() == 0
    ):
        threading_config.set_inter_op_parallelism_threads(limit)


def _has_run() -> bool:
    """Tell whether TensorFlow runs in this process, without making it run."""
    # Read where it is, not by context.context(), which creates one.
    module: Any = sys.modules.get("tensorflow.python.eager.context")
    context = getattr(module, "_context", None)
    return getattr(context, "_context_handle", None) is not None


def _note_fork() -> None:
    _State.lock = threading.Lock()
    _State.threads_settled = False
    _State.forked_after_use = _State.forked_after_use or _has_run()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_note_fork)
