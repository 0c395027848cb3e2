"""What the rows of the tensor functions share: operands, dimensions, dtypes. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.shapes import Shape, TensorType, Value, dim_index, format_value, is_complex, whole

_REAL_OF = {"complex32": "float16", "complex64": "float32", "complex128": "float64"}


def tensor(value: Value, name: str = "input") -> TensorType:
    """The value itself, where it is a tensor.

    Raises:
        ShapeError: it is a tuple, a number or nothing.
    """
    if type(value) is TensorType:
        return value
    if isinstance(value, tuple):
        raise ShapeError(
            f"expects one tensor as {name}, and gets a tuple {format_value(value)}",
            help="`pick: 0` takes one element of a tuple",
        )
    found = "nothing" if value is None else f"the {_kind_of(value)} {format_value(value)}"
    raise ShapeError(f"expects a tensor as {name}, and gets {found}")


def flat(values: Sequence[Value]) -> list[Value]:
    """The values of a merge in order; a tuple (an ``each:`` label) counts as its elements."""
    result: list[Value] = []
    for value in values:
        if isinstance(value, tuple):
            result.extend(flat(value))
        else:
            result.append(value)
    return result


def is_number(value: Value) -> bool:
    """Whether a source is a Python number, as a merge takes besides tensors."""
    return isinstance(value, (bool, int, float))


def integers(value: Any, argument: str) -> tuple[int, ...]:
    """A variadic argument as torch reads it: ``(2, 3)`` and ``((2, 3),)`` are the same sizes.

    Raises:
        ArgumentError: nothing was given, or something other than integers.
    """
    if whole(value):
        return (value,)
    if len(value) == 1 and isinstance(value[0], tuple):
        value = value[0]
    elif not value:
        raise ArgumentError(f"needs `{argument}`", argument=argument)
    for item in value:
        if not whole(item):
            raise ArgumentError(
                f"`{argument}` takes integers, and gets {_show(item)}", argument=argument
            )
    return tuple(value)


def distinct_dims(dims: Sequence[int], rank: int, argument: str = "dim") -> tuple[int, ...]:
    """Dimensions counted from the front.

    Raises:
        ArgumentError: one is written twice.
        ShapeError: one is out of range, or stands twice.
    """
    if len(set(dims)) < len(dims):
        raise ArgumentError(
            f"names a dimension twice in {argument} {list(dims)}", argument=argument
        )
    result = tuple(dim_index(dim, rank, argument) for dim in dims)
    if len(set(result)) < len(result):
        raise ShapeError(f"names a dimension twice in {argument} {list(dims)}", argument=argument)
    return result


def real_of(dtype: str) -> str:
    """The dtype of the absolute value."""
    return _REAL_OF.get(dtype, dtype)


def complex_or_float(dtype: str, default: str = "float32") -> str:
    """The dtype of a function that turns integers and booleans into the default float."""
    return dtype if is_inexact(dtype) else default


def is_inexact(dtype: str) -> bool:
    """Floating point or complex."""
    return "float" in dtype or is_complex(dtype)


def refuse(dtype: str, wanted: str, help: str = "") -> ShapeError:
    """The error for a dtype that torch has no kernel for."""
    return ShapeError(f"expects {wanted} tensors, and gets {dtype}", help=help)


def no_negative_sizes(sizes: Shape, argument: str) -> None:
    """Raises ArgumentError on a size below 0."""
    for size in sizes:
        if size < 0:
            raise ArgumentError(f"`{argument}` holds the negative size {size}", argument=argument)


def _kind_of(value: Value) -> str:
    return "number" if is_number(value) else type(value).__name__


def _show(value: Any) -> str:
    return f'the string "{value}"' if isinstance(value, str) else format_value(value)
