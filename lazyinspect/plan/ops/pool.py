"""Pooling and unpooling.

Arguments and input types -> output types. Raises OpError. No torch here.

Source: https://pytorch.org/docs/stable/nn.html#pooling-layers
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan.ops.base import Args, Op, channels, require_at_least, require_floats
from lazyinspect.plan.ops.operands import tensor
from lazyinspect.shapes import (
    Shape,
    TensorType,
    Value,
    is_float,
    is_integer,
    ntuple,
    scaled,
    smallest,
    whole,
    windows,
)

_Pooled: TypeAlias = "TensorType | tuple[TensorType, TensorType]"

_INFINITE = (float("inf"), float("-inf"))


# --- windows that slide


def _check_windows(*names: str) -> Callable[[Args], None]:
    def check(a: Args) -> None:
        require_at_least(a, 1, *names)
        padding = getattr(a, "padding", 0)
        if padding == 0:
            return
        require_at_least(a, 0, "padding")
        n = max(len(ntuple(a.kernel_size, 1)), len(ntuple(padding, 1)))
        for pad, kernel in zip(ntuple(padding, n), ntuple(a.kernel_size, n), strict=True):
            if pad > kernel // 2:
                raise ArgumentError(
                    f"expects padding of at most half its kernel of {kernel}, and gets {pad}",
                    argument="padding",
                )

    return check


def _pooled_sizes(a: Args, x: TensorType, n: int) -> Shape:
    """Sizes after sliding windows, rounded up with ``ceil_mode``.

    Raises:
        ShapeError: a wrong rank, nothing to pool, or no room for a window.
    """
    channels(x, n + 2)
    shape = x.shape
    if not all(shape[-n - 1 :]):
        raise ShapeError(f"expects an image with something in it, and gets {x}")
    kernel = ntuple(a.kernel_size, n)
    stride = kernel if a.stride is None else ntuple(a.stride, n)
    padding = ntuple(getattr(a, "padding", 0), n)
    dilation = ntuple(getattr(a, "dilation", 1), n)
    sizes = []
    for index, step in enumerate(stride):
        size, pad = shape[index - n], padding[index]
        # rounding up adds a window that hangs over, unless it starts in the padding behind
        slack = step - 1 if a.ceil_mode else 0
        count = windows(size + 2 * pad + slack, kernel[index], step, dilation[index])
        if a.ceil_mode:
            count = smallest((count, (size + pad - 1) // step + 1))
        if count < 1:
            padded = f"{size} + {2 * pad} of padding" if pad else f"{size}"
            raise ShapeError(
                f"has a kernel of {dilation[index] * (kernel[index] - 1) + 1}, larger than its "
                f"input of {padded} in dimension {len(shape) - n + index}",
                argument="kernel_size",
            )
        sizes.append(count)
    return tuple(sizes)


def _with_indices(a: Args, out: TensorType) -> _Pooled:
    return (out, TensorType(out.shape, "int64")) if a.return_indices else out


def _max_outputs(n: int) -> Callable[[Args, Value], _Pooled]:
    def outputs(a: Args, value: Value) -> _Pooled:
        x = tensor(value)
        out = TensorType((*x.shape[:-n], *_pooled_sizes(a, x, n)), x.dtype)
        # torch's kernel without indices has no integers in one dimension
        if not (is_integer(x.dtype) and (n > 1 or a.return_indices)):
            require_floats(x)
        return _with_indices(a, out)

    return outputs


def _check_average(a: Args) -> None:
    _check_windows("kernel_size", "stride")(a)
    if getattr(a, "divisor_override", None) == 0:
        raise ArgumentError("divides by divisor_override, and gets 0", argument="divisor_override")


def _average_outputs(n: int) -> Callable[[Args, Value], TensorType]:
    def outputs(a: Args, value: Value) -> TensorType:
        x = tensor(value)
        out = TensorType((*x.shape[:-n], *_pooled_sizes(a, x, n)), x.dtype)
        require_floats(x, "int64")
        if n == 3:
            _require_room(a, x, n)
        return out

    return outputs


def _require_room(a: Args, x: TensorType, n: int) -> None:
    """What torch's average in three dimensions asks besides: no kernel above the bare input."""
    for size, kernel in zip(x.shape[-n:], ntuple(a.kernel_size, n), strict=True):
        if kernel > size:
            raise ShapeError(
                f"has a kernel of {kernel}, larger than its input of {size}",
                argument="kernel_size",
            )


