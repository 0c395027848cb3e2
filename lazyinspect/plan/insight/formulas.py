"""Arguments as the author wrote them -> their values, and the sizes that they read. No torch."""

from __future__ import annotations

import re

from lazyinspect.plan.frame import Skip
from lazyinspect.plan.ops import signature_of, table
from lazyinspect.plan.scope import Scope
from lazyinspect.shapes import TensorType
from lazyinspect.spec.formula import Formula, FormulaError
from lazyinspect.spec.model import Expr, StepSpec

_SHAPE = re.compile(r"shape\s*\(\s*(-?\d+)\s*\)")


def argument_expr(step: StepSpec, argument: str | None) -> Expr | None:
    """What stands for an argument that an op names; None where nothing does."""
    if argument is None:
        return None
    if argument in step.args.keywords:
        return step.args.keywords[argument]
    listed = step.args.positional
    if argument.isdigit():
        return listed[int(argument)] if int(argument) < len(listed) else None
    if step.op not in table():
        return None
    names = [parameter.name for parameter in signature_of(step.op).parameters]
    place = names.index(argument) if argument in names else len(listed)
    return listed[place] if place < len(listed) else None


def said(expr: Expr, scope: Scope) -> str:
    """A formula with the values of the names in it: ``$4*c with c = 64``; empty for a constant."""
    formula = expr.value
    if not isinstance(formula, Formula):
        return ""
    values = []
    for name in sorted(formula.names, key=formula.text.find):
        try:
            if name == "shape":
                dims = dict.fromkeys(_SHAPE.findall(formula.text))
                values += [f"shape({dim}) = {scope.shape(int(dim))}" for dim in dims]
                continue
            value = scope.name(name)
        except (FormulaError, Skip):
            continue
        if isinstance(value, bool):
            values.append(f"{name} = {'true' if value else 'false'}")
        elif isinstance(value, (int, float)):
            values.append(f"{name} = {value}")
    text = f"${formula.text}"
    return f"{text} with {', '.join(values)}" if values else text


def dims_read(expr: Expr, scope: Scope) -> list[int]:
    """Dimensions of the step's first source that a formula reads."""
    first, formula = scope.first, expr.value
    if not isinstance(formula, Formula) or type(first) is not TensorType:
        return []
    dims = []
    if "cin" in formula.names and first.rank > 1:
        dims.append(1)
    if "last" in formula.names and first.rank:
        dims.append(first.rank - 1)
    read = [int(text) for text in _SHAPE.findall(formula.text)]
    dims += [dim % first.rank for dim in read if -first.rank <= dim < first.rank]
    return list(dict.fromkeys(dims))
