"""What `check`, `lock` and `diff` found -> text for a person, causes first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lazyinspect.drift import Change, CheckReport, Comparison, Drift, Locked, Pair, Row
from lazyinspect.lock.changes import found_out, tensor_text, written
from lazyinspect.render.drift import words
from lazyinspect.render.drift.groups import grouped
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import Line, cut, pad, paint, printable, width
from lazyinspect.render.snippet import Pointer, place, snippet, wrap

SHOWN = 4
"""Names of rows or variants that are written out; the rest are counted."""


def check(report: CheckReport, layout: Layout) -> str:
    """Causes by spec, then one line that sums up."""
    return paint(_check(report, layout), color=layout.color)


def _check(report: CheckReport, layout: Layout) -> Iterator[Line]:
    for group in grouped(report.drifts):
        yield from _drift(group, layout)
        yield []
    failed = list(dict.fromkeys(r.name for r in report.results if r.status == "failed"))
    counts = (report.count("ok"), report.count("drift"), len(failed))
    ok, drifted, _ = counts
    total = sum(counts)
    networks = f"network{'s' * (total != 1)}"
    if ok == total:
        yield [(f"{total} {networks} as locked", "green")]
        return
    parts = [f"{ok} of {total} {networks} as locked"]
    if drifted:
        parts.append(f"{drifted} drifted")
    if failed:
        parts.append(f"{len(failed)} not compared")
    yield [(", ".join(parts), "bold")]


def _drift(group: Sequence[Drift], layout: Layout) -> Iterator[Line]:
    drift = group[0]
    yield [
        (f"drift[{drift.kind}]", "bold yellow"),
        (f": {printable(words.headline(drift))}", "bold"),
    ]
    gutter = 2
    if drift.mark is not None:
        gutter = len(str(drift.mark.line)) + 1
        found = words.changed(words.main_changes(drift)) if drift.changes else ""
        yield from snippet([Pointer(drift.mark, found, primary=True)], gutter, layout)
    else:
        yield [(" " * gutter + "--> ", "blue"), (printable(drift.spec), "")]
    for mark in drift.used_at[:2]:
        yield from _note(gutter, "used at", place(mark), layout)
    names = [d.variant for d in group if d.variant is not None]
    if names:
        yield from _note(gutter, "variants" if len(names) > 1 else "variant", _some(names), layout)
    if drift.also:
        yield from _note(gutter, "also at", _some(drift.also), layout)
    if drift.follows:
        rows = f"{drift.follows} row{'s' * (drift.follows != 1)}"
        yield from _note(gutter, "follows", f"{rows}: {_some(drift.followers)}", layout)
    if drift.shifted:
        rows = f"{drift.shifted} row{'s' * (drift.shifted != 1)}"
        yield from _note(gutter, "renumbered", f"{rows} after it", layout)
    for line in words.totals(drift.totals_before, drift.totals_after):
        yield from _note(gutter, "total", line, layout)
    if drift.accept:
        accept = drift.accept
        if len({d.variant for d in group}) > 1 and drift.variant is not None:
            accept = accept.rpartition("@")[0]
        yield from _note(gutter, "accept", accept, layout)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(printable, names[:SHOWN]))
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


def _note(gutter: int, label: str, text: str, layout: Layout) -> Iterator[Line]:
    head = " " * (gutter + 1) + "= "
    space = " " * (len(head) + len(label) + 2)
    first, *more = wrap(printable(text), layout.width - len(space))
    yield [(head, "blue"), (f"{label}: ", "bold"), (first, "")]
    yield from ([(space + line, "")] for line in more)


def locked(results: Sequence[Locked], layout: Layout) -> str:
    """One line a lock: what was done, and what was accepted."""
    return paint(_locked(results, layout), color=layout.color)


def _locked(results: Sequence[Locked], layout: Layout) -> Iterator[Line]:
    styles = {"created": "green", "written": "yellow", "unchanged": "", "failed": "bold red"}
    for result in results:
        yield [(f"{result.outcome:<9}", styles[result.outcome]), (f" {printable(result.lock)}", "")]
        drifts = [drift for accepted in result.accepted for drift in accepted.drifts]
        for group in grouped(drifts):
            names = [drift.variant for drift in group if drift.variant is not None]
            where = f"  ({_some(names)})" if names else ""
            yield [("            " + printable(words.headline(group[0])) + where, "")]


def diff(comparisons: Sequence[Comparison], layout: Layout) -> str:
    """The causes, then the rows that differ side by side."""
    lines: list[Line] = []
    for index, comparison in enumerate(comparisons):
        if index:
            lines.append([])
        lines += _comparison(comparison, layout)
    return paint(lines, color=layout.color)


def _comparison(comparison: Comparison, layout: Layout) -> Iterator[Line]:
    names = " -> ".join([s.name for s in (comparison.before, comparison.after) if s is not None])
    yield [(printable(names), "bold")]
    if not comparison.drifts:
        yield [("no difference", "green")]
        return
    for drift in comparison.drifts:
        yield []
        yield from _drift([drift], layout)
    pairs = [pair for pair in comparison.pairs if pair.role != "same"]
    if pairs:
        yield []
        yield from _side_by_side(pairs, layout)


def _side_by_side(pairs: Sequence[Pair], layout: Layout) -> Iterator[Line]:
    room = max((layout.width - 3) // 2, 30)
    for pair in pairs:
        left, right = _cell(pair.before, pair.after), _cell(pair.after, pair.before)
        mark, style = ("-", "red") if pair.after is None else ("+", "green") if (
            pair.before is None
        ) else ("~", "yellow")  # fmt: skip
        if pair.role == "follows":
            style = ""
        yield [
            (pad(cut(left, room), room), style),
            (f" {mark} ", "bold"),
            (cut(right, room), style),
        ]


def _cell(row: Row | None, other: Row | None) -> str:
    if row is None:
        return ""
    parts = [row.path, row.declared]
    changes: list[Change] = []
    if other is not None:
        changes = [c for c in (*written(row, other), *found_out(row, other)) if c.part != "type"]
        parts += [f"{c.field}={words.value(c.before)}" for c in changes if c.part == "argument"]
    if other is None or any(c.part == "output" for c in changes):
        parts.append(", ".join(map(tensor_text, row.outputs)))
    text = printable("  ".join(parts))
    assert width(text) >= 0
    return text
