"""``cls_to_become``: what may be set, where, and when it is refused."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn

import lazyinspect.lazy as lazy
from lazyinspect.lazy import FakeQuantConv2d, LazyConv2d, LazyLinear, LazyMixin, find_lazy

IMAGE = torch.randn(2, 4, 8, 8)


class Tripled(nn.Conv2d):
    """An eager class of the user's own; its attributes have defaults on the class."""

    factor = 3

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input) * self.factor

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, factor={self.factor}"


class LazyTripled(LazyConv2d):
    cls_to_become = Tripled


def expected(module: nn.Conv2d) -> torch.Tensor:
    return nn.functional.conv2d(IMAGE, module.weight, module.bias) * 3


@pytest.mark.parametrize("how", ["subclass", "instance"])
def test_the_first_forward_is_the_targets_already(how: str) -> None:
    module = LazyTripled(8, 3) if how == "subclass" else LazyConv2d(8, 3)
    if how == "instance":
        module.cls_to_become = Tripled
    first = module(IMAGE)
    assert type(module) is Tripled
    assert torch.equal(first, expected(module))
    assert torch.equal(module(IMAGE), first)
    assert repr(module).endswith("factor=3)")


def test_one_instance_does_not_change_the_class() -> None:
    module = LazyConv2d(8, 3)
    module.cls_to_become = Tripled
    assert module.cls_to_become is Tripled
    assert LazyConv2d.cls_to_become is nn.Conv2d
    assert LazyConv2d(8, 3).cls_to_become is nn.Conv2d
    module(IMAGE)
    assert set(module.__dict__) == set(nn.Conv2d(4, 8, 3).__dict__)


def test_the_choice_of_an_instance_survives_copies() -> None:
    module = LazyConv2d(8, 3)
    module.cls_to_become = Tripled
    for again in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        again(IMAGE)
        assert type(again) is Tripled


def test_loading_a_checkpoint_becomes_the_target_too() -> None:
    module = LazyTripled(8, 3)
    module.load_state_dict(nn.Conv2d(4, 8, 3).state_dict())
    assert type(module) is Tripled


def test_a_bundled_class_may_become_another() -> None:
    module = LazyConv2d(8, 3)
    module.cls_to_become = FakeQuantConv2d
    assert repr(module).startswith("LazyConv2d(0, 8")
    module(IMAGE)
    assert type(module) is FakeQuantConv2d
    assert module.quantize_qrange == (-128, 127)


class Slotted(nn.Conv2d):
    __slots__ = ("extra",)


class OtherLayout(nn.Conv2d, dict):  # type: ignore[misc, type-arg]
    """Its objects are laid out as a dict's."""


class NoSlots(nn.Conv2d):
    __slots__ = ()


REFUSED = [
    (3, "a subclass of nn.Module, or None"),
    (dict, "a subclass of nn.Module, or None"),
    (nn.Linear, "no subclass of Conv2d, whose weights and attributes it gets"),
    (nn.Module, "no subclass of Conv2d"),
    (LazyLinear, "it is lazy itself"),
    (LazyTripled, "it is lazy itself"),
    (Slotted, "`__slots__` differ"),
    (OtherLayout, "`__slots__` differ|layout"),
]


@pytest.mark.parametrize(("target", "reason"), REFUSED)
def test_a_target_that_does_not_fit_is_refused_when_set(target: Any, reason: str) -> None:
    module = LazyConv2d(8, 3)
    with pytest.raises(TypeError, match=f"LazyConv2d cannot become .*{reason}"):
        module.cls_to_become = target
    module(IMAGE)
    assert type(module) is nn.Conv2d


@pytest.mark.parametrize(("target", "reason"), REFUSED)
def test_a_target_that_does_not_fit_is_refused_at_class_definition(
    target: Any, reason: str
) -> None:
    with pytest.raises(TypeError, match=reason):
        type("Bad", (LazyConv2d,), {"cls_to_become": target})


