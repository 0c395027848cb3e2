"""The guarantees of docs/lazy.md, by number: what torch's own class does, and what ours does."""

from __future__ import annotations

import copy
import pickle
from contextlib import suppress
from typing import Any

import pytest
import torch
from lazy_cases import CASES, IN_TORCH, ONE_OF_EACH, Case, attributes, same_state, torch_class
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy

import lazyinspect.lazy as lazy
from lazyinspect.lazy import InferenceError, LazyConv2d, find_lazy, materialise

IMAGE = torch.randn(2, 4, 8, 8)

each_class = pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name.split("(")[0])
torch_has = pytest.mark.parametrize("case", IN_TORCH, ids=lambda case: case.name.split("(")[0])


def snapshot(module: nn.Module) -> Any:
    """All that a failed forward might change."""
    return (
        [type(child) for child in module.modules()],
        {key: value for key, value in attributes(module).items() if "_hook" not in key},
        [list(child._forward_pre_hooks) for child in module.modules()],
        [list(child._load_state_dict_pre_hooks) for child in module.modules()],
        [(id(t), is_lazy(t), t.dtype) for t in (*module.parameters(), *module.buffers())],
        [float(t) for t in module.buffers() if not is_lazy(t)],
        torch.get_rng_state().tolist(),
    )


# 1. A failed forward leaves the module as it was


def test_guarantee_01_torch_half_converts() -> None:
    module = nn.LazyConv2d(8, 20)
    with pytest.raises(RuntimeError, match="Kernel size"):
        module(IMAGE)
    assert type(module) is nn.Conv2d
    assert module.in_channels == 4


@pytest.mark.parametrize(
    ("make", "bad", "left"),
    [
        (lambda: nn.LazyConv2d(8, 3), IMAGE.double(), "Conv2d(4, 8"),
        (lambda: nn.LazyConv2d(9, 3, groups=3), IMAGE, "LazyConv2d(4, 9"),
        (nn.LazyBatchNorm2d, IMAGE.double(), "BatchNorm2d(4,"),
        (nn.LazyBatchNorm2d, IMAGE[0], "BatchNorm2d(8,"),
    ],
    ids=["another dtype", "groups", "another dtype of a norm", "another rank of a norm"],
)
def test_guarantee_01_torch_keeps_what_a_bad_input_told_it(make: Any, bad: Any, left: str) -> None:
    module = make()
    with pytest.raises((RuntimeError, ValueError)):
        module(bad)
    assert repr(module).startswith(left)


FAILURES = {
    "a kernel larger than the input": (lambda: LazyConv2d(8, 20), IMAGE),
    "another dtype": (lambda: LazyConv2d(8, 3), IMAGE.double()),
    "another dtype of a norm that counts batches": (lazy.LazyBatchNorm2d, IMAGE.double()),
    "groups that do not divide": (lambda: LazyConv2d(9, 3, groups=3), IMAGE),
    "another rank": (lambda: LazyConv2d(8, 3), IMAGE[0, 0]),
    "another rank of a norm": (lazy.LazyBatchNorm2d, IMAGE[0]),
    "no channels": (lambda: LazyConv2d(8, 3), IMAGE[:, :0]),
    "one value per channel": (lazy.LazyBatchNorm2d, IMAGE[:1, :, :1, :1]),
    "heads that do not divide": (lambda: lazy.LazyTransformerEncoderLayer(3), IMAGE[0]),
    "another dtype of a part": (lambda: lazy.LazyTransformerEncoderLayer(2), IMAGE[0].double()),
}


@pytest.mark.parametrize("name", FAILURES)
def test_guarantee_01_a_failed_forward_leaves_the_module_as_it_was(name: str) -> None:
    make, bad = FAILURES[name]
    module = make()
    before = snapshot(module)
    with pytest.raises((RuntimeError, ValueError)):
        module(bad)
    assert snapshot(module) == before


@each_class
def test_guarantee_01_every_class_takes_back_what_a_failing_hook_interrupts(case: Case) -> None:
    def fail(*_: Any) -> None:
        torch.rand(1)
        raise KeyError("by a user's hook")

    module = case.make_lazy()
    torch.manual_seed(5)
    handle = module.register_forward_pre_hook(fail)
    before = snapshot(module)
    with pytest.raises(KeyError):
        module(*case.inputs())
    assert snapshot(module) == before
    handle.remove()
    module(*case.inputs())

    torch.manual_seed(5)
    untroubled = case.make_lazy()
    untroubled(*case.inputs())
    assert same_state(module, untroubled)


def test_guarantee_01_an_interrupt_is_taken_back_too() -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    module = LazyConv2d(8, 3)
    before = snapshot(module)
    handle = module.register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        module(IMAGE)
    handle.remove()
    assert snapshot(module) == before


# 2. Loading a checkpoint finalises the class


@torch_has
def test_guarantee_02_loading_finalises(case: Case) -> None:
    eager = case.make_eager()
    theirs = torch_class(case)(**case.make_lazy()._lazy.arguments)
    theirs.load_state_dict(eager.state_dict())
    assert type(theirs) is torch_class(case)

    ours = case.make_lazy()
    ours.load_state_dict(eager.state_dict())
    assert type(ours) is type(eager)
    assert repr(ours) == repr(eager)
    assert attributes(ours) == attributes(eager)
    assert same_state(ours, eager)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("assign", [False, True], ids=["copied", "assigned"])
