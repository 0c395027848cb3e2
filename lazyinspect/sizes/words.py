"""Formulas, conditions and sets of sizes -> what a person would write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from math import gcd

from lazyinspect.sizes.algebra import (
    Atom,
    Computed,
    Floor,
    Monomial,
    Name,
    Poly,
    Quotient,
    named,
    number,
)
from lazyinspect.sizes.extremes import Extreme
from lazyinspect.sizes.sets import SizeSet

_FIRST = "N T S R D H W L"
"""Names that stand before others, in this order."""
_LISTED = 8
"""Sizes or remainders that are written out."""


def formula(poly: Poly) -> str:
    """``64 x N x ceil(H/2)``; sums whose terms share factors have them in front."""
    if not poly.terms:
        return "0"
    if len(poly.terms) == 1 and poly.terms[0][1] == 1 and len(poly.terms[0][0]) == 1:
        atom = poly.terms[0][0][0]
        if isinstance(atom, Floor) and atom.divisor == 1:
            return _sum(atom.numerator)
    shared = _shared(poly)
    if shared and len(poly.terms) > 1:
        rest = Poly(tuple((_less(m, shared), c) for m, c in poly.terms))
        return f"{_term(shared, Fraction(1))} x ({_sum(rest)})"
    return _sum(poly)


def _shared(poly: Poly) -> Monomial:
    """The factors that all terms have, but for those that are written as fractions."""
    common = Counter(poly.terms[0][0])
    for monomial, _ in poly.terms[1:]:
        common &= Counter(monomial)
    return tuple(atom for atom in common.elements() if "//" not in atom.key)


def _less(monomial: Monomial, factors: Monomial) -> Monomial:
    return tuple((Counter(monomial) - Counter(factors)).elements())


def _sum(poly: Poly) -> str:
    text = ""
    for monomial, coefficient in sorted(poly.terms, key=_place):
        part = _term(monomial, Fraction(abs(coefficient)))
        sign = "-" if coefficient < 0 else "+"
        text += f" {sign} {part}" if text else f"-{part}" if coefficient < 0 else part
    return text


def _place(term: tuple[Monomial, int]) -> tuple[int, list[int], list[str]]:
    """Products of many factors first, of equal ones those that are divided least."""
    monomial = term[0]
    divisors = sorted(atom.divisor for atom in monomial if isinstance(atom, Floor))
    return -len(monomial), divisors, [atom.key for atom in monomial]


def _term(monomial: Monomial, coefficient: Fraction) -> str:
    """A product; a name that stands for ``H//16`` is written as H, and its coefficient divided."""
    factors = []
    for atom, power in Counter(sorted(monomial, key=_rank)).items():
        base, _, divisor = atom.key.partition("//")
        if isinstance(atom, Name) and divisor:
            coefficient /= int(divisor) ** power
            text = base
        else:
            text = _atom(atom)
        factors.append(text if power == 1 else f"{text}^{power}")
    top, bottom = coefficient.numerator, coefficient.denominator
    if top != 1 or not factors:
        factors.insert(0, f"{top:,}")
    text = " x ".join(factors)
    if bottom == 1:
        return text
    return f"{text}/{bottom}" if len(factors) == 1 or top != 1 == len(factors) - 1 else (
        f"{text} / {bottom}"
    )  # fmt: skip


def _rank(atom: Atom) -> tuple[tuple[int, str], str]:
    return min(map(_order, atom.names)), atom.key


def _order(name: str) -> tuple[int, str]:
    base = name.partition("//")[0]
    place = _FIRST.split().index(base) if base in _FIRST.split() else 99
    return place, base


def _atom(atom: Atom) -> str:
    if isinstance(atom, Floor):
        return _floor(atom)
    if isinstance(atom, Quotient):
        return f"floor({_inner(atom.numerator)}/{_inner(atom.divisor)})"
    if isinstance(atom, Extreme):
        name = "max" if atom.greatest else "min"
        return f"{name}({', '.join(formula(poly) for poly in atom.of)})"
    if isinstance(atom, Computed):
        return atom.template.format(*(formula(poly) for poly in atom.of))
    return atom.key


def _floor(atom: Floor) -> str:
    """As a floor or a ceiling, whichever has the smaller constant."""
    if atom.divisor == 1:
        return f"({_sum(atom.numerator)})"
    rest = atom.numerator.rest
    raised = rest - atom.divisor + 1
    name, shift = ("ceil", 1 - atom.divisor) if abs(raised) < abs(rest) else ("floor", 0)
    shifted = _shifted(atom.numerator, shift)
    return f"{name}({_inner(shifted)}/{atom.divisor})"


