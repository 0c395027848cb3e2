"""A spec that failed, planned once more -> who made each value, and what each failed step read.

Planning keeps no more than a plan needs, so that it stays fast; what a diagnosis needs is
recorded here, by the same planner, after something failed. No torch here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from lazyinspect.errors import Mark, OpError, Problem, SpecError
from lazyinspect.plan.arguments import block_inputs
from lazyinspect.plan.frame import Frame, Val
from lazyinspect.plan.insight.failure import Failure
from lazyinspect.plan.leaves import Leaves
from lazyinspect.plan.nodes import Nodes
from lazyinspect.plan.planner import Planner
from lazyinspect.plan.resolve import Resolver
from lazyinspect.plan.scope import Scope
from lazyinspect.plan.sources import Sourced, Walk, last, lookup
from lazyinspect.plan.tree import Call, Graph
from lazyinspect.shapes import TensorType
from lazyinspect.spec.model import GraphSpec, Layers, OutputSpec, Spec, StepSpec

Place: TypeAlias = "tuple[Frame, int]"


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A step without steps inside made this value."""

    step: StepSpec
    sourced: Sourced
    """What it read, evaluated."""
    scope: Scope
    call: Call
    """With the node that it became."""
    module: Val | None = None
    """Of a `use:`, what the module gave where it was applied first."""


@dataclass(frozen=True, slots=True, eq=False)
class Alias:
    """This value is another one: a container's input or output."""

    value: Val


@dataclass(frozen=True, slots=True, eq=False)
class Entered:
    """A block or Graph was called, and gave this value."""

    step: StepSpec
    operands: tuple[Any, ...]
    frame: Frame
    """Of what is inside, which other uses may share."""
    output: Any
    """The value inside, or a tuple or mapping of values."""


Uses: TypeAlias = "tuple[Entered, ...]"


@dataclass(slots=True, eq=False)
class Trace:
    """Who made each value, by its frame and slot."""

    spec: Spec
    made: dict[Place, Made | Alias | Entered] = field(default_factory=dict)
    first_use: dict[Frame, tuple[Any, ...]] = field(default_factory=dict)
    """What a block's inputs were where it was planned."""
    inputs: dict[Frame, int] = field(default_factory=dict)
    """The network's own frame, and how many inputs it has."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Of the network."""
    nodes: Nodes = field(init=False)
    """What applied the steps, to apply them once more."""

    def same(self, value: Val) -> Val:
        """The value that this one is, inside its block: containers pass values on as they are."""
        while True:
            made = self.made.get((value.frame, value.slot))
            if not isinstance(made, Alias):
                return value
            value = picked(made.value, value.path)

    def settled(self, value: Val, uses: Uses) -> tuple[Val, Uses, Made | int | None]:
        """The value that this one is, where a step made it or the network took it in.

        Args:
            uses: blocks that were entered on the way here from outside, the innermost last.

        Returns:
            The value, what is entered where it stands, and who made it: a step, the network's
            input of that number, or None where that is not known.
        """
        while True:
            value = self.same(value)
            made = self.made.get((value.frame, value.slot))
            if isinstance(made, Made):
                return value, uses, made
            if isinstance(made, Entered):
                uses, inner = (*uses, made), made.output
            elif value.frame in self.inputs and value.slot < self.inputs[value.frame]:
                return value, uses, value.slot
            elif uses and uses[-1].frame is value.frame:
                uses, inner = uses[:-1], _at(uses[-1].operands, value.slot)
            elif value.frame in self.first_use:
                uses, inner = (), _at(self.first_use[value.frame], value.slot)
            else:
                return value, uses, None
            path = value.path
            while path and isinstance(inner, (tuple, dict)):
                inner, path = _at(inner, path[0]), path[1:]
            if not isinstance(inner, Val):
                return value, uses, None
            value = picked(inner, path)


def picked(value: Val, path: tuple[int | str, ...]) -> Val:
    """What keys take of a value."""
    for key in path:
        value = value.pick(key)
    return value


def _at(values: Any, key: int | str) -> Any:
    """An element of a tuple or mapping; None where it has no such."""
    try:
        return values[key]
    except (IndexError, KeyError, TypeError):
        return None


class Recorder(Planner):
    """Plans as the planner does, and keeps a Trace and a Failure for each problem."""

    def __init__(self, spec: Spec, resolver: Resolver, known: Callable[[str, Mark], None]) -> None:
        super().__init__(spec, resolver, known)
        self.trace = Trace(spec)
        self.records: dict[int, Failure] = {}
        """By the place of its problem in ``problems``."""
        self.opening: tuple[Any, ...] | None = None
        """Operands of the block that is about to be planned."""
        self.graphs: dict[Graph, tuple[Frame, Any]] = {}
        self._ended: tuple[Frame, Any] | None = None
        self.nodes = self.trace.nodes = _Nodes(spec, resolver, known, self)

    @property
    def failures(self) -> list[Failure]:
        """One for each problem, in their order."""
        return [
            replace(self.records[place], problem=problem)
            if place in self.records
            else Failure(problem, trace=self.trace)
            for place, problem in enumerate(self.problems)
        ]

    def record(self, failure: Failure) -> None:
        """Keep what belongs to the problem that comes next."""
        self.records.setdefault(len(self.problems), failure)

    def network(
        self, params: Mapping[str, Any], inputs: tuple[tuple[str, TensorType], ...]
    ) -> tuple[Graph | None, Call | None]:
        self.trace.params = params
        return super().network(params, inputs)

    def scope(
        self,
        body: GraphSpec,
        declared: str,
        params: Mapping[str, Any],
        inputs: tuple[str, ...],
        types: list[Any],
        mark: Mark,
        i: int | None = None,
    ) -> tuple[Graph | None, Call | None]:
        graph, call = super().scope(body, declared, params, inputs, types, mark, i)
        if graph is not None:
            assert self._ended is not None
            self.graphs[graph] = self._ended
        return graph, call

    def steps(self, layers: Layers, walk: Walk) -> None:
        frame = walk.frame
        if frame.is_block and frame not in self.trace.first_use:
            if self.opening is None:
                self.trace.inputs[frame] = len(frame.inputs)
            else:
                self.trace.first_use[frame] = self.opening
            self.opening = None
        super().steps(layers, walk)

    def _output(self, output: OutputSpec | None, walk: Walk) -> Any:
        value = super()._output(output, walk)
        self._ended = walk.frame, value
        return value

    def _step(self, step: StepSpec, walk: Walk) -> None:
        try:
            super()._step(step, walk)
        except SpecError as error:
            for place in range(len(error.problems)):
                self.records.setdefault(
                    len(self.problems) + place,
                    Failure(error.problems[place], step=step, walk=walk, trace=self.trace),
                )
            raise


