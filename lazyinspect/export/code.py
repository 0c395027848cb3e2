"""Expressions and statements of Python -> lines, broken where `ruff format` leaves them.

What fits in 88 columns stands on one line. What does not has an item a line and a comma after the
last, which tells the formatter to keep it so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, Union

WIDTH = 88

Expr: TypeAlias = Union[str, "Group", "Comprehension", "Sum"]


@dataclass(frozen=True, slots=True)
class Group:
    """Items in brackets: a call, a list, a tuple, a dict."""

    open: str
    items: tuple[tuple[str, Expr], ...]
    """Each with what stands before it: ``dim=``, ``"conv": ``, or nothing."""
    close: str


@dataclass(frozen=True, slots=True)
class Comprehension:
    """``[layer for _ in range(3)]``, or ``*(...)`` among arguments."""

    open: str
    item: Expr
    clause: str
    close: str


@dataclass(frozen=True, slots=True)
class Sum:
    """Operands with one operator between them."""

    operator: str
    operands: tuple[Expr, ...]


def call(callee: str, *positional: Expr, **keywords: Expr) -> Group:
    """``callee(positional, keyword=value)``."""
    named = tuple((f"{name}=", value) for name, value in keywords.items())
    return Group(f"{callee}(", (*(("", item) for item in positional), *named), ")")


def listed(items: Iterable[Expr]) -> Group:
    return Group("[", tuple(("", item) for item in items), "]")


def tupled(items: Iterable[Expr]) -> Expr:
    """A tuple; of one item it keeps its comma on one line."""
    found = tuple(items)
    if len(found) == 1 and isinstance(found[0], str):
        return f"({found[0]},)"
    return Group("(", tuple(("", item) for item in found), ")")


def flat(expr: Expr) -> str:
    """An expression on one line."""
    if isinstance(expr, str):
        return expr
    if isinstance(expr, Group):
        inner = ", ".join(prefix + flat(item) for prefix, item in expr.items)
        alone = expr.open == "(" and len(expr.items) == 1
        return f"{expr.open}{inner}{',' * alone}{expr.close}"
    if isinstance(expr, Comprehension):
        return f"{expr.open}{flat(expr.item)} {expr.clause}{expr.close}"
    return f" {expr.operator} ".join(map(flat, expr.operands))


def lines(expr: Expr, *, before: str = "", after: str = "", indent: int = 0) -> list[str]:
    """An expression as a statement's lines, what stands before and after it included."""
    space = " " * indent
    one = f"{space}{before}{flat(expr)}{after}"
    if len(one) <= WIDTH or isinstance(expr, str):
        return [one]
    if isinstance(expr, Group):
        if not expr.items:
            return [one]
        found = [f"{space}{before}{expr.open}"]
        for prefix, item in expr.items:
            found += lines(item, before=prefix, after=",", indent=indent + 4)
        return [*found, f"{space}{expr.close}{after}"]
    if isinstance(expr, Comprehension):
        return [
            f"{space}{before}{expr.open}",
            *lines(expr.item, indent=indent + 4),
            f"{space}    {expr.clause}",
            f"{space}{expr.close}{after}",
        ]
    inside = f"{space}    {flat(expr)}"
    body = [inside]
    if len(inside) > WIDTH:
        first, *others = expr.operands
        body = lines(first, indent=indent + 4)
        for other in others:
            body += lines(other, before=f"{expr.operator} ", indent=indent + 4)
    return [f"{space}{before}(", *body, f"{space}){after}"]


def literal(value: Any) -> str:
    """A value of a spec as Python writes it."""
    if isinstance(value, str):
        return string(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, (tuple, list)):
        inner = ", ".join(map(literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


def string(text: str) -> str:
    """A text in the quotes that the formatter prefers."""
    if '"' in text and "'" not in text:
        return repr(text)
    escaped = repr(text + "'")[1:-2] if "'" not in text else repr(text)[1:-1].replace("\\'", "'")
    return '"' + escaped.replace('\\"', '"').replace('"', '\\"') + '"'


def hint(types: Sequence[Any]) -> str:
    """The annotation of a parameter that takes these values."""
    found = dict.fromkeys(_hint(value) for value in types)
    if "float" in found:
        found.pop("int", None)
    if "None" in found:
        found["None"] = found.pop("None")
    return " | ".join(found)


def _hint(value: Any) -> str:
    if isinstance(value, tuple):
        inner = dict.fromkeys(map(_hint, value))
        return f"tuple[{' | '.join(inner) or 'int'}, ...]"
    return "None" if value is None else type(value).__name__
