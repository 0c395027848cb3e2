"""Bytes of a spec -> how reading, planning and printing it ended, or a Finding.

A case ends well in plans that every format prints, or in a LazyinspectError with an exit code of
1, 2 or 3 and problems that a person can act on. Whatever else happens is a finding.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from lazyinspect import api
from lazyinspect.errors import LazyinspectError, Mark, Problem
from lazyinspect.render import problems, problems_json, render
from lazyinspect.render.layout import Layout

SECONDS = 5.0
"""Of processor time that one spec may take."""
BYTES = 500_000_000
"""Of memory that one spec may take."""

WITHOUT_PLACE = frozenset({"unreadable", "spec-too-large", "spec-encoding", "spec-empty"})
"""Codes of problems of a whole file."""
OF_OPTIONS = frozenset({"unknown-variant", "unknown-parameter", "bad-option"})
"""Codes of what a command line asks for."""
_INNARDS = re.compile(r" object at 0x|<lazyinspect|<class '|Traceback|NoneType|_Required|dataclass")
_LAYOUTS = (
    Layout(),
    Layout(width=20, color=True, fold=False),
    Layout(width=61, unicode=False, depth=1),
)


class Finding(AssertionError):
    """A case did not end well."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
        """The same for the same mistake: what tells findings apart."""


class _TooLong(BaseException):
    """Processor time is up; no handler of ordinary errors may take it."""


@dataclass
class Ended:
    """How a case ended."""

    outcome: str
    """``plan``, or the codes of its problems."""
    seconds: float
    peak_bytes: int
    """Growth of the process at most; 0 where the system does not tell."""


def judge(data: bytes, **options: Any) -> Ended:
    """Read, plan and print a spec as the command line does, with every variant of it.

    Args:
        data: the file.
        options: of ``api.plan``.

    Raises:
        Finding: it ended in no documented way, or took too long or too much.
    """
    with tempfile.NamedTemporaryFile(suffix=".yaml", dir=_memory_folder()) as file:
        file.write(data)
        file.flush()
        before, begin = _restart_peak(), time.process_time()
        try:
            with _limited():
                outcome = _attempt(file.name, options)
        except Finding:
            raise
        except _TooLong:
            raise Finding("time", f"more than {SECONDS:.0f} s") from None
        except MemoryError:
            raise Finding("memory", f"more than {BYTES:,} bytes") from None
        except BaseException as error:
            trace = "".join(traceback.format_exception(error)[-6:])
            raise Finding(place(error), trace) from error
        ended = Ended(outcome, time.process_time() - begin, max(_peak() - before, 0))
    if ended.seconds > SECONDS:
        raise Finding("time", f"{ended.seconds:.1f} s")
    return ended


def _attempt(path: str, options: Mapping[str, Any]) -> str:
    codes: list[str] = []
    planned = 0
    try:
        spec = api.load(path)
    except LazyinspectError as error:
        return _refused(error, path, options)
    for variant in [None, *spec.variants][:4]:
        try:
            report = api.plan(spec, **{"variant": variant} | dict(options)).report()
        except LazyinspectError as error:
            codes.append(_refused(error, path, options))
        else:
            planned += 1
            if len(report.layers) < 20_000:
                _print(report)
    return "plan" if planned else codes[0]


def _print(report: Any) -> None:
    for layout in _LAYOUTS:
        for piece in render([report], "table", layout):
            piece.encode("utf-8", "backslashreplace")
    for form in ("json", "csv", "markdown"):
        for piece in render([report], form, _LAYOUTS[0]):  # type: ignore[arg-type]
            piece.encode("utf-8", "backslashreplace")


def _refused(error: LazyinspectError, path: str, options: Mapping[str, Any]) -> str:
    """The codes of its problems. Raises Finding where a person could not act on one."""
    if error.exit_code not in (1, 2, 3):
        raise Finding(f"exit code {error.exit_code}", str(error))
    if not error.problems:
        raise Finding("no problem", repr(error))
    for problem in error.problems:
        _check(problem, path, options)
    for layout in _LAYOUTS:
        text = problems.render(error.problems, layout)
        if not text.isascii():
            text.encode("utf-8", "backslashreplace")
        odd = [char for char in text if not char.isprintable() and char not in "\n\x1b"]
        if odd or ("\x1b" in text and not layout.color):
            raise Finding(f"prints {odd[:3]} {error.problems[0].code}", repr(text))
    partial = error.partial
    if partial is not None and len(partial.layers) < 20_000:
        _print(partial)
    document = json.loads(problems_json.render(error, path, None, partial))
    if document["exit_code"] != error.exit_code or not document["problems"]:
        raise Finding("as data", repr(document)[:300])
    return " ".join(sorted({problem.code for problem in error.problems}))


def _check(problem: Problem, path: str, options: Mapping[str, Any]) -> None:
    code = problem.code
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code):
        raise Finding(f"code {code!r}", problem.message)
    texts = [problem.message, problem.found, problem.help, *problem.notes]
    if not problem.message.strip():
        raise Finding(f"no message {code}", repr(problem))
    if any(_INNARDS.search(text.replace(path, "")) for text in texts):
        shown = [text[:300] for text in texts if _INNARDS.search(text.replace(path, ""))]
        raise Finding(f"innards {code}", repr(shown))
    without = WITHOUT_PLACE | (OF_OPTIONS if options else frozenset())
    if problem.mark is None and code not in without and not options:
        raise Finding(f"no place {code}", problem.message[:300])
    marks = [problem.mark, *problem.used_at, *(span.mark for span in problem.spans)]
    for mark in marks:
        if mark is not None:
            _check_mark(mark, code)


def _check_mark(mark: Mark, code: str) -> None:
    lines = mark.source.lines
    if not 1 <= mark.line <= len(lines):
        raise Finding(f"line {code}", f"line {mark.line} of {len(lines)}")
    if not 1 <= mark.column <= len(lines[mark.line - 1]) + 1 or mark.length < 1:
        raise Finding(f"column {code}", f"{mark.line}:{mark.column} in {lines[mark.line - 1]!r}")


def place(error: BaseException) -> str:
    """Kind of the error, and the last place of lazyinspect's own in its traceback."""
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "lazyinspect" in Path(frame.filename).parts
    ]
    last = own[-1] if own else None
    at = f"{Path(last.filename).name}:{last.name}" if last else "?"
    return f"{type(error).__name__} {at}"


@contextmanager
def _limited() -> Iterator[None]:
    """Stop what takes too long or too much, where the system can."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooLong

    old_limits = resource.getrlimit(resource.RLIMIT_AS)
    old_handler = signal.signal(signal.SIGPROF, stop)
    used = _status("VmSize")
    if used:
        resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, old_limits[1]))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old_handler)
        resource.setrlimit(resource.RLIMIT_AS, old_limits)


def _memory_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _restart_peak() -> int:
    """Forget the peak so far. Returns the bytes in use."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    with suppress(OSError, ValueError, StopIteration):
        text = Path("/proc/self/status").read_text()
        line = next(line for line in text.splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024
    return 0