def _check_power(a: Args) -> None:
    require_at_least(a, 1, "kernel_size", "stride")
    if a.norm_type == 0:
        raise ArgumentError("takes a root of norm_type, and gets 0", argument="norm_type")


def _power_outputs(n: int) -> Callable[[Args, Value], TensorType]:
    def outputs(a: Args, value: Value) -> TensorType:
        x = tensor(value)
        out = TensorType((*x.shape[:-n], *_pooled_sizes(a, x, n)), x.dtype)
        if a.norm_type in _INFINITE:
            if n == 1 or not is_integer(x.dtype):
                require_floats(x)
            return out
        if n == 3:
            _require_room(a, x, n)
        return out if is_float(x.dtype) else TensorType(out.shape, "float32")

    return outputs


# --- windows that jump at random


def _check_fractional(a: Args) -> None:
    require_at_least(a, 1, "kernel_size")
    require_at_least(a, 0, "output_size")
    if (a.output_size is None) == (a.output_ratio is None):
        raise ArgumentError(
            "expects one of output_size and output_ratio, and gets "
            + ("neither" if a.output_size is None else "both"),
            argument="output_size",
        )
    if a.output_ratio is not None:
        for ratio in a.output_ratio if isinstance(a.output_ratio, tuple) else (a.output_ratio,):
            if not 0 < ratio < 1:
                raise ArgumentError(
                    f"expects output_ratio between 0 and 1, and gets {ratio}",
                    argument="output_ratio",
                )


def _fractional_outputs(n: int) -> Callable[[Args, Value], _Pooled]:
    def outputs(a: Args, value: Value) -> _Pooled:
        x = tensor(value)
        channels(x, n + 2)
        require_floats(x)
        spatial = x.shape[-n:]
        if not all(x.shape[-n - 1 :]):
            raise ShapeError(f"expects an image with something in it, and gets {x}")
        if a.output_size is not None:
            sizes = ntuple(a.output_size, n)
        else:
            ratio = a.output_ratio
            ratios = ratio if isinstance(ratio, tuple) else (ratio,) * n
            sizes = tuple(scaled(size, share) for size, share in zip(spatial, ratios, strict=True))
        # torch's kernel in three dimensions asks for one position more
        spare = 1 if n == 3 else 0
        for size, out, kernel in zip(spatial, sizes, ntuple(a.kernel_size, n), strict=True):
            if out + kernel - 1 + spare > size:
                raise ShapeError(
                    f"expects a dimension of at least {out + kernel - 1 + spare} for {out} windows "
                    f"of {kernel}, and gets {size}",
                    argument="kernel_size",
                )
        return _with_indices(a, TensorType((*x.shape[:-n], *sizes), x.dtype))

    return outputs


# --- windows that adapt


def _check_adaptive(a: Args) -> None:
    for size in a.output_size if isinstance(a.output_size, tuple) else (a.output_size,):
        if size is not None and (not whole(size) or size < 0):
            raise ArgumentError(
                f"expects output_size of at least 0, and gets {size}", argument="output_size"
            )


def _adaptive_outputs(n: int, *, average: bool) -> Callable[[Args, Value], _Pooled]:
    def outputs(a: Args, value: Value) -> _Pooled:
        x = tensor(value)
        channels(x, n + 2)
        require_floats(x)
        # all but the first dimension, be it a batch or channels; an average takes no channels
        if not all(x.shape[-n:] if average and x.rank == n + 2 and n < 3 else x.shape[1:]):
            raise ShapeError(f"expects an image with something in it, and gets {x}")
        sizes = tuple(
            size if wanted is None else wanted
            for size, wanted in zip(x.shape[-n:], ntuple(a.output_size, n), strict=True)
        )
        out = TensorType((*x.shape[:-n], *sizes), x.dtype)
        return out if average else _with_indices(a, out)

    return outputs


# --- the way back


