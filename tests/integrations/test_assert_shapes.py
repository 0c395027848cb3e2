"""`assert_shapes` compares every path that is named, and leaves the module as it was."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from program import ENVIRONMENT
from torch import nn

from lazyinspect import api
from lazyinspect.assertion import assert_shapes
from lazyinspect.lazy import LazyConv2d

SPEC = """\
input: [1, 3, 8, 8]
params: {classes: 10}
variants:
  small: {}
  large: {classes: 100}
layers:
  conv: {LazyConv2d: [4, 3]}
  flat: Flatten
  head: {LazyLinear: $classes}
"""


class Net(nn.Module):
    """Uses one module twice, returns a mapping, and has a module that no forward calls."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.same = self.relu
        self.rnn = nn.LSTM(6, 5, batch_first=True)
        self.unused = nn.Dropout()
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(144, 2))

    def forward(self, x: torch.Tensor, scale: int = 1) -> dict[str, Any]:
        x = self.relu(self.bn(self.conv(x)))
        y = self.relu(self.head(x)) * scale
        return {"features": (x, self.rnn(x[:, 0])[0]), "logits": y}


def message(*arguments: Any, **options: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        assert_shapes(*arguments, **options)
    return str(caught.value)


IMAGE = [2, 3, 8, 8]


def test_shapes_that_hold_pass_in_every_form() -> None:
    shapes = {
        "conv": [2, 4, 6, 6],
        "bn": (2, "_", "*", 6),
        "head": "[2, 2]",
        "head.1": "float32[_, 2]",
        "rnn": [[2, 6, 5], [1, 2, 5], "[1, 2, 5]"],
        "": {"features.0": [2, 4, 6, 6], "logits": [2, 2]},
        ("relu", 0): [2, 4, 6, 6],
        ("relu", 1): [2, 2],
        ("same", 1): torch.Size([2, 2]),
    }
    assert_shapes(Net(), IMAGE, shapes)


@pytest.mark.parametrize(
    "inputs",
    [
        IMAGE,
        (2, 3, 8, 8),
        torch.Size(IMAGE),
        torch.zeros(IMAGE),
        "[2, 3, 8, 8]",
        [torch.zeros(IMAGE)],
        ("float32[2, 3, 8, 8]", 3),
        {"x": IMAGE, "scale": 2},
    ],
    ids=str,
)
def test_inputs_may_be_tensors_or_shapes_by_place_or_by_name(inputs: Any) -> None:
    assert_shapes(Net(), inputs, {"conv": [2, 4, 6, 6]})


def test_every_mismatch_is_said_at_once() -> None:
    shapes = {
        "conv": [2, 4, 6, 7],
        "bn": "float16[2, 4, 6, 6]",
        "rnn": [2, 6, 5],
        "relu": [2, 4, 6, 6],
        ("relu", 2): [1],
        "": {"logits": [2, 3], "loss": []},
        "unused": [1],
        "cnov": [1],
        "head.7": [1],
        "head.1.weight.x": [1],
        "conv.1": [2, 4, 6, 6],
        "backbone.stem": [1],
    }
    assert message(Net(), IMAGE, shapes) == "\n".join(
        [
            "12 of 12 shapes differ in Net",
            "  conv             returns [2, 4, 6, 6], expected [2, 4, 6, 7]",
            "  bn               returns float32[2, 4, 6, 6], expected float16[2, 4, 6, 6]",
            "  rnn              returns 3 tensors ([2, 6, 5], [1, 2, 5], [1, 2, 5]), "
            "expected [2, 6, 5]",
            "  relu             call 1 returns [2, 2], expected [2, 4, 6, 6]",
            "  relu (call 2)    has 2 calls, and the first is call 0",
            "  (the network)    returns [2, 2] as `logits`, expected [2, 3]",
            "  (the network)    returns no `loss`, but `features.0` `features.1` `logits`",
            "  unused           was not seen to be called",
            "  cnov             is not there: did you mean `conv`?",
            "  head.7           is not there: did you mean `head.1`?",
            "  head.1.weight.x  is not there: there is nothing inside `head.1` (Linear)",
            "  conv.1           is not there: did you mean `conv`?",
            "  backbone.stem    is not there: inside the network are conv bn relu same rnn unused "
            "head",
        ]
    )


def test_a_network_with_nothing_inside_is_said_to_have_nothing() -> None:
    assert message(nn.Identity(), [3], {"relu": [3], "": {"loss": [3]}}) == (
        "2 of 2 shapes differ in Identity\n"
        "  relu           is not there: there is nothing inside the network\n"
        "  (the network)  returns no `loss`, but a tensor"
    )


def test_what_holds_is_not_said() -> None:
    text = message(Net(), IMAGE, {"conv": [2, 4, 6, 6], "head": [2, 3]})
    assert text == "1 of 2 shapes differs in Net\n  head  returns [2, 2], expected [2, 3]"


def test_a_forward_that_fails_names_the_module_and_what_differed_before() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_shapes(Net(), [2, 3, 9, 9], {"conv": [2, 4, 6, 6], "head": [2, 2]})
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("the forward of Net fails in `head.1` (Linear): RuntimeError: mat1")
    assert lines[1:] == [
        "  `head.1` gets [2, 196]",
        "  conv  returns [2, 4, 7, 7], expected [2, 4, 6, 6]",
    ]
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_module_that_catches_a_failure_is_not_blamed_for_the_next() -> None:
    class Careless(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with suppress(RuntimeError):
                self.inner(x[:, :2])
            raise ValueError("something else")

    text = message(Careless(), [1, 3], {"": [1, 3]})
    assert text == "the forward of Careless fails: ValueError: something else"


def state(module: nn.Module) -> tuple[Any, ...]:
    modes = [each.training for each in module.modules()]
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in module.modules()]
    values = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    return modes, hooks, values, torch.get_rng_state()


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("inputs", [IMAGE, [2, 3, 9, 9], [1]])
def test_a_module_is_as_it_was_afterwards(train: bool, inputs: list[int]) -> None:
    net = nn.Sequential(Net(), nn.Dropout())
    net[0].bn.eval()  # a frozen norm in a network that trains
    before = state(net)
    with pytest.raises(AssertionError):
        assert_shapes(net, inputs, {"0.conv": [9]}, train=train)
    after = state(net)
    assert after[:2] == before[:2]
    assert all(torch.equal(after[2][name], before[2][name]) for name in before[2])
    assert torch.equal(after[3], before[3])


def test_it_runs_in_eval_mode_unless_told_otherwise() -> None:
    class Auxiliary(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return (x, x[:, :1]) if self.training else x

    module = Auxiliary()
    assert_shapes(module, [1, 3], {"": [1, 3]})
    assert_shapes(module, [1, 3], {"": [[1, 3], [1, 1]]}, train=True)


def test_a_buffer_that_a_forward_puts_in_its_place_is_put_back() -> None:
    class Counter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))
            self.register_buffer("cache", None)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls = self.calls + 1
            self.cache = x
            return x

    counter = Counter()
    assert_shapes(counter, [1], {"": [1]})
    assert counter.calls.item() == 0
    assert counter.cache is None


