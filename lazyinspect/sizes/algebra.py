"""Formulas in named sizes: polynomials with integer coefficients over floors and extremes.

Every named size is an integer of 1 or more. Formulas are kept as a person writes them: a floor of
a floor is one floor, and a constant beside a floor is inside it. :func:`reduced` has the constants
outside, so that of equal formulas of convolutions, pools and products the difference is 0.

Source of both rules: Graham, Knuth, Patashnik, Concrete Mathematics, 2nd ed., sections 3.1, 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from math import gcd
from typing import TypeAlias
from weakref import WeakValueDictionary

Monomial: TypeAlias = "tuple[Atom, ...]"
"""A product of atoms, in the order of their keys; a power is a repetition."""
Values: TypeAlias = "Mapping[str, int]"
"""Values of the named sizes."""


class Atom:
    """What a formula does not look into: a named size, or a function of formulas."""

    __slots__ = ("__weakref__", "key", "names")

    key: str
    """What it says, as Python would: ``(H + 3)//4``. Atoms of one key are one object."""
    names: frozenset[str]
    """Of the named sizes in it."""

    def evaluate(self, values: Values) -> int:
        """Its value for these sizes. Raises KeyError where one is not given."""
        raise NotImplementedError  # each kind has its own

    def bounds(self) -> tuple[int | None, int | None]:
        """Least and greatest value over all sizes; None: not known, or none."""
        return None, None

    def replaced(self, by: Mapping[str, Poly]) -> Poly:
        """The formula with named sizes replaced by formulas."""
        raise NotImplementedError  # each kind has its own


_atoms: WeakValueDictionary[str, Atom] = WeakValueDictionary()


class Name(Atom):
    """A named size: an integer of 1 or more."""

    __slots__ = ()

    def evaluate(self, values: Values) -> int:
        return values[self.key]

    def bounds(self) -> tuple[int | None, int | None]:
        return 1, None

    def replaced(self, by: Mapping[str, Poly]) -> Poly:
        return by[self.key] if self.key in by else Poly((((self,), 1),))


class Floor(Atom):
    """``numerator // divisor``, the divisor a number of 1 or more.

    With 1 it is a size and a constant, ``H - 2``, kept together so that products stay products.
    """

    __slots__ = ("divisor", "numerator")
    numerator: Poly
    divisor: int

    def evaluate(self, values: Values) -> int:
        return self.numerator.evaluate(values) // self.divisor

    def bounds(self) -> tuple[int | None, int | None]:
        low, high = self.numerator.bounds()
        return (
            None if low is None else low // self.divisor,
            None if high is None else high // self.divisor,
        )

    def replaced(self, by: Mapping[str, Poly]) -> Poly:
        return self.numerator.replaced(by).floor_divided(self.divisor)


class Quotient(Atom):
    """``numerator // divisor``, the divisor a formula."""

    __slots__ = ("divisor", "numerator")
    numerator: Poly
    divisor: Poly

    def evaluate(self, values: Values) -> int:
        return self.numerator.evaluate(values) // self.divisor.evaluate(values)

    def bounds(self) -> tuple[int | None, int | None]:
        low, high = self.numerator.bounds()
        below, _ = self.divisor.bounds()
        if low is None or low < 0 or below is None or below < 1:
            return None, None
        return 0, None if high is None else high // below

    def replaced(self, by: Mapping[str, Poly]) -> Poly:
        return quotient(self.numerator.replaced(by), self.divisor.replaced(by))


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


class Computed(Atom):
    """A function that algebra does not know, as Python computes it: ``int(H * 0.7)``."""

    __slots__ = ("apply", "of", "template")
    apply: Callable[..., int]
    of: tuple[Poly, ...]
    template: str

    def evaluate(self, values: Values) -> int:
        return self.apply(*(poly.evaluate(values) for poly in self.of))

    def replaced(self, by: Mapping[str, Poly]) -> Poly:
        return computed(self.template, self.apply, *(poly.replaced(by) for poly in self.of))


