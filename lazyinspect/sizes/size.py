"""Integers that carry the formula they come from, and what was decided by comparing them.

A :class:`Size` is the integer that its formula has for the sizes in hand, so the op table and
the planner compute with it as with any other. What a comparison decides for these sizes alone is
written down by the :class:`Tracer`: under those decisions the formulas hold for other sizes too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, TypeAlias

from lazyinspect.sizes.algebra import (
    Poly,
    Values,
    computed,
    extreme,
    never_negative,
    number,
    quotient,
    reduced,
)

Relation: TypeAlias = Literal[">=", "==", "!="]

_MOST_DENOMINATOR = 2**20
"""Of a factor that algebra multiplies with; others are computed as Python's floats are."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A comparison with 0 that was decided by the sizes in hand."""

    formula: Poly
    relation: Relation
    """What held: ``formula relation 0``."""
    place: Any
    """Of the step in hand, as the tracer was told."""
    pinned: bool = False
    """Where an integer was needed, so that its formula ended there."""

    def holds(self, values: Values) -> bool:
        """Whether other sizes decide it alike. A division by 0 decides nothing alike."""
        try:
            value = self.formula.evaluate(values)
        except (ZeroDivisionError, OverflowError, ValueError):
            return False
        if self.relation == ">=":
            return value >= 0
        return (value == 0) is (self.relation == "==")


class Tracer:
    """Collects guards, each once, in the order in which they came up.

    Args:
        place: where the planner is.
    """

    def __init__(self, place: Callable[[], Any] = lambda: None) -> None:
        self.place = place
        self._guards: dict[tuple[Poly, Relation], Guard] = {}

    @property
    def guards(self) -> tuple[Guard, ...]:
        return tuple(self._guards.values())

    def note(self, formula: Poly, relation: Relation, *, pinned: bool = False) -> None:
        """Write a decision down."""
        key = (formula, relation)
        if key not in self._guards:
            self._guards[key] = Guard(formula, relation, self.place(), pinned)


_active: list[Tracer] = []


@contextmanager
def tracing(tracer: Tracer) -> Iterator[None]:
    """Comparisons inside are written down.

    Outside, sizes are equal where their formulas are, and are ordered as the integers they are.
    """
    _active.append(tracer)
    try:
        yield
    finally:
        _active.pop()


def poly_of(value: int) -> Poly:
    """The formula of a size; of another integer, itself."""
    return value.poly if isinstance(value, Size) else number(int(value))


def sized(value: int, poly: Poly) -> int:
    """An integer with its formula; a plain one where the formula is a number."""
    return value if poly.constant is not None else Size(value, poly)


