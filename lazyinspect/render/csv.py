"""Reports -> CSV: one row per layer and variant, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from lazyinspect.render import fields
from lazyinspect.render.json import plain
from lazyinspect.render.paint import printable
from lazyinspect.report import LayerRow, NamedTensor, NoField, ReceptiveField, Report
from lazyinspect.shapes import format_shape

FIELDS = (
    "spec",
    "variant",
    "path",
    "call",
    "depth",
    "declared",
    "type",
    "args",
    "inputs",
    "outputs",
    "param_count",
    "trainable_param_count",
    "param_bytes",
    "buffer_bytes",
    "macs",
    "flops",
    "time_median_ns",
    "time_p10_ns",
    "time_p90_ns",
    "line",
    "column",
    "receptive_field_size",
    "receptive_field_jump",
    "receptive_field_start",
    "no_receptive_field",
)
"""The header. An absent figure is an empty cell; ``args`` is JSON."""


def render(reports: Iterable[Report]) -> str:
    """One header, then every row of every report, the network's own row first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    for report in reports:
        for row in report.layers:
            cells = [report.spec.name, report.spec.variant, *_cells(row)]
            writer.writerow([cell_text(cell) if isinstance(cell, str) else cell for cell in cells])
    return text.getvalue()


def cell_text(cell: str) -> str:
    """The text, safe where it is shown: no control character, and no spreadsheet's formula.

    A name that starts like a formula, as no ordinary one does, gets an apostrophe before it.
    """
    cell = printable(cell)
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell


def _cells(row: LayerRow) -> list[Any]:
    time = row.time_ns
    return [
        row.path,
        row.call,
        row.depth,
        row.declared,
        row.type,
        json.dumps(plain(row.args), ensure_ascii=False),
        _tensors(row.inputs),
        _tensors(row.outputs),
        *map(
            plain,
            (
                row.param_count,
                row.trainable_param_count,
                row.param_bytes,
                row.buffer_bytes,
                row.macs,
                row.flops,
            ),
        ),
        *((None, None, None) if time is None else (time.median, time.p10, time.p90)),
        row.place.line,
        row.place.column,
        *_field(row.receptive_field),
    ]


def _field(field: ReceptiveField | NoField | None) -> tuple[str | None, ...]:
    if isinstance(field, ReceptiveField):
        return (
            format_shape(field.size),
            fields.listed(fields.jumps(field)),
            fields.listed(field.start),
            None,
        )
    return None, None, None, None if field is None else field.reason


def _tensors(tensors: Sequence[NamedTensor]) -> str:
    return "; ".join(
        f"{each.name} {format_shape(each.shape)} {each.dtype}".strip() for each in tensors
    )