def test_a_forward_that_the_target_would_lose_is_refused() -> None:
    def forward(self: Any, input: torch.Tensor) -> torch.Tensor:
        return input

    with pytest.raises(TypeError, match="forward that Bad defines would run once and then be lost"):
        type("Bad", (LazyConv2d,), {"cls_to_become": Tripled, "forward": forward})
    kept = type("Kept", (LazyConv2d,), {"forward": forward})(8, 3)
    with pytest.raises(TypeError, match="would run once and then be lost"):
        kept.cls_to_become = Tripled


def test_empty_slots_change_no_layout() -> None:
    module = LazyConv2d(8, 3)
    module.cls_to_become = NoSlots
    module(IMAGE)
    assert type(module) is NoSlots


@pytest.mark.parametrize("name", ["count", "note"])
def test_what_the_target_would_lose_is_refused(name: str) -> None:
    body = {"count": lambda self: 3} if name == "count" else {"note": "kept"}
    with pytest.raises(TypeError, match=f"`{name}` would be lost; define it in Tripled"):
        type("Bad", (LazyConv2d,), {"cls_to_become": Tripled, **body})
    with pytest.raises(TypeError, match=f"`{name}` would be lost"):
        type("Bad", (type("Mixin", (), body), LazyConv2d), {"cls_to_become": Tripled})
    kept = type("Kept", (LazyConv2d,), body)(8, 3)
    with pytest.raises(TypeError, match=f"`{name}` would be lost"):
        kept.cls_to_become = Tripled
    kept(IMAGE)
    assert hasattr(kept, name)


def test_what_the_target_has_too_is_not_lost() -> None:
    class Noted(Tripled):
        note = "the target's"

    class LazyNoted(LazyConv2d):
        cls_to_become = Noted
        note = "before"

        def _helper(self) -> None: ...

    module = LazyNoted(8, 3)
    module(IMAGE)
    assert module.note == "the target's"


def test_a_subclass_that_tells_its_shapes_becomes_its_parents_target() -> None:
    class Telling(LazyConv2d):
        def shapes(self, sizes: Any) -> Any:
            return super().shapes(sizes)

    module = Telling(8, 3)
    module(IMAGE)
    assert type(module) is nn.Conv2d


def test_none_keeps_the_class() -> None:
    module = LazyConv2d(8, 3)
    module.cls_to_become = None
    module(IMAGE)
    assert type(module) is LazyConv2d
    assert find_lazy(module) == {}
    assert module(IMAGE).shape == (2, 8, 6, 6)
    assert repr(module) == "LazyConv2d(4, 8, kernel_size=(3, 3), stride=(1, 1))"


def test_setting_it_after_the_first_forward_is_refused() -> None:
    module = LazyConv2d(8, 3)
    module.cls_to_become = None
    module(IMAGE)
    with pytest.raises(TypeError, match="before the first forward"):
        module.cls_to_become = Tripled


class Logging:
    """A mixin with a method."""

    def log(self) -> str:
        return f"{type(self).__name__} logs"


def test_a_mixins_methods_survive() -> None:
    class Logged(Logging, LazyConv2d):
        pass

    module = Logged(8, 3)
    module(IMAGE)
    assert module.log() == "Logged logs"
    assert type(module) is Logged


def test_slots_and_class_attributes_survive() -> None:
    class Slots(LazyConv2d):
        __slots__ = ("note",)

    module = Slots(8, 3)
    object.__setattr__(module, "note", "kept")
    module(IMAGE)
    assert module.note == "kept"
    assert type(module) is Slots


def test_attributes_and_hooks_of_the_users_survive() -> None:
    module, calls = LazyConv2d(8, 3), []
    module.note = "kept"
    module.weight.no_decay = True
    module.register_forward_hook(lambda *_: calls.append("hook"))
    module.register_buffer("mask", torch.ones(3))
    module(IMAGE)
    assert module.note == "kept"
    assert module.weight.no_decay
    assert calls == ["hook"]
    assert torch.equal(module.mask, torch.ones(3))


