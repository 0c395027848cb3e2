"""Plan -> the classes of an exported module: which graphs share one, and what tells them apart.

A block becomes a class. Graphs that differ in nothing but the arguments of their layers share one,
whose constructor takes what differs. No torch here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lazyinspect.export.frames import Frame
from lazyinspect.plan.ops import signature_of
from lazyinspect.plan.ops.base import LayerValue
from lazyinspect.plan.tree import Call, Function, Graph, Leaf, ParameterLeaf, Ref, Use
from lazyinspect.shapes import TensorType

TORCH_LAZY = frozenset(
    ["LazyLinear"]
    + [
        f"Lazy{kind}{n}d"
        for kind in ("Conv", "ConvTranspose", "BatchNorm", "InstanceNorm")
        for n in (1, 2, 3)
    ]
)
"""Lazy layers that torch.nn has itself."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as the exported code makes it."""

    name: str
    args: Mapping[str, Any]
    positional: int
    """How many of the arguments are written without their names."""


@dataclass(slots=True, eq=False)
class Scope:
    """One planned graph that becomes an object of a class."""

    frame: Frame
    types: tuple[Any, ...]
    """Of its inputs."""
    call: Call
    layers: dict[tuple[Frame, int], Layer]
    blocks: dict[tuple[Frame, int], Scope]
    values: list[tuple[str, str, Any]]
    """Step, argument and value of everything that its constructor could be given."""
    key: Any
    """Equal for scopes that may share a class."""
    family: Family | None = None


@dataclass(slots=True, eq=False)
class Family:
    """Scopes of one class. The first shows how it is written."""

    name: str
    members: list[Scope] = field(default_factory=list)
    uses: int = 0
    """How often the network has one."""
    parameter_of: list[str | None] = field(default_factory=list)
    """For each of a scope's values, the constructor's parameter; None where all are equal."""
    parameters: dict[str, list[Any]] = field(default_factory=dict)
    """What each parameter is given, over all members."""

    @property
    def first(self) -> Scope:
        return self.members[0]

    def given(self, scope: Scope) -> dict[str, int]:
        """For each parameter, the first place among a scope's values that it stands for."""
        places: dict[str, int] = {}
        for place, name in enumerate(self.parameter_of):
            if name is not None:
                places.setdefault(name, place)
        return places


