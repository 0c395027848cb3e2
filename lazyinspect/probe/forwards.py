"""A network and its inputs -> times of whole forwards, and of forward and backward. No hooks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from lazyinspect.errors import NetworkError, Problem, SpecError
from lazyinspect.probe.devices import on_device, synchroniser
from lazyinspect.probe.timing import spread
from lazyinspect.report import Duration

STEADY = 0.05
"""Warming up ends where the medians of two windows differ by less."""
_WINDOW = 3
"""Forwards in a window."""
_MOST_WARMUP = 50
"""Forwards after which warming up ends whatever they say."""
_MOST_SECONDS = 2.0
"""And seconds, those of the least that was asked for left out."""


@dataclass(frozen=True, slots=True)
class Times:
    """What was measured of one kind of run."""

    duration: Duration
    runs: int
    warmed: int
    """Runs before, that do not count."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a network is run.

    Args:
        amp: dtype of ``torch.autocast``; None: without.
        warmup: runs before measuring, at least; then until the times are steady.
        runs: that are measured, at least.
        min_time: seconds that they are to take together, at least.
        clock: seconds.
        synchronise: waits for the device; None: as the device needs.
    """

    device: torch.device
    amp: torch.dtype | None = None
    warmup: int = 3
    runs: int = 20
    min_time: float = 0.0
    clock: Callable[[], float] = time.perf_counter
    synchronise: Callable[[], None] | None = None

    def autocast(self) -> AbstractContextManager[Any]:
        """Around a forward."""
        if self.amp is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.amp)


def time_forward(network: nn.Module, inputs: Sequence[torch.Tensor], setting: Setting) -> Times:
    """Time of the whole forward, without gradients."""

    def forward() -> None:
        network(*inputs)

    with torch.no_grad(), setting.autocast():
        return timed(forward, setting)


def time_training(
    network: nn.Module, inputs: Sequence[torch.Tensor], setting: Setting
) -> Times | None:
    """Time of a forward and a backward together, of the sum of all floating outputs.

    Gradients are freed between the runs. None where no output depends on a parameter that trains.
    """

    def step() -> None:
        with setting.autocast():
            outputs = tree_leaves(network(*inputs))
        results = [t for t in outputs if isinstance(t, torch.Tensor) and t.requires_grad]
        torch.autograd.backward([result.float().sum() for result in results])
        network.zero_grad(set_to_none=True)

    with torch.enable_grad():
        probe = [t for t in tree_leaves(network(*inputs)) if isinstance(t, torch.Tensor)]
        if not any(t.requires_grad for t in probe):
            return None
        del probe
        try:
            return timed(step, setting)
        finally:
            network.zero_grad(set_to_none=True)


def timed(run: Callable[[], None], setting: Setting) -> Times:
    """Times of single runs by ``torch.utils.benchmark``, after warming up until they are steady."""
    # imported here because a run without timing need not pay for it
    from torch.utils.benchmark import Timer

    wait = synchroniser(setting.device) if setting.synchronise is None else setting.synchronise
    times: list[float] = []

    def synchronised() -> float:
        wait()
        return setting.clock()

    def lap() -> None:
        start = synchronised()
        run()
        times.append(synchronised() - start)

    with on_device(setting.device):
        _warm_up(lap, times, setting.warmup)
        warmed, counted = len(times), 0
        timer = Timer(
            "lap()", timer=synchronised, globals={"lap": lap}, num_threads=torch.get_num_threads()
        )
        measured: list[float] = []
        wanted = setting.runs
        while wanted:
            before = len(times)
            timer.timeit(wanted)
            # the Timer warms up as well, each time
            warmed += len(times) - before - wanted
            measured += times[-wanted:]
            counted += wanted
            left = setting.min_time - sum(measured)
            each = sum(measured) / len(measured)
            wanted = min(int(left / each) + 1, 10 * counted) if left > 0 and each > 0 else 0
    return Times(spread([round(seconds * 1e9) for seconds in measured]), counted, warmed)


def _warm_up(lap: Callable[[], None], times: list[float], least: int) -> None:
    """At least so many runs, then until two windows in a row have one median."""
    # the Timer adds two of its own
    for _ in range(least - 2):
        lap()
    spent = 0.0
    before: float | None = None
    while least > 2 and len(times) < _MOST_WARMUP and spent < _MOST_SECONDS:
        for _ in range(_WINDOW):
            lap()
        window = sorted(times[-_WINDOW:])
        spent += sum(window)
        median = window[_WINDOW // 2]
        if before is not None and abs(median - before) <= STEADY * before:
            return
        before = median


def compiled(
    network: nn.Module,
    inputs: Sequence[torch.Tensor],
    setting: Setting,
    backend: str = "inductor",
) -> tuple[nn.Module, int]:
    """The network by ``torch.compile``, and nanoseconds of its first forward, which compiles.

    Raises:
        NetworkError: the backend fails, as without a C++ compiler.
    """
    wait = synchroniser(setting.device) if setting.synchronise is None else setting.synchronise
    try:
        found: Any = torch.compile(network, backend=backend)
        with torch.no_grad(), setting.autocast(), on_device(setting.device):
            wait()
            start = setting.clock()
            found(*inputs)
            wait()
            elapsed = setting.clock() - start
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise NetworkError(
            Problem(
                "cannot-compile",
                f"torch.compile fails with the backend `{backend}`: {reason[:200]}",
                help="leave --compile out; the backend for the CPU needs a C++ compiler",
                notes=(type(error).__name__,),
            )
        ) from error
    return found, round(elapsed * 1e9)


def in_channels_last(
    network: nn.Module, inputs: Sequence[torch.Tensor]
) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The network and its images with channels last in memory; shapes stay.

    Raises:
        SpecError: no input has four or five dimensions.
    """
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    ranks = {tensor.dim() for tensor in inputs} & formats.keys()
    if not ranks:
        raise SpecError(
            Problem("no-images", "no input has four or five dimensions, as images have",
                    help="leave --channels-last out")
        )  # fmt: skip
    for rank in ranks:
        network = network.to(memory_format=formats[rank])  # type: ignore[call-overload]
    moved = tuple(
        tensor.contiguous(memory_format=formats[tensor.dim()])
        if tensor.dim() in formats
        else tensor
        for tensor in inputs
    )
    return network, moved
