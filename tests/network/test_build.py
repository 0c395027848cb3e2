from __future__ import annotations

from pathlib import Path

import pytest
import torch
from graphs import MARK, HandPlan, Wiring, chain, leaf
from plans import plan_of
from torch import nn

from lazyinspect import lazy
from lazyinspect.errors import NetworkError
from lazyinspect.lazy import LazyConv2d, LazyLinear, find_lazy
from lazyinspect.network import build
from lazyinspect.plan.ops.base import LayerValue
from lazyinspect.plan.tree import Tie


def test_what_is_declared_lazy_is_lazy_until_the_first_forward() -> None:
    net = build(
        plan_of("""
input: [1, 1, 28, 28]
layers:
  conv: {LazyConv2d: [8, 3]}
  act: ReLU
  flat: Flatten
  fc: {LazyLinear: 10}
""")
    )
    assert type(net) is nn.Sequential
    assert [type(m) for m in net] == [LazyConv2d, nn.ReLU, nn.Flatten, LazyLinear]
    assert list(net.state_dict()) == ["conv.weight", "conv.bias", "fc.weight", "fc.bias"]
    assert net(torch.zeros(1, 1, 28, 28)).shape == (1, 10)
    assert [type(m) for m in net] == [nn.Conv2d, nn.ReLU, nn.Flatten, nn.Linear]


def test_parameters_are_of_the_plans_dtype_and_on_the_device() -> None:
    text = """
input: [2, 3, 8, 8]
layers: [LazyConv2d: [4, 3], LazyBatchNorm2d, Conv2d: [4, 4, 3], Parameter: [1]]
"""
    net = build(plan_of(text, dtype="bfloat16"), device="meta")
    tensors = {n: t for n, t in net.state_dict().items() if "num_batches" not in n}
    assert {t.dtype for t in tensors.values()} == {torch.bfloat16}
    assert {t.device.type for t in net.state_dict().values()} == {"meta"}


def test_become_sets_the_class_a_lazy_layer_turns_into() -> None:
    net = build(
        plan_of("""
input: [1, 3, 8, 8]
layers: [{LazyConv2d: [4, 3], become: FakeQuantConv2d}]
""")
    )
    net(torch.zeros(1, 3, 8, 8))
    assert type(net[0]) is lazy.FakeQuantConv2d


def test_a_lazy_layer_becomes_a_class_of_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_layers_to_become.py").write_text(
        "from torch import nn\n\nclass Quiet(nn.Conv2d):\n    pass\n"
    )
    monkeypatch.chdir(tmp_path)
    conv = leaf("LazyConv2d", become="own_layers_to_become.Quiet", out_channels=4, kernel_size=3)
    net = build(HandPlan(chain(conv=conv)))
    net(torch.zeros(1, 3, 8, 8))
    assert type(net.conv).__name__ == "Quiet" and net.conv.in_channels == 3


def test_layers_given_as_arguments_are_built() -> None:
    encoder = LayerValue("TransformerEncoderLayer", {"d_model": 8, "nhead": 2, "batch_first": True})
    norm = LayerValue("LayerNorm", {"normalized_shape": (8,)})
    net = build(
        HandPlan(
            chain(e=leaf("TransformerEncoder", encoder_layer=encoder, num_layers=2, norm=norm)),
            dtype="float64",
        )
    )
    assert len(net.e.layers) == 2
    assert type(net.e.norm) is nn.LayerNorm
    assert {p.dtype for p in net.parameters()} == {torch.float64}


TIED = {
    "eager to eager": ("Linear: [4, 5]", "Linear: [4, 5]"),
    "lazy to eager": ("LazyLinear: 5", "Linear: [4, 5]"),
    "eager to lazy": ("Linear: [4, 5]", "LazyLinear: 5"),
    "lazy to lazy": ("LazyLinear: 5", "LazyLinear: 5"),
}


@pytest.mark.parametrize("path, source", TIED.values(), ids=TIED)
@pytest.mark.parametrize("first", ["path", "source"])
def test_a_tie_makes_one_tensor_of_two_names(path: str, source: str, first: str) -> None:
    one, two = ("a", "b") if first == "path" else ("b", "a")
    steps = {"a": path, "b": source}
    net = build(
        plan_of(f"""
input: [2, 4]
layers:
  {one}: {{{steps[one]}, from: input}}
  {two}: {{{steps[two]}, from: input}}
  sum: {{add: [a, b]}}
tie: {{a.weight: b.weight}}
""")
    )
    x = torch.randn(2, 4)
    with torch.no_grad():
        net(x)
        out = net(x)
    assert net.a.weight is net.b.weight
    assert net.a.weight.shape == (5, 4) and net.a.bias is not net.b.bias
    assert not find_lazy(net)
    assert net.a.weight.abs().sum() > 0
    assert torch.allclose(out, 2 * x @ net.a.weight.T + net.a.bias + net.b.bias, atol=1e-6)


