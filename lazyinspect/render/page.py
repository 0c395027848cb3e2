"""A page of Markdown -> text for a terminal or a pipe: no marks, code indented, lines wrapped.

Pages keep to headings, paragraphs, fenced blocks and code in backticks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lazyinspect.codes import CODES, Code
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import Line, paint, printable, width


def render(text: str, layout: Layout) -> str:
    """The page."""
    return paint(_lines(text, layout), color=layout.color)


def render_list(codes: Iterable[Code], layout: Layout) -> str:
    """Every code with its title, by topic."""
    return paint(_list(list(codes), layout), color=layout.color)


def _lines(text: str, layout: Layout) -> Iterator[Line]:
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced:
            yield [("    " + line, "")]
        elif line.startswith("# "):
            yield [(line[2:], "bold")]
        else:
            yield from _paragraph(line, min(layout.width, 100))


def _paragraph(line: str, room: int) -> Iterator[Line]:
    words = re.findall(r"`[^`]+`\S*|\S+", line)
    if not words:
        yield []
        return
    row: list[str] = []
    for word in words:
        if row and width(" ".join([*row, word])) > room:
            yield _styled(" ".join(row))
            row = []
        row.append(word)
    yield _styled(" ".join(row))


def _styled(text: str) -> Line:
    pieces = re.split(r"(`[^`]+`)", text)
    return [(piece, "cyan" if piece[:1] == "`" else "") for piece in map(printable, pieces)]


def _list(codes: list[Code], layout: Layout) -> Iterator[Line]:
    room = max(len(code.name) for code in codes)
    for index, topic in enumerate(dict.fromkeys(code.topic for code in codes)):
        if index:
            yield []
        yield [(topic, "bold")]
        for code in codes:
            if code.topic == topic:
                yield [(f"  {code.name:<{room}}  ", "cyan"), (code.title, "")]
    yield []
    yield [(f"`lazyinspect explain {next(iter(CODES))}` explains one of them.", "dim")]
