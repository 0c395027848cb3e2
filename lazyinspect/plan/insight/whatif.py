"""Failures -> what would work, found by planning the spec again. Never raises. No torch here.

Everything said to work was planned; what was not is asked as a question, or left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

from lazyinspect.errors import LazyinspectError, OpError, Problem
from lazyinspect.plan.frame import Skip, Val
from lazyinspect.plan.insight.edits import Change, find_step, with_step
from lazyinspect.plan.insight.failure import Again, Failure
from lazyinspect.plan.insight.trace import Made, Uses
from lazyinspect.plan.ops import eager, signature_of, table
from lazyinspect.plan.ops.base import LazyOp, Op
from lazyinspect.plan.resolve import Resolver
from lazyinspect.plan.scope import evaluate_args
from lazyinspect.plan.sources import type_of, types_of
from lazyinspect.plan.tree import Function, InputType, Leaf
from lazyinspect.shapes import Shape, is_float
from lazyinspect.spec.model import ArgsExpr, Spec, StepSpec

MOST_TRIALS = 200
MOST_SECONDS = 0.25
"""Of the processor: what an answer may cost on top of the first plan."""
MOST_STEPS = 5_000
"""A network with more is not planned again: one trial would take longer than all may."""

CAUGHT: tuple[type[Exception], ...] = (Exception,)
"""What an insight may fail with; none in the tests, which look for such."""
MOST_TRIAL_STEPS = 20_000
"""Of a trial whose sizes make more copies than the spec's own."""
_FURTHEST = 200
"""Steps that a value is followed back."""

Shapes: TypeAlias = "Mapping[str, Shape]"
_Place: TypeAlias = "tuple[Any, ...]"


@dataclass(frozen=True, slots=True)
class Advice:
    """What to say beside a problem."""

    help: str
    notes: tuple[str, ...] = ()


Slip: TypeAlias = "Callable[[Case], Advice | None]"


class OutOfTrials(Exception):
    """There is no time left to look further."""


class Trials:
    """Plans the spec otherwise, as often as there is time for, and each trial once.

    Args:
        again: plans the spec, as failure.py says.
        spec: the spec that failed.
        inputs: of the network, as planned.
        problems: what failed.
        clock: seconds of the processor.
    """

    def __init__(
        self,
        again: Again,
        spec: Spec,
        inputs: tuple[InputType, ...],
        problems: list[Problem],
        clock: Callable[[], float] = time.process_time,
    ) -> None:
        self.spec = spec
        self.inputs = inputs
        self.count = 0
        self._again = again
        self._clock = clock
        self._end = clock() + MOST_SECONDS
        self._first = frozenset(map(_place, problems))
        self._known: dict[Any, frozenset[_Place]] = {}
        self._specs: list[Spec] = []
        self._probes: dict[tuple[StepSpec, int], Spec] = {}

    def shapes(self, **changed: Shape) -> dict[str, Shape]:
        """Shapes of all inputs, some of them changed."""
        return {**{entry.name: entry.type.shape for entry in self.inputs}, **changed}

    def failing(self, shapes: Shapes | None = None, spec: Spec | None = None) -> frozenset[_Place]:
        """Places of the problems of a trial; none where it works.

        Raises:
            OutOfTrials: it was not tried.
        """
        spec = spec or self.spec
        full = {**self.shapes(), **(shapes or {})}
        key = (id(spec), tuple(full.items()))
        if key not in self._known:
            if self.count >= MOST_TRIALS or self._clock() > self._end:
                raise OutOfTrials
            self.count += 1
            self._specs.append(spec)  # an id is one spec's for as long as it lives
            try:
                self._again(input=full, batch=None, spec=spec, most=MOST_TRIAL_STEPS)
            except LazyinspectError as error:
                if any(problem.code == "too-many-steps" for problem in error.problems):
                    raise OutOfTrials from None  # more steps might go well, and take too long
                self._known[key] = frozenset(map(_place, error.problems))
            else:
                self._known[key] = frozenset()
        return self._known[key]

    def works(self, shapes: Shapes | None = None, spec: Spec | None = None) -> bool:
        """Whether the whole network can be planned so. Raises OutOfTrials."""
        return not self.failing(shapes, spec)

    def cures(
        self, problem: Problem, shapes: Shapes | None = None, spec: Spec | None = None
    ) -> bool:
        """Whether this problem goes away so, and no new one comes. Raises OutOfTrials."""
        left = self.failing(shapes, spec)
        return _place(problem) not in left and left <= self._first

    def passes(
        self,
        problem: Problem,
        step: StepSpec,
        shapes: Shapes | None = None,
        spec: Spec | None = None,
    ) -> bool:
        """Whether the step of a problem is reached and goes well, whatever comes after it.

        An `expect:` that nothing meets tells that it was reached. Raises OutOfTrials.
        """
        spec = spec or self.spec
        key = (step, id(spec))
        if key not in self._probes:
            probed = replace(step, expect=(None,) * 99, expect_mark=step.mark)
            self._specs.append(spec)  # as above
            self._probes[key] = with_step(spec, step, lambda _: probed)
        left = self.failing(shapes, self._probes[key])
        place = _place(problem)
        return place not in left and ("unmet-expect", *place[1:]) in left


