"""Plan -> the receptive field of every row's output, or why it has none. No torch here.

What each value sees of the inputs is carried through the plan's calls, by the rules of fields.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from lazyinspect.measure.axes import Axes, Axis, Lost, Seen, Step, all_lost, united
from lazyinspect.measure.fields import RULES, WINDOWS
from lazyinspect.measure.reach import ONE
from lazyinspect.measure.reasons import NO_RULE, UNKNOWN
from lazyinspect.plan.ops.base import Op
from lazyinspect.plan.ops.operands import flat
from lazyinspect.plan.plan import Plan
from lazyinspect.plan.tree import Call, Function, Graph, InputType, Leaf, ParameterLeaf, Ref
from lazyinspect.report import LayerRow, NoField, ReceptiveField
from lazyinspect.shapes import TensorType, Value, tensors_of

Field = ReceptiveField | NoField

NO_WINDOW = NoField("no window slides over a dimension of the input")
NO_INPUT = NoField("it does not depend on the input")


def with_fields(plan: Plan, rows: Sequence[LayerRow]) -> tuple[LayerRow, ...]:
    """The plan's rows, perhaps with their times, with their receptive fields."""
    fields = receptive_fields(plan)
    return tuple(
        [replace(row, receptive_field=each) for row, each in zip(rows, fields, strict=True)]
    )


def receptive_fields(plan: Plan) -> list[Field]:
    """One for each of the plan's rows, in their order: of a container, that of its output.

    The spatial dimensions of an input are those over which a window of some layer slides.

    Source: https://distill.pub/2019/computing-receptive-fields/
    """
    if not any(row.type in WINDOWS for row in plan.rows):
        return [NO_WINDOW] * len(plan.rows)
    walk = Walk(plan)
    walk.network(plan)
    told = _Telling(plan.inputs, walk.spatial)
    return [told.field(value) for value in walk.found]


class Walk:
    """Follows axes through the calls, in the order of the rows."""

    def __init__(self, plan: Plan) -> None:
        self.found: list[Any] = []
        """Of each row, what it gives: Seen, or a tuple or dict of them."""
        self.spatial: set[int] = set()
        """Places in the axes over which windows slide."""
        self._rows = plan.rows
        self._losses = 0
        self._known: dict[Any, tuple[list[Any], tuple[Any, list[Any]]]] = {}

    def network(self, plan: Plan) -> None:
        ranks = [entry.type.rank for entry in plan.inputs]
        values, before = [], 0
        for entry, rank in zip(plan.inputs, ranks, strict=True):
            after = sum(ranks) - before - rank
            axes = [Axis(dim, ONE) for dim in range(rank)]
            values.append(Seen(entry.type.shape, (*[None] * before, *axes, *[None] * after)))
            before += rank
        self._none = (None,) * before
        self._graph(plan.call, values)

    def _graph(self, call: Call, values: list[Any]) -> tuple[Any, list[Any]]:
        """What a container gives, and its exports."""
        graph = call.node
        assert isinstance(graph, Graph)
        # a block that is used again on what sees the same; reasons name its steps by their paths
        key = None if any(isinstance(value, dict) for value in values) else (id(call), *values)
        if key is not None and key in self._known:
            found, result = self._known[key]
            self.found.extend(found)
            return result
        start, losses = len(self.found), self._losses
        self.found.append(None)
        slots: dict[int, Any] = dict(enumerate(values))
        for step, inner in zip(graph.steps, call.calls, strict=True):
            operands = [_read(item, slots) for item in step.operands]
            if isinstance(inner.node, Graph):
                output, exports = self._graph(inner, operands)
                slots.update(zip(step.export_slots, exports, strict=True))
            else:
                named = {name: _read(item, slots) for name, item in step.keywords.items()}
                output = self._leaf(inner, operands, named)
                self.found.append(output)
            slots[step.slot] = output
        result = _read(graph.output, slots), [_read(ref, slots) for ref in graph.exports]
        self.found[start] = result[0]
        if key is not None and losses == self._losses:
            self._known[key] = self.found[start:], result
        return result

    def _leaf(self, call: Call, operands: list[Any], named: Mapping[str, Any]) -> Any:
        node = call.node
        if isinstance(node, ParameterLeaf):
            return _shaped(call.output, [self._none])
        assert isinstance(node, (Leaf, Function))
        op = node.op
        name = node.type if isinstance(node, Leaf) else node.op.name
        step = Step(
            self._label(name),
            "" if op is None else op.name,
            None if op is None else SimpleNamespace(**{**op.parameters.defaults, **node.args}),
            (*operands, *named.values()) if op is None else _bound(op, operands, named),
            tuple([kind.shape for _, kind in tensors_of(call.output)]),
            self.spatial.add,
        )
        if not step.tensors:
            return _shaped(call.output, [self._none])
        rule = None if op is None else RULES.get(op.name)
        if rule is None:
            lost = step.lost(UNKNOWN if op is None else NO_RULE)
            axes: Any = united(step, [all_lost(each.axes, lost) for each in step.tensors])
        else:
            axes = rule(step)
        every = axes if isinstance(axes, list) else [axes] * max(len(step.outputs), 1)
        before = {id(each) for seen in step.tensors for each in seen.axes}
        self._losses += any(type(e) is Lost and id(e) not in before for a in every for e in a)
        return _shaped(call.output, every)

    def _label(self, name: str) -> str:
        row = self._rows[len(self.found)]
        return f"`{row.path}` ({name}, line {row.place.line})"


