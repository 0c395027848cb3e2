"""Reports and errors of a run's variants -> what is printed of them, in any format.

Where something failed, its error is raised after the last piece: the rest is printed all the same,
and ``cli`` says on standard error what is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from lazyinspect.codes import worst_first
from lazyinspect.commands.common import to
from lazyinspect.errors import (
    ExpectationError,
    InternalError,
    LazyinspectError,
    NetworkError,
    Problem,
    SpecError,
)
from lazyinspect.files import say

if TYPE_CHECKING:
    from lazyinspect.render import Format
    from lazyinspect.render.layout import Layout
    from lazyinspect.report import Report

Outcome: TypeAlias = "tuple[str | None, Report | LazyinspectError]"
"""Name of a variant, and what came of it."""


def printed(
    outcomes: Iterable[Outcome], form: Format, layout: Layout, file: Path | None, spec: str
) -> Iterator[str]:
    """Pieces for standard output: the reports, and of what failed the part that there is.

    A table or Markdown shows it up to the step that failed; JSON gives the problems in the place
    of the report. A file is written whole or not at all, so after a failure these go to standard
    output.

    Raises:
        LazyinspectError: something failed.
    """
    if form == "json":
        return _documents(outcomes, layout, file, spec)
    return _drawings(outcomes, form, layout, file)


def _drawings(
    outcomes: Iterable[Outcome], form: Format, layout: Layout, file: Path | None
) -> Iterator[str]:
    from lazyinspect.render import render

    failed: dict[str | None, LazyinspectError] = {}

    def reports() -> Iterator[Report]:
        for name, outcome in outcomes:
            if not isinstance(outcome, LazyinspectError):
                yield outcome
                continue
            failed[name] = outcome
            if file is None and form != "csv":
                yield from _partial(outcome)
        if failed:
            raise _failure(failed, layout)

    try:
        yield from to(file, render(reports(), form, layout))
    except LazyinspectError:
        if file is not None and form != "csv":
            parts = (part for error in failed.values() for part in _partial(error))
            yield from render(parts, form, layout)
        drawn = form != "csv" and any(error.make_partial for error in failed.values())
        if drawn and sys.stdout.isatty() and sys.stderr.isatty():
            say("\n")  # between the table and the problems, which a terminal shows together
        raise


def _documents(
    outcomes: Iterable[Outcome], layout: Layout, file: Path | None, spec: str
) -> Iterator[str]:
    from lazyinspect.render import json, problems_json

    documents = []
    failed: dict[str | None, LazyinspectError] = {}

    def document(error: LazyinspectError, name: str | None = None) -> None:
        part = next(_partial(error), None)
        documents.append(problems_json.data(error, spec, name, part))

    def texts() -> Iterator[str]:
        for name, outcome in outcomes:
            if isinstance(outcome, LazyinspectError):
                failed[name] = outcome
                document(outcome, name)
            elif layout.array:
                documents.append(json.data(outcome))
            else:
                yield from json.pieces(outcome)
        if failed:
            raise _failure(failed, layout)
        if layout.array:
            yield text()

    def text() -> str:
        if layout.array:
            return json.array(documents)
        return json.pretty(documents[-1]) + "\n"

    try:
        yield from to(file, texts())
    except LazyinspectError as error:
        if not failed:  # the spec cannot be read, or the file not be written
            document(error)
        yield text()
        raise


def _partial(error: LazyinspectError) -> Iterator[Report]:
    """What was planned or run before the error, if anything."""
    try:
        # a class of the user's own may print
        with redirect_stdout(sys.stderr):
            part = error.partial
    except Exception:  # the error itself is what the person needs
        return
    if part is not None:
        yield part


def _failure(failed: Mapping[str | None, LazyinspectError], layout: Layout) -> LazyinspectError:
    if not layout.array or None in failed:
        (error,) = failed.values()
        return error
    return together(failed)


def together(
    failed: Mapping[str | None, LazyinspectError], what: str = "variant"
) -> LazyinspectError:
    """One error for the variants that failed: the gravest kind, each problem once.

    Args:
        what: a note calls one of those that have a problem.
    """
    whose: dict[Problem, list[str]] = {}
    for name, error in failed.items():
        for problem in error.problems:
            whose.setdefault(problem, []).append(str(name))
    noted = [
        replace(
            problem,
            notes=(f"{what}{'s' * (len(names) > 1)} {', '.join(names)}", *problem.notes),
        )
        for problem, names in whose.items()
    ]
    for kind in (InternalError, SpecError, NetworkError, ExpectationError):
        if any(isinstance(error, kind) for error in failed.values()):
            return kind(worst_first(noted))
    return LazyinspectError(noted)
