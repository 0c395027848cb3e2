"""Styled lines -> text, with colour on a terminal and none elsewhere.

Plain text needs no rich at all, which keeps a run whose output goes to a file or a pipe quick.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Span: TypeAlias = tuple[str, str]
"""A piece of a line and its style (``""`` for none), in rich's words: ``"bold red"``."""
Line: TypeAlias = Sequence[Span]


def paint(lines: Iterable[Line], *, color: bool) -> str:
    """The lines as one text; each ends in a newline."""
    if not color:
        return "".join("".join(text for text, _ in line).rstrip() + "\n" for line in lines)
    return "".join(map(_ansi, lines))


def _ansi(line: Line) -> str:
    from rich.color import ColorSystem
    from rich.style import Style

    painted = []
    for text, style in line:
        parsed = Style.parse(style) if style and text.strip() else None
        painted.append(
            parsed.render(text, color_system=ColorSystem.STANDARD) if parsed is not None else text
        )
    return "".join(painted).rstrip(" ") + "\n"


def printable(text: str) -> str:
    """The text with control characters spelled out: a spec's names cannot steer a terminal."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


_NO_WIDTH = frozenset({"Mn", "Me"})
"""Marks that are drawn over what stands before them, the selector of an emoji's form among them."""


def width(text: str) -> int:
    """Columns that the text takes on a terminal: two for wide characters, none for marks."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.category(char) in _NO_WIDTH
        else 2
        if unicodedata.east_asian_width(char) in "WF"
        else 1
        for char in text
    )


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """The text filled with spaces to a width, on its left if ``right``."""
    space = " " * (columns - width(text))
    return space + text if right else text + space


def cut(text: str, columns: int, *, middle: bool = False, mark: str = "…") -> str:
    """The text cut to a width, at its end or in its middle, with a mark where something went."""
    if width(text) <= columns:
        return text
    room = max(columns - len(mark), 0)
    if not middle:
        return _head(text, room) + mark
    tail = _head(text[::-1], room // 2)[::-1]
    return _head(text, room - width(tail)) + mark + tail


def _head(text: str, columns: int) -> str:
    taken = 0
    for index, char in enumerate(text):
        taken += width(char)
        if taken > columns:
            return text[:index]
    return text
