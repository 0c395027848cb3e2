from __future__ import annotations

import copy
import gc
import io
import pickle
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from plans import plan_of
from torch import nn

from lazyinspect import lazy
from lazyinspect.errors import NetworkError
from lazyinspect.network import Graph
from lazyinspect.probe import materialised, probe

NET = """
input: {x: [2, 3, 8, 8], y: [2, 3, 8, 8]}
blocks:
  Unit:
    params: {c: int}
    layers:
      conv: {LazyConv2d: [$c, 3, 1, 1]}
      bn: LazyBatchNorm2d
      drop: {Dropout: 0.5}
      sum: {add: [bn, conv]}
layers:
  one: {Unit: 4, from: x}
  two: {use: one, from: y}
  both: {cat: [one, two]}
  flat: Flatten
  fc: {LazyLinear: 5}
"""


def test_a_run_gives_the_plans_rows_with_a_time_each() -> None:
    plan = plan_of(NET)
    probed = probe(plan, warmup=2, runs=3)
    assert [row.path for row in probed.rows] == [row.path for row in plan.rows]
    assert all(row.time_ns is not None and row.time_ns.median > 0 for row in probed.rows)
    assert probed.timing is not None
    assert (probed.timing.device, probed.timing.warmup, probed.timing.runs) == ("cpu", 2, 3)
    assert probed.timing.forward_ns.p10 <= probed.timing.forward_ns.p90
    assert probed.verified.layers == 11
    assert probed.torch == torch.__version__
    assert probed.device == "cpu"


def test_without_timing_there_are_no_times() -> None:
    probed = probe(plan_of(NET), time=False)
    assert probed.timing is None
    assert all(row.time_ns is None for row in probed.rows)


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("init", ["default", "zeros"])
def test_a_run_leaves_torchs_generator_as_it_was(train: bool, init: Any) -> None:
    before = torch.get_rng_state()
    probe(plan_of(NET), train=train, init=init, time=False)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_meta_device_runs_without_allocating() -> None:
    plan = plan_of("input: [1, 1000000]\nlayers: [LazyLinear: 1000000]")
    assert probe(plan, device="meta").verified.layers == 1


def test_a_network_above_the_memory_limit_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    from lazyinspect.probe import run

    monkeypatch.setattr(run, "build", lambda *a, **k: pytest.fail("it was built"))
    with pytest.raises(NetworkError, match=r"the memory limit is 95\.4 MiB"):
        probe(plan_of("input: [1, 100000]\nlayers: [LazyLinear: 1000]"), memory_limit="100MB")


def test_memory_that_runs_out_while_building_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from lazyinspect.probe import run

    def fail(*args: Any, **keywords: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(run, "build", fail)
    with pytest.raises(NetworkError) as caught:
        probe(plan_of(NET))
    assert caught.value.problems[0].code == "out-of-memory"


def test_a_materialised_network_holds_layers_of_torch_alone() -> None:
    network = materialised(plan_of(NET))
    assert not network.training
    kinds = {type(m) for m in network.modules()}
    assert kinds == {Graph, nn.Conv2d, nn.BatchNorm2d, nn.Dropout, nn.Flatten, nn.Linear}
    fresh = {nn.Conv2d: nn.Conv2d(3, 4, 3, 1, 1), nn.Linear: nn.Linear(8 * 64, 5)}
    for module in network.modules():
        assert not module._forward_hooks and not module._forward_pre_hooks
        assert "_observer" not in module.__dict__
        if type(module) in fresh:
            assert set(module.__dict__) == set(fresh[type(module)].__dict__)
    assert not lazy.find_lazy(network)
    assert (network.one.bn.running_var == 1).all()


def test_a_materialised_network_draws_what_torch_draws_under_the_same_seed() -> None:
    text = "input: [2, 3]\nlayers: [LazyLinear: 4, ReLU, LazyLinear: 5]"
    torch.manual_seed(7)
    network = materialised(plan_of(text))
    torch.manual_seed(7)
    plain = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 5))
    for one, two in zip(network.parameters(), plain.parameters(), strict=True):
        assert torch.equal(one, two)


