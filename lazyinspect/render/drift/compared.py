"""What `diff` found -> text for a person: causes, then the rows that differ side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lazyinspect.drift import Comparison, Drift
from lazyinspect.render.drift import words
from lazyinspect.render.drift.findings import some
from lazyinspect.render.drift.groups import cause_of
from lazyinspect.render.drift.sides import side_by_side
from lazyinspect.render.drift.text import PASSED, cause_lines, note_lines, passed_line
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import Line, paint, printable


def diff(comparisons: Sequence[Comparison], layout: Layout) -> str:
    """The causes, then the rows that differ side by side."""
    lines: list[Line] = []
    for group in _alike(comparisons, layout):
        if lines:
            lines.append([])
        lines += _comparison(group, layout)
    if len(comparisons) > 1:
        differ = sum(each.exit_code for each in comparisons)
        said = f"{differ} of {len(comparisons)} networks differ{'s' * (differ == 1)}"
        lines += [[]] if lines else []
        lines.append([(said, "bold" if differ else "green")])
    return paint(lines, color=layout.color)


def _alike(comparisons: Sequence[Comparison], layout: Layout) -> list[list[Comparison]]:
    """Comparisons to show: of variants that one change of a spec meets alike, the first."""
    if layout.verbose or len(comparisons) == 1:
        return [[each] for each in comparisons]
    found: dict[object, list[Comparison]] = {}
    for each in comparisons:
        if each.drifts:
            file = each.after.file if each.after is not None else id(each)
            places = [cause_of(drift) for drift in each.drifts]
            found.setdefault((file, *places), []).append(each)
    return list(found.values())


def _comparison(group: Sequence[Comparison], layout: Layout) -> Iterator[Line]:
    comparison = group[0]
    before, after = comparison.before, comparison.after
    names = " -> ".join([s.name for s in (before, after) if s is not None])
    yield [(printable(names), "bold")]
    if len(group) > 1:
        others = [each.after.variant or "" for each in group[1:] if each.after is not None]
        yield [(printable(f"and alike, with rows of their own (-v): {some(others, 8)}"), "")]
    if not comparison.drifts:
        yield [("no difference", "green")]
        return
    causes = [drift for drift in comparison.drifts if not drift.words_only]
    reworded = [drift for drift in comparison.drifts if drift.words_only]
    for drift in causes:
        yield []
        yield from cause_lines([drift], layout, None)
    if causes and reworded:
        yield []
    yield from _reworded(reworded)
    if not causes:
        yield [("no difference but in words", "green")]
        return
    drift = causes[0]
    lines = words.totals(drift.totals_before, drift.totals_after)
    if lines:
        yield []
    for line in lines:
        yield from note_lines(0, "total", line, layout)
    if any(pair.role != "same" for pair in comparison.pairs):
        yield []
        yield from side_by_side(comparison, layout)


def _reworded(drifts: Sequence[Drift]) -> Iterator[Line]:
    """What a comparison has in other words: rows that differ alike are one."""
    alike: dict[str, list[Drift]] = {}
    for drift in drifts:
        alike.setdefault(words.found(drift), []).append(drift)
    for group in list(alike.values())[:PASSED]:
        also = tuple([path for drift in group for path in (drift.path, *drift.also)][1:])
        yield from passed_line([replace(group[0], variant=None, also=also)])
    if len(alike) > PASSED:
        yield [(f"and {len(alike) - PASSED} more of which the network is the same", "")]
