"""Two networks -> their rows side by side, around what differs; below one another where narrow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lazyinspect.drift import Change, Comparison, Pair, Row
from lazyinspect.lock.changes import found_out, tensor_text, written
from lazyinspect.render.drift import words
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import Line, cut, pad, printable, width
from lazyinspect.report import NamedTensor

NARROW = 72
"""Columns below which two networks do not fit beside one another."""
CONTEXT = 1
"""Rows shown as they are on either side of what differs."""
RUN = 10
"""Rows that follow from a cause shown one after another; of more, the first and the last."""
_STYLES = {"+": "green", "-": "red", "~": "yellow", " ": ""}


@dataclass(frozen=True, slots=True)
class _Gap:
    """Rows that are left out."""

    count: int
    same: bool


def side_by_side(comparison: Comparison, layout: Layout) -> Iterator[Line]:
    """The table. A row is marked ``+``, ``-`` or ``~``; what follows from a cause is not coloured.

    ``layout.verbose`` leaves no row out that differs.
    """
    shown = list(_shown(comparison.pairs, layout.verbose))
    pairs = [each for each in shown if isinstance(each, Pair)]
    longest = max(
        (width(printable(r.path)) for p in pairs for r in (p.before, p.after) if r is not None),
        default=0,
    )
    if layout.width < NARROW:
        for each in shown:
            yield from [_gap(each, layout)] if isinstance(each, _Gap) else _stacked(each, layout)
        return
    room = (layout.width - 3) // 2
    column = min(longest, room * 2 // 5)
    names = [printable(s.name) if s else "" for s in (comparison.before, comparison.after)]
    rule = ("─" if layout.unicode else "-") * room
    yield [(pad(cut(names[0], room), room), "bold"), ("   ", ""), (cut(names[1], room), "bold")]
    yield [(rule, "dim"), ("   ", ""), (rule, "dim")]
    for each in shown:
        if isinstance(each, _Gap):
            yield _gap(each, layout)
            continue
        mark = _mark(each)
        style = "dim" if each.role == "same" else _STYLES[mark] if each.role == "cause" else ""
        left = _cell(each.before, each.after, column, room, layout)
        right = _cell(each.after, each.before, column, room, layout)
        yield [(pad(left, room), style), (f" {mark} ", "bold"), (right, style)]


def _shown(pairs: Sequence[Pair], verbose: bool) -> Iterator[Pair | _Gap]:
    """Rows to draw, and how many are left out where."""
    keep = [False] * len(pairs)
    for start, stop in _runs(pairs):
        keep[start:stop] = [True] * (stop - start)
        if stop - start > RUN and not verbose and pairs[start].role == "follows":
            keep[start + RUN // 2 : stop - 1] = [False] * (stop - 1 - start - RUN // 2)
    for index, pair in enumerate(pairs):
        near = pairs[max(index - CONTEXT, 0) : index + CONTEXT + 1]
        if pair.role == "same" and any(other.role != "same" for other in near):
            keep[index] = True
    for index in range(1, len(pairs) - 1):
        # one row takes no more room than what would say that it is left out
        if keep[index - 1] and keep[index + 1]:
            keep[index] = True
    if len(pairs) > 1:
        keep[0], keep[-1] = keep[0] or keep[1], keep[-1] or keep[-2]
    index = 0
    while index < len(pairs):
        if keep[index]:
            yield pairs[index]
            index += 1
            continue
        stop, same = index, pairs[index].role == "same"
        while stop < len(pairs) and not keep[stop] and (pairs[stop].role == "same") == same:
            stop += 1
        yield _Gap(stop - index, same)
        index = stop


def _runs(pairs: Sequence[Pair]) -> Iterator[tuple[int, int]]:
    """Where rows of one role and mark that differ stand one after another."""
    start = 0
    while start < len(pairs):
        kind = (pairs[start].role, _mark(pairs[start]))
        stop = start
        while stop < len(pairs) and (pairs[stop].role, _mark(pairs[stop])) == kind:
            stop += 1
        if kind[0] != "same":
            yield start, stop
        start = stop


def _mark(pair: Pair) -> str:
    if pair.role == "same":
        return " "
    return "-" if pair.after is None else "+" if pair.before is None else "~"


def _gap(gap: _Gap, layout: Layout) -> Line:
    dots = "…" if layout.unicode else "..."
    rows = f"row{'s' * (gap.count != 1)}"
    said = (
        f"{gap.count:,} {rows} as before" if gap.same else f"{gap.count:,} more {rows} that follow"
    )
    return [(f"{dots} {said}", "dim")]


def _stacked(pair: Pair, layout: Layout) -> Iterator[Line]:
    """A row before and after, on a line of its own each."""
    mark = _mark(pair)
    sides = [(mark, pair.before, pair.after), (mark, pair.after, pair.before)]
    if pair.role == "same":
        sides = sides[1:]
    elif mark == "~":
        sides = [("-", pair.before, pair.after), ("+", pair.after, pair.before)]
    for sign, row, other in sides:
        if row is not None:
            style = _STYLES[sign] if pair.role == "cause" else ""
            yield [
                (f"{sign} ", style or "bold"),
                (_cell(row, other, 0, layout.width - 2, layout), style),
            ]


def _cell(row: Row | None, other: Row | None, column: int, room: int, layout: Layout) -> str:
    """A row's path, op, and what of it differs from the other; all that matters where it is new."""
    if row is None:
        return ""
    mark = "…" if layout.unicode else "..."
    path = printable(row.path)
    if column:
        path = pad(cut(path, column, middle=True, mark=mark), column)
    parts = [row.declared]
    changes: list[Change] = []
    if other is not None:
        changes = [*written(row, other), *found_out(row, other)]
        parts += [f"{c.field}={words.value(c.before)}" for c in changes if c.part == "argument"]
    if other is None or any(c.part == "output" for c in changes):
        parts.append(", ".join(map(_tensor, row.outputs)))
    elif any(c.part == "params" for c in changes) and row.param_count is not None:
        parts.append(f"{row.param_count:,} parameters")
    return cut(f"{path}  {printable('  '.join(parts))}", room, mark=mark)


def _tensor(tensor: NamedTensor) -> str:
    # most are of this dtype
    return tensor_text(tensor).removeprefix("float32")
