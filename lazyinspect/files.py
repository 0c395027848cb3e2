"""A file -> bytes, no more than asked for; text -> a file, whole or not at all, or a stream.

The standard streams may be closed or full. Raises SpecError where a report cannot be written.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import TextIO

from lazyinspect.errors import Problem, SpecError
from lazyinspect.interrupt import undoing


def read_bytes(path: str, most: int) -> bytes:
    """The first bytes of a file, or of standard input where the path is ``-``.

    Args:
        most: where to stop: a pipe and ``/dev/zero`` need not end.

    Raises:
        OSError: the system refuses.
        ValueError: it is no path, or standard input was closed.
    """
    if path != "-":
        with open(path, "rb") as file:
            return file.read(most)
    if sys.stdin is None:
        raise ValueError("it is closed")
    if sys.stdin.isatty():
        say("reading the spec from the terminal: Ctrl-D on an empty line ends it\n")
    data: bytes | None = sys.stdin.buffer.read(most)
    if data is None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return data


def called(path: str) -> str:
    """What a message calls a file: one line, which cannot pass for another message."""
    if path == "-":
        return "standard input"
    shown = path if path and path.isprintable() else repr(path)
    return shown if len(shown) <= 200 else f"{shown[:80]} ... {shown[-80:]}"


def replace_file(path: Path, pieces: Iterable[str | bytes]) -> None:
    """Write the pieces to a temporary name beside ``path``, then rename it.

    A run that fails or is interrupted leaves the old file. A link is followed, and what is no
    regular file (``/dev/null``, a FIFO, a pipe of the shell's) is written to rather than replaced.

    Raises:
        SpecError: the folder is missing or read-only, or the disk is full. Said before the first
            piece is asked for, where it is known by then.
    """
    with writing(str(path)):
        # not asked of its real path: that of a pipe's name is the name of nothing
        special = path.exists() and not path.is_file()
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if special:
        _write(path, path, pieces)
        return
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name[:32]}.{os.getpid()}.tmp")

    def remove() -> None:
        with suppress(OSError):
            temporary.unlink()

    with undoing(remove):
        try:
            with writing(str(path)):
                # of a process that was killed, or a link that somebody put there
                remove()
                temporary.touch(exist_ok=False)
            _write(temporary, path, pieces)
            with writing(str(path)):
                if target.exists():
                    temporary.chmod(target.stat().st_mode)
                temporary.replace(target)
        finally:
            remove()


def _write(file: Path, name: Path, pieces: Iterable[str | bytes]) -> None:
    # as on standard output: names from a command line or a folder need not be text
    data = b"".join(
        piece if isinstance(piece, bytes) else piece.encode("utf-8", "backslashreplace")
        for piece in pieces
    )
    with writing(str(name)), open(file, "wb") as stream:
        stream.write(data)


def append_file(path: Path, text: str) -> None:
    """Add text to the end of a file, which is made where there is none.

    Raises:
        SpecError: the folder is missing or read-only, or the disk is full.
    """
    with writing(str(path)), open(path, "ab") as stream:
        stream.write(text.encode("utf-8", "backslashreplace"))


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
    except (OSError, ValueError) as error:  # the latter of what is no path
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError(Problem("cannot-write", f"cannot write {called(what)}: {reason}")) from None


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
    except (OSError, ValueError):  # full, or closed
        silence(sys.stderr)


def say_at_once(text: str) -> None:
    """As a signal's answer: past Python's own buffer, which the signal may have interrupted."""
    os.write(sys.stderr.fileno(), text.encode("utf-8", "backslashreplace"))


@contextmanager
def error_stream() -> Iterator[None]:
    """Give a process without a standard error one that goes nowhere."""
    if sys.stderr is not None:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        yield
