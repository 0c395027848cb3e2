"""Drifts of several networks -> one for each place in a spec, since variants share their lines."""

from __future__ import annotations

from collections.abc import Iterable

from lazyinspect.drift import Drift


def grouped(drifts: Iterable[Drift]) -> list[list[Drift]]:
    """Drifts that one change of a spec is the reason of, in the order of their first."""
    groups: dict[object, list[Drift]] = {}
    for drift in drifts:
        groups.setdefault(cause_of(drift), []).append(drift)
    return list(groups.values())


def cause_of(drift: Drift) -> object:
    """What is equal for drifts that one change of a spec is the reason of."""
    fields = tuple([(c.field, c.part) for c in drift.changes if c.part not in _FOUND_OUT])
    mark = drift.mark
    if drift.kind == "over-budget":  # whose figures are the network's
        return (drift.spec, drift.kind, drift.variant, fields)
    if mark is None:
        return (drift.spec, drift.kind, drift.path, drift.before_path, fields)
    where = (mark.source.path, mark.line, mark.column)
    return (drift.spec, drift.kind, where, drift.type, fields)


_FOUND_OUT = ("inferred", "input", "output", "params", "total")
