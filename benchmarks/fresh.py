"""Calling a function in a process of its own, which has imported nothing yet.

Owns: such processes, from their start to their end, whatever happens in them.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection

import psutil

# Seconds that a process may take to end once it has given its result.
GRACE = 10.0


def call_fresh(reference: str, *arguments: object, limit: float | None = None) -> object:
    """Return what the function "module:function" returns in a new process.

    Raises RuntimeError, with the traceback, if it fails there, and TimeoutError if it takes more
    than ``limit`` seconds.
    """
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, reference, arguments))
    process.start()
    sender.close()  # so that the end of the process ends the connection
    try:
        return _receive(receiver, reference, limit)
    finally:
        process.join(GRACE)
        if process.is_alive():
            kill_family(process.pid)
            process.join()


def resolve(reference: str) -> Callable[..., object]:
    """Return the function that "module:function" names."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


def kill_family(pid: int) -> None:
    """End a process and its descendants."""
    parent = psutil.Process(pid)
    for process in [*parent.children(recursive=True), parent]:
        try:
            process.kill()
        except psutil.NoSuchProcess:  # it has just ended
            continue


def _receive(receiver: Connection, reference: str, limit: float | None) -> object:
    if not receiver.poll(limit):
        raise TimeoutError(f"{reference} took more than {limit:g} s")
    try:
        result, error = receiver.recv()
    except EOFError:
        raise RuntimeError(f"the process of {reference} died") from None
    if error:
        raise RuntimeError(error)
    return result


def _answer(sender: Connection, reference: str, arguments: tuple[object, ...]) -> None:
    try:
        answer = (resolve(reference)(*arguments), "")
    except Exception:
        answer = (None, traceback.format_exc())
    sender.send(answer)
