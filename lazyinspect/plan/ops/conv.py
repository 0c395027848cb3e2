"""Convolutions and transposed convolutions.

Arguments and input types -> output types, weights and MACs. Raises OpError. No torch here.

Source: https://pytorch.org/docs/stable/nn.html#convolution-layers
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan.ops.base import (
    Args,
    LazyOp,
    Op,
    Weight,
    channels,
    divisors_near,
    require_at_least,
    require_floats,
)
from lazyinspect.shapes import (
    Shape,
    TensorType,
    Value,
    format_shape,
    ntuple,
    prod,
    windows,
)


def _signature(n: int, extra: str = "") -> str:
    return (
        f"in_channels: int, out_channels: int, kernel_size: int[{n}], stride: int[{n}] = 1, "
        f"padding: int[{n}] | Literal['same', 'valid'] = 0, dilation: int[{n}] = 1, "
        "groups: int = 1, bias: bool = True, "
        f"padding_mode: Literal['zeros', 'reflect', 'replicate', 'circular'] = 'zeros'{extra}"
    )


def _transposed_signature(n: int) -> str:
    return (
        f"in_channels: int, out_channels: int, kernel_size: int[{n}], stride: int[{n}] = 1, "
        f"padding: int[{n}] = 0, output_padding: int[{n}] = 0, groups: int = 1, "
        f"bias: bool = True, dilation: int[{n}] = 1, padding_mode: Literal['zeros'] = 'zeros'"
    )


def _depthwise_signature(n: int) -> str:
    return (
        f"kernel_size: int[{n}], multiplier: int = 1, stride: int[{n}] = 1, "
        f"padding: int[{n}] | Literal['same', 'valid'] = 0, dilation: int[{n}] = 1, "
        "bias: bool = True, "
        "padding_mode: Literal['zeros', 'reflect', 'replicate', 'circular'] = 'zeros'"
    )


# --- checks


def _check_groups(a: Args) -> None:
    for name in ("in_channels", "out_channels"):
        size = getattr(a, name)
        if size % a.groups:
            fits = divisors_near(a.groups, a.in_channels, a.out_channels)
            raise ArgumentError(
                f"expects {name} to be divisible by groups, and gets {size} over {a.groups}",
                argument="groups",
                help="groups must divide both in_channels and out_channels"
                + (f": {fits}" if fits else ""),
            )


def _check(a: Args) -> None:
    # torch lets a convolution of no input channels pass; it computes nothing but its bias
    require_at_least(
        a, 1, "groups", "in_channels", "out_channels", "kernel_size", "stride", "dilation"
    )
    require_at_least(a, 0, "padding")
    _check_groups(a)
    if a.padding == "same" and any(step != 1 for step in ntuple(a.stride, 1)):
        raise ArgumentError(
            f"expects stride 1 with padding `same`, and gets {a.stride}",
            argument="padding",
            help="give the padding as a number",
        )


def _check_transposed(a: Args) -> None:
    require_at_least(
        a, 1, "groups", "in_channels", "out_channels", "kernel_size", "stride", "dilation"
    )
    require_at_least(a, 0, "padding", "output_padding")
    _check_groups(a)


def _check_output_padding(a: Args, n: int) -> None:
    """Refuse what torch refuses of any input, unless the forward is given an `output_size`."""
    steps = zip(*(ntuple(v, n) for v in (a.output_padding, a.stride, a.dilation)), strict=True)
    for extra, stride, dilation in steps:
        if extra >= stride and extra >= dilation:
            raise ArgumentError(
                f"expects output_padding below its stride {stride} or dilation {dilation}, "
                f"and gets {extra}",
                argument="output_padding",
                help="leave it out: with stride 1 only one size can come out"
                if stride == dilation == 1
                else "",
            )


def _check_quantised(a: Args) -> None:
    _check(a)
    low, high = a.quantize_qrange
    if not -(2**31) <= low <= 0 < high < 2**31:
        raise ArgumentError(
            "expects quantize_qrange from a lowest level of at most 0 to a highest above 0, within "
            f"int32, and gets {format_shape(a.quantize_qrange)}",
            argument="quantize_qrange",
        )


# --- inputs


def _require_input(name: str, a: Args, x: Value, n: int) -> TensorType:
    """The input. Raises ShapeError where the rank, the channels or the dtype do not fit."""
    found = channels(x, n + 2)
    if found != a.in_channels:
        raise ShapeError(
            f"expects {a.in_channels} input channels, and gets {found}",
            argument="in_channels",
            help=f"Lazy{name} infers them",
        )
    require_floats(x)
    fitting: TensorType = x
    return fitting


def _require_padding_fits(mode: str, shape: Shape, pads: Shape) -> None:
    """Raises ShapeError where an image is too small to be reflected, repeated or wrapped."""
    for size, pad in zip(shape[-len(pads) :], pads, strict=True):
        if mode == "reflect" and pad >= size:
            raise ShapeError(
                f"reflects {pad} positions, which a dimension of {size} does not have",
                argument="padding",
                help="reflect takes less padding than the dimension is long",
            )
        if mode == "circular" and pad > size:
            raise ShapeError(
                f"wraps {pad} positions around a dimension of {size}",
                argument="padding",
                help="circular takes at most as much padding as the dimension is long",
            )


def _outputs(name: str, n: int) -> Callable[[Args, Value], TensorType]:
    def outputs(a: Args, x: Value) -> TensorType:
        x = _require_input(name, a, x, n)
        shape = x.shape
        kernel, dilation = ntuple(a.kernel_size, n), ntuple(a.dilation, n)
        padding = a.padding
        if padding == "same":
            pads = tuple(d * (k - 1) for k, d in zip(kernel, dilation, strict=True))
            sides = tuple(pad - pad // 2 for pad in pads)
        else:
            sides = (0,) * n if padding == "valid" else ntuple(padding, n)
            pads = tuple(2 * side for side in sides)
        if not all(shape[-n:]) or (a.padding_mode != "zeros" and not all(shape[-n - 1 :])):
            raise ShapeError(f"expects an image with something in it, and gets {x}")
        if a.padding_mode != "zeros":
            _require_padding_fits(a.padding_mode, shape, sides)
        sizes = []
        for index, step in enumerate(ntuple(a.stride, n)):
            size, k, d = shape[index - n], kernel[index], dilation[index]
            count = windows(size + pads[index], k, step, d)
            if count < 1:
                reach = f"{d * (k - 1) + 1}" if d == 1 else f"{d * (k - 1) + 1} (dilated)"
                padded = f"{size} + {pads[index]} of padding" if pads[index] else f"{size}"
                raise ShapeError(
                    f"has a kernel of {reach}, larger than its input of {padded} "
                    f"in dimension {len(shape) - n + index}",
                    argument="kernel_size",
                )
            sizes.append(count)
        return TensorType((*shape[: -n - 1], a.out_channels, *sizes), x.dtype)

    return outputs


def _transposed_outputs(
    name: str, n: int
) -> Callable[[Args, Value, tuple[int, ...] | None], TensorType]:
    def outputs(a: Args, x: Value, output_size: tuple[int, ...] | None) -> TensorType:
        x = _require_input(name, a, x, n)
        lead = x.shape[:-n]
        if not all(x.shape[-n - 1 :]):
            raise ShapeError(f"expects an image with something in it, and gets {x}")
        wanted = None if output_size is None else _wanted(output_size, len(lead), n)
        if wanted is None:
            _check_output_padding(a, n)
        arguments = zip(
            x.shape[-n:],
            ntuple(a.kernel_size, n),
            ntuple(a.stride, n),
            ntuple(a.padding, n),
            ntuple(a.output_padding, n),
            ntuple(a.dilation, n),
            strict=True,
        )
        sizes = []
        for index, (size, kernel, stride, padding, extra, dilation) in enumerate(arguments):
            least = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1
            if wanted is not None:
                extra = wanted[index] - least
                if not 0 <= extra < stride:
                    raise ShapeError(
                        f"gives {least} to {least + stride - 1} positions in dimension "
                        f"{len(lead) + index}, and {wanted[index]} are wanted",
                        argument="output_size",
                    )
            if least + extra < 1:
                raise ShapeError(
                    f"leaves {least + extra} positions of an input of {size} "
                    f"in dimension {len(lead) + index}",
                    argument="padding",
                    help="less padding leaves more",
                )
            sizes.append(least + extra)
        return TensorType((*lead[:-1], a.out_channels, *sizes), x.dtype)

    return outputs


def _wanted(output_size: tuple[int, ...], lead: int, n: int) -> tuple[int, ...]:
    if not isinstance(output_size, tuple) or len(output_size) not in (n, lead + n):
        raise ShapeError(
            f"expects an output_size of {n} or {lead + n} numbers, and gets {output_size}",
            argument="output_size",
        )
    return output_size[-n:]


# --- weights and MACs


def _weights(n: int) -> Callable[[Args], tuple[Weight, ...]]:
    def weights(a: Args) -> tuple[Weight, ...]:
        shape = (a.out_channels, a.in_channels // a.groups, *ntuple(a.kernel_size, n))
        return _with_bias(a, shape)

    return weights


def _transposed_weights(n: int) -> Callable[[Args], tuple[Weight, ...]]:
    def weights(a: Args) -> tuple[Weight, ...]:
        shape = (a.in_channels, a.out_channels // a.groups, *ntuple(a.kernel_size, n))
        return _with_bias(a, shape)

    return weights


def _with_bias(a: Args, shape: Shape) -> tuple[Weight, ...]:
    weight = Weight("weight", shape)
    return (weight, Weight("bias", (a.out_channels,))) if a.bias else (weight,)


def _macs(n: int) -> Callable[[Args, TensorType], int]:
    outputs = _outputs("", n)

    def macs(a: Args, x: TensorType) -> int:
        per_output: int = a.in_channels // a.groups * prod(ntuple(a.kernel_size, n))
        return outputs(a, x).numel * per_output

    return macs


def _transposed_macs(n: int) -> Callable[..., int]:
    def macs(a: Args, x: TensorType, output_size: object) -> int:
        per_input: int = a.out_channels // a.groups * prod(ntuple(a.kernel_size, n))
        return x.numel * per_input

    return macs


# --- what the first forward infers


def _infer(n: int) -> Callable[..., Mapping[str, Any]]:
    def infer(a: Args, x: Value, output_size: object = None) -> Mapping[str, Any]:
        return {"in_channels": _some_channels(x, n)}

    return infer


def _infer_depthwise(n: int) -> Callable[[Args, Value], Mapping[str, Any]]:
    def infer(a: Args, x: Value) -> Mapping[str, Any]:
        require_at_least(a, 1, "multiplier")
        size = _some_channels(x, n)
        return {"in_channels": size, "out_channels": a.multiplier * size, "groups": size}

    return infer


def _some_channels(x: Value, n: int) -> int:
    found = channels(x, n + 2)
    if found < 1:
        raise ShapeError(f"expects an input with channels, and gets {x}")
    return found


def _rows() -> tuple[Op | LazyOp, ...]:
    rows: list[Op | LazyOp] = []
    for n in (1, 2, 3):
        name = f"Conv{n}d"
        rows.append(
            Op(
                name,
                _signature(n),
                outputs=_outputs(name, n),
                weights=_weights(n),
                macs=_macs(n),
                check=_check,
            )
        )
        rows.append(LazyOp(f"Lazy{name}", name, ("in_channels",), _infer(n)))
        rows.append(
            LazyOp(
                f"LazyDepthwise{name}",
                name,
                ("in_channels", "out_channels", "groups"),
                _infer_depthwise(n),
                signature=_depthwise_signature(n),
                drops=("multiplier",),
            )
        )
    for n in (1, 2, 3):
        name = f"ConvTranspose{n}d"
        rows.append(
            Op(
                name,
                _transposed_signature(n),
                outputs=_transposed_outputs(name, n),
                weights=_transposed_weights(n),
                macs=_transposed_macs(n),
                check=_check_transposed,
                forward="input, output_size=None",
            )
        )
        rows.append(LazyOp(f"Lazy{name}", name, ("in_channels",), _infer(n)))
    rows.append(
        Op(
            "FakeQuantConv2d",
            _signature(2, ", quantize_qrange: list[int, 2] = (-128, 127)"),
            outputs=_outputs("FakeQuantConv2d", 2),
            weights=_weights(2),
            macs=_macs(2),
            check=_check_quantised,
            owner="lazyinspect",
        )
    )
    rows.append(LazyOp("LazyFakeQuantConv2d", "FakeQuantConv2d", ("in_channels",), _infer(2)))
    return tuple(rows)


ROWS = _rows()
