"""A materialised network and its inputs -> the time of each step, in nanoseconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import nn

from lazyinspect.probe.devices import on_device, synchroniser
from lazyinspect.probe.observe import Nodes, listening
from lazyinspect.report import Duration


class Stopwatch(Protocol):
    """Takes marks in the device's own order of work, and tells the time between two of them."""

    def mark(self) -> Any:
        """The moment when the device reaches this point."""

    def finish(self) -> None:
        """Wait until every mark has its time."""

    def elapsed_ns(self, start: Any, stop: Any) -> int:
        """Nanoseconds from one mark to the other."""


class ClockStopwatch:
    """Marks by a clock, after all earlier work is done: for the CPU, and where events lack."""

    def __init__(
        self,
        synchronise: Callable[[], None] = lambda: None,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._synchronise = synchronise
        self._clock_ns = clock_ns

    def mark(self) -> int:
        self._synchronise()
        return self._clock_ns()

    def finish(self) -> None:
        self._synchronise()

    def elapsed_ns(self, start: int, stop: int) -> int:
        return stop - start


class EventStopwatch:
    """Marks by the accelerator's own events: nothing waits while the network runs."""

    def __init__(self, device: torch.device) -> None:
        self._event = torch.get_device_module(device).Event
        self._synchronise = synchroniser(device)

    def mark(self) -> Any:
        event = self._event(enable_timing=True)
        event.record()
        return event

    def finish(self) -> None:
        self._synchronise()

    def elapsed_ns(self, start: Any, stop: Any) -> int:
        milliseconds: float = start.elapsed_time(stop)
        return round(milliseconds * 1e6)


def stopwatch(device: torch.device) -> Stopwatch:
    """What times the steps of a forward on ``device``."""
    if device.type in ("cuda", "xpu"):
        return EventStopwatch(device)
    return ClockStopwatch(synchroniser(device))


def time_layers(
    network: nn.Module,
    nodes: Nodes,
    inputs: Sequence[torch.Tensor],
    device: torch.device,
    *,
    repeats: int = 5,
    watch: Stopwatch | None = None,
    around: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> dict[tuple[str, int], Duration]:
    """Time of every step by ``(path, call)``, containers included, in hooked forwards.

    The hooks cost a few microseconds for each step; the whole forward's time is that of
    ``forwards.time_forward``.

    Args:
        around: entered around each forward, as ``torch.autocast`` is.
    """
    watch = stopwatch(device) if watch is None else watch
    laps: dict[tuple[str, int], list[int]] = {}
    with torch.no_grad(), on_device(device):
        for _ in range(repeats):
            listener = _Laps(watch)
            with listening(network, nodes, listener), around():
                network(*inputs)
            watch.finish()
            for key, start, stop in listener.done:
                laps.setdefault(key, []).append(watch.elapsed_ns(start, stop))
    return {key: spread(times) for key, times in laps.items()}


class _Laps:
    def __init__(self, watch: Stopwatch) -> None:
        self.done: list[tuple[tuple[str, int], Any, Any]] = []
        self._watch = watch
        self._running: list[tuple[tuple[str, int], Any]] = []
        self._calls: dict[str, int] = {}

    def enter(self, path: str, inputs: Sequence[Any]) -> None:
        call = self._calls.get(path, 0)
        self._calls[path] = call + 1
        self._running.append(((path, call), self._watch.mark()))

    def exit(self, output: Any, module: nn.Module | None = None) -> None:
        stop = self._watch.mark()
        key, start = self._running.pop()
        self.done.append((key, start, stop))


def spread(times_ns: Sequence[int]) -> Duration:
    """Median, 10th and 90th percentile, interpolated between neighbours."""
    ordered = sorted(times_ns)

    def at(fraction: float) -> int:
        place = fraction * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return round(ordered[low] + (ordered[high] - ordered[low]) * (place - low))

    return Duration(median=at(0.5), p10=at(0.1), p90=at(0.9))
