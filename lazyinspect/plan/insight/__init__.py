"""Failures -> problems that say why: where sizes come from, what would work. No torch here.

Nothing here runs unless planning failed, nothing raises, and what cannot be shown is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lazyinspect.errors import Mark, Problem
from lazyinspect.plan.insight.failure import Again, Failure
from lazyinspect.plan.insight.origins import explain_origins
from lazyinspect.plan.insight.trace import Recorder
from lazyinspect.plan.insight.whatif import improve
from lazyinspect.plan.resolve import Resolver
from lazyinspect.plan.tree import InputType
from lazyinspect.spec.model import Spec

__all__ = ["Again", "Failure", "explain", "failures"]


def failures(
    spec: Spec,
    resolver: Resolver,
    known: Callable[[str, Mark], None],
    params: Mapping[str, Any],
    inputs: tuple[InputType, ...],
) -> list[Failure]:
    """What fails in a plan, in the order of its problems, with what flowed into it."""
    recorder = Recorder(spec, resolver, known)
    recorder.network(params, tuple((entry.name, entry.type) for entry in inputs))
    return recorder.failures


def explain(
    found: list[Failure], again: Again, inputs: tuple[InputType, ...] = ()
) -> list[Problem]:
    """The problems of these failures, each with what can be said about its cause.

    Args:
        found: one for each problem, in order.
        again: plans the same spec for other inputs, without insight.
        inputs: of the network, as planned.
    """
    return improve(found, explain_origins(found, inputs), again, inputs)
