"""A scope's frames -> the steps to write, every source by a name that means it. No torch here.

It walks the steps as the planner will when it reads the outcome, with the same rules for what a
name means where. A value that no name reaches there gets a label.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lazyinspect.errors import Mark, Problem, SpecError
from lazyinspect.export.decisions import (
    Authored,
    Decision,
    Decisions,
    holds_copies,
    is_named,
)
from lazyinspect.export.frames import Frame, Value
from lazyinspect.plan.tree import Call, Graph, ParameterLeaf, Ref, Step, Use
from lazyinspect.shapes import TensorType
from lazyinspect.spec.model import StepSpec
from lazyinspect.spec.names import MERGES


class Name(str):
    """A label where a source stands, told from other texts."""

    __slots__ = ()


@dataclass(slots=True, eq=False)
class Written:
    """One step as it will be written."""

    step: Step
    call: Call
    author: StepSpec | None
    """The author's step; None where this is a further copy of it."""
    sources: list[Any] | dict[str, Any] | None = None
    """Names, numbers, and lists for tuples; in a merge, Bodies for branches. None: `prev`."""
    labels: tuple[str, ...] = ()
    unpack: bool = False
    pick: int | str | None = None
    expect: tuple[int | None, ...] | None = None
    body: Body | None = None
    """Of a container that sees the labels around it."""
    used: str | None = None
    """Of `use:`, the label."""


@dataclass(slots=True, eq=False)
class Body:
    """Steps, and how the scope ends."""

    steps: list[Written]
    named: bool
    output: Any = None
    """Of a scope: a Name, a list or a dict of them; None where the last step's output is meant."""
    is_graph: bool = False
    """It is a scope of its own, though the author wrote a Sequential."""


def name_scope(graph: Graph, calls: tuple[Call, ...], authored: Authored) -> Body:
    """The steps of a block or of the network.

    Raises:
        SpecError: the language has no words for something in it.
    """
    root = Frame(graph, calls)
    while True:
        try:
            naming = _Naming(root, authored)
            naming.walk(root, graph.inputs)
            naming.complete = True
            return naming.walk(root, graph.inputs)
        except _Closed:
            continue


class _Closed(Exception):
    """A Sequential turned out to need a scope of its own: once more from the start."""


@dataclass(slots=True, eq=False)
class _Names:
    """What the names of one frame, or the labels of one scope, mean so far."""

    means: dict[str, Value] = field(default_factory=dict)
    of: dict[Value, list[str]] = field(default_factory=dict)

    def set(self, name: str, value: Value) -> None:
        self.means[name] = value
        self.of.setdefault(value, []).append(name)


class _Naming:
    def __init__(self, root: Frame, authored: Authored) -> None:
        self.complete = False
        """Whether every label is known, so that this walk is the one to write."""
        self.decisions = Decisions(root, authored)
        self.crossed = self.decisions.crossed()
        self.keys: dict[Frame, _Names] = {}
        self.labels: dict[Frame, _Names] = {}
        self.prev: dict[Frame, Value | None] = {}

    # -- the walk -------------------------------------------------------------------------

    def walk(self, frame: Frame, inputs: Iterable[str] = ()) -> Body:
        """Name everything in a frame, in the order in which the planner will read it."""
        keys = self.keys[frame] = _Names()
        if frame.closed:
            self.labels[frame] = _Names()
            for slot, name in enumerate(inputs):
                keys.set(name, Value(frame, slot))
        self.prev.setdefault(frame, Value(frame, 0) if frame.graph.inputs else None)
        if frame.closed:
            self.prev[frame] = Value(frame, 0)
        named = is_named(frame) or frame in self.decisions.numbered
        steps = []
        for place, step in enumerate(frame.graph.steps):
            written = self._step(frame, place, step)
            steps.append(written)
            plan = self.decisions.of[frame, place]
            out = Value(frame, step.slot, plan.pick)
            if named:
                keys.set(step.name, out)
            self._set_labels(frame, plan, out)
            written.labels, written.unpack = plan.labels, plan.unpack
            self.prev[frame] = None if plan.unpack else out
        body = Body(steps, named)
        if frame.closed:
            body.output = self._output(frame)
        return body

    def _set_labels(self, frame: Frame, plan: Decision, out: Value) -> None:
        labels = self.labels[frame.scope]
        for index, label in enumerate(plan.labels):
            labels.set(label, out._replace(path=(*out.path, index)) if plan.unpack else out)

    def _step(self, frame: Frame, place: int, step: Step) -> Written:
        plan = self.decisions.of[frame, place]
        call = frame.calls[place]
        written = Written(step, call, plan.author)
        written.pick = plan.pick[0] if plan.pick else None
        written.expect = self._expected(frame, place, plan)
        node = step.node
        if isinstance(node, Use):
            written.used = self._module(frame, node)
        if place in frame.children:
            self._container(frame, place, written)
        elif not isinstance(node, ParameterLeaf):
            written.sources = self._sources(frame, step)
        return written

    def _container(self, frame: Frame, place: int, written: Written) -> None:
        child = frame.children[place]
        graph = child.graph
        if graph.declared in MERGES:
            written.sources = self._branches(frame, child)
            return
        self.prev.pop(child, None)
        readable = self.prev[frame]
        if not graph.inputs:
            written.sources = None if readable is None else []
        else:
            source = child.operand(0)
            written.sources = None if source == readable else [self.name(source, frame)]
        written.body = self.walk(child, ("input",) if child.closed else ())
        written.body.is_graph = child.closed

    def _branches(self, frame: Frame, merge: Frame) -> list[Any]:
        """Sources of a merge, branches among them, as the frame around it names them."""
        *_, last = merge.graph.steps
        self.keys[merge] = _Names()
        sources: list[Any] = []
        for index, operand in enumerate(last.operands):
            place = _branch(merge, operand, str(index))
            if place is None:
                sources.append(self._source(merge, operand, frame))
                continue
            child = merge.children[place]
            # a branch starts from what is `prev` around the merge; where that is another value
            # than the plan's, its steps name the plan's
            same = child.graph.inputs and self._around(Value(child, 0), frame) == self.prev[frame]
            self.prev[child] = Value(child, 0) if same else None
            sources.append(self.walk(child))
        return sources

    def _around(self, value: Value, frame: Frame) -> Value:
        """What flows into containers inside ``frame``, as a value of it."""
        while value.frame.is_input(value) and value.frame.is_inside(frame):
            outer = value.frame.operand(value.slot)
            value = outer._replace(path=(*outer.path, *value.path))
        return value

    def _sources(self, frame: Frame, step: Step) -> list[Any] | dict[str, Any] | None:
        if step.keywords:
            return {key: self._source(frame, item, frame) for key, item in step.keywords.items()}
        operands = step.operands
        alone = operands[0] if len(operands) == 1 else None
        if isinstance(alone, Ref) and frame.value(alone) == self.prev[frame]:
            return None
        return [self._source(frame, operand, frame) for operand in operands]

    def _source(self, owner: Frame, operand: Any, frame: Frame) -> Any:
        if isinstance(operand, Ref):
            return self.name(self._around(owner.value(operand), frame), frame)
        if isinstance(operand, tuple):
            return [self._source(owner, item, frame) for item in operand]
        return operand

    def _output(self, frame: Frame) -> Any:
        """What `output:` says, or None."""
        output = frame.graph.output
        if isinstance(output, Ref):
            value = frame.value(output)
            return None if value == self.prev[frame] else self.name(value, frame)
        items = output.values() if isinstance(output, dict) else output
        if not all(isinstance(item, Ref) for item in items):
            raise SpecError(
                Problem(
                    "cannot-export",
                    "an output that holds the list of an `each:` as one of several values has no "
                    "explicit form",
                    frame.graph.mark,
                    help="name the copies in `output:` one by one",
                )
            )
        if isinstance(output, dict):
            return {key: self.name(frame.value(ref), frame) for key, ref in output.items()}
        return [self.name(frame.value(ref), frame) for ref in output]

    def _expected(self, frame: Frame, place: int, plan: Decision) -> tuple[int | None, ...] | None:
        author = self.decisions.author(frame.calls[place].mark)
        if author is None or author.expect is None:
            return None
        if holds_copies(author, self.decisions.is_copy(frame, author)):
            return None
        kind = self.decisions.type(frame, place, plan.pick)
        assert isinstance(kind, TensorType)  # or it would be unmet
        return tuple(
            None if entry is None else size
            for entry, size in zip(author.expect, kind.shape, strict=True)
        )

    # -- names ----------------------------------------------------------------------------

    def name(self, value: Value, frame: Frame) -> Name:
        """What ``frame`` calls a value at this point of the walk."""
        found = self._known(value, frame)
        if found is None and value == self.prev[frame]:
            found = "prev"
        if found is None and value == Value(frame.scope, 0):
            found = "input"
        if found is not None:
            return Name(found)
        owner = value.frame
        if owner.is_input(value):
            if owner.closed:
                raise self._wordless(owner.graph.mark)
            # what flows into a Sequential has a name in a scope of its own, or around it
            if owner.may_close and owner not in self.crossed:
                owner.closed = True
                raise _Closed
            outer = owner.operand(value.slot)
            return self.name(outer._replace(path=(*outer.path, *value.path)), frame)
        place = owner.step_of[value.slot]
        plan = self.decisions.of[owner, place]
        if plan.unpack or value.path != plan.pick or self.complete:
            raise self._wordless(owner.calls[place].mark)
        plan.labels = (self.decisions.free(plan.base),)
        self._set_labels(owner, plan, Value(owner, value.slot, plan.pick))
        return Name(plan.labels[0])

    def _known(self, value: Value, frame: Frame) -> str | None:
        for around in frame.outward():
            for name in self.keys[around].of.get(value, ()):
                if self._lookup(name, frame) == value:
                    return name
        for name in self.labels[frame.scope].of.get(value, ()):
            if self._lookup(name, frame) == value:
                return name
        return None

    def _lookup(self, name: str, frame: Frame) -> Value | None:
        """As the planner does: keys from the inside out, then labels."""
        for around in frame.outward():
            found = self.keys[around].means.get(name)
            if found is not None:
                return found
        return self.labels[frame.scope].means.get(name)

    def _module(self, frame: Frame, use: Use) -> str:
        """A label of a module's output, which is what `use:` names."""
        owner, place = frame.module(use)
        plan = self.decisions.of[owner, place]
        out = Value(owner, owner.graph.steps[place].slot, plan.pick)
        found = self._known(out, frame)
        if found is None and plan.unpack:
            found = plan.labels[0]
        return found or self.name_of_module(out, frame)

    def name_of_module(self, out: Value, frame: Frame) -> str:
        """As :meth:`name`, but never `prev`: that is no name of a module."""
        before, self.prev[frame] = self.prev[frame], None
        try:
            return self.name(out, frame)
        finally:
            self.prev[frame] = before

    def _wordless(self, mark: Mark) -> SpecError:
        return SpecError(
            Problem(
                "cannot-export",
                "a value of this step is read where no name can reach it",
                mark,
                help="give the step a label with `as:` that nothing else is called",
            )
        )


def _branch(merge: Frame, operand: Any, name: str) -> int | None:
    """Place of the branch that an operand of a merge is the output of."""
    if isinstance(operand, Ref):
        for place, step in enumerate(merge.graph.steps[:-1]):
            if step.slot == operand.slot and step.name == name:
                return place
    return None
