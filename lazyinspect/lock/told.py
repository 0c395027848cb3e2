"""Causes -> Drifts, and the rows of both networks side by side. No torch here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lazyinspect.drift import Change, Comparison, Drift, Pair, Snapshot
from lazyinspect.lock import changes as differ
from lazyinspect.lock.causes import Cause, Role
from lazyinspect.lock.pairing import Pairing
from lazyinspect.lock.tree import Item

Roles = Mapping[Item, tuple[Role, Cause]]


def comparison(
    pairing: Pairing, causes: Sequence[Cause], roles: Roles, param_changes: tuple[Change, ...]
) -> Comparison:
    """What was found, as data.

    Args:
        causes: in order, none part of another.
        roles: of the items of both networks that differ.
    """
    numbers = {cause: index for index, cause in enumerate(causes)}
    return Comparison(
        pairing.before,
        pairing.after,
        tuple([_drift(pairing, cause) for cause in causes]),
        tuple(_table(pairing, roles, numbers)),
        param_changes,
    )


def count_shifted(
    pairing: Pairing, added: Mapping[Item, Cause], gone: Mapping[Item, Cause], roles: Roles
) -> None:
    """Count rows of which nothing but the path differs, at the cause that stands before them.

    Args:
        added, gone: the causes of what one of the networks has and the other has not.
    """
    for item, twin in pairing.back.items():
        starts = [(child.position, added[child]) for child in item.children if child in added]
        place = 0
        for child in twin.children:
            if child in gone:
                starts.append((place, gone[child]))
            elif child in pairing.forth:
                place = pairing.forth[child].position + 1
        if not starts:
            continue
        starts.sort(key=lambda start: start[0])
        for child in item.children:
            was = pairing.back.get(child)
            if was is None or was.name == child.name:
                continue
            before = [cause for place, cause in starts if place <= child.position]
            if before:
                rows = sum(inner not in roles for inner in child.below())
                before[-1].root().shifted += rows


def rest(before: Snapshot, after: Snapshot, param_changes: tuple[Change, ...]) -> Cause | None:
    """The cause where no layer differs and something does."""
    if param_changes:
        mark = after.marks.get(f"param {param_changes[0].field}") or after.marks.get("network")
        words = not differ.total_changes(before.totals, after.totals)
        return Cause("param", 0, changes=list(param_changes), mark=mark, words=words)
    totals = differ.total_changes(before.totals, after.totals)
    if totals:
        return Cause("totals", 0, changes=totals, mark=after.marks.get("network"))
    return None


def names(texts: Iterable[str] | None) -> str | None:
    """Names of steps as one text."""
    return None if texts is None else ", ".join(texts)


def _drift(pairing: Pairing, cause: Cause) -> Drift:
    before, after = pairing.before, pairing.after
    item = cause.item
    row = item.row if item is not None else None
    twin = pairing.back.get(item) if item is not None else None
    before_path = ""
    if item is not None and cause.kind == "removed":
        before_path = item.path
    elif item is not None and twin is not None and twin.path != item.path:
        before_path = twin.path
    there = row is not None and cause.kind != "removed"
    follows = sorted(cause.follows, key=lambda follower: follower.index)
    return Drift(
        spec=after.file,
        variant=after.variant,
        kind=cause.kind,
        path=item.path if item is not None else "",
        before_path=before_path,
        type=row.declared if row is not None else "",
        changes=tuple(cause.changes),
        mark=row.mark if row is not None and there else cause.mark,
        used_at=row.used_at if row is not None and there else (),
        also=tuple([other.path for other in cause.also]),
        followers=tuple([follower.path for follower in follows]),
        shifted=cause.shifted,
        totals_before=before.totals,
        totals_after=after.totals,
        words_only=cause.words,
        batch_only=cause.kind == "input" and _batch_only(pairing, cause),
    )


def _batch_only(pairing: Pairing, cause: Cause) -> bool:
    if not differ.batch_only(pairing.before.inputs, pairing.after.inputs):
        return False
    for item in cause.follows:
        twin = pairing.back.get(item)
        row, was = item.row, None if twin is None else twin.row
        if row is None or was is None:
            return False
        parts = {change.part for change in differ.found_out(was, row)}
        if not (
            parts <= {"input", "output"}
            and differ.batch_only(was.inputs, row.inputs)
            and differ.batch_only(was.outputs, row.outputs)
        ):
            return False
    return True


def _table(pairing: Pairing, roles: Roles, numbers: Mapping[Cause, int]) -> Iterable[Pair]:
    """Rows side by side, what is gone where it was."""
    gone = iter([item for item in pairing.old.items if item in pairing.gone])
    waiting = next(gone, None)

    def pair(twin: Item | None, item: Item | None) -> Pair:
        known = roles.get(item or twin)  # type: ignore[arg-type]
        rows = (None if twin is None else twin.row, None if item is None else item.row)
        if known is None:
            return Pair(*rows, "same")
        role, cause = known
        return Pair(*rows, role, numbers.get(cause.root()))

    for item in pairing.new.items:
        twin = pairing.back.get(item)
        while twin is not None and waiting is not None and waiting.index < twin.index:
            yield pair(waiting, None)
            waiting = next(gone, None)
        yield pair(twin, item)
    while waiting is not None:
        yield pair(waiting, None)
        waiting = next(gone, None)