class Size(int):
    """An integer of 0 or more, or less in between, with its formula."""

    poly: Poly

    def __new__(cls, value: int, poly: Poly) -> Size:
        self = int.__new__(cls, value)
        self.poly = poly
        return self

    @property
    def value(self) -> int:
        """For the sizes in hand."""
        return int.__int__(self)

    def __hash__(self) -> int:
        # equal to the hash of no integer that it might meet in a dictionary
        return hash(self.poly)

    def __repr__(self) -> str:
        return self.poly.key

    def __str__(self) -> str:
        from lazyinspect.sizes.words import formula

        return formula(self.poly)

    def __format__(self, spec: str) -> str:
        return str(self)

    # arithmetic

    def __add__(self, other: Any) -> Any:
        if isinstance(other, int):
            return sized(int.__add__(self, other), self.poly + poly_of(other))
        return Ratio.of(self) + other if isinstance(other, float) else NotImplemented

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, int):
            return sized(int.__sub__(self, other), self.poly - poly_of(other))
        return Ratio.of(self) - other if isinstance(other, float) else NotImplemented

    def __rsub__(self, other: Any) -> Any:
        if isinstance(other, int):
            return sized(int.__rsub__(self, other), poly_of(other) - self.poly)
        return -Ratio.of(self) + other if isinstance(other, float) else NotImplemented

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, int):
            return sized(int.__mul__(self, other), self.poly * poly_of(other))
        return Ratio.of(self) * other if isinstance(other, float) else NotImplemented

    __rmul__ = __mul__

    def __neg__(self) -> int:
        return sized(int.__neg__(self), self.poly.scaled(-1))

    def __pos__(self) -> int:
        return self

    def __abs__(self) -> int:
        return self if self >= 0 else -self

    def __floordiv__(self, other: Any) -> Any:
        if isinstance(other, int):
            return _floor_divided(self, other)
        return math.floor(Ratio.of(self) / other) if isinstance(other, float) else NotImplemented

    def __rfloordiv__(self, other: Any) -> Any:
        return _floor_divided(other, self) if isinstance(other, int) else NotImplemented

    def __mod__(self, other: Any) -> Any:
        if isinstance(other, int):
            return self - other * _floor_divided(self, other)
        return NotImplemented

    def __rmod__(self, other: Any) -> Any:
        if isinstance(other, int):
            return other - self * _floor_divided(other, self)
        return NotImplemented

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __truediv__(self, other: Any) -> Any:
        return Ratio.of(self) / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / concrete(self)

    def __pow__(self, other: Any, modulus: Any = None) -> Any:
        if modulus is None and type(other) is int and 0 <= other <= 4:
            result: Any = 1
            for _ in range(other):
                result = result * self
            return result
        return pow(concrete(self), other, modulus)

    def __rpow__(self, other: Any, modulus: Any = None) -> Any:
        return pow(other, concrete(self), modulus)

    # what needs an integer

    def __int__(self) -> int:
        return concrete(self)

    def __float__(self) -> float:
        return float(concrete(self))

    def __round__(self, *digits: Any) -> int:
        return self

    def __trunc__(self) -> int:
        return self

    def __floor__(self) -> int:
        return self

    def __ceil__(self) -> int:
        return self

    # comparisons

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int):
            return _equal(self, other)
        return isinstance(other, float) and concrete(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __ge__(self, other: Any) -> bool:
        return _at_least(self, other)

    def __le__(self, other: Any) -> bool:
        return _at_least(other, self)

    def __gt__(self, other: Any) -> bool:
        return not _at_least(other, self)

    def __lt__(self, other: Any) -> bool:
        return not _at_least(self, other)

    def __bool__(self) -> bool:
        return not _equal(self, 0)


class Ratio(float):
    """A float with its formula: a size over an integer."""

    numerator_size: int
    denominator: int

    def __new__(cls, numerator: int, denominator: int) -> Ratio:
        self = float.__new__(cls, plain(numerator) / denominator)
        self.numerator_size, self.denominator = numerator, denominator
        return self

    @classmethod
    def of(cls, size: int) -> Ratio:
        """A size as a float."""
        return cls(size, 1)

    def _with(self, other: Any, sign: int) -> Any:
        given = _fraction(other)
        if given is None:
            return float(self) + sign * other
        top, bottom = given
        common = bottom * self.denominator
        return Ratio(self.numerator_size * bottom + sign * top * self.denominator, common)

    def __add__(self, other: Any) -> Any:
        return self._with(other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._with(other, -1)

    def __rsub__(self, other: Any) -> Any:
        return (-self)._with(other, 1)

    def __neg__(self) -> Ratio:
        return Ratio(-self.numerator_size, self.denominator)

    def __mul__(self, other: Any) -> Any:
        given = _fraction(other)
        if given is None:
            return Scaled(self, other)
        return Ratio(self.numerator_size * given[0], self.denominator * given[1])

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        given = _fraction(other)
        if given is None or isinstance(given[0], Size) or not given[0]:
            return float(self) / float(other)
        top, bottom = given
        sign = 1 if top > 0 else -1
        return Ratio(self.numerator_size * bottom * sign, self.denominator * top * sign)

    def __float__(self) -> float:
        return float(concrete(self.numerator_size)) / self.denominator

    def __floor__(self) -> int:
        found: int = self.numerator_size // self.denominator
        return found

    def __ceil__(self) -> int:
        return -(-self.numerator_size // self.denominator)

    def __trunc__(self) -> int:
        return self.__floor__() if self >= 0 else self.__ceil__()

    def __round__(self, digits: Any = None) -> Any:
        if digits is not None:
            return round(float(self), digits)
        bottom = self.denominator
        formula = computed(
            f"round({{}}/{bottom})",
            lambda value: round(value / bottom),
            poly_of(self.numerator_size),
        )
        return sized(round(plain(self.numerator_size) / bottom), formula)

    def _sides(self, other: Any) -> tuple[int, int] | None:
        given = _fraction(other)
        if given is None:
            return None
        return self.numerator_size * given[1], given[0] * self.denominator

    def __eq__(self, other: object) -> bool:
        sides = self._sides(other)
        return float(self) == other if sides is None else sides[0] == sides[1]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((self.numerator_size, self.denominator))

    def __ge__(self, other: Any) -> bool:
        sides = self._sides(other)
        return float(self) >= other if sides is None else sides[0] >= sides[1]

    def __le__(self, other: Any) -> bool:
        sides = self._sides(other)
        return float(self) <= other if sides is None else sides[0] <= sides[1]

    def __gt__(self, other: Any) -> bool:
        return not self <= other

    def __lt__(self, other: Any) -> bool:
        return not self >= other

    def __bool__(self) -> bool:
        return bool(self.numerator_size)


class Scaled(float):
    """A ratio times a float that is no short fraction: rounded as Python rounds the product."""

    ratio: Ratio
    factor: float

    def __new__(cls, ratio: Ratio, factor: float) -> Scaled:
        here = plain(ratio.numerator_size) / ratio.denominator
        self = float.__new__(cls, here * float(factor))
        self.ratio, self.factor = ratio, factor
        return self

    def _rounded(self, name: str, apply: Callable[[float], int]) -> int:
        size, bottom, factor = self.ratio.numerator_size, self.ratio.denominator, self.factor
        over = "" if bottom == 1 else f"/{bottom}"
        formula = computed(
            f"{name}({{}}{over} * {factor!r})",
            lambda value: apply(value / bottom * factor),
            poly_of(size),
        )
        return sized(apply(float.__float__(self)), formula)

    def __float__(self) -> float:
        return self.ratio.__float__() * self.factor

    def __floor__(self) -> int:
        return self._rounded("floor", math.floor)

    def __ceil__(self) -> int:
        return self._rounded("ceil", math.ceil)

    def __trunc__(self) -> int:
        return self._rounded("int", int)

    def __round__(self, digits: Any = None) -> Any:
        return self._rounded("round", round) if digits is None else round(float(self), digits)

    def __hash__(self) -> int:
        return hash((self.ratio, self.factor))


def _fraction(value: Any) -> tuple[int, int] | None:
    """A number as numerator and denominator; None where algebra would not compute as floats do."""
    if isinstance(value, Ratio):
        return value.numerator_size, value.denominator
    if isinstance(value, int):
        return value, 1
    if not isinstance(value, float) or isinstance(value, Scaled) or not math.isfinite(value):
        return None
    exact = Fraction(value)
    if exact.denominator > _MOST_DENOMINATOR:
        return None
    return exact.numerator, exact.denominator


def _floor_divided(a: int, b: int) -> int:
    value = plain(a) // plain(b)
    if isinstance(b, Size) and not never_negative(b.poly - number(1)) and not b > 0:
        return value  # the algebra divides by 1 or more; a guard says where this holds
    return sized(value, quotient(poly_of(a), poly_of(b)))


def plain(value: int) -> int:
    """A size as the integer it is for the sizes in hand; nothing is written down."""
    return value.value if isinstance(value, Size) else value


def concrete(value: int) -> int:
    """A size as an integer where its formula ends: written down as fixed by what needs it."""
    if not isinstance(value, Size):
        return value
    here = value.value
    if _active:
        _active[-1].note(value.poly - number(here), "==", pinned=True)
    return here


def _equal(a: int, b: int) -> bool:
    difference = reduced(poly_of(a) - poly_of(b))
    fixed = difference.constant
    if fixed is not None:
        return fixed == 0
    low, high = difference.bounds()
    if not _active or (low is not None and low > 0) or (high is not None and high < 0):
        return False
    same = plain(a) == plain(b)
    _active[-1].note(difference, "==" if same else "!=")
    return same


def _at_least(a: Any, b: Any) -> bool:
    if isinstance(a, float) or isinstance(b, float):
        left = Ratio.of(a) if isinstance(a, int) else a
        return bool(left >= b)
    difference = reduced(poly_of(a) - poly_of(b))
    fixed = difference.constant
    if fixed is not None:
        return fixed >= 0
    if never_negative(difference):
        return True
    opposite = reduced((difference + number(1)).scaled(-1))
    if never_negative(opposite):
        return False
    found = plain(a) >= plain(b)
    if _active:
        _active[-1].note(difference if found else opposite, ">=")
    return found


def extreme_of(values: Iterable[int], *, greatest: bool) -> int:
    """The greatest or least of sizes, as one formula: no comparison decides it."""
    listed = list(values)
    found = max(map(plain, listed)) if greatest else min(map(plain, listed))
    return sized(found, extreme([poly_of(value) for value in listed], greatest=greatest))
