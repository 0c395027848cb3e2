"""A planned scope -> its frames, in which every value has one identity. No torch here.

A scope is the network or a block, with the containers inside it that see its labels. What a
container reads from outside (a capture) and what is read from inside it (an export) are numbered
anew in each graph of the plan; here both are the one value that a step gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from lazyinspect.plan.tree import Call, Graph, Ref, Use
from lazyinspect.spec import names

MERGES = frozenset(names.MERGES)


class Value(NamedTuple):
    """What a step gives, or an input of a frame; then keys into a tuple or dict."""

    frame: Frame
    slot: int
    path: tuple[int | str, ...] = ()


class Frame:
    """One container of a scope: the scope's own graph, a Sequential, the branches of a merge."""

    def __init__(self, graph: Graph, calls: tuple[Call, ...], parent: Frame | None = None,
                 at: int = 0) -> None:  # fmt: skip
        self.graph = graph
        self.calls = calls
        self.parent = parent
        self.at = at
        """Place of its step in the parent."""
        self.closed = parent is None
        """It is written as a scope of its own: the scope's root, or a Sequential that is used
        again and reads its own input late."""
        self.children: dict[int, Frame] = {}
        self.step_of: dict[int, int] = {}
        """Slot of an output -> place of the step that gives it."""
        self._exports: dict[int, tuple[Frame, int]] = {}
        for place, (step, call) in enumerate(zip(graph.steps, calls, strict=True)):
            self.step_of[step.slot] = place
            if isinstance(step.node, Graph) and not step.node.is_block:
                child = self.children[place] = Frame(step.node, call.calls, self, place)
                for index, slot in enumerate(step.export_slots):
                    self._exports[slot] = (child, index)

    def value(self, ref: Ref) -> Value:
        """The one identity of what a reference of this frame's graph means."""
        slot, path = ref.slot, ref.path
        own = len(self.graph.inputs)
        if own <= slot < own + self.graph.captures:
            return _below(self.operand(slot), path)
        exported = self._exports.get(slot)
        if exported is not None:
            child, index = exported
            return _below(child.value(child.graph.exports[index]), path)
        return Value(self, slot, path)

    def operand(self, slot: int) -> Value:
        """What the enclosing frame puts into this frame's slot."""
        assert self.parent is not None
        return self.parent.value(self.parent.graph.steps[self.at].operands[slot])

    def is_input(self, value: Value) -> bool:
        """Whether a value is what flows into this frame, rather than what a step gives."""
        return value.frame is self and value.slot < len(self.graph.inputs)

    def is_inside(self, other: Frame) -> bool:
        """Whether this frame stands in another, at whatever depth."""
        around = self.parent
        while around is not None and around is not other:
            around = around.parent
        return around is not None

    @property
    def scope(self) -> Frame:
        """The frame whose labels are visible here."""
        frame = self
        while not frame.closed:
            assert frame.parent is not None
            frame = frame.parent
        return frame

    def outward(self) -> Iterator[Frame]:
        """This frame and those around it, up to the scope's own."""
        frame = self
        while True:
            yield frame
            if frame.closed:
                return
            assert frame.parent is not None
            frame = frame.parent

    @property
    def may_close(self) -> bool:
        """Whether it is a Sequential that exchanges no values with what is around it."""
        if self.parent is None or self.graph.captures or self.graph.exports:
            return False
        return MERGES.isdisjoint((self.graph.declared, self.parent.graph.declared))

    def all(self) -> Iterator[Frame]:
        """This frame and those inside it, in the order of the steps."""
        yield self
        for child in self.children.values():
            yield from child.all()

    def module(self, use: Use) -> tuple[Frame, int]:
        """Frame and place of the step whose module a `use:` applies."""
        frame = self
        while frame.parent is not None:
            frame = frame.parent
        for name in use.target[:-1]:
            frame = frame.children[frame.place(name)]
        return frame, frame.place(use.target[-1])

    def place(self, name: str) -> int:
        """Of the step called ``name``."""
        return next(k for k, step in enumerate(self.graph.steps) if step.name == name)

    def reads(self) -> Iterator[Value]:
        """Every value that a step or the output of this frame reads, captures aside."""
        for step in self.graph.steps:
            operands = step.operands
            if isinstance(step.node, Graph):
                operands = operands[: len(step.node.inputs)]
            for ref in refs((operands, tuple(step.keywords.values()))):
                yield self.value(ref)
        for ref in refs(self.graph.output):
            yield self.value(ref)


def _below(value: Value, path: tuple[int | str, ...]) -> Value:
    return Value(value.frame, value.slot, (*value.path, *path))


def refs(operand: Any) -> Iterator[Ref]:
    """Every reference in an operand, a tuple or a dict of such."""
    if isinstance(operand, Ref):
        yield operand
    elif isinstance(operand, (tuple, dict)):
        for item in operand.values() if isinstance(operand, dict) else operand:
            yield from refs(item)