def test_guarantee_02_every_case_loads_and_draws_nothing(case: Case, assign: bool) -> None:
    eager = case.make_eager()
    state = eager.state_dict()
    before = torch.get_rng_state()
    module = case.make_lazy()
    module.load_state_dict(copy.deepcopy(state), assign=assign)
    assert torch.equal(torch.get_rng_state(), before)
    if state:
        assert attributes(module) == attributes(eager)
        assert repr(module) == repr(eager)
        assert same_state(module, eager)
    else:
        assert find_lazy(module)  # nothing to load, nothing to tell the sizes


def test_guarantee_02_torch_accepts_another_checkpoint_silently() -> None:
    module = nn.LazyConv2d(4, 3)
    module.load_state_dict(nn.Conv2d(2, 6, 5).state_dict())
    module(torch.randn(1, 2, 8, 8))
    assert repr(module) == "Conv2d(0, 4, kernel_size=(3, 3), stride=(1, 1))"


@pytest.mark.parametrize(
    ("module", "other"),
    [
        (lambda: LazyConv2d(4, 3), lambda: nn.Conv2d(2, 6, 3)),
        (lambda: LazyConv2d(4, 3), lambda: nn.Conv2d(2, 4, 5)),
        (lambda: LazyConv2d(4, 3), lambda: nn.Conv1d(2, 4, 3)),
        (lambda: lazy.LazyConvTranspose2d(4, 3), lambda: nn.ConvTranspose2d(2, 6, 3)),
        (lambda: lazy.LazyLinear(4), lambda: nn.Linear(2, 5)),
        (lambda: lazy.LazyLSTM(4), lambda: nn.LSTM(2, 5)),
        (lambda: lazy.LazyGroupNorm(3), lambda: nn.GroupNorm(2, 4)),
        (lambda: lazy.LazyLayerNorm(2), lambda: nn.LayerNorm(4)),
        (
            lambda: lazy.LazyTransformerEncoderLayer(2, 8),
            lambda: nn.TransformerEncoderLayer(4, 2, 9),
        ),
    ],
)
def test_guarantee_02_another_checkpoint_is_refused(module: Any, other: Any) -> None:
    lazy_module, state = module(), other().state_dict()
    before = snapshot(lazy_module)
    with pytest.raises(RuntimeError, match="loading state_dict for Lazy"):
        lazy_module.load_state_dict(state)
    assert snapshot(lazy_module) == before


@pytest.mark.parametrize(
    ("make", "state"),
    [
        (lambda: LazyConv2d(4, 3), {"weight": torch.ones(4)}),
        (lambda: lazy.LazyBilinear(4), {"weight": torch.ones(4, 2)}),
        (lambda: lazy.LazyLinear(4), {"weight": torch.ones(4, 0)}),
        (lambda: lazy.LazyMultiheadAttention(3), {"in_proj_weight": torch.ones(12, 4)}),
    ],
)
def test_guarantee_02_shapes_that_no_size_gives_are_refused(make: Any, state: Any) -> None:
    module = make()
    before = snapshot(module)
    with pytest.raises(RuntimeError, match="loading state_dict for Lazy"):
        module.load_state_dict(state, strict=False)
    assert snapshot(module) == before


def test_guarantee_02_torch_asserts_after_a_partial_load() -> None:
    module = nn.LazyConv2d(4, 3)
    module.load_state_dict({"weight": torch.ones(4, 2, 3, 3)}, strict=False)
    with pytest.raises(AssertionError):
        module(torch.randn(1, 2, 8, 8))


def test_guarantee_02_a_partial_load_with_the_weight_finalises() -> None:
    module = LazyConv2d(4, 3)
    missing = module.load_state_dict({"weight": torch.ones(4, 2, 3, 3)}, strict=False).missing_keys
    assert missing == ["bias"]
    assert repr(module) == "Conv2d(2, 4, kernel_size=(3, 3), stride=(1, 1))"
    assert bool((module.weight == 1).all())
    assert 0 < module.bias.abs().max() <= 1 / 18**0.5


def test_guarantee_02_a_partial_load_without_it_waits_for_a_forward() -> None:
    module = LazyConv2d(4, 3)
    module.load_state_dict({"bias": torch.ones(4)}, strict=False)
    assert isinstance(module, LazyConv2d)
    module(torch.randn(1, 2, 8, 8))
    assert bool((module.bias == 1).all())
    assert module.in_channels == 2


def test_guarantee_02_a_partial_load_that_disagrees_with_the_input_is_refused() -> None:
    module = LazyConv2d(4, 3)
    module.load_state_dict({"bias": torch.ones(5)}, strict=False)
    with pytest.raises(InferenceError, match=r"needs a bias of \[4\].*has one of \[5\]"):
        module(torch.randn(1, 2, 8, 8))


