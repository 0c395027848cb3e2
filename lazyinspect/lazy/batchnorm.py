"""Lazy batch and instance norms: ``num_features`` from the channels of the input."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from lazyinspect.lazy.base import LazyMixin
from lazyinspect.lazy.errors import InferenceError, name_of
from lazyinspect.lazy.initialisation import zeros_wanted
from lazyinspect.lazy.inputs import channels, of_channels, rank_in
from lazyinspect.lazy.norm import bias_argument

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

    _ranks: ClassVar[tuple[int, ...]] = ()

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
            **bias_argument(bias),
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
        return {"num_features": rank_in(self, input, self._ranks).shape[1]}


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
    _ranks = (2, 3)


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
    _ranks = (4,)


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
    _ranks = (5,)


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
            **bias_argument(bias),
        )

    def infer(self, input: torch.Tensor) -> Mapping[str, Any]:
        return {"num_features": of_channels(self, input).shape[1]}


class _LazyInstanceNorm(_LazyStatistics):
    """Constructor and inference of the lazy instance norms."""

    _batched_rank: ClassVar[int] = 0

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
            **bias_argument(bias),
        )

    def infer(self, input: torch.Tensor) -> Mapping[str, Any]:
        return {"num_features": channels(self, input, self._batched_rank)}


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
    _batched_rank = 3


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
    _batched_rank = 4


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
    _batched_rank = 5
