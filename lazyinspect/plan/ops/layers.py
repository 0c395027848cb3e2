"""What the rows of the layers share: checks of arguments and of inputs. No torch here."""

from __future__ import annotations

from collections.abc import Iterable

from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan.ops.base import Args, Weight
from lazyinspect.plan.ops.operands import refuse, tensor
from lazyinspect.shapes import TensorType, Value, is_float


def floats(x: Value, name: str = "input") -> TensorType:
    """The value itself, where it is a tensor of real floating-point numbers.

    Raises:
        ShapeError: it is something else.
    """
    found = tensor(x, name)
    if not is_float(found.dtype):
        raise refuse(found.dtype, "floating-point")
    return found


def same_dtype(x: TensorType, dtype: str, name: str) -> None:
    """Raises ShapeError where two tensors that meet in a product differ in dtype."""
    if x.dtype != dtype:
        raise ShapeError(f"expects {name} of dtype {dtype}, and gets {x.dtype}")


def ranks(x: TensorType, least: int, most: int, name: str = "input") -> None:
    """Raises ShapeError where the number of dimensions is not between two bounds."""
    if not least <= len(x.shape) <= most:
        allowed = f"{least} or {most}" if most > least else str(least)
        raise ShapeError(f"expects {name} of {allowed} dimensions, and gets {x}")


def last(x: TensorType, size: int, argument: str, help: str = "", name: str = "") -> None:
    """Raises ShapeError where the last dimension is not ``size`` features."""
    shape = x.shape
    if not shape or shape[-1] != size:
        found = str(shape[-1]) if shape else "a tensor without dimensions"
        where = f" of {name}" if name else ""
        raise ShapeError(
            f"expects {size} features in the last dimension{where}, and gets {found}",
            argument=argument,
            help=help,
        )


def inferred(x: Value, name: str = "input", least: int = 1, most: int | None = None) -> int:
    """Size of the last dimension, for a lazy layer.

    Raises:
        ShapeError: it has a wrong rank, or the dimension is empty.
    """
    found = tensor(x, name)
    if most is not None:
        ranks(found, least, most, name)
    if not found.shape or found.shape[-1] < 1:
        raise ShapeError(f"infers a size from the last dimension of {name}, and gets {x}")
    return found.shape[-1]


def probability(a: Args, name: str) -> None:
    """Raises ArgumentError where the named argument is not between 0 and 1."""
    value = getattr(a, name)
    if not 0 <= value <= 1:
        raise ArgumentError(f"expects {name} between 0 and 1, and gets {value}", argument=name)


def prefixed(prefix: str, weights: Iterable[Weight]) -> tuple[Weight, ...]:
    """The weights of a layer's child, named as in the layer's ``state_dict``."""
    return tuple(
        Weight(f"{prefix}.{w.name}", w.shape, w.buffer, w.dtype, w.trainable, w.persistent)
        for w in weights
    )
