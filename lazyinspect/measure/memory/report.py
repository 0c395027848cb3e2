"""A report of a plan -> the same with its memory. No torch here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lazyinspect.footprint import Fit, Footprint, Measured, total
from lazyinspect.measure.memory.fit import largest_batch
from lazyinspect.measure.memory.memory import footprint
from lazyinspect.plan.plan import Plan
from lazyinspect.report import Report

MOST_ROWS = 50_000
"""Of a network whose memory is followed although nobody asks for it."""


def with_memory(
    report: Report,
    *,
    plan: Plan,
    again: Callable[[int], Plan],
    train: bool = False,
    optimizer: str | None = None,
    memory: int | None = None,
    measured: Measured | str | None = None,
) -> Report:
    """Fill in the totals of a report; and all about its memory, where that was asked for.

    Args:
        again: plans the network for a batch.
        train: whether training was asked for.
        optimizer: as of :func:`footprint`.
        memory: bytes, into which the largest batch is to fit.
        measured: what the device has shown, or the name of a device that tells nothing.

    Raises:
        SpecError: there is no such optimizer, or the network has no batch.
    """
    asked = train or optimizer is not None or memory is not None
    if not asked and len(plan.rows) > MOST_ROWS:
        return report
    found = footprint(plan, optimizer)
    exact = found.training.exact
    totals = replace(
        report.totals,
        activation_bytes=total(found.kept) if exact else None,
        peak_inference_bytes=found.inference.bytes if found.inference.exact else None,
    )
    report = replace(report, totals=totals)
    if not asked:
        return report
    if memory is not None:
        training = train or optimizer is not None
        found = replace(found, fit=_fit(plan, again, optimizer, memory, training))
    if isinstance(measured, Measured):
        found = replace(found, measured=measured)
    elif measured is not None:
        found = replace(found, no_statistics=measured)
    return replace(report, memory=found)


def _fit(
    plan: Plan, again: Callable[[int], Plan], optimizer: str | None, memory: int, training: bool
) -> Fit:
    def at(batch: int) -> Footprint:
        return footprint(again(batch), optimizer)

    return largest_batch(at, memory, train=training)
