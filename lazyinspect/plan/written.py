"""Steps and values -> YAML, as a person would write them in a remedy. No torch here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lazyinspect.spec.formula import Formula
from lazyinspect.spec.model import ArgsExpr, Expr, LayerExpr


def written(op: str, args: ArgsExpr) -> str:
    """A step as a person would write it: ``LazyConv2d: [64, 3, {bias: false}]``."""
    keywords = ", ".join(f"{name}: {value_text(expr)}" for name, expr in args.keywords.items())
    items = [value_text(expr) for expr in args.positional]
    if not items and not keywords:
        return op
    if not items:
        return f"{op}: {{{keywords}}}"
    if len(items) == 1 and not keywords and not isinstance(args.positional[0].value, tuple):
        return f"{op}: {items[0]}"
    if keywords:
        items.append(f"{{{keywords}}}")
    return f"{op}: [{', '.join(items)}]"


def value_text(expr: Expr) -> str:
    """An argument's value as YAML."""
    value = expr.value
    if isinstance(value, Formula):
        text = f"${value.text}"
        return f'"{text}"' if any(c in text for c in ",[]{}:#") else text
    if isinstance(value, tuple):
        return "[" + ", ".join(map(value_text, value)) + "]"
    if isinstance(value, LayerExpr):
        return "{" + written(value.op, value.args) + "}"
    return plain_text(value)


def plain_text(value: Any) -> str:
    """A Python value as YAML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(plain_text, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {plain_text(v)}" for k, v in value.items()) + "}"
    return str(value)


def listed(items: Iterable[str], word: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *rest, last = items
    return f"{', '.join(rest)} {word} {last}" if rest else last