def test_guarantee_02_the_dtype_of_the_module_stays() -> None:
    module = LazyConv2d(4, 3).half()
    module.load_state_dict(nn.Conv2d(2, 4, 3).state_dict())
    assert module.weight.dtype == torch.float16


def test_guarantee_02_a_network_loads_through_its_parts() -> None:
    eager = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(36, 2))
    network = nn.Sequential(LazyConv2d(4, 3), lazy.LazyBatchNorm2d(), nn.Flatten())
    network.append(lazy.LazyLinear(2))
    network.load_state_dict(eager.state_dict())
    assert repr(network) == repr(eager)
    x = torch.randn(2, 3, 5, 5)
    assert torch.equal(network.eval()(x), eager.eval()(x))


# 3. Moves of a lazy module


def test_guarantee_03_torch_corrupts_a_lazy_module_on_its_way_to_meta() -> None:
    module = nn.LazyConv2d(8, 3).to("meta")
    with pytest.raises(IndexError):
        module(IMAGE.to("meta"))
    with pytest.raises(ValueError, match="uninitialized parameter"):
        nn.LazyConv2d(8, 3).to_empty(device="cpu")
    with pytest.raises(ValueError, match="uninitialized parameter"):
        nn.LazyConv2d(8, 3).to(memory_format=torch.channels_last)
    with pytest.raises(ValueError, match="uninitialized parameter"):
        nn.utils.skip_init(nn.LazyConv2d, 8, 3)


@each_class
def test_guarantee_03_to_meta(case: Case) -> None:
    module = nn.Sequential(case.make_lazy()).to("meta")[0]
    module(*(tensor.to("meta") for tensor in case.inputs()))
    assert type(module) is type(case.make_eager())
    assert all(tensor.is_meta for tensor in module.state_dict().values())


@each_class
def test_guarantee_03_to_empty_and_skip_init(case: Case) -> None:
    module = case.make_lazy().to("meta").to_empty(device="cpu")
    module(*case.inputs())
    assert type(module) is type(case.make_eager())
    assert not any(tensor.is_meta for tensor in module.state_dict().values())


def test_guarantee_03_skip_init() -> None:
    module = nn.utils.skip_init(LazyConv2d, 8, 3)
    assert isinstance(module, LazyConv2d)
    module(IMAGE)
    assert module.weight.shape == (8, 4, 3, 3)


def test_guarantee_03_back_from_meta_there_is_no_data_to_lose() -> None:
    module = LazyConv2d(8, 3, device="meta").to("cpu")
    module(IMAGE)
    assert module.weight.device.type == "cpu"


@pytest.mark.parametrize(
    ("make", "x", "layout"),
    [
        (lambda: LazyConv2d(8, 3), IMAGE, torch.channels_last),
        (lambda: lazy.LazyConv3d(8, 2), torch.randn(1, 4, 2, 2, 2), torch.channels_last_3d),
    ],
    ids=["2d", "3d"],
)
def test_guarantee_03_a_memory_format_is_kept_for_the_weight(
    make: Any, x: torch.Tensor, layout: torch.memory_format
) -> None:
    torch.manual_seed(2)
    module = make().to(memory_format=layout)
    module = module.half().float()  # a change of dtype keeps the layout, as of a real weight
    module(x)
    torch.manual_seed(2)
    plain = make()
    plain(x)
    assert module.weight.is_contiguous(memory_format=layout)
    assert not module.weight.is_contiguous()
    assert torch.equal(module.weight, plain.weight)


def test_guarantee_03_an_optimizer_survives_a_move() -> None:
    module = LazyConv2d(8, 3)
    optimizer = torch.optim.SGD(module.parameters())
    module.double()
    module(IMAGE.double())
    assert [id(p) for p in optimizer.param_groups[0]["params"]] == [
        id(p) for p in module.parameters()
    ]


def test_guarantee_03_swapped_parameters_stay_shapeless() -> None:
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        module = LazyConv2d(8, 3)
        weight = module.weight
        module.double()
        assert module.weight is weight
        assert is_lazy(weight)
        module(IMAGE.double())
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)
    assert type(module.weight) is nn.Parameter


def test_guarantee_03_freezing_before_the_first_forward() -> None:
    with pytest.raises(ValueError, match="uninitialized parameter"):
        nn.LazyConv2d(8, 3).requires_grad_(False)
    module = LazyConv2d(8, 3).requires_grad_(False)
    assert not module(IMAGE).requires_grad
    assert not any(parameter.requires_grad for parameter in module.parameters())


# 4. Arguments are checked where they are given


