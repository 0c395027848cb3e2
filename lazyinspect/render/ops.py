"""Rows of the op table -> what ``lazyinspect layers`` prints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from textwrap import wrap

from lazyinspect.plan.ops import eager, signature_of
from lazyinspect.plan.ops.base import LazyOp, Op
from lazyinspect.plan.ops.signature import Parameter, Signature
from lazyinspect.render.figures import scalar
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import Line, pad, paint
from lazyinspect.spec.structure import StructureOp

Row = Op | LazyOp | StructureOp

_LANGUAGE = "The spec language"


def render(rows: Sequence[Row], layout: Layout) -> str:
    """Every op by family, each with its signature; a lazy one with what it becomes.

    The ops of the language come first, each with its form and what it does.
    """
    return paint(_list(rows, layout), color=layout.color)


def render_one(row: Row, layout: Layout) -> str:
    """One op: its signature, what each argument takes, and what a step feeds it.

    Of an op of the language: its form, what it does, and a spec that has it.
    """
    return paint(_one(row, layout), color=layout.color)


def _list(rows: Sequence[Row], layout: Layout) -> Iterator[Line]:
    for index, (family, members) in enumerate(groupby(rows, key=_family)):
        if index:
            yield []
        yield from _wrapped(family, layout, "bold")
        for row in members:
            if isinstance(row, StructureOp):
                yield from _form(row, layout, indent=2)
                yield from _wrapped(row.meaning, layout, "dim", indent=6)
                continue
            head, *more = _call(row, layout.width - 2)
            yield [("  " + row.name, "cyan"), (head.removeprefix(row.name), "")]
            yield from ([("  " + line, "")] for line in more)
            if isinstance(row, LazyOp):
                yield from _wrapped(_conversion(row), layout, "dim", indent=6)


def _family(row: Row) -> str:
    return _LANGUAGE if isinstance(row, StructureOp) else row.family


def _form(row: StructureOp, layout: Layout, *, indent: int = 0) -> Iterator[Line]:
    """What a step writes, its name told apart in a listing."""
    before, after = row.form.split(row.name, 1)
    room = max(layout.width - indent - len(before + row.name), 20)
    first, *more = wrap(after, room) or [""]
    yield [(" " * indent + before, ""), (row.name, "cyan"), (first, "")]
    yield from ([(" " * (indent + 4) + line, "")] for line in more)


def _one(row: Row, layout: Layout) -> Iterator[Line]:
    if isinstance(row, StructureOp):
        yield from _structure(row, layout)
        return
    yield [(row.name, "bold"), (f", {_what(row)}", "")]
    yield from _wrapped(row.family, layout, "dim")
    if isinstance(row, LazyOp):
        yield from _wrapped(_conversion(row), layout)
    yield []
    for index, line in enumerate(_call(row, layout.width)):
        yield [("  " * (index > 0) + line, "cyan")]
    parameters = signature_of(row.name).parameters
    if parameters:
        yield []
        names = [f"*{each.name}" if each.variadic else each.name for each in parameters]
        defaults = [_default(each) for each in parameters]
        widths = max(map(len, names)), max(map(len, defaults))
        for name, default, parameter in zip(names, defaults, parameters, strict=True):
            takes = parameter.expected + (", by keyword alone" if parameter.keyword_only else "")
            yield [
                (f"  {pad(name, widths[0])}  ", "cyan"),
                (f"{pad(default, widths[1])}  ", "" if parameter.required else "dim"),
                (takes, ""),
            ]
    yield []
    yield from _wrapped(f"reads {_sources(eager(row).inputs)}", layout)


def _structure(row: StructureOp, layout: Layout) -> Iterator[Line]:
    yield [(row.name, "bold"), (", an op of the spec language", "")]
    yield from _wrapped(row.meaning, layout)
    yield []
    yield from _form(row, layout)
    yield []
    yield [("for instance:", "")]
    yield from ([(f"  {line}", "")] for line in row.example.splitlines())


def _wrapped(text: str, layout: Layout, style: str = "", *, indent: int = 0) -> Iterator[Line]:
    space = " " * indent
    for line in wrap(text, layout.width, initial_indent=space, subsequent_indent=f"{space}  "):
        yield [(line, style)]


def _call(row: Op | LazyOp, width: int) -> list[str]:
    text = f"{row.name}({signature_of(row.name).text})"
    return wrap(text, width, subsequent_indent="    ", break_long_words=False)


def _what(row: Op | LazyOp) -> str:
    if isinstance(row, LazyOp):
        return "a lazy layer of lazyinspect"
    if row.kind == "layer":
        return f"a layer of {row.owner}"
    return "a merge: it takes a list of sources" if row.kind == "merge" else "a tensor function"


def _conversion(row: LazyOp) -> str:
    inferred = " and ".join(filter(None, [", ".join(row.infers[:-1]), *row.infers[-1:]]))
    return f"infers {inferred} at the first forward, and becomes {row.becomes}"


def _sources(inputs: Signature) -> str:
    if any(each.variadic for each in inputs.parameters):
        return "any number of sources"
    if len(inputs.parameters) == 1:
        return "one source: the step before it, unless `from:` names another"
    return f"the sources ({inputs.text}), which `from:` gives in order or by name"


def _default(parameter: Parameter) -> str:
    if parameter.variadic:
        return "any number"
    return "required" if parameter.required else scalar(parameter.default)
