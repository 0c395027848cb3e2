"""Floats that carry the formula they come from: a size over an integer, rounded exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from lazyinspect.sizes.algebra import computed
from lazyinspect.sizes.size import Size, concrete, plain, poly_of, sized

_MOST_DENOMINATOR = 2**20
"""Of a factor that algebra multiplies with; others are computed as Python's floats are."""


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

    def __floordiv__(self, other: Any) -> Any:
        divided = self / other
        return divided.__floor__() if isinstance(divided, Ratio) else math.floor(divided)

    def __mod__(self, other: Any) -> Any:
        return float(self) % float(other)

    def __rtruediv__(self, other: Any) -> Any:
        return float(other) / float(self)

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


def lifted(value: float, other: int) -> float:
    """A plain float that meets a size as a ratio; where algebra has none, the size ends there."""
    given = _fraction(value)
    if given is None:
        return Pinning(value)
    return Ratio(given[0], given[1])


class Pinning(float):
    """A float that algebra does not compute with: a size that it meets is a number from there."""

    def __add__(self, other: Any) -> float:
        return float(self) + _plainly(other)

    def __sub__(self, other: Any) -> float:
        return float(self) - _plainly(other)

    def __mul__(self, other: Any) -> Any:
        return other * float(self) if isinstance(other, Size) else float(self) * other

    def __truediv__(self, other: Any) -> float:
        return float(self) / _plainly(other)

    def __floordiv__(self, other: Any) -> float:
        return float(self) // _plainly(other)

    def __mod__(self, other: Any) -> float:
        return float(self) % _plainly(other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (int, float)) and float(self) == _plainly(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: Any) -> bool:
        return float(self) < _plainly(other)

    def __le__(self, other: Any) -> bool:
        return float(self) <= _plainly(other)

    def __gt__(self, other: Any) -> bool:
        return float(self) > _plainly(other)

    def __ge__(self, other: Any) -> bool:
        return float(self) >= _plainly(other)

    def __hash__(self) -> int:
        return float.__hash__(self)


def _plainly(other: Any) -> float:
    return float(concrete(other)) if isinstance(other, Size) else float(other)
