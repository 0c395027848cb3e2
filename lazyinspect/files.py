"""Text -> a file, whole or not at all. Raises SpecError where it cannot be written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lazyinspect.errors import Problem, SpecError


def replace_file(path: Path, pieces: Iterable[str]) -> None:
    """Write the pieces to a temporary name beside ``path``, then rename it.

    A run that fails or is interrupted leaves the old file. A link is followed, and what is no
    regular file (``/dev/null``, a FIFO) is written to rather than replaced.

    Raises:
        SpecError: the folder is missing or read-only, or the disk is full. Said before the first
            piece is asked for, where it is known by then.
    """
    target = Path(os.path.realpath(path))
    special = target.exists() and not target.is_file()
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
