"""What `check` and `lock` found -> text for a person, causes first."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence

from lazyinspect.drift import Checked, CheckReport, Drift, Locked
from lazyinspect.render import figures
from lazyinspect.render.drift import words
from lazyinspect.render.drift.findings import NAMED, SHOWN, accept, by_spec, rows, some, variants
from lazyinspect.render.drift.groups import grouped
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import Line, pad, paint, printable, width
from lazyinspect.render.snippet import Pointer, place, snippet, wrap

PASSED = 20
"""Of what needs no answer, so many are a line each; more are counted."""
SUMMED = 4
"""Variants whose totals are written out; the rest are counted."""


def check(report: CheckReport, layout: Layout) -> str:
    """Causes by spec, then one line that sums up."""
    return paint(_check(report, layout), color=layout.color)


def causes(drifts: Sequence[Drift], layout: Layout) -> str:
    """Causes of one spec, and what they come to."""
    return paint(_specs(drifts, layout), color=layout.color)


def summary(report: CheckReport) -> str:
    """``52 of 56 networks as locked, 4 drifted``."""
    counts = {status: report.count(status) for status in ("ok", "drift", "failed")}
    # a spec without a lock is one result, whatever it holds
    total = sum(counts.values())
    networks = f"network{'s' * (total != 1)}"
    fine = [result for result in report.results if result.status == "ok"]
    reworded = sum(
        bool(result.allowed) and all(drift.words_only for drift in result.allowed)
        for result in fine
    )
    allowed = sum(bool(result.allowed) for result in fine) - reworded
    same = len(fine) - allowed - reworded
    parts = [f"{total} {networks} as locked"]
    if same != total:
        parts = [f"{same} of {total} {networks} as locked"]
    if allowed:
        parts.append(f"{allowed} with changes that a policy allows")
    if reworded:
        parts.append(f"{reworded} in other words")
    drifted = [result for result in report.results if result.status == "drift"]
    broken = sum(not any(drift.accept for drift in result.drifts) for result in drifted)
    if len(drifted) > broken:
        parts.append(f"{len(drifted) - broken} drifted")
    if broken:
        parts.append(f"{broken} against a policy")
    if counts["failed"]:
        parts.append(f"{counts['failed']} not compared")
    return ", ".join(parts)


def _check(report: CheckReport, layout: Layout) -> Iterator[Line]:
    if layout.verbose:
        yield from _listed(report.results)
    yield from _specs(report.drifts, layout, {drift.spec for drift in report.allowed})
    if report.drifts:
        yield []
    passed = grouped(report.allowed)
    for group in passed[:PASSED]:
        yield from passed_line(group)
    if len(passed) > PASSED:
        yield [(f"and {len(passed) - PASSED} more that fail nothing", "")]
    drifted = {drift.spec for drift in report.drifts if drift.accept}
    reworded = [d for d in report.allowed if d.words_only and d.spec not in drifted]
    if reworded:
        yield from note_lines(0, "to write it down", _lock_again(reworded), layout)
    fine = report.count("ok") == len(report.results)
    yield [(summary(report), "green" if fine else "bold")]


def _listed(results: Sequence[Checked]) -> Iterator[Line]:
    """A line for each network that is as it was locked."""
    fine = [result for result in results if result.status == "ok"]
    room = max((width(printable(result.name)) for result in fine), default=0)
    for result in fine:
        said = ""
        if result.totals is not None:
            said = f"  {figures.count(result.totals.param_count):>15} parameters"
            if result.totals.macs is not None:
                said += f"  {figures.scaled(result.totals.macs):>7} MACs"
        yield [("ok  ", "green"), (pad(printable(result.name), room), ""), (said, "")]
    if fine:
        yield []


def _lock_again(drifts: Sequence[Drift]) -> str:
    """The command that writes locks anew in which no figure changes."""
    specs = list(dict.fromkeys(drift.spec for drift in drifts))
    if len(specs) > SHOWN:
        return f"lazyinspect lock, of these {len(specs):,} specs"
    return "lazyinspect lock " + " ".join(map(shlex.quote, specs))


def passed_line(group: Sequence[Drift]) -> Iterator[Line]:
    """A cause that fails nothing."""
    drift = group[0]
    where = f"{place(drift.mark)}: " if drift.mark is not None else ""
    named = f" ({some(variants(group))})" if variants(group) else ""
    rule = f"{'same' if drift.words_only else 'allowed'}[{drift.kind}]"
    said = words.headline(drift) + named
    if drift.words_only:
        said += ": the network is the same"
    yield [(rule, "cyan"), (f": {where}{printable(said)}", "")]


def _specs(drifts: Sequence[Drift], layout: Layout, others: Collection[str] = ()) -> Iterator[Line]:
    """Every cause, and after the last of a spec what they come to.

    Args:
        others: specs with further causes, which are told elsewhere.
    """
    drifted = by_spec(drifts)
    by_file: dict[str, list[list[Drift]]] = {}
    for group in grouped(drifts):
        by_file.setdefault(group[0].spec, []).append(group)
    first = True
    for groups in by_file.values():
        spec = groups[0][0].spec
        alone = len(groups) == 1 and len(variants(groups[0])) < 2 and spec not in others
        for group in groups:
            if not first:
                yield []
            first = False
            yield from cause_lines(group, layout, drifted if alone else None)
        if not alone:
            yield from _sum([drift for group in groups for drift in group], drifted, layout)


def cause_lines(
    group: Sequence[Drift], layout: Layout, drifted: Mapping[str, set[str | None]] | None
) -> Iterator[Line]:
    """One cause, with the spec's lines; where it is the only one, with what it comes to."""
    drift = group[0]
    yield [
        (words.rule(drift), "bold yellow"),
        (f": {printable(words.headline(drift))}", "bold"),
    ]
    pointers = list(_pointers(drift))
    gutter = max([len(str(pointer.mark.line)) for pointer in pointers], default=1) + 1
    if drift.mark is None:
        yield [(" " * gutter + "--> ", "blue"), (printable(drift.spec), "")]
    *seen, last = [*snippet(pointers, gutter, layout)] or [[]]
    yield from seen
    notes = list(_notes(group, gutter, layout, drifted))
    if last and (notes or last[0][0].strip() != "|"):  # the bar that leads to the notes
        yield last
    yield from notes