def test_arguments_changed_by_hand_before_the_first_forward_are_honoured() -> None:
    module = LazyConv2d(8, 3)
    module.stride = (2, 2)
    module.out_channels = 6
    assert module(IMAGE).shape == (2, 6, 3, 3)
    recurrent = lazy.LazyGRUCell(3)
    recurrent.hidden_size = 5
    assert recurrent(torch.randn(2, 4)).shape == (2, 5)
    norm = lazy.LazyTransformerEncoderLayer(2, 8)
    norm.norm1.eps = 0.5
    norm(torch.randn(3, 4))
    assert norm.norm1.eps == 0.5
    assert norm.norm2.eps == 1e-5


def test_a_bias_taken_away_by_hand_stays_away() -> None:
    module = LazyConv2d(8, 3)
    module.bias = None
    module(IMAGE)
    assert module.bias is None


# A lazy class of the user's own


class Scale(nn.Module):
    """Multiplies each feature; allocates in its constructor as torch's modules do."""

    def __init__(
        self, features: int, gain: float = 1.0, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.features, self.gain = features, gain
        self.sizes = [features, features * 2]
        self.weight = nn.Parameter(torch.rand(features, device=device, dtype=dtype))
        self.register_buffer("seen", torch.zeros(features, device=device, dtype=dtype))
        self.inner = nn.Linear(features, 2 * features, device=device, dtype=dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.inner(x * self.weight * self.gain)
        return y


class LazyScale(LazyMixin, Scale):
    infers = ("features",)

    def __init__(self, gain: float = 1.0, device: Any = None, dtype: Any = None) -> None:
        super().__init__(features=0, gain=gain, device=device, dtype=dtype)

    def infer(self, x: torch.Tensor) -> dict[str, Any]:
        return {"features": x.shape[-1]}


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_ten_lines_make_a_lazy_class_of_the_users_own() -> None:
    torch.manual_seed(0)
    module = LazyScale(2.0)
    assert torch.equal(torch.get_rng_state(), torch.manual_seed(0).get_state())
    x = torch.ones(3, 5)
    got = module(x)
    torch.manual_seed(0)
    eager = Scale(5, 2.0)
    assert type(module) is Scale
    assert torch.equal(got, eager(x))
    assert module.sizes == [5, 10]
    assert repr(module) == repr(eager)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_class_that_cannot_infer_from_a_checkpoint_says_so() -> None:
    module = LazyScale()
    with pytest.raises(RuntimeError, match="LazyScale cannot tell its sizes from"):
        module.load_state_dict(Scale(5).state_dict())
    assert list(find_lazy(module)) == [""]


def test_a_class_written_for_torchs_mixin_works() -> None:
    class Own(LazyMixin, nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.UninitializedParameter()

        def initialize_parameters(self, input: torch.Tensor) -> None:
            self.weight.materialize((input.shape[-1],))
            nn.init.ones_(self.weight)

        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return input * self.weight

    module = Own()
    assert torch.equal(module(torch.full((2, 3), 7.0)), torch.full((2, 3), 7.0))
    assert find_lazy(module) == {}


def test_a_class_without_infer_says_what_is_missing() -> None:
    class Nothing(LazyMixin, nn.Linear):
        infers = ("in_features",)

        def __init__(self) -> None:
            super().__init__(in_features=0, out_features=3)

    with pytest.raises(NotImplementedError, match=r"Nothing defines no infer\(\)"):
        Nothing()(torch.ones(2, 4))


def test_a_part_of_a_lazy_module_cannot_be_called_on_its_own() -> None:
    layer = lazy.LazyTransformerEncoderLayer(2)
    with pytest.raises(lazy.InferenceError, match="part of a lazy module"):
        layer.linear1(torch.ones(2, 8))
    with pytest.raises(lazy.InferenceError, match="call the module itself"):
        layer.forward(torch.ones(2, 8))
