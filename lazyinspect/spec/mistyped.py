"""A text that is no formula -> the formula it was meant to be, as a remedy.

Another language's signs, a power, a function of a module: what people type who think in Python, C
or mathematics.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection

_SIGNS = ((r"&&", " and "), (r"\|\|", " or "), (r"!(?!=)", " not "), (r"<>", " != "))
_TERNARY = re.compile(r"([^?]+)\?([^:]+):(.+)\Z")
_HALF = re.compile(r"(?!.*\belse\b).+\bif\b.+\Z")
_MOST_FACTORS = 4


def syntax_help(text: str, functions: Collection[str]) -> str:
    """What to write in the place of a text that Python cannot parse."""
    if "$" in text:
        return f"one `$` stands before the whole formula: `${text.replace('$', '')}`"
    meant = text
    for sign, word in _SIGNS:
        meant = re.sub(rf"\s*{sign}\s*", word, meant)
    ternary = _TERNARY.match(meant)
    if ternary:
        test, then, other = (part.strip() for part in ternary.groups())
        meant = f"{then} if {test} else {other}"
    if meant != text and _parses(meant):
        return f"write `${meant.strip()}`"
    if _HALF.match(text) and _parses(f"{text} else 0"):
        return f"an `else` is missing: `${text.strip()} else ...`"
    return (
        "numbers, names, + - * / // %, comparisons, and or not, a if c else b, calls of "
        + " ".join(functions)
    )


def operator_help(node: ast.BinOp) -> str:
    """What to write in the place of an operator that no formula has."""
    power = isinstance(node.op, (ast.Pow, ast.BitXor))
    base, exponent = node.left, node.right
    asked = "" if isinstance(node.op, ast.Pow) else "is a power meant? "
    if power and isinstance(exponent, ast.Constant) and type(exponent.value) is int:
        factor = ast.unparse(base)
        factor = factor if isinstance(base, (ast.Name, ast.Constant, ast.Call)) else f"({factor})"
        if 2 <= exponent.value <= _MOST_FACTORS:
            return f"{asked}write `{' * '.join([factor] * exponent.value)}`"
    if power and isinstance(exponent, ast.Name) and isinstance(base, ast.Constant):
        number, name = base.value, exponent.id
        if type(number) is int and abs(number) < 1_000:
            values = f"1 if {name} == 0 else {number} if {name} == 1 else {number**2} if ..."
            return f"{asked}write the values out: `${values}`"
    return "use + - * / // %"


def attribute_help(node: ast.Attribute, functions: Collection[str]) -> str:
    """What to write in the place of `math.ceil` or `x.shape`."""
    if node.attr in functions:
        return f"write `{node.attr}(...)`, without what stands before the dot"
    if node.attr in ("shape", "size"):
        return "sizes of the first source are `shape(k)`, `cin` and `last`"
    return "a formula reads parameters, and `cin`, `last` and `shape(k)` of the first source"


def _parses(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True
