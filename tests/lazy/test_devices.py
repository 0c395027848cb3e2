"""The family on each device: the same code on CPU here, on a GPU with ``pytest -m cuda``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from lazy_cases import ONE_OF_EACH, Case, same_state, tensors_of
from torch import nn
from torch.nn.parameter import is_lazy

import lazyinspect.lazy as lazy
from lazyinspect.lazy import conv2d_weight_fake_quant, materialise

devices = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
each_class = pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name.split("(")[0])


def random_states(device: str) -> Iterator[torch.Tensor]:
    yield torch.get_rng_state()
    if device != "cpu":
        yield torch.get_device_module(device).get_rng_state()


def on(device: str, case: Case) -> list[torch.Tensor]:
    return [tensor.to(device) for tensor in case.inputs()]


@devices
@each_class
def test_weights_are_made_and_drawn_on_the_device_of_the_module(case: Case, device: str) -> None:
    torch.manual_seed(3)
    with torch.device(device):
        eager = case.make_eager()
    with torch.device(device):
        module = case.make_lazy()
    assert all(parameter.device.type == device for parameter in module.parameters())
    torch.manual_seed(3)
    got, expected = module(*on(device, case)), eager(*on(device, case))
    assert same_state(module, eager)
    assert all(map(torch.allclose, tensors_of(got), tensors_of(expected)))


@devices
@each_class
def test_a_move_before_the_first_forward_moves_what_is_made(case: Case, device: str) -> None:
    module = nn.Sequential(case.make_lazy()).to(device)[0]
    module(*on(device, case))
    assert all(tensor.device.type == device for tensor in module.state_dict().values())


@devices
def test_a_failed_forward_leaves_the_random_states_of_all_devices(device: str) -> None:
    def fail(*_: Any) -> None:
        torch.rand(3, device=device)
        raise KeyError

    module = lazy.LazyConv2d(8, 3, device=device)
    handle = module.register_forward_hook(fail)
    before = list(random_states(device))
    with pytest.raises(KeyError):
        module(torch.zeros(1, 3, 8, 8, device=device))
    assert all(map(torch.equal, before, random_states(device)))
    assert is_lazy(module.weight)
    handle.remove()
    module(torch.zeros(1, 3, 8, 8, device=device))
    assert module.weight.device.type == device


@devices
def test_materialise_restores_the_random_states_of_all_devices(device: str) -> None:
    network = nn.Sequential(lazy.LazyConv2d(8, 3), nn.Flatten(), lazy.LazyLinear(3)).to(device)
    x = torch.zeros(1, 3, 8, 8, device=device)
    before = list(random_states(device))
    materialise(network, x)
    assert all(map(torch.equal, before, random_states(device)))


@devices
@pytest.mark.parametrize("quantize_qrange", [None, (-8, 7)])
def test_fake_quantisation_runs(device: str, quantize_qrange: tuple[int, int] | None) -> None:
    arguments = {} if quantize_qrange is None else {"quantize_qrange": quantize_qrange}
    x = torch.randn(2, 3, 8, 8, device=device)
    conv = lazy.LazyConv2d(4, 3, device=device)
    conv2d_weight_fake_quant(conv, x, **arguments)
    assert conv.weight.device.type == device
    layer = lazy.LazyFakeQuantConv2d(4, 3, device=device, **arguments)
    layer(x).sum().backward()
    assert layer.weight.grad is not None


@devices
def test_a_recurrent_layer_trains_with_an_optimizer_made_early(device: str) -> None:
    layer = lazy.LazyLSTM(6, 2, bidirectional=True, device=device)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    x = torch.randn(5, 2, 4, device=device)
    before = layer(x)[0]
    before.square().sum().backward()
    optimizer.step()
    assert not torch.equal(layer(x)[0], before)
    assert [id(w) for w in layer._flat_weights] == [id(p) for p in layer.parameters()]
