from __future__ import annotations

import copy
import io
import pickle
import weakref
from typing import Any

import pytest
import torch
from graphs import HandPlan, Wiring, chain, fn, leaf, parameter, use
from torch import nn

from lazyinspect.network import Graph, build
from lazyinspect.plan import tree


def built(graph: tree.Graph) -> nn.Module:
    return build(HandPlan(graph))


def residual() -> tree.Graph:
    """relu(fc(x) + x) with a learned shift."""
    w = Wiring("x")
    fc = w.step("fc", leaf("Linear", in_features=4, out_features=4), w.value(0))
    total = w.step("sum", fn("add"), fc, w.value(0))
    shift = w.step("shift", parameter(1, 4, fill=0.5))
    moved = w.step("moved", fn("add"), total, shift)
    return w.graph(w.step("relu", fn("relu"), moved))


def sharing() -> tree.Graph:
    """A layer that a nested graph uses again, and values that cross its border both ways."""
    w = Wiring("x", "y")
    m = w.step("m", leaf("Linear", in_features=4, out_features=4), w.value(0))
    inner = Wiring("input", captures=1, declared="Sequential")
    n = inner.step("n", use("m"), inner.value(1))
    act = inner.step("act", fn("tanh"), n)
    body = inner.graph(act, n)
    out, exported = w.step("sub", body, m, w.value(1), exports=1)
    return w.graph((w.step("total", fn("add"), out, exported), m))


def test_a_graph_computes_what_its_program_says() -> None:
    net = built(residual())
    x = torch.randn(2, 4)
    assert torch.equal(net(x), torch.relu(net.fc(x) + x + net.shift))
    assert [name for name, _ in net.named_parameters()] == ["shift", "fc.weight", "fc.bias"]
    assert net.shift.tolist() == [[0.5] * 4]


def test_a_used_module_is_registered_with_its_owner_alone() -> None:
    net = built(sharing())
    x, y = torch.randn(2, 4), torch.randn(2, 4)
    total, m = net(x, y)
    assert list(net.state_dict()) == ["m.weight", "m.bias"]
    assert torch.equal(m, net.m(x))
    assert torch.allclose(total, torch.tanh(net.m(y)) + net.m(y))


def test_a_module_may_be_used_again_in_its_own_graph() -> None:
    w = Wiring()
    once = w.step("fc", leaf("Linear", in_features=4, out_features=4), w.value(0))
    net = built(w.graph(w.step("again", use("fc"), once)))
    x = torch.randn(2, 4)
    assert torch.equal(net(x), net.fc(net.fc(x)))
    assert not net._outside


def test_a_block_has_a_scope_of_its_own() -> None:
    block = Wiring(is_block=True, declared="Twice")
    fc = block.step("fc", leaf("Linear", in_features=4, out_features=4), block.value(0))
    deep = Wiring(captures=0, declared="Sequential")
    deep_out = deep.step("again", use("fc"), deep.value(0))
    body = block.graph(block.step("deep", deep.graph(deep_out), fc))
    net = built(chain(fc=leaf("Linear", in_features=4, out_features=4), a=body, b=body))
    assert net.a.deep._outside == ((net.a, "fc"),)
    assert net.b.deep._outside == ((net.b, "fc"),)


@pytest.mark.parametrize("duplicate", ["deepcopy", "pickle", "save"])
def test_a_copy_computes_the_same_with_modules_of_its_own(duplicate: str) -> None:
    net = built(sharing())
    x, y = torch.randn(2, 4), torch.randn(2, 4)
    if duplicate == "deepcopy":
        other = copy.deepcopy(net)
    elif duplicate == "pickle":
        other = pickle.loads(pickle.dumps(net))
    else:
        file = io.BytesIO()
        torch.save(net, file)
        file.seek(0)
        other = torch.load(file, weights_only=False)
    assert other.sub._outside[0][0] is other
    assert other.m is not net.m
    for one, two in zip(net(x, y), other(x, y), strict=True):
        assert torch.equal(one, two)
    with torch.no_grad():
        net.m.weight.zero_()
    assert not torch.equal(net(x, y)[0], other(x, y)[0])


def test_a_used_module_that_is_replaced_is_replaced_wherever_it_is_used() -> None:
    net = built(sharing())
    x, y = torch.randn(2, 4), torch.randn(2, 4)
    net.m = nn.Identity()
    assert torch.equal(net(x, y)[0], torch.tanh(y) + y)


def test_moving_a_network_moves_what_it_uses() -> None:
    net = built(sharing()).to(torch.float64)
    x = torch.randn(2, 4, dtype=torch.float64)
    assert net(x, x)[0].dtype == torch.float64


def test_inputs_go_by_position_or_by_name() -> None:
    net = built(sharing())
    x, y = torch.randn(2, 4), torch.randn(2, 4)
    expected = net(x, y)[0]
    assert torch.equal(net(y=y, x=x)[0], expected)
    assert torch.equal(net(x, y=y)[0], expected)


