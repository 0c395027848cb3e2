"""Plan -> every call with what it reads, across containers and blocks. No torch here.

In a plan each container numbers its own values. Here a read names the call that gave the value,
however many containers lie between, so that other tools need not know what a container is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from lazyinspect.plan.plan import Plan
from lazyinspect.plan.tree import Call, Graph, Ref, Step
from lazyinspect.report import LayerRow


class Read(NamedTuple):
    """A value: of a call, or of an input of the network; then keys into a tuple or dict."""

    node: int | None
    """Index of the call among all nodes; None for an input."""
    input: str | None = None
    key: tuple[int | str, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """One call."""

    row: LayerRow
    reads: tuple[tuple[str, Any], ...]
    """What it is applied to: Reads, numbers, None, tuples of these; each with the keyword that it
    is passed by, or ``""``."""
    captured: tuple[Any, ...] = ()
    """Of a container: values of those around it that something inside reads."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A network as calls and edges."""

    nodes: tuple[Node, ...]
    """In the order of the plan's rows, which is that of execution, a container before what is in
    it; the first is the network."""
    output: Any
    """A Read, or a tuple or dict of such."""


def flow(plan: Plan) -> Flow:
    """The calls of a plan, and what each reads."""
    tracer = _Tracer(plan.rows)
    inputs = [Read(None, entry.name) for entry in plan.inputs]
    output = tracer.call(plan.call, plan.root, inputs, [("", read) for read in inputs])
    nodes = tuple(
        Node(row, reads, tracer.captured.get(k, ()))
        for k, (row, reads) in enumerate(zip(plan.rows, tracer.reads, strict=True))
    )
    return Flow(nodes, output[0])


class _Tracer:
    def __init__(self, rows: Sequence[LayerRow]) -> None:
        self.rows = rows
        self.reads: list[tuple[tuple[str, Any], ...]] = []
        self.captured: dict[int, tuple[Any, ...]] = {}

    def call(
        self, call: Call, node: object, values: Sequence[Any], reads: list[tuple[str, Any]]
    ) -> list[Any]:
        """Note a call and those inside it; its output, and of a graph what it exports."""
        index = len(self.reads)
        self.reads.append(tuple(reads))
        if not isinstance(node, Graph):
            return [Read(index)]
        slots: dict[int, Any] = dict(enumerate(values))
        for step, inner in zip(node.steps, call.calls, strict=True):
            self._step(step, inner, slots)
        return [_read(item, slots) for item in (node.output, *node.exports)]

    def _step(self, step: Step, call: Call, slots: dict[int, Any]) -> None:
        values = [_read(item, slots) for item in step.operands]
        reads = [("", value) for value in values]
        reads += [(name, _read(item, slots)) for name, item in step.keywords.items()]
        # of a `use:` the node is the one that is used
        if isinstance(call.node, Graph):
            captured = tuple(value for _, value in reads[len(call.node.inputs) :])
            if captured:
                self.captured[len(self.reads)] = captured
            reads = reads[: len(call.node.inputs)]
        output, *exports = self.call(call, call.node, values, reads)
        slots[step.slot] = output
        slots.update(zip(step.export_slots, exports, strict=True))


def _read(operand: Any, slots: dict[int, Any]) -> Any:
    if isinstance(operand, Ref):
        value = slots[operand.slot]
        for key in operand.path:
            whole = isinstance(value, Read)
            value = value._replace(key=(*value.key, key)) if whole else value[key]
        return value
    if isinstance(operand, tuple):
        return tuple(_read(item, slots) for item in operand)
    if isinstance(operand, dict):
        return {key: _read(item, slots) for key, item in operand.items()}
    return operand


def all_reads(value: Any) -> Iterator[Read]:
    """Every Read in a value, a tuple or a dict of such."""
    if isinstance(value, Read):
        yield value
    elif isinstance(value, (tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from all_reads(item)
