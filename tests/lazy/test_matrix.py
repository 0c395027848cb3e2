"""Each behaviour of torch's lazy modules x each of its classes, torch's and ours side by side.

What test_like_torch.py does not already ask of every class. Where torch fails, the test says so
and demonstrates it.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from lazy_cases import Case, Make, both_families, same_state, tensors_of
from torch import nn
from torch.nn.parameter import UninitializedParameter, is_lazy
from torch.nn.utils import parametrize

both = pytest.mark.parametrize(("case", "make", "ours"), both_families())


def outputs(module: Any, *inputs: torch.Tensor) -> list[torch.Tensor]:
    return tensors_of(module(*inputs))


@both
def test_a_dict_of_inputs_gives_the_eager_output(case: Case, make: Make, ours: bool) -> None:
    (x,) = case.inputs()
    torch.manual_seed(3)
    eager = case.make_eager()
    module = make()
    torch.manual_seed(3)
    got = module(**{"input": x})
    assert torch.equal(got, eager(**{"input": x}))
    assert same_state(module, eager)


@both
def test_an_optimizer_made_early_trains(case: Case, make: Make, ours: bool) -> None:
    module = make()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    # a norm's mean square hardly depends on its weight's sign, a random direction does
    first = module(*case.inputs())
    before = [parameter.detach().clone() for parameter in module.parameters()]
    torch.manual_seed(0)
    (first * torch.randn_like(first)).sum().backward()
    optimizer.step()
    assert all(
        not torch.equal(now, then) for now, then in zip(module.parameters(), before, strict=True)
    )


@both
def test_a_deep_copy_is_independent(case: Case, make: Make, ours: bool) -> None:
    module = make()
    if not ours and "Norm" in case.name:
        with pytest.raises(ValueError, match="uninitialized parameter"):
            copy.deepcopy(module)  # torch's uninitialised buffer cannot be copied
        return
    again = copy.deepcopy(module)
    again(*case.inputs())
    assert type(again) is type(case.make_eager())
    assert isinstance(module.weight, UninitializedParameter)
    module(*case.inputs())
    assert module.weight is not again.weight


@both
def test_a_dtype_given_before_the_first_forward_is_that_of_the_weights(
    case: Case, make: Make, ours: bool
) -> None:
    module = make().double()
    (got,) = outputs(module, *case.inputs(torch.float64))
    assert got.dtype == module.weight.dtype == module.bias.dtype == torch.float64


@both
def test_on_meta_there_are_shapes_and_no_data(case: Case, make: Make, ours: bool) -> None:
    with torch.device("meta"):
        module = make()
    (got,) = outputs(module, *(x.to("meta") for x in case.inputs()))
    assert got.is_meta
    assert got.shape == outputs(case.make_eager(), *case.inputs())[0].shape
    assert all(tensor.is_meta for tensor in module.state_dict().values())


@both
def test_unbatched_input_is_taken_where_the_eager_class_takes_it(
    case: Case, make: Make, ours: bool
) -> None:
    (x,) = case.inputs()
    unbatched = x if "Linear" in case.name else x[0]
    module = make()
    if "BatchNorm" in case.name:
        if "1d" in case.name:  # [4, 5] is a batch of 4
            module(unbatched)
            assert module.num_features == 5
            return
        with pytest.raises(ValueError, match="expect"):
            module(unbatched)
        return
    if not ours and "InstanceNorm" in case.name:
        with pytest.raises((RuntimeError, ValueError)):
            module(unbatched)  # torch's takes the dimension after the channels
        return
    torch.manual_seed(3)
    eager = case.make_eager()
    torch.manual_seed(3)
    assert torch.equal(module(unbatched), eager(unbatched))
    assert repr(module) == repr(eager)


@both
def test_a_wrong_rank_is_refused(case: Case, make: Make, ours: bool) -> None:
    (x,) = case.inputs()
    wrong = torch.tensor(1.0) if "Linear" in case.name else x[None, None]
    with pytest.raises((RuntimeError, ValueError, IndexError, TypeError)):
        case.make_eager()(wrong)
    module = make()
    lazy_class = type(module)
    with pytest.raises((RuntimeError, ValueError, IndexError, TypeError)):
        module(wrong)
    if ours:
        assert type(module) is lazy_class
        assert all(map(is_lazy, module.parameters()))
        module(x)
        assert type(module) is type(case.make_eager())


@both
def test_a_shared_weight_is_agreed_on(case: Case, make: Make, ours: bool) -> None:
    first, second = make(), make()
    second.weight = first.weight
    first(*case.inputs())
    values = first.weight.detach().clone()
    expected = repr(case.make_eager())
    if ours:
        second(*case.inputs())
        assert repr(second) == expected
        assert second.weight is first.weight
        assert torch.equal(first.weight, values)
        return
    try:
        second(*case.inputs())
    except (AttributeError, AssertionError):
        return  # torch's cannot run
    # torch's draws the values of the first anew, or has sizes of 0
    assert repr(second) != expected or not torch.equal(first.weight, values)


class Halved(nn.Module):
    """A parametrisation of a weight of any shape."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight / 2


@both
def test_parametrisations_are_refused_before_and_work_after(
    case: Case, make: Make, ours: bool
) -> None:
    module = make()
    with pytest.raises(RuntimeError, match="shape of an uninitialized"):
        parametrize.register_parametrization(module, "weight", Halved())
    module(*case.inputs())
    weight = module.weight.detach().clone()
    parametrize.register_parametrization(module, "weight", Halved())
    assert torch.equal(module.weight, weight / 2)
    module(*case.inputs())


@both
def test_export_after_the_first_forward(case: Case, make: Make, ours: bool) -> None:
    module = make()
    module(*case.inputs())
    module.eval()
    exported = torch.export.export(module, case.inputs())
    (got,), (expected,) = (
        outputs(exported.module(), *case.inputs()),
        outputs(module, *case.inputs()),
    )
    assert torch.allclose(got, expected)


@both
def test_compile_before_the_first_forward(case: Case, make: Make, ours: bool) -> None:
    torch._dynamo.reset()
    network = nn.Sequential(make()).eval()
    compiled = torch.compile(network, backend="eager")
    (got,) = outputs(compiled, *case.inputs())
    assert torch.allclose(got, outputs(network, *case.inputs())[0])
    assert type(network[0]) is type(case.make_eager())
