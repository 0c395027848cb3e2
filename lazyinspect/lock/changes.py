"""Two rows that are the same layer -> what of them differs. No torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lazyinspect.drift import Change, Row
from lazyinspect.lock.tree import frozen
from lazyinspect.plan.ops import signature_of, table
from lazyinspect.report import NamedTensor, Totals
from lazyinspect.shapes import format_shape


def written(a: Row, b: Row) -> list[Change]:
    """What somebody wrote otherwise: the type, or an argument that the spec gives."""
    found = []
    if a.declared == b.declared and a.kind != b.kind:
        # a merge with steps among its sources is a container of them
        kinds = [f"{row.declared} ({row.kind})" for row in (a, b)]
        found.append(Change("type", kinds[0], kinds[1], "type"))
    elif (a.declared, a.type) != (b.declared, b.type):
        plain = a.declared != b.declared
        found.append(
            Change("type", a.declared if plain else a.type, b.declared if plain else b.type, "type")
        )
    known_a, known_b = {**a.inferred, **a.given}, {**b.inferred, **b.given}
    for name in dict.fromkeys((*a.given, *b.given)):
        if a.declared != b.declared and not (name in known_a and name in known_b):
            continue  # another type takes other arguments
        one, other = known_a.get(name), known_b.get(name)
        if frozen(one) != frozen(other):
            found.append(Change(name, one, other, "argument"))
    return found


def same(a: Row, b: Row) -> bool:
    """Whether two rows are the same layer in other words: with defaults written out, or with the
    arguments that the first forward would have found out.
    """
    if a.kind != b.kind or a.uses != b.uses:
        return False
    if a.kind == "container":
        return True  # what a block is called, nothing reads
    return a.type == b.type and _explicit(a) == _explicit(b)


def _explicit(row: Row) -> dict[str, Any]:
    """Every argument of what a row becomes."""
    defaults = signature_of(row.type).defaults if row.type in table() else {}
    known = {**defaults, **row.inferred, **row.given}
    return {name: frozen(value) for name, value in known.items()}


def found_out(a: Row, b: Row) -> list[Change]:
    """What the first forward finds otherwise: inferred arguments, tensors, a parameter count."""
    found = []
    for name in dict.fromkeys((*a.inferred, *b.inferred)):
        if name not in a.given and name not in b.given:
            one, other = a.inferred.get(name), b.inferred.get(name)
            if frozen(one) != frozen(other):
                found.append(Change(name, one, other, "inferred"))
    found += _tensors("input", a.inputs, b.inputs)
    found += _tensors("output", a.outputs, b.outputs)
    if a.param_count != b.param_count:
        found.append(Change("params", a.param_count, b.param_count, "params"))
    return found


def _tensors(part: Any, a: Sequence[NamedTensor], b: Sequence[NamedTensor]) -> list[Change]:
    if a == b:
        return []
    one, other = ({t.name: tensor_text(t) for t in side} for side in (a, b))
    return [
        Change(name or part, one.get(name), other.get(name), part)
        for name in dict.fromkeys((*one, *other))
        if one.get(name) != other.get(name)
    ]


def tensor_text(tensor: NamedTensor) -> str:
    """``float32[1, 64, 56, 56]``."""
    return f"{tensor.dtype}{format_shape(tensor.shape)}"


def input_changes(a: Sequence[NamedTensor], b: Sequence[NamedTensor]) -> list[Change]:
    """Inputs of a network that differ; what has another name alone is the same input."""
    renamed = inputs_renamed(a, b)
    if renamed:
        return [Change("name", old, new, "input") for old, new in renamed.items()]
    return _tensors("input", a, b)


def inputs_renamed(a: Sequence[NamedTensor], b: Sequence[NamedTensor]) -> dict[str, str]:
    """Inputs of which nothing but the name differs; empty where more does."""
    if [(x.shape, x.dtype) for x in a] != [(x.shape, x.dtype) for x in b]:
        return {}
    names = {x.name: y.name for x, y in zip(a, b, strict=True) if x.name != y.name}
    return names if names.keys().isdisjoint(names.values()) else {}


def output_changes(a: Sequence[NamedTensor], b: Sequence[NamedTensor]) -> list[Change]:
    """Outputs of a network that differ."""
    return _tensors("output", a, b)


def mapping_changes(part: Any, a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Change]:
    """Names whose values differ."""
    return [
        Change(name, a.get(name), b.get(name), part)
        for name in dict.fromkeys((*a, *b))
        if (name in a) != (name in b) or frozen(a.get(name)) != frozen(b.get(name))
    ]


def total_changes(a: Totals, b: Totals) -> list[Change]:
    """Totals that differ, of those that a lock holds."""
    return [
        Change(name, getattr(a, name), getattr(b, name), "total")
        for name in (
            "param_count", "trainable_param_count", "param_bytes", "buffer_bytes", "macs",
            "rows_without_macs",
        )
        if getattr(a, name) != getattr(b, name)
    ]  # fmt: skip


def batch_only(a: Sequence[NamedTensor], b: Sequence[NamedTensor]) -> bool:
    """Whether tensors differ in the size of dimension 0 and nothing else."""
    return len(a) == len(b) and all(
        one.name == other.name
        and one.dtype == other.dtype
        and len(one.shape) == len(other.shape)
        and one.shape[1:] == other.shape[1:]
        for one, other in zip(a, b, strict=True)
    )


def sizes_changed(a: Sequence[NamedTensor], b: Sequence[NamedTensor]) -> set[int] | None:
    """Which dimensions of the first tensor differ; None where more than sizes does."""
    if not a or not b or len(a[0].shape) != len(b[0].shape) or a[0].dtype != b[0].dtype:
        return None
    return {k for k, (x, y) in enumerate(zip(a[0].shape, b[0].shape, strict=True)) if x != y}
