"""What comparisons of formulas decided: written down while planning, asked of other sizes later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from lazyinspect.sizes.algebra import Poly, Values

Relation: TypeAlias = Literal[">=", "==", "!="]


@dataclass(frozen=True, slots=True)
class Guard:
    """A comparison with 0 that was decided by the sizes in hand."""

    formula: Poly
    relation: Relation
    """What held: ``formula relation 0``."""
    place: Any
    """Of the step in hand, as the tracer was told."""
    pinned: bool = False
    """Where an integer was needed, so that its formula ended there."""

    def holds(self, values: Values, *, undefined: bool = False) -> bool:
        """Whether other sizes decide it alike; ``undefined`` where its formula divides by 0."""
        try:
            value = self.formula.evaluate(values)
        except (ZeroDivisionError, OverflowError, ValueError):
            return undefined
        if self.relation == ">=":
            return value >= 0
        return (value == 0) is (self.relation == "==")


class Tracer:
    """Collects guards, each once, in the order in which they came up.

    Args:
        place: where the planner is.
    """

    def __init__(self, place: Callable[[], Any] = lambda: None) -> None:
        self.place = place
        self._guards: dict[tuple[Poly, Relation], Guard] = {}

    @property
    def guards(self) -> tuple[Guard, ...]:
        return tuple(self._guards.values())

    def note(self, formula: Poly, relation: Relation, *, pinned: bool = False) -> None:
        """Write a decision down."""
        key = (formula, relation)
        if key not in self._guards:
            self._guards[key] = Guard(formula, relation, self.place(), pinned)


ACTIVE: list[Tracer] = []
"""Tracers that are told; the innermost last."""


@contextmanager
def tracing(tracer: Tracer) -> Iterator[None]:
    """Comparisons inside are written down.

    Outside, sizes are equal where their formulas are, and are ordered as the integers they are.
    """
    ACTIVE.append(tracer)
    try:
        yield
    finally:
        ACTIVE.pop()
