"""A failure -> which sizes of which values are in the way, found by putting others in their place.

What refuses [10, 1600] and takes [10, 5184] has 1600 in its way. No torch here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt

from lazyinspect.errors import ArgumentError
from lazyinspect.plan.frame import Val
from lazyinspect.plan.insight.failure import Failure
from lazyinspect.plan.insight.formulas import argument_expr, dims_read
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


def operation_of(failure: Failure, trace: Trace, budget: Budget) -> Operation | None:
    """The step that failed, to try other sizes on; None where no op refuses anything."""
    if failure.error is None or failure.step is None or failure.scope is None:
        return None
    sourced = Sourced(list(failure.operands), dict(failure.keywords))
    return Operation(trace, failure.step, sourced, failure.scope, failure.call, budget)


def blamed(failure: Failure, operation: Operation | None) -> Iterator[Blamed]:
    """Sizes that are in the way: those of an image's positions together, others one by one."""
    sizes = list(dict.fromkeys(_sizes(failure, operation)))
    if any(dim > 0 for _, dim in sizes):
        # the batch is in the way only where nothing else is
        sizes = [(value, dim) for value, dim in sizes if dim > 0]
    images: dict[int, list[int]] = {}
    for value, dim in sizes:
        if value.type.rank >= 4 and dim >= 2:
            images.setdefault(id(value), []).append(dim)
    for value, dim in sizes:
        if value.type.rank < 4 or dim < 2:
            yield Blamed(value, (dim,))
        elif id(value) in images:
            yield Blamed(value, tuple(images.pop(id(value))))


def _sizes(failure: Failure, operation: Operation | None) -> Iterator[tuple[Val, int]]:
    if failure.problem.code == "unmet-expect":
        yield from _unexpected(failure)
        return
    error, step, scope = failure.error, failure.step, failure.scope
    if error is None or step is None or scope is None or operation is None:
        return
    first = operation.sourced.first()
    expr = argument_expr(step, error.argument) if isinstance(error, ArgumentError) else None
    if first is not None and expr is not None:
        dims = dims_read(expr, scope)
        yield from ((first, dim) for dim in dims)
        if dims:
            return
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
    everything = operation.sizes[:_MAX_SIZES]
    if not everything or operation.is_slow or operation.output() is not None:
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


def _sides(operation: Operation) -> Iterator[int]:
    """Sides of the square image of which a number among the arguments would be the features."""
    for read in operation.read:
        for argument in operation.arguments if read.kind.rank == 4 else ():
            channels = read.kind.shape[1]
            if channels and argument.value > 0 and argument.value % channels == 0:
                side = isqrt(argument.value // channels)
                if side * side * channels == argument.value:
                    yield side


def _candidates(operation: Operation, message: str) -> list[int]:
    """Sizes that might suit: those that are named, and some larger ones."""
    named = [argument.value for argument in operation.arguments]
    named += [int(text) for text in re.findall(r"\d+", message) if len(text) < 9]
    named += [size for read in operation.read for size in read.kind.shape]
    larger = [2 * value for value in named] + [4096, 64]
    found = dict.fromkeys(value for value in (*_sides(operation), *named, *larger) if value > 0)
    return list(found)[:_MAX_CANDIDATES]
