"""Arguments as a person may have meant them: a call's, an eager layer's, a text. No torch here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from lazyinspect.errors import ArgumentError
from lazyinspect.plan.ops import signature_of, table
from lazyinspect.plan.ops.base import LazyOp, Op
from lazyinspect.plan.ops.signature import Parameter, Signature
from lazyinspect.plan.written import listed, plain_text, value_text, written
from lazyinspect.spec.formula import FormulaError, parse_formula
from lazyinspect.spec.model import OPEN, Expr, StepSpec

_KEYWORD = re.compile(r"\(?[A-Za-z_]\w*\s*=[^=]+\)?\Z")
_LISTED = re.compile(r"\(?\s*[\w.$*-]+\s*(,\s*[\w.$*=\s-]+)+,?\s*\)?\Z")
_SPACED = re.compile(r"\d+(\s+\d+)+\Z")
_NUMERIC = {"int", "float", "list", "None"}
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?\Z")
_LONGEST = 200
"""Characters of a text that is read at all: no one writes arguments longer than that."""
_PARTS = re.compile(r"(?:[^,()]|\([^()]*\))+")
"""What commas part, those in one level of parentheses aside."""
_BRACKETS = str.maketrans("()", "[]")
_PYTHON = {"True": "true", "False": "false", "None": "null"}


def lazy_instead(step: StepSpec, row: Op | LazyOp) -> str:
    """The lazy layer that the arguments of an eager one fit; empty where they fit none.

    `Conv2d: [64, 3]` lacks an argument if the first is the channels that come in.
    """
    lazy = table().get(f"Lazy{row.name}")
    if not isinstance(lazy, LazyOp):
        return ""
    signature = signature_of(lazy.name)
    slots = [p for p in signature.parameters if not p.keyword_only]
    positional, keywords = step.args.positional, step.args.keywords
    given = {p.name for p, _ in zip(slots, positional, strict=False)}
    needed = {p.name for p in signature.parameters if p.required}
    fits = (
        len(positional) <= len(slots)
        and all(name in signature.by_name for name in keywords)
        and needed <= given | set(keywords)
    )
    if not fits or any(name in keywords for name in lazy.infers):
        return ""
    for parameter, expr in zip(slots, positional, strict=False):
        if expr.constant is not OPEN:
            try:
                parameter.check(expr.constant)
            except ArgumentError:
                return ""
    infers = listed([f"`{name}`" for name in lazy.infers])
    return f"did you mean `{written(lazy.name, step.args)}`? It infers {infers}"


def call_meant(
    step: StepSpec, signature: Signature, params: Iterable[str]
) -> tuple[str, Expr] | None:
    """Arguments written as a call's, in one text: the step as a list, and that text.

    `LazyConv2d: (64, 3)` holds the text "(64, 3)", and `[8, 3, stride=2]` the text "stride=2".
    """
    split = _parenthesised(step)
    if split is not None:
        return split
    positional: list[str] = []
    keywords: dict[str, str] = {}
    first: Expr | None = None
    slots = [p for p in signature.parameters if not p.keyword_only]
    for place, expr in enumerate(step.args.positional):
        text = expr.constant
        alone = len(step.args.positional) == 1 and not step.args.keywords
        short = isinstance(text, str) and len(text) <= _LONGEST
        if alone and text == "()" and not _takes_first(slots, text):
            return step.op, expr
        if short and (
            _KEYWORD.match(text) or (alone and (_LISTED.match(text) or _SPACED.match(text)))
        ):
            if place < len(slots) and _takes(slots[place], text):
                return None
            first = first or expr
            for part in re.split(r"\s+" if _SPACED.match(text) else ",", text.strip("() ")):
                name, equals, value = (piece.strip() for piece in part.partition("="))
                if equals:
                    keywords[name] = _PYTHON.get(value, value)
                elif name:
                    positional.append(_PYTHON.get(name, name))
        else:
            meant = _formula_meant(text, params) if short else ""
            positional.append(meant or value_text(expr))
    if first is None or len(positional) > len(slots):
        return None
    for parameter, text in zip(slots, positional, strict=False):
        if _NUMBER.match(text) and not _takes(parameter, ast.literal_eval(text)):
            return None
    keywords.update({name: value_text(expr) for name, expr in step.args.keywords.items()})
    names = ", ".join(f"{name}: {value}" for name, value in keywords.items())
    if not positional:
        return f"{step.op}: {{{names}}}", first
    items = [*positional, f"{{{names}}}"] if names else positional
    return f"{step.op}: [{', '.join(items)}]", first


def _parenthesised(step: StepSpec) -> tuple[str, Expr] | None:
    """`[3, 8, (3, 3)]`, which YAML reads as four values."""
    texts = [expr.constant for expr in step.args.positional]
    if step.args.keywords or not all(type(text) in (int, str) for text in texts):
        return None
    whole = ", ".join(map(str, texts))
    opening = next(
        (e for e in step.args.positional if re.match(r"\(-?\d+\Z", str(e.constant))), None
    )
    fits = re.fullmatch(
        r"(?:-?\d+|\(-?\d+(?:, -?\d+)+\))(?:, (?:-?\d+|\(-?\d+(?:, -?\d+)+\)))*", whole
    )
    if opening is None or not fits:
        return None
    return f"{step.op}: [{whole.translate(_BRACKETS)}]", opening


def _formula_meant(text: str, params: Iterable[str]) -> str:
    """A text that computes with numbers or parameters, as a formula; empty where it does not."""
    bare = re.sub(r"\$(?=[A-Za-z_(])", "", text)
    names = set(re.findall(r"[A-Za-z_]\w*", bare))
    if not names <= set(params) or not re.match(r"[\w\s+*/%().-]+\Z", bare):
        return ""
    if bare == text and not names and not re.search(r"\d\s*[*/+%]\s*\(*\d", bare):
        return ""  # a date, or a range
    try:
        parse_formula(bare)
    except FormulaError:
        return ""
    return f"${bare}"


def together(step: StepSpec, signature: Signature, row: Op | LazyOp, first: bool = False) -> str:
    """`mean: [2, 3]` with its sizes in a list of their own; empty where that is no better.

    Args:
        first: all of them are meant for the first argument, or nothing is said.
    """
    listed = [expr.constant for expr in step.args.positional]
    slots = [p for p in signature.parameters if not p.keyword_only]
    if len(listed) < 2 or any(type(value) is not int for value in listed):
        return ""
    for place, slot in enumerate(slots[: 1 if first else len(listed) - 1]):
        values = (*listed[:place], tuple(listed[place:]))
        fits = all(_takes(p, v) for p, v in zip(slots, values, strict=False))
        if slot.variadic or not fits or not _accepted(step, signature, row, slots, values):
            continue
        items = (*step.args.positional[:place], Expr(step.args.positional[place:], step.mark, ()))
        args = replace(step.args, positional=items)
        return f"what is one argument stands in brackets of its own: `{written(step.op, args)}`"
    return ""


def _accepted(
    step: StepSpec,
    signature: Signature,
    row: Op | LazyOp,
    slots: list[Parameter],
    values: tuple[Any, ...],
) -> bool:
    """Whether the row takes these arguments, where it can be asked."""
    if not isinstance(row, Op) or step.args.keywords:
        return True
    given = {p.name: value for p, value in zip(slots, values, strict=False)}
    try:
        row.check(SimpleNamespace(**{**signature.defaults, **given, "network_dtype": "float32"}))
    except (ArgumentError, AttributeError):
        return False
    return True


def called(op: str, arguments: str) -> str:
    """The step for a call in Python: `Conv2d(3, 8, 3, stride=2)` has its keywords in braces."""
    positional: list[str] = []
    keywords: list[str] = []
    for part in _PARTS.findall(arguments):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        text = (value if equals else name).translate(_BRACKETS).rstrip()
        text = _PYTHON.get(text, text.strip("'\""))
        if equals:
            keywords.append(f"{name}: {text}")
        elif text:
            positional.append(text)
    named = "{" + ", ".join(keywords) + "}"
    if not positional:
        return f"{{{op}: {named}}}" if keywords else op
    return f"{{{op}: [{', '.join([*positional, *([named] if keywords else [])])}]}}"


def _takes_first(slots: list[Parameter], value: Any) -> bool:
    return bool(slots) and _takes(slots[0], value)


def _takes(parameter: Parameter, value: Any) -> bool:
    try:
        parameter.check(value)
    except ArgumentError:
        return False
    return True


def value_meant(value: Any, params: Iterable[str], parameter: Parameter | None = None) -> str:
    """A remedy for a text where a number was expected; empty where none is apparent."""
    if not isinstance(value, str) or len(value) > _LONGEST:
        return ""
    known = set(params)
    if value.startswith("$") and value[1:] in known:
        return f"one dollar sign starts a formula, two a text: write `{value}`"
    if value in known:
        return f"did you mean `${value}`?"
    if re.match(r"([-+]?\d+(\.\d+)?|true|false)\Z", value):
        number = ast.literal_eval(value) if value[-1].isdigit() else None
        fits = parameter is None or number is None or _takes(parameter, number)
        return "leave the quotes out" if fits else ""
    if value in ("None", "none") and parameter is not None:
        if _takes(parameter, None):
            return "write null"
        if not parameter.required:
            return f"leave it out: it is {plain_text(parameter.default)} then"
    sizes = re.split(r"\s*[x,]\s*|\s+", value.strip("()[] "))
    if len(sizes) > 1 and all(size.isdecimal() and len(size) < 10 for size in sizes):
        if parameter is not None and not _takes(parameter, tuple(map(int, sizes))):
            decimal = len(sizes) == 2 and _takes(parameter, 0.5)
            return f"did you mean {sizes[0]}.{sizes[1]}?" if decimal else ""
        return f"a list of sizes stands in brackets: [{', '.join(sizes)}]"
    match = re.match(r"(\w+)\s*=\s*(.+)\Z", value)
    if match:
        return f"keywords stand in braces at the end: {{{match.group(1)}: {match.group(2)}}}"
    match = re.match(r"(\d+(?:\.\d+)?)\s*%\Z", value)
    if match:
        return f"write {float(match.group(1)) / 100:g}"
    formula = _formula_meant(value, params)
    if formula:
        return f"a formula starts with a dollar: `{formula}`"
    if value.startswith("(") or value.endswith(")"):
        return "a list of sizes stands in brackets: [3, 3]"
    numbers = parameter is not None and {kind.base for kind in parameter.kinds} <= _NUMERIC
    if numbers and value.isidentifier():
        return f"a number stands here, or `${value}` where `params:` declares `{value}`"
    return ""
