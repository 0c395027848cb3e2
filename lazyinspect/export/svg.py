"""Graph -> SVG, drawn by Graphviz's program. No torch here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from lazyinspect.export import dot
from lazyinspect.export.graph import Group, Item, draw
from lazyinspect.export.picture import drawn
from lazyinspect.export.subject import SIGN, Subject


def write(subject: Subject) -> str:
    """A picture that scales.

    Raises:
        SpecError: as :func:`lazyinspect.export.picture.drawn` and :func:`dot.write`.
    """
    drawing = draw(subject.plan, subject.options.depth)
    text = drawn(dot.source(drawing), "svg").decode("utf-8").replace("\r\n", "\n")
    names = dict(_names(drawing.members))

    def named(found: re.Match[str]) -> str:
        ends = " to ".join(names.get(name, name) for name in re.findall(r"n\d+", found[1]))
        return f"<title>{escape(ends, quote=False)}</title>"

    # what a browser shows of a vertex or an edge that is pointed at, and a screen reader reads
    text = re.sub(r"<title>(?:cluster_)?(n\d+(?:&#45;&gt;n\d+)?)</title>", named, text)
    first, _, rest = text.partition("\n")
    return f"{first}<!-- {SIGN.decode()}. -->\n{rest}"


def _names(items: Iterable[Item]) -> Iterable[tuple[str, str]]:
    for item in items:
        yield f"n{item.id}", item.name
        if isinstance(item, Group):
            yield from _names(item.members)