def test_a_materialised_network_trains() -> None:
    torch.manual_seed(0)
    network = materialised(plan_of(NET)).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    x, y = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 8, 8)
    target = torch.tensor([1, 3])
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x, y=y), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert network.one.bn.num_batches_tracked == 24


def test_a_materialised_network_saves_loads_and_copies() -> None:
    plan = plan_of(NET)
    network = materialised(plan)
    x = torch.randn(2, 3, 8, 8)
    other = materialised(plan)
    other.load_state_dict(network.state_dict())
    file = io.BytesIO()
    torch.save(network, file)
    file.seek(0)
    copies = [
        other,
        copy.deepcopy(network),
        pickle.loads(pickle.dumps(network)),
        torch.load(file, weights_only=False),
    ]
    for twin in copies:
        assert torch.equal(twin(x, x), network(x, x))


def test_tied_weights_stay_tied_in_a_copy() -> None:
    plan = plan_of("""
input: {ids: {shape: [1, 4], dtype: int64, high: 9}}
layers:
  wte: {Embedding: [9, 6]}
  head: {LazyLinear: [9, {bias: false}]}
tie: {head.weight: wte.weight}
""")
    network = materialised(plan)
    twin = copy.deepcopy(network)
    assert twin.head.weight is twin.wte.weight is not network.wte.weight
    assert sum(p.numel() for p in twin.parameters()) == 54


def test_zeros_are_zeros_in_lazy_and_eager_layers() -> None:
    text = "input: [2, 3]\nlayers: [LazyLinear: 4, LazyBatchNorm1d, Linear: [4, 2]]"
    network = materialised(plan_of(text), init="zeros")
    assert not any(p.any() for p in network.parameters())
    assert (network[1].running_var == 1).all()


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_a_run_is_verified_in_every_dtype(dtype: str) -> None:
    probed = probe(plan_of(NET, dtype=dtype), time=False)
    assert probed.verified.mismatches == ()


OWN = """
import torch
from torch import nn

class Scale(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))

    def forward(self, input):
        return input * self.weight
"""


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_a_class_that_takes_no_dtype_gets_the_networks(
    dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_layers_of_a_dtype.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    name = "own_layers_of_a_dtype.Scale"
    plan = plan_of(f"input: [1, 3]\nlayers: [{name}: 3]", allow=(name,), dtype=dtype)
    assert probe(plan, time=False).verified.layers == 1
    assert materialised(plan)[0].weight.dtype == getattr(torch, dtype)


def test_classes_of_the_users_own_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_layers_to_run.py").write_text(
        "from torch import nn\n\nclass Swish(nn.Module):\n"
        "    def forward(self, x):\n        return x * x.sigmoid()\n"
    )
    monkeypatch.chdir(tmp_path)
    name = "own_layers_to_run.Swish"
    plan = plan_of(f"input: [1, 3]\nlayers: [LazyLinear: 2, {name}]", allow=(name,))
    assert probe(plan, time=False).verified.layers == 2
    assert type(materialised(plan)[1]).__module__ == "own_layers_to_run"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_materialised_network_compiles_whole_and_exports() -> None:
    network = materialised(plan_of(NET))
    x = torch.randn(2, 3, 8, 8)
    expected = network(x, x)
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    assert torch.allclose(compiled(x, x), expected, atol=1e-6)
    exported = torch.export.export(network, (x, x))
    assert torch.allclose(exported.module()(x, x), expected, atol=1e-6)


def test_a_network_is_freed_without_the_garbage_collector() -> None:
    plan = plan_of(NET)
    network = materialised(plan)
    freed = weakref.ref(network.fc.weight)
    gc.disable()
    try:
        del network
        assert freed() is None
    finally:
        gc.enable()
