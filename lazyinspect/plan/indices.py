"""A planned network -> indices that its tables do not hold. No torch here.

What flows into an embedding is followed from where its values are known: an input whose integers
are drawn below its ``high``, and ``positions``. Where a value is computed, nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lazyinspect.errors import Mark, Problem, Span
from lazyinspect.plan.tree import Call, Function, Graph, InputType, Leaf, Ref, Step
from lazyinspect.spec.model import Spec

TABLES = {"Embedding": "num_embeddings", "EmbeddingBag": "num_embeddings", "one_hot": "num_classes"}
"""Ops that take indices, and the argument that says below what."""
_KEEP = frozenset(
    "flatten unflatten reshape view permute transpose movedim squeeze unsqueeze expand repeat tile "
    "flip roll Flatten Unflatten Identity".split()
)
"""Ops whose output holds the values of their first input, and no others."""
_PICK = frozenset("select narrow chunk split unbind amax amin".split())
"""Ops whose output holds some of them: of random ones any, of positions perhaps not the last."""
_JOIN = frozenset(("cat", "stack"))


@dataclass(frozen=True, slots=True)
class Bound:
    """The values of an integer tensor reach up to ``below - 1``."""

    below: int
    what: str
    """`ids`, or the positions of the step that counts them."""
    mark: Mark | None
    """Of ``high``, or of the step."""
    drawn: bool


def index_problems(spec: Spec, call: Call, inputs: tuple[InputType, ...]) -> list[Problem]:
    """Every table that is smaller than the indices that are certain to reach it.

    Args:
        call: of the whole network.
        inputs: of the network, in order.
    """
    marks = {entry.name: entry.high.mark for entry in spec.inputs if entry.high is not None}
    bounds = [
        None
        if entry.high is None
        else Bound(entry.high, f"`{entry.name}`", marks.get(entry.name), True)
        for entry in inputs
    ]
    follower = _Follower()
    follower.graph(call, bounds)
    return follower.problems


class _Follower:
    """Follows bounds through graphs; a block that is used again with equal ones, once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._known: dict[Any, tuple[Any, list[Any]]] = {}

    def graph(self, call: Call, bounds: list[Any]) -> tuple[Any, list[Any]]:
        """Bounds of the output and of the exports."""
        graph = call.node
        assert isinstance(graph, Graph)
        key = (graph, id(call.calls), tuple(bounds))
        if key in self._known:
            return self._known[key]
        before = len(self.problems)
        slots: dict[int, Any] = dict(enumerate(bounds))
        for step, inner in zip(graph.steps, call.calls, strict=True):
            values = [_read(operand, slots) for operand in step.operands]
            if isinstance(inner.node, Graph):
                output, exports = self.graph(inner, values)
                slots.update(zip(step.export_slots, exports, strict=False))
            else:
                named = {name: _read(item, slots) for name, item in step.keywords.items()}
                output = self._leaf(step, inner, values, named)
            slots[step.slot] = output
        if graph.is_block and call.name:
            self.problems[before:] = [each.inside(call.mark) for each in self.problems[before:]]
        found = _read(graph.output, slots), [_read(ref, slots) for ref in graph.exports]
        self._known[key] = found
        return found

    def _leaf(self, step: Step, call: Call, values: list[Any], named: Mapping[str, Any]) -> Any:
        node = call.node
        if not isinstance(node, (Leaf, Function)) or node.op is None:
            return None
        name = node.op.name
        first = values[0] if values else next(iter(named.values()), None)
        if name in TABLES and isinstance(first, Bound):
            size = node.args.get(TABLES[name])
            if type(size) is int and 0 < size < first.below:
                self.problems.append(_problem(name, size, first, call))
            return None
        if name == "positions":
            count = call.output.numel
            return Bound(count, f"the positions of `{step.name}`", call.mark, False)
        if name in _KEEP or (name in _PICK and isinstance(first, Bound) and first.drawn):
            return first
        if name in _JOIN and not named:
            joined = list(_flat(values))
            if joined and all(isinstance(value, Bound) for value in joined):
                return max(joined, key=lambda bound: bound.below)
        return None


def _problem(name: str, size: int, bound: Bound, call: Call) -> Problem:
    reach = "are drawn below" if bound.drawn else "go up to"
    last = bound.below if bound.drawn else bound.below - 1
    argument = TABLES[name]
    problem = Problem(
        "index-out-of-range",
        f"{name} takes indices below {size:,}, and {bound.what} {reach} {last:,}",
        call.mark,
        found=f"{argument} is {size:,}",
        help=f"write `high: {size}` for the input, or make {argument} {bound.below}"
        if bound.drawn
        else f"give an input of at most {size:,} positions, or make {argument} {bound.below}",
    )
    if bound.mark is None or bound.mark == call.mark:
        return problem
    text = f"drawn below {last:,}" if bound.drawn else f"counts up to {last:,}"
    return replace(problem, spans=(Span(bound.mark, text),))


def _flat(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, tuple):
            yield from _flat(list(value))
        else:
            yield value


def _read(operand: Any, slots: Mapping[int, Any]) -> Any:
    """The bound of an operand: every element of a tuple has its tuple's, or one of its own."""
    if isinstance(operand, Ref):
        value = slots.get(operand.slot)
        for key in operand.path:
            if isinstance(value, dict):
                value = value.get(key)
            elif isinstance(value, tuple):
                value = value[int(key)]
        return value
    if isinstance(operand, tuple):
        return tuple(_read(item, slots) for item in operand)
    if isinstance(operand, dict):
        return tuple(_read(item, slots) for item in operand.values())
    return None
