"""Lazy norms: channels from dimension 1, or the last dimensions, of the first input."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from lazyinspect.lazy.base import LazyMixin
from lazyinspect.lazy.errors import InferenceError, format_input, name_of
from lazyinspect.lazy.initialisation import zeros_wanted
from lazyinspect.lazy.inputs import channels, divisible, rank_in, tensor_of


def _bias(bias: bool) -> dict[str, bool]:
    # torch before 2.12 knows no such argument
    return {} if bias else {"bias": False}


_TENSORS = ("weight", "bias", "running_mean", "running_var")


class _LazyStatistics(LazyMixin):
    """What the lazy batch and instance norms share."""

    infers = ("num_features",)

    def infer_from_state(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any]:
        for name in _TENSORS:
            if name in shapes:
                return {"num_features": shapes[name][0]}
        raise KeyError("num_features")

    def shapes(self, sizes: Mapping[str, Any]) -> Mapping[str, tuple[int, ...]]:
        return dict.fromkeys(_TENSORS, (sizes["num_features"],))

    def materialised(self) -> None:
        if zeros_wanted():
            self.reset_running_stats()  # type: ignore[operator]  # the eager class's


class _LazyBatchNorm(_LazyStatistics):
    """Constructor and inference of the lazy batch norms."""

    ranks: ClassVar[tuple[int, ...]] = ()

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features=0,
            eps=eps,
            momentum=momentum,
            affine=affine,
            track_running_stats=track_running_stats,
            device=device,
            dtype=dtype,
            **_bias(bias),
        )

    @property
    def num_features(self) -> int:
        """0 until the first forward."""
        if "_lazy" in self.__dict__ and _convertee():
            raise InferenceError(
                f"{name_of(self)} has no num_features to convert yet: run a forward first, or use "
                "LazySyncBatchNorm"
            )
        features: int = self.__dict__["num_features"]
        return features

    @num_features.setter
    def num_features(self, value: int) -> None:
        self.__dict__["num_features"] = value

    def infer(self, input: torch.Tensor) -> Mapping[str, Any]:
        return {"num_features": rank_in(self, input, self.ranks).shape[1]}


def _convertee() -> bool:
    # SyncBatchNorm.convert_sync_batchnorm asks nothing of a module that could refuse it, and
    # builds a SyncBatchNorm(0) out of a lazy one
    caller = sys._getframe(2).f_code
    return caller.co_name == "convert_sync_batchnorm"


class LazyBatchNorm1d(_LazyBatchNorm, nn.BatchNorm1d):
    """A ``BatchNorm1d`` whose ``num_features`` the first forward infers.

    Shape: input ``(batch, channels)`` or ``(batch, channels, length)``.

    Raises:
        InferenceError: at the first forward: another rank, or no channels.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyBatchNorm1d
        >>> layer = LazyBatchNorm1d()
        >>> tuple(layer(torch.randn(2, 16)).shape)
        (2, 16)
        >>> layer.num_features, type(layer).__name__
        (16, 'BatchNorm1d')
    """

    cls_to_become = nn.BatchNorm1d
    ranks = (2, 3)


class LazyBatchNorm2d(_LazyBatchNorm, nn.BatchNorm2d):
    """A ``BatchNorm2d`` whose ``num_features`` the first forward infers.

    Shape: input ``(batch, channels, height, width)``.

    Raises:
        InferenceError: at the first forward: another rank, or no channels.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyBatchNorm2d
        >>> layer = LazyBatchNorm2d()
        >>> tuple(layer(torch.randn(2, 16, 8, 8)).shape)
        (2, 16, 8, 8)
        >>> layer.num_features, type(layer).__name__
        (16, 'BatchNorm2d')
    """

    cls_to_become = nn.BatchNorm2d
    ranks = (4,)


class LazyBatchNorm3d(_LazyBatchNorm, nn.BatchNorm3d):
    """A ``BatchNorm3d`` whose ``num_features`` the first forward infers.

    Shape: input ``(batch, channels, depth, height, width)``.

    Raises:
        InferenceError: at the first forward: another rank, or no channels.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyBatchNorm3d
        >>> layer = LazyBatchNorm3d()
        >>> tuple(layer(torch.randn(2, 16, 4, 4, 4)).shape)
        (2, 16, 4, 4, 4)
        >>> layer.num_features, type(layer).__name__
        (16, 'BatchNorm3d')
    """

    cls_to_become = nn.BatchNorm3d
    ranks = (5,)


class LazySyncBatchNorm(_LazyBatchNorm, nn.SyncBatchNorm):
    """A ``SyncBatchNorm`` whose ``num_features`` the first forward infers.

    Shape: input ``(batch, channels, ...)``.

    Raises:
        InferenceError: at the first forward: fewer than two dimensions, or no channels.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazySyncBatchNorm
        >>> layer = LazySyncBatchNorm()
        >>> tuple(layer(torch.randn(2, 16, 8)).shape)
        (2, 16, 8)
        >>> layer.num_features, type(layer).__name__
        (16, 'SyncBatchNorm')
    """

    cls_to_become = nn.SyncBatchNorm

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        LazyMixin.__init__(
            self,
            num_features=0,
            eps=eps,
            momentum=momentum,
            affine=affine,
            track_running_stats=track_running_stats,
            process_group=process_group,
            device=device,
            dtype=dtype,
            **_bias(bias),
        )

    def infer(self, input: torch.Tensor) -> Mapping[str, Any]:
        tensor = tensor_of(self, input)
        if tensor.dim() < 2:
            raise InferenceError(
                f"{name_of(self)} expects an input of at least 2 dimensions, and gets "
                f"{format_input(tensor)} ({tensor.dim()}D)"
            )
        return {"num_features": tensor.shape[1]}


class _LazyInstanceNorm(_LazyStatistics):
    """Constructor and inference of the lazy instance norms."""

    batched_rank: ClassVar[int] = 0

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features=0,
            eps=eps,
            momentum=momentum,
            affine=affine,
            track_running_stats=track_running_stats,
            device=device,
            dtype=dtype,
            **_bias(bias),
        )

    def infer(self, input: torch.Tensor) -> Mapping[str, Any]:
        return {"num_features": channels(self, input, self.batched_rank)}


class LazyInstanceNorm1d(_LazyInstanceNorm, nn.InstanceNorm1d):
    """An ``InstanceNorm1d`` whose ``num_features`` the first forward infers.

    Shape: input ``(batch, channels, length)`` or ``(channels, length)``.

    Raises:
        InferenceError: at the first forward: another rank, or no channels.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyInstanceNorm1d
        >>> layer = LazyInstanceNorm1d()
        >>> tuple(layer(torch.randn(16, 8)).shape)
        (16, 8)
        >>> layer.num_features, type(layer).__name__
        (16, 'InstanceNorm1d')
    """

    cls_to_become = nn.InstanceNorm1d
    batched_rank = 3


class LazyInstanceNorm2d(_LazyInstanceNorm, nn.InstanceNorm2d):
    """An ``InstanceNorm2d`` whose ``num_features`` the first forward infers.

    Shape: input ``(batch, channels, height, width)`` or ``(channels, height, width)``.

    Raises:
        InferenceError: at the first forward: another rank, or no channels.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyInstanceNorm2d
        >>> layer = LazyInstanceNorm2d(affine=True)
        >>> tuple(layer(torch.randn(2, 16, 8, 8)).shape)
        (2, 16, 8, 8)
        >>> layer.num_features, type(layer).__name__
        (16, 'InstanceNorm2d')
    """

    cls_to_become = nn.InstanceNorm2d
    batched_rank = 4


class LazyInstanceNorm3d(_LazyInstanceNorm, nn.InstanceNorm3d):
    """An ``InstanceNorm3d`` whose ``num_features`` the first forward infers.

    Shape: input ``(batch, channels, depth, height, width)``, or without the batch.

    Raises:
        InferenceError: at the first forward: another rank, or no channels.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyInstanceNorm3d
        >>> layer = LazyInstanceNorm3d()
        >>> tuple(layer(torch.randn(2, 16, 4, 4, 4)).shape)
        (2, 16, 4, 4, 4)
        >>> layer.num_features, type(layer).__name__
        (16, 'InstanceNorm3d')
    """

    cls_to_become = nn.InstanceNorm3d
    batched_rank = 5


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
            **_bias(bias),
        )

    def infer(self, input: torch.Tensor) -> Mapping[str, Any]:
        tensor = tensor_of(self, input)
        if tensor.dim() < 2:
            raise InferenceError(
                f"{name_of(self)} expects an input of at least 2 dimensions, and gets "
                f"{format_input(tensor)} ({tensor.dim()}D)"
            )
        found = int(tensor.shape[1])
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
