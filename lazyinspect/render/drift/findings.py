"""A check's report -> what is found in it, as systems take it: a rule, a place, a message.

What github, sarif and the summary share. Root causes stand first: what does not plan, then
drifts by cause, then what a policy lets pass.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lazyinspect.codes import worst_first
from lazyinspect.drift import CheckReport, Drift
from lazyinspect.errors import Mark, Problem
from lazyinspect.render.drift import words
from lazyinspect.render.drift.groups import grouped

NAMED = ("new-variant", "lost-variant", "over-budget")
"""Kinds whose headline names the network."""
SHOWN = 4
"""Names of rows or variants that are written out; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, however many networks meet it."""

    rule: str
    """``drift[changed]``, ``policy[max_params]``, ``error[shape-mismatch]``."""
    level: Literal["error", "note"]
    headline: str
    """One sentence."""
    details: tuple[str, ...]
    """Further lines."""
    path: str
    """Of the file that it is about; ``""`` where it is about none."""
    mark: Mark | None = None
    """Where in it."""
    related: tuple[tuple[Mark, str], ...] = ()
    identity: tuple[str, ...] = ()
    """What stays the same from run to run while this is not mended, whatever moves in the file."""
    drifts: tuple[Drift, ...] = ()
    """Empty for a problem."""


def findings(report: CheckReport) -> list[Finding]:
    """All of them, root causes first."""
    causes = (*report.drifts, *report.allowed)
    return [
        *_problems(report),
        *_drifts(report.drifts, "error", causes),
        *_drifts(report.allowed, "note", causes),
    ]


def drift_findings(drifts: Sequence[Drift]) -> list[Finding]:
    """Of a comparison, which has no problems."""
    fails = [drift for drift in drifts if not drift.words_only]
    passes = [drift for drift in drifts if drift.words_only]
    return [*_drifts(fails, "error", drifts), *_drifts(passes, "note", drifts)]


def _problems(report: CheckReport) -> Iterator[Finding]:
    where: dict[Problem, list[str]] = {}
    for result in report.results:
        for problem in result.problems:
            where.setdefault(problem, []).append(result.name)
            where[problem][0] = where[problem][0] or result.spec
    spec = {p: result.spec for result in report.results for p in result.problems}
    for problem in worst_first(where):
        details = []
        if problem.found:
            details.append(problem.found)
        if problem.help:
            details.append(f"help: {problem.help}")
        details += problem.notes
        names = [name for name in where[problem] if name != spec[problem]]
        if names:
            details.append(f"in {some(names)}")
        related = [(span.mark, span.text) for span in problem.spans]
        related += [(mark, "used here") for mark in problem.used_at]
        yield Finding(
            f"error[{problem.code}]", "error", problem.message, tuple(details),
            problem.mark.source.path if problem.mark else spec[problem], problem.mark,
            tuple(related), (problem.code, _line(problem.mark) or problem.message),
        )  # fmt: skip


def _drifts(
    drifts: Sequence[Drift], level: Literal["error", "note"], causes: Sequence[Drift]
) -> Iterator[Finding]:
    drifted = by_spec(drifts)
    alone = Counter((drift.spec, drift.variant) for drift in causes)
    for group in grouped(drifts):
        drift = group[0]
        shared = alone[drift.spec, drift.variant] > 1
        details = list(about(group, drifted, shared=shared))
        if level == "note":
            same = "the network is the same, in other words"
            details.append(same if drift.words_only else "a policy lets this pass")
        related = [(mark, "used here") for mark in drift.used_at]
        related += [(s.mark, words.spent(s)) for s in drift.spenders[1:] if s.mark is not None]
        if drift.policy is not None:
            related.append((drift.policy, "the policy"))
        fields = [f"{change.part} {change.field}" for change in words.main_changes(drift)]
        yield Finding(
            words.rule(drift), level, words.headline(drift), tuple(details),
            drift.mark.source.path if drift.mark else drift.spec, drift.mark, tuple(related),
            (drift.kind, drift.path, drift.before_path, *fields), tuple(group),
        )  # fmt: skip


def about(
    group: Sequence[Drift], drifted: Mapping[str, set[str | None]], *, shared: bool
) -> Iterator[str]:
    """What is to be said of a cause after its headline, a line each.

    Args:
        shared: the network has other causes, which its totals do not tell apart.
    """
    drift = group[0]
    names = variants(group)
    if names and drift.kind not in NAMED:
        yield f"variant{'s' * (len(names) > 1)}: {some(names)}"
    if drift.also:
        yield f"also at: {some(drift.also)}"
    if drift.spenders:
        yield "most is spent by " + "; ".join(map(words.spent, drift.spenders))
    if drift.follows:
        yield f"{rows(drift.follows)} follow{'s' * (drift.follows == 1)}: {some(drift.followers)}"
    if drift.shifted:
        yield f"{rows(drift.shifted)} after it {'is' if drift.shifted == 1 else 'are'} renumbered"
    whose = f"{drift.variant}: " if len(names) > 1 else ""
    for line in words.totals(drift.totals_before, drift.totals_after):
        yield f"{whose}{'with all causes, ' if shared else ''}{line}"
    if drift.accept:
        yield f"accept: {accept(group, drifted)}"


def variants(group: Sequence[Drift]) -> list[str]:
    """Names of the variants that share a cause."""
    return list(dict.fromkeys(d.variant for d in group if d.variant is not None))


def by_spec(drifts: Iterable[Drift]) -> dict[str, set[str | None]]:
    """The networks that a lock can take as they are now, by spec."""
    found: dict[str, set[str | None]] = {}
    for drift in drifts:
        if drift.accept:
            found.setdefault(drift.spec, set()).add(drift.variant)
    return found


def accept(group: Sequence[Drift], drifted: Mapping[str, set[str | None]]) -> str:
    """The command that takes networks as they are now, and no others that drifted."""
    spec = group[0].spec
    names = dict.fromkeys(drift.variant for drift in group)
    if len(names) == 1:
        return group[0].accept
    if set(names) == drifted.get(spec):
        return f"lazyinspect lock --accept {shlex.quote(spec)}"
    wanted = [spec if name is None else f"{spec}@{name}" for name in names]
    return "lazyinspect lock " + " ".join(f"--accept {shlex.quote(each)}" for each in wanted)


def some(names: Sequence[str], most: int = SHOWN) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def rows(count: int) -> str:
    """``12 rows``."""
    return f"{count:,} row{'s' * (count != 1)}"


def _line(mark: Mark | None) -> str:
    """The text of a line without what moves it."""
    if mark is None or not 1 <= mark.line <= len(mark.source.lines):
        return ""
    return " ".join(mark.source.lines[mark.line - 1].split())
