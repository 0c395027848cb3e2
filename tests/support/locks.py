"""Texts of specs -> locks, snapshots and comparisons, for tests of what a lock says."""

from __future__ import annotations

from typing import Any

from plans import plan_of

from lazyinspect.drift import Comparison, Drift, Snapshot
from lazyinspect.lock.computed import FromShapes
from lazyinspect.lock.experiment import explain_with
from lazyinspect.lock.networks import Options, replanner, snapshot
from lazyinspect.lock.parse import split
from lazyinspect.lock.text import assemble, section
from lazyinspect.spec.grammar import parse_spec


def lock_text(text: str, **options: Any) -> str:
    """The lock of a spec, or of one of its variants."""
    plan = plan_of(text, **options)
    return assemble("net.yaml", {plan.variant: section(plan).text})


def snapshot_of(text: str, **options: Any) -> Snapshot:
    """A network as its lock says it."""
    plan = plan_of(text, **options)
    lock = split(lock_text(text, **options), "net.lock.yaml", "net.yaml")
    return lock.snapshot(plan.variant, "net.yaml")


def compared(before: str, after: str, variant: str | None = None) -> Comparison:
    """Two specs as `check` compares the lock of the first with the second."""
    spec = parse_spec(after, "net.yaml")
    options = Options()
    plan = options.plan(spec, variant)
    return explain_with(
        snapshot_of(before, variant=variant),
        snapshot(plan, section(plan), spec, "net.yaml"),
        replanner(spec, variant, options),
        FromShapes(spec),
    )


def drifts(before: str, after: str, variant: str | None = None) -> tuple[Drift, ...]:
    """The causes of what differs."""
    return compared(before, after, variant).drifts
