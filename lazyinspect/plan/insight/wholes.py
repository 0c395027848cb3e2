"""A formula that gives a float where a size stands -> one that gives an integer. No torch here."""

from __future__ import annotations

import re

from lazyinspect.plan.insight.formulas import argument_expr
from lazyinspect.plan.insight.whatif import Advice, Case
from lazyinspect.plan.scope import Scope
from lazyinspect.spec.formula import Formula, FormulaError, parse_formula

_DIVIDED = re.compile(r"(?<!/)/(?!/)")


def whole_number(case: Case) -> Advice | None:
    """`$c*width` with a width of 1.5, and `$k/2`: the author's formula, rounded."""
    failure = case.failure
    expr = None if failure.step is None else argument_expr(failure.step, case.error.argument)
    if expr is None or failure.scope is None or not isinstance(expr.value, Formula):
        return None
    text = expr.value.text.strip()
    found = _value(text, failure.scope)
    if type(found) is not float or text.isidentifier():
        return None
    divided = _DIVIDED.sub("//", text)
    value = _value(divided, failure.scope)
    if type(value) is not int:
        divided = f"int({text})"
        value = _value(divided, failure.scope)
    if type(value) is not int:
        return None
    shown = f'"${divided}"' if "," in divided else f"${divided}"
    if value == found:
        return Advice(f"write `{shown}`, which is {value}")
    return Advice(f"`{shown}` rounds it down to {value}; a size is a whole number")


def _value(text: str, scope: Scope) -> object:
    try:
        return parse_formula(text).evaluate(scope)
    except FormulaError:
        return None
