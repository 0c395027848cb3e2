"""A network and its inputs -> what one forward showed of every step. Raises NetworkError."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import torch
from torch import nn

from lazyinspect.lazy.tensors import is_uninitialised
from lazyinspect.network import Graph, class_name
from lazyinspect.plan import tree
from lazyinspect.shapes import TensorType, Value

Nodes: TypeAlias = Mapping[str, tree.Node]


@dataclass(slots=True)
class ObservedRow:
    """One call of a module, a function or a parameter, as it happened."""

    path: str
    call: int
    type: str = ""
    """Class after the call; empty for a function or a parameter."""
    inputs: Value = ()
    output: Value = None
    param_count: int = 0
    trainable_param_count: int = 0
    param_bytes: int = 0
    buffer_bytes: int = 0
    node: tree.Node | None = field(default=None, repr=False)


class Recorder:
    """Collects a row for every step of a forward, in the order in which they begin.

    A container's figures are the sums below it, and a tensor counts at the first row that uses
    it: as in the plan.
    """

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.rows: list[ObservedRow] = []
        self.running: list[ObservedRow] = []
        """What has begun and not ended: after a failure, where it happened."""
        self._calls: Counter[str] = Counter()
        self._seen: set[int] = set()

    def enter(self, path: str, inputs: Sequence[Any]) -> None:
        row = ObservedRow(path, self._calls[path], inputs=type_of(inputs), node=self.nodes[path])
        self._calls[path] += 1
        self.rows.append(row)
        self.running.append(row)

    def exit(self, output: Any, module: nn.Module | None = None) -> None:
        row = self.running.pop()
        exports = isinstance(row.node, tree.Graph) and row.node.exports
        row.output = type_of(output[0] if exports else output)
        if module is not None:
            row.type = class_name(type(module))
            if isinstance(row.node, tree.Leaf):
                self._count(row, module.parameters(), module.buffers())
        elif isinstance(row.node, tree.ParameterLeaf):
            self._count(row, (output,))
        if self.running:
            outer = self.running[-1]
            outer.param_count += row.param_count
            outer.trainable_param_count += row.trainable_param_count
            outer.param_bytes += row.param_bytes
            outer.buffer_bytes += row.buffer_bytes

    def _count(
        self,
        row: ObservedRow,
        parameters: Iterable[torch.Tensor],
        buffers: Iterable[torch.Tensor] = (),
    ) -> None:
        for parameter in parameters:
            if id(parameter) in self._seen:
                continue
            self._seen.add(id(parameter))
            count = parameter.numel()
            row.param_count += count
            row.param_bytes += count * parameter.element_size()
            if parameter.requires_grad:
                row.trainable_param_count += count
        for buffer in buffers:
            if id(buffer) not in self._seen:
                self._seen.add(id(buffer))
                row.buffer_bytes += buffer.numel() * buffer.element_size()


class Listener(Protocol):
    """Who is told of a forward: a Recorder, or the laps of the timing."""

    def enter(self, path: str, inputs: Sequence[Any]) -> None:
        """The step at ``path`` begins."""

    def exit(self, output: Any, module: nn.Module | None = None) -> None:
        """The step that began last, and has not ended, ends."""


def nodes_by_path(graph: tree.Graph, path: str = "") -> dict[str, tree.Node]:
    """Every step of the network by its path, the network itself at ``""``."""
    found: dict[str, tree.Node] = {path: graph}
    for step in graph.steps:
        inner = f"{path}.{step.name}" if path else step.name
        if isinstance(step.node, tree.Graph):
            found.update(nodes_by_path(step.node, inner))
        elif not isinstance(step.node, tree.Use):
            found[inner] = step.node
    return found


@contextmanager
def listening(network: nn.Module, nodes: Nodes, listener: Listener) -> Iterator[None]:
    """Tell ``listener`` of every step while this lasts; no hook is left, whatever happens."""
    with ExitStack() as cleanup:
        for path, module in network.named_modules():
            if not isinstance(nodes.get(path), (tree.Leaf, tree.Graph)):
                continue  # inside a layer, such as the projection of an attention
            _hook(module, path, listener, cleanup)
            if isinstance(module, Graph):
                module._observer = _StepListener(path, listener)
                cleanup.callback(module.__dict__.pop, "_observer", None)
        yield


def _hook(module: nn.Module, path: str, listener: Listener, cleanup: ExitStack) -> None:
    def before(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        listener.enter(path, (*args, *kwargs.values()))

    def after(module: nn.Module, args: Any, output: Any) -> None:
        listener.exit(output, module)

    # ahead of a lazy module's own hook, so that its failures have a place too
    cleanup.callback(
        module.register_forward_pre_hook(before, prepend=True, with_kwargs=True).remove
    )
    cleanup.callback(module.register_forward_hook(after).remove)


class _StepListener:
    def __init__(self, path: str, listener: Listener) -> None:
        self.prefix = f"{path}." if path else ""
        self.listener = listener

    def enter(self, step: str, operands: tuple[Any, ...]) -> None:
        self.listener.enter(self.prefix + step, operands)

    def exit(self, value: Any) -> None:
        self.listener.exit(value)


@contextmanager
def untouched_buffers(network: nn.Module, nodes: Nodes) -> Iterator[None]:
    """Buffers as before afterwards, those included that a first forward allocates.

    A layer of torch.nn writes its buffers in training mode alone.
    """
    saved: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def save(module: nn.Module, args: Any = ()) -> None:
        for buffer in module.buffers():
            if id(buffer) not in saved and not is_uninitialised(buffer):
                saved[id(buffer)] = (buffer, buffer.clone())

    with ExitStack() as cleanup:
        for path, module in network.named_modules():
            if not isinstance(nodes.get(path), tree.Leaf):
                continue
            own = type(module).__module__.startswith(("torch.", "lazyinspect."))
            if own and not module.training:
                continue
            save(module)
            if any(map(is_uninitialised, module.buffers())):
                # the last pre-hook: the module's own has given the buffers their values by then
                cleanup.callback(module.register_forward_pre_hook(save).remove)
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, value in saved.values():
                    # a layer whose first forward fails is shapeless again
                    if not is_uninitialised(buffer):
                        buffer.copy_(value)


def type_of(value: Any) -> Value:
    """A nested value with its tensors' types in their place."""
    if isinstance(value, torch.Tensor):
        return TensorType(tuple(value.shape), str(value.dtype).removeprefix("torch."))
    if isinstance(value, (tuple, list)):
        return tuple(map(type_of, value))
    if isinstance(value, dict):
        return {key: type_of(item) for key, item in value.items()}
    return value
