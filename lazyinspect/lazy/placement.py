"""Device, dtype and memory format of tensors that have no shape yet."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from typing import Any, TypeAlias

import torch
from torch import nn

from lazyinspect.lazy.tensors import is_uninitialised, take_data, uninitialised_like

Apply: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
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


def _moved(
    fn: Apply,
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


def apply_to_shapeless(module: nn.Module, apply: Callable[[Apply], Any], fn: Apply) -> nn.Module:
    """``nn.Module._apply`` for a lazy module: ``to``, ``half``, ``to_empty`` and their kin.

    Args:
        module: the lazy module.
        apply: the eager class's ``_apply``, bound to it.
        fn: what is to be done to each tensor.

    Raises:
        RuntimeError: it needs data (``share_memory``).
    """
    state = module.__dict__["_lazy"]
    tables: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
    before = [
        (table, name, tensor, type(tensor))
        for table in tables
        for name, tensor in table.items()
        if is_uninitialised(tensor)
    ]
    names = {id(tensor): name for _, name, tensor, _ in before}
    applied: dict[int, torch.Tensor] = {}

    def shapeless(tensor: torch.Tensor) -> torch.Tensor:
        name = names.get(id(tensor))
        if name is None:
            return fn(tensor)
        result = _moved(fn, tensor, state.ranks.get(name, 1), state.formats, name)
        applied[id(tensor)] = result
        return result

    apply(shapeless)
    for table, name, tensor, lazy_class in before:
        result = applied[id(tensor)]
        if isinstance(tensor, nn.Parameter):
            # of another kind of device, or swapped, it has become an ordinary one
            if not is_uninitialised(table[name]):
                take_data(table[name], lazy_class, result.device, result.dtype)
        else:
            table[name] = uninitialised_like(tensor, result.device, result.dtype)
    return module
