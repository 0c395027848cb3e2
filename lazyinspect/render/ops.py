"""Rows of the op table -> what ``lazyinspect layers`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from textwrap import wrap

from lazyinspect.plan.ops import eager, signature_of
from lazyinspect.plan.ops.base import LazyOp, Op
from lazyinspect.plan.ops.signature import Signature
from lazyinspect.render.figures import scalar
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import Line, pad, paint

Row = Op | LazyOp


def render(rows: Sequence[Row], layout: Layout) -> str:
    """Every op by family, each with its signature; a lazy one with what it becomes."""
    return paint(_list(rows, layout), color=layout.color)


def render_one(row: Row, layout: Layout) -> str:
    """One op: its signature, what each argument takes, and what a step feeds it."""
    return paint(_one(row, layout), color=layout.color)


def _list(rows: Sequence[Row], layout: Layout) -> Iterator[Line]:
    for index, (family, members) in enumerate(groupby(rows, key=lambda row: row.family)):
        if index:
            yield []
        yield [(family, "bold")]
        for row in members:
            head, *more = _call(row, layout.width - 2)
            yield [("  " + row.name, "cyan"), (head.removeprefix(row.name), "")]
            yield from ([("  " + line, "")] for line in more)
            if isinstance(row, LazyOp):
                yield [(f"      {_conversion(row)}", "dim")]


def _one(row: Row, layout: Layout) -> Iterator[Line]:
    yield [(row.name, "bold"), (f"  {_what(row)}", "")]
    if isinstance(row, LazyOp):
        yield [(_conversion(row), "")]
    yield []
    yield from ([(("  " if index else "") + line, "cyan")] for index, line in _written(row, layout))
    parameters = signature_of(row.name).parameters
    if parameters:
        yield []
        names = [f"*{each.name}" if each.variadic else each.name for each in parameters]
        defaults = ["required" if each.required else _default(each.default) for each in parameters]
        widths = max(map(len, names)), max(map(len, defaults))
        for name, default, parameter in zip(names, defaults, parameters, strict=True):
            takes = parameter.expected + (", by keyword alone" if parameter.keyword_only else "")
            yield [
                (f"  {pad(name, widths[0])}  ", "cyan"),
                (f"{pad(default, widths[1])}  ", "dim" if not parameter.required else ""),
                (takes, ""),
            ]
    yield []
    yield [("reads ", "dim"), (_sources(eager(row).inputs), "")]


def _written(row: Row, layout: Layout) -> Iterator[tuple[int, str]]:
    return enumerate(_call(row, layout.width))


def _call(row: Row, width: int) -> list[str]:
    text = f"{row.name}({signature_of(row.name).text})"
    return wrap(text, width, subsequent_indent="    ", break_long_words=False)


def _what(row: Row) -> str:
    if isinstance(row, LazyOp):
        return f"a lazy layer of lazyinspect ({row.family})"
    if row.kind == "merge":
        return f"a merge: takes a list of sources ({row.family})"
    if row.kind == "function":
        return f"a tensor function ({row.family})"
    return f"a layer of {row.owner} ({row.family})"


def _conversion(row: LazyOp) -> str:
    inferred = " and ".join(filter(None, [", ".join(row.infers[:-1]), *row.infers[-1:]]))
    return f"infers {inferred} at the first forward, and becomes {row.becomes}"


def _sources(inputs: Signature) -> str:
    if len(inputs.parameters) == 1 and not inputs.parameters[0].variadic:
        return "one source, the step before it unless `from:` names another"
    return f"the sources ({inputs.text}): `from:` gives them in order, or by name"


def _default(value: object) -> str:
    return "none" if value == () else scalar(value)
