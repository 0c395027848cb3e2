"""Formulas -> which of two is never the smaller, as far as that is certain."""

from __future__ import annotations

from lazyinspect.sizes.algebra import (
    Atom,
    Floor,
    Monomial,
    Name,
    Poly,
    floor_atom,
    plain_sum,
    product_of,
)


def reduced(poly: Poly) -> Poly:
    """The formula with floors of numerators whose constant is from 0 to the divisor - 1."""
    terms: list[tuple[Monomial, int]] = []
    for monomial, coefficient in poly.terms:
        product: list[tuple[Monomial, int]] = [((), coefficient)]
        for atom in monomial:
            whole = atom.numerator.rest // atom.divisor if isinstance(atom, Floor) else 0
            if whole and isinstance(atom, Floor) and atom.divisor == 1:
                product = [
                    (product_of(m, n), c * k) for m, c in product for n, k in atom.numerator.terms
                ]
                continue
            if whole and isinstance(atom, Floor):
                inner = plain_sum([*atom.numerator.terms, ((), -whole * atom.divisor)])
                atom = floor_atom(inner, atom.divisor)
            product = [
                *((product_of(m, (atom,)), c) for m, c in product),
                *((m, c * whole) for m, c in product if whole),
            ]
        terms += product
    return plain_sum(terms)


def never_negative(poly: Poly) -> bool:
    """Whether it is certain that no sizes make it negative; False where that is not known."""
    poly = reduced(poly)
    low, _ = poly.bounds()
    if low is not None:
        return low >= 0
    gains = {m: c for m, c in poly.terms if c > 0}
    lows = [atom.bounds()[0] for monomial in gains for atom in monomial]
    if any(low is None or low < 0 for low in lows):
        return False  # what is added may be negative itself
    for monomial, coefficient in poly.terms:
        if coefficient > 0:
            continue
        owed = -coefficient
        # the smallest that is large enough first, so that the largest are left for others
        for larger in sorted(gains, key=len):
            if owed and gains[larger] and _product_at_least(larger, monomial):
                taken = min(owed, gains[larger])
                gains[larger] -= taken
                owed -= taken
        if owed:
            return False
    return True


def _product_at_least(a: Monomial, b: Monomial) -> bool:
    """Whether each factor of b has one of its own in a that is never smaller."""
    if any((atom.bounds()[0] or 0) < 0 for atom in b):
        return False
    left = list(a)
    for atom in b:
        match = next((other for other in left if other is atom), None) or next(
            (other for other in left if _at_least(other, atom)), None
        )
        if match is None:
            return False
        left.remove(match)
    return all((atom.bounds()[0] or 0) >= 1 for atom in left)


def _at_least(a: Atom, b: Atom) -> bool:
    """Of floors of lines in one size: a's line starts no lower than b's and is no flatter."""
    lines = _line(a), _line(b)
    if lines[0] is None or lines[1] is None or lines[0][0] != lines[1][0]:
        return False
    (_, slope, rest, divisor), (_, slope2, rest2, divisor2) = lines[0], lines[1]
    return (
        slope * divisor2 >= slope2 * divisor
        and (slope + rest) * divisor2 >= (slope2 + rest2) * divisor
    )


def _line(atom: Atom) -> tuple[str, int, int, int] | None:
    """``(name, slope, rest, divisor)`` of floor((slope name + rest)/divisor)."""
    if isinstance(atom, Name):
        return atom.key, 1, 0, 1
    if isinstance(atom, Floor):
        inner = [(m, c) for m, c in atom.numerator.terms if m]
        if len(inner) == 1 and len(inner[0][0]) == 1 and isinstance(inner[0][0][0], Name):
            return inner[0][0][0].key, inner[0][1], atom.numerator.rest, atom.divisor
    return None