def _place(problem: Problem) -> _Place:
    marks = (problem.mark, *problem.used_at)
    return (problem.code, *((mark.line, mark.column) if mark else None for mark in marks))


@dataclass(frozen=True, eq=False)
class Case:
    """One failed step, and the trials that may find what is wrong with it."""

    failure: Failure
    trials: Trials

    @property
    def problem(self) -> Problem:
        return self.failure.problem

    @property
    def spec(self) -> Spec:
        return self.trials.spec

    @property
    def inputs(self) -> tuple[InputType, ...]:
        return self.trials.inputs

    @cached_property
    def error(self) -> OpError:
        assert self.failure.error is not None
        return self.failure.error

    @cached_property
    def step(self) -> StepSpec:
        """As the file has it, where it stands there by itself; else as it was applied."""
        assert self.failure.step is not None
        return find_step(self.spec, self.failure.step.mark) or self.failure.step

    @property
    def op(self) -> str:
        """As applied: of `$act`, the layer that the parameter holds."""
        assert self.failure.step is not None
        return self.failure.step.op

    @cached_property
    def row(self) -> Op | None:
        """The op's row; of a lazy layer, that of what it becomes."""
        row = table().get(self.op)
        return None if row is None else eager(row)

    @property
    def is_lazy(self) -> bool:
        return isinstance(table().get(self.op), LazyOp)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Of every tensor that the step reads."""
        return tuple(kind.shape for _, kind in self.failure.tensors)

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """The step's arguments by name, defaults filled in; empty where they cannot be bound."""
        assert self.failure.step is not None
        if self.failure.scope is None or self.op not in table():
            return {}
        signature = signature_of(self.op)
        try:
            given = signature.bind(*evaluate_args(self.failure.step.args, self.failure.scope))
        except (LazyinspectError, OpError, Skip):
            return {}
        return {**signature.defaults, **given}

    def changed(self, change: Change, step: StepSpec | None = None) -> Spec:
        """The spec with this step (or another) written otherwise."""
        return with_step(self.spec, step or self.step, change)

    def cured_by(self, shapes: Shapes | None = None, spec: Spec | None = None) -> bool:
        """Whether the problem goes away so. Raises OutOfTrials."""
        return self.trials.cures(self.problem, shapes, spec)

    def passed_by(self, spec: Spec, step: StepSpec | None = None) -> bool:
        """Whether the step goes well in a changed spec, whatever comes after it.

        Args:
            spec: the spec with other steps changed, or with this one.
            step: what this one has become, where it was changed.

        Raises OutOfTrials.
        """
        return self.trials.passes(self.problem, step or self.step, spec=spec)

    def accepts(self, op: str, args: ArgsExpr) -> bool:
        """Whether a layer takes what the step reads; nothing is said of what comes after."""
        failure = self.failure
        if failure.scope is None:
            return False
        dtypes = [kind.dtype for _, kind in failure.tensors if is_float(kind.dtype)]
        resolver = Resolver(dtypes[0] if dtypes else "float32")
        values = types_of(failure.operands)
        named = {key: type_of(value) for key, value in failure.keywords.items()}
        try:
            positional, keywords = evaluate_args(args, failure.scope)
            resolver.layer(op, positional, keywords, values, named, self.step.mark)
        except (LazyinspectError, OpError, Skip):
            return False
        return True

    def maker(self, value: Val | None) -> Made | None:
        """The step without steps inside that made a value; None for an input of the network."""
        return next(self.chain(value), None)

    def chain(self, value: Val | None) -> Iterator[Made]:
        """The steps that made a value, from the last backwards, along each first source."""
        return chain(self.failure, value)

    def file_step(self, made: Made) -> StepSpec | None:
        """What made a value, as the file has it."""
        return find_step(self.spec, made.step.mark)