class Classes:
    """All families of a plan, those that others use first.

    Args:
        lazy: make layers of torch's own lazy classes where the spec has them.
        tied: names of tensors that ties make one: their layers cannot be lazy.
    """

    def __init__(
        self, root: Graph, call: Call, types: tuple[Any, ...], lazy: bool, tied: frozenset[str]
    ) -> None:
        self.lazy = lazy
        self.tied = tied
        self._scopes: dict[Graph, Scope] = {}
        self._families: dict[Any, Family] = {}
        self.root = self._scope(root, call, types, "")
        for family in self._families.values():
            _settle(family)
        _count(self.root, self)

    @property
    def families(self) -> list[Family]:
        return list(self._families.values())

    def _scope(self, graph: Graph, call: Call, types: tuple[Any, ...], name: str) -> Scope:
        found = self._scopes.get(graph)
        if found is not None:
            return found
        frame = Frame(graph, call.calls)
        scope = Scope(frame, types, call, {}, {}, [], None)
        scope.key = (
            graph.declared, name if graph.declared == "Graph" else "", graph.inputs,
            tuple(map(structure, types)), self._frame(scope, frame, types_of(frame, types), ""),
        )  # fmt: skip
        self._scopes[graph] = scope
        family = self._families.get(scope.key)
        if family is None:
            family = self._families[scope.key] = Family(name)
        family.members.append(scope)
        scope.family = family
        return scope

    def _frame(self, scope: Scope, frame: Frame, types: Types, path: str) -> Any:
        """What of a frame is equal in graphs that share a class; the values go to the scope."""
        graph = frame.graph
        parts: list[Any] = []
        for place, (step, call) in enumerate(zip(graph.steps, frame.calls, strict=True)):
            here = f"{path}.{step.name}" if path else step.name
            node = step.node
            kind: Any
            if isinstance(node, Leaf):
                layer = self._layer(node, here)
                scope.layers[frame, place] = layer
                kind = (layer.name, layer.positional, tuple(layer.args))
                for name, value in layer.args.items():
                    if isinstance(value, LayerValue):
                        kind += (repr(value),)
                    scope.values.append((here, name, value))
            elif isinstance(node, ParameterLeaf):
                kind = ("Parameter", len(node.shape))
                scope.values += [(here, "shape", node.shape), (here, "fill", node.fill)]
            elif isinstance(node, Function):
                operands = tuple(operand_type(o, frame, types) for o in step.operands)
                kind = (node.op.name, repr(dict(node.args)), node.expand_batch)
                if node.expand_batch or any(type(o) in (bool, int, float) for o in step.operands):
                    kind += (tuple(map(_rank_and_dtype, operands)),)
            elif isinstance(node, Use):
                kind = ("use", node.target)
            elif node.is_block:
                inputs = tuple(operand_type(o, frame, types) for o in step.operands)
                name = node.declared if node.declared != "Graph" else camel(step.name)
                inner = self._scope(node, call, inputs, name)
                scope.blocks[frame, place] = inner
                kind = inner.key
                scope.values += [(f"{here}.{s}", name, value) for s, name, value in inner.values]
            else:
                child = frame.children[place]
                inside = types_of(child, (), types)
                kind = (node.declared, self._frame(scope, child, inside, here))
            wiring = (_encoded(step.operands), _encoded(dict(step.keywords)), step.export_slots)
            parts.append((step.name, kind, step.slot, wiring, structure(call.output)))
        exports = tuple((ref.slot, ref.path) for ref in graph.exports)
        return (tuple(parts), graph.captures, _encoded(graph.output), exports)

    def _layer(self, leaf: Leaf, path: str) -> Layer:
        if leaf.op is None and leaf.become is None:
            return Layer(leaf.declared, leaf.given, 0)
        name, args = leaf.type, dict(leaf.args)
        if leaf.op is None:
            return Layer(name, args, 0)
        parameters = leaf.op.parameters
        is_tied = any(f"{path}.{weight.name}" in self.tied for weight in leaf.weights)
        if self.lazy and leaf.declared in TORCH_LAZY and leaf.become is None and not is_tied:
            # torch's LazyInstanceNorm has other defaults, and without weights infers nothing
            norm = leaf.declared.startswith("LazyInstanceNorm")
            if not norm or leaf.weights:
                if norm:
                    args = {"affine": False, "track_running_stats": False, **args}
                name, parameters = leaf.declared, signature_of(leaf.declared)
                args = {p.name: args[p.name] for p in parameters.parameters if p.name in args}
        positional = 0
        for parameter in parameters.parameters:
            if not parameter.required or parameter.keyword_only or parameter.name not in args:
                break
            positional += 1
        return Layer(name, args, positional)


Types = dict[tuple[Frame, int], Any]
"""Type of what each slot of each frame holds."""


def types_of(frame: Frame, inputs: tuple[Any, ...], outer: Types | None = None) -> Types:
    """Types of a frame's values, those around it included.

    Args:
        inputs: of a scope's root; those of a container inside it follow from ``outer``.
    """
    found: Types = {} if outer is None else outer
    if frame.parent is not None and outer is not None:
        operands = frame.parent.graph.steps[frame.at].operands
        inputs = tuple(operand_type(o, frame.parent, outer) for o in operands)
    for slot, kind in enumerate(inputs):
        found[frame, slot] = kind
    for step, call in zip(frame.graph.steps, frame.calls, strict=True):
        found[frame, step.slot] = call.output
    return found


