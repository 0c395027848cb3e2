"""The program as a user starts it: a process of its own, for tests of what only a process shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-W", "ignore", "-m", "lazyinspect"]
ENVIRONMENT = {**os.environ, "COLUMNS": "100", "PYTHONPATH": str(ROOT)}

SPEC = """\
input: [1, 4]
layers:
  - LazyLinear: 8
  - Relu
"""
"""With a mistake in line 4, so that an answer shows which line was read."""


def run(
    *arguments: str, warnings: str = "ignore", **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command line to its end."""
    done = subprocess.run(
        [sys.executable, "-W", warnings, *COMMAND[3:], *arguments],
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=options.pop("stderr", subprocess.PIPE),
        stdin=options.pop("stdin", None if "input" in options else subprocess.DEVNULL),
        env=options.pop("env", ENVIRONMENT),
        timeout=60,
        check=False,
        **options,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, _text(done.stdout), _text(done.stderr)
    )


def start(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start a command line, with pipes for its output."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=options.pop("stderr", subprocess.PIPE),
        env=ENVIRONMENT,
        **options,
    )


def shell(script: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a script of bash's, in which ``"$@"`` is the program with its first arguments."""
    return subprocess.run(
        ["bash", "-c", script, "bash", *COMMAND, *arguments],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env=ENVIRONMENT,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
        **options,
    )


def _text(data: bytes | None) -> str:
    return "" if data is None else data.decode("utf-8", "replace")
