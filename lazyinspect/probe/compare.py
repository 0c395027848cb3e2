"""Planned rows and observed rows -> what disagrees, in words. Pure data."""

from __future__ import annotations

from collections.abc import Sequence

from lazyinspect.probe.observe import ObservedRow
from lazyinspect.report import LayerRow, NamedTensor
from lazyinspect.shapes import Value, format_shape, tensors_of

_COUNTS = ("param_count", "trainable_param_count", "param_bytes", "buffer_bytes")


def mismatches(planned: Sequence[LayerRow], observed: Sequence[ObservedRow]) -> tuple[str, ...]:
    """Every difference between the plan and the device, row by row; empty where they agree."""
    found = []
    seen = {(row.path, row.call): row for row in observed}
    for row in planned:
        here = seen.pop((row.path, row.call), None)
        if here is None:
            found.append(f"{_name(row)}: planned, and never run")
            continue
        found += [f"{_name(row)}: {difference}" for difference in _differences(row, here)]
    found += [f"{_name(row)}: run, and not planned" for row in seen.values()]
    if not found:
        order = [(row.path, row.call) for row in observed]
        for row, (path, call) in zip(planned, order, strict=True):
            if (row.path, row.call) != (path, call):
                return (f"{_name(row)}: planned where `{path}` runs",)
    return tuple(found)


def _differences(planned: LayerRow, observed: ObservedRow) -> list[str]:
    found = []
    if observed.type and planned.type != observed.type:
        found.append(f"type planned {planned.type}, observed {observed.type}")
    if planned.kind != "container":
        # of a container's, what it captures from outside is no part of the report
        _compare(found, "inputs", planned.inputs, observed.inputs, names=False)
    _compare(found, "outputs", planned.outputs, observed.output, names=True)
    for name in _COUNTS:
        before, after = getattr(planned, name), getattr(observed, name)
        if before != after:
            found.append(f"{name} planned {before}, observed {after}")
    return found


def _compare(
    found: list[str], what: str, planned: Sequence[NamedTensor], observed: Value, *, names: bool
) -> None:
    tensors = list(tensors_of(observed))
    agree = len(planned) == len(tensors) and all(
        one.shape == tensor.shape and one.dtype == tensor.dtype and (not names or one.name == name)
        for one, (name, tensor) in zip(planned, tensors, strict=True)
    )
    if not agree:
        before = ", ".join(
            _show(one.name if names else "", one.shape, one.dtype) for one in planned
        )
        after = ", ".join(
            _show(name if names else "", tensor.shape, tensor.dtype) for name, tensor in tensors
        )
        found.append(f"{what} planned {before or 'none'}, observed {after or 'none'}")


def _show(name: str, shape: tuple[int, ...], dtype: str) -> str:
    return f"{name}{': ' if name else ''}{format_shape(shape)} {dtype}"


def _name(row: LayerRow | ObservedRow) -> str:
    name = row.path or "the network"
    return f"{name} (call {row.call})" if row.call else name
