"""Tries what the spec's parameters explain: the newer network planned with the older values.

What is as it was then, follows from the parameters; what still differs, somebody wrote otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from lazyinspect.drift import Change, Comparison, Drift, Pair, Snapshot
from lazyinspect.errors import LazyinspectError
from lazyinspect.lock.causes import Computed
from lazyinspect.lock.explain import explain

Replan: TypeAlias = Callable[[Mapping[str, Any]], Snapshot]
"""Plans the newer network with other values of parameters; raises LazyinspectError."""


def explain_with(
    before: Snapshot,
    after: Snapshot,
    replan: Replan,
    computed: Computed | None = None,
) -> Comparison:
    """Compare two networks by cause, parameters of the spec among the causes.

    Args:
        computed: as :func:`explain`.
    """
    full = explain(before, after, computed)
    changed = tuple([c for c in full.param_changes if c.field in before.params
                     and c.field in after.params])  # fmt: skip
    if not changed or not full.pairs:
        return full
    try:
        middle = replan({change.field: change.before for change in changed})
    except LazyinspectError:
        return full
    still = {path for drift in explain(before, middle, computed).drifts for path in _rows(drift)}
    effect = explain(middle, after, computed).drifts
    moved = {path for drift in effect for path in (*_rows(drift), *drift.followers)}
    absorbed = [
        index
        for index, drift in enumerate(full.drifts)
        if drift.path and still.isdisjoint(_rows(drift)) and moved.issuperset(_rows(drift))
    ]
    return _absorbed(full, absorbed, changed) if absorbed else full


def _rows(drift: Drift) -> tuple[str, ...]:
    return (drift.path, *drift.also)


def _absorbed(full: Comparison, absorbed: list[int], changed: tuple[Change, ...]) -> Comparison:
    """The comparison with some of its causes as consequences of the parameters."""
    assert full.after is not None
    parts = [full.drifts[index] for index in absorbed]
    kept = [index for index in range(len(full.drifts)) if index not in absorbed]
    gone = set(absorbed)
    followers = [
        (pair.after or pair.before).path  # type: ignore[union-attr]
        for pair in full.pairs
        if pair.drift in gone
    ]
    first = parts[0]
    mark = full.after.marks.get(f"param {changed[0].field}")
    drift = replace(
        first,
        kind="param",
        changes=changed,
        mark=mark or first.mark,
        used_at=(),
        before_path="",
        also=(),
        followers=tuple(followers),
        shifted=sum(part.shifted for part in parts),
    )
    order = sorted([*kept, absorbed[0]])
    numbers = {index: place for place, index in enumerate(order)}
    numbers |= {index: numbers[absorbed[0]] for index in absorbed}
    return replace(
        full,
        drifts=tuple([drift if index in gone else full.drifts[index] for index in order]),
        pairs=tuple([_renumbered(pair, numbers, gone) for pair in full.pairs]),
    )


def _renumbered(pair: Pair, numbers: Mapping[int, int], gone: set[int]) -> Pair:
    if pair.drift is None:
        return pair
    role = "follows" if pair.drift in gone else pair.role
    return replace(pair, drift=numbers[pair.drift], role=role)
