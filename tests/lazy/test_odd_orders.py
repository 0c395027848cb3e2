"""First forwards in orders and places that nobody plans for: each is right, or refused whole."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest
import torch
from lazy_cases import ONE_OF_EACH, Case
from torch import nn
from torch.func import functional_call
from torch.nn.parameter import UninitializedParameter, is_lazy

import lazyinspect.lazy as lazy
from lazyinspect.lazy import InferenceError, LazyConv2d, LazyMixin, find_lazy, materialise

IMAGE = torch.randn(2, 4, 8, 8)
each_class = pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name.split("(")[0])


def wrong(case: Case) -> list[tuple[torch.Tensor, ...]]:
    """Inputs of which at least one fits no class: no sizes, no rank, another dtype, too many."""
    first, *rest = case.inputs()
    return [
        (first.new_zeros([0] * first.dim()), *rest),
        (torch.tensor(1.0), *rest),
        (first.to(torch.complex64), *rest),
        (first[None, None, None, None], *rest),
    ]


@each_class
def test_after_any_input_that_is_refused_a_right_one_works(case: Case) -> None:
    module = case.make_lazy()
    before = type(module), repr(module), torch.get_rng_state()
    refused = 0
    for inputs in wrong(case):
        try:
            copy.deepcopy(module)(*inputs)
        except (RuntimeError, ValueError, AssertionError, IndexError, TypeError):
            refused += 1
            with pytest.raises((RuntimeError, ValueError, AssertionError, IndexError, TypeError)):
                module(*inputs)
            assert (type(module), repr(module)) == before[:2]
            assert torch.equal(torch.get_rng_state(), before[2])
            assert all(map(is_lazy, module.parameters()))
    assert refused
    module(*case.inputs())
    assert type(module) is type(case.make_eager())


def test_threads_that_share_a_network_materialise_it_once() -> None:
    for _ in range(10):
        network = nn.Sequential(LazyConv2d(8, 3), lazy.LazyBatchNorm2d(), LazyConv2d(4, 3)).eval()
        results: list[Any] = []

        def run(network: nn.Module = network, results: list[Any] = results) -> None:
            try:
                results.append(network(IMAGE))
            except BaseException as error:
                results.append(error)

        threads = [threading.Thread(target=run) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = network(IMAGE)
        assert [r for r in results if isinstance(r, BaseException)] == []
        assert all(torch.allclose(result, expected) for result in results)
        assert find_lazy(network) == {}


def test_a_hook_may_call_its_own_module() -> None:
    module, calls = LazyConv2d(8, 3), []

    def call(module: nn.Module, _: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            module(IMAGE)

    module.register_forward_pre_hook(call, prepend=True)
    assert module(IMAGE).shape == (2, 8, 6, 6)
    assert type(module) is nn.Conv2d


def test_a_shallow_copy_and_its_original_both_become_ordinary() -> None:
    module = LazyConv2d(8, 3)
    again = copy.copy(module)
    assert torch.equal(again(IMAGE), module(IMAGE))  # they share their weights
    assert type(module) is type(again) is nn.Conv2d
    assert module.in_channels == again.in_channels == 4
    assert not module._forward_pre_hooks


@pytest.mark.parametrize("given", [("weight", "bias"), ("weight",)], ids=["all", "one"])
@pytest.mark.parametrize("kind", [nn.Parameter, torch.Tensor.detach], ids=["parameter", "tensor"])
def test_functional_call_is_refused_before_the_first_forward(given: Any, kind: Any) -> None:
    eager = nn.Conv2d(4, 8, 3)
    lent = {name: kind(getattr(eager, name)) for name in given}
    theirs = nn.LazyConv2d(8, 3)
    if len(given) == 2:
        functional_call(theirs, lent, (IMAGE,))
        assert type(theirs) is nn.Conv2d
        assert isinstance(theirs.weight, UninitializedParameter)  # torch's can never run again

    module = LazyConv2d(8, 3)
    with pytest.raises(InferenceError, match="functional_call lends it: run a forward first"):
        functional_call(module, lent, (IMAGE,))
    module(IMAGE)
    assert torch.equal(
        functional_call(module, dict(eager.named_parameters()), (IMAGE,)), eager(IMAGE)
    )


def test_functional_call_with_the_modules_own_parameters_is_a_first_forward() -> None:
    module = LazyConv2d(8, 3)
    functional_call(module, dict(module.named_parameters()), (IMAGE,))
    assert type(module) is nn.Conv2d
    assert module(IMAGE).shape == (2, 8, 6, 6)


def test_data_parallel_on_one_device_is_a_plain_forward() -> None:
    network = nn.DataParallel(nn.Sequential(LazyConv2d(8, 3)))
    network(IMAGE)
    assert find_lazy(network) == {}
    replica = network.module[0]._replicate_for_data_parallel()
    assert type(replica) is nn.Conv2d


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_recomputes_with_the_same_weights(reentrant: bool) -> None:
    module, x = LazyConv2d(8, 3), IMAGE.clone().requires_grad_()
    output = torch.utils.checkpoint.checkpoint(module, x, use_reentrant=reentrant)
    output.sum().backward()
    assert module.weight.grad is not None
    assert torch.equal(output, module(x))


def test_autocast_leaves_the_weights_their_dtype() -> None:
    module = LazyConv2d(8, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert module(IMAGE).dtype == torch.bfloat16
    assert module.weight.dtype == torch.float32


def test_one_layer_used_twice_is_inferred_once() -> None:
    layer = lazy.LazyLinear(5)
    assert nn.Sequential(layer, layer)(torch.randn(2, 5)).shape == (2, 5)
    layer = lazy.LazyLinear(5)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        materialise(nn.Sequential(layer, layer), torch.randn(2, 4))
    assert list(find_lazy(layer)) == [""]


def test_loads_moves_and_failures_may_come_in_any_order() -> None:
    module = LazyConv2d(8, 3)
    module.load_state_dict(LazyConv2d(8, 3).state_dict(), assign=True)
    module.to("meta").half().to_empty(device="cpu").float()
    with pytest.raises(InferenceError):
        module(IMAGE[0, 0])
    module = copy.deepcopy(module)
    module.load_state_dict({"bias": torch.ones(8)}, strict=False)
    with pytest.raises(InferenceError):
        module(IMAGE.double())
    module.load_state_dict(nn.Conv2d(4, 8, 3).state_dict())
    assert type(module) is nn.Conv2d
    assert module(IMAGE).shape == (2, 8, 6, 6)


class Block(nn.Module):
    """Holds a lazy layer and an ordinary one whose size is its own argument."""

    def __init__(self, features: int, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.inner = nn.Linear(features, features, device=device, dtype=dtype)
        self.outer = lazy.LazyLinear(3, device=device, dtype=dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.outer(self.inner(x))
        return y


class LazyBlock(LazyMixin, Block):
    infers = ("features",)
    template_device = "meta"

    def __init__(self) -> None:
        super().__init__(features=1)

    def infer(self, x: torch.Tensor) -> dict[str, Any]:
        return {"features": x.shape[-1]}


def test_a_lazy_module_may_hold_lazy_modules() -> None:
    network = LazyBlock()
    handle = network.outer.register_forward_hook(lambda *_: [][0])
    with pytest.raises(IndexError):
        network(torch.randn(2, 5))
    assert list(find_lazy(network)) == ["", "outer"]
    handle.remove()
    conversions = materialise(network, torch.randn(2, 5))
    assert [str(c) for c in conversions] == [
        "(the module itself): LazyBlock -> Block",
        "outer: LazyLinear -> Linear",
    ]
    assert {p.device.type for p in network.parameters()} == {"cpu"}
    assert type(network.inner) is nn.Linear
    assert network.inner.in_features == 5


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_a_padded_batch_reaches_lazy_transformer_layers_as_a_nested_tensor() -> None:
    layer = lazy.LazyTransformerEncoderLayer(2, 16, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2)
    x, padded = torch.randn(2, 5, 8), torch.zeros(2, 5, dtype=torch.bool)
    padded[0, 3:] = True
    materialise(encoder, x, src_key_padding_mask=padded)
    assert find_lazy(encoder) == {}
    assert encoder(x, src_key_padding_mask=padded).shape == x.shape