def _shifted(poly: Poly, by: int) -> Poly:
    """Plus a constant, which stays beside what it is added to."""
    terms = [(m, c) for m, c in poly.terms if m]
    rest = poly.rest + by
    return Poly((*terms, ((), rest))) if rest else Poly(tuple(terms))


def _inner(poly: Poly) -> str:
    """Before a division: in parentheses where it is a sum."""
    text = _sum(poly)
    return f"({text})" if " " in text else text


def substituted(poly: Poly, sets: dict[str, SizeSet]) -> Poly:
    """The formula where sizes keep to these: ``floor(H/2)`` of a multiple of 16 is ``H/2``."""
    by = {}
    for name, sizes in sets.items():
        if sizes.finite and sizes.least is not None and len(list(sizes)) == 1:
            by[name] = number(sizes.least)
        elif sizes.multiple > 1:
            by[name] = named(f"{name}//{sizes.multiple}").scaled(sizes.multiple)
    return poly.replaced(by) if by else poly


def alternatives(poly: Poly) -> int:
    """How many formulas a maximum in it is the largest of; 1 without one."""
    counts = [
        len(atom.of) for monomial, _ in poly.terms for atom in monomial if isinstance(atom, Extreme)
    ]
    return max(counts, default=1)


def relation(poly: Poly, sign: str) -> str:
    """``formula sign 0`` with what is subtracted on the other side: ``floor(H/16) = 14``."""
    factor = 0
    for _, coefficient in poly.terms:
        factor = gcd(factor, coefficient)
    left = Poly(tuple((m, c // factor) for m, c in poly.terms if c > 0))
    right = Poly(tuple((m, -c // factor) for m, c in poly.terms if c < 0))
    if not left.terms or (left.constant is not None and right.constant is None):
        left, right = right, left
        sign = {">=": "<="}.get(sign, sign)
    return f"{formula(left)} {'=' if sign == '==' else sign} {formula(right)}"


def sizes(found: SizeSet, several: bool = False) -> str:
    """A set in words: ``at least 63``, ``a multiple of 16``, ``1 to 1,024``.

    Args:
        several: of several names: ``multiples of 16``.
    """
    least = found.least
    if least is None:
        return "none"
    if found.everything:
        return "any"
    if found.finite:
        return _finite(found)
    settled = len(found.start)
    if found.period == 1 and not any(found.start):
        return f"at least {least:,}"
    if found.remainders == {0} and not any(found.start[k] for k in range(settled)):
        text = f"multiples of {found.period:,}" if several else f"a multiple of {found.period:,}"
        return text if least == found.period else f"{text}, at least {least:,}"
    if not any(found.start):
        return f"{_remainders(found)}, at least {least:,}" if least > found.period else (
            _remainders(found)
        )  # fmt: skip
    few = ", ".join(f"{size:,}" for size in islice(found, _LISTED))
    return f"{few}, ..."


def _remainders(found: SizeSet) -> str:
    listed = sorted(found.remainders)
    multiple = f"a multiple of {found.period:,}"
    if listed == list(range(len(listed))):
        return f"{multiple}, or up to {listed[-1]:,} more"
    below = sorted(-value % found.period for value in listed)
    if below == list(range(len(below))):
        return f"{multiple}, or up to {below[-1]:,} less"
    if len(listed) > _LISTED:
        few = ", ".join(f"{size:,}" for size in islice(found, _LISTED))
        return f"{few}, ... ({len(listed)} of every {found.period:,})"
    if len(listed) == 1:
        return f"{listed[0]:,} more than a multiple of {found.period:,}"
    values = ", ".join(f"{value:,}" for value in listed)
    return f"divided by {found.period:,} with remainder {values}"


def _finite(found: SizeSet) -> str:
    listed = list(found)
    if len(listed) == 1:
        return f"{listed[0]:,}"
    if listed == list(range(listed[0], listed[-1] + 1)):
        return f"{listed[0]:,} to {listed[-1]:,}"
    if len(listed) > _LISTED:
        few = ", ".join(f"{size:,}" for size in listed[: _LISTED - 1])
        return f"{few}, ... {listed[-1]:,}"
    return ", ".join(f"{size:,}" for size in listed)


def some(found: SizeSet, count: int = 6) -> str:
    """Its first sizes: ``63, 64, 65, ...``."""
    listed = list(islice(found, count + 1))
    text = ", ".join(f"{size:,}" for size in listed[:count])
    return f"{text}, ..." if len(listed) > count else text


def joined(names: Sequence[str]) -> str:
    """Names in their usual order: ``N, H, W``."""
    return ", ".join(sorted(names, key=_order))
