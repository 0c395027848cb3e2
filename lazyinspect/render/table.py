"""Report -> the table: a tree of layers with their conversions, shapes and figures.

Widths are worked out here rather than by a table library: figures are never cut, and where a
line is too long the conversion gives way first (``Lazy -> BatchNorm2d``), then the names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from lazyinspect.render import fields, figures
from lazyinspect.render.accounting import account_lines, bar, top_lines
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import Line as TextLine
from lazyinspect.render.paint import cut, pad, paint, printable, width
from lazyinspect.render.summary import summary
from lazyinspect.render.tree import Line, lines
from lazyinspect.report import LayerRow, Report

GAP = 2
_FORMULA = 44
"""Characters of a formula that is written whole in a cell."""
_LEAST = {"layer": 12, "type": 12, "args": 12}
"""Columns that may be cut, and the width they keep; the rest is figures."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it is called, and what it says of a line."""

    title: str
    cell: Callable[[Line, str], str]
    """Of a line and the report's usual dtype."""
    style: str = ""
    right: bool = True


def _number(line: Line, value: int | None, form: Callable[[int], str]) -> str:
    """A zero is drawn as a dash: it lets the eye find what counts. Unknown is ``?``."""
    if not line.row.complete:
        return ""
    if value is None:
        return "?"
    text = form(value) if value else "-"
    return figures.brief_sum(value, text) if len(text) > _FORMULA else text


def _outputs(line: Line, dtype: str) -> str:
    return figures.tensors(line.row.outputs, dtype) if line.row.complete else ""


COLUMNS: dict[str, Column] = {
    "type": Column("Type", lambda line, _: conversion(line), right=False),
    "args": Column("Arguments", lambda line, _: figures.arguments(line.row.args), right=False),
    "input": Column(
        "Input", lambda line, dtype: figures.tensors(line.row.inputs, dtype), right=False
    ),
    "output": Column("Output", _outputs, right=False),
    "params": Column("Params", lambda line, _: _number(line, line.row.param_count, figures.count)),
    "trainable": Column(
        "Trainable", lambda line, _: _number(line, line.row.trainable_param_count, figures.count)
    ),
    "bytes": Column("Memory", lambda line, _: _number(line, line.row.param_bytes, figures.size)),
    "buffers": Column(
        "Buffers", lambda line, _: _number(line, line.row.buffer_bytes, figures.size)
    ),
    "macs": Column("MACs", lambda line, _: _number(line, line.row.macs, figures.scaled)),
    "flops": Column("FLOPs", lambda line, _: _number(line, line.row.flops, figures.scaled)),
    "time": Column(
        "Time",
        lambda line, _: "" if line.time_share is None else figures.share(line.time_share),
        "cyan",
    ),
    "ms": Column("Median", lambda line, _: _median(line), "cyan"),
    "spread": Column("80% of runs", lambda line, _: _spread(line), "cyan"),
    "speed": Column("FLOP/s", lambda line, _: _speed(line), "cyan"),
    "share": Column("Share", lambda line, _: "", right=False),
    "line": Column("Line", lambda line, _: str(line.row.place.line), "dim"),
    **{name: Column(title, lambda line, _: "") for name, title in fields.TITLES.items()},
}
"""What ``--columns`` may name, besides the tree itself."""


def _median(line: Line) -> str:
    """One copy's, of equal ones the first's."""
    return "" if line.row.time_ns is None else figures.duration(line.row.time_ns.median)


def _spread(line: Line) -> str:
    return "" if line.row.time_ns is None else figures.spread(line.row.time_ns)


def _speed(line: Line) -> str:
    """What a row achieves; nothing of one whose work is not counted."""
    row = line.row
    if row.time_ns is None or not row.time_ns.median or not row.flops or row.unknown_macs:
        return ""
    return figures.flops_per_second(row.flops, row.time_ns.median)


def _shares(report: Report, layout: Layout) -> Column:
    """What a line spends of the whole, as a bar: of MACs, or of what ``by`` says."""
    whole_ = _spent(report.layers[0], layout.by)

    def cell(line: Line, dtype: str) -> str:
        if layout.by == "time":
            share = line.time_share
        else:
            spent = _spent(line.row, layout.by)
            share = spent / whole_ if spent is not None and whole_ else None
        if share is None or not line.row.complete:
            return ""
        return f"{bar(share, unicode=layout.unicode)} {figures.share(share):>6}"

    titles = {"macs": "of MACs", "params": "of Params", "time": "of Time", "memory": "of Memory"}
    return Column(titles[layout.by], cell, right=False)


def _spent(row: LayerRow, by: str) -> int | None:
    """Of a container the sum below it, of memory its weights alone."""
    if by == "params":
        return row.param_count
    return row.param_bytes + row.buffer_bytes if by == "memory" else row.macs


_LAYER = Column("Layer", lambda line, _: line.label, right=False)

USUAL = ("type", "output", "params", "macs")


def render(report: Report, layout: Layout) -> str:
    """The table with what the spec was resolved with above it, and totals below."""
    drawn = lines(report.layers, depth=layout.depth, fold=layout.fold)
    return paint(all_lines(report, drawn, layout), color=layout.color)


