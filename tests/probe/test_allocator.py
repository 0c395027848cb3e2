"""What a device's allocator has shown, with a device that is none."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from lazyinspect.footprint import Measured
from lazyinspect.probe.allocator import allocated, allocator

CPU = torch.device("cpu")


class FakeAllocator:
    """Statistics of a forward that takes 10 bytes, and of one with a backward that takes 30."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.peak = 0
        self.resets = 0
        network.register_forward_hook(self._ran)

    def _ran(self, *given: Any) -> None:
        self.peak = max(self.peak, 30 if torch.is_grad_enabled() else 10)

    def reset_peak_memory_stats(self, device: Any) -> None:
        self.resets += 1
        self.peak = 0

    def max_memory_allocated(self, device: Any) -> int:
        return self.peak


def test_peaks_of_inference_and_of_training_are_measured_apart() -> None:
    network = nn.Linear(2, 2)
    fake = FakeAllocator(network)
    found = allocated(network, (torch.zeros(1, 2),), CPU, train=True, statistics=fake)
    assert found == Measured("cpu", 10, 30)
    assert fake.resets == 2
    assert all(p.grad is None for p in network.parameters())


def test_without_training_no_backward_runs() -> None:
    network = nn.Linear(2, 2)
    fake = FakeAllocator(network)
    found = allocated(network, (torch.zeros(1, 2),), CPU, train=False, statistics=fake)
    assert found == Measured("cpu", 10, None)


def test_the_cpu_has_no_statistics() -> None:
    assert allocator(CPU) is None
    assert allocated(nn.Identity(), (torch.zeros(1),), CPU, train=True) is None
