from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from plans import plan_of
from torch import nn

from lazyinspect.errors import NetworkError, SpecError
from lazyinspect.probe.forwards import (
    Setting,
    compiled,
    in_channels_last,
    time_forward,
    time_training,
)
from lazyinspect.probe.inputs import make_inputs
from lazyinspect.probe.observe import nodes_by_path
from lazyinspect.probe.run import materialised
from lazyinspect.probe.timing import (
    ClockStopwatch,
    Stopwatch,
    spread,
    stopwatch,
    time_layers,
)
from lazyinspect.report import Duration

CPU = torch.device("cpu")


class FakeDevice:
    """A device that works off a queue when it is waited for, and the clock of its machine."""

    def __init__(self) -> None:
        self.now = 0.0
        self.queued = 0.0

    def enqueue(self, seconds: float) -> None:
        self.queued += seconds

    def synchronise(self) -> None:
        self.now += self.queued
        self.queued = 0.0

    def clock(self) -> float:
        return self.now


class Work(nn.Module):
    """A layer that keeps a fake device busy for given times, one per call."""

    def __init__(self, device: FakeDevice, seconds: Sequence[float]) -> None:
        super().__init__()
        self.device = device
        self.seconds = list(seconds)
        self.calls = 0
        self.hooked = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.hooked = self.hooked or bool(self._forward_hooks or self._forward_pre_hooks)
        self.device.enqueue(self.seconds[min(self.calls, len(self.seconds) - 1)])
        self.calls += 1
        return x


def test_spread_is_the_median_and_the_outer_tenths() -> None:
    assert spread(range(0, 101)) == Duration(median=50, p10=10, p90=90)
    assert spread([7]) == Duration(7, 7, 7)
    assert spread([30, 10]) == Duration(median=20, p10=12, p90=28)


def setting(device: FakeDevice, **options: Any) -> Setting:
    return Setting(CPU, clock=device.clock, synchronise=device.synchronise, **options)


X = (torch.zeros(1),)


