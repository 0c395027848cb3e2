"""A spec whose planning fails -> a Report of the steps before the first that does. No torch here.

The spec is planned once more, up to there: planning keeps nothing for a failure, so that it stays
fast. Steps of which it is known that they fail later, and steps after the first failure that do not
depend on it, are left out: the rows are those that would run one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lazyinspect.errors import Mark, SpecError
from lazyinspect.plan import sources as src
from lazyinspect.plan.frame import Frame, Skip, Val
from lazyinspect.plan.nodes import Nodes
from lazyinspect.plan.planner import Planner
from lazyinspect.plan.resolve import Resolver
from lazyinspect.plan.rows import RowBuilder, place_of
from lazyinspect.plan.scope import Scope
from lazyinspect.plan.sources import Sourced, Walk
from lazyinspect.plan.ties import end_of_chain
from lazyinspect.plan.tree import Call, Graph, InputType, Ref, Tie
from lazyinspect.report import (
    Environment,
    LayerRow,
    NamedTensor,
    Report,
    SpecInfo,
    Status,
    Stopped,
    Totals,
)
from lazyinspect.shapes import TensorType
from lazyinspect.spec.model import GraphSpec, Layers, Spec, StepSpec

Tensors = tuple[tuple[str, TensorType], ...]

MAX_ROWS = 10_000
"""Of a part that is drawn: no one reads more, and who waits for an error waits for these."""


def planned_part(
    spec: Spec,
    resolver: Resolver,
    known: Callable[[str, Mark], None],
    params: Mapping[str, Any],
    inputs: tuple[InputType, ...],
    info: SpecInfo,
    environment: Environment,
) -> Report | None:
    """What was planned of a network before a step failed, that step's row last.

    Where nothing fails but an ``expect:``, all of it, with the rows marked that are not as
    expected. None where there is nothing to show: the first step fails, no step does (an output
    that names nothing), or there are more than MAX_ROWS.
    """
    planner = _Planner(spec, resolver, known)
    stopped: Stopped | None = None
    try:
        _, call = planner.network(params, tuple((entry.name, entry.type) for entry in inputs))
    except _Stop as stop:
        call = planner.unfinished(stop)
        mark = stop.step.mark
        stopped = Stopped("plan", "", stop.declared, place_of(mark), stop.remaining)
    if call is None or call.size > MAX_ROWS:
        return None
    ties = tuple(
        Tie(tie.path, end, tie.mark)
        for tie in spec.ties
        if (end := end_of_chain(tie, spec)) is not None
    )
    rows = RowBuilder(resolver.dtype, ties, planner.statuses).build(call)
    if stopped is not None:
        # a name that stands twice is no second call of what it names
        rows = tuple(
            replace(_blank(r), call=0) if r.status == "failed" else _blank(r) for r in rows
        )
        stopped = replace(stopped, path=next(r.path for r in rows if r.status == "failed"))
    done = _done(rows)
    if not done:
        return None
    return Report(
        spec=info,
        environment=environment,
        inputs=tuple(NamedTensor(each.name, each.type.shape, each.type.dtype) for each in inputs),
        outputs=() if stopped else rows[0].outputs,
        layers=rows,
        totals=_sums(done),
        stopped=stopped,
    )


def run_part(report: Report, path: str, call: int) -> Report | None:
    """What ran of a planned network before a call failed in the forward, that call's row last.

    None where none ran before it.
    """
    place = next(
        (k for k, row in enumerate(report.layers) if (row.path, row.call) == (path, call)), None
    )
    if place is None:
        return None
    failed = report.layers[place]
    rows = [replace(failed, status="failed")]
    depth = failed.depth
    for row in reversed(report.layers[:place]):
        if row.depth < depth and row.kind == "container":
            depth = row.depth
            row = replace(row, status="unfinished")
        rows.append(row)
    rows = [_blank(row) for row in reversed(rows)]
    done = _done(rows)
    if not done:
        return None
    after = sum(row.kind != "container" for row in report.layers[place + 1 :])
    return replace(
        report,
        outputs=(),
        layers=tuple(rows),
        totals=_sums(done),
        stopped=Stopped("forward", path, failed.declared, failed.place, after),
        notes=(),
    )


def _blank(row: LayerRow) -> LayerRow:
    """The row less what is not known of one that failed, or that is not finished."""
    if row.status not in ("failed", "unfinished"):
        return row
    return replace(
        row,
        type=row.declared,
        outputs=(),
        param_count=0,
        trainable_param_count=0,
        param_bytes=0,
        buffer_bytes=0,
        macs=None,
        unknown_macs=0,
    )


def _done(rows: Iterable[LayerRow]) -> list[LayerRow]:
    """The layers and functions that have all their figures."""
    return [row for row in rows if row.kind != "container" and row.status in ("ok", "unmet")]


def _sums(rows: Sequence[LayerRow]) -> Totals:
    """Of rows that are no containers."""
    known = [row.macs for row in rows if row.macs is not None]
    return Totals(
        sum(row.param_count for row in rows),
        sum(row.trainable_param_count for row in rows),
        sum(row.param_bytes for row in rows),
        sum(row.buffer_bytes for row in rows),
        sum(known) if known else None,
        len(rows) - len(known),
    )


class _Stop(Exception):
    """A step fails, with all that is known of it where it does."""

    def __init__(
        self,
        step: StepSpec,
        name: str,
        walk: Walk,
        inputs: Tensors = (),
        calls: tuple[Call, ...] = (),
    ) -> None:
        super().__init__()
        self.step = step
        self.name = name
        self.walk = walk
        self.inputs = inputs
        self.calls = calls
        """Of a container that fails after the steps inside it."""
        self.at = step
        """The step of the list in hand, on the way out."""
        self.remaining = 0

    @classmethod
    def after(cls, call: Call, step: StepSpec, walk: Walk) -> _Stop:
        """What a step makes of its op's output fails: the op's call is at hand."""
        return cls(step, call.name, walk, call.inputs, call.calls)

    @property
    def declared(self) -> str:
        return self.step.written if self.step.op == "$" else self.step.op


@dataclass(frozen=True, slots=True, eq=False)
class _Opened:
    """A container that the planner is inside of."""

    outer: Walk | None
    name: str
    declared: str
    inputs: Tensors
    mark: Mark
    is_block: bool


class _Planner(Planner):
    """Plans as the planner does, and stops at the first step that fails."""

    def __init__(self, spec: Spec, resolver: Resolver, known: Callable[[str, Mark], None]) -> None:
        super().__init__(spec, resolver, known, MAX_ROWS)
        self.nodes = _Nodes(spec, resolver, known, self)
        self.opened: dict[Walk, _Opened] = {}
        self.statuses: dict[int, Status] = {}
        """Of calls that are not as they should be, by their ids."""
        self.called_from: tuple[Walk | None, str] = (None, "")
        """Where the scope stands that is about to be planned."""
        self._scope: tuple[str, Tensors, Mark] | None = None

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
        self._scope = declared, src.graph_tensors(inputs, types), mark
        return super().scope(body, declared, params, inputs, types, mark, i)

    def steps(self, layers: Layers, walk: Walk) -> None:
        if self._scope is not None:
            declared, tensors, mark = self._scope
            self._scope = None
            self.opened[walk] = _Opened(*self.called_from, declared, tensors, mark, True)
        try:
            super().steps(layers, walk)
        except _Stop as stop:
            places = (k for k, step in enumerate(layers.steps) if step is stop.at)
            stop.remaining += len(layers.steps) - 1 - next(places)
            raise

    def _splice(self, step: StepSpec, walk: Walk) -> None:
        self._stopping(super()._splice, step, walk)

    def _step(self, step: StepSpec, walk: Walk) -> None:
        self._stopping(super()._step, step, walk)

    @staticmethod
    def _stopping(plan: Callable[[StepSpec, Walk], None], step: StepSpec, walk: Walk) -> None:
        before = len(walk.calls)
        try:
            plan(step, walk)
        except (SpecError, Skip):
            if len(walk.calls) > before:
                # it was applied, and its labels are wrong
                raise _Stop.after(walk.calls.pop(), step, walk) from None
            name = step.name if isinstance(step.name, str) else str(walk.frame.index)
            raise _Stop(step, name, walk) from None
        except _Stop as stop:
            stop.at = step
            raise

    def _apply(
        self, step: StepSpec, name: str, sourced: Sourced, scope: Scope, walk: Walk, copy: int = 0
    ) -> Val:
        before, opened = len(walk.calls), len(self.opened)
        try:
            return super()._apply(step, name, sourced, scope, walk, copy)
        except (SpecError, Skip):
            if len(walk.calls) > before:
                # it was applied, and has no such element
                raise _Stop.after(walk.calls.pop(), step, walk) from None
            inner = next(
                (w for w in list(self.opened)[opened:] if self.opened[w].outer is walk), None
            )
            if inner is not None and sourced.branches:
                # the merge fails, after its branches
                raise _Stop(step, step.op, inner) from None
            calls = () if inner is None else tuple(inner.calls)
            raise _Stop(step, name, walk, _tensors(sourced), calls) from None

    def unfinished(self, stop: _Stop) -> Call:
        """The calls made so far, inside the containers that stand open, and the one that failed."""
        walk: Walk | None = stop.walk
        _settle(stop.calls)
        failed = _stand_in(stop.name, stop.declared, stop.inputs, stop.step.mark, stop.calls)
        self.statuses[id(failed)] = "failed"
        call = failed
        while walk is not None:
            _settle(walk.calls)
            opened = self.opened[walk]
            call = _stand_in(
                opened.name, opened.declared, opened.inputs, opened.mark, (*walk.calls, call),
                is_block=opened.is_block,
            )  # fmt: skip
            self.statuses[id(call)] = "unfinished"
            walk = opened.outer
        return call


class _Nodes(Nodes):
    """Applies ops, and writes down which containers are open."""

    def __init__(
        self,
        spec: Spec,
        resolver: Resolver,
        known: Callable[[str, Mark], None],
        planner: _Planner,
    ) -> None:
        super().__init__(spec, resolver, known, planner)
        self.planner = planner

    def apply(self, step: StepSpec, name: str, sourced: Sourced, scope: Scope, walk: Walk) -> Val:
        value = super().apply(step, name, sourced, scope, walk)
        if self.walker.problems:
            # an `expect:` is unmet, which keeps nobody from going on
            self.walker.problems.clear()
            self.planner.statuses[id(walk.calls[-1])] = "unmet"
        return value

    def inner(self, walk: Walk, name: str, declared: str, source: Val | None, mark: Mark) -> Walk:
        inner = super().inner(walk, name, declared, source, mark)
        tensors = () if source is None else src.named_tensors([source.type], {})
        self.planner.opened[inner] = _Opened(walk, name, declared, tensors, mark, False)
        return inner

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
        self.planner.called_from = walk, name
        return super()._closed(step, body, declared, params, name, sourced, walk, key)


def _stand_in(
    name: str,
    declared: str,
    inputs: Tensors,
    mark: Mark,
    calls: tuple[Call, ...],
    *,
    is_block: bool = False,
) -> Call:
    """The call of a node that was not made."""
    node = Graph(declared, (), 0, (), Ref(0), mark, is_block=is_block)
    return Call(name, node, inputs, (), 0, mark, calls)


def _tensors(sourced: Sourced) -> Tensors:
    """What flowed into the step, where all of it is known."""
    known = [item for item in sourced.positional if isinstance(item, Val)]
    named = {key: item for key, item in sourced.keywords.items() if isinstance(item, Val)}
    return src.named_tensors(src.types_of(known), {k: src.type_of(v) for k, v in named.items()})


def _settle(calls: Sequence[Call]) -> None:
    """Frames in the calls become the graphs they were finished to."""
    for call in calls:
        if isinstance(call.node, Frame):
            call.node = call.node.freeze()
            _settle(call.calls)