@pytest.mark.parametrize("name", ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose2d"])
def test_guarantee_04_groups_are_checked_in_the_constructor(name: str) -> None:
    theirs = getattr(nn, f"Lazy{name}")(3, 3, groups=2)  # torch makes it, and it cannot run
    with pytest.raises(RuntimeError, match=r"groups=2|expected bias"):
        theirs(torch.randn(2, 4, *[8] * int(name[-2])))
    with pytest.raises(ValueError, match="out_channels must be divisible by groups"):
        getattr(lazy, f"Lazy{name}")(3, 3, groups=2)


@pytest.mark.parametrize(
    ("make", "eager"),
    [
        (lambda: LazyConv2d(3, 3, groups=0), lambda: nn.Conv2d(3, 3, 3, groups=0)),
        (lambda: LazyConv2d(3, 3, padding="no"), lambda: nn.Conv2d(3, 3, 3, padding="no")),
        (lambda: lazy.LazyLSTM(0), lambda: nn.LSTM(3, 0)),
        (lambda: lazy.LazyLSTM(4, proj_size=4), lambda: nn.LSTM(3, 4, proj_size=4)),
        (lambda: lazy.LazyGRU(4, dropout=2.0), lambda: nn.GRU(3, 4, dropout=2.0)),
        (lambda: lazy.LazyMultiheadAttention(0), lambda: nn.MultiheadAttention(4, 0)),
        (lambda: lazy.LazyRNN(4, nonlinearity="x"), lambda: nn.RNN(3, 4, nonlinearity="x")),
    ],
)
def test_guarantee_04_every_check_of_the_eager_constructor_is_made(make: Any, eager: Any) -> None:
    with pytest.raises(ValueError) as expected:
        eager()
    with pytest.raises(ValueError) as got:
        make()
    assert str(got.value).split(",")[0] == str(expected.value).split(",")[0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: lazy.LazyDepthwiseConv2d(3, multiplier=0),
        lambda: lazy.LazyLayerNorm(0),
        lambda: lazy.LazyRMSNorm(dims=-1),
    ],
)
def test_guarantee_04_arguments_of_the_lazy_class_alone_are_checked_too(make: Any) -> None:
    with pytest.raises(ValueError, match="at least 1, not"):
        make()


# 5. Zero channels


def test_guarantee_05_torch_makes_a_convolution_of_no_channels() -> None:
    module = nn.LazyConv2d(8, 1)
    module(torch.randn(2, 0, 4, 4))
    assert repr(module).startswith("Conv2d(0, 8")
    for other in (nn.LazyLinear(8), nn.LazyBatchNorm1d()):
        with suppress(ValueError, IndexError):
            other(torch.randn(2, 0))
        assert not isinstance(other, LazyModuleMixin)


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (lambda: LazyConv2d(8, 1), torch.randn(2, 0, 4, 4)),
        (lambda: lazy.LazyLinear(3), torch.randn(2, 0)),
        (lazy.LazyBatchNorm1d, torch.randn(2, 0)),
        (lazy.LazyLayerNorm, torch.randn(2, 0)),
        (lambda: lazy.LazyLSTM(3), torch.randn(2, 3, 0)),
    ],
)
def test_guarantee_05_zero_channels_are_refused(make: Any, x: torch.Tensor) -> None:
    with pytest.raises(InferenceError, match="of at least 1, and gets"):
        make()(x)


def test_guarantee_05_an_empty_batch_is_fine() -> None:
    assert LazyConv2d(8, 3)(torch.randn(0, 4, 5, 5)).shape == (0, 8, 3, 3)


# 6. Unbatched inputs of norms


@pytest.mark.parametrize("n", [1, 2, 3])
def test_guarantee_06_unbatched_input_to_instance_norms(n: int) -> None:
    x = torch.randn(4, *[6] * n)
    theirs = getattr(nn, f"LazyInstanceNorm{n}d")()
    with pytest.raises((RuntimeError, ValueError)):
        theirs(x)
    ours = getattr(lazy, f"LazyInstanceNorm{n}d")(affine=True)
    assert torch.equal(ours(x), getattr(nn, f"InstanceNorm{n}d")(4, affine=True)(x))


def test_guarantee_06_torch_takes_features_from_a_wrong_rank() -> None:
    module = nn.LazyInstanceNorm2d()
    with pytest.raises(ValueError, match="expected 3D or 4D"):
        module(torch.randn(2, 4))
    assert module.num_features == 4


@pytest.mark.parametrize(
    ("name", "shape"),
    [("BatchNorm1d", (4,)), ("BatchNorm2d", (2, 4, 5)), ("InstanceNorm2d", (2, 4))],
)
def test_guarantee_06_a_wrong_rank_changes_nothing(name: str, shape: tuple[int, ...]) -> None:
    module, x = getattr(lazy, f"Lazy{name}")(), torch.randn(shape)
    before = snapshot(module)
    with pytest.raises(InferenceError, match=rf"Lazy{name} expects a .*D .*input, and gets"):
        module(x)
    assert snapshot(module) == before


# 7. Norms with nothing to learn


@pytest.mark.parametrize("name", ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm2d"])
def test_guarantee_07_norms_with_nothing_to_learn_get_their_features(name: str) -> None:
    x = torch.randn(2, 4, *{"1": [6], "2": [6, 6], "3": [6, 6, 6]}[name[-2]])
    keywords = {"affine": False, "track_running_stats": False}
    theirs = getattr(nn, f"Lazy{name}")(**keywords)
    if name.startswith("Batch"):
        theirs(x)
    assert theirs.num_features == 0
    ours = getattr(lazy, f"Lazy{name}")(**keywords)
    ours(x)
    assert ours.num_features == 4


# 8. Subclasses keep their methods


def _doubling(base: Any) -> Any:
    class Doubling(base):  # type: ignore[misc]
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input) * 2

        def describe(self) -> str:
            return f"doubles {self.in_channels} channels"

    return Doubling(8, 3)


