"""A failure that is about no size -> where a dtype, a count of dimensions, a tuple comes from.

As with sizes, what is to blame is found by trying another, and the trail ends where it is made.
No torch here, but for classes without a row.
"""

from __future__ import annotations

from collections.abc import Iterator

from lazyinspect.errors import Mark, Span
from lazyinspect.plan.frame import Val
from lazyinspect.plan.insight.failure import Failure
from lazyinspect.plan.insight.operation import Operation
from lazyinspect.plan.insight.trace import Made, Trace
from lazyinspect.plan.tree import InputType
from lazyinspect.shapes import Shape, TensorType, format_value, prod


def kind_spans(
    failure: Failure, trace: Trace, inputs: tuple[InputType, ...], operation: Operation
) -> Iterator[Span]:
    """Where the dtype, the dimensions or the tuple comes from that the step refuses."""
    message = "" if failure.error is None else failure.error.message
    for value in failure.values:
        if isinstance(value.type, tuple) and "a tuple" in message:
            yield from _tuple(value, trace)
            return
    if operation.output() is not None:
        return
    spare = [*dict.fromkeys(("int64", trace.nodes.leaves.resolver.dtype, "float32", "bool"))]
    for index, read in enumerate(operation.read):
        changed = [TensorType(read.kind.shape, d) for d in spare if d != read.kind.dtype]
        if any(operation.retyped(index, kind) is not None for kind in changed):
            yield from _dtype(read.value, trace, inputs, operation)
    for index, read in enumerate(operation.read):
        kinds = [TensorType(shape, read.kind.dtype) for shape in _other_ranks(read.kind.shape)]
        if any(operation.retyped(index, kind) is not None for kind in kinds):
            yield from _rank(read.value, trace, inputs)


def _other_ranks(shape: Shape) -> Iterator[Shape]:
    """The same elements under more or fewer dimensions."""
    yield (1, *shape)
    yield (1, 1, *shape)
    yield (*shape, 1)
    yield (*shape, 1, 1)
    if len(shape) > 1:
        yield shape[1:]
        yield (shape[0], prod(shape[1:]))
    if len(shape) > 2:
        yield (shape[0], shape[1], prod(shape[2:]))
        yield (shape[0] * shape[1], *shape[2:])


def _tuple(value: Val, trace: Trace) -> Iterator[Span]:
    value, _, made = trace.settled(value, ())
    if isinstance(made, Made):
        yield Span(made.step.mark, f"{format_value(value.type)}, from here")


def _dtype(
    value: Val, trace: Trace, inputs: tuple[InputType, ...], failed: Operation
) -> Iterator[Span]:
    """Where a dtype comes from: past the steps that keep it."""
    while True:
        value, _, made = trace.settled(value, ())
        kind = value.type
        if isinstance(made, int):
            mark = _input_mark(made, trace)
            if mark is not None:
                yield Span(mark, f"{kind.dtype}, from {_input(made, inputs)}")
            return
        if made is None:
            return
        operation = failed.of(made)
        kept = operation.keeps_dtype(value.path)
        if kept is None:
            yield Span(made.step.mark, f"{kind.dtype}, from here")
            return
        value = kept


def _rank(value: Val, trace: Trace, inputs: tuple[InputType, ...]) -> Iterator[Span]:
    """The last step that changed how many dimensions there are."""
    while True:
        value, _, made = trace.settled(value, ())
        kind = value.type
        if isinstance(made, int):
            mark = _input_mark(made, trace)
            if mark is not None:
                yield Span(mark, f"{kind}, from {_input(made, inputs)}")
            return
        if made is None:
            return
        source = made.sourced.first()
        if source is None or not isinstance(source.type, TensorType):
            yield Span(made.step.mark, f"{kind}, from here")
            return
        if source.type.rank != kind.rank:
            yield Span(made.step.mark, f"{source.type} -> {kind} here")
            return
        value = source


def _input_mark(index: int, trace: Trace) -> Mark | None:
    entries = trace.spec.inputs
    return entries[index].shape.mark if index < len(entries) else None


def _input(index: int, inputs: tuple[InputType, ...]) -> str:
    return "the input" if len(inputs) == 1 else f"the input `{inputs[index].name}`"
