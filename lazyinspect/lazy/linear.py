"""Lazy linear and bilinear layers: the features from the last dimension of each input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from lazyinspect.lazy.base import LazyMixin
from lazyinspect.lazy.errors import InferenceError, format_input, name_of
from lazyinspect.lazy.inputs import last_size


class LazyLinear(LazyMixin, nn.Linear):
    """A ``Linear`` whose ``in_features`` the first forward infers.

    Shape: input ``(..., features)``.

    Raises:
        InferenceError: at the first forward: a scalar, or no features.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyLinear
        >>> layer = LazyLinear(10)
        >>> tuple(layer(torch.randn(5, 7)).shape)
        (5, 10)
        >>> layer
        Linear(in_features=7, out_features=10, bias=True)
    """

    cls_to_become = nn.Linear
    infers = ("in_features",)

    def __init__(
        self,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            in_features=0, out_features=out_features, bias=bias, device=device, dtype=dtype
        )

    def infer(self, input: torch.Tensor) -> Mapping[str, Any]:
        return {"in_features": last_size(self, input)}

    def infer_from_state(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any]:
        return {"in_features": shapes["weight"][1]}

    def shapes(self, sizes: Mapping[str, Any]) -> Mapping[str, tuple[int, ...]]:
        return {
            "weight": (self.out_features, sizes["in_features"]),
            "bias": (self.out_features,),
        }


class LazyBilinear(LazyMixin, nn.Bilinear):
    """A ``Bilinear`` whose ``in1_features`` and ``in2_features`` the first forward infers.

    Shape: inputs ``(..., features1)`` and ``(..., features2)``.

    Raises:
        InferenceError: at the first forward: a scalar, no features, or inputs that differ in
            another dimension than the last.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyBilinear
        >>> layer = LazyBilinear(10)
        >>> tuple(layer(torch.randn(5, 3), torch.randn(5, 4)).shape)
        (5, 10)
        >>> layer
        Bilinear(in1_features=3, in2_features=4, out_features=10, bias=True)
    """

    cls_to_become = nn.Bilinear
    infers = ("in1_features", "in2_features")

    def __init__(
        self,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            in1_features=0,
            in2_features=0,
            out_features=out_features,
            bias=bias,
            device=device,
            dtype=dtype,
        )

    def infer(self, input1: torch.Tensor, input2: torch.Tensor) -> Mapping[str, Any]:
        sizes = {
            "in1_features": last_size(self, input1, "input1"),
            "in2_features": last_size(self, input2, "input2"),
        }
        if input1.shape[:-1] != input2.shape[:-1]:
            raise InferenceError(
                f"{name_of(self)} needs inputs that differ in the last dimension alone, and gets "
                f"{format_input(input1)} and {format_input(input2)}"
            )
        return sizes

    def infer_from_state(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any]:
        _, in1_features, in2_features = shapes["weight"]
        return {"in1_features": in1_features, "in2_features": in2_features}
