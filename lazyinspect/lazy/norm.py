"""Lazy group, layer and RMS norms: channels from dimension 1, or the last dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from lazyinspect.lazy.base import LazyMixin
from lazyinspect.lazy.errors import InferenceError, format_input, name_of
from lazyinspect.lazy.inputs import divisible, of_channels, tensor_of


def bias_argument(bias: bool) -> dict[str, bool]:
    """The argument ``bias`` of a norm, where it has to be given: torch before 2.12 knows none."""
    return {} if bias else {"bias": False}


class LazyGroupNorm(LazyMixin, nn.GroupNorm):
    """A ``GroupNorm`` whose ``num_channels`` the first forward infers.

    Shape: input ``(batch, channels, ...)``.

    Raises:
        InferenceError: at the first forward: fewer than two dimensions, no channels, or channels
            that ``num_groups`` does not divide.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyGroupNorm
        >>> layer = LazyGroupNorm(4)
        >>> tuple(layer(torch.randn(2, 16, 8, 8)).shape)
        (2, 16, 8, 8)
        >>> layer.num_channels, type(layer).__name__
        (16, 'GroupNorm')
    """

    cls_to_become = nn.GroupNorm
    infers = ("num_channels",)

    def __init__(
        self,
        num_groups: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_groups=num_groups,
            num_channels=0,
            eps=eps,
            affine=affine,
            device=device,
            dtype=dtype,
            **bias_argument(bias),
        )

    def infer(self, input: torch.Tensor) -> Mapping[str, Any]:
        found = int(of_channels(self, input).shape[1])
        groups = self.num_groups
        return {"num_channels": divisible(self, found, groups, "channels", "num_groups", input)}

    def infer_from_state(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any]:
        return {"num_channels": shapes["weight" if "weight" in shapes else "bias"][0]}


class _LazyLastDims(LazyMixin):
    """Inference of the norms over the last ``dims`` dimensions."""

    infers = ("normalized_shape",)

    def __init__(self, dims: int, **arguments: Any) -> None:
        if dims < 1:
            raise ValueError(f"dims, the number of trailing dimensions, is at least 1, not {dims}")
        super().__init__(normalized_shape=(0,) * dims, **arguments)
        self._lazy.options["dims"] = dims

    def _last_sizes(self, value: torch.Tensor) -> Mapping[str, Any]:
        dims = self._lazy.options["dims"]
        tensor = tensor_of(self, value)
        if tensor.dim() < dims:
            raise InferenceError(
                f"{name_of(self)} normalises the last {dims} dimensions, and gets "
                f"{format_input(tensor)} ({tensor.dim()}D)"
            )
        return {"normalized_shape": tuple(tensor.shape[-dims:])}

    def infer_from_state(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any]:
        shape = shapes["weight" if "weight" in shapes else "bias"]
        if len(shape) != self._lazy.options["dims"]:
            raise InferenceError(
                f"{name_of(self)} normalises the last {self._lazy.options['dims']} dimensions, and "
                f"the checkpoint's weight is {list(shape)}"
            )
        return {"normalized_shape": shape}


class LazyLayerNorm(_LazyLastDims, nn.LayerNorm):
    """A ``LayerNorm`` over the last ``dims`` dimensions, whose sizes the first forward infers.

    Shape: input ``(..., *normalized_shape)``.

    Raises:
        ValueError: ``dims`` below 1.
        InferenceError: at the first forward: fewer dimensions, or one of size 0.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyLayerNorm
        >>> layer = LazyLayerNorm()
        >>> tuple(layer(torch.randn(2, 10, 16)).shape)
        (2, 10, 16)
        >>> layer.normalized_shape, type(layer).__name__
        ((16,), 'LayerNorm')
    """

    cls_to_become = nn.LayerNorm

    def __init__(
        self,
        dims: int = 1,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            dims,
            eps=eps,
            elementwise_affine=elementwise_affine,
            bias=bias,
            device=device,
            dtype=dtype,
        )

    def infer(self, input: torch.Tensor) -> Mapping[str, Any]:
        return self._last_sizes(input)


class LazyRMSNorm(_LazyLastDims, nn.RMSNorm):
    """An ``RMSNorm`` over the last ``dims`` dimensions, whose sizes the first forward infers.

    Shape: input ``(..., *normalized_shape)``.

    Raises:
        ValueError: ``dims`` below 1.
        InferenceError: at the first forward: fewer dimensions, or one of size 0.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyRMSNorm
        >>> layer = LazyRMSNorm(dims=2)
        >>> tuple(layer(torch.randn(2, 10, 16)).shape)
        (2, 10, 16)
        >>> layer
        RMSNorm((10, 16), eps=None, elementwise_affine=True)
    """

    cls_to_become = nn.RMSNorm

    def __init__(
        self,
        dims: int = 1,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            dims, eps=eps, elementwise_affine=elementwise_affine, device=device, dtype=dtype
        )

    def infer(self, x: torch.Tensor) -> Mapping[str, Any]:
        return self._last_sizes(x)
