"""Typed calls -> rows of the report, in execution order, sums filled in. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from lazyinspect.errors import Mark
from lazyinspect.plan.ops.base import LayerValue, Weight
from lazyinspect.plan.tree import Call, Function, Graph, Leaf, ParameterLeaf, Tie
from lazyinspect.report import LayerRow, NamedTensor, Place, Status, Totals
from lazyinspect.shapes import ITEM_BYTES, TensorType, prod, tensors_of


class _Sums:
    """Figures of a row and of what is below it."""

    __slots__ = ("buffer_bytes", "macs", "param_bytes", "params", "trainable", "unknown")

    def __init__(self) -> None:
        self.params = self.trainable = self.param_bytes = self.buffer_bytes = 0
        self.macs: int | None = None
        self.unknown = 0

    def add(self, other: _Sums) -> None:
        self.params += other.params
        self.trainable += other.trainable
        self.param_bytes += other.param_bytes
        self.buffer_bytes += other.buffer_bytes
        self.unknown += other.unknown
        if other.macs is not None:
            self.macs = other.macs + (self.macs or 0)


class _Face(NamedTuple):
    """What of a row does not depend on where its call stands."""

    declared: str
    type: str
    kind: str
    args: Mapping[str, Any]
    inputs: tuple[NamedTensor, ...]
    outputs: tuple[NamedTensor, ...]
    place: Place
    status: Status


class RowBuilder:
    """Walks the calls of one plan.

    Args:
        dtype: of the parameters.
        ties: names for one tensor, which counts once.
        statuses: of calls, by their ids, where they are not as they should be.
    """

    def __init__(
        self,
        dtype: str,
        ties: tuple[Tie, ...] = (),
        statuses: Mapping[int, Status] = MappingProxyType({}),
    ) -> None:
        self.dtype = dtype
        self.statuses = statuses
        self.rows: list[LayerRow | None] = []
        self.weights: dict[str, Weight] = {}
        """Every tensor of the network by its full name, in the order of the calls."""
        self._calls: dict[str, int] = {}
        """How often a path was used again."""
        self._canonical = {tie.path: tie.source for tie in ties}
        self._seen: set[str] = set()
        self._own: dict[int, _Sums] = {}
        self._faces: dict[int, _Face] = {}
        self._types: dict[Graph, str] = {}
        # of equal layers one copy each: what a million rows hold is what they take
        self._args: dict[int, Mapping[str, Any]] = {}
        self._tensors: dict[Any, tuple[NamedTensor, ...]] = {}

    def build(self, call: Call) -> tuple[LayerRow, ...]:
        """All rows; the network's own comes first, with path ``""``."""
        self._walk(call, "", 0, "", ())
        return tuple(row for row in self.rows if row is not None)

    def _walk(
        self,
        call: Call,
        path: str,
        depth: int,
        block: str,
        used_at: tuple[Place, ...],
        again: bool = False,
    ) -> _Sums:
        node = call.node
        if call.target is not None:
            path = ".".join(call.target) if not block else f"{block}.{'.'.join(call.target)}"
            again = True
        index = len(self.rows)
        self.rows.append(None)
        count = 0
        if again:
            count = self._calls[path] = self._calls.get(path, 0) + 1
        # a repeated block's calls are shared: what does not depend on the path is said once
        face = self._faces.get(id(call)) if block else None
        if face is None:
            face = self._face(call)
            if block:
                self._faces[id(call)] = face
        if isinstance(node, Graph):
            sums = _Sums()
            sums.macs = None if call.calls else 0
            inner_used = used_at
            if node.is_block and depth:
                block = path
                inner_used = (face.place, *used_at)
            elif call.target is not None:
                inner_used = (face.place, *used_at)
            below = f"{path}." if path else ""
            for child in call.calls:
                sums.add(self._walk(child, below + child.name, depth + 1, block, inner_used, again))
        else:
            sums = self._leaf(call, node, path, count)
        self.rows[index] = LayerRow(
            path, count, depth, face.declared, face.type, face.args, face.inputs, face.outputs,
            sums.params, sums.trainable, sums.param_bytes, sums.buffer_bytes, sums.macs,
            face.place, used_at, None, sums.unknown, face.kind, face.status,
        )  # fmt: skip
        return sums

    def _face(self, call: Call) -> _Face:
        node = call.node
        args: Mapping[str, Any] = {}
        if isinstance(node, Graph):
            became = self._types.get(node, "")
            if not became:
                became = self._types[node] = node.type
            declared, kind = node.declared, "container"
        elif isinstance(node, Leaf):
            declared, became, kind = node.declared, node.type, "layer"
            known = self._args.get(id(node.args))
            if known is None:
                known = {key: plain(value) for key, value in node.args.items()}
                self._args[id(node.args)] = known
            args = known
        elif isinstance(node, ParameterLeaf):
            declared, became, kind = "Parameter", "Parameter", "parameter"
            args = {"shape": list(node.shape), "fill": node.fill}
        else:
            declared, became, kind = node.op.name, node.op.name, "function"
            args = {key: plain(value) for key, value in node.args.items()}
        return _Face(
            declared,
            became,
            kind,
            args,
            self._named(call.inputs),
            self._named(tuple(tensors_of(call.output))),
            place_of(call.mark),
            self.statuses.get(id(call), "ok"),
        )

    def _named(self, tensors: tuple[tuple[str, TensorType], ...]) -> tuple[NamedTensor, ...]:
        found = self._tensors.get(tensors)
        if found is None:
            found = tuple([NamedTensor(name, t.shape, t.dtype) for name, t in tensors])
            self._tensors[tensors] = found
        return found

    def _leaf(
        self, call: Call, node: Leaf | ParameterLeaf | Function, path: str, count: int
    ) -> _Sums:
        sums = _Sums()
        sums.macs = call.macs
        sums.unknown = int(call.macs is None)
        if count == 0 and not isinstance(node, Function) and node.weights:
            if not self._canonical:
                # equal layers share their weights' description
                key = id(node.weights) if isinstance(node, Leaf) else id(node)
                own = self._own.get(key)
                if own is None:
                    own = self._own[key] = self._count(node.weights, "", track=False)
                sums.params, sums.trainable = own.params, own.trainable
                sums.param_bytes, sums.buffer_bytes = own.param_bytes, own.buffer_bytes
            else:
                found = self._count(node.weights, path, track=True)
                found.macs, found.unknown = sums.macs, sums.unknown
                return found
        return sums

    def _count(self, weights: tuple[Weight, ...], path: str, *, track: bool) -> _Sums:
        sums = _Sums()
        for weight in weights:
            if track:
                full = f"{path}.{weight.name}" if weight.name else path
                full = self._canonical.get(full, full)
                if full in self._seen:
                    continue
                self._seen.add(full)
            size = prod(weight.shape)
            nbytes = size * ITEM_BYTES[weight.dtype or self.dtype]
            if weight.buffer:
                sums.buffer_bytes += nbytes
            else:
                sums.params += size
                sums.trainable += size if weight.trainable else 0
                sums.param_bytes += nbytes
        return sums


