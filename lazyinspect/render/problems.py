"""Problems -> text: what is wrong, where, what stands there, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lazyinspect.errors import Mark, Problem
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import Line, cut, paint, printable, width

LIMIT = 20
"""Problems written out; the rest are counted."""


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
    first, *more = _split(problem.message)
    # one line however long, for whoever searches a log
    yield [(head, "bold red"), (f": {first}", "bold")]
    for line in more:
        yield from ([(f"  {part}", "")] for part in _wrap(line, layout.width - 2))
    gutter = 2
    if problem.mark is not None:
        gutter = len(str(problem.mark.line)) + 1
        yield from _snippet(problem.mark, problem.found, gutter, layout)
    elif problem.found:
        yield from _note(gutter, "found", problem.found, layout)
    if problem.help:
        yield from _note(gutter, "help", problem.help, layout)
    for mark in problem.used_at:
        yield from _note(gutter, "used at", _use(mark, layout), layout)
    for note in problem.notes:
        yield from _note(gutter, "note", note, layout)


def _snippet(mark: Mark, found: str, gutter: int, layout: Layout) -> Iterator[Line]:
    yield [(" " * gutter + "--> ", "blue"), (_place(mark), "")]
    lines = mark.source.lines
    if not 1 <= mark.line <= len(lines):
        if found:
            yield from _note(gutter, "found", found, layout)
        return
    text, start, length = _window(lines[mark.line - 1], mark, layout.width - gutter - 3)
    bar = " " * (gutter + 1) + "|"
    yield [(bar, "blue")]
    yield [(f"{mark.line:>{gutter}} | ", "blue"), (text, "")]
    carets = "^" * length
    first, *more = _split(found)
    after = gutter + 3 + start + length + 2
    fits = after + width(first) <= layout.width
    beside = [(f"  {first}", "red")] if first and fits else []
    yield [(f"{bar} ", "blue"), (" " * start + carets, "bold red"), *beside]
    below = more if fits else [first, *more]
    for line in below:
        for part in _wrap(line, layout.width - gutter - 5):
            yield [(f"{bar} ", "blue"), ("  " + part, "red")]
    yield [(bar, "blue")]


def _window(line: str, mark: Mark, room: int) -> tuple[str, int, int]:
    """The part of a source line around the mark that fits, and where its carets go.

    Returns:
        The text, the cells before the carets, and how many carets.
    """
    begin = min(mark.column - 1, len(line))
    end = min(begin + max(mark.length, 1), max(len(line), begin + 1))
    room = max(room, 20)
    left, right = 0, len(line)
    if width(line) > room:
        # a third of the room in front of the mark: what follows explains more
        left = max(0, min(begin - room // 3, len(line) - room))
        right = min(len(line), left + room)
    text = _one_cell_each(line[left:right])
    if left:
        text = "…" + text[1:]
    text = cut(text if right == len(line) else text[:-1] + "…", room)
    before = width(text[: begin - left])
    marked = width(text[begin - left : end - left])
    return text, before, max(1, min(marked, room - before))


def _use(mark: Mark, layout: Layout) -> str:
    lines = mark.source.lines
    text = lines[mark.line - 1].strip() if 1 <= mark.line <= len(lines) else ""
    place = _place(mark)
    return f"{place}: {cut(_one_cell_each(text), max(layout.width - len(place) - 16, 20))}"


def _note(gutter: int, label: str, text: str, layout: Layout) -> Iterator[Line]:
    head = " " * (gutter + 1) + "= "
    space = " " * (len(head) + len(label) + 2)
    room = layout.width - len(space)
    first, *more = [part for line in _split(text) for part in _wrap(line, room)]
    yield [(head, "blue"), (f"{label}: ", "bold"), (first, "")]
    yield from ([(space + line, "")] for line in more)


def _wrap(text: str, room: int) -> list[str]:
    """The text in lines of at most ``room`` columns.

    What fits stays as it is, and a word that does not fit stays whole: it may be a path to copy.
    """
    room = max(room, 20)
    if width(text) <= room:
        return [text]
    filled: list[str] = []
    line = ""
    for word in re.split(r"(?<=\S) +(?=\S)", text.rstrip()):
        joined = f"{line} {word}" if line else word
        if line and width(joined) > room:
            filled.append(line)
            line = word
        else:
            line = joined
    return [*filled, line]


def _place(mark: Mark) -> str:
    return f"{printable(mark.source.path)}:{mark.line}:{mark.column}"


def _split(text: str) -> list[str]:
    """Lines of a message, safe for a terminal; at least one."""
    return [printable(line.expandtabs(4)) for line in text.splitlines()] or [""]


def _one_cell_each(text: str) -> str:
    """Source text with tabs as spaces and control characters shown, one character for each."""
    return "".join(
        char if char.isprintable() else " " if char == "\t" else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )
