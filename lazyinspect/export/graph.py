"""Plan -> the graph that a picture shows: vertices, groups, edges with what flows. No torch here.

A vertex is a layer, a function, or a container that is not opened. A group is a container that
is, with what happens in it. Copies in a row are drawn once, with their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, TypeAlias

from lazyinspect.export.runs import read_counts, run_name, runs
from lazyinspect.export.vertices import described, flowing, kind_of, parameters, titled
from lazyinspect.plan.plan import Plan
from lazyinspect.plan.tree import Call, Graph, ParameterLeaf, Ref, Step

Kind: TypeAlias = Literal[
    "input", "output", "layer", "parameter", "function", "merge", "block", "container"
]


@dataclass(frozen=True, slots=True)
class Vertex:
    """One thing that values flow through."""

    id: int
    kind: Kind
    name: str
    """Of its step, below the group's; those of a run as ``0-2``."""
    what: str
    """``Conv2d``, ``Bottleneck``, ``add``; empty for inputs and outputs."""
    arguments: tuple[str, ...] = ()
    """As Python would write them in a call, defaults aside."""
    param_count: int = 0
    count: int = 1
    """How many in a row it stands for."""
    again: str = ""
    """Path, in its scope, of the module that is applied once more; empty for a first call."""

    @property
    def look(self) -> str:
        """Of the palette."""
        return "again" if self.again else self.kind

    @property
    def lines(self) -> tuple[str, ...]:
        """What is written on it."""
        found = list(titled(self.name, self.what, self.arguments, self.count))
        if self.again:
            found.append(f"use: {self.again}")
        if self.param_count:
            found.append(parameters(self.param_count))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Group:
    """A container, opened. Of a run of equal ones the first."""

    id: int
    name: str
    what: str
    members: tuple[Item, ...]
    param_count: int = 0
    """Of the whole run."""
    count: int = 1

    look = "group"

    @property
    def label(self) -> str:
        """What is written on it, in one line."""
        times = f" × {self.count}" if self.count > 1 else ""
        params = f", {parameters(self.param_count)}" if self.param_count else ""
        return f"{self.name}: {self.what}{times}{params}"


Item: TypeAlias = Vertex | Group


@dataclass(frozen=True, slots=True)
class Edge:
    """A value that flows from one vertex into another."""

    source: int
    target: int
    label: str
    """Shape, and dtype where it is not the network's; keyword; how often."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a picture shows."""

    title: str
    members: tuple[Item, ...]
    """In the order of execution, the inputs first and the outputs last."""
    edges: tuple[Edge, ...]


class _Val(NamedTuple):
    """A value at hand: the vertex that gives it, and its type."""

    vertex: int
    type: Any


def draw(plan: Plan, depth: int | None = None) -> Drawing:
    """The graph of a plan.

    Args:
        depth: how many levels of containers to draw, as of a report; None: containers that are
            no blocks are opened, a block is one vertex, and so are blocks of one name in a row.
    """
    drawer = _Drawer(plan, depth)
    members = drawer.network()
    edges = [
        Edge(source, target, f"{label} ({times} times)" if times > 1 else label)
        for (source, target, label), times in drawer.edges.items()
    ]
    return Drawing(_title(plan), tuple(members), tuple(edges))


def _title(plan: Plan) -> str:
    variant = f", variant {plan.variant}" if plan.variant else ""
    macs = "" if plan.totals.macs is None else f", {plan.totals.macs:,} MACs"
    return f"{plan.spec_info.name}{variant}: {plan.totals.param_count:,} parameters{macs}"


@dataclass(slots=True)
class _Drawer:
    plan: Plan
    depth: int | None
    edges: dict[tuple[int, int, str], int] = field(default_factory=dict)
    """With how often a vertex reads that value."""
    ids: int = 0

    def new_id(self) -> int:
        self.ids += 1
        return self.ids

    def network(self) -> list[Item]:
        plan, root = self.plan, self.plan.root
        inputs: list[Item] = []
        slots: dict[int, Any] = {}
        for slot, entry in enumerate(plan.inputs):
            vertex = Vertex(self.new_id(), "input", entry.name, "")
            inputs.append(vertex)
            slots[slot] = _Val(vertex.id, entry.type)
        if self.depth == 0:
            whole = self._vertex(plan.spec_info.name, plan.call, plan.totals.param_count, 1, ())
            self._connect(whole, list(slots.values()), {})
            members: list[Item] = [whole]
            output: Any = _Val(whole.id, plan.call.output)
        else:
            members = self.inside(root, plan.call.calls, 0, slots, 1)
            output = _read(root.output, slots)
        while len(members) == 1 and isinstance(members[0], Group) and members[0].count == 1:
            # a frame around everything says nothing
            members = [_named(item, members[0].name) for item in members[0].members]
        return [*inputs, *members, *self._outputs(output)]

    def _outputs(self, output: Any) -> Iterator[Vertex]:
        if isinstance(output, (tuple, dict)) and not isinstance(output, _Val):
            items = output.items() if isinstance(output, dict) else enumerate(output)
            named = [(f"output {key}", value) for key, value in items]
        else:
            named = [("output", output)]
        for name, value in named:
            vertex = Vertex(self.new_id(), "output", name, "")
            self._connect(vertex, [value], {})
            yield vertex

    def inside(
        self, graph: Graph, calls: Sequence[Call], row: int, slots: dict[int, Any], level: int
    ) -> list[Item]:
        """What happens in a container whose row is given. ``slots`` are filled in."""
        rows = []
        row += 1
        for call in calls:
            rows.append(row)
            row += call.size
        items: list[Item] = []
        for start, end in runs(graph, calls, overview=self.depth is None):
            step, call = graph.steps[start], calls[start]
            params = sum(self.plan.rows[at].param_count for at in rows[start:end])
            values = [_read(operand, slots) for operand in step.operands]
            named = {name: _read(operand, slots) for name, operand in step.keywords.items()}
            name = run_name(step.name, graph.steps[end - 1].name)
            if self._opens(graph, step, call, level):
                assert isinstance(call.node, Graph)
                within: dict[int, Any] = dict(enumerate(values))
                members = self.inside(call.node, call.calls, rows[start], within, level + 1)
                output, *exports = [
                    _read(item, within) for item in (call.node.output, *call.node.exports)
                ]
                if len(members) == 1 and end - start == 1 and not call.node.is_block:
                    items.append(_named(members[0], name))
                else:
                    what = call.node.declared
                    group = Group(self.new_id(), name, what, tuple(members), params, end - start)
                    items.append(group)
            else:
                vertex = self._vertex(name, call, params, end - start, values)
                items.append(vertex)
                self._connect(vertex, _operands(step, values), named)
                output = _Val(vertex.id, calls[end - 1].output)
                exports = _exported(step.node, call, values, vertex.id)
            slots[graph.steps[end - 1].slot] = output
            slots.update(zip(step.export_slots, exports, strict=True))
        return items

    def _vertex(
        self, name: str, call: Call, params: int, count: int, values: Sequence[Any]
    ) -> Vertex:
        numbers = [value for value in values if isinstance(value, (bool, int, float))]
        what, arguments = described(call, numbers)
        again = ".".join(call.target) if call.target is not None else ""
        return Vertex(
            self.new_id(), kind_of(call.node), name, what, arguments, params, count, again
        )

    def _connect(self, vertex: Vertex, values: Sequence[Any], named: Mapping[str, Any]) -> None:
        reads = [("", value) for value in values] + list(named.items())
        for keyword, value in reads:
            for found in _values(value):
                label = flowing(found.type, self.plan.dtype)
                label = f"{keyword}: {label}" if keyword else label
                key = (found.vertex, vertex.id, label)
                self.edges[key] = self.edges.get(key, 0) + 1

    def _opens(self, graph: Graph, step: Step, call: Call, level: int) -> bool:
        if not isinstance(step.node, Graph) or not call.calls:
            return False
        if self.depth is not None:
            return level < self.depth
        # a network that is one block would be one box
        return not step.node.is_block or (level == 1 and len(graph.steps) == 1)


def _operands(step: Step, values: Sequence[Any]) -> list[Any]:
    """What a vertex shows that it reads. A container that no scope bounds is given its first
    input whether it reads that or not, and what it captures beside it.
    """
    node = step.node
    if isinstance(node, ParameterLeaf):
        return []
    if not isinstance(node, Graph) or node.is_block:
        return list(values)
    used = read_counts(node)
    found: list[Any] = []
    for slot, value in enumerate(values):
        if slot in used and value not in found:
            found.append(value)
    return found


def _exported(node: object, call: Call, values: Sequence[Any], vertex: int) -> list[Any]:
    """What a container that is one vertex gives besides its output: values of the vertex, or
    what it was given itself.
    """
    if not isinstance(node, Graph) or not node.exports:
        return []
    slots: dict[int, Any] = dict(enumerate(values))
    for step, inner in zip(node.steps, call.calls, strict=True):
        within = [_read(operand, slots) for operand in step.operands]
        slots[step.slot] = _Val(vertex, inner.output)
        given = _exported(step.node, inner, within, vertex)
        slots.update(zip(step.export_slots, given, strict=True))
    return [_read(ref, slots) for ref in node.exports]


def _read(operand: Any, slots: Mapping[int, Any]) -> Any:
    if isinstance(operand, Ref):
        return _below(slots[operand.slot], operand)
    if isinstance(operand, tuple):
        return tuple(_read(item, slots) for item in operand)
    if isinstance(operand, dict):
        return {key: _read(item, slots) for key, item in operand.items()}
    return operand


def _below(value: Any, ref: Ref) -> Any:
    for key in ref.path:
        value = _Val(value.vertex, value.type[key]) if isinstance(value, _Val) else value[key]
    return value


def _values(value: Any) -> Iterator[_Val]:
    if isinstance(value, _Val):
        yield value
    elif isinstance(value, (tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _values(item)


def _named(item: Item, prefix: str) -> Item:
    return replace(item, name=f"{prefix}.{item.name}")
