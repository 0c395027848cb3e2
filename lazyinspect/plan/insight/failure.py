"""What failed, with all that flowed into it: what insights are made of. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from lazyinspect.errors import OpError, Problem
from lazyinspect.plan.frame import POISON, Val
from lazyinspect.plan.scope import Scope
from lazyinspect.plan.sources import Walk
from lazyinspect.plan.tree import Call
from lazyinspect.shapes import TensorType
from lazyinspect.spec.model import StepSpec

if TYPE_CHECKING:
    from lazyinspect.plan.insight.trace import Trace
    from lazyinspect.plan.plan import Plan

Again: TypeAlias = "Callable[..., Plan]"
"""``again(input=..., batch=..., spec=..., most=...)`` plans the same variant and parameters for
other inputs, or of a spec with a step changed, of at most so many steps, without lint and insight.
It raises as make_plan does."""


@dataclass(frozen=True, slots=True, eq=False)
class Failure:
    """One problem of a plan, and the step that it is about."""

    problem: Problem
    """As the planner reports it, places of use included."""
    error: OpError | None = None
    """What the op refused; None where the problem is none of an op's."""
    step: StepSpec | None = None
    """None where the problem is no step's (an `output:` of the network)."""
    operands: tuple[Any, ...] = ()
    """What the step reads by position, evaluated: each a Val, a number, or a tuple of such.
    Of an unmet `expect:`, the output that it is about."""
    keywords: Mapping[str, Any] = field(default_factory=dict)
    """What the step reads by name."""
    walk: Walk | None = None
    """Where the planner stood: its frame, its parameters, the calls made so far."""
    scope: Scope | None = None
    """What the step's formulas read."""
    trace: Trace | None = None
    """Who made each value."""
    call: Call | None = None
    """Of a `use:`, the call of the module that it applies again."""

    @property
    def values(self) -> tuple[Val, ...]:
        """Every value that the step reads, in order."""
        return tuple(_vals((*self.operands, *self.keywords.values())))

    @property
    def tensors(self) -> tuple[tuple[Val, TensorType], ...]:
        """Every tensor that the step reads, in order, with the value that it is or is part of."""
        return tuple(
            (_part(value, path), tensor)
            for value in self.values
            for path, tensor in keyed(value.type)
        )


def _vals(operands: tuple[Any, ...]) -> Iterator[Val]:
    for operand in operands:
        if isinstance(operand, Val):
            if operand.type is not POISON:
                yield operand
        elif isinstance(operand, tuple):
            yield from _vals(operand)


def keyed(kind: Any) -> Iterator[tuple[tuple[int | str, ...], TensorType]]:
    """Every tensor of a nested type with its keys."""
    if isinstance(kind, TensorType):
        yield (), kind
    elif isinstance(kind, (tuple, dict)):
        for key, item in kind.items() if isinstance(kind, dict) else enumerate(kind):
            for path, tensor in keyed(item):
                yield (key, *path), tensor


def _part(value: Val, path: tuple[int | str, ...]) -> Val:
    """What keys take of a value."""
    for key in path:
        value = value.pick(key)
    return value
