"""A class of the exported module -> the statements of its forward, in the order of the plan.

Containers that are no modules to call are written out: what they read and give is seen through.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from lazyinspect.export.classes import Scope, Types, operand_type, types_of
from lazyinspect.export.constructor import Constructor, is_identifier
from lazyinspect.export.decisions import Authored
from lazyinspect.export.frames import Frame, Value, refs
from lazyinspect.plan.tree import Function, Graph, ParameterLeaf, Ref, Step, Use


@dataclass(slots=True, eq=False)
class Statement:
    """One line of the forward in the making."""

    step: Step
    value: Value
    """What it gives, the whole of it."""
    operands: tuple[Any, ...]
    """Values, numbers, and tuples of such, for its function or module."""
    keywords: dict[str, Any]
    callee: str | None
    """The module; None for a function."""
    function: Function | None = None
    types: tuple[Any, ...] = ()
    loop: str = ""
    """Of copies in a row: the container to run through."""
    base: str = ""
    """What its value would be called."""
    labels: tuple[str, ...] = ()
    """What the author calls its elements."""
    output: Any = None
    """Its type."""
    reads: list[Value] = field(default_factory=list)


class Statements:
    """What the forward of a scope does.

    Args:
        constructor: knows how the modules are reached.
        authored: the author's steps, for the labels of values.
    """

    def __init__(self, scope: Scope, constructor: Constructor, authored: Authored) -> None:
        self.constructor = constructor
        self.authored = authored
        self.root = scope.frame
        self.aliases: dict[Value, Value] = {}
        self.origins: dict[Frame, Frame] = {}
        """Of a container that is applied again, whose modules its copy calls."""
        self.types: Types = types_of(self.root, scope.types)
        self.all: list[Statement] = []
        self._collect(self.root)
        self.output = self._operand(self.root, self.root.graph.output)

    def _collect(self, frame: Frame) -> None:
        """Statements of a frame, those of containers that are no modules to call in their place."""
        for place, step in enumerate(frame.graph.steps):
            node = step.node
            value = Value(frame, step.slot)
            inside = self._written_out(frame, place)
            if inside is not None:
                self._inline(frame, place, value, inside)
            elif isinstance(node, ParameterLeaf):
                continue  # read where it is used
            else:
                self.all.append(self._made(frame, place, step, value))

    def _written_out(self, frame: Frame, place: int) -> Frame | None:
        """The container that a step runs, where that is no module to call."""
        node = frame.graph.steps[place].node
        child = frame.children.get(place)
        if child is not None:
            return None if self._is_called(child) else child
        if not isinstance(node, Use):
            return None
        owner, at = frame.module(node)
        used = owner.children.get(at)
        if used is None or self._is_called(used):
            return None
        again = Frame(used.graph, frame.calls[place].calls, frame, place)
        pairs = zip(again.all(), used.all(), strict=True)
        self.origins.update({copy: self._own(made) for copy, made in pairs})
        return again

    def _own(self, frame: Frame) -> Frame:
        """The frame whose modules these are: that of a `use:` is the first."""
        return self.origins.get(frame, frame)

    def _is_called(self, frame: Frame) -> bool:
        return self.constructor.is_called(self._own(frame))

    def access(self, frame: Frame, name: str) -> str:
        return self.constructor.access(self._own(frame), name)

    def _inline(self, frame: Frame, place: int, value: Value, child: Frame) -> None:
        types_of(child, (), self.types)
        operands = frame.graph.steps[place].operands
        for slot in range(len(child.graph.inputs)):
            self.aliases[Value(child, slot)] = self._value(frame.value(operands[slot]))
        if not self._loop(frame, child):
            self._collect(child)
        output = self.aliases[value] = self._value(child.value(child.graph.output))
        name = frame.graph.steps[place].name
        if is_identifier(name) and not output.path:
            # what its last statement gives is what the container gives
            for statement in self.all:
                if statement.value == output and statement.value.frame is not self.root:
                    statement.base = name

    def _value(self, value: Value) -> Value:
        """What a value is, containers that are written out seen through."""
        whole = Value(value.frame, value.slot)
        found = self.aliases.get(whole)
        if found is None:
            return value
        return found._replace(path=(*found.path, *value.path))

    def _operand(self, frame: Frame, operand: Any) -> Any:
        if isinstance(operand, Ref):
            return self._value(frame.value(operand))
        if isinstance(operand, tuple):
            return tuple(self._operand(frame, item) for item in operand)
        if isinstance(operand, dict):
            return {key: self._operand(frame, item) for key, item in operand.items()}
        return operand

    def _made(self, frame: Frame, place: int, step: Step, value: Value) -> Statement:
        node = step.node
        operands = step.operands
        keywords = dict(step.keywords)
        function = node if isinstance(node, Function) else None
        callee: str | None = None
        if function is not None and keywords:
            given = function.op.inputs.bind(operands, keywords)
            names = [p for p in function.op.inputs.parameters if p.name not in function.args]
            operands = tuple(given.get(p.name, p.default) for p in names)
            keywords = {}
        elif isinstance(node, Use):
            owner, at = frame.module(node)
            callee = self.access(owner, owner.graph.steps[at].name)
        elif function is None:
            callee = self.access(frame, step.name)
        if isinstance(node, Graph):
            operands = operands[: len(node.inputs)]
        author = self.authored.get((frame.calls[place].mark.line, frame.calls[place].mark.column))
        labels = tuple(name for name, _ in author.labels) if author is not None else ()
        own = [] if author is None or author.unpack or len(labels) != 1 else [labels[0]]
        statement = Statement(
            step,
            value,
            tuple(self._operand(frame, operand) for operand in operands),
            {key: self._operand(frame, operand) for key, operand in keywords.items()},
            callee,
            function,
            tuple(operand_type(operand, frame, self.types) for operand in operands),
            base=step.name if is_identifier(step.name) else [*own, ""][0],
            labels=labels if author is not None and author.unpack else (),
            output=frame.calls[place].output,
        )
        statement.reads = list(values((statement.operands, statement.keywords)))
        return statement

    def _loop(self, frame: Frame, child: Frame) -> bool:
        """Write copies in a row as a loop; whether they are such."""
        steps = child.graph.steps
        holder = self.constructor.holders[self._own(child)]
        if len(steps) < 2 or holder.kind != "list" or len(holder.children) != len(steps):
            return False
        if child.graph.exports or child.graph.output != Ref(steps[-1].slot):
            return False
        first = steps[0]
        if not first.operands or first.keywords or not isinstance(first.operands[0], Ref):
            return False
        others = first.operands[1:]
        inside = {step.slot for step in steps}
        if any(ref.slot in inside for ref in refs(others)):
            return False
        for before, step in pairwise(steps):
            if isinstance(step.node, Use) or step.keywords:
                return False
            if step.operands != (Ref(before.slot), *others):
                return False
        if isinstance(first.node, Use) or any(
            place in child.children for place in range(len(steps))
        ):
            return False
        made = self._made(child, 0, first, Value(child, steps[-1].slot))
        own = self._own(child)
        assert own.parent is not None
        made.loop = self.constructor.access(own.parent, own.parent.graph.steps[own.at].name)
        name = frame.graph.steps[child.at].name
        made.base = name if is_identifier(name) else ""
        made.output = child.calls[-1].output
        self.all.append(made)
        return True


def values(operand: Any) -> Iterator[Value]:
    """Every value in an operand, a tuple or a dict of such."""
    if isinstance(operand, Value):
        yield operand
    elif isinstance(operand, (tuple, dict)):
        for item in operand.values() if isinstance(operand, dict) else operand:
            yield from values(item)