@pytest.mark.parametrize(
    ("args", "kwargs", "said"),
    [
        ((1,), {}, "misses: y"),
        ((1, 2, 3), {}, "gets 3"),
        ((1, 2), {"z": 3}, "unknown one: z"),
        ((1, 2), {"x": 3}, "one twice: x"),
    ],
)
def test_wrong_inputs_are_a_type_error_that_names_them(args: Any, kwargs: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        built(sharing())(*args, **kwargs)


def test_a_sequential_network_takes_its_input_by_the_name_of_the_spec() -> None:
    w = Wiring("ids")
    net = built(
        w.graph(w.step("0", leaf("Embedding", num_embeddings=3, embedding_dim=2), w.value(0)))
    )
    ids = torch.tensor([0, 2])
    assert isinstance(net, nn.Sequential) and type(net).__name__ == "Sequential"
    assert torch.equal(net(ids=ids), net(ids))
    with pytest.raises(TypeError, match="misses: ids"):
        net()
    assert isinstance(net[:1], nn.Sequential)


def test_outputs_are_a_dict_where_the_program_says_so() -> None:
    w = Wiring()
    halves = w.step("halves", fn("chunk", chunks=2), w.value(0))
    a, b = (tree.Ref(halves.slot, (k,)) for k in (0, 1))
    net = built(w.graph({"sum": w.step("s", fn("add"), a, b), "left": a}))
    x = torch.randn(2, 4)
    out = net(x)
    assert list(out) == ["sum", "left"]
    assert torch.equal(out["sum"], x[:, :2] + x[:, 2:])
    assert torch.equal(out["left"], x[:, :2])


def test_a_list_of_values_is_one_operand() -> None:
    w = Wiring()
    a = w.step("a", fn("relu"), w.value(0))
    b = w.step("b", fn("neg"), w.value(0))
    net = built(w.graph(w.step("c", fn("cat", dim=1), w.value(0), (a, b))))
    x = torch.randn(2, 4)
    assert torch.equal(net(x), torch.cat([x, x.relu(), -x], 1))


def test_cat_expands_a_parameter_over_the_batch() -> None:
    w = Wiring()
    token = w.step("token", parameter(1, 1, 4, fill=2.0))
    net = built(w.graph(w.step("c", fn("cat", (0,), dim=1), token, w.value(0))))
    assert net(torch.zeros(3, 5, 4)).shape == (3, 6, 4)


def test_function_sources_go_by_name_too() -> None:
    w = Wiring("a", "b")
    net = built(w.graph(w.step("p", fn("matmul"), other=w.value(0), input=w.value(1))))
    a, b = torch.randn(3, 4), torch.randn(2, 3)
    assert torch.equal(net(a, b), b @ a)


def test_values_that_nothing_reads_any_more_are_freed() -> None:
    w = Wiring()
    first = w.step("first", leaf("ReLU"), w.value(0))
    second = w.step("second", leaf("Tanh"), first)
    third = w.step("third", leaf("ReLU"), second)
    net = built(w.graph(w.step("last", fn("neg"), third)))
    alive: list[Any] = []
    net.first.register_forward_hook(lambda m, args, out: alive.append(weakref.ref(out)))
    at_third: list[bool] = []
    net.third.register_forward_pre_hook(lambda m, args: at_third.append(alive[0]() is not None))
    with torch.no_grad():
        net(torch.randn(2, 3))
    assert at_third == [False]


def test_every_parameter_gets_a_gradient() -> None:
    net = built(residual())
    net(torch.randn(2, 4)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_the_program_reads_as_python() -> None:
    net = built(sharing())
    assert isinstance(net, Graph)
    assert net.code.splitlines() == [
        "def forward(self, x, y):",
        "    m = self.m(x)",
        "    sub, sub_0 = self.sub(m, y)",
        "    total = add(sub, sub_0)",
        "    return (total, m)",
    ]
    assert net.sub.code.splitlines() == [
        "def forward(self, input, outer0):",
        "    n = use.m(outer0)",
        "    act = tanh(n)",
        "    return act, n",
    ]
    assert "total = add(sub, sub_0)" in repr(net)
    assert "_0 = relu(input)" in repr(built(numbered()))


def numbered() -> tree.Graph:
    w = Wiring()
    return w.graph(w.step("0", fn("relu"), w.value(0)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_graph_compiles_whole_and_exports() -> None:
    net = built(sharing())
    x, y = torch.randn(2, 4), torch.randn(2, 4)
    expected = net(x, y)[0]
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    assert torch.allclose(compiled(x, y)[0], expected)
    exported = torch.export.export(net, (x,), {"y": y})
    assert torch.allclose(exported.module()(x, y=y)[0], expected)
    assert sorted(exported.state_dict) == ["m.bias", "m.weight"]
