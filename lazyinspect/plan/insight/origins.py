"""A failure -> the places that its sizes come from, as spans of its problem. No torch here.

From a size in question the trail goes back through the steps that pass it on as it is, to the one
that made it: an argument, a computation, or the network's input. Every step of the trail is found
by trying (operation.py); where that shows nothing, the trail ends at the step, and says no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lazyinspect.errors import Mark, Problem, Span, SpecError
from lazyinspect.plan.frame import Skip, Val
from lazyinspect.plan.insight.blame import Blamed, blamed
from lazyinspect.plan.insight.failure import Failure
from lazyinspect.plan.insight.operation import (
    Argument,
    Budget,
    Dependence,
    Exhausted,
    Operation,
    Size,
    expression,
)
from lazyinspect.plan.insight.trace import Made, Trace, Uses
from lazyinspect.plan.scope import Scope, evaluate
from lazyinspect.plan.tree import InputType
from lazyinspect.shapes import TensorType, format_shape
from lazyinspect.spec.formula import Formula, FormulaError
from lazyinspect.spec.model import Expr

MAX_SPANS = 4
TRIALS = 5_000
"""Applications of an op, for all failures of a spec: about a tenth of a second."""

_UNITS = {
    "out_channels": "channels",
    "num_channels": "channels",
    "out_features": "features",
    "hidden_size": "features",
    "embedding_dim": "features",
    "embed_dim": "features",
    "d_model": "features",
    "num_features": "features",
}
_SHAPE = re.compile(r"shape\s*\(\s*(-?\d+)\s*\)")


def explain_origins(found: Sequence[Failure], inputs: tuple[InputType, ...]) -> list[Problem]:
    """The problems, each with spans where its sizes come from."""
    budget = Budget(TRIALS)
    problems = []
    for failure in found:
        spans: tuple[Span, ...] = ()
        if failure.trace is not None and not failure.problem.spans:
            spans = Origins(failure.trace, inputs, budget).spans(failure)
        problems.append(replace(failure.problem, spans=spans) if spans else failure.problem)
    return problems


@dataclass(frozen=True, slots=True)
class Found:
    """One place on a trail."""

    span: Span
    depth: int
    """How far back: 0 is the nearest cause."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A step that computed other sizes."""

    mark: Mark
    before: tuple[int, ...]
    after: tuple[int, ...]


