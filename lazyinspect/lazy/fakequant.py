"""A Conv2d with fake-quantised weights: what ``cls_to_become`` is for, by example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from lazyinspect.lazy.conv import LazyConv2d, Size

INT8 = (-128, 127)


def checked_qrange(quantize_qrange: Sequence[int]) -> tuple[int, int]:
    """A quantisation range as a tuple.

    Raises:
        ValueError: it is not two integers around zero, within int32.
    """
    low, high = _pair(quantize_qrange)
    if not -(2**31) <= low <= 0 < high < 2**31:
        raise ValueError(
            "quantize_qrange is (lowest, highest) with lowest <= 0 < highest, within int32; "
            f"got ({low}, {high})"
        )
    return low, high


def _pair(value: Any) -> tuple[int, int]:
    if not (isinstance(value, Sequence) and len(value) == 2 and all(type(v) is int for v in value)):
        raise ValueError(f"quantize_qrange is two integers, (lowest, highest); got {value!r}")
    return value[0], value[1]


def fake_quantized(weight: torch.Tensor, quantize_qrange: Sequence[int] = INT8) -> torch.Tensor:
    """A weight rounded to its quantisation grid, per output channel (dimension 0).

    Symmetric: zero is a grid point, and the scale of channel c is ``max|weight[c]| / highest``.
    The gradient passes straight through, inside the range.

    Source: https://pytorch.org/docs/stable/generated/torch.fake_quantize_per_channel_affine.html
    """
    low, high = checked_qrange(quantize_qrange)
    # not no_grad, which tracing forgets
    peak = weight.detach().abs().flatten(1).amax(1).to(torch.float32)
    # a channel of zeros has no scale; any will do
    scale = torch.where(peak == 0, torch.ones_like(peak), peak / high)
    scale = scale.clamp_min(torch.finfo(torch.float32).tiny)
    if weight.is_meta or torch.compiler.is_compiling():
        return _composed(weight, scale.view(-1, *[1] * (weight.dim() - 1)), low, high)
    zero_point = torch.zeros_like(scale, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scale, zero_point, 0, low, high)


def _composed(weight: torch.Tensor, scale: torch.Tensor, low: int, high: int) -> torch.Tensor:
    """The same of elementary operations: torch's has no kernel without data, so no export."""
    steps = torch.round(weight.detach() * (1 / scale))
    rounded = (steps.clamp(low, high) * scale).to(weight.dtype)
    through = weight * ((steps >= low) & (steps <= high))
    return rounded + (through - through.detach())


class FakeQuantConv2d(nn.Conv2d):
    """A ``Conv2d`` that computes with its weight rounded to a quantisation grid.

    The weight itself stays in full precision and is trained (quantisation-aware training);
    each forward rounds it per output channel, to a grid of scale ``max|w| / high``.

    Shape: input ``(batch, channels, height, width)`` or ``(channels, height, width)``.

    Args:
        quantize_qrange: lowest and highest integer of the grid; ``(-8, 7)`` for 4 bits.

    Raises:
        ValueError: ``quantize_qrange`` is not two integers around zero.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import FakeQuantConv2d
        >>> layer = FakeQuantConv2d(3, 8, 3, quantize_qrange=(-8, 7))
        >>> tuple(layer(torch.randn(1, 3, 10, 10)).shape)
        (1, 8, 8, 8)
    """

    quantize_qrange: tuple[int, int] = INT8

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: str | Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        quantize_qrange: Sequence[int] = INT8,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,  # type: ignore[arg-type]  # torch checks the length
            stride,  # type: ignore[arg-type]
            padding,  # type: ignore[arg-type]
            dilation,  # type: ignore[arg-type]
            groups,
            bias,
            padding_mode,  # type: ignore[arg-type]
            device=device,
            dtype=dtype,
        )
        self.quantize_qrange = checked_qrange(quantize_qrange)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        weight = fake_quantized(self.weight, self.quantize_qrange)
        output: torch.Tensor = self._conv_forward(input, weight, self.bias)
        return output

    def extra_repr(self) -> str:
        # not super(): a lazy convolution prints itself with this too
        plain = nn.Conv2d.extra_repr(self)  # type: ignore[no-untyped-call]
        return f"{plain}, quantize_qrange={self.quantize_qrange}"


class LazyFakeQuantConv2d(LazyConv2d):
    """A ``FakeQuantConv2d`` whose ``in_channels`` the first forward infers.

    Shape: input ``(batch, channels, height, width)`` or ``(channels, height, width)``.

    Raises:
        ValueError: ``quantize_qrange`` is not two integers around zero, or what the constructor
            of ``Conv2d`` refuses.
        InferenceError: at the first forward: another rank, no channels, or channels that
            ``groups`` does not divide.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyFakeQuantConv2d
        >>> layer = LazyFakeQuantConv2d(8, 3, quantize_qrange=(-8, 7))
        >>> tuple(layer(torch.randn(1, 3, 10, 10)).shape)
        (1, 8, 8, 8)
        >>> layer
        FakeQuantConv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), quantize_qrange=(-8, 7))
    """

    cls_to_become = FakeQuantConv2d  # type: ignore[assignment]  # a Conv2d of another signature

    def __init__(
        self,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: str | Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        quantize_qrange: Sequence[int] = INT8,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )
        self.quantize_qrange = checked_qrange(quantize_qrange)


def conv2d_weight_fake_quant(
    conv: nn.Conv2d, x: torch.Tensor, quantize_qrange: Sequence[int] = INT8
) -> nn.Conv2d:
    """Leave the weight of a ``Conv2d`` rounded to its quantisation grid, in place.

    A lazy ``conv`` is materialised first: it infers its input channels from ``x`` and
    initialises its weight. On the device where ``conv`` is.

    Args:
        conv: a ``Conv2d``, lazy or not. It is returned.
        x: an input of it, ``(batch, channels, height, width)`` or without the batch.
        quantize_qrange: lowest and highest integer of the grid.

    Raises:
        TypeError: ``conv`` is no ``Conv2d``.
        ValueError: ``quantize_qrange`` is not two integers around zero.
        InferenceError: ``x`` does not tell the channels.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyConv2d, conv2d_weight_fake_quant
        >>> conv = conv2d_weight_fake_quant(LazyConv2d(2, 3), torch.randn(1, 3, 8, 8), (-2, 1))
        >>> conv
        Conv2d(3, 2, kernel_size=(3, 3), stride=(1, 1))
        >>> conv.weight[0].unique().numel() <= 4
        True
    """
    from lazyinspect.lazy.materialise import find_lazy, materialise

    if not isinstance(conv, nn.Conv2d):
        raise TypeError(f"conv2d_weight_fake_quant takes a Conv2d, not {type(conv).__name__}")
    qrange = checked_qrange(quantize_qrange)
    if find_lazy(conv):
        materialise(conv, x)
    with torch.no_grad():
        conv.weight.copy_(fake_quantized(conv.weight, qrange))
    return conv
