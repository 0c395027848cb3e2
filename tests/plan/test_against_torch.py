"""Networks of the language's combinations compute what a hand-written module does."""

from __future__ import annotations

import torch
from plans import plan_of
from torch import nn

from lazyinspect.probe import materialised


def assert_same(text: str, by_hand: nn.Module, *inputs: torch.Tensor) -> None:
    """Equal names and shapes in order, and on equal weights equal outputs."""
    network = materialised(plan_of(text), device="cpu")
    own = [(name, tensor.shape) for name, tensor in network.state_dict().items()]
    assert own == [(name, tensor.shape) for name, tensor in by_hand.state_dict().items()]
    by_hand.load_state_dict(network.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(network(*inputs), by_hand(*inputs))


class Pair(nn.Module):
    """A block in a block: two layers around an activation, added to a shift of its own."""

    def __init__(self, size: int, act: nn.Module) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(size))
        self.body = nn.Sequential(nn.Linear(size, 2 * size), act, nn.Linear(2 * size, size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.shift  # type: ignore[no-any-return]


class Mixer(nn.Module):
    """Its last pair is applied to the outputs of all of them."""

    def __init__(self, size: int, n: int, act: nn.Module) -> None:
        super().__init__()
        self.m = nn.Sequential(*(Pair(size, act) for _ in range(n)))
        self.last = Pair(size, nn.ELU(0.5))
        self.join = nn.Linear(size * (n + 2), size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = [x]
        for pair in self.m:
            found.append(pair(found[-1]))
        twice = self.last(self.last(found[-1]))
        return self.join(torch.cat([*found, twice], 1))  # type: ignore[no-any-return]


def test_layer_parameters_of_repeated_blocks_inside_blocks() -> None:
    text = (
        "input: [2, 6]\n"
        "blocks:\n"
        "  Pair:\n"
        "    params: {act: layer}\n"
        "    layers:\n"
        "      body: [LazyLinear: $2*last, $act, LazyLinear: $last//2]\n"
        "      shift: {Parameter: $last, from: body}\n"
        "      sum: {add: [body, shift]}\n"
        "  Mixer:\n"
        "    params: {n: int, act: {LeakyReLU: 0.2}}\n"
        "    layers:\n"
        "      m: {Pair: $act, repeat: $n, each: ys}\n"
        "      last: {Pair: {act: {ELU: 0.5}}}\n"
        "      twice: {use: last}\n"
        "      all: {cat: [input, ys, twice]}\n"
        "      join: {LazyLinear: 6}\n"
        "layers: [Mixer: 2, Mixer: [3, Tanh], Mixer: 2]\n"
    )
    by_hand = nn.Sequential(
        Mixer(6, 2, nn.LeakyReLU(0.2)), Mixer(6, 3, nn.Tanh()), Mixer(6, 2, nn.LeakyReLU(0.2))
    )
    assert_same(text, by_hand, torch.randn(5, 6))


class Crossing(nn.Module):
    """A container that reads two values around it, and of which two are read outside."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b = nn.Linear(4, 4)
        self.s = nn.Module()
        self.s.add_module("0", nn.Module())
        inner = self.s.get_submodule("0")
        inner.add_module("0", nn.Linear(4, 4))
        inner.add_module("2", nn.Linear(4, 4))
        self.out = nn.Linear(12, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.a(x)
        b = self.b(a)
        inner = self.s.get_submodule("0")
        first = inner.get_submodule("0")(x)
        second = inner.get_submodule("2")(first - b)
        s = second * a
        return self.out(torch.cat([second, s, first], 1))  # type: ignore[no-any-return]


def test_values_cross_the_borders_of_containers_both_ways_in_any_order() -> None:
    text = (
        "input: [2, 4]\n"
        "layers:\n"
        "  a: {LazyLinear: 4}\n"
        "  b: {LazyLinear: 4}\n"
        "  s:\n"
        "    - - {LazyLinear: 4, from: input, as: first}\n"
        "      - sub: [first, b]\n"
        "      - {LazyLinear: 4, as: second}\n"
        "      - mul: [second, a]\n"
        "  all: {cat: [second, s, first]}\n"
        "  out: {LazyLinear: 2}\n"
    )
    assert_same(text, Crossing(), torch.randn(3, 4))


class Token(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 4))
        self.fc = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        return self.fc(self.fc(seen))  # type: ignore[no-any-return]


def test_a_token_planned_for_one_sample_is_expanded_over_a_batch() -> None:
    text = (
        "input: [1, 3, 4]\n"
        "layers:\n"
        "  token: {Parameter: [1, 1, 4]}\n"
        "  seen: {cat: [token, input]}\n"
        "  fc: {LazyLinear: 4}\n"
        "  again: {use: fc}\n"
    )
    assert_same(text, Token(), torch.randn(6, 3, 4))


def test_one_eager_parameter_serves_all_the_lazy_ones_tied_to_it() -> None:
    def parameters(layer: str) -> dict[str, torch.nn.Parameter]:
        text = (
            "input: [1, 4]\n"
            f"layers: {{a: {{{layer}}}, b: {{{layer}}}, p: {{Parameter: [4, 4, {{fill: 2.0}}]}},"
            " m: {matmul: [b, p]}, end: {Linear: [4, 2]}}\n"
            "tie: {b.weight: a.weight, p: a.weight}\n"
        )
        torch.manual_seed(0)
        network = materialised(plan_of(text), device="cpu")
        a, b, p = (network.get_parameter(name) for name in ("a.weight", "b.weight", "p"))
        assert a is b is p
        return dict(network.named_parameters())

    for lazy, given in (
        ("LazyLinear: 4", "Linear: [4, 4]"),
        ("LazyLinear: [4, false]", "Linear: [4, 4, false]"),
    ):
        found, expected = parameters(lazy), parameters(given)
        assert found.keys() == expected.keys()
        # the values are the source's, as where all sizes are given, not the fill of the path
        assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())
