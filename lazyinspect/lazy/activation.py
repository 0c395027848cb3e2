"""Lazy PReLU: one slope per channel, from dimension 1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from lazyinspect.lazy.base import LazyMixin
from lazyinspect.lazy.inputs import tensor_of


class LazyPReLU(LazyMixin, nn.PReLU):
    """A ``PReLU`` with one slope per channel; the first forward infers ``num_parameters``.

    Shape: input ``(batch, channels, ...)``; one slope where there is no dimension 1.

    Raises:
        InferenceError: at the first forward: no channels.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyPReLU
        >>> layer = LazyPReLU()
        >>> tuple(layer(torch.randn(2, 16, 8, 8)).shape)
        (2, 16, 8, 8)
        >>> layer
        PReLU(num_parameters=16)
    """

    cls_to_become = nn.PReLU
    infers = ("num_parameters",)

    def __init__(
        self, init: float = 0.25, device: Any = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__(num_parameters=0, init=init, device=device, dtype=dtype)

    def infer(self, input: torch.Tensor) -> Mapping[str, Any]:
        tensor = tensor_of(self, input)
        return {"num_parameters": int(tensor.shape[1]) if tensor.dim() > 1 else 1}

    def infer_from_state(self, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any]:
        return {"num_parameters": shapes["weight"][0]}
