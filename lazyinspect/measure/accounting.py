"""A plan -> its accounts, and rows of a report -> who spends the most. No torch here."""

from __future__ import annotations

from collections.abc import Iterable

from lazyinspect.accounts import Accounts, By, Kind, Shared, Spender, Tensors, Tied, Top, Unknown
from lazyinspect.plan.ops import table
from lazyinspect.plan.plan import Plan
from lazyinspect.plan.rows import place_of, state_dict
from lazyinspect.report import LayerRow
from lazyinspect.shapes import ITEM_BYTES, TensorType, prod


def accounts(plan: Plan) -> Accounts:
    """Who has the parameters and the MACs of a plan."""
    rows = [row for row in plan.rows if row.kind != "container"]
    weights = state_dict(plan.call)
    tied = {tie.path for tie in plan.ties}
    sizes = {name: prod(w.shape) for name, w in weights.items() if not w.buffer}
    names: dict[str, int] = {}
    for name, size in sizes.items():
        if name not in tied:
            last = name.rpartition(".")[2]
            names[last] = names.get(last, 0) + size
    return Accounts(
        kinds=_kinds(rows),
        names=dict(sorted(names.items(), key=lambda item: -item[1])),
        tensors=_tensors(plan, tied),
        unique=sum(names.values()),
        named=sum(sizes.values()),
        ties=tuple(
            Tied(tie.path, tie.source, sizes.get(tie.path, 0), place_of(tie.mark))
            for tie in plan.ties
        ),
        shared=_shared(rows),
        without_macs=tuple(
            Unknown(row.path, row.type, row.place, _reason(row)) for row in rows if row.macs is None
        ),
    )


def _kinds(rows: Iterable[LayerRow]) -> tuple[Kind, ...]:
    found: dict[str, list[LayerRow]] = {}
    for row in rows:
        found.setdefault(row.type, []).append(row)
    kinds = []
    for name, members in found.items():
        known = [row.macs for row in members if row.macs is not None]
        kinds.append(
            Kind(
                name,
                len(members),
                sum(row.param_count for row in members),
                sum(known) if known else None,
                len(members) - len(known),
            )
        )
    kinds.sort(key=lambda kind: (-(kind.macs or 0), -kind.params, -kind.calls, kind.type))
    return tuple(kinds)


def _tensors(plan: Plan, tied: set[str]) -> tuple[Tensors, ...]:
    found: dict[tuple[bool, str], list[tuple[int, bool]]] = {}
    for name, weight in state_dict(plan.call).items():
        if name not in tied:
            dtype = weight.dtype or plan.dtype
            entry = prod(weight.shape), weight.trainable and not weight.buffer
            found.setdefault((weight.buffer, dtype), []).append(entry)
    return tuple(
        Tensors(
            dtype,
            buffers,
            len(members),
            sum(size for size, _ in members),
            sum(size for size, trains in members if trains),
            sum(size for size, _ in members) * ITEM_BYTES[dtype],
        )
        for (buffers, dtype), members in sorted(found.items())
    )


def _shared(rows: Iterable[LayerRow]) -> tuple[Shared, ...]:
    found: dict[str, list[LayerRow]] = {}
    for row in rows:
        if row.kind == "layer":
            found.setdefault(row.path, []).append(row)
    return tuple(
        Shared(path, calls[0].type, len(calls), calls[0].param_count)
        for path, calls in found.items()
        if len(calls) > 1
    )


def _reason(row: LayerRow) -> str:
    if row.type in table():
        return "its count is not known for such arguments"
    return "a class without a row in the op table: nobody says what it multiplies"


def top(rows: Iterable[LayerRow], by: By, count: int) -> Top:
    """The rows, containers left out, that spend the most.

    Args:
        rows: of a report.
        count: how many of them, 1 or more.
    """
    leaves = [row for row in rows if row.kind != "container" and row.complete]
    known = [(row, spent) for row in leaves if (spent := spending(row, by)) is not None]
    total = sum(spent for _, spent in known)
    known.sort(key=lambda item: -item[1])  # equal ones stay in the order of execution
    found, together = [], 0.0
    for row, spent in known[:count]:
        share = spent / total if total else 0.0
        together += share
        found.append(
            Spender(row.path, row.call, row.type, row.place, spent, share, min(together, 1.0))
        )
    return Top(by, total, tuple(found), len(leaves) - len(known))


def spending(row: LayerRow, by: By) -> int | None:
    """What a row spends; None where it is not known."""
    if by == "macs":
        return row.macs
    if by == "params":
        return row.param_count
    if by == "time":
        return None if row.time_ns is None else row.time_ns.median
    given = sum(TensorType(out.shape, out.dtype).nbytes for out in row.outputs)
    return row.param_bytes + row.buffer_bytes + given
