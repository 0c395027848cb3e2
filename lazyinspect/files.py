"""Text -> a file, whole or not at all, or a standard stream, which may be closed or full.

Raises SpecError where a report cannot be written.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import TextIO

from lazyinspect.errors import Problem, SpecError


def replace_file(path: Path, pieces: Iterable[str]) -> None:
    """Write the pieces to a temporary name beside ``path``, then rename it.

    A run that fails or is interrupted leaves the old file. A link is followed, and what is no
    regular file (``/dev/null``, a FIFO, a pipe of the shell's) is written to rather than replaced.

    Raises:
        SpecError: the folder is missing or read-only, or the disk is full. Said before the first
            piece is asked for, where it is known by then.
    """
    # not asked of its real path: that of a pipe's name is the name of nothing
    special = path.exists() and not path.is_file()
    target = path if special else Path(os.path.realpath(path))
    temporary = target if special else target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        if not special:
            with writing(str(path)):
                temporary.touch()
        text = "".join(pieces)
        with writing(str(path)), open(temporary, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        if not special:
            with writing(str(path)):
                if target.exists():
                    temporary.chmod(target.stat().st_mode)
                temporary.replace(target)
    finally:
        if not special:
            temporary.unlink(missing_ok=True)


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Say which file could not be written. A closed pipe passes: its reader wants no more.

    Raises:
        SpecError: the system refused.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise SpecError(Problem("cannot-write", f"cannot write {what}: {reason}")) from None


@contextmanager
def printing() -> Iterator[None]:
    """Around what writes to standard output.

    Raises:
        SpecError: it is closed, or the disk behind it is full.
    """
    require_output()
    try:
        with writing("standard output"):
            yield
    except SpecError:
        silence(sys.stdout)
        raise


def require_output() -> None:
    """Raises SpecError where the process has no standard output."""
    if sys.stdout is None:
        raise SpecError(Problem("cannot-write", "cannot write standard output: it is closed"))


def silence(stream: TextIO | None) -> None:
    """What is buffered for a stream that fails must not fail again at exit."""
    with suppress(OSError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[union-attr]


def say(text: str) -> None:
    """Write to standard error, where nobody may listen: that changes no exit code."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        silence(sys.stderr)


@contextmanager
def error_stream() -> Iterator[None]:
    """Give a process without a standard error one that goes nowhere."""
    if sys.stderr is not None:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        yield