def test_guarantee_08_torch_runs_an_overridden_forward_once() -> None:
    class Doubling(nn.LazyConv2d):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return nn.Conv2d.forward(self, input) * 2

    module = Doubling(8, 3)
    first, second = module(IMAGE), module(IMAGE)
    assert torch.allclose(first, second * 2)
    with pytest.raises(TypeError, match="must be an instance"):
        _doubling(nn.LazyConv2d)(IMAGE)  # super() fails: the class has changed


def test_guarantee_08_an_overridden_forward_stays() -> None:
    module = _doubling(LazyConv2d)
    first, second = module(IMAGE), module(IMAGE)
    assert torch.equal(first, second)
    assert torch.equal(second, nn.Conv2d.forward(module, IMAGE) * 2)
    assert module.describe() == "doubles 4 channels"
    assert find_lazy(module) == {}


class Padded(LazyConv2d):
    """Only presets arguments."""

    def __init__(self, out_channels: int) -> None:
        super().__init__(out_channels, 3, padding=1)


def test_guarantee_08_a_subclass_that_only_presets_arguments_becomes_the_eager_class() -> None:
    module = Padded(8)
    module(IMAGE)
    assert type(module) is nn.Conv2d


class Counting(LazyConv2d):
    """Has a method of its own."""

    def count(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())


def test_guarantee_08_a_kept_class_trains_saves_moves_and_copies() -> None:
    module = Counting(8, 3)
    module(IMAGE).sum().backward()
    for again in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert type(again) is Counting
        assert again.count() == 8 * 4 * 9 + 8
        assert torch.equal(again(IMAGE), module(IMAGE))
    again.load_state_dict(nn.Conv2d(4, 8, 3).state_dict())
    assert again.double()(IMAGE.double()).dtype == torch.float64
    again.reset_parameters()


# 9. Copies keep dtype and device


def test_guarantee_09_torch_loses_dtype_and_device_in_pickle() -> None:
    again = pickle.loads(pickle.dumps(nn.LazyConv2d(8, 3, device="meta", dtype=torch.float64)))
    assert (again.weight.device.type, again.weight.dtype) == ("cpu", torch.float32)


def test_guarantee_09_torch_cannot_deepcopy_its_norms() -> None:
    with pytest.raises(ValueError, match="uninitialized parameter"):
        copy.deepcopy(nn.LazyBatchNorm2d())


@each_class
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_guarantee_09_copies_keep_dtype_and_device(case: Case, copied: Any) -> None:
    module = case.make_lazy().to("meta", torch.float64)
    again = copied(copied(module))
    assert type(again) is type(module)
    lazies = [t for t in (*again.parameters(), *again.buffers()) if is_lazy(t)]
    assert len(lazies) == len([t for t in (*module.parameters(), *module.buffers()) if is_lazy(t)])
    for tensor in lazies:
        assert (tensor.device.type, tensor.dtype) == ("meta", torch.float64)
    again(*(tensor.to("meta") for tensor in case.inputs(torch.float64)))
    assert type(again) is type(case.make_eager())
    assert any(map(is_lazy, module.state_dict().values())) == bool(lazies)


# 10. Shared weights


def test_guarantee_10_torch_makes_a_layer_of_no_channels() -> None:
    first, second = nn.LazyConv2d(8, 3), nn.LazyConv2d(8, 3)
    second.weight, second.bias = first.weight, first.bias
    first(IMAGE)
    second(IMAGE)
    assert repr(second) == "Conv2d(0, 8, kernel_size=(3, 3), stride=(1, 1))"


def test_guarantee_10_two_lazies_agree_on_a_shared_weight() -> None:
    first, second = lazy.LazyLinear(8), lazy.LazyLinear(8)
    second.weight = first.weight
    first(torch.randn(2, 5))
    values = first.weight.detach().clone()
    second(torch.randn(2, 5))
    assert second.weight is first.weight
    assert torch.equal(first.weight, values)
    assert repr(second) == "Linear(in_features=5, out_features=8, bias=True)"


def test_guarantee_10_or_fail_clearly() -> None:
    first, second = lazy.LazyLinear(8), lazy.LazyLinear(8)
    second.weight = first.weight
    first(torch.randn(2, 5))
    x = torch.randn(2, 6)
    before = snapshot(second)
    with pytest.raises(InferenceError, match=r"needs a weight of \[8, 6\].*has one of \[8, 5\]"):
        second(x)
    assert snapshot(second) == before
    assert first.weight.shape == (8, 5)


def test_guarantee_10_a_weight_of_an_eager_layer_may_be_tied_before_the_first_forward() -> None:
    embedding, head = nn.Embedding(11, 4), lazy.LazyLinear(11, bias=False)
    head.weight = embedding.weight
    values = embedding.weight.detach().clone()
    x, before = torch.randn(2, 4), torch.get_rng_state()
    head(x)
    assert head.weight is embedding.weight
    assert torch.equal(embedding.weight, values)
    assert torch.equal(torch.get_rng_state(), before)


