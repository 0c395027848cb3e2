"""Lazy convolutions: ``in_channels`` from dimension 1 (0 of an unbatched input)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
from torch import nn

from lazyinspect.lazy.base import LazyMixin
from lazyinspect.lazy.inputs import channels, divisible

Size: TypeAlias = int | tuple[int, ...]


class _LazyConv(LazyMixin):
    """Constructor and inference of the lazy convolutions."""

    infers = ("in_channels",)
    out_channels: int
    groups: int
    kernel_size: tuple[int, ...]

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
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            in_channels=0,
            out_channels=out_channels,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=bias,
            padding_mode=padding_mode,
            device=device,
            dtype=dtype,
        )

    def infer(self, input: torch.Tensor, *args: Any, **kwargs: Any) -> Mapping[str, Any]:
        found = channels(self, input, len(self.kernel_size) + 2)
        return {"in_channels": divisible(self, found, self.groups, "channels", "groups", input)}

    def infer_from_state(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any]:
        return {"in_channels": shapes["weight"][1] * self.groups}

    def shapes(self, sizes: Mapping[str, Any]) -> Mapping[str, tuple[int, ...]]:
        inputs = sizes["in_channels"] // self.groups
        weight = (self.out_channels, inputs, *self.kernel_size)
        return {"weight": weight, "bias": (self.out_channels,)}


class LazyConv1d(_LazyConv, nn.Conv1d):
    """A ``Conv1d`` whose ``in_channels`` the first forward infers.

    Shape: input ``(batch, channels, length)`` or ``(channels, length)``.

    Raises:
        ValueError: what the constructor of ``Conv1d`` refuses: ``groups`` that does not
            divide ``out_channels``, or an unknown padding.
        InferenceError: at the first forward: another rank, no channels, or channels that
            ``groups`` does not divide.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyConv1d
        >>> layer = LazyConv1d(8, 3)
        >>> tuple(layer(torch.randn(2, 4, 10)).shape)
        (2, 8, 8)
        >>> layer
        Conv1d(4, 8, kernel_size=(3,), stride=(1,))
    """

    cls_to_become = nn.Conv1d


class LazyConv2d(_LazyConv, nn.Conv2d):
    """A ``Conv2d`` whose ``in_channels`` the first forward infers.

    Shape: input ``(batch, channels, height, width)`` or ``(channels, height, width)``.

    Raises:
        ValueError: what the constructor of ``Conv2d`` refuses: ``groups`` that does not
            divide ``out_channels``, or an unknown padding.
        InferenceError: at the first forward: another rank, no channels, or channels that
            ``groups`` does not divide.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyConv2d
        >>> layer = LazyConv2d(32, 3)
        >>> tuple(layer(torch.randn(10, 28, 28)).shape)  # one unbatched image of 10 channels
        (32, 26, 26)
        >>> layer
        Conv2d(10, 32, kernel_size=(3, 3), stride=(1, 1))
    """

    cls_to_become = nn.Conv2d


class LazyConv3d(_LazyConv, nn.Conv3d):
    """A ``Conv3d`` whose ``in_channels`` the first forward infers.

    Shape: input ``(batch, channels, depth, height, width)``, or without the batch.

    Raises:
        ValueError: what the constructor of ``Conv3d`` refuses: ``groups`` that does not
            divide ``out_channels``, or an unknown padding.
        InferenceError: at the first forward: another rank, no channels, or channels that
            ``groups`` does not divide.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyConv3d
        >>> layer = LazyConv3d(8, 3)
        >>> tuple(layer(torch.randn(2, 4, 5, 5, 5)).shape)
        (2, 8, 3, 3, 3)
        >>> layer
        Conv3d(4, 8, kernel_size=(3, 3, 3), stride=(1, 1, 1))
    """

    cls_to_become = nn.Conv3d


class _LazyConvTranspose(LazyMixin):
    """Constructor and inference of the lazy transposed convolutions."""

    infers = ("in_channels",)
    out_channels: int
    groups: int
    kernel_size: tuple[int, ...]

    def __init__(
        self,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            in_channels=0,
            out_channels=out_channels,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            output_padding=output_padding,
            groups=groups,
            bias=bias,
            dilation=dilation,
            padding_mode=padding_mode,
            device=device,
            dtype=dtype,
        )

    def infer(self, input: torch.Tensor, *args: Any, **kwargs: Any) -> Mapping[str, Any]:
        found = channels(self, input, len(self.kernel_size) + 2)
        return {"in_channels": divisible(self, found, self.groups, "channels", "groups", input)}

    def infer_from_state(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any]:
        return {"in_channels": shapes["weight"][0]}

    def shapes(self, sizes: Mapping[str, Any]) -> Mapping[str, tuple[int, ...]]:
        weight = (sizes["in_channels"], self.out_channels // self.groups, *self.kernel_size)
        return {"weight": weight, "bias": (self.out_channels,)}


class LazyConvTranspose1d(_LazyConvTranspose, nn.ConvTranspose1d):
    """A ``ConvTranspose1d`` whose ``in_channels`` the first forward infers.

    Shape: input ``(batch, channels, length)`` or ``(channels, length)``.

    Raises:
        ValueError: what the constructor of ``ConvTranspose1d`` refuses: ``groups`` that does not
            divide ``out_channels``, or an unknown padding.
        InferenceError: at the first forward: another rank, no channels, or channels that
            ``groups`` does not divide.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyConvTranspose1d
        >>> layer = LazyConvTranspose1d(8, 3, stride=2)
        >>> tuple(layer(torch.randn(2, 4, 5), output_size=[12]).shape)
        (2, 8, 12)
        >>> layer
        ConvTranspose1d(4, 8, kernel_size=(3,), stride=(2,))
    """

    cls_to_become = nn.ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, nn.ConvTranspose2d):
    """A ``ConvTranspose2d`` whose ``in_channels`` the first forward infers.

    Shape: input ``(batch, channels, height, width)`` or ``(channels, height, width)``.

    Raises:
        ValueError: what the constructor of ``ConvTranspose2d`` refuses: ``groups`` that does not
            divide ``out_channels``, or an unknown padding.
        InferenceError: at the first forward: another rank, no channels, or channels that
            ``groups`` does not divide.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyConvTranspose2d
        >>> layer = LazyConvTranspose2d(8, 2, stride=2)
        >>> tuple(layer(torch.randn(1, 4, 5, 5)).shape)
        (1, 8, 10, 10)
        >>> layer
        ConvTranspose2d(4, 8, kernel_size=(2, 2), stride=(2, 2))
    """

    cls_to_become = nn.ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, nn.ConvTranspose3d):
    """A ``ConvTranspose3d`` whose ``in_channels`` the first forward infers.

    Shape: input ``(batch, channels, depth, height, width)``, or without the batch.

    Raises:
        ValueError: what the constructor of ``ConvTranspose3d`` refuses: ``groups`` that does not
            divide ``out_channels``, or an unknown padding.
        InferenceError: at the first forward: another rank, no channels, or channels that
            ``groups`` does not divide.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyConvTranspose3d
        >>> layer = LazyConvTranspose3d(8, 2)
        >>> tuple(layer(torch.randn(1, 4, 3, 3, 3)).shape)
        (1, 8, 4, 4, 4)
        >>> layer
        ConvTranspose3d(4, 8, kernel_size=(2, 2, 2), stride=(1, 1, 1))
    """

    cls_to_become = nn.ConvTranspose3d


class _LazyDepthwiseConv(LazyMixin):
    """Constructor and inference of the lazy depthwise convolutions."""

    infers = ("in_channels", "out_channels", "groups")
    kernel_size: tuple[int, ...]

    def __init__(
        self,
        kernel_size: Size,
        multiplier: int = 1,
        stride: Size = 1,
        padding: str | Size = 0,
        dilation: Size = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if multiplier < 1:
            raise ValueError(f"multiplier is at least 1, not {multiplier}")
        super().__init__(
            in_channels=0,
            out_channels=0,
            groups=1,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            bias=bias,
            padding_mode=padding_mode,
            device=device,
            dtype=dtype,
        )
        self._lazy.options["multiplier"] = multiplier

    def _sizes(self, found: int) -> Mapping[str, Any]:
        multiplier = self._lazy.options["multiplier"]
        return {"in_channels": found, "out_channels": found * multiplier, "groups": found}

    def infer(self, input: torch.Tensor) -> Mapping[str, Any]:
        return self._sizes(channels(self, input, len(self.kernel_size) + 2))

    def infer_from_state(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any]:
        tensor = shapes["weight"] if "weight" in shapes else shapes["bias"]
        return self._sizes(tensor[0] // self._lazy.options["multiplier"])


class LazyDepthwiseConv1d(_LazyDepthwiseConv, nn.Conv1d):
    """A ``Conv1d`` that filters each channel by itself, into ``multiplier`` channels each.

    The first forward infers ``in_channels``; ``groups`` equals it and ``out_channels`` is
    ``multiplier`` times it. Shape: input ``(batch, channels, length)`` or ``(channels, length)``.

    Raises:
        ValueError: ``multiplier`` below 1.
        InferenceError: at the first forward: another rank, or no channels.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyDepthwiseConv1d
        >>> layer = LazyDepthwiseConv1d(3, multiplier=2)
        >>> tuple(layer(torch.randn(2, 4, 10)).shape)
        (2, 8, 8)
        >>> layer
        Conv1d(4, 8, kernel_size=(3,), stride=(1,), groups=4)
    """

    cls_to_become = nn.Conv1d


class LazyDepthwiseConv2d(_LazyDepthwiseConv, nn.Conv2d):
    """A ``Conv2d`` that filters each channel by itself, into ``multiplier`` channels each.

    The first forward infers ``in_channels``; ``groups`` equals it and ``out_channels`` is
    ``multiplier`` times it. Shape: input ``(batch, channels, height, width)`` or
    ``(channels, height, width)``.

    Raises:
        ValueError: ``multiplier`` below 1.
        InferenceError: at the first forward: another rank, or no channels.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyDepthwiseConv2d
        >>> layer = LazyDepthwiseConv2d(3, padding=1)
        >>> tuple(layer(torch.randn(1, 16, 8, 8)).shape)
        (1, 16, 8, 8)
        >>> layer
        Conv2d(16, 16, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=16)
    """

    cls_to_become = nn.Conv2d


class LazyDepthwiseConv3d(_LazyDepthwiseConv, nn.Conv3d):
    """A ``Conv3d`` that filters each channel by itself, into ``multiplier`` channels each.

    The first forward infers ``in_channels``; ``groups`` equals it and ``out_channels`` is
    ``multiplier`` times it. Shape: input ``(batch, channels, depth, height, width)``, or without
    the batch.

    Raises:
        ValueError: ``multiplier`` below 1.
        InferenceError: at the first forward: another rank, or no channels.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyDepthwiseConv3d
        >>> layer = LazyDepthwiseConv3d(3)
        >>> tuple(layer(torch.randn(1, 4, 5, 5, 5)).shape)
        (1, 4, 3, 3, 3)
        >>> layer
        Conv3d(4, 4, kernel_size=(3, 3, 3), stride=(1, 1, 1), groups=4)
    """

    cls_to_become = nn.Conv3d
