"""The recipe of docs/lazy.md: ten lines make a lazy class that can do what the bundled ones can."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lazyinspect.lazy import InferenceError, LazyMixin, find_lazy, materialise

PAGE = Path(__file__).parents[2] / "docs" / "lazy.md"
X = torch.randn(5, 3, 7)


class Highway(nn.Module):
    """An eager class as anyone writes it."""

    def __init__(
        self, size: int, bias: float = -1.0, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.size = size
        self.carry = nn.Linear(size, size, device=device, dtype=dtype)
        self.scale = nn.Parameter(torch.full((size,), bias, device=device, dtype=dtype))
        self.register_buffer("mean", torch.zeros(size, device=device, dtype=dtype))

    def forward(self, x: torch.Tensor, *, gain: float = 1.0) -> torch.Tensor:
        gate = torch.sigmoid(self.carry(x) + self.scale)
        return x * gate * gain + self.mean


class LazyHighway(LazyMixin, Highway):
    infers = ("size",)
    template_device = "meta"

    def __init__(self, bias: float = -1.0, device: Any = None, dtype: Any = None) -> None:
        super().__init__(size=0, bias=bias, device=device, dtype=dtype)

    def infer(self, x: torch.Tensor, *, gain: float = 1.0) -> Any:
        return {"size": x.shape[-1]}

    def infer_from_state(self, shapes: Any) -> Any:
        return {"size": shapes["scale"][0]}


class Louder(Highway):
    def forward(self, x: torch.Tensor, *, gain: float = 1.0) -> torch.Tensor:
        return super().forward(x, gain=10 * gain)


def lines(source: str) -> int:
    return sum(bool(line.strip()) for line in source.splitlines())


pytestmark = pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")


def test_the_recipe_of_the_page_takes_ten_lines() -> None:
    text = PAGE.read_text(encoding="utf-8")
    (recipe,) = re.findall(r"^class LazyGate\(.*?(?=^\S)", text[text.index("class LazyGate") :],
                           re.MULTILINE | re.DOTALL)  # fmt: skip
    assert lines(recipe) <= 10
    assert lines(inspect.getsource(LazyHighway)) <= 10


def test_the_first_forward_equals_the_eager_class() -> None:
    torch.manual_seed(1)
    module = LazyHighway(0.5)
    got = module(X, gain=2.0)
    torch.manual_seed(1)
    eager = Highway(7, 0.5)
    assert type(module) is Highway
    assert repr(module) == repr(eager)
    assert torch.equal(got, eager(X, gain=2.0))
    assert type(module.carry) is nn.Linear


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_copies_before_and_after_the_first_forward(copied: Any) -> None:
    module = LazyHighway(0.5, dtype=torch.float64)
    again = copied(module)
    again(X.double())
    assert again.scale.dtype == torch.float64
    assert list(find_lazy(module)) == [""]
    module(X.double())
    assert torch.equal(copied(module)(X.double()), module(X.double()))


def test_checkpoints_in_four_directions() -> None:
    eager = Highway(7)
    loaded = LazyHighway()
    loaded.load_state_dict(eager.state_dict())
    assert type(loaded) is Highway
    assert torch.equal(loaded(X), eager(X))

    lazy_too = LazyHighway()
    lazy_too.load_state_dict(LazyHighway().state_dict())
    assert list(find_lazy(lazy_too)) == [""]

    with pytest.raises(RuntimeError, match="shape of an uninitialized"):
        Highway(7).load_state_dict(LazyHighway().state_dict())

    lazy_too(X)
    lazy_too.load_state_dict(eager.state_dict())
    assert torch.equal(lazy_too(X), eager(X))

    state = {**eager.state_dict(), "carry.weight": torch.ones(7, 6)}
    with pytest.raises(RuntimeError, match=r"size mismatch for carry.weight.*LazyHighway"):
        LazyHighway().load_state_dict(state)


def test_it_becomes_what_it_is_told_to() -> None:
    module = LazyHighway()
    module.cls_to_become = Louder
    plain = copy.deepcopy(module)
    plain.cls_to_become = Highway
    torch.manual_seed(1)
    loud = module(X)
    torch.manual_seed(1)
    assert torch.allclose(loud, plain(X) * 10)
    assert (type(module), type(plain)) == (Louder, Highway)
    with pytest.raises(TypeError, match="no subclass of Highway"):
        LazyHighway().cls_to_become = nn.Linear


def test_a_failed_first_forward_is_undone_and_an_optimizer_survives() -> None:
    module = LazyHighway()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with pytest.raises(InferenceError, match="LazyHighway needs size of at least 1"):
        module(X[..., :0])
    with pytest.raises(InferenceError, match="has float32 weights, and gets float64"):
        module(X.double())
    assert list(find_lazy(module)) == [""]
    (conversion,) = materialise(module, X)
    assert conversion.became is Highway
    before = module.carry.weight.detach().clone()
    module(X).square().sum().backward()
    optimizer.step()
    assert not torch.equal(module.carry.weight, before)


# what a class of one's own may be made of


class Wrapped(nn.Module):
    """Weights below containers that have none of their own."""

    def __init__(self, dim: int, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        kw = {"device": device, "dtype": dtype}
        self.net = nn.Sequential(nn.Linear(dim, 2 * dim, **kw), nn.GELU())
        self.more = nn.ModuleList([nn.Sequential(nn.Linear(2 * dim, dim, **kw))])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.more[0](self.net(x))


class LazyWrapped(LazyMixin, Wrapped):
    infers = ("dim",)

    def __init__(self, device: Any = None, dtype: Any = None) -> None:
        super().__init__(dim=1, device=device, dtype=dtype)

    def infer(self, x: torch.Tensor) -> Any:
        return {"dim": x.shape[-1]}

    def infer_from_state(self, shapes: Any) -> Any:
        return {"dim": shapes["net.0.weight"][1]}


def test_weights_below_containers_are_materialised_and_loaded() -> None:
    torch.manual_seed(0)
    eager = Wrapped(7)
    torch.manual_seed(0)
    lazy = LazyWrapped()
    lazy(X)
    assert type(lazy) is Wrapped and type(lazy.net[0]) is nn.Linear
    for name, value in eager.state_dict().items():
        assert torch.equal(lazy.state_dict()[name], value)
    loaded = LazyWrapped()
    loaded.load_state_dict(eager.state_dict())
    assert type(loaded) is Wrapped
    assert torch.equal(loaded(X), eager(X))


class Scaled(nn.Module):
    """A buffer of one number that the size decides, and tied weights."""

    def __init__(self, dim: int, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        kw = {"device": device, "dtype": dtype}
        self.register_buffer("scale", torch.tensor(float(dim or 1) ** -0.5, **kw))
        self.a = nn.Linear(dim, dim, bias=False, **kw)
        self.b = nn.Linear(dim, dim, bias=False, **kw)
        self.b.weight = self.a.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(self.a(x)) * self.scale


class LazyScaled(LazyMixin, Scaled):
    infers = ("dim",)

    def __init__(self, device: Any = None, dtype: Any = None) -> None:
        super().__init__(dim=1, device=device, dtype=dtype)

    def infer(self, x: torch.Tensor) -> Any:
        return {"dim": x.shape[-1]}

    def infer_from_state(self, shapes: Any) -> Any:
        return {"dim": shapes["a.weight"][1]}


@pytest.mark.parametrize("load", [False, True])
def test_a_number_that_the_size_decides_and_a_tie_are_those_of_the_eager_class(load: bool) -> None:
    eager, lazy = Scaled(7), LazyScaled()
    if load:
        lazy.load_state_dict(eager.state_dict())
    else:
        lazy(X)
    assert torch.equal(lazy.scale, eager.scale)
    assert lazy.a.weight is lazy.b.weight
    assert len(list(lazy.parameters())) == 1


class Projected(nn.Module):
    """A part that exists at some sizes only."""

    def __init__(self, size: int, out: int = 4, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        same = size == out
        self.proj = nn.Identity() if same else nn.Linear(size, out, device=device, dtype=dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj(x)


class LazyProjected(LazyMixin, Projected):
    infers = ("size",)

    def __init__(self, placeholder: int = 4, device: Any = None, dtype: Any = None) -> None:
        super().__init__(size=placeholder, device=device, dtype=dtype)

    def infer(self, x: torch.Tensor) -> Any:
        return {"size": x.shape[-1]}


@pytest.mark.parametrize(("placeholder", "width"), [(4, 7), (1, 4)])
def test_a_part_that_depends_on_the_size_is_refused_and_not_guessed(
    placeholder: int, width: int
) -> None:
    lazy = LazyProjected(placeholder)
    with pytest.raises(InferenceError, match="the same parts at every size"):
        lazy(torch.randn(2, width))
    assert type(lazy) is LazyProjected


def test_an_instance_is_no_class_to_become() -> None:
    lazy = LazyHighway()
    with pytest.raises(TypeError, match=r"cls_to_become is a subclass of nn\.Module"):
        lazy.cls_to_become = Highway(3)
    assert "cls_to_become" not in lazy._modules


@pytest.mark.parametrize("answer", [7, None, {"width": 7}, {"size": 7.0}])
def test_an_infer_that_answers_wrongly_is_told_what_it_returns(answer: Any) -> None:
    class Wrong(LazyHighway):
        def infer(self, x: torch.Tensor, *, gain: float = 1.0) -> Any:
            return answer

    with pytest.raises(InferenceError, match="Wrong: infer"):
        Wrong()(X)
