"""Uninitialised parameters and buffers that keep their dtype and device when copied.

torch's own lose both in pickle (``UninitializedParameter.__reduce_ex__`` passes only
``requires_grad``) and its buffer cannot be deep-copied at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import parameter as torch_parameter


def _copy(tensor: Any, memo: dict[int, Any]) -> Any:
    if id(tensor) not in memo:
        data = tensor.data
        memo[id(tensor)] = type(tensor)(tensor.requires_grad, data.device, data.dtype)
    return memo[id(tensor)]


class UninitializedParameter(torch_parameter.UninitializedParameter):
    """A parameter without a shape. Pickles as torch's, with its dtype and device."""

    # freezing a network needs no shapes
    _allowed_methods = (
        *torch_parameter.UninitializedParameter._allowed_methods,  # type: ignore[attr-defined]
        torch.Tensor.requires_grad_,
    )

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedParameter:
        copied: UninitializedParameter = _copy(self, memo)
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        # torch's class, which a reader without lazyinspect can load; LazyMixin.__setstate__
        # gives the tensors of a lazy module this class again
        arguments = (self.requires_grad, self.data.device, self.data.dtype)
        return torch_parameter.UninitializedParameter, arguments


class UninitializedBuffer(torch_parameter.UninitializedBuffer):
    """A buffer without a shape. Pickles as torch's, with its dtype and device."""

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        persistent: bool = True,
    ) -> Any:
        # no attributes on the tensor, as torch's has: they would stay after it is materialised
        data = torch.empty(0, device=device, dtype=dtype)
        return torch.Tensor._make_subclass(cls, data, requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedBuffer:
        copied: UninitializedBuffer = _copy(self, memo)
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        arguments = (self.requires_grad, self.data.device, self.data.dtype)
        return torch_parameter.UninitializedBuffer, arguments


def uninitialised_like(tensor: torch.Tensor, device: Any, dtype: torch.dtype | None) -> Any:
    """The shapeless counterpart of a parameter or buffer."""
    lazy: Any = UninitializedParameter if isinstance(tensor, nn.Parameter) else UninitializedBuffer
    return lazy(tensor.requires_grad, device, dtype)


is_uninitialised: Callable[[Any], bool] = torch_parameter.is_lazy
"""Whether a tensor waits for its shape."""


def give_data(tensor: Any, data: torch.Tensor) -> None:
    """Make a lazy tensor an ordinary one with this data; the same object, its class changed."""
    tensor.data = data
    tensor.__class__ = tensor.cls_to_become


def take_data(tensor: Any, lazy_class: type, device: Any, dtype: torch.dtype) -> None:
    """The reverse of ``give_data``: an ordinary tensor forgets its shape."""
    tensor.data = torch.empty(0, device=device, dtype=dtype)
    tensor.__class__ = lazy_class
