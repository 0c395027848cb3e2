"""A materialised network on a device -> the most that its allocator gave out. None without one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from lazyinspect.footprint import Measured
from lazyinspect.probe.devices import on_device, synchroniser


class Allocator(Protocol):
    """Statistics of a device's memory, as ``torch.cuda`` has them."""

    def reset_peak_memory_stats(self, device: Any) -> None:
        """Begin anew."""

    def max_memory_allocated(self, device: Any) -> int:
        """The most bytes that tensors held since then."""


def allocator(device: torch.device) -> Allocator | None:
    """The statistics of a device's kind; None where it keeps none."""
    if device.type in ("cpu", "meta"):
        return None
    module = torch.get_device_module(device)
    if hasattr(module, "reset_peak_memory_stats") and hasattr(module, "max_memory_allocated"):
        found: Allocator = module
        return found
    return None


def allocated(
    network: nn.Module,
    inputs: Sequence[torch.Tensor],
    device: torch.device,
    *,
    train: bool,
    statistics: Allocator | None = None,
) -> Measured | None:
    """The peaks of a forward without gradients, and of a forward and backward.

    What other programs and other tensors of this process take is in it where they use the same
    allocator. The network's gradients are gone afterwards.

    Args:
        train: whether to measure a backward as well, of the sum of all floating outputs.
        statistics: of the device; None: its own.
    """
    found = allocator(device) if statistics is None else statistics
    if found is None:
        return None
    wait = synchroniser(device)

    def peak(run: Any) -> int:
        wait()
        found.reset_peak_memory_stats(device)
        run()
        wait()
        return int(found.max_memory_allocated(device))

    def forward() -> None:
        with torch.no_grad():
            network(*inputs)

    def both() -> None:
        outputs = [t for t in tree_leaves(network(*inputs)) if isinstance(t, torch.Tensor)]
        results = [t for t in outputs if t.requires_grad]
        torch.autograd.backward(results, [torch.ones_like(t) for t in results])

    with on_device(device):
        inference = peak(forward)
        training = None
        if train:
            try:
                training = peak(both)
            finally:
                network.zero_grad(set_to_none=True)
    return Measured(str(device), inference, training)