class Poly:
    """A formula: monomials with their coefficients, in order, none of them 0."""

    __slots__ = ("_bounds", "_hash", "terms")

    def __init__(self, terms: tuple[tuple[Monomial, int], ...]) -> None:
        self.terms = terms
        self._hash = hash(terms)
        self._bounds: tuple[int | None, int | None] | None = None

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Poly) and self.terms == other.terms

    def __repr__(self) -> str:
        return f"Poly({self.key})"

    @property
    def constant(self) -> int | None:
        """Its value, where it is a number."""
        if not self.terms:
            return 0
        return self.terms[0][1] if len(self.terms) == 1 and not self.terms[0][0] else None

    @property
    def rest(self) -> int:
        """The constant term."""
        return next((c for monomial, c in self.terms if not monomial), 0)

    @property
    def names(self) -> frozenset[str]:
        """Of the named sizes in it."""
        found: frozenset[str] = frozenset()
        for monomial, _ in self.terms:
            for atom in monomial:
                found |= atom.names
        return found

    @property
    def key(self) -> str:
        """As Python would write it: ``64*N*((H + 3)//4)``."""
        texts = []
        if len(self.terms) == 1 and self.terms[0][1] == 1 and len(self.terms[0][0]) == 1:
            return self.terms[0][0][0].key
        for monomial, coefficient in self.terms:
            factors = [atom.key if atom.key.isidentifier() or (atom.key.endswith(")")
                       and "(" in atom.key and atom.key[0].isalpha())
                       else f"({atom.key})" for atom in monomial]  # fmt: skip
            if abs(coefficient) != 1 or not factors:
                factors.insert(0, str(abs(coefficient)))
            sign = "-" if coefficient < 0 else "+"
            texts.append((sign, "*".join(factors)))
        if not texts:
            return "0"
        first = "-" if texts[0][0] == "-" else ""
        return first + texts[0][1] + "".join(f" {sign} {text}" for sign, text in texts[1:])

    def evaluate(self, values: Values) -> int:
        """Its value for these sizes. Raises KeyError where one is not given."""
        total = 0
        for monomial, coefficient in self.terms:
            for atom in monomial:
                coefficient *= atom.evaluate(values)
            total += coefficient
        return total

    def bounds(self) -> tuple[int | None, int | None]:
        """A bound from below and one from above over all sizes; None where none is known."""
        if self._bounds is None:
            low: int | None = 0
            high: int | None = 0
            for monomial, coefficient in self.terms:
                least, most = _product_bounds(monomial)
                if coefficient < 0:
                    least, most = most, least
                low = None if low is None or least is None else low + coefficient * least
                high = None if high is None or most is None else high + coefficient * most
            self._bounds = low, high
        return self._bounds

    def replaced(self, by: Mapping[str, Poly]) -> Poly:
        """The formula with named sizes replaced by formulas."""
        if self.names.isdisjoint(by):
            return self
        total = ZERO
        for monomial, coefficient in self.terms:
            part = number(coefficient)
            for atom in monomial:
                part = part * atom.replaced(by)
            total = total + part
        return total

    def __add__(self, other: Poly) -> Poly:
        return _collected([*self.terms, *other.terms])

    def __sub__(self, other: Poly) -> Poly:
        return self + other.scaled(-1)

    def __mul__(self, other: Poly) -> Poly:
        return _collected((_product(a, b), x * y) for a, x in self.terms for b, y in other.terms)

    def scaled(self, factor: int) -> Poly:
        """The formula times a number."""
        if factor == 1:
            return self
        return Poly(tuple((m, c * factor) for m, c in self.terms)) if factor else ZERO

    def floor_divided(self, divisor: int) -> Poly:
        """The formula divided by a number above 0, rounded down."""
        if divisor == 1:
            return self
        whole, left = [], []
        for monomial, coefficient in self.terms:
            quotient, rest = divmod(coefficient, divisor)
            if quotient:
                whole.append((monomial, quotient))
            if rest:
                left.append((monomial, rest))
        outside, inside = Poly(tuple(whole)), Poly(tuple(left))
        if inside.constant is not None:
            return outside  # what is left is below the divisor
        factor = divisor
        for monomial, coefficient in left:
            if monomial:
                factor = gcd(factor, coefficient)
        if factor > 1:
            inside = Poly(tuple((m, c // factor) for m, c in inside.terms if m or c // factor))
            return outside + inside.floor_divided(divisor // factor)
        nested = _only_floor(inside)
        if nested is not None:
            # floor((floor(n/e) + c)/d) = floor((n + c e)/(d e))
            inner = _sum([*nested.numerator.terms, ((), inside.rest * nested.divisor)])
            return outside + inner.floor_divided(divisor * nested.divisor)
        return outside + _atom_poly(_floor(inside, divisor))


def _product_bounds(monomial: Monomial) -> tuple[int | None, int | None]:
    low, high = 1, 1
    bounded = True
    for atom in monomial:
        least, most = atom.bounds()
        if least is None or least < 0:
            return None, None
        low *= least
        bounded = bounded and most is not None
        high *= most or 0
    return low, high if bounded else None


def _collected(terms: Iterable[tuple[Monomial, int]]) -> Poly:
    """The sum of terms; a constant beside one size or one floor is taken inside."""
    poly = _sum(terms)
    if len(poly.terms) == 2 and not poly.terms[1][0]:
        (monomial, factor), (_, constant) = poly.terms
        if len(monomial) == 1 and constant % factor == 0:
            # a floor(n/d) + a k = a floor((n + k d)/d), and a size is a floor with d = 1
            atom, shift = monomial[0], constant // factor
            if isinstance(atom, Name):
                inner = Poly((((atom,), 1), ((), shift)))
                return Poly((((_floor(inner, 1),), factor),))
            if isinstance(atom, Floor):
                inner = _sum([*atom.numerator.terms, ((), shift * atom.divisor)])
                whole = inner if atom.divisor == 1 and not inner.rest else None
                return (
                    whole.scaled(factor)
                    if whole
                    else Poly((((_floor(inner, atom.divisor),), factor),))
                )
    return poly


def _sum(terms: Iterable[tuple[Monomial, int]]) -> Poly:
    found: dict[Monomial, int] = {}
    for monomial, coefficient in terms:
        found[monomial] = found.get(monomial, 0) + coefficient
    kept = [item for item in found.items() if item[1]]
    kept.sort(key=_order)
    return Poly(tuple(kept))


def _order(term: tuple[Monomial, int]) -> tuple[int, tuple[str, ...]]:
    return -len(term[0]), tuple([atom.key for atom in term[0]])


def _product(a: Monomial, b: Monomial) -> Monomial:
    if not a or not b:
        return a or b
    return tuple(sorted((*a, *b), key=lambda atom: atom.key))


def _only_floor(poly: Poly) -> Floor | None:
    """The floor, where a formula is one floor and perhaps a constant."""
    inner = [(m, c) for m, c in poly.terms if m]
    if len(inner) == 1 and inner[0][1] == 1 and len(inner[0][0]) == 1:
        atom = inner[0][0][0]
        return atom if isinstance(atom, Floor) else None
    return None


ZERO = Poly(())


def number(value: int) -> Poly:
    """A constant."""
    return Poly((((), value),)) if value else ZERO


def named(name: str) -> Poly:
    """A named size."""
    return _atom_poly(_interned(Name, name, frozenset((name,))))


def _atom_poly(atom: Atom) -> Poly:
    return Poly((((atom,), 1),))


def _interned(kind: type[Atom], key: str, names: frozenset[str]) -> Atom:
    found = _atoms.get(key)
    if found is None:
        found = kind()
        found.key, found.names = key, names
        _atoms[key] = found
    return found


def _floor(numerator: Poly, divisor: int) -> Floor:
    key = f"({numerator.key})//{divisor}" if divisor > 1 else numerator.key
    atom = _interned(Floor, key, numerator.names)
    assert isinstance(atom, Floor)
    atom.numerator, atom.divisor = numerator, divisor
    return atom


def quotient(numerator: Poly, divisor: Poly) -> Poly:
    """``numerator // divisor``, exact where the one is a multiple of the other."""
    fixed = divisor.constant
    if fixed is not None:
        if fixed < 0:
            return quotient(numerator.scaled(-1), number(-fixed))
        if not fixed:
            raise ZeroDivisionError
        return numerator.floor_divided(fixed)
    exact = _exact(numerator, divisor)
    if exact is not None:
        return exact
    names = numerator.names | divisor.names
    atom = _interned(Quotient, f"({numerator.key})//({divisor.key})", names)
    assert isinstance(atom, Quotient)
    atom.numerator, atom.divisor = numerator, divisor
    return _atom_poly(atom)


def _exact(numerator: Poly, divisor: Poly) -> Poly | None:
    """By division of polynomials, where it leaves nothing; the divisor is above 0."""
    left, result = numerator, ZERO
    lead, by = divisor.terms[0]
    for _ in range(len(numerator.terms) + 1):
        if not left.terms:
            return result
        monomial, coefficient = left.terms[0]
        rest = _without(monomial, lead)
        if rest is None or coefficient % by:
            return None
        part = Poly(((rest, coefficient // by),))
        result, left = result + part, left - part * divisor
    return None


def _without(monomial: Monomial, factor: Monomial) -> Monomial | None:
    rest = list(monomial)
    for atom in factor:
        if atom not in rest:
            return None
        rest.remove(atom)
    return tuple(rest)


def computed(template: str, apply: Callable[..., int], *of: Poly) -> Poly:
    """A function that algebra does not know.

    Args:
        template: how it is written, ``int({} * 0.7)``; it stands for ``apply``.
        apply: integers -> an integer.
    """
    fixed = [poly.constant for poly in of]
    if None not in fixed:
        return number(apply(*fixed))
    key = template.format(*(poly.key for poly in of))
    atom = _interned(Computed, key, frozenset().union(*(poly.names for poly in of)))
    assert isinstance(atom, Computed)
    atom.template, atom.apply, atom.of = template, apply, of
    return _atom_poly(atom)


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
    atom = _interned(Extreme, key, frozenset().union(*(poly.names for poly in kept)))
    assert isinstance(atom, Extreme)
    atom.greatest, atom.of = greatest, tuple(kept)
    return _atom_poly(atom)


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


def reduced(poly: Poly) -> Poly:
    """The formula with floors of numerators whose constant is from 0 to the divisor - 1."""
    terms: list[tuple[Monomial, int]] = []
    for monomial, coefficient in poly.terms:
        product: list[tuple[Monomial, int]] = [((), coefficient)]
        for atom in monomial:
            whole = atom.numerator.rest // atom.divisor if isinstance(atom, Floor) else 0
            if whole and isinstance(atom, Floor) and atom.divisor == 1:
                product = [
                    (_product(m, n), c * k) for m, c in product for n, k in atom.numerator.terms
                ]
                continue
            if whole and isinstance(atom, Floor):
                inner = _sum([*atom.numerator.terms, ((), -whole * atom.divisor)])
                atom = _floor(inner, atom.divisor)
            product = [
                *((_product(m, (atom,)), c) for m, c in product),
                *((m, c * whole) for m, c in product if whole),
            ]
        terms += product
    return _sum(terms)


def never_negative(poly: Poly) -> bool:
    """Whether it is certain that no sizes make it negative; False where that is not known."""
    poly = reduced(poly)
    low, _ = poly.bounds()
    if low is not None:
        return low >= 0
    gains = {m: c for m, c in poly.terms if c > 0}
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