class Origins:
    """Follows sizes back to where they come from.

    Args:
        trace: who made each value.
        inputs: of the network, as planned.
        budget: how much may be tried.
    """

    def __init__(self, trace: Trace, inputs: tuple[InputType, ...], budget: Budget) -> None:
        self.trace = trace
        self.inputs = inputs
        self.budget = budget
        self._operations: dict[Made, Operation] = {}
        self._followed: dict[tuple[Made, tuple[int | str, ...], int], Dependence] = {}

    def spans(self, failure: Failure) -> tuple[Span, ...]:
        """Places that explain the failure, the nearest causes first."""
        found: list[Found] = []
        try:
            for item in blamed(failure, self.trace, self.budget):
                found.extend(self.trail(item))
        except Exhausted:
            pass  # what was found until then is as true as before
        found.sort(key=lambda place: place.depth)
        unique = list(dict.fromkeys(place.span for place in found))
        return tuple(unique[:MAX_SPANS])

    def trail(self, item: Blamed) -> Iterator[Found]:
        """Where what is to blame comes from."""
        if item.dims:
            yield from self._sizes(item.value, item.dims, (), 0)

    def _sizes(self, value: Val, dims: tuple[int, ...], uses: Uses, depth: int) -> Iterator[Found]:
        """Where sizes of one tensor come from; of several, where it is the same place."""
        changes: list[_Change] = []
        while True:
            value, uses, made = self.trace.settled(value, uses)
            sizes = tuple(value.type.shape[dim] for dim in dims)
            if made is None:
                return
            if isinstance(made, int):
                yield from self._input(made, dims, sizes, changes, depth)
                return
            follow = [self._follow(made, value.path, dim) for dim in dims]
            operation = self._operation(made)
            passed = _together([dependence.same for dependence in follow])
            if passed is not None:
                value = operation.read[passed[0].value].value
                dims = tuple(size.dim for size in passed)
                continue
            computed = _together([d.sizes[0] if len(d.sizes) == 1 else None for d in follow])
            if computed is not None:
                source = operation.read[computed[0].value]
                dims = tuple(size.dim for size in computed)
                before = tuple(source.kind.shape[dim] for dim in dims)
                changes.append(_Change(made.step.mark, before, sizes))
                if len(changes) == 1:
                    text = f"{_by(before)} -> {_by(sizes)} here"
                    yield Found(Span(made.step.mark, text + _where(uses)), depth)
                    depth += 1
                value = source.value
                continue
            if len(dims) > 1 and not all(d.arguments for d in follow):
                for dim in dims:
                    yield from self._sizes(value, (dim,), uses, depth)
                return
            yield from self._made(made, follow, sizes, changes, uses, depth)
            return

    def _made(
        self,
        made: Made,
        follow: list[Dependence],
        sizes: tuple[int, ...],
        changes: list[_Change],
        uses: Uses,
        depth: int,
    ) -> Iterator[Found]:
        """A step that made sizes: of several others, of an argument, or by what it is."""
        operation = self._operation(made)
        first = follow[0]
        after = _afterwards(changes)
        if first.sizes:
            text = f"{sizes[0]}, from here"
            if first.form:
                parts = [operation.read[at.value].kind.shape[at.dim] for at in first.sizes]
                text = f"{sizes[0]} = {f' {first.form} '.join(map(str, parts))}, from here"
            yield Found(Span(made.step.mark, text + after + _where(uses)), depth)
            for index, dims in _groups(operation, first.sizes):
                yield from self._sizes(operation.read[index].value, dims, uses, depth + 1)
        elif first.arguments:
            arguments = [dependence.arguments[0] for dependence in follow]
            yield from self._argument(made, arguments, sizes, after, uses, depth)
        else:
            text = f"{_by(sizes)}, from here{after}{_where(uses)}"
            yield Found(Span(made.step.mark, text), depth)

    def _argument(
        self,
        made: Made,
        arguments: list[Argument],
        sizes: tuple[int, ...],
        after: str,
        uses: Uses,
        depth: int,
    ) -> Iterator[Found]:
        first = arguments[0]
        same = all(argument == first for argument in arguments)
        expr = expression(made.step, first) if same else None
        mark = made.step.mark if expr is None else expr.mark
        values = tuple(argument.value for argument in arguments)
        unit = _UNITS.get(first.name, "") if len(sizes) == 1 else ""
        text = f"{_by(sizes)}{' ' if unit else ''}{unit}, from here"
        said = _formula(expr, made.scope) if expr is not None else ""
        if said:
            text += f": {first.name} = {said}" if first.name else f": {said}"
        elif first.name:
            text += f": {first.name}" + ("" if values == sizes else f" = {_by(values[:1])}")
        yield Found(Span(mark, text + after + _where(uses)), depth)
        for dims in _dims_read(expr, made.scope):
            source = made.sourced.first()
            if source is not None:
                yield from self._sizes(source, dims, uses, depth + 1)

    def _input(
        self,
        index: int,
        dims: tuple[int, ...],
        sizes: tuple[int, ...],
        changes: list[_Change],
        depth: int,
    ) -> Iterator[Found]:
        """Sizes of an input of the network."""
        if index >= len(self.trace.spec.inputs):
            return  # it was asked for on the command line, of a file without `input:`
        entry, planned = self.trace.spec.inputs[index], self.inputs[index]
        expr = entry.shape
        of = "the input" if len(self.inputs) == 1 else f"the input `{entry.name}`"
        many = "s" if len(dims) > 1 else ""
        text = f"{_by(sizes)}, dimension{many} {' and '.join(map(str, dims))} of {of}"
        scope = Scope(self.trace.params)
        try:
            written = evaluate(expr, scope)
        except (SpecError, Skip):
            written = None
        if written != planned.type.shape:
            text += f", which is {format_shape(planned.type.shape)} here"
        elif isinstance(expr.value, tuple):
            items = [expr.value[dim] for dim in dims]
            said = dict.fromkeys(filter(None, (_formula(item, scope) for item in items)))
            text += "".join(f": {item}" for item in said) if len(said) == 1 else ""
            if len(items) == 1:
                expr = items[0]
        yield Found(Span(expr.mark, text + _afterwards(changes)), depth)

    def _operation(self, made: Made) -> Operation:
        found = self._operations.get(made)
        if found is None:
            found = self._operations[made] = Operation(
                self.trace, made.step, made.sourced, made.scope, made.call, self.budget
            )
        return found

    def _follow(self, made: Made, path: tuple[int | str, ...], dim: int) -> Dependence:
        key = (made, path, dim)
        found = self._followed.get(key)
        if found is None:
            found = self._followed[key] = self._operation(made).follow(path, dim)
        return found


