"""Which sizes of networks work -> CSV: a row for each name of a size."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from itertools import islice

from lazyinspect.formulas import Symbolic
from lazyinspect.render.csv import cell_text
from lazyinspect.sizes import words

FIELDS = ("spec", "variant", "size", "planned", "least", "works", "first", "joint")
"""The header. ``first`` lists the first sizes that work, ``joint`` conditions on several."""


def render(found: Iterable[Symbolic]) -> str:
    """One header, then every named size of every network."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    for each in found:
        spec = each.report.spec
        for name, sizes in each.works.items():
            joint = [words.relation(c.formula, c.relation) for c in each.joint if name in c.names]
            cells = (
                spec.name, spec.variant, name, each.planned[name],
                None if each.least is None else each.least[name], words.sizes(sizes),
                " ".join(map(str, islice(sizes, 8))), "; ".join(joint),
            )  # fmt: skip
            writer.writerow([cell_text(cell) if isinstance(cell, str) else cell for cell in cells])
    return text.getvalue()