def test_guarantee_10_a_failed_forward_leaves_the_other_owner_alone() -> None:
    first, second = lazy.LazyConv2d(8, 3), lazy.LazyConv2d(8, 3, padding=1)
    second.weight = first.weight
    first(IMAGE)
    with pytest.raises(RuntimeError):
        second(IMAGE.double())
    assert first(IMAGE).shape == (2, 8, 6, 6)
    second(IMAGE)
    assert second.weight is first.weight


def test_guarantee_10_sharing_survives_a_copy_of_the_network() -> None:
    network = nn.Sequential(lazy.LazyLinear(5), lazy.LazyLinear(5))
    network[1].weight = network[0].weight
    for again in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert again[0].weight is again[1].weight
        again(torch.randn(2, 5))
        assert again[0].weight is again[1].weight


# 11. torch.compile


def _network(family: Any) -> nn.Sequential:
    return nn.Sequential(
        family.LazyConv2d(8, 3), family.LazyBatchNorm2d(), nn.Flatten(), family.LazyLinear(5)
    ).eval()


def test_guarantee_11_torch_crashes_inside_dynamo() -> None:
    torch._dynamo.reset()
    with pytest.raises(torch._dynamo.exc.InternalTorchDynamoError):
        torch.compile(_network(nn), dynamic=True, backend="eager")(IMAGE)


@pytest.mark.parametrize("dynamic", [True, False, None])
def test_guarantee_11_compile_before_the_first_forward(dynamic: bool | None) -> None:
    torch._dynamo.reset()
    network = _network(lazy)
    compiled = torch.compile(network, dynamic=dynamic, backend="eager")
    for batch in (2, 3):
        x = torch.randn(batch, 4, 8, 8)
        assert torch.allclose(compiled(x), network(x))
    assert find_lazy(network) == {}


def test_guarantee_11_compile_of_one_layer_and_in_place() -> None:
    torch._dynamo.reset()
    layer = LazyConv2d(8, 3)
    assert torch.compile(layer, dynamic=True, backend="eager")(IMAGE).shape == (2, 8, 6, 6)
    assert type(layer) is nn.Conv2d
    layer = LazyConv2d(8, 3)
    layer.compile(backend="eager")
    assert layer(IMAGE).shape == layer(IMAGE).shape == (2, 8, 6, 6)
    network = _network(lazy)
    network.compile(backend="eager")
    assert network(IMAGE).shape == (2, 5)
    assert find_lazy(network) == {}


# 12. SyncBatchNorm


def test_guarantee_12_torch_converts_a_lazy_norm_to_one_of_no_features() -> None:
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(nn.LazyBatchNorm2d())
    assert type(converted) is nn.SyncBatchNorm
    assert converted.num_features == 0
    with pytest.raises(ValueError, match="uninitialized"):
        converted(IMAGE)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_guarantee_12_the_conversion_of_a_lazy_norm_is_refused(n: int) -> None:
    network = nn.Sequential(LazyConv2d(8, 3), getattr(lazy, f"LazyBatchNorm{n}d")())
    with pytest.raises(InferenceError, match="run a forward first, or use LazySyncBatchNorm"):
        nn.SyncBatchNorm.convert_sync_batchnorm(network)


def test_guarantee_12_after_a_forward_it_is_right() -> None:
    network = nn.Sequential(LazyConv2d(8, 3), lazy.LazyBatchNorm2d())
    network(IMAGE)
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    assert type(converted[1]) is nn.SyncBatchNorm
    assert converted[1].num_features == 8


def test_guarantee_12_a_lazy_norm_still_prints_and_reads_as_torchs() -> None:
    assert lazy.LazyBatchNorm2d().num_features == nn.LazyBatchNorm2d().num_features == 0


# 13. Messages