def _together(sizes: Sequence[Size | None]) -> list[Size] | None:
    """Sizes of one and the same value; None where one is missing or of another."""
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes) or len({size.value for size in known}) != 1:
        return None
    return known


def _groups(operation: Operation, sizes: Sequence[Size]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Sizes by value: those of an image's positions together, the others each by itself."""
    images: dict[int, list[int]] = {}
    for size in sizes:
        if operation.read[size.value].kind.rank >= 4 and size.dim >= 2:
            images.setdefault(size.value, []).append(size.dim)
        else:
            yield size.value, (size.dim,)
    for index, dims in images.items():
        yield index, tuple(dims)


def _by(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))


def _where(uses: Uses) -> str:
    """Which use of a block is meant, where the trail has entered one."""
    if not uses:
        return ""
    step = uses[-1].step
    return f", in the {step.op} of line {step.mark.line}"


def _afterwards(changes: Sequence[_Change]) -> str:
    """What became of sizes on the way from here to the nearest change, which has its own place."""
    steps = [f"{_by(change.after)} (line {change.mark.line})" for change in reversed(changes[1:])]
    if len(steps) > 4:
        steps = [*steps[:2], "...", steps[-1]]
    return f"; then {', '.join(steps)}" if steps else ""


def _formula(expr: Expr, scope: Scope) -> str:
    """A formula with the values of the names in it: ``$4*c with c = 64``; empty for a constant."""
    if not isinstance(expr.value, Formula):
        return ""
    values = []
    for name in sorted(expr.value.names, key=expr.value.text.find):
        try:
            if name == "shape":
                dims = dict.fromkeys(_SHAPE.findall(expr.value.text))
                values += [f"shape({dim}) = {scope.shape(int(dim))}" for dim in dims]
                continue
            value = scope.name(name)
        except (FormulaError, Skip):
            continue
        if value is None or isinstance(value, (bool, int, float)):
            text = {None: "null", True: "true", False: "false"}.get(value) if (
                value is None or isinstance(value, bool)
            ) else str(value)  # fmt: skip
            values.append(f"{name} = {text}")
    text = f"${expr.value.text}"
    return f"{text} with {', '.join(values)}" if values else text


def _dims_read(expr: Expr | None, scope: Scope) -> Iterator[tuple[int, ...]]:
    """Dimensions of the first source that a formula reads."""
    first = scope.first
    if expr is None or not isinstance(expr.value, Formula) or type(first) is not TensorType:
        return
    names = expr.value.names
    dims: list[int] = []
    if "cin" in names and first.rank > 1:
        dims.append(1)
    if "last" in names and first.rank:
        dims.append(first.rank - 1)
    for text in _SHAPE.findall(expr.value.text):
        if -first.rank <= int(text) < first.rank:
            dims.append(int(text) % first.rank)
    for dim in dict.fromkeys(dims):
        yield (dim,)
