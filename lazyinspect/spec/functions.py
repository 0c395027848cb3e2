"""The functions that a formula may call: numbers -> a number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any


def divisible(value: float, d: int = 8) -> int:
    """``value`` rounded to a multiple of ``d``, never below 90% of it, at least ``d``.

    Source: MobileNet's channel rounding, https://arxiv.org/abs/1704.04861 (reference code).
    """
    rounded = max(d, int(value + d / 2) // d * d)
    return rounded + d if rounded < 0.9 * value else rounded


APPLY: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "round": round,
    "int": int,
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