def _bound(op: Op, operands: list[Any], named: Mapping[str, Any]) -> tuple[Any, ...]:
    """Values in the order of the op's forward."""
    parameters = op.inputs.parameters
    if parameters and parameters[0].variadic:
        return tuple(flat(operands))
    rest = [named.get(parameter.name) for parameter in parameters[len(operands) :]]
    return (*operands, *rest)


def _read(operand: Any, slots: Mapping[int, Any]) -> Any:
    if isinstance(operand, Ref):
        value = slots[operand.slot]
        for key in operand.path:
            value = value[key]
        return value
    if isinstance(operand, tuple):
        return tuple([_read(item, slots) for item in operand])
    if isinstance(operand, dict):
        return {key: _read(item, slots) for key, item in operand.items()}
    return operand


def _shaped(output: Value, axes: Sequence[Axes]) -> Any:
    """A value of the output's form, each tensor with its axes."""
    rest = iter(axes)

    def fill(value: Value) -> Any:
        if isinstance(value, tuple):
            return tuple([fill(item) for item in value])
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        return Seen(value.shape, next(rest)) if isinstance(value, TensorType) else value

    return fill(output)


class _Telling:
    """Axes -> what the report says of them."""

    def __init__(self, inputs: Sequence[InputType], spatial: set[int]) -> None:
        self._inputs: list[tuple[str, int, list[int]]] = []
        """Name, first place, and the spatial dimensions."""
        place = 0
        for entry in inputs:
            dims = [dim for dim in range(entry.type.rank) if place + dim in spatial]
            self._inputs.append((entry.name, place, dims))
            place += entry.type.rank
        self._fields: dict[Axes, Field] = {}

    def field(self, value: Any) -> Field:
        """Of a row's output; several tensors have it where theirs are equal."""
        fields = [self._field(axes) for axes in _axes(value)]
        if not fields:
            return NO_INPUT
        first = fields[0]
        if all(each == first for each in fields):
            return first
        absent = next((each for each in fields if isinstance(each, NoField)), None)
        return absent or NoField("its outputs have different fields")

    def _field(self, axes: Axes) -> Field:
        found = self._fields.get(axes)
        if found is None:
            found = self._fields[axes] = self._found(axes)
        return found

    def _found(self, axes: Axes) -> Field:
        if not any(axes):
            return NO_INPUT
        fields: list[ReceptiveField] = []
        for name, place, dims in self._inputs:
            here = [axes[place + dim] for dim in dims]
            lost = next((each for each in here if isinstance(each, Lost)), None)
            if lost is not None:
                return NoField(lost.reason)
            if here and all(here):
                fields.append(_field(name, dims, here))
        if not fields:
            # positions were gone before a window came: those of images and sequences stand last
            gone = next((each for each in reversed(axes) if isinstance(each, Lost)), None)
            return NO_WINDOW if gone is None else NoField(gone.reason)
        names = tuple([name for field in fields for name in field.inputs])
        joint = [replace(field, inputs=names) for field in fields]
        if all(field == joint[0] for field in joint):
            return joint[0]
        listed = " and ".join(f"`{name}`" for name in names)
        return NoField(f"its fields with regard to {listed} differ")


def _axes(value: Any) -> list[Axes]:
    if isinstance(value, Seen):
        return [value.axes]
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple):
        return [axes for item in value for axes in _axes(item)]
    return []


def _field(name: str, dims: list[int], axes: Sequence[Any]) -> ReceptiveField:
    reaches = [axis.reach for axis in axes]
    return ReceptiveField(
        (name,),
        tuple(dims),
        tuple([max(reach.sizes) for reach in reaches]),
        tuple([min(reach.sizes) for reach in reaches]),
        tuple([reach.jump for reach in reaches]),
        tuple([reach.lows[0] for reach in reaches]),
        tuple([reach.period for reach in reaches]),
    )