def all_lines(
    report: Report, drawn: Sequence[Line], layout: Layout, *, device: bool = True
) -> Iterator[TextLine]:
    """The lines of the table; ``device``: whether the last says where it ran."""
    head, foot = summary(report, drawn, layout.width, device=device)
    yield from head
    yield []
    yield from _table(report, drawn, layout)
    if report.top is not None:
        yield from top_lines(report.top, layout)
    if report.accounts is not None:
        yield from account_lines(report.accounts, layout)
    yield []
    if layout.columns is not None and any(name in fields.COLUMNS for name in layout.columns):
        rows = [line.row for line in drawn]
        yield from ([(printable(note), "dim")] for note in fields.notes(rows, layout.width))
        yield []
    yield from foot


def _table(report: Report, drawn: Sequence[Line], layout: Layout) -> Iterator[TextLine]:
    names = layout.columns if layout.columns is not None else USUAL
    if layout.columns is None and any(line.time_share is not None for line in drawn):
        names = (*names, "time")
    dtype = figures.usual_dtype(tensor for row in report.layers for tensor in row.outputs)
    columns = {"layer": _LAYER} | {name: _column(name, drawn) for name in names}
    if "share" in columns:
        columns["share"] = _shares(report, layout)
    cells = {
        name: [printable(column.cell(line, dtype)) for line in drawn]
        for name, column in columns.items()
    }
    cells["layer"][0] = printable(report.spec.name or "network")
    guides = [_guides(line, layout) for line in drawn]
    cells["layer"] = [guide + name for guide, name in zip(guides, cells["layer"], strict=True)]
    widths = _fit(columns, cells, layout.width)
    cells["layer"] = [
        guide + cut(text[len(guide) :], widths["layer"] - len(guide), middle=True)
        for guide, text in zip(guides, cells["layer"], strict=True)
    ]

    titles = {name: column.title for name, column in columns.items()}
    yield _line(columns, widths, titles, "bold")
    total_width = sum(widths.values()) + GAP * (len(widths) - 1)
    yield [(("─" if layout.unicode else "-") * total_width, "dim")]
    for index, line in enumerate(drawn):
        strong = "bold red" if line.mark else "bold" if line.level == 0 else ""
        texts = {name: cells[name][index] for name in columns}
        yield _line(columns, widths, texts, strong)


def _column(name: str, drawn: Sequence[Line]) -> Column:
    """The column; of receptive fields, with the marks of what these lines lack."""
    column = COLUMNS[name]
    if name not in fields.COLUMNS:
        return column
    marks = fields.marks(line.row for line in drawn)
    return replace(column, cell=lambda line, _: fields.cell(name, line.row, marks))


def _line(
    columns: dict[str, Column], widths: dict[str, int], texts: dict[str, str], strong: str
) -> TextLine:
    spans = []
    for name, column in columns.items():
        text = cut(texts[name], widths[name])
        faint = "dim" if text == "-" else ""
        spans.append((pad(text, widths[name], right=column.right), strong or faint or column.style))
        spans.append((" " * GAP, ""))
    return spans[:-1]


def _fit(columns: dict[str, Column], cells: dict[str, list[str]], room: int) -> dict[str, int]:
    """A width for every column; shortens conversions in ``cells`` where the room asks for it."""

    def natural(name: str) -> int:
        return max([width(columns[name].title), *map(width, cells[name])])

    widths = {name: natural(name) for name in columns}
    excess = sum(widths.values()) + GAP * (len(widths) - 1) - room
    if excess > 0 and "type" in cells:
        limit = max(widths["type"] - excess, _LEAST["type"])
        cells["type"] = [brief(text) if width(text) > limit else text for text in cells["type"]]
        excess -= widths["type"] - natural("type")
        widths["type"] = natural("type")
    while excess > 0:
        # the widest gives way, so that names and types are cut alike
        name = max(_LEAST, key=lambda each: widths.get(each, 0) - _LEAST[each])
        if widths.get(name, 0) <= _LEAST[name]:
            break
        widths[name] -= 1
        excess -= 1
    return widths


def _guides(line: Line, layout: Layout) -> str:
    """The branches of the tree in front of a name."""
    if not line.last:
        return ""
    if not layout.unicode:
        return "  " * line.level
    bars = "".join("  " if last else "│ " for last in line.last[:-1])
    return bars + ("└ " if line.last[-1] else "├ ")


def conversion(line: Line) -> str:
    """``LazyConv2d -> Conv2d``, or one name where nothing was converted."""
    row = line.row
    if row.kind == "container" or row.type in (row.declared, row.declared.rpartition(".")[2]):
        return row.declared or row.type
    return f"{row.declared} -> {row.type}"


def brief(text: str) -> str:
    """``LazyBatchNorm2d -> BatchNorm2d`` as ``Lazy -> BatchNorm2d``; what else there is, whole."""
    declared, arrow, became = text.partition(" -> ")
    return f"Lazy -> {became}" if arrow and declared == f"Lazy{became}" else text
