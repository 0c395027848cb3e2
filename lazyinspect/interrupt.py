"""Ctrl-C, or another signal that ends -> the process gone, files and terminal as they were.

Raising KeyboardInterrupt instead would unwind through whatever runs at that moment, and some of
that swallows it, or turns it into an error of its own: imports, weak references, finalisers.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")

_undo: list[Callable[[], None]] = []


@contextmanager
def undoing(undo: Callable[[], None]) -> Iterator[None]:
    """Have ``undo`` called where a signal ends the process meanwhile, and only there."""
    _undo.append(undo)
    try:
        yield
    finally:
        _undo.pop()


def end_on_signals() -> None:
    """End the process with 128 + the signal's number, silently, from now on.

    For a program to call, as early as it can. What is ignored stays so: ``nohup``, and a shell
    that starts a command in the background, see to that.
    """
    process = os.getpid()

    def end(number: int, frame: FrameType | None) -> None:
        for each in _ENDING:
            if hasattr(signal, each):
                signal.signal(getattr(signal, each), signal.SIG_IGN)
        # a worker process has what is to be undone from its parent, whose it is
        if os.getpid() == process:
            for undo in reversed(_undo):
                with suppress(Exception):
                    undo()
            _end_workers()
        os._exit(128 + number)

    for each in _ENDING:
        number = getattr(signal, each, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


def _end_workers() -> None:
    """They would wait for work for ever."""
    pool = sys.modules.get("multiprocessing")
    with suppress(Exception):
        for worker in pool.active_children() if pool else ():
            worker.kill()
