"""Formulas in named sizes: polynomials with integer coefficients over floors and extremes.

Every named size is an integer of 1 or more. Formulas are kept as a person writes them: a floor of
a floor is one floor, and a constant beside a floor is inside it. :func:`reduced` has the constants
outside, so that of equal formulas of convolutions, pools and products the difference is 0.

Source of both rules: Graham, Knuth, Patashnik, Concrete Mathematics, 2nd ed., sections 3.1, 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
        return _collected((product_of(a, b), x * y) for a, x in self.terms for b, y in other.terms)

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
        nested = _onlyfloor_atom(inside)
        if nested is not None:
            # floor((floor(n/e) + c)/d) = floor((n + c e)/(d e))
            inner = plain_sum([*nested.numerator.terms, ((), inside.rest * nested.divisor)])
            return outside + inner.floor_divided(divisor * nested.divisor)
        return outside + atom_poly(floor_atom(inside, divisor))


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
    poly = plain_sum(terms)
    if len(poly.terms) == 2 and not poly.terms[1][0]:
        (monomial, factor), (_, constant) = poly.terms
        if len(monomial) == 1 and constant % factor == 0:
            # a floor(n/d) + a k = a floor((n + k d)/d), and a size is a floor with d = 1
            atom, shift = monomial[0], constant // factor
            if isinstance(atom, Name):
                inner = Poly((((atom,), 1), ((), shift)))
                return Poly((((floor_atom(inner, 1),), factor),))
            if isinstance(atom, Floor):
                inner = plain_sum([*atom.numerator.terms, ((), shift * atom.divisor)])
                whole = inner if atom.divisor == 1 and not inner.rest else None
                return (
                    whole.scaled(factor)
                    if whole
                    else Poly((((floor_atom(inner, atom.divisor),), factor),))
                )
    return poly


def plain_sum(terms: Iterable[tuple[Monomial, int]]) -> Poly:
    """The sum of terms, none of them taken inside another."""
    found: dict[Monomial, int] = {}
    for monomial, coefficient in terms:
        found[monomial] = found.get(monomial, 0) + coefficient
    kept = [item for item in found.items() if item[1]]
    kept.sort(key=_order)
    return Poly(tuple(kept))


def _order(term: tuple[Monomial, int]) -> tuple[int, tuple[str, ...]]:
    return -len(term[0]), tuple([atom.key for atom in term[0]])


def product_of(a: Monomial, b: Monomial) -> Monomial:
    """The product of two monomials."""
    if not a or not b:
        return a or b
    return tuple(sorted((*a, *b), key=lambda atom: atom.key))


def _onlyfloor_atom(poly: Poly) -> Floor | None:
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
    return atom_poly(interned(Name, name, frozenset((name,))))


def atom_poly(atom: Atom) -> Poly:
    """A formula of one atom."""
    return Poly((((atom,), 1),))


def interned(kind: type[Atom], key: str, names: frozenset[str]) -> Atom:
    """The atom of a key: the one that is alive, or a new one."""
    found = _atoms.get(key)
    if found is None:
        found = kind()
        found.key, found.names = key, names
        _atoms[key] = found
    return found


def floor_atom(numerator: Poly, divisor: int) -> Floor:
    """``numerator // divisor``; with 1 the numerator itself, kept together."""
    key = f"({numerator.key})//{divisor}" if divisor > 1 else numerator.key
    atom = interned(Floor, key, numerator.names)
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
    atom = interned(Quotient, f"({numerator.key})//({divisor.key})", names)
    assert isinstance(atom, Quotient)
    atom.numerator, atom.divisor = numerator, divisor
    return atom_poly(atom)


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
    atom = interned(Computed, key, frozenset().union(*(poly.names for poly in of)))
    assert isinstance(atom, Computed)
    atom.template, atom.apply, atom.of = template, apply, of
    return atom_poly(atom)
