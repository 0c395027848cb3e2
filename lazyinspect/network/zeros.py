"""A context in which torch's layers are built with zeros instead of drawn parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

_FILLS = frozenset(
    ("uniform_", "normal_", "fill_", "zero_", "copy_", "mul_", "add_", "erfinv_", "clamp_")
)


class ZeroInitialised(TorchFunctionMode):
    """Skips every initialisation of a Parameter and allocates zeros instead.

    Buffers keep the values that their classes give them: a running variance of 1.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.empty:
            func = torch.zeros
        name = getattr(func, "__name__", "")
        is_init = getattr(func, "__module__", "") == "torch.nn.init" and name.endswith("_")
        if is_init or name in _FILLS:
            target = args[0] if args else kwargs.get("tensor")
            if isinstance(target, nn.Parameter):
                return target
        return func(*args, **kwargs)
