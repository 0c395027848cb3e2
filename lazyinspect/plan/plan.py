"""Spec -> Plan, for one variant and one input. No torch here, but for classes without a row.

Raises SpecError, NetworkError or ExpectationError with every problem found.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from lazyinspect import limits
from lazyinspect._version import __version__
from lazyinspect.codes import error_of
from lazyinspect.errors import Mark, Problem, SpecError
from lazyinspect.plan import rows as row_builder
from lazyinspect.plan.collector import collector_paused
from lazyinspect.plan.elsewhere import once
from lazyinspect.plan.indices import index_problems
from lazyinspect.plan.inputs import network_inputs, require_batch
from lazyinspect.plan.lint import lint
from lazyinspect.plan.meant import unknown_op
from lazyinspect.plan.memo import Memo
from lazyinspect.plan.notes import notes
from lazyinspect.plan.ops import FALLBACK_LAYERS
from lazyinspect.plan.parameters import network_params, plain_params
from lazyinspect.plan.planner import Planner
from lazyinspect.plan.quiet import importing_torch
from lazyinspect.plan.resolve import Resolver
from lazyinspect.plan.ties import network_ties
from lazyinspect.plan.tree import Call, Graph, InputType, Tie
from lazyinspect.report import (
    Environment,
    LayerRow,
    NamedTensor,
    Report,
    SpecInfo,
    Timing,
    Totals,
    Verified,
)
from lazyinspect.shapes import tensors_of
from lazyinspect.spec.model import Spec

if TYPE_CHECKING:
    from lazyinspect.sizes.tracing import Tracer

MAX_EXPLAINED = 50_000
"""Steps of a network whose failures are looked into: it is planned once more for that."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A network with every shape, argument and count explicit. Pure data."""

    root: Graph
    """What is built."""
    call: Call
    """What happens when it runs on the planned inputs."""
    inputs: tuple[InputType, ...]
    ties: tuple[Tie, ...]
    dtype: str
    """Of parameters and of inputs without a dtype of their own."""
    spec_info: SpecInfo
    allow: tuple[str, ...] = ()
    """Classes of the user's own that may be imported."""

    @cached_property
    def rows(self) -> tuple[LayerRow, ...]:
        """One row per call, in execution order; the network's own first."""
        with collector_paused():
            return row_builder.RowBuilder(self.dtype, self.ties).build(self.call)

    @cached_property
    def totals(self) -> Totals:
        return row_builder.totals(self.rows)

    @cached_property
    def outputs(self) -> tuple[NamedTensor, ...]:
        return tuple(NamedTensor(n, t.shape, t.dtype) for n, t in tensors_of(self.call.output))

    @property
    def variant(self) -> str | None:
        return self.spec_info.variant

    @property
    def output_keys(self) -> tuple[str, ...] | None:
        """Keys of a mapping under ``output:``."""
        return tuple(self.root.output) if isinstance(self.root.output, dict) else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know beside the figures."""
        return notes(self.root, self.rows)

    def report(
        self,
        device: str = "meta",
        environment: Environment | None = None,
        rows: tuple[LayerRow, ...] | None = None,
        timing: Timing | None = None,
        verified: Verified | None = None,
    ) -> Report:
        """The plan as a report; with what a device showed, where it ran.

        Args:
            device: ``meta`` where nothing ran.
            environment: where it ran.
            rows: the plan's own rows with their times.
        """
        return Report(
            spec=self.spec_info,
            environment=environment or environment_of(device),
            inputs=tuple(NamedTensor(i.name, i.type.shape, i.type.dtype) for i in self.inputs),
            outputs=self.outputs,
            layers=self.rows if rows is None else rows,
            totals=self.totals,
            timing=timing,
            verified=verified,
            notes=self.notes,
        )

    def state_dict(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that the built network's ``state_dict`` holds."""
        weights = row_builder.state_dict(self.call)
        return {name: weight.shape for name, weight in weights.items() if weight.persistent}


def environment_of(device: str, name: str | None = None) -> Environment:
    """Versions at hand; torch's only where something has loaded it."""
    torch = sys.modules.get("torch")
    python = ".".join(map(str, sys.version_info[:3]))
    return Environment(__version__, getattr(torch, "__version__", None), python, device, name)


