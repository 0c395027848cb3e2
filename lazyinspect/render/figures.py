"""Numbers -> what a person reads: counts, multiples, bytes, times, shapes.

Nothing here rounds a count of parameters: those are printed whole, with separators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lazyinspect.report import Duration, NamedTensor
from lazyinspect.shapes import format_bytes, format_shape, three_digits

_DECIMAL = ("", " k", " M", " G", " T", " P", " E")
_TIMES = (" ns", " µs", " ms", " s")


def count(value: int) -> str:
    """``25,557,032``."""
    return f"{value:,}"


def scaled(value: int) -> str:
    """Three significant digits and a decimal multiple: ``4.09 G``; below a thousand, exact.

    A formula is written whole.
    """
    if type(value) is not int:
        return str(value)
    return str(value) if value < 1000 else three_digits(value, 1000, _DECIMAL)


def size(value: int) -> str:
    """Bytes with a binary multiple: ``97.5 MiB``; a formula in bytes."""
    if type(value) is not int:
        return f"{value} B"
    return format_bytes(value)


def brief_sum(value: Any, text: str) -> str:
    """``(6 terms)`` for a sum of formulas, which would make a table too wide to read."""
    poly = getattr(value, "poly", None)  # a plain run need not load what formulas are
    terms = 1 if poly is None else len(poly.terms)
    return f"({terms} terms)" if terms > 1 else text


def duration(nanoseconds: float) -> str:
    """``21.3 ms``."""
    return three_digits(nanoseconds, 1000, _TIMES)


def spread(time: Duration) -> str:
    """``20.9 ms to 22.4 ms``: where four runs in five fall."""
    return f"{duration(time.p10)} to {duration(time.p90)}"


def rate(value: float) -> str:
    """A count in a second: ``6.94``, ``1,250``."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.3g}"


def flops_per_second(flops: int, nanoseconds: int) -> str:
    """``111 GFLOP/s``: 2 x MACs over the time."""
    text = three_digits(flops * 1e9 / nanoseconds, 1000, _DECIMAL)
    number, _, unit = text.partition(" ")
    return f"{number} {unit}FLOP/s"


def share(fraction: float) -> str:
    """``12.3%``."""
    return "100%" if 0.9995 <= fraction < 1.0005 else f"{100 * fraction:.1f}%"


def tensors(values: Sequence[NamedTensor], usual_dtype: str = "") -> str:
    """Shapes of a nested value on one line: ``[1, 8, 512]``, ``2 x [1, 16, 80, 80]``.

    A dtype is written where it is not the usual one.
    """
    if not values:
        return "-"
    counted = Counter((value.shape, value.dtype) for value in values)
    (shape, dtype), times = next(iter(counted.items()))
    text = format_shape(shape) if dtype == usual_dtype else f"{format_shape(shape)} {dtype}"
    if times > 1:
        text = f"{times} x {text}"
    others = len(values) - times
    return f"{text} +{others}" if others else text


def usual_dtype(values: Iterable[NamedTensor]) -> str:
    """The most frequent dtype, which goes without saying."""
    counted = Counter(value.dtype for value in values)
    return counted.most_common(1)[0][0] if counted else "float32"


def arguments(args: Mapping[str, Any]) -> str:
    """``in_channels=3, kernel_size=[7, 7], bias=false``, values as YAML writes them."""
    return ", ".join(f"{name}={scalar(value)}" for name, value in args.items())


def scalar(value: Any) -> str:
    """A value as a spec would hold it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(scalar, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {scalar(item)}" for key, item in value.items()) + "}"
    return str(value)
