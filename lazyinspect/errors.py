"""Every way lazyinspect says no. Imports nothing.

The tree, with the exit code of the command line in brackets::

    LazyinspectError               carries one or more Problems
    ├── SpecError              [2] the spec or the command line is wrong for any input
    ├── NetworkError           [3] the network cannot be built or run for this input or machine
    ├── ExpectationError       [1] it worked, and an `expect:` is unmet
    └── InternalError         [70] lazyinspect contradicts itself: a bug

    OpError                        raised by a row of the op table, which knows no file; the
    ├── ArgumentError          [2] planner turns it into a Problem at the step's own line
    └── ShapeError             [3]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A text that problems point into: a spec file, or a command line."""

    path: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a source: line and column from 1, and how many characters to underline."""

    source: Source
    line: int
    column: int
    length: int = 1

    def to(self, last: Mark) -> Mark:
        """From here to the end of another place of the same line; this place alone otherwise."""
        if self.line != last.line or last.column < self.column:
            return self
        return Mark(self.source, self.line, self.column, last.column + last.length - self.column)


@dataclass(frozen=True, slots=True)
class Span:
    """A second place that explains a problem, and what it has to do with it."""

    mark: Mark
    text: str
    """Said beside its caret: ``64 channels, from here``."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, with all a renderer needs to say so."""

    code: str
    """Stable kebab-case name, for instance ``shape-mismatch``."""
    message: str
    """One sentence: what was expected and what was found."""
    mark: Mark | None = None
    """Where; None where no file is concerned (an unavailable device)."""
    found: str = ""
    """Printed beside the caret: what stands there or what flows in."""
    help: str = ""
    """The remedy."""
    notes: tuple[str, ...] = ()
    """Further lines; torch's own message, where there is one, is the last."""
    spans: tuple[Span, ...] = ()
    """Other places that explain it, the nearest cause first."""
    used_at: tuple[Mark, ...] = ()
    """Inside a block: where the block is used, innermost use first."""

    def inside(self, mark: Mark) -> Problem:
        """The same problem, seen from one block further out."""
        return replace(self, used_at=(*self.used_at, mark))


class LazyinspectError(Exception):
    """Base of every expected failure. ``exit_code`` is what the command line ends with."""

    exit_code = 70
    make_partial: Callable[[], Any] | None = None
    """Gives ``partial``, which most who catch an error do not ask for."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (
            (_cut(problems),) if isinstance(problems, Problem) else tuple(map(_cut, problems))
        )
        super().__init__("\n".join(_plain(problem) for problem in self.problems))

    @property
    def partial(self) -> Any:
        """A Report of what was planned or run before it failed; None where there is none."""
        return None if self.make_partial is None else self.make_partial()


class SpecError(LazyinspectError):
    """The spec or the command line is wrong, whatever the input."""

    exit_code = 2


class NetworkError(LazyinspectError):
    """The network cannot be built or run for this input or on this machine."""

    exit_code = 3


class ExpectationError(LazyinspectError):
    """Everything worked, and an ``expect:`` of the spec is not met."""

    exit_code = 1


class InternalError(LazyinspectError):
    """Plan and device disagree, or another bug of lazyinspect's own."""

    exit_code = 70


class OpError(Exception):
    """A row of the op table refuses. It knows arguments and shapes, and no file.

    Args:
        message: one sentence, what was expected and what was found.
        argument: the argument to underline, where one is to blame.
        help: the remedy.
    """

    def __init__(self, message: str, *, argument: str | None = None, help: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.argument = argument
        self.help = help


class ArgumentError(OpError):
    """Wrong for any input: a stride of 0, groups that do not divide the channels."""


class ShapeError(OpError):
    """Wrong for this input: a kernel larger than the image, a feature count that differs."""


_LONGEST = 2_000
"""Characters of one text of a problem: what it quotes of a spec may be as long as the spec."""


def _cut(problem: Problem) -> Problem:
    """The problem with texts that a person can read."""
    texts = (problem.message, problem.found, problem.help, *problem.notes)
    if max(map(len, texts)) <= _LONGEST:
        return problem
    message, found, help, *notes = (
        text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…" for text in texts
    )
    return replace(problem, message=message, found=found, help=help, notes=tuple(notes))


def _plain(problem: Problem) -> str:
    """One line for ``str(error)``; the renderers do better."""
    place = ""
    if problem.mark is not None:
        place = f"{problem.mark.source.path}:{problem.mark.line}:{problem.mark.column}: "
    remedy = f" ({problem.help})" if problem.help else ""
    return f"{place}{problem.code}: {problem.message}{remedy}"
