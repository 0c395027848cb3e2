"""What torch really allocates and keeps: storages that are alive, counted as operators run."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def storage(tensor: torch.Tensor) -> int:
    """Identity of what holds the tensor's elements."""
    return int(tensor.untyped_storage()._cdata)


def tensors(value: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


class LiveStorages(TorchDispatchMode):
    """Bytes of the storages that operators make, as long as something refers to them.

    Args:
        known: tensors that do not count.
    """

    def __init__(self, known: Iterable[torch.Tensor] = ()) -> None:
        super().__init__()
        self._held = [tensor.untyped_storage() for tensor in known]
        self._known = {int(each._cdata) for each in self._held}
        self._sizes: dict[int, int] = {}
        self.now = 0
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tensors(out):
            held = tensor.untyped_storage()
            key = int(held._cdata)
            if key in self._known or key in self._sizes:
                continue
            self._sizes[key] = held.nbytes()
            self.now += held.nbytes()
            self.peak = max(self.peak, self.now)
            weakref.finalize(held, self._gone, key)
        return out

    def _gone(self, key: int) -> None:
        self.now -= self._sizes.pop(key, 0)


@dataclass(frozen=True)
class Saved:
    """What autograd keeps of a call."""

    storages: dict[int, int]
    """Bytes by identity."""
    output: Any


def saved(call: Callable[[], Any]) -> Saved:
    """Run a call, and tell what its backward will read."""
    kept: list[torch.Tensor] = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = call()
    return Saved({storage(t): t.untyped_storage().nbytes() for t in kept}, output)