@pytest.mark.parametrize("before", ["Linear: [4, 4]", "LazyLinear: 4"])
@pytest.mark.parametrize("path, source", TIED.values(), ids=TIED)
@pytest.mark.parametrize("first", ["path", "source"])
def test_tied_layers_draw_as_they_do_with_all_sizes_given(
    path: str, source: str, first: str, before: str
) -> None:
    def weights(before: str, path: str, source: str) -> dict[str, torch.Tensor]:
        one, two = ("a", "b") if first == "path" else ("b", "a")
        steps = {"a": path, "b": source}
        text = f"""
input: [2, 4]
layers:
  start: {{{before}}}
  {one}: {{{steps[one]}, from: start}}
  {two}: {{{steps[two]}, from: start}}
  sum: {{add: [a, b]}}
  end: {{Linear: [5, 3]}}
tie: {{a.weight: b.weight}}
"""
        torch.manual_seed(5)
        net = build(plan_of(text))
        with torch.no_grad():
            net(torch.ones(2, 4))
        assert not find_lazy(net)
        assert not any(module._forward_pre_hooks for module in net.modules())
        return net.state_dict()

    mixed = weights(before, path, source)
    given = weights("Linear: [4, 4]", *TIED["eager to eager"])
    assert list(mixed) == list(given)
    for name, tensor in given.items():
        assert torch.equal(tensor, mixed[name]), name


def test_a_layer_with_sizes_given_draws_in_its_turn_among_lazy_ones() -> None:
    text = "input: [2, 3, 8, 8]\nlayers: [{}, {}, Conv2d: [4, 4, 3], {}, Flatten, Linear: [16, 2]]"
    lazy_ones = ("LazyConv2d: [4, 3]", "LazyBatchNorm2d", "LazyConv2d: [4, 3]")
    eager = ("Conv2d: [3, 4, 3]", "BatchNorm2d: 4", "Conv2d: [4, 4, 3]")
    drawn = []
    for steps in (lazy_ones, eager):
        torch.manual_seed(3)
        net = build(plan_of(text.format(*steps)))
        net.eval()(torch.zeros(2, 3, 8, 8))
        drawn.append((net.state_dict(), torch.get_rng_state()))
    (one, after_one), (two, after_two) = drawn
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())
    assert torch.equal(after_one, after_two)


def test_tied_eager_layers_share_the_values_of_the_source() -> None:
    plan = HandPlan(
        chain(
            a=leaf("Linear", in_features=3, out_features=3),
            b=leaf("Linear", in_features=3, out_features=3),
        ),
        ties=(Tie("a.weight", "b.weight", MARK),),
    )
    torch.manual_seed(0)
    net = build(plan)
    torch.manual_seed(0)
    nn.Linear(3, 3)
    assert torch.equal(net.a.weight, nn.Linear(3, 3).weight)


EAGER = [
    "Conv2d: [3, 4, 3]",
    "Linear: [8, 2]",
    "BatchNorm2d: 3",
    "MultiheadAttention: [8, 2]",
    "TransformerEncoderLayer: [8, 2, 16]",
    "LSTM: [8, 4, 2]",
    "PReLU",
]


@pytest.mark.parametrize("layer", EAGER)
def test_zeros_draws_nothing_and_leaves_buffers_as_the_class_has_them(layer: str) -> None:
    name, _, arguments = layer.partition(": ")
    values = tuple(int(v) for v in arguments.strip("[]").split(", ") if v)
    from lazyinspect.plan import ops

    names = [p.name for p in ops.signature_of(name).parameters]
    node = leaf(name, **dict(zip(names, values, strict=False)))
    before = torch.get_rng_state()
    net = build(HandPlan(chain(layer=node)), init="zeros")
    assert torch.equal(torch.get_rng_state(), before)
    assert all(not p.any() for p in net.parameters())
    fresh = dict(getattr(nn, name)(*values).named_buffers())
    for key, buffer in net.layer.named_buffers():
        assert torch.equal(buffer, fresh[key])


def test_zeros_keeps_the_fill_of_a_parameter() -> None:
    w = Wiring()
    from graphs import parameter

    scale = w.step("scale", parameter(1, 3, fill=0.25))
    net = build(HandPlan(w.graph(scale)), init="zeros")
    assert net.scale.tolist() == [[0.25] * 3]


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


def test_a_class_of_the_users_own_is_built_on_the_device_in_the_networks_dtype(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_layers_for_build.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    plan = HandPlan(chain(s=leaf("own_layers_for_build.Scale", features=3)), dtype="float64")
    net = build(plan)
    assert net.s.weight.dtype == torch.float64
    assert build(plan, device="meta").s.weight.device.type == "meta"


def test_a_class_that_refuses_its_arguments_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_layers_that_refuse.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NetworkError) as caught:
        build(HandPlan(chain(s=leaf("own_layers_that_refuse.Scale", width=3))))
    (problem,) = caught.value.problems
    assert problem.code == "cannot-build"
    assert problem.mark is MARK
    assert "unexpected keyword argument 'width'" in problem.notes[-1]
