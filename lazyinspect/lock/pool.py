"""Work on many files -> its results, in order, on one core or several. No torch here."""

from __future__ import annotations

import gc
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from lazyinspect.errors import NetworkError, Problem

Result = TypeVar("Result")
Progress = Callable[[int, int], None]
"""Called with how many of how many are done."""

_CHUNKS = 8
"""Pieces of work for each process: the last to end waits for little."""

_COLLECT = 128
"""Files after which a process looks for what failures have left: a plan leaves nothing."""

_work: Callable[[str], Any] | None = None
"""What a worker process does."""
_done = 0
"""How much of it is done."""


def run_all(
    work: Callable[[str], Result],
    paths: Sequence[str],
    jobs: int = 1,
    progress: Progress | None = None,
) -> Iterator[Result]:
    """Results of ``work`` on each path, in order.

    Args:
        work: a function of a module, or a partial of one, where ``jobs`` is more than 1.
        jobs: processes.
        progress: told after each.

    Raises:
        NetworkError: the system ended a process.
    """
    total = len(paths)
    results = _parallel(work, paths, jobs) if jobs > 1 and total > 1 else _serial(work, paths)
    for done, result in enumerate(results, start=1):
        if progress is not None:
            progress(done, total)
        yield result


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _serial(work: Callable[[str], Result], paths: Sequence[str]) -> Iterator[Result]:
    with _collecting():
        for done, path in enumerate(paths, start=1):
            yield work(path)
            if done % _COLLECT == 0:
                gc.collect()


@contextmanager
def _collecting() -> Iterator[None]:
    """Errors hold cycles, and ten thousand may not stay; the collector itself looks too often."""
    enabled = gc.isenabled()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


def _parallel(work: Callable[[str], Result], paths: Sequence[str], jobs: int) -> Iterator[Result]:
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    # a fork starts at once, but not from where torch's threads run
    forks = sys.platform == "linux" and "torch" not in sys.modules
    context = get_context("fork" if forks else "spawn")
    jobs = min(jobs, len(paths))
    chunk = max(1, len(paths) // (jobs * _CHUNKS))
    with warnings.catch_warnings():
        # where a thread runs, as one of a test runner's does, Python 3.12 warns of the fork
        warnings.simplefilter("ignore", DeprecationWarning)
        pool = ProcessPoolExecutor(jobs, context, _start, (work,))
        try:
            yield from pool.map(_one, paths, chunksize=chunk)
        except BrokenProcessPool:
            problem = Problem(
                "out-of-memory", "the system ended a process of this command",
                help="it may lack memory: run with -j 1",
            )  # fmt: skip
            raise NetworkError(problem) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start(work: Callable[[str], Any]) -> None:
    global _work
    _work = work
    # the parent answers Ctrl-C
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.disable()


def _one(path: str) -> Any:
    global _done
    assert _work is not None
    result = _work(path)
    _done += 1
    if _done % _COLLECT == 0:
        gc.collect()
    return result
