"""Conditions -> sentences: which sizes, which step asks for it, and what it says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lazyinspect.formulas import Condition, Kind, Symbolic
from lazyinspect.render.paint import printable
from lazyinspect.sizes import words
from lazyinspect.sizes.algebra import named
from lazyinspect.sizes.sets import EVERY, SizeSet, Unsolved, solve
from lazyinspect.sizes.tracing import Guard


@dataclass(frozen=True, slots=True)
class Sizes:
    """What one name, or several alike, may be."""

    names: str
    """``H, W``"""
    text: str
    """``multiples of 16``"""
    first: str
    """``16, 32, 48, ...``"""
    anew: str
    """What it may be where the network is built anew for it; empty where that is the same."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A condition, or equal ones of several names."""

    names: str
    text: str
    """``a multiple of 2``"""
    where: str
    """``u1.merge (cat), line 15``"""
    reason: str
    """``H = 17: cat expects ...``"""
    kind: Kind


def sizes(found: Symbolic) -> list[Sizes]:
    """By name, in their usual order; names with the same sizes together."""
    groups: dict[tuple[SizeSet, SizeSet], list[str]] = {}
    for name in words.joined(list(found.works)).split(", "):
        groups.setdefault((found.works[name], found.plans[name]), []).append(name)
    result = []
    for (works, plans), names in groups.items():
        several = len(names) > 1
        anew = "" if works == plans else words.sizes(plans, several)
        text = words.sizes(works, several)
        result.append(Sizes(", ".join(names), text, words.some(works), anew))
    return result


def equal(found: Symbolic) -> tuple[str, str] | None:
    """What conditions on several sizes leave where these are equal: ``H = W``, ``224 to 239``."""
    names = sorted({name for each in found.joint for name in each.names})
    if len(names) < 2:
        return None
    one = words.joined(names).split(", ")[0]
    by = {name: named(one) for name in names}
    sizes = EVERY
    try:
        for name in names:
            sizes = sizes & found.works[name]
        for each in found.joint:
            formula = each.formula.replaced(by)
            sizes = sizes & solve(Guard(formula, each.relation, None))
    except Unsolved:
        return None
    return words.joined(names).replace(", ", " = "), words.sizes(sizes)


def asks(found: Symbolic) -> list[Ask]:
    """Every condition with what it adds to those before it, equal ones of several names once."""
    result: dict[tuple[object, ...], list[tuple[Condition, str]]] = {}
    so_far: dict[str, SizeSet] = {}
    for each in sorted(found.conditions, key=_rank):
        if each.sizes is None:
            text = words.relation(each.formula, each.relation)
            key: tuple[object, ...] = (text, each.path, each.kind)
        else:
            (name,) = each.names
            so_far[name] = so_far.get(name, EVERY) & each.sizes
            text = words.sizes(so_far[name])
            key = (text, each.path, each.kind, each.place, each.used_at)
        result.setdefault(key, []).append((each, text))
    return [_ask(group) for group in result.values()]


def _rank(each: Condition) -> tuple[bool, bool, int, int]:
    """Those of one size first, the simplest of them first, those of weights last."""
    if each.sizes is None:
        return each.kind == "weights", True, 0, 0
    return each.kind == "weights", False, each.sizes.period, len(each.sizes.start)


def _ask(group: Sequence[tuple[Condition, str]]) -> Ask:
    each, text = group[0]
    names = words.joined(list(dict.fromkeys(name for one, _ in group for name in one.names)))
    return Ask(names, text, where(each), reason(each), each.kind)


def where(each: Condition) -> str:
    """``u1.merge (cat), line 15, used at line 32``."""
    step = printable(f"{each.path} ({each.op})" if each.path else each.op)
    lines = [] if each.place is None else [f"line {each.place.line}"]
    lines += [f"used at line {place.line}" for place in each.used_at]
    return ", ".join([*([step] if step else []), *lines])


def reason(each: Condition) -> str:
    """What the step says of sizes that do not fit."""
    text = printable(each.reason)
    if each.example is None or each.kind == "assumed":
        return text
    return f"{at({name: each.example[name] for name in each.names})}: {text}"


def at(values: Mapping[str, int]) -> str:
    """``H = 17, W = 256``."""
    names = words.joined(list(values)).split(", ")
    return ", ".join(f"{name} = {values[name]:,}" for name in names)


def checks(found: Symbolic) -> str:
    """Which plans the formulas were compared with."""
    if not found.checked:
        return ""
    listed = "; ".join(at(values) for values in found.checked)
    plural = "s" if len(found.checked) > 1 else ""
    return f"compared with plan{plural} for {listed}: all agree"
