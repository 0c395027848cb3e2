"""Expressions -> values: what a formula's names mean at one step, and parameters of a block."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lazyinspect import limits
from lazyinspect.errors import Problem, SpecError
from lazyinspect.plan.frame import POISON, Skip
from lazyinspect.shapes import TensorType, concrete, format_value, whole
from lazyinspect.spec.formula import Formula, FormulaError, describe
from lazyinspect.spec.model import OPEN, ArgsExpr, Expr, LayerExpr, ParamSpec, Template
from lazyinspect.spec.names import did_you_mean, listed
from lazyinspect.spec.values import formula_problem


@dataclass(frozen=True, slots=True)
class LayerArg:
    """A layer as a value, its arguments evaluated: ``{LeakyReLU: 0.1}``, or a bare name."""

    op: str
    positional: tuple[Any, ...] = ()
    keywords: tuple[tuple[str, Any], ...] = ()


class Scope:
    """Names of formulas: parameters, ``i``, and sizes of a step's first source."""

    __slots__ = ("first", "i", "later", "params", "where")

    def __init__(
        self,
        params: Mapping[str, Any],
        first: Any = None,
        i: int | None = None,
        where: str = "",
        later: Collection[str] = (),
    ) -> None:
        self.params = params
        self.first = first
        """Type of the step's first source; None where there is none."""
        self.i = i
        self.where = where
        """Why there is no first source, for the message."""
        self.later = later
        """Parameters that are bound after the one in hand."""

    def name(self, name: str) -> Any:
        if name in self.params:
            return self.params[name]
        if name == "i":
            if self.i is None:
                raise FormulaError(
                    "`i` is the index of a copy, and nothing is repeated here",
                    help="`repeat:` on the step gives it; a block is given it as an argument",
                )
            return self.i
        if name == "cin":
            tensor = self._tensor(name)
            if tensor.rank < 2:
                raise FormulaError(
                    f"`cin` is the size of dimension 1, and the first source is {tensor}"
                )
            return tensor.shape[1]
        if name == "last":
            tensor = self._tensor(name)
            if not tensor.rank:
                raise FormulaError("`last` is the last size, and the first source has none")
            return tensor.shape[-1]
        if name in self.later:
            raise FormulaError(
                f"`{name}` is not known yet: a parameter may use those above it",
                help=f"move `{name}` up",
            )
        known = [*self.params, "cin", "last", "i"]
        raise FormulaError(
            f"there is no parameter `{name}` here",
            help=did_you_mean(name, known, _known(self.params)),
        )

    def shape(self, dim: int) -> int:
        tensor = self._tensor("shape")
        if not -tensor.rank <= dim < tensor.rank:
            raise FormulaError(
                f"there is no dimension {dim}: the first source is {tensor}",
            )
        return tensor.shape[dim]

    def _tensor(self, name: str) -> TensorType:
        first = self.first
        if type(first) is TensorType:
            return first
        if first is POISON:
            raise Skip
        if first is None:
            reason = self.where or "this step has no source that is a tensor"
            raise FormulaError(f"`{name}` is not known here: {reason}")
        raise FormulaError(
            f"`{name}` is not known here: the first source is {format_value(first)}",
            help="`pick: 0` takes one element of a tuple",
        )


def _known(params: Mapping[str, Any]) -> str:
    return "the parameters here are " + listed(params) if params else "declare it in `params:`"


def evaluate(expr: Expr, scope: Scope) -> Any:
    """The value of an expression: a scalar, a tuple, a LayerArg.

    Raises:
        SpecError: a formula fails, at its place.
        Skip: it reads the size of a value whose step failed.
    """
    if expr.constant is not OPEN:
        return expr.constant
    value = expr.value
    if isinstance(value, Formula):
        try:
            return value.program(scope)
        except FormulaError as error:
            problem = formula_problem(error, expr.mark)
            raise SpecError(replace(problem, found=_values(value, scope))) from None
    if isinstance(value, tuple):
        result: Any = tuple([evaluate(item, scope) for item in value])
    else:
        assert isinstance(value, LayerExpr)
        positional, keywords = evaluate_args(value.args, scope)
        result = LayerArg(value.op, positional, tuple(keywords.items()))
    # lists that name lists double from one parameter to the next
    wrong = size_problem(result)
    if wrong is not None:
        raise SpecError(Problem("value-too-large", wrong, expr.mark, help="a size is one number"))
    return result


