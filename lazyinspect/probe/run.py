"""Plan and the name of a device -> the network, materialised, and what was observed of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import nn

from lazyinspect.footprint import Measured
from lazyinspect.network import Init, build
from lazyinspect.plan import tree
from lazyinspect.plan.inputs import one_batch
from lazyinspect.probe.allocator import allocated
from lazyinspect.probe.devices import device_name, resolve_device, seeded
from lazyinspect.probe.forwards import (
    Setting,
    compiled,
    in_channels_last,
    time_forward,
    time_training,
)
from lazyinspect.probe.inputs import make_inputs
from lazyinspect.probe.memory import check_memory, parse_bytes
from lazyinspect.probe.observe import nodes_by_path, untouched_buffers
from lazyinspect.probe.timing import time_layers
from lazyinspect.probe.verify import failures, verify
from lazyinspect.report import (
    Duration,
    Environment,
    LayerRow,
    Report,
    Timing,
    Totals,
    Verified,
)


class Plan(Protocol):
    """What is probed of a plan."""

    @property
    def root(self) -> tree.Graph: ...
    @property
    def call(self) -> tree.Call: ...
    @property
    def inputs(self) -> tuple[tree.InputType, ...]: ...
    @property
    def ties(self) -> tuple[tree.Tie, ...]: ...
    @property
    def rows(self) -> tuple[LayerRow, ...]: ...
    @property
    def totals(self) -> Totals: ...
    @property
    def dtype(self) -> str: ...
    def report(self, *, environment: Environment | None = None) -> Report: ...


@dataclass(frozen=True, slots=True)
class How:
    """How a network is run to be timed."""

    min_time: float = 0.0
    """Seconds that the measured forwards are to take together, at least."""
    compile: bool = False
    """By ``torch.compile``."""
    amp: bool = False
    """Under ``torch.autocast``."""
    channels_last: bool = False


@dataclass(frozen=True, slots=True)
class Probed:
    """What a run adds to a plan's report."""

    rows: tuple[LayerRow, ...]
    """The plan's, with their times."""
    timing: Timing | None
    verified: Verified
    torch: str
    """Torch's version."""
    device: str
    device_name: str | None
    memory: Measured | str | None = None
    """What its allocator has shown; the device's name where it tells nothing; None: not asked."""


def probe(
    plan: Plan,
    *,
    device: str = "cpu",
    train: bool = False,
    time: bool = True,
    warmup: int = 3,
    runs: int = 20,
    seed: int = 0,
    init: Init = "default",
    memory_limit: int | str | None = None,
    memory: bool = False,
    how: How = How(),
) -> Probed:
    """Build the network, run the dummy forward, compare with the plan, and time it.

    Torch's random generators are left as they were.

    Args:
        memory_limit: bytes, or ``"8GB"``.
        memory: measure what the device's allocator gives out.
        how: how the network is run to be timed.

    Raises:
        SpecError: a bad name of a device, a bad amount of memory, a class that does not import.
        NetworkError: the device is not there, the network does not fit, or a forward fails.
        InternalError: plan and device disagree.
    """
    where = resolve_device(device)
    _require_memory(plan, where, memory_limit)
    with seeded(where, seed):
        network, inputs, verified = _materialise(
            plan, where, init, seed=seed, train=train, dry=True
        )
        rows, timing = plan.rows, None
        if time and where.type != "meta":
            setting = Setting(
                where, _autocast(where) if how.amp else None, warmup, runs, how.min_time
            )
            rows, timing = _timed(plan, network, inputs, setting, how, train=train)
        shown: Measured | str | None = None
        if memory:
            with failures(plan):
                shown = allocated(network, inputs, where, train=train) or where.type
    name = device_name(where)
    return Probed(rows, timing, verified, torch.__version__, str(where), name, shown)


def materialised(
    plan: Plan,
    *,
    device: str = "cpu",
    init: Init = "default",
    memory_limit: int | str | None = None,
) -> nn.Module:
    """The network after its dummy forward, in eval mode: ordinary layers, nothing of ours in them.

    Its parameters are drawn from torch's own generators, as any network's.

    Raises:
        SpecError, NetworkError, InternalError: as :func:`probe`.
    """
    where = resolve_device(device)
    _require_memory(plan, where, memory_limit)
    network, _, _ = _materialise(plan, where, init)
    return network


def _require_memory(plan: Plan, device: torch.device, limit: int | str | None) -> None:
    check_memory(plan, device, parse_bytes(limit) if isinstance(limit, str) else limit)


def _materialise(
    plan: Plan,
    device: torch.device,
    init: Init,
    *,
    seed: int = 0,
    train: bool = False,
    dry: bool = False,
) -> tuple[nn.Module, tuple[torch.Tensor, ...], Verified]:
    with failures(plan):
        network = build(plan, device=device, init=init)
        inputs = make_inputs(plan.inputs, device, seed)
    network.train(train)
    return network, inputs, verify(plan, network, inputs, device, init=init, dry=dry)


def _autocast(device: torch.device) -> torch.dtype:
    """What torch.autocast computes in by default on a device's kind."""
    return torch.get_autocast_dtype(device.type)


def _timed(
    plan: Plan,
    network: nn.Module,
    inputs: Sequence[torch.Tensor],
    setting: Setting,
    how: How,
    *,
    train: bool,
) -> tuple[tuple[LayerRow, ...], Timing]:
    nodes = nodes_by_path(plan.root)
    compile_ns = None
    with failures(plan), untouched_buffers(network, nodes):
        if how.channels_last:
            network, inputs = in_channels_last(network, inputs)
        runner = network
        if how.compile:
            runner, compile_ns = compiled(network, inputs, setting)
        forward = time_forward(runner, inputs, setting)
        training = time_training(runner, inputs, setting) if train else None
        laps: dict[tuple[str, int], Duration] = {}
        if not how.compile:
            # hooks would break a compiled graph: its layers have no times of their own
            laps = time_layers(network, nodes, inputs, setting.device, around=setting.autocast)
    rows = with_times(plan.rows, laps) if laps else plan.rows
    timed = rows[0].time_ns
    return rows, Timing(
        str(setting.device),
        setting.warmup,
        forward.runs,
        forward.duration,
        warmed=forward.warmed,
        threads=torch.get_num_threads() if setting.device.type == "cpu" else None,
        dtype=plan.dtype,
        batch=one_batch(plan.call, plan.inputs),
        training_ns=None if training is None else training.duration,
        layers_ns=None if timed is None else timed.median,
        hooked_ns=laps["", 0].median if laps else None,
        compile_ns=compile_ns,
        amp=None if setting.amp is None else str(setting.amp).removeprefix("torch."),
        channels_last=how.channels_last,
    )


def with_times(
    rows: Sequence[LayerRow], laps: Mapping[tuple[str, int], Duration]
) -> tuple[LayerRow, ...]:
    """Rows with their times; a container's is the sum below it, as all its figures are."""
    timed: list[LayerRow] = []
    # from the last row up, so that a container comes after what is below it; by depth, the
    # times of rows whose container has not come yet
    waiting: dict[int, list[Duration]] = {}
    for row in reversed(rows):
        duration = laps[row.path, row.call]
        if row.kind == "container":
            below = waiting.pop(row.depth + 1, [])
            duration = Duration(
                sum(time.median for time in below),
                sum(time.p10 for time in below),
                sum(time.p90 for time in below),
            )
        waiting.setdefault(row.depth, []).append(duration)
        timed.append(replace(row, time_ns=duration))
    return tuple(reversed(timed))
