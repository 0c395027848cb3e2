"""What torch's lazy modules do and its tests ask for, side by side: both families must pass."""

from __future__ import annotations

import io
import pickle
from typing import Any

import pytest
import torch
from lazy_cases import Case, Make, both_families, same_state, tensors_of
from torch import nn
from torch.nn.parameter import is_lazy

import lazyinspect.lazy as lazy

both = pytest.mark.parametrize(("case", "make", "ours"), both_families())
families = pytest.mark.parametrize("family", [nn, lazy], ids=["torch", "ours"])


@both
def test_first_forward_converts(case: Case, make: Make, ours: bool) -> None:
    module = make()
    assert all(is_lazy(parameter) for parameter in module.parameters())
    module(*case.inputs())
    assert type(module) is type(case.make_eager())
    assert not any(is_lazy(tensor) for tensor in module.state_dict().values())


@both
@pytest.mark.parametrize("when", ["before", "after"])
def test_pickle_round_trip(case: Case, make: Make, ours: bool, when: str) -> None:
    module = make()
    if when == "after":
        module(*case.inputs())
    again = pickle.loads(pickle.dumps(module))
    assert type(again) is type(module)
    assert repr(again) == repr(module)
    again(*case.inputs())
    assert type(again) is type(case.make_eager())
    if when == "after":
        module(*case.inputs())  # running statistics moved in the copy
        assert same_state(again, module)


@both
def test_torch_save_round_trip(case: Case, make: Make, ours: bool) -> None:
    module = make()
    module(*case.inputs())
    buffer = io.BytesIO()
    torch.save(module.state_dict(), buffer)
    buffer.seek(0)
    eager = case.make_eager()
    eager.load_state_dict(torch.load(buffer, weights_only=True))
    assert same_state(eager, module)


@both
def test_loading_an_eager_checkpoint_gives_its_output(case: Case, make: Make, ours: bool) -> None:
    eager, module = case.make_eager().eval(), make().eval()
    module.load_state_dict(eager.state_dict())
    if not ours and "InstanceNorm" in case.name:
        with pytest.raises((RuntimeError, ValueError, AssertionError)):
            module(*case.inputs())  # torch's cannot run after a load: guarantee 2
        return
    got, expected = module(*case.inputs()), eager(*case.inputs())
    assert all(map(torch.equal, tensors_of(got), tensors_of(expected)))


@both
def test_loading_a_lazy_checkpoint_into_a_lazy_module_leaves_it_lazy(
    case: Case, make: Make, ours: bool
) -> None:
    module = make()
    module.load_state_dict(make().state_dict())
    assert all(is_lazy(parameter) for parameter in module.parameters())
    module(*case.inputs())
    assert type(module) is type(case.make_eager())


@both
def test_loading_a_lazy_checkpoint_into_an_eager_module_is_refused(
    case: Case, make: Make, ours: bool
) -> None:
    state = make().state_dict()
    with pytest.raises(RuntimeError, match="shape of an uninitialized"):
        case.make_eager().load_state_dict(state)


@both
def test_loading_an_eager_checkpoint_after_the_first_forward(
    case: Case, make: Make, ours: bool
) -> None:
    eager, module = case.make_eager(), make()
    module(*case.inputs())
    module.load_state_dict(eager.state_dict())
    assert same_state(module, eager)


@both
def test_half_before_the_first_forward(case: Case, make: Make, ours: bool) -> None:
    module = make().half()
    for tensor in (*module.parameters(), *module.buffers()):
        assert tensor.dtype == (torch.float16 if is_lazy(tensor) else torch.int64)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@both
def test_jit_refuses_before_and_works_after(case: Case, make: Make, ours: bool) -> None:
    module = make()
    with pytest.raises(RuntimeError, match="forward pass"):
        torch.jit.script(module)
    module(*case.inputs())
    scripted = torch.jit.script(module.eval())
    got, expected = scripted(*case.inputs()), module(*case.inputs())
    assert all(map(torch.equal, tensors_of(got), tensors_of(expected)))


@both
def test_share_memory_refuses_before_and_works_after(case: Case, make: Make, ours: bool) -> None:
    module = nn.Sequential(make())
    with pytest.raises(RuntimeError, match="share memory on an uninitialized"):
        module.share_memory()
    module(*case.inputs())
    module.share_memory()
    assert all(tensor.is_shared() for tensor in module.state_dict().values())


@both
def test_user_hooks_run_in_their_order_and_stay(case: Case, make: Make, ours: bool) -> None:
    module, calls = make(), []
    module.register_forward_pre_hook(lambda *_: calls.append("pre"))
    module.register_forward_pre_hook(lambda *_: calls.append("first"), prepend=True)
    module.register_forward_hook(lambda *_: calls.append("post"))
    module.register_forward_hook(lambda *_: calls.append("always"), always_call=True)
    for _ in range(2):
        module(*case.inputs())
    assert calls == ["first", "pre", "post", "always"] * 2
    assert len(module._forward_pre_hooks) == len(module._forward_hooks) == 2


