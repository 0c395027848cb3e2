"""Problems -> text: what is wrong, where, what stands there, and the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lazyinspect.errors import Problem
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import Line, paint
from lazyinspect.render.snippet import Pointer, place, snippet, split, wrap

LIMIT = 20
"""Problems written out; the rest are counted."""
USES = 4
"""Places of use shown, the innermost first: blocks may stand in blocks sixty deep."""


def render(problems: Sequence[Problem], layout: Layout) -> str:
    """Every problem as its own paragraph, at most ``LIMIT`` of them."""
    return paint(_lines(problems, layout), color=layout.color)


def _lines(problems: Sequence[Problem], layout: Layout) -> Iterator[Line]:
    for index, problem in enumerate(problems[:LIMIT]):
        if index:
            yield []
        yield from _problem(problem, layout)
    if len(problems) > LIMIT:
        yield []
        yield [(f"and {len(problems) - LIMIT} more", "bold")]


def _problem(problem: Problem, layout: Layout) -> Iterator[Line]:
    head = f"error[{problem.code}]"
    first, *more = split(problem.message)
    # one line however long, for whoever searches a log
    yield [(head, "bold red"), (f": {first}", "bold")]
    for line in more:
        yield from ([(f"  {part}", "")] for part in wrap(line, layout.width - 2))
    pointers = list(_pointers(problem))
    gutter = max([len(str(pointer.mark.line)) for pointer in pointers], default=1) + 1
    yield from snippet(pointers, gutter, layout)
    if problem.found and not any(pointer.primary and pointer.shown for pointer in pointers):
        yield from _note(gutter, "found", problem.found, layout)
    if problem.help:
        yield from _note(gutter, "help", problem.help, layout)
    for pointer in pointers:
        if not (pointer.primary or pointer.shown):
            text = f"{place(pointer.mark)}: {pointer.text}"
            yield from _note(gutter, "see", text, layout)
    if len(problem.used_at) > USES:
        text = f"inside {len(problem.used_at) - USES} more blocks"
        yield from _note(gutter, "note", text, layout)
    for note in problem.notes:
        yield from _note(gutter, "note", note, layout)


def _pointers(problem: Problem) -> Iterator[Pointer]:
    """Every place of a problem, the one it is at first."""
    if problem.mark is not None:
        yield Pointer(problem.mark, problem.found, primary=True)
    for span in problem.spans:
        yield Pointer(span.mark, span.text)
    for mark in problem.used_at[:USES]:
        yield Pointer(mark, "used here")


def _note(gutter: int, label: str, text: str, layout: Layout) -> Iterator[Line]:
    head = " " * (gutter + 1) + "= "
    space = " " * (len(head) + len(label) + 2)
    room = layout.width - len(space)
    first, *more = [part for line in split(text) for part in wrap(line, room)]
    yield [(head, "blue"), (f"{label}: ", "bold"), (first, "")]
    yield from ([(space + line, "")] for line in more)
