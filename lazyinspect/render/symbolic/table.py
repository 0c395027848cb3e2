"""A network with names for sizes -> its table, and the conditions below it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from textwrap import wrap

from lazyinspect.formulas import Symbolic
from lazyinspect.render import figures, table
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import Line as TextLine
from lazyinspect.render.paint import paint, printable
from lazyinspect.render.summary import head, labelled
from lazyinspect.render.symbolic import words
from lazyinspect.render.symbolic.rewrite import rewritten
from lazyinspect.render.tree import lines
from lazyinspect.sizes.size import Size
from lazyinspect.sizes.words import alternatives, joined, relation

_LABEL = 12
_ALTERNATIVES = 4
"""Formulas of which the largest is written out."""
USUAL = ("output", "params", "macs")


def render(found: Symbolic, layout: Layout, *, rows: bool) -> str:
    """The table of formulas, or the sizes alone."""
    return paint(_lines(found, layout, rows), color=layout.color)


def _lines(found: Symbolic, layout: Layout, rows: bool) -> Iterator[TextLine]:
    report = rewritten(found)
    if not rows:
        yield from head(report, layout.width)
    else:
        drawn = lines(report.layers, depth=layout.depth, fold=layout.fold)
        if layout.columns is None:
            layout = replace(layout, columns=USUAL)
        totals = report.totals
        written = list(table.all_lines(report, drawn, layout, device=False))
        yield from written
        yield from labelled("kept", _bytes(totals.activation_bytes), layout.width)
        yield from labelled("inference", _bytes(totals.peak_inference_bytes), layout.width)
        if any(text.strip().endswith(" terms)") for line in written for text, _ in line):
            yield []
            yield [("(N terms)  a sum of N products, written whole in --format json", "dim")]
    yield []
    yield from sizes(found, layout.width)
    if rows:
        text = words.checks(found)
        if text:
            yield from labelled("formulas", text, layout.width)
        for each in found.unknown:
            step = printable(f"`{each.path}` ({each.op}, line {each.place.line})")
            others = f" Without formulas because of it: {each.rows:,} rows, marked ?"
            yield [(f"{step} has no rule for formulas.{others}", "yellow")]
        yield [("planned, not run on a device", "dim")]


def _bytes(value: int | None) -> str:
    """A figure of memory; of one that depends on which step is the largest, how many those are."""
    if value is None:
        return "not known: not every step is modelled"
    if isinstance(value, Size):
        many = alternatives(value.poly)
        if many > _ALTERNATIVES:
            return f"the largest of {many} formulas, written whole in --format json"
    return figures.size(value)


def sizes(found: Symbolic, width: int) -> Iterator[TextLine]:
    """Which sizes work, and which steps ask for it."""
    label = "sizes"
    for each in words.sizes(found):
        more = f"  {each.first}" if each.text != "any" and each.first != each.text else ""
        yield [(label.ljust(_LABEL), "dim"), (f"{each.names}: {each.text}", "bold"), (more, "dim")]
        label = ""
        if each.anew:
            yield [(" " * _LABEL, ""), (f"  {each.anew}, where it is built anew for them", "dim")]
    for condition in found.joint:
        text = relation(condition.formula, condition.relation)
        yield [(" " * _LABEL, ""), (f"{joined(list(condition.names))}: {text}", "bold")]
    square = words.equal(found)
    if square is not None:
        yield [(" " * _LABEL, ""), (f"  {square[0]}: {square[1]}", "dim")]
    if any(condition.kind == "weights" for condition in found.joint):
        text = "other sizes that plan give the network other weights"
        yield [(" " * _LABEL, ""), (f"  {text}", "dim")]
    least = "no sizes found" if found.least is None else words.at(found.least)
    yield from labelled("least", least, width)
    asked = words.asks(found)
    for index, ask in enumerate(asked):
        label = "" if index else "asked by"
        text = f"{ask.names}: {ask.text}"
        yield [(label.ljust(_LABEL), "dim"), (text, ""), (f"  {ask.where}", "cyan")]
        for line in wrap(ask.reason, max(width - _LABEL - 2, 20), break_long_words=False):
            yield [(" " * (_LABEL + 2), ""), (line, "dim")]