@both
def test_a_prepended_hook_changes_the_input_that_sizes_are_read_from(
    case: Case, make: Make, ours: bool
) -> None:
    module = make()
    (x,) = case.inputs()
    module.register_forward_pre_hook(lambda _, args: (args[0] + 1,), prepend=True)
    module.eval()
    got = module(x)
    eager = case.make_eager().eval()
    eager.load_state_dict(module.state_dict())
    assert torch.equal(got, eager(x + 1))


@both
def test_input_by_name(case: Case, make: Make, ours: bool) -> None:
    (x,) = case.inputs()
    module = make()
    module(input=x)
    assert type(module) is type(case.make_eager())


OPTIMIZERS = [
    *(torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.Adamax, torch.optim.NAdam),
    *(torch.optim.RAdam, torch.optim.RMSprop, torch.optim.Rprop, torch.optim.Adadelta),
    *(torch.optim.ASGD, torch.optim.LBFGS),
]


@families
@pytest.mark.parametrize("make", OPTIMIZERS, ids=lambda cls: cls.__name__)
def test_an_optimizer_made_before_the_first_forward_trains(family: Any, make: Any) -> None:
    module = nn.Sequential(family.LazyConv2d(4, 3), family.LazyBatchNorm2d(), nn.Flatten())
    module.append(family.LazyLinear(2))
    optimizer = make(module.parameters(), lr=0.1)
    module(torch.randn(2, 3, 5, 5)).square().sum().backward()
    before = [parameter.detach().clone() for parameter in module.parameters()]
    optimizer.step(*[lambda: 1.0] if make is torch.optim.LBFGS else [])
    # a convolution's bias has no gradient before a batch norm
    moved = [not torch.equal(p, b) for p, b in zip(module.parameters(), before, strict=True)]
    assert moved[0] and all(moved[2:])


@families
def test_parametrisations_are_refused_before_the_first_forward(family: Any) -> None:
    layer = family.LazyLinear(3)
    with pytest.raises(ValueError, match="uninitialized parameters"):
        torch.nn.utils.spectral_norm(layer)
    with pytest.raises(RuntimeError, match="shape of an uninitialized"):
        torch.nn.utils.parametrizations.weight_norm(layer)


@families
def test_weight_norm_of_old_is_refused_before_the_first_forward(family: Any) -> None:
    with (
        pytest.warns(FutureWarning, match="weight_norm"),
        pytest.raises(ValueError, match="uninitialized parameters"),
    ):
        torch.nn.utils.weight_norm(family.LazyLinear(3))


@families
@pytest.mark.parametrize("n", [1, 2, 3])
def test_output_size_on_the_first_call_of_a_transposed_convolution(family: Any, n: int) -> None:
    module = getattr(family, f"LazyConvTranspose{n}d")(4, 3, stride=2)
    assert module(torch.randn(1, 2, *[5] * n), output_size=[12] * n).shape == (1, 4, *[12] * n)


@families
def test_a_chain_of_lazies_is_inferred_in_one_forward(family: Any) -> None:
    network = nn.Sequential(family.LazyLinear(15), nn.ReLU(), family.LazyLinear(10))
    network(torch.ones(5, 10))
    assert network[0].weight.shape == (15, 10)
    assert network[2].weight.shape == (10, 15)


@families
def test_networks_draw_the_same_weights_lazily_and_eagerly(family: Any) -> None:
    torch.manual_seed(7)
    network = nn.Sequential(family.LazyConv2d(4, 3), family.LazyBatchNorm2d(), nn.Flatten())
    network.append(family.LazyLinear(2))
    network(torch.ones(2, 3, 5, 5))
    torch.manual_seed(7)
    eager = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(36, 2))
    ours, theirs = dict(network.named_parameters()), dict(eager.named_parameters())
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@families
def test_export_after_materialising(family: Any) -> None:
    network = nn.Sequential(family.LazyConv2d(4, 3), nn.Flatten(), family.LazyLinear(2)).eval()
    x = torch.randn(2, 3, 5, 5)
    expected = network(x)
    exported = torch.export.export(network, (x,))
    assert torch.allclose(exported.module()(x), expected)


@families
def test_data_parallel_refuses_a_lazy_module(family: Any) -> None:
    with pytest.raises(RuntimeError, match="uninitialized parameters"):
        family.LazyLinear(3)._replicate_for_data_parallel()


@families
def test_protocol_of_torch_is_kept_by_name(family: Any) -> None:
    module = family.LazyLinear(3)
    assert isinstance(module, nn.modules.lazy.LazyModuleMixin)
    assert module.has_uninitialized_params()
    module.initialize_parameters(torch.ones(2, 4))
    assert not module.has_uninitialized_params()
    assert module.weight.shape == (3, 4)
    module(torch.ones(2, 4))
    assert type(module) is nn.Linear
