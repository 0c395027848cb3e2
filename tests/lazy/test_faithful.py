"""Each lazy module against the eager one, argument by argument."""

from __future__ import annotations

import inspect
import pickle

import pytest
import torch
from lazy_cases import CASES, IN_TORCH, ONE_OF_EACH, Case, attributes, same_state, tensors_of
from torch import nn
from torch.nn.parameter import UninitializedParameter, is_lazy

import lazyinspect.lazy as lazy
from lazyinspect.lazy import LazyMixin

pytestmark = pytest.mark.filterwarnings(
    "ignore:LSTM with projections is not supported with oneDNN:UserWarning",
)

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_class = pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name.split("(")[0])


@every_case
def test_first_forward_gives_the_eager_output_state_and_random_state(case: Case) -> None:
    inputs = case.inputs()
    torch.manual_seed(3)
    eager = case.make_eager()
    expected = tensors_of(eager(*inputs))
    random_state = torch.get_rng_state()

    module = case.make_lazy()
    torch.manual_seed(3)
    got = tensors_of(module(*inputs))

    assert len(got) == len(expected)
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
    assert same_state(module, eager)
    assert torch.equal(torch.get_rng_state(), random_state)


@every_case
def test_nothing_of_the_lazy_module_is_left(case: Case) -> None:
    module, eager = case.make_lazy(), case.make_eager()
    module(*case.inputs())
    eager(*case.inputs())
    assert type(module) is type(eager)
    assert repr(module) == repr(eager)
    assert attributes(module) == attributes(eager)
    for (path, ours), (_, theirs) in zip(
        module.named_modules(), eager.named_modules(), strict=True
    ):
        assert type(ours) is type(theirs), path
        assert not ours._forward_pre_hooks
        assert not ours._forward_hooks
        assert not ours._load_state_dict_pre_hooks
        for tensor, other in zip(
            [*ours._parameters.values(), *ours._buffers.values()],
            [*theirs._parameters.values(), *theirs._buffers.values()],
            strict=True,
        ):
            assert type(tensor) is type(other)
            assert tensor is None or tensor.__dict__ == {}


@each_class
def test_constructing_draws_no_random_number_and_allocates_no_weight(case: Case) -> None:
    before = torch.get_rng_state()
    module = case.make_lazy()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(is_lazy(parameter) for parameter in module.parameters())
    assert all(is_lazy(buffer) or buffer.numel() == 1 for buffer in module.buffers())


@each_class
def test_parameters_are_the_objects_that_were_there_before(case: Case) -> None:
    module = case.make_lazy()
    before = set(map(id, module.parameters()))
    module(*case.inputs())
    assert {id(parameter) for parameter in module.parameters()} <= before


@each_class
def test_second_forward_costs_what_the_eager_class_costs(case: Case) -> None:
    module = case.make_lazy()
    module(*case.inputs())
    assert type(module).__call__ is nn.Module.__call__
    assert "forward" not in module.__dict__


@each_class
def test_signature_is_the_eager_one_less_what_is_inferred(case: Case) -> None:
    module = case.make_lazy()
    assert isinstance(module, LazyMixin)
    own = inspect.signature(type(module)).parameters
    eager = dict(inspect.signature(type(case.make_eager())).parameters)
    eager = {n: p for n, p in eager.items() if n not in module.infers}
    if isinstance(module, nn.RNNBase):  # torch hides these behind *args
        assert "input_size" not in own
        return
    extra = {"multiplier", "dims"}
    assert [name for name in own if name not in extra] == list(eager)
    for name, parameter in eager.items():
        assert own[name].default == parameter.default, name
        assert own[name].kind == parameter.kind, name


@each_class
def test_inputs_may_be_given_by_name(case: Case) -> None:
    eager = case.make_eager()
    names = list(inspect.signature(eager.forward).parameters)
    module = case.make_lazy()
    module(**dict(zip(names, case.inputs(), strict=False)))
    assert type(module) is type(eager)


@each_class
def test_dtype_of_the_constructor_is_that_of_the_weights(case: Case) -> None:
    module = case.make_lazy()
    again = type(module)(**_arguments(module), dtype=torch.float64)
    again(*case.inputs(torch.float64))
    floating = [t for t in again.state_dict().values() if t.is_floating_point()]
    assert all(tensor.dtype == torch.float64 for tensor in floating)


@each_class
def test_default_dtype_is_read_when_the_module_is_made(case: Case) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        module = case.make_lazy()
    finally:
        torch.set_default_dtype(torch.float32)
    module(*case.inputs(torch.float64))
    floating = [t for t in module.state_dict().values() if t.is_floating_point()]
    assert all(tensor.dtype == torch.float64 for tensor in floating)