def make_plan(
    spec: Spec,
    *,
    variant: str | None = None,
    set: Mapping[str, Any] | None = None,
    input: Any = None,
    batch: int | None = None,
    dtype: str = "float32",
    allow: Sequence[str] = (),
    max_steps: int = limits.STEPS,
    insight: bool = True,
    memo: Memo | None = None,
    tracer: Tracer | None = None,
) -> Plan:
    """Plan a spec.

    Args:
        spec: a parsed spec.
        variant: a name of its ``variants:``.
        set: overrides of its ``params:``, after the variant's.
        input: a shape for the first input, or shapes by name, instead of the file's.
        batch: size of dimension 0 of every input, instead of the file's.
        dtype: of the parameters, and of inputs that name none.
        allow: full names of classes of the user's own that may be imported.
        max_steps: that the network may have.
        insight: whether problems say more than what is wrong: where sizes come from, what works.
            Without, the spec is a trial of one that has been looked over by itself.
        memo: what other plans of this spec, dtype and ``allow`` have made, and will.
        tracer: of sizes with formulas in ``input``: it is told what their values decide. Needs
            a plan without ``insight`` and ``memo``, and to be active.

    Raises:
        SpecError: the spec or an argument is wrong.
        NetworkError: shapes do not fit each other.
        ExpectationError: an ``expect:`` is not met.
    """
    if insight:
        problems = _lint(spec, tuple(allow))
        if problems:
            raise error_of(problems)
    params = network_params(spec, variant, set or {})
    inputs = network_inputs(spec, params, input, batch, dtype)
    resolver = Resolver(dtype, _fallback(dtype, tuple(allow)), shared=tracer is None)

    def known(name: str, mark: Mark) -> None:
        if name not in FALLBACK_LAYERS and name not in allow:
            raise SpecError(unknown_op(name, mark, spec))

    planner = Planner(spec, resolver, known, max_steps, memo)
    if tracer is not None:
        tracer.place = lambda: planner.at
    with collector_paused():
        graph, call = planner.network(params, tuple((i.name, i.type) for i in inputs))
        if planner.problems and memo is not None:
            planner = Planner(spec, resolver, known, max_steps)
            graph, call = planner.network(params, tuple((i.name, i.type) for i in inputs))
    if planner.problems:
        problems = planner.problems
        if insight and planner.count <= MAX_EXPLAINED:

            def again(
                *, input: Any = input, batch: int | None = batch, spec: Spec = spec,
                most: int = max_steps,
            ) -> Plan:  # fmt: skip
                return make_plan(
                    spec, variant=variant, set=set, input=input, batch=batch, dtype=dtype,
                    allow=allow, max_steps=min(most, max_steps), insight=False,
                )  # fmt: skip

            problems = _explained(problems, spec, resolver, known, params, inputs, again)
        error = error_of(once(problems))
        if planner.count <= MAX_EXPLAINED:
            info = _info(spec, variant, params)
            error.make_partial = lambda: _planned_part(spec, resolver, known, params, inputs, info)
        raise error
    assert graph is not None and call is not None, "a step failed, and nothing says why"
    planner.let_go()
    if memo is not None:
        memo.tables = resolver.tables = memo.tables or resolver.tables
    if resolver.tables:
        problems = index_problems(spec, call, inputs)
        if problems:
            raise error_of(problems)
    if batch is not None:
        require_batch(call, inputs)
    ties = network_ties(spec, call)
    info = _info(spec, variant, params)
    return Plan(graph, call, inputs, ties, dtype, info, tuple(allow))


def _info(spec: Spec, variant: str | None, params: Mapping[str, Any]) -> SpecInfo:
    return SpecInfo(spec.source.path, spec.name, variant, plain_params(params))


def _planned_part(
    spec: Spec,
    resolver: Resolver,
    known: Callable[[str, Mark], None],
    params: Mapping[str, Any],
    inputs: tuple[InputType, ...],
    info: SpecInfo,
) -> Report | None:
    """What was planned before a step failed."""
    # only here: a plan that works need not load it
    from lazyinspect.plan.partial import planned_part

    with collector_paused():
        environment = environment_of("meta")
        return planned_part(spec, resolver, known, params, inputs, info, environment)


@lru_cache(maxsize=64)
def _lint(spec: Spec, allow: tuple[str, ...]) -> list[Problem]:
    """Once for each spec: what it finds does not depend on variant or input."""
    return lint(spec, allow)


def _explained(
    problems: list[Problem],
    spec: Spec,
    resolver: Resolver,
    known: Callable[[str, Mark], None],
    params: Mapping[str, Any],
    inputs: tuple[InputType, ...],
    again: Callable[..., Plan],
) -> list[Problem]:
    """The problems with what can be said about their causes."""
    # only here: what explains a failure is not worth loading for a plan that works
    from lazyinspect.plan.insight import explain, failures

    with collector_paused():
        found = failures(spec, resolver, known, params, inputs)
        if [failure.problem.code for failure in found] != [problem.code for problem in problems]:
            return problems  # no insight is better than one about another problem
        return explain(found, again, inputs)


def _fallback(dtype: str, allow: tuple[str, ...]) -> Any:
    def call(*arguments: Any) -> Any:
        # the one way from a plan to torch: a class without a row
        with importing_torch(planning=True):
            from lazyinspect.plan import fallback
        return fallback.apply(*arguments, dtype=dtype, allow=allow)

    return call