def _unpool_outputs(n: int) -> Callable[..., TensorType]:
    def outputs(
        a: Args, x: Value, indices: Value, output_size: tuple[int, ...] | None
    ) -> TensorType:
        x, indices = tensor(x), tensor(indices, "indices")
        channels(x, n + 2)
        require_floats(x)
        if indices.shape != x.shape or indices.dtype != "int64":
            raise ShapeError(
                f"expects int64 indices of its input's shape {x}, and gets {indices.dtype} "
                f"of {indices}",
                argument="indices",
            )
        if not all(x.shape[1:]):
            raise ShapeError(f"expects an image with something in it, and gets {x}")
        kernel = ntuple(a.kernel_size, n)
        stride = kernel if a.stride is None else ntuple(a.stride, n)
        usual = tuple(
            (size - 1) * step + reach - 2 * pad
            for size, step, reach, pad in zip(
                x.shape[-n:], stride, kernel, ntuple(a.padding, n), strict=True
            )
        )
        sizes = usual if output_size is None else _wanted(output_size, usual, stride)
        if any(size < 1 for size in sizes):
            raise ShapeError(
                f"leaves {min(sizes)} positions of {x}", argument="padding", help="pad less"
            )
        return TensorType((*x.shape[:-n], *sizes), x.dtype)

    return outputs


def _wanted(output_size: tuple[int, ...], usual: Shape, stride: Shape) -> Shape:
    n = len(usual)
    if not isinstance(output_size, tuple) or len(output_size) not in (n, n + 2):
        raise ShapeError(
            f"expects an output_size of {n} or {n + 2} numbers, and gets {output_size}",
            argument="output_size",
        )
    for size, middle, step in zip(output_size[-n:], usual, stride, strict=True):
        if not middle - step < size < middle + step:
            raise ShapeError(
                f"expects output_size between {middle - step + 1} and {middle + step - 1}, and "
                f"gets {size}",
                argument="output_size",
            )
    return output_size[-n:]


def _check_unpool(a: Args) -> None:
    require_at_least(a, 1, "kernel_size", "stride")
    require_at_least(a, 0, "padding")


def _rows(n: int) -> tuple[Op, ...]:
    window = f"kernel_size: int[{n}], stride: int[{n}] | None = None"
    ceil = "ceil_mode: bool = False"
    divisor = ", divisor_override: int | None = None" if n > 1 else ""
    # torch multiplies by the kernel as it stands, which in one dimension takes a number only
    power = window.replace("int[1]", "int", 1) if n == 1 else window
    size = "int[1]" if n == 1 else f"int[{n}] | list[any, {n}]"
    indices = "return_indices: bool = False"
    rows = [
        Op(
            f"MaxPool{n}d",
            f"{window}, padding: int[{n}] = 0, dilation: int[{n}] = 1, {indices}, {ceil}",
            outputs=_max_outputs(n),
            check=_check_windows("kernel_size", "stride", "dilation"),
        ),
        Op(
            f"AvgPool{n}d",
            f"{window}, padding: int[{n}] = 0, {ceil}, count_include_pad: bool = True{divisor}",
            outputs=_average_outputs(n),
            check=_check_average,
        ),
        Op(
            f"LPPool{n}d",
            f"norm_type: float, {power}, {ceil}",
            outputs=_power_outputs(n),
            check=_check_power,
        ),
        Op(
            f"AdaptiveAvgPool{n}d",
            f"output_size: {size}",
            outputs=_adaptive_outputs(n, average=True),
            check=_check_adaptive,
        ),
        Op(
            f"AdaptiveMaxPool{n}d",
            f"output_size: {size}, {indices}",
            outputs=_adaptive_outputs(n, average=False),
            check=_check_adaptive,
        ),
        Op(
            f"MaxUnpool{n}d",
            f"{window}, padding: int[{n}] = 0",
            outputs=_unpool_outputs(n),
            check=_check_unpool,
            forward="input, indices, output_size=None",
        ),
    ]
    if n > 1:
        rows.append(
            Op(
                f"FractionalMaxPool{n}d",
                f"kernel_size: int[{n}], output_size: int[{n}] | None = None, "
                f"output_ratio: float[{n}] | None = None, {indices}",
                outputs=_fractional_outputs(n),
                check=_check_fractional,
            )
        )
    return tuple(rows)


ROWS: tuple[Op, ...] = tuple(row for n in (1, 2, 3) for row in _rows(n))
