from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from plans import plan_of
from torch import nn

from lazyinspect.errors import InternalError, NetworkError
from lazyinspect.network import build
from lazyinspect.plan import Plan
from lazyinspect.probe.inputs import make_inputs
from lazyinspect.probe.observe import Recorder, listening, nodes_by_path
from lazyinspect.probe.verify import verify
from lazyinspect.report import Verified

CPU = torch.device("cpu")

NET = """
input: {x: [2, 3, 8, 8], ids: {shape: [2, 5], dtype: int64, high: 7}}
blocks:
  Unit:
    params: {c: int}
    layers:
      conv: {LazyConv2d: [$c, 3, 1, 1]}
      bn: LazyBatchNorm2d
      sum: {add: [bn, conv]}
layers:
  stem: {Unit: 4, from: x}
  twice: {use: stem, from: x}
  units: {Unit: 4, repeat: 2}
  pooled: {mean: [[2, 3]]}
  token: {Parameter: [1, 4]}
  embed: {Embedding: [7, 4], from: ids}
  rnn: {LazyLSTM: 4, as: [y, state]}
  last: {select: [1, -1], from: y}
  sum: {add: [pooled, token, last]}
  head: {Linear: [4, 7, {bias: false}]}
output: {logits: head, state: state}
tie: {head.weight: embed.weight}
"""


def observe(plan: Plan, network: nn.Module | None = None, seed: int = 0) -> Verified:
    network = build(plan).eval() if network is None else network
    return verify(plan, network, make_inputs(plan.inputs, CPU, seed), CPU)


def rows(plan: Plan, network: nn.Module) -> list[Any]:
    nodes = nodes_by_path(plan.root)
    recorder = Recorder(nodes)
    with torch.no_grad(), listening(network, nodes, recorder):
        network(*make_inputs(plan.inputs, CPU))
    return recorder.rows


def altered(plan: Plan, **changes: Any) -> Any:
    """The plan with other facts than it has: what a bug in a row of the op table would give."""
    facts = {name: getattr(plan, name) for name in ("root", "ties", "rows", "inputs", "dtype")}
    return SimpleNamespace(**{**facts, **changes})


def hooks(network: nn.Module) -> list[str]:
    return [
        path
        for path, module in network.named_modules()
        if module._forward_hooks or module._forward_pre_hooks or "_observer" in module.__dict__
    ]


@pytest.fixture
def plan() -> Plan:
    return plan_of(NET)


def test_every_row_of_a_forward_agrees_with_the_plan(plan: Plan) -> None:
    verified = observe(plan)
    assert verified.mismatches == ()
    assert verified.device == "cpu"
    assert verified.layers == sum(row.kind != "container" for row in plan.rows)


def test_rows_are_observed_in_the_planned_order_and_sum_up(plan: Plan) -> None:
    observed = rows(plan, build(plan).eval())
    assert [(r.path, r.call) for r in observed] == [(r.path, r.call) for r in plan.rows]
    assert observed[0].param_count == plan.totals.param_count
    assert observed[0].param_bytes == plan.totals.param_bytes
    assert observed[0].buffer_bytes == plan.totals.buffer_bytes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "Conv3d"}, "type planned Conv3d, observed Conv2d"),
        ({"param_count": 1}, "param_count planned 1, observed 112"),
        ({"trainable_param_count": 0}, "trainable_param_count planned 0, observed 112"),
        ({"buffer_bytes": 4}, "buffer_bytes planned 4, observed 0"),
        ({"outputs": ()}, r"outputs planned none, observed \[2, 4, 8, 8\] float32"),
        ({"inputs": ()}, r"inputs planned none, observed \[2, 3, 8, 8\] float32"),
    ],
)
def test_a_row_that_disagrees_is_an_internal_error(
    plan: Plan, change: dict[str, Any], said: str
) -> None:
    wrong = tuple(replace(r, **change) if r.path == "stem.conv" else r for r in plan.rows)
    with pytest.raises(InternalError, match=f"stem.conv: {said}"):
        observe(altered(plan, rows=wrong))