def operand_type(operand: Any, frame: Frame, types: Types) -> Any:
    """Type of an operand of a frame's step; a number stands for itself."""
    if isinstance(operand, Ref):
        value = frame.value(operand)
        kind = types[value.frame, value.slot]
        for key in value.path:
            kind = kind[key]
        return kind
    if isinstance(operand, tuple):
        return tuple(operand_type(item, frame, types) for item in operand)
    return operand


def structure(kind: Any) -> Any:
    """How a value is nested, whatever its shapes."""
    if isinstance(kind, tuple):
        return tuple(map(structure, kind))
    if isinstance(kind, dict):
        return tuple((key, structure(item)) for key, item in kind.items())
    return type(kind).__name__


def camel(name: str) -> str:
    """The name of a class for what a step is called."""
    words = "".join(c if c.isalnum() else " " for c in name.replace("_", " ")).split()
    joined = "".join(word[:1].upper() + word[1:] for word in words)
    return joined if joined.isidentifier() else f"Block{joined}"


def _rank_and_dtype(kind: Any) -> Any:
    if isinstance(kind, tuple):
        return tuple(map(_rank_and_dtype, kind))
    return (kind.rank, kind.dtype) if isinstance(kind, TensorType) else None


def _encoded(operand: Any) -> Any:
    """An operand as part of a key, `1` told from `true` and `1.0`."""
    if isinstance(operand, Ref):
        return ("ref", operand.slot, operand.path)
    if isinstance(operand, tuple):
        return tuple(map(_encoded, operand))
    if isinstance(operand, dict):
        return tuple((key, _encoded(value)) for key, value in operand.items())
    return (type(operand).__name__, operand)


# -- what the members of a family differ in ---------------------------------------------------

_FLOWS_IN = ("in_channels", "in_features", "num_features", "normalized_shape", "input_size",
             "embed_dim")  # fmt: skip
_FLOWS_OUT = ("out_channels", "out_features", "hidden_size")


def _settle(family: Family) -> None:
    """Find the constructor's parameters: one for each set of values that always are equal."""
    columns = [
        tuple((type(value).__name__, repr(value)) for value in column)
        for column in zip(*[[v for _, _, v in s.values] for s in family.members], strict=True)
    ]
    groups: dict[Any, list[int]] = {}
    for place, column in enumerate(columns):
        if len(set(column)) > 1:
            groups.setdefault(column, []).append(place)
    names = _parameter_names(family.first, list(groups.values()))
    family.parameter_of = [None] * len(columns)
    for name, places in zip(names, groups.values(), strict=True):
        family.parameters[name] = [scope.values[places[0]][2] for scope in family.members]
        for place in places:
            family.parameter_of[place] = name


def _parameter_names(scope: Scope, groups: list[list[int]]) -> list[str]:
    """A name for each parameter: the argument's own where that is enough, else with its step's.

    What flows into the first layer and out of the last goes by the argument's own name.
    """
    entries = [entry[:2] for entry in scope.values]
    first = next((k for k, (_, name) in enumerate(entries) if name in _FLOWS_IN), None)
    last = max((k for k, (_, name) in enumerate(entries) if name in _FLOWS_OUT), default=None)
    names: list[str] = []
    for places in groups:
        if first in places or last in places:
            place = first if first in places else last
            assert place is not None
            name = entries[place][1]
        else:
            mine = [entries[k] for k in places]
            step, name = next((e for e in mine if e[1] not in _FLOWS_IN), mine[0])
            if name in names or name in (*_FLOWS_IN, *_FLOWS_OUT):
                parts = [part for part in step.split(".") if part.isidentifier()]
                name = "_".join([*parts[:1], name])
        base, number = name, 1
        while name in names:
            number += 1
            name = f"{base}_{number}"
        names.append(name)
    return names


def _count(root: Scope, classes: Classes) -> None:
    """How often the network has an object of each class."""
    uses: dict[Scope, int] = {root: 1}
    for family in reversed(classes.families):
        for scope in family.members:
            family.uses += uses.get(scope, 0)
            for inner in scope.blocks.values():
                uses[inner] = uses.get(inner, 0) + uses.get(scope, 0)