def _notes(
    group: Sequence[Drift],
    gutter: int,
    layout: Layout,
    drifted: Mapping[str, set[str | None]] | None,
) -> Iterator[Line]:
    drift = group[0]
    for mark in drift.used_at[2:4]:
        yield from note_lines(gutter, "used at", place(mark), layout)
    names = variants(group)
    if names and drift.kind not in NAMED:
        yield from note_lines(
            gutter, "variants" if len(names) > 1 else "variant", some(names), layout
        )
    if drift.also:
        yield from note_lines(gutter, "also at", some(drift.also), layout)
    for spender in drift.spenders:
        if spender.mark is None:
            yield from note_lines(gutter, "spends", words.spent(spender), layout)
    if drift.follows:
        followers = f"{rows(drift.follows)}: {some(drift.followers)}"
        yield from note_lines(gutter, "follows", followers, layout)
    if drift.shifted:
        yield from note_lines(gutter, "renumbered", f"{rows(drift.shifted)} after it", layout)
    if drifted is not None:
        for line in words.totals(drift.totals_before, drift.totals_after):
            yield from note_lines(gutter, "total", line, layout)
        if drift.accept:
            yield from note_lines(gutter, "accept", accept(group, drifted), layout)


def _pointers(drift: Drift) -> Iterator[Pointer]:
    if drift.mark is not None:
        yield Pointer(drift.mark, words.found(drift), primary=True)
    for spender in drift.spenders[1:]:
        if spender.mark is not None:
            yield Pointer(spender.mark, words.spent(spender))
    for mark in drift.used_at[:2]:
        yield Pointer(mark, "used here")
    if drift.policy is not None:
        yield Pointer(drift.policy, "the policy")


def _sum(
    drifts: Sequence[Drift], drifted: Mapping[str, set[str | None]], layout: Layout
) -> Iterator[Line]:
    """Totals of a spec's networks, and the command that accepts them."""
    taken = [drift for drift in drifts if drift.accept]
    if not taken:
        return
    spec = taken[0].spec
    yield []
    yield [(printable(spec), "bold")]
    networks = {drift.variant: drift for drift in reversed(taken)}
    order = [drift.variant for drift in taken]
    shown = 0
    for name in sorted(networks, key=order.index):
        lines = words.totals(networks[name].totals_before, networks[name].totals_after)
        if lines and shown < SUMMED:
            label = "total" if name is None else printable(name)
            yield from note_lines(0, label, ", ".join(lines), layout)
        shown += bool(lines)
    if shown > SUMMED:
        yield from note_lines(0, "and", f"{shown - SUMMED} more variants", layout)
    yield from note_lines(0, "accept", accept(taken, drifted), layout)


def note_lines(gutter: int, label: str, text: str, layout: Layout) -> Iterator[Line]:
    """What is said of a cause after its lines, under a word for it."""
    head = " " * (gutter + 1) + "= "
    space = " " * (len(head) + width(label) + 2)
    first, *more = wrap(printable(text), layout.width - len(space))
    yield [(head, "blue"), (f"{label}: ", "bold"), (first, "")]
    yield from ([(space + line, "")] for line in more)


def locked(results: Sequence[Locked], layout: Layout) -> str:
    """One line a lock: what was done, and what was accepted."""
    return paint(_locked(results, layout), color=layout.color)


def _locked(results: Sequence[Locked], layout: Layout) -> Iterator[Line]:
    styles = {
        "created": "green", "written": "yellow", "unchanged": "", "failed": "bold red",
        "unused": "yellow",
    }  # fmt: skip
    same = [result for result in results if result.outcome == "unchanged"]
    listed = len(same) <= PASSED
    for result in results:
        if result.outcome == "unchanged" and not listed:
            continue
        yield [(f"{result.outcome:<9}", styles[result.outcome]), (f" {printable(result.lock)}", "")]
        if result.outcome == "unused":
            remedy = f"no spec is beside it: delete it, or bring {printable(result.spec)} back"
            yield [(f"            {remedy}", "")]
        drifts = [drift for accepted in result.accepted for drift in accepted.drifts]
        for group in grouped(drifts):
            names = variants(group)
            where = f"  ({some(names)})" if names else ""
            yield [("            " + printable(words.headline(group[0]) + where), "")]
    if not listed:
        yield [(f"{'unchanged':<9} {len(same):,} locks", "")]
