"""Formulas -> the greatest or the least of them, as one formula."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lazyinspect.sizes.algebra import Atom, Poly, Values, atom_poly, interned
from lazyinspect.sizes.order import never_negative


class Extreme(Atom):
    """The least or the greatest of formulas."""

    __slots__ = ("greatest", "of")
    greatest: bool
    of: tuple[Poly, ...]

    def evaluate(self, values: Values) -> int:
        found = [poly.evaluate(values) for poly in self.of]
        return max(found) if self.greatest else min(found)

    def bounds(self) -> tuple[int | None, int | None]:
        lows, highs = zip(*(poly.bounds() for poly in self.of), strict=True)
        known = [low for low in lows if low is not None]
        tops = [high for high in highs if high is not None]
        if self.greatest:
            low = max(known, default=None)
            return low, max(tops) if len(tops) == len(highs) else None
        return (min(known) if len(known) == len(lows) else None), min(tops, default=None)

    def replaced(self, by: Mapping[str, Poly]) -> Poly:
        return extreme([poly.replaced(by) for poly in self.of], greatest=self.greatest)


def extreme(polys: Iterable[Poly], *, greatest: bool) -> Poly:
    """The greatest, or the least, of formulas; those that another always outdoes are left out."""
    kept: list[Poly] = []
    for poly in dict.fromkeys(_spread(polys, greatest)):
        if any(_outdoes(other, poly, greatest) for other in kept):
            continue
        kept = [other for other in kept if not _outdoes(poly, other, greatest)]
        kept.append(poly)
    if len(kept) == 1:
        return kept[0]
    kept.sort(key=lambda poly: poly.key)
    name = "max" if greatest else "min"
    key = f"{name}({', '.join(poly.key for poly in kept)})"
    atom = interned(Extreme, key, frozenset().union(*(poly.names for poly in kept)))
    assert isinstance(atom, Extreme)
    atom.greatest, atom.of = greatest, tuple(kept)
    return atom_poly(atom)


def _spread(polys: Iterable[Poly], greatest: bool) -> Iterator[Poly]:
    """A maximum of maxima is one."""
    for poly in polys:
        atom = poly.terms[0][0][0] if len(poly.terms) == 1 and len(poly.terms[0][0]) == 1 else None
        if isinstance(atom, Extreme) and atom.greatest == greatest and poly.terms[0][1] == 1:
            yield from atom.of
        else:
            yield poly


def _outdoes(a: Poly, b: Poly, greatest: bool) -> bool:
    return never_negative(a - b if greatest else b - a)
