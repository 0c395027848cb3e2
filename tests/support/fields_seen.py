"""What positions of a real network see: one input position is NaN, and what becomes NaN sees it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch
from torch import nn

from lazyinspect.measure.axes import Axis, Seen
from lazyinspect.measure.field import Walk
from lazyinspect.plan.plan import Plan


def followed(plan: Plan, path: str) -> Seen:
    """What the planner's walk finds of the row at a path."""
    walk = Walk(plan)
    walk.network(plan)
    values = {row.path: value for row, value in zip(plan.rows, walk.found, strict=True)}
    value = values[path]
    assert isinstance(value, Seen)
    return value


def predicted(axis: Axis, position: int) -> tuple[int, int] | None:
    """The first and last input position that an output position sees, borders not regarded."""
    reach = axis.reach
    turns, phase = divmod(position, reach.period)
    low, high = reach.lows[phase], reach.highs[phase]
    if low is None or high is None:
        return None
    return low + turns * reach.shift, high + turns * reach.shift


class _Done(Exception):
    """The module was reached, and what follows need not run."""


def output_of(net: nn.Module, path: str, x: torch.Tensor) -> torch.Tensor:
    """What the module at a path gives in a forward of ``x``; the network itself for ``""``."""
    caught: list[Any] = []

    def catch(module: nn.Module, given: Any, output: Any) -> None:
        caught.append(output)
        raise _Done

    handle = net.get_submodule(path).register_forward_hook(catch)
    try:
        with torch.no_grad(), suppress(_Done):
            net(x)
    finally:
        handle.remove()
    out = caught[0]
    return out if isinstance(out, torch.Tensor) else out[0]


def observed(
    net: nn.Module, path: str, shape: tuple[int, ...], dim: int, out_dim: int, places: list[int]
) -> torch.Tensor:
    """Whether each output position sees each of some input positions: (place, position).

    Args:
        shape: of the input, with a batch of 1; ``dim`` is spatial.
    """
    # in float64, for which torch has no convolution by transforms: those spread a NaN over tiles
    x = torch.rand(len(places), *shape[1:], dtype=torch.float64)
    for sample, place in enumerate(places):
        x[sample].select(dim - 1, place).fill_(float("nan"))
    out = output_of(net.double(), path, x)
    seen = out.isnan().movedim(out_dim, 1)
    return seen.flatten(2).any(2) if seen.ndim > 2 else seen


def middle(size: int, count: int) -> range:
    """Positions in the middle."""
    return range(max(size // 2 - count // 2, 0), min(size // 2 - count // 2 + count, size))


def check(plan: Plan, net: nn.Module, path: str = "", margin: int = 0, count: int = 12) -> int:
    """Hold the fields of middle positions, in every spatial dimension, against the network's.

    Only those are held whose field lies in the input, less a margin.

    Returns:
        How many were held.
    """
    (entry,) = plan.inputs
    shape, seen, held = entry.type.shape, followed(plan, path), 0
    for dim in range(2, len(shape)):
        axis = seen.axes[dim]
        assert isinstance(axis, Axis), axis
        size = shape[dim]
        wanted = {p: predicted(axis, p) for p in middle(seen.shape[axis.dim], count)}
        inside = {
            p: ends
            for p, ends in wanted.items()
            if ends is None or (ends[0] >= margin and ends[1] < size - margin)
        }
        near = {
            end + move for ends in inside.values() if ends for end in ends for move in (-1, 0, 1)
        }
        places = sorted(place for place in near if 0 <= place < size) or [0]
        found = observed(net, path, shape, dim, axis.dim, places)
        for position, ends in inside.items():
            real = [place for row, place in enumerate(places) if found[row, position]]
            if ends is None:
                assert not real, (path, dim, position, real)
            else:
                assert (real[0], real[-1]) == ends, (path, dim, position, real, ends)
            held += 1
    return held
