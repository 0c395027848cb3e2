"""How much of a network is planned, against what may be. Raises Halt where planning must end.

The limits hold while a plan grows, not when it is done: what would fill the memory never starts.
"""

from __future__ import annotations

from typing import Any

from lazyinspect import limits
from lazyinspect.errors import Mark, Problem
from lazyinspect.plan.tree import Call
from lazyinspect.spec.formula import Formula
from lazyinspect.spec.model import Expr, Group, LayerExpr, Layers, Spec, StepSpec, Template

_ORDINARY = 50
"""Characters of formulas in a step of ordinary size; an element or a source counts as five."""
BLOCK = 3
"""What it takes, in steps of ordinary size, to plan a block besides its steps."""
CONTAINER = 2
"""What it takes to plan a list of steps."""


class Halt(Exception):
    """Planning ends at once, whatever else there is to plan. No step answers it."""

    def __init__(self, problem: Problem | None = None) -> None:
        super().__init__("" if problem is None else problem.message)
        self.problem = problem
        """What made planning end; None where that is noted already."""


class Budget:
    """What one network may take.

    Args:
        spec: whose blocks are meant.
        steps: rows that the network may have, and steps that may be looked at.
    """

    def __init__(self, spec: Spec, steps: int = limits.STEPS) -> None:
        self.steps = steps
        self.edges = steps * limits.EDGES_PER_STEP
        self.looked = 0
        """Steps planned so far, a shared block's once, and copies that `if:` leaves out."""
        self.made = 0
        """Calls planned so far, copies counted, a shared block's once."""
        self._depth = 0
        self._spec = spec
        self._least: dict[str, int] = {}
        self._extra: dict[int, int] = {}

    @property
    def depth(self) -> int:
        """How many containers are around what is planned."""
        return self._depth

    def look(self, mark: Mark, work: int = 1) -> None:
        """A step is planned, or left out.

        Args:
            work: what it takes, in steps of ordinary size.

        Raises:
            Halt: all together take too much.
        """
        self.looked += work
        if self.looked > self.steps:
            message = f"planning this network takes more work than {self.steps:,} ordinary steps"
            raise Halt(_too_many(message, mark))

    def extra(self, step: StepSpec) -> int:
        """What a step takes besides the ordinary: long formulas, long lists, many sources."""
        known = self._extra.get(id(step))
        if known is None:
            known = self._extra[id(step)] = _written(step) // _ORDINARY
        return known

    def enter(self, mark: Mark) -> None:
        """Steps inside a container are planned; :meth:`leave` follows.

        Raises:
            Halt: it is too deep inside others.
        """
        self._depth += 1
        if self._depth > limits.NESTING:
            raise Halt(
                Problem(
                    "too-deep",
                    f"containers stand inside one another more than {limits.NESTING} levels deep",
                    mark,
                    help="put blocks one after the other rather than into one another",
                )
            )

    def leave(self) -> None:
        """The container is planned."""
        self._depth -= 1

    def require(self, rows: int, edges: int, call: Call) -> None:
        """Refuse a container that has grown too large by its last call.

        Raises:
            Halt: it has too many rows or edges, or the call's path is too long.
        """
        self.made += 1
        if rows > self.steps:
            message = f"this makes a network of more than {self.steps:,} steps"
            raise Halt(_too_many(message, call.mark))
        if edges > self.edges:
            message = f"the steps of this network read and give more than {self.edges:,} tensors"
            raise Halt(_too_many(message, call.mark, "a label of `each:` stands for every copy"))
        if call.reach > limits.PATH:
            raise Halt(
                Problem(
                    "text-too-long",
                    f"the path of a layer would have more than {limits.PATH:,} characters",
                    call.mark,
                    help="give the steps shorter names",
                )
            )

    def copies(self, step: StepSpec, count: int) -> None:
        """Refuse copies that cannot but be too many, before the first is planned.

        Raises:
            Halt: their steps are too many even where every formula says the least.
        """
        if count > 1 and count * self._least_of_step(step) > self.steps:
            mark = step.mark if step.repeat is None else step.repeat.mark
            message = f"this makes a network of more than {self.steps:,} steps"
            raise Halt(_too_many(message, mark))

    def _least_of_step(self, step: StepSpec, depth: int = 0) -> int:
        """Rows that one copy makes at least; 0 is always right, and ends the search."""
        if step.condition is not None or depth > limits.NESTING:
            return 0
        inside = 0
        if step.body is not None:
            inside = self._least_of(step.body.layers, depth + 1)
        elif step.op in self._spec.blocks:
            inside = self._least.get(step.op, -1)
            if inside < 0:
                self._least[step.op] = 0  # a block that uses itself is refused elsewhere
                layers = self._spec.blocks[step.op].layers
                inside = self._least[step.op] = self._least_of(layers, depth + 1)
        return inside + (step.op != "splice")

    def _least_of(self, layers: Layers, depth: int) -> int:
        total = 0
        for step in layers.steps:
            repeat = 1 if step.repeat is None else step.repeat.constant
            if type(repeat) is int and repeat > 0:
                total += repeat * self._least_of_step(step, depth)
        return total


def _too_many(message: str, mark: Mark, help: str = "") -> Problem:
    remedy = "copies inside copies multiply: check each `repeat:`"
    more = "; --max-steps allows more, for which memory and time are needed"
    return Problem("too-many-steps", message, mark, help=(help or remedy) + more)


def _written(step: StepSpec) -> int:
    """Characters of the formulas of a step, and five for each element and source."""
    exprs = [*step.args.positional, *step.args.keywords.values(), *filter(None, step.expect or ())]
    exprs += filter(None, (step.condition, step.repeat, step.pick))
    sources: list[Any] = []
    for each in filter(None, (step.merge, step.sources)):
        sources += (*each.positional, *each.keywords.values())
    total = 5 * len(step.labels)
    while sources:
        source = sources.pop()
        total += 5
        if isinstance(source, Group):
            sources += source.items
        elif isinstance(source, Expr):
            exprs.append(source)
    while exprs:
        value = getattr(exprs.pop(), "value", None)  # a trial of a spec may hold numbers
        total += 5
        if isinstance(value, Formula):
            total += len(value.text)
        elif isinstance(value, tuple):
            exprs += value
        elif isinstance(value, LayerExpr):
            exprs += (*value.args.positional, *value.args.keywords.values())
    if isinstance(step.name, Template):
        total += sum(
            len(part) if isinstance(part, str) else len(part.text) + 5 for part in step.name.parts
        )
    return total