def test_the_forward_is_timed_with_the_device_waited_for() -> None:
    device = FakeDevice()
    network = Work(device, [60.0, 50.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    measured = time_forward(network, X, setting(device, warmup=2, runs=5))
    assert measured.duration == Duration(median=3 * 10**9, p10=1_400_000_000, p90=4_600_000_000)
    assert (measured.runs, measured.warmed) == (5, 2)
    assert network.calls == 2 + 5
    assert not network.hooked


def test_warming_up_ends_where_times_are_steady() -> None:
    device = FakeDevice()
    falling = [0.9, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.01, 0.01, 0.01, 0.01]
    measured = time_forward(Work(device, falling), X, setting(device, warmup=3, runs=4))
    # one, then windows of three: the first two of one median are the forwards 8 to 13
    assert measured.warmed == 13 + 2
    assert measured.duration == Duration(10_000_000, 10_000_000, 10_000_000)


def test_warming_up_ends_after_seconds_where_times_are_never_steady() -> None:
    device = FakeDevice()
    rising = [0.1 * 1.3**k for k in range(80)]
    measured = time_forward(Work(device, rising), X, setting(device, warmup=3, runs=2))
    assert measured.warmed < 15


def test_runs_go_on_for_the_least_time_that_was_asked_for() -> None:
    device = FakeDevice()
    measured = time_forward(
        Work(device, [0.25]), X, setting(device, warmup=0, runs=2, min_time=3.0)
    )
    assert measured.runs >= 12
    assert measured.duration.median == 250_000_000


def test_training_is_timed_forward_and_backward_and_leaves_no_gradient() -> None:
    network = nn.Linear(2, 3)
    measured = time_training(network, (torch.zeros(4, 2),), Setting(CPU, warmup=0, runs=2))
    assert measured is not None and measured.runs == 2
    assert all(p.grad is None for p in network.parameters())


def test_what_has_nothing_to_train_has_no_time_of_training() -> None:
    assert time_training(nn.ReLU(), X, Setting(CPU, runs=1)) is None
    frozen = nn.Linear(1, 1).requires_grad_(False)
    assert time_training(frozen, X, Setting(CPU, runs=1)) is None


def test_autocast_is_around_the_timed_forwards() -> None:
    seen: list[torch.dtype] = []

    class Sees(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = super().forward(x)
            seen.append(y.dtype)
            return y

    time_forward(Sees(1, 1), X, Setting(CPU, amp=torch.bfloat16, runs=2))
    assert set(seen) == {torch.bfloat16}


def test_compiling_is_timed_apart_and_its_failure_is_an_error_of_ours() -> None:
    network = nn.Linear(1, 1)
    runner, nanoseconds = compiled(network, X, Setting(CPU), backend="eager")
    torch.testing.assert_close(runner(X[0]), network(X[0]))
    assert nanoseconds > 0
    with pytest.raises(NetworkError) as raised:
        compiled(network, X, Setting(CPU), backend="no such backend")
    assert raised.value.problems[0].code == "cannot-compile"


def test_channels_last_moves_images_and_nothing_else() -> None:
    network, (image, ids) = in_channels_last(
        nn.Conv2d(3, 4, 3), (torch.zeros(1, 3, 8, 8), torch.zeros(1, 5))
    )
    assert image.is_contiguous(memory_format=torch.channels_last)
    assert ids.is_contiguous()
    assert network.weight.is_contiguous(memory_format=torch.channels_last)  # type: ignore
    with pytest.raises(SpecError, match="no input has four or five"):
        in_channels_last(nn.Linear(1, 1), X)


def test_timing_uses_the_threads_that_torch_uses() -> None:
    seen: list[int] = []

    class Threads(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(torch.get_num_threads())
            return x

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        time_forward(Threads(), X, Setting(CPU, warmup=2, runs=2))
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {2}


NET = """
input: [2, 4]
layers:
  a: {LazyLinear: 4}
  b: {use: a}
  inner:
    - ReLU
    - tanh
"""


class Ticks(ClockStopwatch):
    """Every mark is one microsecond after the one before."""

    def __init__(self) -> None:
        self.ticks = 0
        self.finished = 0
        super().__init__(self._wait, self._tick)

    def _wait(self) -> None:
        self.finished += 1

    def _tick(self) -> int:
        self.ticks += 1000
        return self.ticks


def test_every_row_gets_a_time_and_a_container_that_of_all_below_it() -> None:
    plan = plan_of(NET)
    network = materialised(plan)
    watch: Stopwatch = Ticks()
    laps = time_layers(
        network,
        nodes_by_path(plan.root),
        make_inputs(plan.inputs, CPU),
        CPU,
        repeats=3,
        watch=watch,
    )
    assert set(laps) == {(row.path, row.call) for row in plan.rows}
    assert ("a", 1) in laps
    assert laps["a", 0] == laps["inner.1", 0] == Duration(1000, 1000, 1000)
    # a container's marks enclose two steps, each of two marks
    assert laps["inner", 0].median == 5 * 1000
    assert laps["", 0].median == (2 * 2 + (2 + 2 * 2) + 1) * 1000
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_the_clock_of_the_cpu_and_of_a_waited_for_device() -> None:
    assert isinstance(stopwatch(CPU), ClockStopwatch)
    waited: list[Any] = []
    watch = ClockStopwatch(lambda: waited.append(None), iter([5, 25]).__next__)
    assert watch.elapsed_ns(watch.mark(), watch.mark()) == 20
    watch.finish()
    assert len(waited) == 3


def test_the_benchmark_package_is_imported_only_to_time() -> None:
    code = """
import sys, warnings
warnings.simplefilter("ignore")
from lazyinspect.plan import make_plan
from lazyinspect.probe import probe
from lazyinspect.spec.grammar import parse_spec
plan = make_plan(parse_spec("input: [1, 3, 8, 8]\\nlayers: [LazyConv2d: [4, 3]]", "net.yaml"))
probe(plan, time=False)
unwanted = ("torch.utils.benchmark", "torch._dynamo", "sympy", "torch.fx.symbolic_trace")
print([name for name in unwanted if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("runs", [1, 2])
def test_few_runs_are_enough(runs: int) -> None:
    measured = time_forward(nn.Identity(), X, Setting(CPU, warmup=0, runs=runs)).duration
    assert measured.p10 <= measured.median <= measured.p90