def size_problem(value: Any) -> str | None:
    """Why a value holds more than one may; None where it does not."""
    count, level = 0, [value]
    for _ in range(limits.NESTING):
        inner: list[Any] = []
        for item in level:
            count += 1
            if isinstance(item, tuple):
                inner.extend(item)
            elif isinstance(item, LayerArg):
                inner.extend(item.positional)
                inner.extend(part for _, part in item.keywords)
            elif type(item) is int and not -limits.INTEGER <= item <= limits.INTEGER:
                return "an integer is at most 2^53"
            if count + len(inner) > limits.VALUE:
                return f"one value holds at most {limits.VALUE:,} elements"
        if not inner:
            return None
        level = inner
    return f"a value is nested at most {limits.NESTING} levels deep"


def _values(formula: Formula, scope: Scope) -> str:
    """What the names of a formula that fails stood for; empty where one stands for nothing."""
    known = []
    for name in sorted(formula.names - {"shape"}):
        try:
            known.append(f"{name} is {describe(scope.name(name))}")
        except (FormulaError, Skip):
            return ""
    return ", ".join(known)


def evaluate_args(args: ArgsExpr, scope: Scope) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword values."""
    return (
        tuple([evaluate(expr, scope) for expr in args.positional]),
        {name: evaluate(expr, scope) for name, expr in args.keywords.items()},
    )


def evaluate_name(name: str | Template, scope: Scope, expr_mark: Any) -> str:
    """The text of a step's key.

    Raises:
        SpecError: a formula in its braces fails, or is no integer or text.
    """
    if isinstance(name, str):
        return name
    parts = []
    for part in name.parts:
        if isinstance(part, str):
            parts.append(part)
            continue
        try:
            value = part.program(scope)
        except FormulaError as error:
            raise SpecError(Problem("formula", error.message, expr_mark, help=error.help)) from None
        if not whole(value) and type(value) is not str:
            raise SpecError(
                Problem(
                    "bad-name",
                    f"`{{{part.text}}}` gives {describe(value)}, and a name takes an integer",
                    expr_mark,
                    help="divide with `//`" if type(value) is float else "",
                )
            )
        parts.append(value if isinstance(value, str) else str(concrete(value)))
    return "".join(parts)


_CHECKS: dict[str, tuple[str, tuple[type, ...]]] = {
    "int": ("an integer", (int,)),
    "float": ("a number", (float, int)),
    "bool": ("true or false", (bool,)),
    "str": ("a string", (str,)),
    "layer": ("a layer", (str, LayerArg)),
}


def type_problem(required: str, value: Any) -> str | None:
    """Why ``value`` is not of a required parameter's type; None where it is."""
    wanted, types = _CHECKS[required]
    if type(value) in types or (int in types and whole(value)):
        return None
    return f"takes {wanted}, and gets {describe(value)}"


def bind_params(
    params: Mapping[str, ParamSpec],
    given: Mapping[str, Any],
    scope: Scope,
    replaced: Mapping[str, Expr] | None = None,
) -> dict[str, Any]:
    """Values of all parameters, in order: given ones, then defaults, which may read earlier ones.

    Args:
        given: evaluated values by name.
        scope: its parameters are replaced as they are bound.
        replaced: defaults to use instead (a variant's).

    Raises:
        SpecError: a default fails. Missing required ones and types are the caller's to check.
    """
    bound: dict[str, Any] = {}
    later = set(params)
    inner = Scope(bound, scope.first, None, scope.where, later)
    for name, param in params.items():
        later.discard(name)
        if name in given:
            bound[name] = given[name]
        elif replaced is not None and name in replaced:
            bound[name] = evaluate(replaced[name], inner)
        elif param.default is not None:
            bound[name] = evaluate(param.default, inner)
    return bound