def test_guarantee_13_torch_names_neither_the_layer_nor_the_input() -> None:
    # torch has no counterpart to paths: it knows none. These are its messages.
    for module, x, message in (
        (nn.LazyConv2d(9, 3, groups=3), IMAGE, "in_channels must be divisible by groups"),
        (nn.LazyBatchNorm2d(), IMAGE[0], "expected 4D input (got 3D input)"),
        (nn.LazyLinear(3), torch.tensor(1.0), "tuple index out of range"),
    ):
        with pytest.raises((ValueError, IndexError)) as caught:
            module(x)
        assert str(caught.value) == message


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64])
def test_guarantee_13_another_dtype(dtype: torch.dtype) -> None:
    network = nn.Sequential(nn.Identity(), LazyConv2d(8, 3))
    with pytest.raises(InferenceError) as caught:
        materialise(network, IMAGE.to(dtype))
    name = str(dtype).removeprefix("torch.")
    message = f"LazyConv2d at `1` has float32 weights, and gets {name} [2, 4, 8, 8]"
    assert str(caught.value) == message
    assert type(caught.value.__cause__) is RuntimeError  # torch's own words


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            lambda: [LazyConv2d(8, 3), LazyConv2d(9, 3, groups=3)],
            "LazyConv2d at `1` needs channels divisible by groups=3, and gets 8 from [2, 8, 6, 6]",
        ),
        (
            lambda: [nn.Flatten(0), lazy.LazyBatchNorm1d()],
            "LazyBatchNorm1d at `1` expects a 2D or 3D input, and gets [512] (1D)",
        ),
        (
            lambda: [nn.Flatten(0), lazy.LazyGroupNorm(2)],
            "LazyGroupNorm at `1` expects an input of at least 2 dimensions, and gets [512] (1D)",
        ),
        (
            lambda: [nn.Flatten(0), lazy.LazySyncBatchNorm()],
            "LazySyncBatchNorm at `1` expects an input of at least 2 dimensions, "
            "and gets [512] (1D)",
        ),
        (
            lambda: [lazy.LazyLayerNorm(5)],
            "LazyLayerNorm at `0` normalises the last 5 dimensions, and gets [2, 4, 8, 8] (4D)",
        ),
        (
            lambda: [lazy.LazyGroupNorm(3)],
            "LazyGroupNorm at `0` needs channels divisible by num_groups=3, and gets 4 "
            "from [2, 4, 8, 8]",
        ),
    ],
)
def test_guarantee_13_messages_name_path_expected_and_got(layers: Any, message: str) -> None:
    with pytest.raises(InferenceError) as caught:
        materialise(nn.Sequential(*layers()), IMAGE)
    assert str(caught.value) == message


def test_guarantee_13_without_a_path_the_class_is_named() -> None:
    with pytest.raises(InferenceError) as caught:
        LazyConv2d(8, 3)(IMAGE[0, 0])
    assert str(caught.value) == (
        "LazyConv2d expects a 3D (unbatched) or 4D (batched) input, and gets [8, 8] (2D)"
    )


def test_guarantee_13_a_call_with_wrong_arguments_says_which() -> None:
    with pytest.raises(TypeError, match=r"LazyBilinear called with wrong arguments.*input2"):
        lazy.LazyBilinear(3)(torch.ones(2, 3))


def test_guarantee_13_two_inputs_that_disagree() -> None:
    layer = lazy.LazyTransformerDecoderLayer(2)
    with pytest.raises(InferenceError, match=r"tgt and memory of one d_model.*\[3, 8\].*\[3, 6\]"):
        layer(torch.randn(3, 8), torch.randn(3, 6))


@pytest.mark.parametrize(
    ("make", "shapes", "message"),
    [
        (lambda: lazy.LazyBilinear(3), [(2, 3), (3, 4)], r"last dimension alone.*\[2, 3\] and \[3"),
        (
            lambda: lazy.LazyMultiheadAttention(2),
            [(3, 2, 8), (4, 2, 8), (5, 2, 8)],
            r"a value for each key, and gets keys \[4, 2, 8\] and values \[5, 2, 8\]",
        ),
        (
            lambda: lazy.LazyMultiheadAttention(2),
            [(3, 2, 8), (4, 8), (4, 8)],
            r"expects a 3D key, and gets \[4, 8\] \(2D\)",
        ),
        (
            lambda: lazy.LazyTransformerDecoderLayer(2),
            [(3, 2, 8), (4, 8)],
            r"expects a 3D memory, and gets \[4, 8\] \(2D\)",
        ),
    ],
)
def test_guarantee_13_inputs_that_disagree_are_both_shown(
    make: Any, shapes: Any, message: str
) -> None:
    module = make()
    with pytest.raises(InferenceError, match=rf"^{type(module).__name__} .*{message}"):
        module(*map(torch.randn, shapes))


def test_guarantee_13_what_is_no_tensor() -> None:
    with pytest.raises(InferenceError, match="expects a tensor as input, and gets list"):
        LazyConv2d(8, 3)([1, 2])


def test_guarantee_13_a_scalar_has_no_features() -> None:
    with pytest.raises(InferenceError, match="to have a dimension, and gets a scalar"):
        lazy.LazyLinear(3)(torch.tensor(1.0))


def test_guarantee_13_a_size_that_the_eager_constructor_refuses() -> None:
    class Odd(nn.Module):
        def __init__(self, features: int, device: Any = None, dtype: Any = None) -> None:
            super().__init__()
            if features == 4:
                raise ValueError("four is too many")

    class LazyOdd(lazy.LazyMixin, Odd):
        infers = ("features",)

        def __init__(self) -> None:
            super().__init__(features=1)

        def infer(self, input: torch.Tensor) -> Any:
            return {"features": input.shape[1]}

    message = r"LazyOdd cannot become Odd\(features=4\): four is too many"
    with pytest.raises(InferenceError, match=message):
        LazyOdd()(IMAGE)


def test_guarantee_13_tracing_before_the_first_forward_says_what_to_do() -> None:
    with pytest.raises(InferenceError, match="gets Proxy: run a forward before tracing"):
        torch.fx.symbolic_trace(nn.Sequential(LazyConv2d(8, 3)))


