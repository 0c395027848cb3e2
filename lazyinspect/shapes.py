"""Tensor types and the integer arithmetic on sizes that the op table uses. No torch here.

A size is an int, or a ``sizes.Size``: an int with the formula that it comes from. The rows of the
op table touch them only through the operators ``+ - * // %``, comparisons and the helpers below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from lazyinspect import limits
from lazyinspect.errors import ShapeError

Shape: TypeAlias = tuple[int, ...]

ITEM_BYTES = {
    "bool": 1, "uint8": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8,
    "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8,
    "complex32": 4, "complex64": 8, "complex128": 16,
}  # fmt: skip
"""Bytes per element of every dtype a spec may name."""

_BINARY = (" B", " KiB", " MiB", " GiB", " TiB", " PiB")
_KIND = {"bool": 0, "uint8": 1, "int8": 1, "int16": 1, "int32": 1, "int64": 1}
_FLOATS = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape and dtype of a tensor: all the planner knows of one."""

    shape: Shape
    dtype: str = "float32"

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def numel(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * ITEM_BYTES[self.dtype]

    def with_shape(self, *sizes: int) -> TensorType:
        return TensorType(sizes, self.dtype)

    def __str__(self) -> str:
        return format_shape(self.shape)


Value: TypeAlias = Any
"""What flows along an edge: a TensorType, a tuple or dict of values, or a Python scalar
(``None | bool | int | float``) given as a source."""


def prod(sizes: Iterable[int]) -> int:
    """Product of sizes, 1 for none."""
    result = 1
    for size in sizes:
        result *= size
    return result


def shape_problem(shape: Shape) -> str | None:
    """Why torch can make no tensor of this shape, whatever the memory; None where it can."""
    if len(shape) > limits.DIMS:
        return f"has {len(shape):,} dimensions, and a tensor at most {limits.DIMS}"
    elements = 1
    for size in shape:
        if type(size) is not int:
            continue  # of a formula no size is too large: for which it is, nobody asks
        if size > limits.INTEGER:
            return "has a size above 2^53"
        if size:  # torch multiplies the others even where one is 0
            elements *= size
    if elements > limits.ELEMENTS:
        return "has more than 2^63 - 1 elements"
    return None


def whole(value: object) -> bool:
    """Whether a value is an integer, with or without a formula, and no boolean."""
    return type(value) is int or (isinstance(value, int) and type(value) is not bool)


def largest(values: Iterable[int]) -> int:
    """The largest, 0 for none; of formulas, a formula for all sizes."""
    return _extreme(list(values), greatest=True)


def smallest(values: Iterable[int]) -> int:
    """The smallest, 0 for none; of formulas, a formula for all sizes."""
    return _extreme(list(values), greatest=False)


def _extreme(values: list[int], *, greatest: bool) -> int:
    if all(type(value) is int for value in values):
        return (max if greatest else min)(values, default=0)
    from lazyinspect.sizes.size import extreme_of

    return extreme_of(values, greatest=greatest)


def concrete(size: int) -> int:
    """A size that has to be a number from here on: a count of tensors, a part of a name."""
    if type(size) is int:
        return size
    from lazyinspect.sizes.size import concrete as ended

    return ended(size)


def beside(value: float, other: Any) -> float:
    """A float on the left of an operator, so that a formula on its right is not lost.

    Python's float computes with any integer by itself, and asks the one with a formula nothing.
    """
    if type(other) is int or not whole(other):
        return value
    from lazyinspect.sizes.ratio import lifted

    return lifted(value, other)


def scaled(size: int, factor: float) -> int:
    """``int(size * factor)``, as torch computes the sizes of what it rescales."""
    result: int = (size * factor).__trunc__()
    return result


def format_shape(shape: Sequence[int]) -> str:
    """``[1, 64, 56, 56]``, as specs and reports write it."""
    return "[" + ", ".join(map(str, shape)) + "]"


def format_bytes(count: int) -> str:
    """``97.5 MiB``: three significant digits and a binary multiple; below 1024, exact."""
    return f"{count} B" if count < 1024 else three_digits(count, 1024, _BINARY)


def three_digits(value: float, step: int, units: Sequence[str]) -> str:
    """Three significant digits and the unit that suits, each ``step`` times the one before it."""
    exponent, scale = 0, 1
    # 999.5 would print as 1000: it belongs to the next unit
    while value >= 999.5 * scale and exponent < len(units) - 1:
        exponent, scale = exponent + 1, scale * step
    number = value / scale
    digits = 2 if number < 9.995 else 1 if number < 99.95 else 0
    if exponent == 0 and value == int(value):
        digits = 0
    return f"{number:,.{digits}f}{units[exponent]}"


def format_value(value: Value) -> str:
    """A value for a message: shapes for tensors, nested for tuples."""
    if isinstance(value, tuple):
        return "(" + ", ".join(map(format_value, value)) + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {format_value(v)}" for k, v in value.items()) + "}"
    return str(value)


