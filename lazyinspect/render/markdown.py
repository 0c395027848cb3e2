"""Report -> GitHub-flavoured Markdown, for a pull request or a model card."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lazyinspect.render import fields, figures, footprint, summary
from lazyinspect.render.accounting import account_lines, top_lines
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import Line as TextLine
from lazyinspect.render.paint import paint, printable
from lazyinspect.render.table import conversion
from lazyinspect.render.tree import Line, lines
from lazyinspect.report import LayerRow, Report

_RULE = "|---|---|---|---:|---:|"


def render(report: Report, layout: Layout) -> str:
    """A heading, the table, and a list of totals; layers go by their whole path."""
    return "\n".join(_lines(report, layout)) + "\n"


def _lines(report: Report, layout: Layout) -> Iterator[str]:
    drawn = lines(report.layers, depth=layout.depth, fold=layout.fold)
    timed = any(line.time_share is not None for line in drawn)
    dtype = figures.usual_dtype(tensor for row in report.layers for tensor in row.outputs)
    yield f"## {escaped(summary.title(report))}"
    yield ""
    if report.spec.params:
        yield f"Parameters of the spec: {escaped(summary.parameters(report))}. "
    yield f"Input: {escaped(summary.edges(report.inputs))}."
    yield ""
    # of the columns that a table may have, the ones that a list of layers lacks
    more = [name for name in layout.columns or () if name in fields.COLUMNS]
    marks = fields.marks(line.row for line in drawn)
    titles = [*(fields.TITLES[name] for name in more), *(["Time"] if timed else [])]
    yield "| Layer | Type | Output | Params | MACs |" + "".join(f" {each} |" for each in titles)
    yield _RULE + "---:|" * len(titles)
    for line in drawn:
        cells = [
            _name(line, report),
            escaped(printable(conversion(line))),
            *_figures(line.row, dtype),
        ]
        cells += [fields.cell(name, line.row, marks) for name in more]
        if timed:
            cells.append("" if line.time_share is None else figures.share(line.time_share))
        yield "| " + " | ".join(cells) + " |"
    yield ""
    if any(line.count > 1 for line in drawn):
        yield "×N: N equal blocks in a row, written once; the figures are those of one."
        yield ""
    yield from _spending(report, layout)
    if more:
        for note in fields.notes([line.row for line in drawn], 10_000):
            yield escaped(printable(note))
            yield ""
    yield f"- Parameters: {summary.params(report)}"
    yield f"- Memory: {summary.memory(report)}"
    yield f"- MACs: {summary.macs(report)}"
    if report.memory is not None:
        for label, text in footprint.lines(report.memory):
            yield f"- Memory, {label}: {escaped(text)}"
    time = summary.forward(report)
    if time is not None:
        yield f"- Forward: {escaped(time)}"
        yield f"- Speed: {escaped(summary.speed(report) or '')}"
        for label, text in summary.besides(report):
            yield f"- {label.capitalize()}: {escaped(text)}"
    verdict = summary.ending(report) or summary.verdict(report) or "planned, not run on a device"
    yield f"- {escaped(_capital(verdict))}"


def _spending(report: Report, layout: Layout) -> Iterator[str]:
    """Top spenders and accounts, as they stand in the table, in a block of their own."""
    found: list[TextLine] = []
    if report.top is not None:
        found += top_lines(report.top, layout)
    if report.accounts is not None:
        found += account_lines(report.accounts, layout)
    if found:
        yield "```text"
        yield paint(found[1:], color=False).rstrip("\n")
        yield "```"
        yield ""


def _figures(row: LayerRow, dtype: str) -> tuple[str, str, str]:
    """Output, parameters and MACs; nothing of a row that has none."""
    if not row.complete:
        return "", "", ""
    macs = "?" if row.macs is None else figures.count(row.macs)
    return figures.tensors(row.outputs, dtype), figures.count(row.param_count), macs


def _name(line: Line, report: Report) -> str:
    if not line.last:
        return f"**{escaped(printable(report.spec.name or 'network'))}**"
    # a backtick inside would end the code span, a bar the cell
    text = "`" + printable(line.path).replace("`", "'").replace("|", "\\|") + "`"
    if line.count > 1:
        text += f" ×{line.count}"
    if line.row.call:
        text += f" call {line.row.call + 1}"
    return text + (f" **{line.mark}**" if line.mark else "")


def escaped(text: str) -> str:
    """The text, none of it read as Markdown."""
    # brackets alone are shapes; with parentheses after them, links
    return re.sub(r"([\\|*_`<]|(?<=\])\()", r"\\\1", text)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