def test_a_row_too_many_and_a_row_too_few_are_named(plan: Plan) -> None:
    with pytest.raises(InternalError, match="head: run, and not planned"):
        observe(altered(plan, rows=tuple(r for r in plan.rows if r.path != "head")))
    extra = replace(plan.rows[-1], path="ghost")
    with pytest.raises(InternalError, match="ghost: planned, and never run"):
        observe(altered(plan, rows=(*plan.rows, extra)))


def test_rows_in_another_order_are_a_mismatch(plan: Plan) -> None:
    swapped = (*plan.rows[:-2], plan.rows[-1], plan.rows[-2])
    with pytest.raises(InternalError, match="planned where"):
        observe(altered(plan, rows=swapped))


def test_a_tie_that_does_not_hold_is_a_mismatch(plan: Plan) -> None:
    network = build(plan).eval()
    network.head.weight = nn.Parameter(network.head.weight.detach().clone())
    with pytest.raises(InternalError) as caught:
        observe(plan, network)
    (problem,) = caught.value.problems
    assert "head.weight: no longer tied to embed.weight" in (problem.message, *problem.notes)


def test_no_hook_is_left_and_no_attribute(plan: Plan) -> None:
    network = build(plan).eval()
    observe(plan, network)
    assert hooks(network) == []


def broken(error: Exception) -> Callable[..., None]:
    def fail(*args: Any) -> None:
        raise error

    return fail


def test_a_failed_forward_names_the_layer_and_leaves_no_hook(plan: Plan) -> None:
    network = build(plan).eval()
    network.units[1].bn.forward = broken(RuntimeError("expected all tensors to be happy"))
    with pytest.raises(NetworkError) as caught:
        observe(plan, network)
    (problem,) = caught.value.problems
    assert problem.code == "forward-failed"
    assert problem.message == "BatchNorm2d at `units.1.bn` fails in the forward"
    assert problem.notes[-1] == "RuntimeError: expected all tensors to be happy"
    assert problem.mark is not None and (problem.mark.line, problem.mark.column) == (8, 11)
    assert [(mark.line, mark.source.path) for mark in problem.used_at] == [(13, "net.yaml")]
    assert all("forward" not in n for n in hooks(network)) and not any(
        module._forward_hooks or "_observer" in module.__dict__ for module in network.modules()
    )


def test_running_out_of_memory_is_told_as_such(plan: Plan) -> None:
    network = build(plan).eval()
    network.head.forward = broken(torch.OutOfMemoryError("CUDA out of memory. Tried\nadvice"))
    with pytest.raises(NetworkError) as caught:
        observe(plan, network)
    (problem,) = caught.value.problems
    assert problem.code == "out-of-memory"
    assert "at `head`" in problem.message
    assert problem.notes == ("CUDA out of memory. Tried",)


def test_in_training_mode_buffers_and_mode_are_left_as_they_were(plan: Plan) -> None:
    network = build(plan).train()
    observe(plan, network)
    assert network.training
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 3
    for norm in norms:
        assert not norm.running_mean.any()
        assert (norm.running_var == 1).all()
        assert norm.num_batches_tracked == 0
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    observe(plan, network)
    for name, buffer in network.named_buffers():
        assert torch.equal(buffer, before[name])


def test_a_batch_norm_that_cannot_train_on_one_value_is_named() -> None:
    plan = plan_of("input: [1, 4]\nlayers: [LazyLinear: 3, LazyBatchNorm1d]")
    observe(plan, build(plan).eval())
    with pytest.raises(NetworkError) as caught:
        observe(plan, build(plan).train())
    (problem,) = caught.value.problems
    assert problem.message == "BatchNorm1d at `1` fails in the forward"
    assert "Expected more than 1 value per channel" in problem.notes[-1]


OWN = """
import torch
from torch import nn

class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, input):
        self.calls += 1
        return input
"""


def test_buffers_of_the_users_own_classes_are_left_alone_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_layers_that_count.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    name = "own_layers_that_count.Counter"
    plan = plan_of(f"input: [1, 4]\nlayers: [{name}]", allow=(name,))
    network = build(plan).eval()
    assert observe(plan, network).mismatches == ()
    assert network[0].calls == 0
