"""How much of a network is planned, against what may be. Raises Halt where planning must end.

The limits hold while a plan grows, not when it is done: what would fill the memory never starts.
"""

from __future__ import annotations

from lazyinspect import limits
from lazyinspect.errors import Mark, Problem
from lazyinspect.plan.tree import Call
from lazyinspect.spec.model import Layers, Spec, StepSpec


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
        self._depth = 0
        self._spec = spec
        self._least: dict[str, int] = {}

    def look(self, mark: Mark) -> None:
        """One more step is looked at.

        Raises:
            Halt: they are too many.
        """
        self.looked += 1
        if self.looked > self.steps:
            message = f"planning this network looks at more than {self.steps:,} steps"
            raise Halt(_too_many(message, mark))

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
