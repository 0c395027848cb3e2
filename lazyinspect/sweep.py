"""The frozen data of a sweep: one network at several batches or inputs. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lazyinspect.report import Duration, Environment, Report
from lazyinspect.shapes import Shape

SCHEMA = "lazyinspect/sweep/1"


@dataclass(frozen=True, slots=True)
class Point:
    """One batch and input of a sweep: its figures, or why there are none."""

    variant: str | None
    batch: int | None
    """As asked for; None: as the input says."""
    inputs: Mapping[str, Shape]
    """Shapes by name; of a point without figures, those that were asked for."""
    param_count: int | None = None
    macs: int | None = None
    flops: int | None = None
    peak_inference_bytes: int | None = None
    activation_bytes: int | None = None
    forward_ns: Duration | None = None
    inputs_per_second: float | None = None
    training_ns: Duration | None = None
    """Of a forward and a backward, with ``--train``."""
    peak_training_bytes: int | None = None
    """With ``--train``; None where a step is not modelled."""
    code: str | None = None
    """Of the problem that is in the way."""
    problem: str | None = None
    """What it says; None where there are figures."""

    @property
    def flops_per_second(self) -> float | None:
        """Achieved; None where nothing was timed, or a row's work is not counted."""
        if self.flops is None or self.forward_ns is None or not self.forward_ns.median:
            return None
        return self.flops * 1e9 / self.forward_ns.median


@dataclass(frozen=True, slots=True)
class Sweep:
    """All points, in the order in which they were asked for."""

    path: str
    name: str
    environment: Environment | None
    """Of the first point with figures."""
    points: tuple[Point, ...]
    asked: int
    """How many there were to be; more than there are where it was interrupted."""


def point_of(report: Report, variant: str | None, batch: int | None) -> Point:
    """A report's figures as a point."""
    timing, totals, memory = report.timing, report.totals, report.memory
    whole = not totals.rows_without_macs
    return Point(
        variant,
        batch,
        {entry.name: entry.shape for entry in report.inputs},
        totals.param_count,
        totals.macs if whole else None,
        totals.flops if whole else None,
        totals.peak_inference_bytes,
        totals.activation_bytes,
        None if timing is None else timing.forward_ns,
        None if timing is None else timing.inputs_per_second,
        None if timing is None else timing.training_ns,
        memory.training.bytes if memory is not None and memory.training.exact else None,
    )