@each_class
def test_meta_device_gives_shapes_without_data(case: Case) -> None:
    module = type(case.make_lazy())(**_arguments(case.make_lazy()), device="meta")
    output = module(*(tensor.to("meta") for tensor in case.inputs()))
    expected = case.make_eager()
    shapes = [tuple(tensor.shape) for tensor in tensors_of(expected(*case.inputs()))]
    assert [tuple(tensor.shape) for tensor in tensors_of(output)] == shapes
    assert all(tensor.is_meta for tensor in module.state_dict().values())


@each_class
def test_moving_before_the_first_forward_moves_the_weights(case: Case) -> None:
    module = nn.ModuleList([case.make_lazy()]).double()[0]
    module(*case.inputs(torch.float64))
    floating = [t for t in module.state_dict().values() if t.is_floating_point()]
    assert all(tensor.dtype == torch.float64 for tensor in floating)


def test_every_exported_lazy_class_is_compared() -> None:
    exported = {name for name in lazy.__all__ if name.startswith("Lazy")} - {"LazyMixin"}
    assert exported == {case.name.split("(")[0] for case in CASES}


def test_every_class_that_torch_has_is_here() -> None:
    torch_has = {name for name in dir(nn) if name.startswith("Lazy")}
    assert torch_has <= set(lazy.__all__)


@pytest.mark.parametrize("name", [name for name in dir(nn) if name.startswith("Lazy")])
def test_signature_and_repr_equal_those_of_torch(name: str) -> None:
    own, theirs = getattr(lazy, name), getattr(nn, name)
    listed = [
        {n: (p.default, p.kind) for n, p in inspect.signature(cls).parameters.items()}
        for cls in (own, theirs)
    ]
    keywords = {}
    if "InstanceNorm" in name:  # torch's default to True, against its documentation
        keywords = {"affine": False, "track_running_stats": False}
        for key, value in keywords.items():
            assert listed[0].pop(key)[0] is value
            assert listed[1].pop(key)[0] is True
    assert listed[0] == listed[1]
    arguments = {"Linear": (5,)}.get(name[4:], (5, 3) if "Conv" in name else ())
    assert repr(own(*arguments, **keywords)) == repr(theirs(*arguments, **keywords))


def test_weights_are_uninitialised_parameters_of_torch_until_the_first_forward() -> None:
    module = lazy.LazyConv2d(8, 3)
    assert isinstance(module.weight, UninitializedParameter)
    assert repr(module.weight) == "<UninitializedParameter>"


def _arguments(module: nn.Module) -> dict[str, object]:
    assert isinstance(module, LazyMixin)
    state = module._lazy
    names = inspect.signature(type(module)).parameters
    given = {**state.arguments, **state.options}
    if isinstance(module, lazy.LazyFakeQuantConv2d):
        given["quantize_qrange"] = module.quantize_qrange
    return {name: value for name, value in given.items() if name in names}


@each_class
def test_a_pickled_materialised_module_needs_no_lazyinspect(case: Case) -> None:
    module = case.make_lazy()
    module(*case.inputs())
    own = b"lazyinspect" if not isinstance(module, lazy.FakeQuantConv2d) else b"LazyMixin"
    assert own not in pickle.dumps(module)


@pytest.mark.parametrize("training", [True, False])
def test_stacks_of_lazy_transformer_layers_are_materialised(training: bool) -> None:
    x = torch.randn(2, 5, 8)
    layer = lazy.LazyTransformerEncoderLayer(2, 16, dropout=0.0, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2).train(training)
    first = encoder(x)
    assert [type(child) for child in encoder.layers] == [nn.TransformerEncoderLayer] * 2
    assert torch.allclose(encoder(x), first, atol=1e-6)
    decoder_layer = lazy.LazyTransformerDecoderLayer(2, 16, batch_first=True)
    decoder = nn.TransformerDecoder(decoder_layer, 2).train(training)
    assert decoder(x, x).shape == x.shape
    assert [type(child) for child in decoder.layers] == [nn.TransformerDecoderLayer] * 2


def test_packed_sequences_tell_the_features() -> None:
    layer = lazy.LazyLSTM(6)
    packed = nn.utils.rnn.pack_padded_sequence(torch.randn(5, 2, 4), torch.tensor([5, 3]))
    layer(packed)
    assert layer.input_size == 4


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_nested_tensors_tell_the_features() -> None:
    layer = lazy.LazyLinear(3)
    nested = torch.nested.nested_tensor([torch.randn(2, 8), torch.randn(3, 8)])
    assert layer(nested).size(2) == 3


@pytest.mark.parametrize("case", IN_TORCH, ids=lambda case: case.name.split("(")[0])
def test_shapes_told_and_shapes_of_a_reference_are_one(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for told in (True, False):
        torch.manual_seed(11)
        module = case.make_lazy()
        if not told:
            monkeypatch.setattr(type(module), "shapes", lambda *_: None)
        module(*case.inputs())
        made.append((module, torch.get_rng_state()))
    (first, state), (second, other) = made
    assert same_state(first, second)
    assert attributes(first) == attributes(second)
    assert torch.equal(state, other)
