"""A failure -> the places that its sizes come from, as spans of its problem. No torch here.

From a size in question the trail goes back through the steps that pass it on as it is, to the one
that made it: an argument, a computation, or the network's input. Every step of the trail is found
by trying (operation.py); where that shows nothing, the trail ends at the step, and says no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from lazyinspect.errors import ArgumentError, Mark, Problem, Span, SpecError
from lazyinspect.plan.frame import Skip, Val
from lazyinspect.plan.insight import formulas
from lazyinspect.plan.insight.blame import blamed, operation_of
from lazyinspect.plan.insight.dependence import Dependence, dependence_of
from lazyinspect.plan.insight.failure import Failure
from lazyinspect.plan.insight.kinds import kind_spans
from lazyinspect.plan.insight.operation import (
    Argument,
    Budget,
    Exhausted,
    Keys,
    Operation,
    Size,
    expression,
    tensor_at,
)
from lazyinspect.plan.insight.trace import Made, Trace, Uses, picked
from lazyinspect.plan.scope import Scope, evaluate
from lazyinspect.plan.tree import InputType
from lazyinspect.shapes import format_shape

MAX_SPANS = 4
_LONG = 40
"""Characters that the sizes on the way may take."""
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


def explain_origins(found: Sequence[Failure], inputs: tuple[InputType, ...]) -> list[Problem]:
    """The problems, each with spans where its sizes come from."""
    budget = Budget(TRIALS)
    problems = []
    for failure in found:
        spans: tuple[Span, ...] = ()
        if failure.trace is not None and not failure.problem.spans:
            with suppress(Exception):  # an insight that fails is left out: the problem is right
                spans = Origins(failure, failure.trace, inputs, budget).spans()
        problem = failure.problem
        problems.append(replace(problem, spans=spans or problem.spans, found=_found(failure)))
    return problems


def _found(failure: Failure) -> str:
    """What stands beside the caret: of a refused argument, what its formula reads."""
    error, problem = failure.error, failure.problem
    if problem.found or not isinstance(error, ArgumentError):
        return problem.found
    if failure.step is None or failure.scope is None:
        return ""
    expr = formulas.argument_expr(failure.step, error.argument)
    return "" if expr is None else formulas.said(expr, failure.scope)


@dataclass(frozen=True, slots=True)
class Found:
    """One place on a trail."""

    mark: Mark
    text: str
    depth: int
    """How far back: 0 is the nearest cause."""
    after: str = ""
    """What became of it on the way to the nearest cause."""


@dataclass(frozen=True, slots=True)
class _Change:
    """A step that computed other sizes."""

    mark: Mark
    before: tuple[int, ...]
    after: tuple[int, ...]


class Origins:
    """Follows the sizes of one failure back to where they come from.

    Args:
        failure: what is to be explained.
        trace: who made each value.
        inputs: of the network, as planned.
        budget: how much may be tried.
    """

    def __init__(
        self, failure: Failure, trace: Trace, inputs: tuple[InputType, ...], budget: Budget
    ) -> None:
        self.failure = failure
        self.trace = trace
        self.inputs = inputs
        self.budget = budget
        self._operations: dict[Made, Operation] = {}
        self._followed: dict[Any, Dependence] = {}

    def spans(self) -> tuple[Span, ...]:
        """Places that explain the failure, the nearest causes first."""
        found: dict[tuple[Mark, str], Found] = {}
        try:
            for place in self._places():
                known = found.get((place.mark, place.text))
                if known is None or (place.after and not known.after):
                    found[place.mark, place.text] = place
        except Exhausted:
            pass  # what was found until then is as true as before
        places = sorted(found.values(), key=lambda place: place.depth)
        return tuple([Span(place.mark, place.text + place.after) for place in places[:MAX_SPANS]])

    def _places(self) -> Iterator[Found]:
        operation = operation_of(self.failure, self.trace, self.budget)
        sizes = False
        for item in blamed(self.failure, operation):
            for place in self._sizes(item.value, item.dims, (), 0):
                sizes = True
                yield place
        if operation is not None and not sizes:
            for span in kind_spans(self.failure, self.trace, self.inputs, operation):
                yield Found(span.mark, span.text, 0)

    def _sizes(self, value: Val, dims: tuple[int, ...], uses: Uses, depth: int) -> Iterator[Found]:
        """Where sizes of one tensor come from; of several, where it is the same place."""
        if depth > MAX_SPANS:
            return
        changes: list[_Change] = []
        while True:
            self.budget.spend(1)
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
                    text = f"{_by(before)} -> {_by(sizes)} "
                    text += "in an earlier copy" if self._earlier(made, uses) else "here"
                    yield Found(made.step.mark, text + self._where(uses), depth)
                    depth += 1
                value = source.value
                continue
            if len(dims) > 1 and not all(d.arguments for d in follow):
                for dim in dims:
                    yield from self._sizes(value, (dim,), uses, depth)
                return
            yield from self._made(made, value.path, dims, follow, changes, uses, depth)
            return

    def _made(
        self,
        made: Made,
        path: Keys,
        dims: tuple[int, ...],
        follow: list[Dependence],
        changes: list[_Change],
        uses: Uses,
        depth: int,
    ) -> Iterator[Found]:
        """A step that made sizes: of several others, of an argument, or by what it is."""
        operation = self._operation(made)
        sizes = tuple(tensor_at(made.call.output, path).shape[dim] for dim in dims)
        first = follow[0]
        after = _afterwards(changes)
        here = self._here(made, uses)
        if first.sizes:
            text = str(sizes[0])
            if first.form:
                parts = [operation.read[at.value].kind.shape[at.dim] for at in first.sizes]
                text += f" = {f' {first.form} '.join(map(str, parts))}"
            yield Found(made.step.mark, f"{text}, {here}{self._where(uses)}", depth, after)
            for index, dims in islice(_groups(operation, first.sizes), MAX_SPANS):
                yield from self._sizes(operation.read[index].value, dims, uses, depth + 1)
        elif first.arguments:
            arguments = [dependence.arguments[0] for dependence in follow]
            yield from self._argument(made, arguments, sizes, after, uses, depth)
        else:
            module, arguments = self._of_module(made, path, dims)
            if module is not None:
                yield from self._argument(module, arguments, sizes, after, uses, depth)
                return
            yield Found(made.step.mark, f"{_by(sizes)}, {here}{self._where(uses)}", depth, after)

    def _of_module(
        self, made: Made, path: Keys, dims: tuple[int, ...]
    ) -> tuple[Made | None, list[Argument]]:
        """Of a `use:`, the step of the module, where its arguments alone make these sizes."""
        if made.module is None:
            return None, []
        first = self.trace.settled(picked(made.module, path), ())[2]
        if not isinstance(first, Made):
            return None, []
        follow = [self._follow(first, path, dim) for dim in dims]
        if not all(dependence.arguments for dependence in follow):
            return None, []
        return first, [dependence.arguments[0] for dependence in follow]

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
        text = f"{_by(sizes)}{' ' if unit else ''}{unit}, {self._here(made, uses)}"
        said = formulas.said(expr, made.scope) if expr is not None else ""
        if said:
            text += f": {first.name} = {said}" if first.name else f": {said}"
        elif first.name:
            text += f": {first.name}"
            if values != sizes:
                text += f" is {values[0]}"
        yield Found(mark, text + self._where(uses), depth, after)
        source = made.sourced.first()
        if expr is not None and source is not None:
            for dim in formulas.dims_read(expr, made.scope):
                yield from self._sizes(source, (dim,), uses, depth + 1)

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
        expr, mark = entry.shape, entry.shape.mark
        text = f"{_by(sizes)}, from the input"
        if len(self.inputs) > 1:
            text += f" `{entry.name}`"
        scope = Scope(self.trace.params)
        try:
            written = evaluate(expr, scope)
        except (SpecError, Skip):
            written = None
        if written != planned.type.shape:
            text += f", given as {format_shape(planned.type.shape)}"
        if isinstance(expr.value, tuple) and len(expr.value) == planned.type.rank:
            items = [expr.value[dim] for dim in dims]
            mark = items[0].mark.to(items[-1].mark)
            said = dict.fromkeys(filter(None, (formulas.said(item, scope) for item in items)))
            if written == planned.type.shape and len(said) == 1:
                text += f": {next(iter(said))}"
        yield Found(mark, text, depth, _afterwards(changes))

    def _earlier(self, made: Made, uses: Uses) -> bool:
        """Whether this is the step that failed, in a copy before it."""
        step = self.failure.step
        if uses or step is None or self.failure.error is None:
            return False  # an `expect:` is about the step's own output
        return made.step.mark == step.mark

    def _here(self, made: Made, uses: Uses) -> str:
        return "from an earlier copy" if self._earlier(made, uses) else "from here"

    def _where(self, uses: Uses) -> str:
        """Which use of a block is meant, where the trail has entered one."""
        if not uses:
            return ""
        step = uses[-1].step
        if step.mark in self.failure.problem.used_at:
            return ", in an earlier copy"
        return f", in the {step.op} of line {step.mark.line}"

    def _operation(self, made: Made) -> Operation:
        found = self._operations.get(made)
        if found is None:
            found = self._operations[made] = Operation(
                self.trace, made.step, made.sourced, made.scope, made.call, self.budget
            )
        return found

    def _follow(self, made: Made, path: Keys, dim: int) -> Dependence:
        operation = self._operation(made)
        # networks repeat themselves, and one layer follows the same sizes as the next
        key = (operation.key, path, dim)
        found = self._followed.get(key)
        if found is None:
            found = self._followed[key] = dependence_of(operation, path, dim)
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


def _afterwards(changes: Sequence[_Change]) -> str:
    """What became of sizes on the way from here to the nearest change, which has its own place."""
    steps = [f"{_by(change.after)} (line {change.mark.line})" for change in reversed(changes[1:])]
    if len(steps) > 3 or len(", ".join(steps)) > _LONG:
        steps = [steps[0], "...", steps[-1]]
    return f"; then {', '.join(steps)}" if steps else ""
