"""Values of `if:`, `repeat:`, `pick:` and `expect:`, checked. Raises SpecError at their place."""

from __future__ import annotations

from typing import Any

from lazyinspect import limits
from lazyinspect.errors import Problem, SpecError
from lazyinspect.plan.frame import Val
from lazyinspect.plan.scope import Scope, evaluate
from lazyinspect.shapes import TensorType, concrete, format_value, whole
from lazyinspect.spec.formula import FormulaError, describe, parse_formula
from lazyinspect.spec.model import Expr, StepSpec


def holds(condition: Expr, scope: Scope) -> bool:
    """Value of `if:`. Raises SpecError where it is neither a boolean nor a number."""
    value = evaluate(condition, scope)
    if not isinstance(value, (bool, int, float)):
        raise SpecError(
            Problem(
                "bad-condition",
                f"`if:` takes true or false, and gets {describe(value)}",
                condition.mark,
                help=_meant(value, scope) or "write a formula, for instance `if: $s != 1`",
            )
        )
    return bool(value)


def _meant(value: Any, scope: Scope) -> str:
    """A remedy for a text that was to be a formula, or a word for true or false."""
    if not isinstance(value, str):
        return ""
    if value.lower() in ("yes", "on", "y", "no", "off", "n"):
        return f"write `{'true' if value.lower() in ('yes', 'on', 'y') else 'false'}`"
    try:
        formula = parse_formula(value)
    except FormulaError:
        return ""
    known = {*scope.params, "cin", "last", "shape", "i"}
    return f"a formula starts with `$`: ${value}" if formula.names <= known else ""


def count(repeat: Expr, scope: Scope) -> int:
    """Value of `repeat:`. Raises SpecError where it is no count of at most 100,000."""
    value = evaluate(repeat, scope)
    if not whole(value) or value < 0:
        raise SpecError(
            Problem(
                "bad-repeat",
                f"`repeat:` takes a count of copies, and gets {describe(value)}",
                repeat.mark,
                help="write an integer, 0 or more; in a formula, divide with `//`"
                if type(value) is float
                else _meant(value, scope) or "write an integer, 0 or more",
            )
        )
    if value > limits.COPIES:
        raise SpecError(
            Problem(
                "bad-repeat",
                f"`repeat:` makes at most {limits.COPIES:,} copies, and gets {value:,}",
                repeat.mark,
                help="put a repeated step into a block, and repeat that",
            )
        )
    return concrete(value)


def unmet(step: StepSpec, value: Val, scope: Scope) -> Problem | None:
    """What `expect:` says against the output's shape; None where it is met."""
    assert step.expect is not None
    if isinstance(value.type, TensorType):
        found: tuple[Any, ...] = value.type.shape
        wanted = tuple(None if e is None else evaluate(e, scope) for e in step.expect)
        if len(found) == len(wanted) and all(
            w is None or w == f for w, f in zip(wanted, found, strict=True)
        ):
            return None
        text = "[" + ", ".join("_" if w is None else str(w) for w in wanted) + "]"
    else:
        text = "one tensor"
    return Problem(
        "unmet-expect",
        f"`{step.op}` is expected to give {text}, and gives {format_value(value.type)}",
        step.expect_mark,
        found=f"the output is {format_value(value.type)}",
        help="change the network, or what is expected of it",
    )


def pick(value: Val, key: Any, step: StepSpec) -> Val:
    """What `pick:` takes of an output. Raises SpecError where it has no such element."""
    kind = value.type
    mark = step.pick.mark if step.pick is not None else step.mark
    if not isinstance(kind, (tuple, dict)):
        raise SpecError(
            Problem(
                "not-a-tuple",
                f"`pick:` takes one element of a tuple, and `{step.op}` gives {format_value(kind)}",
                mark,
                help="leave `pick:` out",
            )
        )
    if isinstance(kind, tuple):
        if type(key) is not int or not -len(kind) <= key < len(kind):
            raise SpecError(
                Problem(
                    "bad-pick",
                    f"`pick:` takes 0 to {len(kind) - 1} here, and gets {describe(key)}",
                    mark,
                )
            )
        key %= len(kind)
    elif key not in kind:
        raise SpecError(
            Problem("bad-pick", f"there is no {describe(key)} among {', '.join(kind)}", mark)
        )
    picked = value.pick(key)
    if picked.type is None:
        raise SpecError(
            Problem("bad-pick", f"element {key} is nothing here", mark,
                    help="an option of the layer turns it off")
        )  # fmt: skip
    return picked
