"""Report, problems or op table -> text. One file per format; none of them prints.

============  =====================================================================
format        module
============  =====================================================================
``table``     table.py, over tree.py (nesting, folding) and summary.py (head, foot)
``json``      json.py, the contract ``lazyinspect/report/1``
``csv``       csv.py
``markdown``  markdown.py
problems      problems.py, over snippet.py; as data problems_json.py
op listings   ops.py
============  =====================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from lazyinspect.render.layout import Layout
from lazyinspect.report import Report

Format = Literal["table", "json", "csv", "markdown"]


def render(reports: Iterable[Report], form: Format, layout: Layout) -> Iterator[str]:
    """Pieces of text that together are the reports in one format.

    A table or Markdown is drawn as soon as its report is there; JSON and CSV are one document,
    and wait for the last. ``layout.array`` asks for JSON's list, as several variants do.
    """
    if form == "table":
        from lazyinspect.render import table

        for index, report in enumerate(reports):
            yield ("\n" if index else "") + table.render(report, layout)
    elif form == "markdown":
        from lazyinspect.render import markdown

        for index, report in enumerate(reports):
            yield ("\n" if index else "") + markdown.render(report, layout)
    elif form == "csv":
        from lazyinspect.render import csv

        yield csv.render(reports)
    else:
        from lazyinspect.render import json

        if layout.array:
            yield json.render_array(reports)
        else:
            for report in reports:
                yield from json.pieces(report)