def plain(value: Any) -> Any:
    """An argument as JSON has it: lists for tuples, ``{op: args}`` for layers."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, LayerValue):
        return {value.op: {key: plain(item) for key, item in value.args.items()}}
    return value


def totals(rows: tuple[LayerRow, ...]) -> Totals:
    """The network's own row, as totals."""
    root = rows[0]
    return Totals(
        root.param_count,
        root.trainable_param_count,
        root.param_bytes,
        root.buffer_bytes,
        root.macs,
        root.unknown_macs,
    )


def state_dict(call: Call, ties: tuple[Tie, ...] = ()) -> dict[str, Weight]:
    """Every tensor of the built network by its ``state_dict`` name, in torch's order.

    That is the order of the steps, but for learned tensors: a graph's own stand before its
    modules'. A tied name is there as well, as in torch. Non-persistent buffers are included.
    """
    found: dict[str, Weight] = {}
    _add_weights(call, "", found)
    return found


def _add_weights(call: Call, path: str, found: dict[str, Weight]) -> None:
    node = call.node
    if call.target is not None:
        return
    if isinstance(node, Graph):
        for child in sorted(call.calls, key=lambda c: not isinstance(c.node, ParameterLeaf)):
            _add_weights(child, f"{path}.{child.name}" if path else child.name, found)
    elif not isinstance(node, Function):
        for weight in node.weights:
            found[f"{path}.{weight.name}" if weight.name else path] = weight


def place_of(mark: Mark) -> Place:
    """Line and column."""
    return Place(mark.line, mark.column)
