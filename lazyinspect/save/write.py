"""A plan, a format and options -> the bytes of a file. Knows the order: room, network, writer."""

from __future__ import annotations

from importlib import import_module

import torch
from torch import nn

from lazyinspect.errors import NetworkError, Problem
from lazyinspect.export import FORMATS, Subject
from lazyinspect.plan.plan import Plan
from lazyinspect.probe import materialised
from lazyinspect.probe.devices import seeded
from lazyinspect.probe.memory import free_bytes
from lazyinspect.save import tensors
from lazyinspect.save.load import load_weights
from lazyinspect.shapes import format_bytes

COPIES = 3
"""Of the weights in memory at once, at least: the network, the file's tensors, its bytes."""


def save(subject: Subject, to: str, trace_by: Plan | None) -> bytes:
    """A network with its weights in a format.

    Args:
        trace_by: the same network for another batch: the file serves every batch. None: it
            serves the planned one.

    Raises:
        SpecError: a package is missing, the weights given do not fit, or the format has no words
            for something in the network.
        NetworkError: it needs more memory than there is, or than the format holds.
    """
    writer = import_module(f"{__package__}.{FORMATS[to].module}")
    writer.require()
    if subject.options.weights is not None:
        tensors.require()
    _require_room(subject.plan, to, writer.MOST_BYTES)
    cpu = torch.device("cpu")
    with seeded(cpu, subject.options.seed):
        network: nn.Module = materialised(subject.plan)
        if subject.options.weights is not None:
            load_weights(network, subject.options.weights)
        data: bytes = writer.write(network, subject, trace_by)
    return data


def _require_room(plan: Plan, to: str, most: int | None) -> None:
    weights = plan.totals.param_bytes + plan.totals.buffer_bytes
    if most is not None and weights > most:
        raise NetworkError(
            Problem(
                "out-of-memory",
                f"the weights take {format_bytes(weights)}, and a file of the format `{to}` "
                f"holds at most {format_bytes(most)}",
                help="export `torch` or `safetensors`, which have no such limit",
            )
        )
    free = free_bytes(torch.device("cpu"))
    if free is not None and COPIES * weights > free:
        raise NetworkError(
            Problem(
                "out-of-memory",
                f"the export needs at least {format_bytes(COPIES * weights)}, {COPIES} times what "
                f"the weights take, and {format_bytes(free)} is free",
                help="a machine with more memory, or a smaller variant",
            )
        )
