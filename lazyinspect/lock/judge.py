"""What differs, and a policy -> what fails: changes that may pass, budgets, `expect:`s asked for.

No torch here. A network is planned again only where a budget is exceeded or an `expect:` asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from lazyinspect.drift import Change, Checked, Drift, Spender
from lazyinspect.errors import LazyinspectError, Mark
from lazyinspect.lock.changes import output_changes
from lazyinspect.lock.networks import Options
from lazyinspect.lock.policies import rules_of
from lazyinspect.plan.plan import Plan
from lazyinspect.report import LayerRow, Place, Totals
from lazyinspect.spec.model import Rule, Spec, StepSpec, all_steps
from lazyinspect.spec.policy import BUDGETS

FIGURES = {"max_params": "param_count", "max_macs": "macs", "max_param_bytes": "param_bytes"}
"""Budgets, and the figures of totals and rows that they are of."""
SPENDERS = 5
LEAST = 0.005
"""Share of a budget below which nobody would look."""
OUTPUT = "output"
"""In ``require_expect``: what gives the network's output, whatever it is called."""


def judged(
    results: tuple[Checked, ...], spec: Spec, path: str, options: Options
) -> tuple[Checked, ...]:
    """Results as policies see them: what may pass is ``allowed``, what breaks one a drift."""
    return tuple([_judged(result, spec, path, options) for result in results])


def _judged(result: Checked, spec: Spec, path: str, options: Options) -> Checked:
    rules = rules_of(spec, path, result.variant)
    if result.problems or not (rules or result.drifts):
        return result
    fails, passes = [], []
    allow = rules.get("allow")
    for drift in result.drifts:
        if drift.words_only:
            passes.append(drift)
        elif allow is not None and _may_pass(drift, allow.value):
            passes.append(replace(drift, policy=allow.mark))
        else:
            fails.append(drift)
    if result.totals is not None:
        fails += broken(rules, result.totals, spec, path, result.variant, options)
    return replace(result, drifts=tuple(fails), allowed=tuple(passes))


def _may_pass(drift: Drift, allowed: tuple[str, ...]) -> bool:
    if drift.kind == "renamed":
        return "names" in allowed and all(change.part == "name" for change in drift.changes)
    return drift.batch_only and "batch" in allowed


def broken(
    rules: Mapping[str, Rule],
    totals: Totals,
    spec: Spec,
    path: str,
    variant: str | None,
    options: Options,
) -> Iterator[Drift]:
    """What of a network breaks a policy, a drift each."""
    over = []
    for name in BUDGETS:
        spent = getattr(totals, FIGURES[name])
        if name in rules and rules[name].value is not None and spent is not None:
            over += [(name, spent)] if spent > rules[name].value else []
    expects = rules.get("require_expect")
    if not over and expects is None:
        return
    try:
        plan = options.plan(spec, variant)
    except LazyinspectError:  # it was planned a moment ago; what changed since is told next time
        return
    for name, spent in over:
        spenders = tuple(_spenders(plan, spec, FIGURES[name], spent))
        yield Drift(
            path, variant, "over-budget",
            changes=(Change(name, rules[name].value, spent, "budget"),),
            mark=spenders[0].mark if spenders else spec.network.mark,
            totals_after=totals, policy=rules[name].mark, spenders=spenders,
        )  # fmt: skip
    if expects is not None:
        yield from _unexpected(expects, plan, spec, path, variant)


def _spenders(plan: Plan, spec: Spec, figure: str, total: int) -> Iterator[Spender]:
    """Layers by what they take, those of one line and size as one, most first."""
    groups: dict[tuple[Place, int], list[LayerRow]] = {}
    for row in plan.rows:
        value = getattr(row, figure)
        if row.kind != "container" and value:
            groups.setdefault((row.place, value), []).append(row)
    steps = _steps(spec)
    ordered = sorted(groups.items(), key=lambda each: -each[0][1] * len(each[1]))
    for index, ((place, value), rows) in enumerate(ordered[:SPENDERS]):
        if index and value * len(rows) < LEAST * total:
            break
        first = rows[0]
        step = steps.get((place.line, place.column))
        mark = step.mark if step else Mark(spec.source, place.line, place.column)
        yield Spender(first.path, first.declared, value, len(rows), total, mark)


def _steps(spec: Spec) -> dict[tuple[int, int], StepSpec]:
    """Every step of a file by its place."""
    return {
        (step.mark.line, step.mark.column): step
        for graph in (spec.network, *spec.blocks.values())
        for step in all_steps(graph.layers)
    }


def _matches(path: str, pattern: str) -> bool:
    """Whether a path is meant: ``*`` stands for one name in it, or a part of one."""
    names, globs = path.split("."), pattern.split(".")
    return len(names) == len(globs) and all(map(fnmatchcase, names, globs))


def _unexpected(
    rule: Rule, plan: Plan, spec: Spec, path: str, variant: str | None
) -> Iterator[Drift]:
    """Steps that are to have an ``expect:`` and have none."""
    steps = _steps(spec)
    rows = [row for row in plan.rows if row.path]
    for name in rule.value:
        found = [row for row in rows if _matches(row.path, name)]
        labelled = [step for step in steps.values() if name in [label for label, _ in step.labels]]
        if not found and not labelled and name == OUTPUT:
            found, labelled = _outputs(plan, spec, rows)
        met: dict[tuple[int, int], LayerRow] = {}
        for row in found:
            met.setdefault((row.place.line, row.place.column), row)
        for place, row in met.items():
            step = steps.get(place)
            if step is not None and step.expect is None:
                others = tuple([r.path for r in found if r.place == row.place and r is not row])
                yield Drift(
                    path, variant, "no-expect", row.path, type=row.declared, mark=step.mark,
                    changes=tuple(output_changes((), row.outputs)), also=others, policy=rule.mark,
                )  # fmt: skip
        for step in labelled:
            if step.expect is None and (step.mark.line, step.mark.column) not in met:
                yield Drift(
                    path, variant, "no-expect", name, type=step.written, mark=step.mark,
                    policy=rule.mark,
                )  # fmt: skip
        if not found and not labelled:
            yield Drift(path, variant, "no-expect", name, mark=spec.network.mark, policy=rule.mark)


def _outputs(plan: Plan, spec: Spec, rows: list[LayerRow]) -> tuple[list[LayerRow], list[StepSpec]]:
    """What gives the network's outputs."""
    output = spec.network.output
    if output is None:
        last = [row for row in rows if row.depth == 1]
        return last[-1:], []
    names = [label for label, _ in output.labels]
    found = [row for row in rows if row.path in names]
    labelled = [
        step for step in all_steps(spec.network.layers)
        if any(label in names for label, _ in step.labels)
    ]  # fmt: skip
    return found, labelled
