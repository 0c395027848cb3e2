"""Formulas: ``$`` texts -> small programs of a closed set of operations. Nothing is executed.

A formula is parsed by Python's own grammar and walked once; every syntax node that is not on the
list below is refused. It becomes nested closures, so that a repeated block pays for the walk once.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from lazyinspect import limits
from lazyinspect.shapes import beside, whole
from lazyinspect.spec.functions import APPLY, ARITY
from lazyinspect.spec.mistyped import attribute_help, operator_help, syntax_help

MAX_LENGTH = limits.FORMULA
MAX_INT = limits.INTEGER
FUNCTIONS = tuple(APPLY)
RESERVED = ("cin", "last", "shape", "i", *FUNCTIONS)
"""Names that no parameter may take."""


class FormulaError(Exception):
    """What is wrong with a formula. ``offset`` counts characters after the ``$``."""

    def __init__(self, message: str, *, help: str = "", offset: int = 0, length: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.offset = offset
        self.length = length


class Scope(Protocol):
    """What a formula's names mean at one step."""

    def name(self, name: str) -> Any:
        """Value of a parameter, ``i``, ``cin`` or ``last``. Raises FormulaError."""

    def shape(self, dim: int) -> int:
        """``shape(k)``. Raises FormulaError."""


Program: TypeAlias = Callable[[Scope], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Formula:
    """A parsed formula."""

    text: str
    """Without the ``$``."""
    names: frozenset[str]
    """Every name it reads, ``shape`` included."""
    program: Program

    def evaluate(self, scope: Scope) -> Any:
        """Value in a scope: int, float, bool, or what a parameter holds.

        Raises:
            FormulaError: a name unknown, a wrong type, a division by zero, an integer above 2^53.
        """
        return self.program(scope)


_BINARY: dict[type, tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
}
_COMPARE: dict[type, tuple[str, Callable[[Any, Any], bool]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}
_REFUSED: dict[type, str] = {
    ast.Subscript: "subscripts",
    ast.Lambda: "lambdas",
    ast.ListComp: "comprehensions",
    ast.SetComp: "comprehensions",
    ast.DictComp: "comprehensions",
    ast.GeneratorExp: "comprehensions",
    ast.JoinedStr: "strings",
    ast.List: "lists",
    ast.Tuple: "tuples",
    ast.Dict: "mappings",
    ast.Set: "sets",
    ast.NamedExpr: "assignments",
    ast.Starred: "`*`",
    ast.Await: "await",
}
_INSTEAD: dict[type, str] = {
    ast.Subscript: "sizes of the first source are `shape(k)`; give other values a parameter each",
    ast.List: "write the formulas inside a YAML list",
    ast.Tuple: "write the formulas inside a YAML list",
}

_CACHE: dict[str, Formula] = {}


def parse_formula(text: str) -> Formula:
    """Parse the text after the ``$``; each text once per process.

    Raises:
        FormulaError: not a formula.
    """
    formula = _CACHE.get(text)
    if formula is None:
        formula = _parse(text)
        if len(_CACHE) < 10_000:
            _CACHE[text] = formula
    return formula


def _parse(text: str) -> Formula:
    if len(text) > MAX_LENGTH:
        raise FormulaError(
            f"a formula has at most {MAX_LENGTH} characters, and this one {len(text)}",
            help="name a part of it in `params:`",
        )
    stripped = text.strip()
    if not stripped:
        raise FormulaError("a formula is empty", help="write `$$` for a literal `$`")
    if stripped.startswith("{"):
        name = stripped.strip("{}") or "width"
        raise FormulaError("a formula has no braces around it", help=f"write `${name}`")
    if "#" in text:
        raise FormulaError(
            "a formula has no comment", help="end the quotes before it", offset=text.index("#")
        )
    if any(text.count(opening) != text.count(closing) for opening, closing in ("()", "[]", "{}")):
        raise FormulaError(
            "the brackets of this formula do not match",
            help=("quote this formula: a comma ends it in a YAML list, unless it stands in quotes"),
        )
    indent = len(text) - len(text.lstrip())
    try:
        with warnings.catch_warnings():
            # `1if x else 2`: newer versions of Python say so on standard error, and will refuse it
            warnings.simplefilter("error")
            body = ast.parse(stripped, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        offset = getattr(error, "offset", None) or 1
        raise FormulaError(
            "this is not a formula",
            help=syntax_help(text, FUNCTIONS),
            offset=indent + offset - 1,
        ) from None
    if not stripped.isascii():
        _count_characters(body, stripped.encode())
    names: set[str] = set()
    program = _compile(body, names, indent)
    return Formula(text, frozenset(names), program)


def _count_characters(body: ast.expr, text: bytes) -> None:
    """Python counts the columns of its nodes in bytes of UTF-8."""
    for node in ast.walk(body):
        if isinstance(node, ast.expr):
            node.col_offset = len(text[: node.col_offset].decode())
            node.end_col_offset = len(text[: node.end_col_offset].decode())


class _Fail:
    """Makes the errors of one place in a formula."""

    __slots__ = ("length", "offset")

    def __init__(self, offset: int, length: int) -> None:
        self.offset = offset
        self.length = length

    def __call__(self, message: str, help: str = "") -> FormulaError:
        return FormulaError(message, help=help, offset=self.offset, length=self.length)


def _compile(node: ast.expr, names: set[str], indent: int) -> Program:
    """One syntax node as a closure."""
    # of the node no more than its place: formulas are kept, and their trees need not be
    fail = _Fail(
        indent + node.col_offset, (node.end_col_offset or node.col_offset + 1) - node.col_offset
    )
    if isinstance(node, ast.Constant):
        return _constant(node.value, fail)
    if isinstance(node, ast.Name):
        names.add(node.id)
        return _name(node.id, fail)
    if isinstance(node, ast.BinOp):
        if type(node.op) not in _BINARY:
            what = "there is no power in a formula" if isinstance(node.op, ast.Pow) else (
                "this operator is not allowed in a formula"
            )  # fmt: skip
            raise fail(what, operator_help(node))
        sign, apply = _BINARY[type(node.op)]
        return _arithmetic(
            sign, apply, _compile(node.left, names, indent), _compile(node.right, names, indent),
            fail,
        )  # fmt: skip
    if isinstance(node, ast.UnaryOp):
        inner = _compile(node.operand, names, indent)
        if isinstance(node.op, ast.Not):
            return lambda scope: not inner(scope)
        if isinstance(node.op, ast.USub):
            return lambda scope: -_number(inner(scope), "-", fail)
        raise fail("this operator is not allowed in a formula", "use unary `-` or `not`")
    if isinstance(node, ast.BoolOp):
        parts = [_compile(value, names, indent) for value in node.values]
        return _all(parts) if isinstance(node.op, ast.And) else _any(parts)
    if isinstance(node, ast.Compare):
        return _comparison(node, names, indent, fail)
    if isinstance(node, ast.IfExp):
        test = _compile(node.test, names, indent)
        then = _compile(node.body, names, indent)
        other = _compile(node.orelse, names, indent)
        return lambda scope: then(scope) if test(scope) else other(scope)
    if isinstance(node, ast.Call):
        return _call(node, names, indent, fail)
    if isinstance(node, ast.Attribute):
        raise fail("attributes are not allowed in a formula", attribute_help(node, FUNCTIONS))
    what = _REFUSED.get(type(node), f"`{type(node).__name__}`")
    verb = "are" if what.endswith("s") else "is"
    raise fail(f"{what} {verb} not allowed in a formula", _INSTEAD.get(type(node), ""))


def _constant(value: Any, fail: Callable[..., FormulaError]) -> Program:
    if isinstance(value, str):
        raise fail("strings are not allowed in a formula", "compare numbers and parameters")
    if type(value) not in (int, float, bool, type(None)):
        raise fail("this constant is not allowed in a formula")
    if type(value) is int and value > MAX_INT:
        raise fail("this integer is larger than 2^53")
    if type(value) is float and not math.isfinite(value):
        raise fail("this number is not finite")
    return lambda scope: value


def _name(name: str, fail: Callable[..., FormulaError]) -> Program:
    if name in ("true", "false", "null"):
        value = {"true": True, "false": False, "null": None}[name]
        return lambda scope: value
    if name in FUNCTIONS or name == "shape":
        raise fail(f"`{name}` is a function", f"call it: `{name}(...)`")

    def read(scope: Scope) -> Any:
        try:
            return scope.name(name)
        except FormulaError as error:
            raise fail(error.message, error.help) from None

    return read


def _number(value: Any, sign: str, fail: Callable[..., FormulaError]) -> Any:
    if not whole(value) and not isinstance(value, float):
        raise fail(f"`{sign}` takes numbers, and gets {describe(value)}")
    return value


def _checked(value: Any, fail: Callable[..., FormulaError]) -> Any:
    if type(value) is int and not -MAX_INT <= value <= MAX_INT:
        raise fail("the result is an integer beyond 2^53")
    if type(value) is float and not math.isfinite(value):
        raise fail("the result is not a finite number")
    return value


def _arithmetic(
    sign: str,
    apply: Callable[[Any, Any], Any],
    left: Program,
    right: Program,
    fail: Callable[..., FormulaError],
) -> Program:
    def run(scope: Scope) -> Any:
        a, b = left(scope), right(scope)
        if type(a) is not int or type(b) is not int:
            a, b = _number(a, sign, fail), _number(b, sign, fail)
            if type(a) is float:
                a = beside(a, b)
        try:
            return _checked(apply(a, b), fail)
        except ZeroDivisionError:
            raise fail(f"`{sign}` divides by zero") from None
        except OverflowError:
            raise fail("the result is too large") from None

    return run


def _all(parts: list[Program]) -> Program:
    def run(scope: Scope) -> Any:
        value: Any = True
        for part in parts:
            value = part(scope)
            if not value:
                break
        return value

    return run


def _any(parts: list[Program]) -> Program:
    def run(scope: Scope) -> Any:
        value: Any = False
        for part in parts:
            value = part(scope)
            if value:
                break
        return value

    return run


def _comparison(
    node: ast.Compare, names: set[str], indent: int, fail: Callable[..., FormulaError]
) -> Program:
    first = _compile(node.left, names, indent)
    rest = []
    for op, right in zip(node.ops, node.comparators, strict=True):
        if type(op) not in _COMPARE:
            raise fail("this comparison is not allowed in a formula", "use == != < <= > >=")
        rest.append((*_COMPARE[type(op)], _compile(right, names, indent)))

    def run(scope: Scope) -> bool:
        a = first(scope)
        for sign, compare, right in rest:
            b = right(scope)
            if type(a) is float:
                a = beside(a, b)
            try:
                if not compare(a, b):
                    return False
            except TypeError:
                raise fail(f"`{sign}` cannot compare {describe(a)} and {describe(b)}") from None
            a = b
        return True

    return run


def _call(
    node: ast.Call, names: set[str], indent: int, fail: Callable[..., FormulaError]
) -> Program:
    if not isinstance(node.func, ast.Name):
        help = "one of " + " ".join(("shape", *FUNCTIONS))
        if isinstance(node.func, ast.Attribute):
            help = attribute_help(node.func, FUNCTIONS)
        raise fail("only functions can be called", help)
    name = node.func.id
    keywords = [keyword.arg for keyword in node.keywords]
    if keywords and (name != "divisible" or keywords != ["d"]):
        raise fail(f"`{name}` takes no keyword arguments", "give its arguments by position")
    arguments = [_compile(argument, names, indent) for argument in node.args]
    arguments += [_compile(keyword.value, names, indent) for keyword in node.keywords]
    if name == "shape":
        names.add("shape")
        if len(arguments) != 1:
            raise fail("`shape` takes one dimension: `shape(1)`")
        return _shape(arguments[0], fail)
    if name not in FUNCTIONS:
        import difflib

        near = difflib.get_close_matches(name, ("shape", *FUNCTIONS), n=1)
        hint = f"did you mean `{near[0]}`?" if near else "one of shape " + " ".join(FUNCTIONS)
        raise fail(f"there is no function `{name}`", hint)
    low, high = ARITY[name]
    if not low <= len(arguments) <= high:
        count = str(low) if low == high else f"{low} or more" if high > 9 else f"{low} to {high}"
        plural = "" if count == "1" else "s"
        raise fail(f"`{name}` takes {count} argument{plural}, and gets {len(arguments)}")
    apply = APPLY[name]

    def run(scope: Scope) -> Any:
        values = [_number(argument(scope), name, fail) for argument in arguments]
        try:
            return _checked(apply(*values), fail)
        except ZeroDivisionError:
            raise fail("division by zero") from None
        except (OverflowError, ValueError, TypeError) as error:
            raise fail(f"`{name}` fails: {error}") from None

    return run


def _shape(argument: Program, fail: Callable[..., FormulaError]) -> Program:
    def run(scope: Scope) -> int:
        dim = argument(scope)
        if not whole(dim):
            raise fail(f"`shape` takes an integer, and gets {describe(dim)}")
        try:
            return scope.shape(dim)
        except FormulaError as error:
            raise fail(error.message, error.help) from None

    return run


def describe(value: Any) -> str:
    """A value in a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'the string "{value}"'
    if isinstance(value, tuple):
        return "a list"
    if isinstance(value, (int, float)):
        return repr(value)
    return "a layer"
