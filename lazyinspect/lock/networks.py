"""A spec -> its networks, each planned, written and marked with its places in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lazyinspect.drift import Row, Snapshot
from lazyinspect.errors import LazyinspectError, Mark, Source
from lazyinspect.lock.parse import split
from lazyinspect.lock.policies import planned_with
from lazyinspect.lock.text import Parts, Section, assemble, section
from lazyinspect.plan.memo import Memo
from lazyinspect.plan.parameters import network_params
from lazyinspect.plan.plan import Plan, make_plan
from lazyinspect.report import Place
from lazyinspect.spec.model import Spec

_KEPT = 50_000
"""Lines of blocks that networks of one spec share: more are made again."""
_WORD = re.compile(r"[^\s,:\[\]{}]+")


@dataclass(frozen=True, slots=True)
class Options:
    """What a spec is planned with besides its variant, as :func:`make_plan` takes it."""

    set: Mapping[str, Any] = field(default_factory=dict)
    input: Any = None
    batch: int | None = None
    dtype: str = "float32"
    allow: tuple[str, ...] = ()
    path: str | None = None
    """Whose policies hold: None for those of the spec's own file."""

    def plan(
        self, spec: Spec, variant: str | None, memo: Memo | None = None, /, **instead: Any
    ) -> Plan:
        """Plan one network.

        Args:
            memo: what plans of this spec share.
            instead: values of parameters.

        Raises:
            LazyinspectError: as :func:`make_plan`.
        """
        planned = planned_with(spec, self.path or spec.source.path)
        return make_plan(
            spec, variant=variant, set={**self.set, **instead},
            input=planned.get("input") if self.input is None else self.input,
            batch=planned.get("batch") if self.batch is None else self.batch,
            dtype=self.dtype, allow=self.allow, memo=memo,
        )  # fmt: skip


def networks(spec: Spec) -> list[str | None]:
    """Names of a spec's networks: its variants, and None for the spec without one.

    A spec with variants counts by itself only where its parameters have values that no variant
    has.
    """
    variants = list(spec.variants)
    if not variants:
        return [None]
    try:
        plain = repr(network_params(spec, None, {}))
        if all(repr(network_params(spec, name, {})) != plain for name in variants):
            return [None, *variants]
    except LazyinspectError:
        pass
    return list(variants)


@dataclass(slots=True)
class Planned:
    """The networks of a spec, as far as they plan."""

    sections: dict[str | None, Section]
    errors: dict[str | None, LazyinspectError]

    def text(self, spec_name: str) -> str:
        """The lock that they make."""
        return assemble(spec_name, {name: part.text for name, part in self.sections.items()})


def plan_all(spec: Spec, options: Options, locked: Sequence[str | None] = ()) -> Planned:
    """Plan every network of a spec.

    Args:
        locked: networks that the lock has. A spec that has variants, and does not plan without
            one, is wrong only if it once did.
    """
    planned = Planned({}, {})
    names = networks(spec)
    memo = Memo() if len(names) > 1 else None
    parts: Parts = {}
    for name in names:
        try:
            plan = options.plan(spec, name, memo)
            planned.sections[name] = section(plan, parts)
            if sum(len(part.rows) for _, part in parts.values()) > _KEPT:
                parts.clear()
        except LazyinspectError as error:
            if name is not None or len(names) == 1 or None in locked:
                planned.errors[name] = error
    return planned


def snapshot(plan: Plan, part: Section, spec: Spec, name: str) -> Snapshot:
    """A planned network as its lock says it, with places in the spec."""
    text = assemble("", {part.variant: part.text})
    bare = split(text, "", "").snapshot(part.variant, name)
    marked: list[Row] = []
    words: dict[Place, Mark] = {}

    def mark(place: Place) -> Mark:
        found = words.get(place)
        if found is None:
            found = words[place] = _mark(spec.source, place)
        return found

    for row, planned in zip(bare.rows, plan.rows[1:], strict=True):
        used_at = tuple([mark(place) for place in planned.used_at])
        marked.append(replace(row, mark=mark(planned.place), used_at=used_at))
    return replace(bare, rows=tuple(marked), marks=_marks(plan, spec))


def replanner(
    spec: Spec, variant: str | None, options: Options
) -> Callable[[Mapping[str, Any]], Snapshot]:
    """What plans a network with other values of its parameters, as a lock has them."""

    def replan(params: Mapping[str, Any]) -> Snapshot:
        # a text that starts with $ is one here, and no formula
        values = {
            name: f"${value}" if isinstance(value, str) and value[:1] == "$" else value
            for name, value in params.items()
        }
        plan = options.plan(spec, variant, **values)
        return snapshot(plan, section(plan), spec, "")

    return replan


def _mark(source: Source, place: Place) -> Mark:
    """A place with the length of the word there."""
    line = source.lines[place.line - 1] if place.line <= len(source.lines) else ""
    word = _WORD.match(line, place.column - 1)
    return Mark(source, place.line, place.column, len(word.group()) if word else 1)


def _marks(plan: Plan, spec: Spec) -> dict[str, Mark]:
    marks = {"network": spec.network.mark}
    variant = plan.variant
    if variant is not None:
        marks["variant"] = spec.variant_marks[variant]
    for name, param in spec.params.items():
        marks[f"param {name}"] = param.mark
        if variant is not None and name in spec.variants[variant]:
            marks[f"param {name}"] = spec.variants[variant][name].mark
    for entry in spec.inputs:
        marks[f"input {entry.name}"] = entry.shape.mark
    for tie in plan.ties:
        marks[f"tie {tie.path}"] = tie.mark
    if spec.network.output is not None:
        marks["output"] = spec.network.output.mark
    return marks