def source_input(failure: Failure, value: Val, inputs: tuple[InputType, ...]) -> InputType | None:
    """The network's input that a value is; None where a step made it."""
    if failure.trace is None:
        return None
    _, _, made = failure.trace.settled(value, ())
    return inputs[made] if isinstance(made, int) and made < len(inputs) else None


def chain(failure: Failure, value: Val | None) -> Iterator[Made]:
    """The steps that made a value, from the last backwards, along each first source."""
    uses: Uses = ()
    for _ in range(_FURTHEST):
        if value is None or failure.trace is None:
            return
        _, uses, made = failure.trace.settled(value, uses)
        if not isinstance(made, Made):
            return
        yield made
        value = made.sourced.first()


def node_args(made: Made) -> Mapping[str, Any]:
    """Arguments of the node that a step became, defaults filled in."""
    node = made.call.node
    if not isinstance(node, (Leaf, Function)) or node.op is None:
        return {}
    return {**node.op.parameters.defaults, **node.args}


def node_op(made: Made) -> str:
    """Name of the class or function that a step became."""
    node = made.call.node
    if isinstance(node, Leaf):
        return node.type
    return node.op.name if isinstance(node, Function) else ""


def improve(
    failures: list[Failure],
    problems: list[Problem],
    again: Again,
    inputs: tuple[InputType, ...],
) -> list[Problem]:
    """The problems, each with what would work in the place of what failed.

    Args:
        failures: one for each problem, in order.
        problems: what is said so far.
        again: plans the spec otherwise.
        inputs: of the network, as planned.
    """
    trace = next((f.trace for f in failures if f.trace is not None), None)
    if trace is None or len(trace.made) > MOST_STEPS:
        return problems
    # here, since each of them is written with what stands above
    from lazyinspect.plan.insight.slips import SLIPS, UNMET

    trials = Trials(again, trace.spec, inputs, problems)
    improved = list(problems)
    for place, (failure, problem) in enumerate(zip(failures, problems, strict=True)):
        if failure.step is None:
            continue
        advice = _advice(Case(failure, trials), UNMET if failure.error is None else SLIPS)
        if advice is not None:
            notes = tuple(note for note in advice.notes if note not in problem.notes)
            improved[place] = replace(
                problem, help=advice.help or problem.help, notes=(*notes, *problem.notes)
            )
    return improved


def _advice(case: Case, slips: tuple[Slip, ...]) -> Advice | None:
    for slip in slips:
        try:
            found = slip(case)
        except OutOfTrials:
            continue
        except CAUGHT:  # an insight that fails is left out: the problem itself is right
            continue
        if found is not None:
            return found
    return None