class _Nodes(Nodes):
    """Applies ops, and writes down who made what."""

    def __init__(
        self,
        spec: Spec,
        resolver: Resolver,
        known: Callable[[str, Mark], None],
        recorder: Recorder,
    ) -> None:
        super().__init__(spec, resolver, known, recorder)
        self.recorder = recorder
        self.trace = recorder.trace
        self.leaves: _Leaves = _Leaves(resolver, known, recorder.trace)

    def apply(self, step: StepSpec, name: str, sourced: Sourced, scope: Scope, walk: Walk) -> Val:
        before = len(self.walker.problems)
        self.leaves.read = None
        try:
            value = super().apply(step, name, sourced, scope, walk)
        except OpError as error:
            read = self.leaves.read
            if read is None:
                read = sourced if sourced.branches else sourced.evaluated(scope)
            self.recorder.record(
                Failure(
                    Problem("", ""), error, step, tuple(read.positional), read.keywords, walk,
                    scope, self.trace,
                )
            )  # fmt: skip
            raise
        problems = self.walker.problems
        if len(problems) > before and problems[-1].mark is step.expect_mark:
            self.recorder.records.setdefault(
                len(problems) - 1,
                Failure(problems[-1], None, step, (value,), {}, walk, scope, self.trace),
            )
        return value

    def inner(self, walk: Walk, name: str, declared: str, source: Val | None, mark: Mark) -> Walk:
        inner = super().inner(walk, name, declared, source, mark)
        if source is not None:
            self.trace.made[inner.frame, 0] = Alias(source)
        return inner

    def close(self, inner: Walk, name: str, source: Val | None, mark: Mark, walk: Walk) -> Val:
        value = super().close(inner, name, source, mark, walk)
        self.trace.made[value.frame, value.slot] = Alias(last(inner, mark))
        return value

    def _closed(
        self,
        step: StepSpec,
        body: GraphSpec,
        declared: str,
        params: Mapping[str, Any],
        name: str,
        sourced: Sourced,
        walk: Walk,
        key: Any,
    ) -> Val:
        operands = block_inputs(step, body, sourced) if key is None else sourced.positional
        self.recorder.opening = tuple(operands)
        value = super()._closed(step, body, declared, params, name, sourced, walk, key)
        graph = walk.frame.drafts[-1].node
        assert isinstance(graph, Graph)
        frame, output = self.recorder.graphs[graph]
        self.trace.made[value.frame, value.slot] = Entered(step, tuple(operands), frame, output)
        return value

    def _use(self, step: StepSpec, name: str, sourced: Sourced, walk: Walk) -> Val:
        scope = Scope(walk.params, None, walk.i)
        try:
            value = super()._use(step, name, sourced, walk)
        except OpError as error:
            module = lookup(step.args.positional[0].constant, step.mark, walk)
            found = walk.frame.block.maker(module.frame, module.slot)
            call = None if found is None else found[1]
            self.recorder.record(
                Failure(
                    Problem("", ""), error, step, tuple(sourced.positional), sourced.keywords,
                    walk, scope, self.trace, call,
                )
            )  # fmt: skip
            raise
        module = lookup(step.args.positional[0].constant, step.mark, walk)
        made = Made(step, sourced, scope, walk.calls[-1], module)
        self.trace.made[value.frame, value.slot] = made
        return value


class _Leaves(Leaves):
    """Applies what has no steps inside, and writes down what it read."""

    def __init__(
        self, resolver: Resolver, known: Callable[[str, Mark], None], trace: Trace
    ) -> None:
        super().__init__(resolver, known)
        self.trace = trace
        self.read: Sourced | None = None
        """Sources of the leaf applied last: of a merge with inline branches, their outputs."""

    def row(self, step: StepSpec, name: str, sourced: Sourced, scope: Scope, walk: Walk) -> Val:
        self.read = sourced
        value = super().row(step, name, sourced, scope, walk)
        self.trace.made[value.frame, value.slot] = Made(step, sourced, scope, walk.calls[-1])
        return value

    def parameter(self, step: StepSpec, name: str, scope: Scope, walk: Walk) -> Val:
        value = super().parameter(step, name, scope, walk)
        made = Made(step, Sourced([], {}), scope, walk.calls[-1])
        self.trace.made[value.frame, value.slot] = made
        return value
