"""Input types and a seed -> input tensors on a device. Leaves torch's own generators alone."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from lazyinspect.plan.tree import InputType
from lazyinspect.shapes import is_float


def make_inputs(
    inputs: Iterable[InputType], device: torch.device, seed: int = 0
) -> tuple[torch.Tensor, ...]:
    """Random inputs in the order of the spec, equal on every device for one seed.

    Floats are normal; integers lie in ``0 .. high - 1`` and are 0 where no ``high`` is given,
    since 0 is an index of every table; booleans are true or false.
    """
    generator = torch.Generator().manual_seed(seed)
    return tuple(_make(given, device, generator) for given in inputs)


def _make(given: InputType, device: torch.device, generator: torch.Generator) -> torch.Tensor:
    shape, dtype = given.type.shape, getattr(torch, given.type.dtype)
    if device.type == "meta":
        return torch.empty(shape, dtype=dtype, device=device)
    if is_float(given.type.dtype):
        drawn = torch.randn(shape, generator=generator)
    elif dtype.is_complex:
        drawn = torch.randn(shape, generator=generator, dtype=torch.complex64)
    else:
        high = 2 if dtype == torch.bool else given.high or 1
        drawn = torch.randint(high, shape, generator=generator)
    return drawn.to(device=device, dtype=dtype)
