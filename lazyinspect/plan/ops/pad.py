"""Padding.

Arguments and input types -> output types. Raises OpError. No torch here.

Source: https://pytorch.org/docs/stable/nn.html#padding-layers
"""

from __future__ import annotations

from collections.abc import Callable

from lazyinspect.errors import ShapeError
from lazyinspect.plan.ops.base import Args, Op, channels, require_at_least
from lazyinspect.plan.ops.operands import tensor
from lazyinspect.shapes import ITEM_BYTES, Shape, TensorType, Value, is_float, is_integer, ntuple


def padded(x: TensorType, pads: Shape, mode: str, least: int) -> TensorType:
    """``x`` with ``pads`` as ``torch.nn.functional.pad`` takes them: last dimension first.

    Args:
        mode: ``constant``, ``reflect``, ``replicate`` or ``circular``.
        least: smallest size that may be left of a padded dimension.

    Raises:
        ShapeError: a dimension is too small for the padding.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.pad.html
    """
    shape = list(x.shape)
    for index in range(len(pads) // 2):
        dim = len(shape) - 1 - index
        size = shape[dim]
        before, after = pads[2 * index], pads[2 * index + 1]
        wider = before if before > after else after
        if mode == "reflect" and wider >= size:
            raise ShapeError(
                f"reflects {wider} positions, which dimension {dim} of {x} does not have",
                argument="padding",
                help="reflection takes less padding than the dimension is long",
            )
        if mode == "circular" and wider > size:
            raise ShapeError(
                f"wraps {wider} positions around dimension {dim} of {x}",
                argument="padding",
                help="circular padding takes at most as much as the dimension is long",
            )
        # torch crops before it pads, so that padding makes up for no lack
        cropped = size + (before if before < 0 else 0) + (after if after < 0 else 0)
        left = cropped if mode == "constant" and cropped < 0 else size + before + after
        if left < least:
            raise ShapeError(
                f"leaves {left} positions of dimension {dim} of {x}", argument="padding"
            )
        shape[dim] = size + before + after
    return TensorType(tuple(shape), x.dtype)


def require_fits(value: float, dtype: str) -> None:
    """Raises ShapeError where a tensor of ``dtype`` cannot be filled with ``value``."""
    if is_integer(dtype):
        bits = 8 * ITEM_BYTES[dtype]
        low, high = (
            (0, 2**bits - 1) if dtype == "uint8" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        )
        fits = low <= value <= high
    elif is_float(dtype):
        largest = 65504.0 if dtype == "float16" else 3.4e38
        fits = dtype == "float64" or not largest < abs(value) < float("inf")
    else:
        fits = True
    if not fits:
        raise ShapeError(f"fills with {value}, which {dtype} does not hold", argument="value")


def _check_circular(a: Args) -> None:
    # torch crops with negative numbers, but fails on some mixtures of them with positive ones
    require_at_least(a, 0, "padding")


def _constant(n: int) -> Callable[[Args, Value], TensorType]:
    def outputs(a: Args, value: Value) -> TensorType:
        x = tensor(value)
        if x.rank < n:
            raise ShapeError(f"expects an input of at least {n} dimensions, and gets {x}")
        pads = ntuple(a.padding, 2 * n)
        if any(pad > 0 for pad in pads):
            require_fits(getattr(a, "value", 0), x.dtype)
        return padded(x, pads, "constant", 0)

    return outputs


def _mirrored(n: int, mode: str) -> Callable[[Args, Value], TensorType]:
    def outputs(a: Args, value: Value) -> TensorType:
        x = tensor(value)
        channels(x, n + 2)
        if mode != "circular":
            if not all(x.shape[-n - 1 :]):
                raise ShapeError(f"expects an image with something in it, and gets {x}")
            if x.dtype == "bool":
                raise ShapeError("expects an input of numbers, and gets bool")
        return padded(x, ntuple(a.padding, 2 * n), mode, 0 if mode == "circular" else 1)

    return outputs


def _rows(n: int) -> tuple[Op, ...]:
    padding = f"padding: int[{2 * n}]"
    return (
        Op(f"ConstantPad{n}d", f"{padding}, value: float", outputs=_constant(n)),
        Op(f"ZeroPad{n}d", padding, outputs=_constant(n)),
        Op(f"ReflectionPad{n}d", padding, outputs=_mirrored(n, "reflect")),
        Op(f"ReplicationPad{n}d", padding, outputs=_mirrored(n, "replicate")),
        Op(f"CircularPad{n}d", padding, outputs=_mirrored(n, "circular"), check=_check_circular),
    )


ROWS: tuple[Op, ...] = tuple(row for n in (1, 2, 3) for row in _rows(n))
