"""Integers that carry the formula they come from, and what was decided by comparing them.

A :class:`Size` is the integer that its formula has for the sizes in hand, so the op table and
the planner compute with it as with any other. What a comparison decides for these sizes alone is
written down by the :class:`Tracer`: under those decisions the formulas hold for other sizes too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lazyinspect.sizes.algebra import Poly, number, quotient
from lazyinspect.sizes.extremes import extreme
from lazyinspect.sizes.order import never_negative, reduced
from lazyinspect.sizes.tracing import ACTIVE

if TYPE_CHECKING:
    from lazyinspect.sizes.ratio import Ratio


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
        return _ratio(self) + other if isinstance(other, float) else NotImplemented

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, int):
            return sized(int.__sub__(self, other), self.poly - poly_of(other))
        return _ratio(self) - other if isinstance(other, float) else NotImplemented

    def __rsub__(self, other: Any) -> Any:
        if isinstance(other, int):
            return sized(int.__rsub__(self, other), poly_of(other) - self.poly)
        return -_ratio(self) + other if isinstance(other, float) else NotImplemented

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, int):
            return sized(int.__mul__(self, other), self.poly * poly_of(other))
        return _ratio(self) * other if isinstance(other, float) else NotImplemented

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
        return math.floor(_ratio(self) / other) if isinstance(other, float) else NotImplemented

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
        return _ratio(self) / other

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


def _ratio(size: int) -> Ratio:
    """A size as a float with its formula."""
    # here because a ratio holds sizes: few formulas of specs divide
    from lazyinspect.sizes.ratio import Ratio

    return Ratio.of(size)


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
    if ACTIVE:
        ACTIVE[-1].note(value.poly - number(here), "==", pinned=True)
    return here


def _equal(a: int, b: int) -> bool:
    difference = reduced(poly_of(a) - poly_of(b))
    fixed = difference.constant
    if fixed is not None:
        return fixed == 0
    low, high = difference.bounds()
    if not ACTIVE or (low is not None and low > 0) or (high is not None and high < 0):
        return False
    same = plain(a) == plain(b)
    ACTIVE[-1].note(difference, "==" if same else "!=")
    return same


def _at_least(a: Any, b: Any) -> bool:
    if isinstance(a, float) or isinstance(b, float):
        left = _ratio(a) if isinstance(a, int) else a
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
    if ACTIVE:
        ACTIVE[-1].note(difference if found else opposite, ">=")
    return found


def extreme_of(values: Iterable[int], *, greatest: bool) -> int:
    """The greatest or least of sizes, as one formula: no comparison decides it."""
    listed = list(values)
    found = max(map(plain, listed)) if greatest else min(map(plain, listed))
    return sized(found, extreme([poly_of(value) for value in listed], greatest=greatest))
