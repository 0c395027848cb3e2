"""A network with names for sizes -> Markdown: the table, the sizes, the conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lazyinspect.formulas import Symbolic
from lazyinspect.render import markdown
from lazyinspect.render.layout import Layout
from lazyinspect.render.markdown import escaped
from lazyinspect.render.symbolic import words
from lazyinspect.render.symbolic.rewrite import rewritten
from lazyinspect.render.symbolic.table import USUAL


def render(found: Symbolic, layout: Layout, *, rows: bool) -> str:
    """The table of formulas, where asked for, then sizes and conditions."""
    if layout.columns is None:
        layout = replace(layout, columns=USUAL)
    text = markdown.render(rewritten(found), layout) + "\n" if rows else ""
    return text + "\n".join(_sizes(found)) + "\n"


def _sizes(found: Symbolic) -> Iterator[str]:
    yield "| size | works | first |"
    yield "|---|---|---|"
    for each in words.sizes(found):
        yield f"| {each.names} | {escaped(each.text)} | {each.first} |"
    asked = words.asks(found)
    if asked:
        yield ""
        yield "| condition | asked by | otherwise |"
        yield "|---|---|---|"
    for ask in asked:
        cells = (f"{ask.names}: {ask.text}", ask.where, ask.reason)
        yield "| " + " | ".join(map(escaped, cells)) + " |"
