"""Whole processes, timed in pairs: noise of the machine falls on both sides alike."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONPATH": str(ROOT),
    "NO_COLOR": "1",
}
"""The first, unmeasured run may keep its bytecode, as the installed peers have theirs."""
PYTHON = sys.executable


def python(*arguments: str) -> list[str]:
    """A command line of this interpreter."""
    return [PYTHON, *arguments]


def lazyinspect(*arguments: str) -> list[str]:
    """The command line's entry point, as the installed script calls it."""
    code = "import sys; from lazyinspect.cli import main; sys.exit(main(sys.argv[1:]))"
    return [PYTHON, "-c", code, *arguments]


def seconds(command: Sequence[str], exits: int = 0) -> float:
    """Wall time of one run; its output is thrown away.

    Raises:
        RuntimeError: it ends with another exit code.
    """
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    elapsed = time.perf_counter() - start
    if done.returncode != exits:
        raise RuntimeError(f"{command} exits {done.returncode}: {done.stderr.decode()[-500:]}")
    return elapsed


def pair(
    name: str,
    ours: Sequence[str],
    peer: Sequence[str],
    bound: float,
    *,
    runs: int = 11,
    exits: int = 0,
) -> bool:
    """Time two commands in turn, print the median ratio of the pairs, and judge it."""
    seconds(ours, exits), seconds(peer)  # warm the file cache
    times = [(seconds(ours, exits), seconds(peer)) for _ in range(runs)]
    mine = statistics.median(a for a, _ in times)
    other = statistics.median(b for _, b in times)
    ratio = statistics.median(a / b for a, b in times)
    return verdict(
        name, f"{mine * 1e3:7.1f} ms against {other * 1e3:7.1f} ms", ratio, bound, "x the peer"
    )


def verdict(name: str, figures: str, value: float, bound: float, unit: str) -> bool:
    """One line: what was measured, and whether it is at most the bound."""
    held = value <= bound
    print(f"{name:46} {figures:32} {value:6.3g} {unit:12} {'ok' if held else 'ABOVE'} {bound:g}")
    return held


def peak_mib(command: Sequence[str]) -> float:
    """Peak resident memory of a run, in MiB."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, "
        "stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [PYTHON, "-c", code, *command],
        cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, check=True, text=True,
    )  # fmt: skip
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return int(done.stdout) / scale


def own_peak_mib() -> float:
    """Peak resident memory of this process, in MiB."""
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
