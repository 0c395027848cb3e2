"""Networks with names for sizes -> text: one module a format, ``words.py`` for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from lazyinspect.formulas import Symbolic
from lazyinspect.render.layout import Layout

Format = Literal["table", "json", "csv", "markdown"]


def render(found: Iterable[Symbolic], form: Format, layout: Layout, *, rows: bool) -> Iterator[str]:
    """Pieces of text that together are the networks in one format.

    Args:
        rows: whether to show the layers, or the sizes alone.
    """
    if form == "json":
        from lazyinspect.render.symbolic import json

        documents = [json.data(each, rows=rows) for each in found]
        yield json.text(documents, array=layout.array)
    elif form == "csv" and not rows:
        from lazyinspect.render.symbolic import sizes_csv

        yield sizes_csv.render(found)
    elif form == "csv":
        from lazyinspect.render import csv
        from lazyinspect.render.symbolic.rewrite import rewritten

        yield csv.render(rewritten(each, keys=True) for each in found)
    elif form == "markdown":
        from lazyinspect.render.symbolic import markdown

        for index, each in enumerate(found):
            yield ("\n" if index else "") + markdown.render(each, layout, rows=rows)
    else:
        from lazyinspect.render.symbolic import table

        for index, each in enumerate(found):
            yield ("\n" if index else "") + table.render(each, layout, rows=rows)
