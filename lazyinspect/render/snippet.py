"""Places in a source -> its lines with what is marked underlined, each mark with its words.

Lines stand in the order of the file. A line that is marked twice has a row of underlines for each
mark, and one too long for the width is cut around each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lazyinspect.errors import Mark, Source
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import Line, printable, width

LEAST = 20
"""Columns that a text gets however narrow the terminal is."""
BESIDE = 40
"""Columns beside an underline that are enough to write in; with fewer, what is long goes below."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """A mark and what is said beside it."""

    mark: Mark
    text: str
    primary: bool = False
    """Underlined with carets: where the problem is. What explains it has dashes."""

    @property
    def shown(self) -> bool:
        """Whether its line is there to be shown."""
        return 1 <= self.mark.line <= len(self.mark.source.lines)


def place(mark: Mark) -> str:
    """``spec.yaml:9:5``."""
    return f"{printable(mark.source.path)}:{mark.line}:{mark.column}"


def snippet(pointers: Sequence[Pointer], gutter: int, layout: Layout) -> Iterator[Line]:
    """The first pointer's file, then any others, each with the lines that are pointed at.

    Args:
        pointers: the primary one first; those whose line is not there are left out.
        gutter: columns for the line numbers.
    """
    bar: Line = [(" " * (gutter + 1) + "|", "blue")]
    sources: dict[Source, list[Pointer]] = {}
    for pointer in pointers:
        sources.setdefault(pointer.mark.source, []).append(pointer)
    for index, (source, group) in enumerate(sources.items()):
        arrow = ":::" if index else "-->"
        yield [(f"{' ' * gutter}{arrow} ", "blue"), (place(group[0].mark), "")]
        shown = [pointer for pointer in group if pointer.shown]
        if shown:
            yield bar
            yield from _lines(source, shown, gutter, layout)
            yield bar


def _lines(
    source: Source, pointers: Sequence[Pointer], gutter: int, layout: Layout
) -> Iterator[Line]:
    before: int | None = None
    for number in sorted({pointer.mark.line for pointer in pointers}):
        if before is not None and number == before + 2:
            # one line alone takes no more room than what would say that it is left out
            yield from _line(source, before + 1, (), gutter, layout)
        elif before is not None and number > before + 1:
            yield [("...", "blue")]
        before = number
        here = [pointer for pointer in pointers if pointer.mark.line == number]
        here.sort(key=lambda pointer: (pointer.mark.column, not pointer.primary))
        room = layout.width - gutter - 3
        for group in _groups(_cells(source, number, layout), here, room):
            yield from _line(source, number, group, gutter, layout)


def _line(
    source: Source, number: int, pointers: Sequence[Pointer], gutter: int, layout: Layout
) -> Iterator[Line]:
    """One line of the source, and below it a row for each mark."""
    room = max(layout.width - gutter - 3, LEAST)
    window = _Window(_cells(source, number, layout), pointers, room, layout)
    bar = " " * (gutter + 1) + "|"
    yield [(f"{number:>{gutter}} | ", "blue"), (window.text, "")]
    for pointer in pointers:
        start, length = window.underline(pointer.mark)
        sign, strong, faint = (
            ("^", "bold red", "red") if pointer.primary else ("-", "bold cyan", "cyan")
        )
        underline = " " * start + sign * length
        said = split(pointer.text)
        column = start + length + 2
        space = layout.width - gutter - 3 - column
        first, *more = said
        if space >= BESIDE:
            first, *more = [part for line in said for part in wrap(line, space)]
        elif more or width(first) > space:
            first, more, column = "", said, 2
        yield [(f"{bar} ", "blue"), (underline, strong), (f"  {first}".rstrip(), faint)]
        for line in more:
            for part in wrap(line, layout.width - gutter - 3 - column):
                yield [(f"{bar} ", "blue"), (" " * column + part, faint)]


def _cells(source: Source, number: int, layout: Layout) -> list[str]:
    """What is drawn for each character of a line, so that columns can be counted.

    A tab is a space, and a control character is shown, not sent.
    """
    return [_drawn(char, layout.unicode) for char in source.lines[number - 1]]


def _drawn(char: str, unicode: bool) -> str:
    if char == "\t":
        return " "
    if not unicode and not char.isascii():
        return char.encode("unicode_escape").decode("ascii")
    if char.isprintable():
        return char
    return "\N{REPLACEMENT CHARACTER}" if unicode else "?"


def _groups(
    cells: Sequence[str], pointers: Sequence[Pointer], room: int
) -> Iterator[list[Pointer]]:
    """Marks of one line that can be seen together; usually all."""
    if sum(map(width, cells)) <= room:
        yield list(pointers)
        return
    group: list[Pointer] = []
    for pointer in pointers:
        begin = (group or [pointer])[0].mark.column - 1
        span = cells[begin : pointer.mark.column - 1 + pointer.mark.length]
        # half of the room is for what stands around them
        if group and sum(map(width, span)) > room // 2:
            yield group
            group = []
        group.append(pointer)
    yield group


class _Window:
    """The part of a line that is drawn: all of it, or what stands around its marks."""

    def __init__(
        self, cells: Sequence[str], pointers: Sequence[Pointer], room: int, layout: Layout
    ) -> None:
        self.left, self.right = 0, len(cells)
        self.room = room
        self.cells = list(cells)
        dots = "…" if layout.unicode else "..."
        begin = min([p.mark.column - 1 for p in pointers], default=0)
        if sum(map(width, cells)) > room:
            self._shrink(min(begin, len(cells)), len(dots))
        cut_left, cut_right = self.left > 0, self.right < len(cells)
        drawn = self.cells[self.left : self.right]
        self.lead = len(dots) if cut_left else 0
        self.text = (dots if cut_left else "") + "".join(drawn) + (dots if cut_right else "")

    def _shrink(self, begin: int, dots: int) -> None:
        """Choose what is drawn: a third of the room stands in front of the first mark."""
        widths = list(map(width, self.cells))
        room = self.room - 2 * dots
        left, taken = begin, 0
        while left > 0 and taken + widths[left - 1] <= room // 3:
            left -= 1
            taken += widths[left]
        right = begin
        while right < len(widths) and taken + widths[right] <= room:
            taken += widths[right]
            right += 1
        while left > 0 and taken + widths[left - 1] <= room:
            left -= 1
            taken += widths[left]
        self.left, self.right = left, right

    def underline(self, mark: Mark) -> tuple[int, int]:
        """Columns before a mark, and how many it takes."""
        begin = min(max(mark.column - 1, self.left), self.right)
        end = min(max(begin + 1, mark.column - 1 + mark.length), self.right)
        before = self.lead + sum(map(width, self.cells[self.left : begin]))
        marked = sum(map(width, self.cells[begin:end]))
        return min(before, self.room - 1), max(1, min(marked, self.room - before))


def wrap(text: str, room: int) -> list[str]:
    """The text in lines of at most ``room`` columns.

    What fits stays as it is, and a word that does not fit stays whole: it may be a path to copy.
    What stands in backticks is a word, too, where it fits into a line: it is something to type.
    """
    room = max(room, LEAST)
    if width(text) <= room:
        return [text]
    filled: list[str] = []
    line = ""
    for word in _words(text, room):
        joined = f"{line} {word}" if line else word
        if line and width(joined) > room:
            filled.append(line)
            line = word
        else:
            line = joined
    return [*filled, line]


def _words(text: str, room: int) -> Iterator[str]:
    """What is not to be torn apart: words, and code that fits into a line."""
    code = ""
    for word in re.split(r"(?<=\S) +(?=\S)", text.rstrip()):
        joined = f"{code} {word}"
        if code and width(joined) <= room:
            word = joined
        elif code:
            yield code
        code = word if word.count("`") % 2 else ""
        if not code:
            yield word
    if code:
        yield code


def split(text: str) -> list[str]:
    """Lines of a message, safe for a terminal; at least one."""
    return [printable(line.expandtabs(4)) for line in text.splitlines()] or [""]
