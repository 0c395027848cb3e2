"""Numbers -> what a person reads: counts, multiples, bytes, times, shapes.

Nothing here rounds a count of parameters: those are printed whole, with separators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lazyinspect.report import Duration, NamedTensor
from lazyinspect.shapes import format_shape

_DECIMAL = ("", " k", " M", " G", " T", " P", " E")
_BINARY = (" B", " KiB", " MiB", " GiB", " TiB", " PiB")
_TIMES = (" ns", " µs", " ms", " s")


def count(value: int) -> str:
    """``25,557,032``."""
    return f"{value:,}"


def scaled(value: int) -> str:
    """Three significant digits and a decimal multiple: ``4.09 G``; below a thousand, exact."""
    return str(value) if value < 1000 else _three_digits(value, 1000, _DECIMAL)


def size(value: int) -> str:
    """Bytes with a binary multiple: ``97.5 MiB``."""
    return f"{value} B" if value < 1024 else _three_digits(value, 1024, _BINARY)


def duration(nanoseconds: float) -> str:
    """``21.3 ms``."""
    return _three_digits(nanoseconds, 1000, _TIMES)


def spread(time: Duration) -> str:
    """``20.9 ms to 22.4 ms``: where four runs in five fall."""
    return f"{duration(time.p10)} to {duration(time.p90)}"


def share(fraction: float) -> str:
    """``12.3%``."""
    return "100%" if fraction >= 0.9995 else f"{100 * fraction:.1f}%"


def _three_digits(value: float, step: int, units: Sequence[str]) -> str:
    exponent, scale = 0, 1
    # 999.5 would print as 1000: it belongs to the next unit
    while value >= 999.5 * scale and exponent < len(units) - 1:
        exponent, scale = exponent + 1, scale * step
    number = value / scale
    digits = 2 if number < 9.995 else 1 if number < 99.95 else 0
    if exponent == 0 and value == int(value):
        digits = 0
    return f"{number:,.{digits}f}{units[exponent]}"


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
