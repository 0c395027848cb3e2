"""Undo: all that materialising a module changes, so that a failed forward can take it back."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from lazyinspect.lazy.tensors import is_uninitialised, take_data

_DICTS = (
    "_parameters",
    "_buffers",
    "_modules",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_load_state_dict_pre_hooks",
)
"""Attributes of nn.Module that are restored in place: hook handles refer to the objects."""


class Undo:
    """State of a module, its children and the random generators before it is materialised."""

    def __init__(self, module: nn.Module) -> None:
        self.modules: list[tuple[nn.Module, type, dict[str, Any], list[dict[Any, Any]]]] = []
        self.lazy_tensors: list[tuple[Any, type, torch.device, torch.dtype]] = []
        self.buffers: list[tuple[torch.Tensor, torch.Tensor]] = []
        devices: set[torch.device] = set()
        with torch._C.DisableTorchFunctionSubclass():
            self._record(module, devices)
        self.rng = rng_state(devices)

    def _record(self, module: nn.Module, devices: set[torch.device]) -> None:
        for part in module.modules() if module._modules else (module,):
            attributes = part.__dict__
            copies = [dict(attributes[name]) for name in _DICTS]
            self.modules.append((part, type(part), dict(attributes), copies))
            for tensor in (*part._parameters.values(), *part._buffers.values()):
                if tensor is None:
                    continue
                device = tensor.device
                devices.add(device)
                if is_uninitialised(tensor):
                    self.lazy_tensors.append((tensor, type(tensor), device, tensor.dtype))
            for buffer in part._buffers.values():
                # a forward that fails midway may have counted a batch already
                if buffer is not None and not is_uninitialised(buffer):
                    self.buffers.append((buffer, buffer.detach().clone()))

    def restore(self) -> None:
        """Put everything back."""
        for tensor, lazy_class, device, dtype in self.lazy_tensors:
            if not is_uninitialised(tensor):
                take_data(tensor, lazy_class, device, dtype)
        for part, lazy_class, attributes, copies in self.modules:
            part.__class__ = lazy_class
            part.__dict__.clear()
            part.__dict__.update(attributes)
            for name, copied in zip(_DICTS, copies, strict=True):
                original = part.__dict__[name]
                original.clear()
                original.update(copied)
        with torch.no_grad():
            for buffer, value in self.buffers:
                buffer.copy_(value)
        set_rng_state(self.rng)


RngState = list[tuple[torch.device, torch.Tensor]]


def rng_state(devices: set[torch.device]) -> RngState:
    """States of the CPU's random generator and of those of the devices."""
    states = [(torch.device("cpu"), torch.get_rng_state())]
    for device in devices:
        if device.type not in ("cpu", "meta"):
            generators = torch.get_device_module(device)
            states.append((device, generators.get_rng_state(device)))
    return states


def set_rng_state(states: RngState) -> None:
    """Undo every draw since ``rng_state``."""
    for device, state in states:
        if device.type == "cpu":
            torch.set_rng_state(state)
        else:
            torch.get_device_module(device).set_rng_state(state, device)
