"""The frozen data of a network's memory: what it takes, when, and whether it fits. No torch here.

All sizes are in bytes. A mapping has a dtype's name and the bytes of that dtype.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lazyinspect.report import Place

OPTIMIZERS: Mapping[str, int] = {"sgd": 0, "sgd-momentum": 1, "adam": 2, "adamw": 2}
"""Optimizers of torch.optim, and how many tensors of a parameter's size each keeps for it."""

ByDtype = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class NotModelled:
    """A step whose memory is not known: its outputs are counted, what it takes besides is not."""

    path: str
    op: str
    place: Place


@dataclass(frozen=True, slots=True)
class Peak:
    """The most bytes that are alive at once."""

    bytes: int
    path: str
    """Of the step at which that is; ``""`` for the network, or where it depends on sizes."""
    exact: bool
    """False where a step is not modelled: it is at least so much."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The largest batch that fits into a given memory, by planning."""

    memory: int
    batch: int
    """0: not even one."""
    peak: int
    """Bytes at that batch; of a batch of 1 where none fits."""
    next_peak: int | None
    """Bytes at the batch above, which does not fit; None where it does not plan."""
    exact: bool
    training: bool
    """Whether the peak is that of training, or of inference."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the device's allocator has shown."""

    device: str
    inference: int
    """The most bytes that it had allocated during a forward without gradients."""
    training: int | None
    """The same of a forward and a backward; None outside ``--train``."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory of one network for one input."""

    parameters: ByDtype
    buffers: ByDtype
    inputs: ByDtype
    gradients: ByDtype
    """Of the parameters that train."""
    optimizer: str | None
    """Whose state it is; None: none was chosen."""
    optimizer_state: ByDtype
    kept: ByDtype
    """What autograd keeps of a forward in training mode for the backward; inputs left out."""
    inference: Peak
    """Weights, inputs, and every buffer from its step to its last use."""
    training: Peak
    """Weights, gradients, optimizer state, kept activations and gradients of activations."""
    phase: Literal["forward", "backward", "optimizer"]
    """When the peak of training is."""
    not_modelled: tuple[NotModelled, ...] = ()
    fit: Fit | None = None
    measured: Measured | None = None
    no_statistics: str | None = None
    """The device that ran and tells nothing of its memory; None where none was asked."""


def total(sizes: ByDtype) -> int:
    """All of it."""
    return sum(sizes.values())