def test_zeros_have_the_dtype_and_device_of_the_parameters() -> None:
    assert_shapes(nn.Linear(3, 2).double(), [1, 3], {"": "float64[1, 2]"})
    assert_shapes(nn.Linear(3, 2, device="meta"), [1, 3], {"": [1, 2]})
    assert_shapes(nn.Embedding(9, 4), "int64[2, 5]", {"": [2, 5, 4]})


def test_a_lazy_module_is_materialised() -> None:
    net = nn.Sequential(LazyConv2d(4, 3), nn.ReLU())
    assert_shapes(net, IMAGE, {"0": [2, 4, 6, 6]})
    assert type(net[0]) is nn.Conv2d


def test_a_spec_is_planned_with_the_inputs_given(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(SPEC)
    assert_shapes(path, None, {"conv": [1, 4, 6, 6], "head": [1, 10]}, variant="small")
    assert_shapes(str(path), [2, 3, 9, 9], {"": [2, 100]}, variant="large")
    assert_shapes(api.load(path), torch.zeros(IMAGE), {"head": "float32[2, 7]"}, set={"classes": 7})
    assert_shapes(path, {"input": IMAGE}, {"conv": [2, 4, "_", "_"]})
    text = message(path, [2, 3, 9, 9], {"conv": [2, 4, 6, 6], "heat": [1]}, variant="large")
    assert text == (
        f"2 of 2 shapes differ in {path}@large\n"
        "  conv  returns [2, 4, 7, 7], expected [2, 4, 6, 6]\n"
        "  heat  is not there: did you mean `head`?"
    )


def test_a_module_that_a_spec_uses_again_has_several_calls(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("input: [1, 4]\nlayers:\n  fc: {LazyLinear: 4}\n  again: {use: fc}\n")
    assert_shapes(path, None, {"fc": [1, 4], ("fc", 1): [1, 4]})
    assert "fc (call 2)  has 2 calls" in message(path, None, {("fc", 2): [1, 4]})


def test_a_spec_that_does_not_plan_says_why_as_the_command_line_does(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(SPEC.replace("{LazyLinear: $classes}", "{Linear: [9, 2]}"))
    text = message(path, None, {"head": [1, 2]})
    assert text.startswith("the spec does not plan\nerror[shape-mismatch]: Linear expects 9")
    assert "9 |   head: {Linear: [9, 2]}" in text


def test_a_spec_needs_no_torch(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(SPEC)
    code = (
        "import sys; from lazyinspect.assertion import assert_shapes; "
        f"assert_shapes({str(path)!r}, None, {{'head': [1, 10]}}); print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.parametrize(
    ("inputs", "shapes", "expected"),
    [
        (IMAGE, {}, "names no path"),
        (IMAGE, {"conv": 4}, "4, for 'conv', is no shape"),
        (IMAGE, {"conv": [1, -1]}, "[1, -1], for 'conv', is no shape"),
        (IMAGE, {"conv": [1, True]}, "[1, True], for 'conv', is no shape"),
        (IMAGE, {"conv": "float31[1]"}, "'float31[1]', for 'conv', is no shape"),
        (IMAGE, {3: [1]}, "a path, or a path and the number of a call"),
        ("[1, _]", {"conv": [1]}, "no shape of an input"),
        ("one", {"conv": [1]}, "no shape of an input"),
    ],
    ids=str,
)
def test_what_is_no_shape_is_a_type_error(inputs: Any, shapes: Any, expected: str) -> None:
    with pytest.raises(TypeError) as caught:
        assert_shapes(Net(), inputs, shapes)
    assert expected in str(caught.value)


def test_what_is_neither_module_nor_spec_is_a_type_error(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a module, a spec or its path is expected, and not 3"):
        assert_shapes(3, IMAGE, {"": [1]})
    path = tmp_path / "net.yaml"
    path.write_text(SPEC)
    with pytest.raises(TypeError, match="the spec has 1 input, and 2 are given"):
        assert_shapes(path, [IMAGE, IMAGE], {"": [1]})
    with pytest.raises(TypeError, match="`input` takes a tensor or a shape, and gets 3"):
        assert_shapes(path, {"input": 3}, {"": [1]})
