"""What only a GPU can show. Left out unless asked for: ``pytest -m cuda``."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from plans import plan_of
from torch import nn

from lazyinspect import api
from lazyinspect.errors import NetworkError
from lazyinspect.probe import materialised, probe, resolve_device
from lazyinspect.probe.devices import available, device_name, seeded
from lazyinspect.probe.forwards import Setting, time_forward
from lazyinspect.probe.inputs import make_inputs
from lazyinspect.probe.memory import check_memory, free_bytes
from lazyinspect.probe.timing import EventStopwatch, stopwatch

pytestmark = pytest.mark.cuda

NET = """
input: {x: [2, 3, 32, 32], ids: {shape: [2, 5], dtype: int64, high: 7}}
layers:
  conv: {LazyConv2d: [16, 3, 1, 1], from: x}
  bn: LazyBatchNorm2d
  act: ReLU
  again: {LazyConv2d: [16, 3, 1, 1]}
  sum: {add: [prev, act]}
  pooled: {mean: [[2, 3]]}
  embed: {Embedding: [7, 16], from: ids}
  attention: {LazyMultiheadAttention: [2, {batch_first: true}], from: [prev, prev, prev], pick: 0}
  rnn: {LazyLSTM: [16, {batch_first: true}], as: [y, state]}
  last: {select: [1, -1], from: y}
  out: {add: [pooled, last]}
  fc: {LazyLinear: 10}
"""
ROOT = Path(__file__).parents[2]
GPU = torch.device("cuda")


def test_the_gpu_is_found_by_its_names() -> None:
    assert resolve_device("auto").type == "cuda"
    assert resolve_device("cuda:0") == torch.device("cuda:0")
    assert any(name.startswith("cuda") for name in available())
    assert device_name(GPU)
    with pytest.raises(NetworkError, match="available here: cpu, cuda"):
        resolve_device("cuda:64")


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_run_on_the_gpu_agrees_with_the_plan(train: bool, dtype: str) -> None:
    plan = plan_of(NET, dtype=dtype)
    before = torch.cuda.get_rng_state(), torch.get_rng_state()
    probed = probe(plan, device="cuda", train=train, warmup=2, runs=5)
    assert torch.equal(torch.cuda.get_rng_state(), before[0])
    assert torch.equal(torch.get_rng_state(), before[1])
    assert probed.verified.mismatches == ()
    assert probed.timing is not None and probed.timing.forward_ns.median > 0
    assert all(row.time_ns is not None for row in probed.rows)
    rows = {(row.path, row.call): row.time_ns for row in probed.rows}
    parts = sum(t.median for (path, _), t in rows.items() if path and t is not None)
    whole = rows["", 0]
    assert whole is not None and 0 < parts <= 1.5 * whole.median


def test_a_network_is_materialised_on_the_gpu_and_trains_there() -> None:
    network = materialised(plan_of(NET), device="cuda").train()
    assert {p.device.type for p in network.parameters()} == {"cuda"}
    assert type(network.conv) is nn.Conv2d
    x = torch.randn(2, 3, 32, 32, device=GPU)
    ids = torch.zeros(2, 5, dtype=torch.int64, device=GPU)
    network(x, ids=ids).sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_fake_quantised_convolutions_run_on_the_gpu() -> None:
    plan = plan_of(
        "input: [1, 3, 8, 8]\n"
        "layers: [LazyFakeQuantConv2d: [4, 3, {quantize_qrange: [-8, 7]}], "
        "{LazyConv2d: [4, 3], become: FakeQuantConv2d}]"
    )
    assert probe(plan, device="cuda", time=False).verified.layers == 2


def test_inputs_are_the_same_on_the_gpu_as_on_the_cpu() -> None:
    inputs = plan_of(NET).inputs
    for here, there in zip(
        make_inputs(inputs, torch.device("cpu"), 5), make_inputs(inputs, GPU, 5), strict=True
    ):
        assert torch.equal(here, there.cpu())


def test_seeded_draws_the_same_on_the_gpu_and_restores_its_generator() -> None:
    before = torch.cuda.get_rng_state()
    with seeded(GPU, 3):
        one = torch.randn(4, device=GPU)
    with seeded(GPU, 3):
        assert torch.equal(torch.randn(4, device=GPU), one)
    assert torch.equal(torch.cuda.get_rng_state(), before)


def test_memory_of_the_gpu_is_asked_for_before_anything_is_allocated() -> None:
    free = free_bytes(GPU)
    assert free is not None and free > 10**9
    plan = plan_of("input: [1, 1000000]\nlayers: [LazyLinear: 1000000]")
    with pytest.raises(NetworkError, match="what is free on cuda"):
        check_memory(plan, GPU)
    assert torch.cuda.memory_allocated() < 10**9


def test_memory_that_runs_out_in_the_forward_is_told_as_such() -> None:
    free = free_bytes(GPU)
    assert free is not None
    # The plan's figure is a lower bound: relu may be a view for all it knows, and needs 1.2 of it
    side = int((0.6 * free / 2) ** 0.5)
    plan = plan_of(
        "input: [1, 8, 1]\nlayers: {t: {transpose: [1, 2]}, m: {matmul: [input, t]}, s: relu}\n",
        dtype="bfloat16",
        input=[1, side, 1],
    )
    check_memory(plan, GPU)
    with pytest.raises(NetworkError) as caught:
        probe(plan, device="cuda", time=False)
    assert caught.value.problems[0].code == "out-of-memory"


def test_times_on_the_gpu_are_those_of_its_own_work() -> None:
    network = nn.Linear(4096, 4096, device=GPU)
    x = torch.randn(4096, 4096, device=GPU)
    measured = time_forward(network, (x,), Setting(GPU, warmup=5, runs=10)).duration
    # 2 x 4096^3 floating point operations take any GPU longer than a launch of some microseconds
    assert measured.median > 50_000
    watch = stopwatch(GPU)
    assert isinstance(watch, EventStopwatch)
    start = watch.mark()
    network(x)
    stop = watch.mark()
    watch.finish()
    assert 0.2 < watch.elapsed_ns(start, stop) / measured.median < 5


def test_the_allocator_tells_no_less_than_the_plan_says_is_alive() -> None:
    report = api.run(ROOT / "configs/resnet.yaml", device="cuda", train=True, time=False)
    memory = report.memory
    assert memory is not None and memory.measured is not None
    # besides there are workspaces of kernels, and what the allocator rounds up
    assert memory.measured.inference >= memory.inference.bytes
    assert memory.measured.training is not None
    assert memory.measured.training >= 0.9 * memory.training.bytes
