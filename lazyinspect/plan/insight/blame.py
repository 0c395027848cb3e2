"""A failure -> which sizes of which values are in the way, found by putting others in their place.

A row of the op table may say so itself (``OpError.blame``). No torch here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lazyinspect.plan.frame import Val
from lazyinspect.plan.insight.failure import Failure
from lazyinspect.plan.insight.operation import Budget, Operation, Size
from lazyinspect.plan.insight.trace import Trace
from lazyinspect.plan.scope import evaluate
from lazyinspect.plan.sources import Sourced
from lazyinspect.shapes import TensorType

_MAX_SIZES = 12
_MAX_CANDIDATES = 24


@dataclass(frozen=True, slots=True)
class Blamed:
    """Sizes of one tensor that are in question."""

    value: Val
    dims: tuple[int, ...]


def blamed(failure: Failure, trace: Trace, budget: Budget) -> Iterator[Blamed]:
    """Sizes that are in the way: those of an image's positions together, others one by one."""
    sizes = list(dict.fromkeys(_sizes(failure, trace, budget)))
    if any(dim > 0 for _, dim in sizes):
        # the batch is in the way only where nothing else is
        sizes = [(value, dim) for value, dim in sizes if dim > 0]
    images: dict[int, tuple[Val, list[int]]] = {}
    for value, dim in sizes:
        if value.type.rank >= 4 and dim >= 2:
            images.setdefault(id(value), (value, []))[1].append(dim)
    for value, dim in sizes:
        dims = images.pop(id(value), (value, []))[1] if dim >= 2 else [dim]
        if dim < 2 or value.type.rank < 4:
            yield Blamed(value, (dim,))
        elif dims:
            yield Blamed(value, tuple(dims))


def _sizes(failure: Failure, trace: Trace, budget: Budget) -> Iterator[tuple[Val, int]]:
    if failure.problem.code == "unmet-expect":
        yield from _unexpected(failure)
        return
    error = failure.error
    if error is None or failure.step is None or failure.scope is None:
        return
    tensors = failure.tensors
    said = [
        (tensors[index][0], dim)
        for index, dim in error.blame
        if index < len(tensors) and dim < tensors[index][1].rank
    ]
    if said:
        yield from said
        return
    operation = Operation(
        trace, failure.step, Sourced(list(failure.operands), dict(failure.keywords)),
        failure.scope, failure.call, budget,
    )  # fmt: skip
    for size in _in_the_way(operation, error.message):
        yield operation.read[size.value].value, size.dim


def _unexpected(failure: Failure) -> Iterator[tuple[Val, int]]:
    """Sizes that are not as `expect:` has them."""
    step, scope = failure.step, failure.scope
    value = failure.operands[0]
    if step is None or step.expect is None or scope is None:
        return
    if not isinstance(value.type, TensorType) or value.type.rank != len(step.expect):
        return
    for dim, expr in enumerate(step.expect):
        if expr is not None and evaluate(expr, scope) != value.type.shape[dim]:
            yield value, dim


def _in_the_way(operation: Operation, message: str) -> list[Size]:
    """Sizes that need only be others for the op to accept: one by one, or an image's at once."""
    everything = [
        Size(index, dim)
        for index, read in enumerate(operation.read)
        for dim in range(read.kind.rank)
    ][:_MAX_SIZES]
    if not everything or operation.output() is not None:
        return []
    candidates = _candidates(operation, message)
    single = [
        size
        for size in everything
        if any(operation.output({size: value}) is not None for value in candidates)
    ]
    if single:
        return single
    images = [
        [Size(index, dim) for dim in range(2, read.kind.rank)]
        for index, read in enumerate(operation.read)
    ]
    found = [
        image
        for image in images
        if len(image) > 1
        and any(operation.output(dict.fromkeys(image, value)) is not None for value in candidates)
    ]
    return [size for image in found for size in image] or _unequal(operation)


def _unequal(operation: Operation) -> list[Size]:
    """Sizes that need to equal those of the first value, with those."""
    first, *others = [read.kind for read in operation.read]
    change = {
        Size(index, other.rank - back): first.shape[-back]
        for index, other in enumerate(others, 1)
        for back in range(1, min(first.rank, other.rank) + 1)
        if other.shape[-back] != first.shape[-back]
    }
    if not change or operation.output(change) is None:
        return []
    for size in list(change):
        less = {other: value for other, value in change.items() if other != size}
        if operation.output(less) is not None:
            change = less
    ranks = [read.kind.rank for read in operation.read]
    level = [Size(0, first.rank - (ranks[size.value] - size.dim)) for size in change]
    return sorted({*level, *change}, key=lambda size: (size.value, size.dim))


def _candidates(operation: Operation, message: str) -> list[int]:
    """Sizes that might suit: those that are named, and some larger ones."""
    named = [argument.value for argument in operation.arguments]
    named += [int(text) for text in re.findall(r"\d+", message) if len(text) < 9]
    named += [size for read in operation.read for size in read.kind.shape]
    larger = [2 * value for value in named] + [4096, 64]
    found = dict.fromkeys(value for value in (*named, *larger) if value > 0)
    return list(found)[:_MAX_CANDIDATES]
