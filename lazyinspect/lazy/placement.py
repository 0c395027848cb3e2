"""Device, dtype and memory format of tensors that have no shape yet."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from typing import Any

import torch
from torch import nn

from lazyinspect.lazy.tensors import is_uninitialised

_FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


def placement(module: nn.Module) -> tuple[torch.device, torch.dtype | None]:
    """Where a module's tensors are to be made: as its first shapeless one, else its first."""
    own = chain(module._parameters.values(), module._buffers.values())
    tensors = [tensor for tensor in own if tensor is not None]
    if module._modules:
        tensors = [*module.parameters(), *module.buffers()]
    with torch._C.DisableTorchFunctionSubclass():
        for tensor in (*filter(is_uninitialised, tensors), *tensors):
            if tensor.is_floating_point() or tensor.is_complex():
                return tensor.device, tensor.dtype
        for tensor in tensors:
            return tensor.device, None
    return torch.device("cpu"), None


def moved(
    fn: Callable[[torch.Tensor], torch.Tensor],
    tensor: Any,
    rank: int,
    formats: dict[str, torch.memory_format],
    name: str,
) -> torch.Tensor:
    """What ``nn.Module._apply``'s function makes of a shapeless tensor: its device and dtype.

    The function is tried on a small stand-in of the rank that the tensor will have, which tells
    the memory format as well: ``formats[name]`` is updated.

    Raises:
        RuntimeError: what the function does needs data (``share_memory``).
    """
    # empty_like and dim need a shape, and `to` cannot copy from meta: here there is no data
    with suppress(ValueError, NotImplementedError):
        fn(tensor)
    data = tensor.data
    stand_in = torch.empty((2,) * rank, device=data.device, dtype=data.dtype)
    if name in formats:
        stand_in = stand_in.contiguous(memory_format=formats[name])
    try:
        result = fn(stand_in)
    except NotImplementedError:
        result = fn(torch.empty((2,) * rank, dtype=data.dtype))
    if rank in _FORMATS:
        if result.is_contiguous():
            formats.pop(name, None)
        elif result.is_contiguous(memory_format=_FORMATS[rank]):
            formats[name] = _FORMATS[rank]
    return torch.empty(0, device=result.device, dtype=result.dtype)