def tensors_of(value: Value, path: str = "") -> Iterator[tuple[str, TensorType]]:
    """Every tensor of a nested value with its key path, in order: ``("1.0", ...)``."""
    if isinstance(value, TensorType):
        yield path, value
    elif isinstance(value, (tuple, dict)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from tensors_of(item, f"{path}.{key}" if path else str(key))


def ntuple(value: int | tuple[int, ...], n: int) -> tuple[int, ...]:
    """``3`` as ``(3, 3)``; a tuple as it is."""
    return value if isinstance(value, tuple) else (value,) * n


def windows(size: int, kernel: int, stride: int = 1, dilation: int = 1) -> int:
    """How many windows fit into ``size`` positions, padding included; below 1 where none does.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
    """
    return (size - dilation * (kernel - 1) - 1) // stride + 1


def dim_index(dim: int, rank: int, argument: str = "dim") -> int:
    """A dimension counted from the front.

    Raises:
        ShapeError: the tensor has no such dimension.
    """
    span = max(rank, 1)
    if not -span <= dim < span:
        raise ShapeError(
            f"{argument} {dim} is out of range for a tensor of {rank} dimensions",
            argument=argument,
            help=f"its dimensions are 0 to {rank - 1}, or -1 for the last" if rank > 1 else "",
        )
    return dim + span if dim < 0 else dim


def broadcast(*shapes: Shape) -> Shape:
    """The shape that torch's broadcasting gives.

    Raises:
        ShapeError: two sizes differ and neither is 1.

    Source: https://pytorch.org/docs/stable/notes/broadcasting.html
    """
    rank = max(map(len, shapes), default=0)
    result = [1] * rank
    for shape in shapes:
        offset = rank - len(shape)
        for index, size in enumerate(shape):
            have = result[offset + index]
            # numbers first: of a formula it is asked last whether it is 1
            if type(size) is int and size == 1:
                continue
            if (type(have) is int and have == 1) or (size != have and have == 1):
                result[offset + index] = size
            elif size != have and size != 1:
                raise ShapeError(
                    "cannot broadcast "
                    + " and ".join(map(format_shape, shapes))
                    + f": dimension {offset + index} is {have} and {size}",
                    help="sizes must be equal, or 1",
                )
    return tuple(result)


def is_float(dtype: str) -> bool:
    return dtype in _FLOATS


def is_integer(dtype: str) -> bool:
    """Signed or unsigned integers; not bool."""
    return _KIND.get(dtype) == 1


def is_complex(dtype: str) -> bool:
    return dtype.startswith("complex")


def promote(*values: Value) -> str:
    """The dtype that torch's type promotion gives tensors and Python scalars together.

    A tensor with dimensions outranks one without, which outranks a Python scalar, unless the
    lower rank is of a higher category (bool < int < float < complex).

    Source: https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
    """
    ranks: list[list[str]] = [[], [], []]
    for value in values:
        if isinstance(value, TensorType):
            ranks[0 if value.shape else 1].append(value.dtype)
        elif isinstance(value, bool):
            ranks[2].append("bool")
        elif whole(value):
            ranks[2].append("int64")
        elif isinstance(value, float):
            ranks[2].append("float32")
    result: str | None = None
    for rank in ranks:
        if not rank:
            continue
        here = rank[0]
        for other in rank[1:]:
            here = _promote_pair(here, other)
        if result is None:
            result = here
        elif _category(here) > _category(result):
            # floats beside a complex number of a lower rank keep their width
            result = _COMPLEX_OF.get(result, here) if is_complex(here) else here
    return result or "float32"


_COMPLEX_OF = {
    "float16": "complex32",
    "bfloat16": "complex64",
    "float32": "complex64",
    "float64": "complex128",
}


def _category(dtype: str) -> int:
    return _KIND.get(dtype, 3 if is_complex(dtype) else 2)


def _promote_pair(a: str, b: str) -> str:
    if a == b:
        return a
    ca, cb = _category(a), _category(b)
    if ca != cb:
        high, low = (a, b) if ca > cb else (b, a)
        if ca + cb == 5:  # complex beside float: the wider of the two, complex
            return max(high, _COMPLEX_OF[low], key=ITEM_BYTES.__getitem__)
        return high
    if ca == 1 and "uint8" in (a, b):
        other = b if a == "uint8" else a
        return "int16" if other == "int8" else other
    if {a, b} == {"float16", "bfloat16"}:
        return "float32"
    return max(a, b, key=ITEM_BYTES.__getitem__)