def test_guarantee_13_a_failure_of_torch_itself_notes_the_layer_and_its_input() -> None:
    with pytest.raises(RuntimeError, match="Kernel size") as caught:
        materialise(nn.Sequential(nn.Identity(), LazyConv2d(8, 20)), IMAGE)
    notes = getattr(caught.value, "__notes__", None)  # Python 3.11
    if notes is not None:
        assert notes == ["LazyConv2d at `1` was left as it was; its input was [2, 4, 8, 8]"]


# 14. materialise


def test_guarantee_14_torch_has_no_such_helper_and_a_dry_forward_leaves_traces() -> None:
    # there is nothing of torch's to compare with but the dry forward that its docs recommend
    assert not any(
        "materiali" in name for name in (*dir(nn), *dir(nn.modules.lazy), *dir(nn.utils))
    )
    network = nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d())
    with torch.no_grad():
        network(IMAGE)
    assert int(network[1].num_batches_tracked) == 1
    network = nn.Sequential(nn.LazyConv2d(8, 3))
    with torch.inference_mode():
        network(IMAGE)
    with pytest.raises(RuntimeError, match="Inference tensors cannot"):
        network(IMAGE).sum().backward()


class TwoBranches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(LazyConv2d(8, 3), lazy.LazyBatchNorm2d())
        self.used = LazyConv2d(4, 3)
        self.unused = LazyConv2d(4, 3)
        self.drop = nn.Dropout()
        self.drop.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.rand(3)
        out: torch.Tensor = self.drop(self.used(self.stem(x)))
        return out


def test_guarantee_14_materialise_says_what_became_what() -> None:
    network = TwoBranches()
    conversions = materialise(network, IMAGE)
    assert [(c.path, c.declared.__name__, c.became) for c in conversions] == [
        ("stem.0", "LazyConv2d", nn.Conv2d),
        ("stem.1", "LazyBatchNorm2d", nn.BatchNorm2d),
        ("used", "LazyConv2d", nn.Conv2d),
        ("unused", "LazyConv2d", None),
    ]
    assert str(conversions[0]) == "stem.0: LazyConv2d -> Conv2d"
    assert str(conversions[3]) == ("unused: LazyConv2d is still lazy: the forward never reached it")
    assert list(find_lazy(network)) == ["unused"]


def test_guarantee_14_materialise_moves_no_statistic_mode_or_random_state() -> None:
    network = TwoBranches()
    modes = [child.training for child in network.modules()]
    before = torch.get_rng_state()
    materialise(network, IMAGE)
    assert [child.training for child in network.modules()] == modes
    assert torch.equal(torch.get_rng_state(), before)
    norm = network.stem[1]
    assert int(norm.num_batches_tracked) == 0
    assert bool((norm.running_mean == 0).all())
    assert bool((norm.running_var == 1).all())


def test_guarantee_14_materialise_draws_the_weights_that_a_plain_forward_draws() -> None:
    torch.manual_seed(9)
    network = _network(lazy)
    network(IMAGE)
    torch.manual_seed(9)
    other = _network(lazy)
    materialise(other, IMAGE)
    assert same_state(network, other)


def test_guarantee_14_what_materialise_made_can_be_trained() -> None:
    network = _network(lazy).train()
    with torch.inference_mode():
        materialise(network, IMAGE)
    network(IMAGE).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_guarantee_14_a_failure_leaves_the_whole_network_as_it_was() -> None:
    network = nn.Sequential(LazyConv2d(8, 3), lazy.LazyBatchNorm2d(), LazyConv2d(8, 30))
    before = snapshot(network)
    with pytest.raises(RuntimeError, match="Kernel size"):
        materialise(network, IMAGE)
    assert snapshot(network) == before
    network[2] = LazyConv2d(8, 3)
    materialise(network, IMAGE)
    assert find_lazy(network) == {}


def test_guarantee_14_a_failure_leaves_torchs_own_lazies_too() -> None:
    network = nn.Sequential(nn.LazyConv2d(8, 3), nn.LazyBatchNorm2d(), LazyConv2d(8, 30))
    before = snapshot(network)
    with pytest.raises(RuntimeError, match="Kernel size"):
        materialise(network, IMAGE)
    assert snapshot(network) == before
    network[2] = LazyConv2d(8, 3)
    materialise(network, IMAGE)
    assert find_lazy(network) == {}


def test_guarantee_14_materialise_takes_inputs_by_name_and_torchs_own_lazies() -> None:
    network = nn.Sequential(nn.LazyConv2d(8, 3), LazyConv2d(4, 3))
    conversions = materialise(network, input=IMAGE)
    assert [c.became for c in conversions] == [nn.Conv2d, nn.Conv2d]
    assert materialise(network, IMAGE) == []


# 15. Defaults as documented


@pytest.mark.parametrize("n", [1, 2, 3])
def test_guarantee_15_instance_norms_default_as_the_eager_class(n: int) -> None:
    theirs = getattr(nn, f"LazyInstanceNorm{n}d")()
    assert theirs.affine and theirs.track_running_stats
    ours = getattr(lazy, f"LazyInstanceNorm{n}d")()
    eager = getattr(nn, f"InstanceNorm{n}d")(4)
    assert (ours.affine, ours.track_running_stats) == (eager.affine, eager.track_running_stats)
