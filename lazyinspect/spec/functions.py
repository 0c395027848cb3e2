"""The functions that a formula may call: numbers -> a number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lazyinspect.shapes import concrete, largest, smallest


def divisible(value: float, d: int = 8) -> int:
    """``value`` rounded to a multiple of ``d``, never below 90% of it, at least ``d``.

    Source: MobileNet's channel rounding, https://arxiv.org/abs/1704.04861 (reference code).
    """
    # the formula's own value first, so that one with a formula keeps it
    nearest = largest((d, integer(value + d / 2) // d * d))
    return nearest + d if nearest < value * 0.9 else nearest


def rounded(value: float, *digits: int) -> float:
    """``round``: to an integer, or to a number of decimal digits.

    Raises:
        ValueError: more digits than any number here has; Python would compute their power of 10.
    """
    for count in digits:
        if type(count) is not int or not -20 <= count <= 20:
            raise ValueError("the second argument is an integer from -20 to 20")
    return round(value, *digits)


def integer(value: float) -> int:
    """``int``: the number without what is behind its point."""
    result: int = value.__trunc__()
    return result


def _least(*values: float) -> float:
    whole = [value for value in values if isinstance(value, int)]
    return smallest(whole) if len(whole) == len(values) else min(_numbers(values))


def _greatest(*values: float) -> float:
    whole = [value for value in values if isinstance(value, int)]
    return largest(whole) if len(whole) == len(values) else max(_numbers(values))


def _numbers(values: tuple[float, ...]) -> list[float]:
    """Floats and integers together: a size with a formula is a number among floats."""
    return [concrete(value) if isinstance(value, int) else value for value in values]


APPLY: dict[str, Callable[..., Any]] = {
    "min": _least,
    "max": _greatest,
    "round": rounded,
    "int": integer,
    "ceil": math.ceil,
    "floor": math.floor,
    "abs": abs,
    "divisible": divisible,
}
"""By name, in the order in which messages list them."""
ARITY = {
    "min": (2, 99),
    "max": (2, 99),
    "round": (1, 2),
    "int": (1, 1),
    "ceil": (1, 1),
    "floor": (1, 1),
    "abs": (1, 1),
    "divisible": (1, 2),
}
"""Least and most count of arguments."""
