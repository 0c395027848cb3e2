"""A planned module applied to other inputs: what `use:` needs. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lazyinspect.errors import ArgumentError, Mark, OpError, Problem, SpecError
from lazyinspect.plan.arguments import plan_key
from lazyinspect.plan.frame import Frame
from lazyinspect.plan.ops.merges import cat_broadcast
from lazyinspect.plan.resolve import Resolver
from lazyinspect.plan.sources import graph_tensors, named_tensors
from lazyinspect.plan.tree import Call, Function, Graph, Leaf, ParameterLeaf, Ref, Step, Use
from lazyinspect.shapes import TensorType, Value


@dataclass(frozen=True, slots=True)
class _Root:
    """Where the targets of `use:` are counted from."""

    graph: Graph
    path: tuple[str, ...]
    """Of ``graph`` in its block."""
    mark: Mark

    def find(self, target: tuple[str, ...]) -> Any:
        node: Any = self.graph
        if target[: len(self.path)] == self.path:
            for name in target[len(self.path) :]:
                node = next(step.node for step in node.steps if step.name == name)
            return node
        raise SpecError(
            Problem(
                "open-module",
                "`use:` applies a module again, and this one itself uses a module outside it",
                self.mark,
                help="make it a block, with all it uses inside",
            )
        )


class Retracer:
    """Follows a finished graph with other input types."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self._followed: dict[Any, tuple[Value, tuple[Call, ...], list[Value]]] = {}
        """By graph and input types: a module that is used again and again is followed once."""

    @staticmethod
    def usable(call: Call) -> bool:
        """Whether a call's node is a module that can be applied again."""
        return isinstance(call.node, (Leaf, Graph, Frame))

    @staticmethod
    def closed(call: Call, mark: Mark) -> Graph:
        """The graph of a container that reads no label outside, and whose own are not read there.

        Raises:
            SpecError: it does, or they are.
        """
        graph = call.node.freeze() if isinstance(call.node, Frame) else call.node
        assert isinstance(graph, Graph)
        if graph.captures or graph.exports:
            raise SpecError(
                Problem(
                    "open-module",
                    "`use:` applies a module again, and this one exchanges labels with the steps "
                    "around it",
                    mark,
                    help="make it a block, with inputs of its own",
                )
            )
        return graph

    def again(
        self,
        call: Call,
        path: tuple[str, ...],
        values: list[Value],
        named: Mapping[str, Value],
        mark: Mark,
    ) -> tuple[Value, int | None, tuple[Call, ...]]:
        """Output, own MACs and inner calls of another application.

        Args:
            path: where the module stands in its block.

        Raises:
            OpError: the module does not fit the inputs.
            SpecError: it reads values from outside itself.
        """
        node = call.node
        if isinstance(node, Leaf):
            applied = self.resolver.again(node, values, named)
            return applied.output, applied.macs, ()
        graph = self.closed(call, mark)
        if named or len(values) != len(graph.inputs):
            raise ArgumentError(
                f"applies a module of {len(graph.inputs)} sources, and gets "
                f"{len(values) + len(named)}",
                help=f"give it {len(graph.inputs)} with `from:`",
            )
        root = _Root(graph, () if graph.is_block else path, mark)
        output, calls, _ = self._graph(graph, values, root)
        return output, 0, calls

    def _step(self, step: Step, slots: dict[int, Value], root: _Root) -> Call:
        node = step.node
        values = [_read(item, slots) for item in step.operands]
        named = {key: _read(item, slots) for key, item in step.keywords.items()}
        target: tuple[str, ...] | None = None
        if isinstance(node, Use):
            target = node.target
            node = root.find(node.target)
        inner: tuple[Call, ...] = ()
        macs: int | None = 0
        if isinstance(node, ParameterLeaf):
            output: Value = TensorType(node.shape, self.resolver.dtype)
        elif isinstance(node, Graph):
            below = _Root(node, (), root.mark) if node.is_block else root
            output, inner, exports = self._graph(node, values, below)
            for slot, value in zip(step.export_slots, exports, strict=True):
                slots[slot] = value
        else:
            assert isinstance(node, (Leaf, Function))
            expanded = list(values)
            if isinstance(node, Function) and node.expand_batch:
                expanded = _expanded(node, values)
            try:
                applied = self.resolver.again(node, expanded, named)
            except OpError as error:
                name = node.op.name if node.op is not None else step.name
                raise type(error)(f"at {step.name}: {name} {error.message}") from None
            output, macs = applied.output, applied.macs
        slots[step.slot] = output
        if isinstance(node, Graph):
            inputs = graph_tensors(node.inputs, values)
        else:
            inputs = named_tensors(values, named)
        return Call(step.name, node, inputs, output, macs, node.mark, inner, target)

    def _graph(
        self, graph: Graph, values: list[Value], root: _Root
    ) -> tuple[Value, tuple[Call, ...], list[Value]]:
        key = (graph, root.graph, plan_key(tuple(values)))
        found = self._followed.get(key)
        if found is None:
            slots: dict[int, Value] = dict(enumerate(values))
            calls = tuple([self._step(step, slots, root) for step in graph.steps])
            exports = [_read(ref, slots) for ref in graph.exports]
            found = self._followed[key] = _read(graph.output, slots), calls, exports
        return found


def _read(operand: Any, slots: Mapping[int, Value]) -> Value:
    if isinstance(operand, Ref):
        value = slots[operand.slot]
        for key in operand.path:
            value = value[key]
        return value
    if isinstance(operand, tuple):
        return tuple(_read(item, slots) for item in operand)
    if isinstance(operand, dict):
        return {key: _read(item, slots) for key, item in operand.items()}
    return operand


def _expanded(node: Function, values: list[Value]) -> list[Value]:
    flags = tuple(index in node.expand_batch for index in range(len(values)))
    return list(cat_broadcast(tuple(values), node.args.get("dim", 1), flags))
