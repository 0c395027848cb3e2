"""Activations against torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from op_harness import Case, Deviation, check_row, register, sizes

from lazyinspect.plan.ops.activation import ROWS
from lazyinspect.shapes import TensorType

DTYPES = ("float32", "float64", "int64", "int8", "uint8", "bool", "complex64")
numbers = st.floats(-2, 2, allow_nan=False, width=32)
positive = st.floats(0.125, 2, width=32)


@st.composite
def tensors(draw: st.DrawFn, low: int = 0, high: int = 4) -> TensorType:
    shape = draw(st.lists(sizes(0, 3), min_size=low, max_size=high).map(tuple))
    dtype = draw(st.sampled_from(DTYPES)) if draw(st.booleans()) else "float32"
    return TensorType(shape, dtype)


def plain(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Case]:
    return st.builds(
        lambda args, x: Case(name, args, {}, (x,)), st.just(()) | st.tuples(*arguments), tensors()
    )


@st.composite
def hardtanh(draw: st.DrawFn) -> Case:
    low = draw(numbers)
    keywords: dict[str, Any] = {"min_val": low, "max_val": low + draw(positive)}
    if draw(st.booleans()):
        keywords["min_value"] = draw(numbers)
    if draw(st.booleans()):
        keywords["max_value"] = draw(numbers)
    return Case("Hardtanh", (), keywords, (draw(tensors()),))


@st.composite
def rrelu(draw: st.DrawFn) -> Case:
    low = draw(numbers)
    return Case("RReLU", (low, low + draw(positive), draw(st.booleans())), {}, (draw(tensors()),))


@st.composite
def threshold(draw: st.DrawFn) -> Case:
    args = (draw(numbers), draw(st.sampled_from([0.0, -1.0, 127.0, 128.0, 255.0, 256.0])))
    return Case("Threshold", args, {}, (draw(tensors()),))


@st.composite
def prelu(draw: st.DrawFn, name: str) -> Case:
    shape = draw(st.lists(sizes(1, 3), max_size=4).map(tuple))
    channels = shape[1] if len(shape) > 1 else 1
    args = () if name.startswith("Lazy") else (draw(st.sampled_from([1, channels])),)
    return Case(name, args, draw(st.sampled_from([{}, {"init": 0.5}])), (TensorType(shape),))


def along(name: str, low: int = 0) -> Callable[[], st.SearchStrategy[Case]]:
    @st.composite
    def build(draw: st.DrawFn) -> Case:
        x = draw(tensors(low))
        span = max(len(x.shape), 1)
        args = draw(st.just(()) | st.tuples(sizes(-span, span - 1)))
        return Case(name, args, {}, (x,))

    return build


@st.composite
def glu(draw: st.DrawFn) -> Case:
    lead, tail = draw(st.tuples(*[st.lists(sizes(0, 3), max_size=2).map(tuple)] * 2))
    x = TensorType((*lead, 2 * draw(sizes(0, 3)), *tail))
    dim = len(lead) - draw(st.sampled_from([0, len(x.shape)]))
    return Case("GLU", (dim,), {}, (x,))


NO_CHANNELS = Deviation(
    "a lazy layer infers no empty dimension", lambda case: case.values[0].shape[1:2] == (0,)
)

EMPTY = Deviation(
    "an empty tensor never reaches the kernel that refuses integers",
    lambda case: 0 in case.values[0].shape and case.values[0].dtype != "float32",
)

for inplace in ("Hardsigmoid", "Hardswish", "ReLU", "ReLU6", "SELU", "SiLU", "Mish"):
    register(inplace, plain(inplace, st.booleans()))
for bare in ("LogSigmoid", "Sigmoid", "Softsign", "Tanh", "Tanhshrink"):
    register(bare, plain(bare))
for one in ("ELU", "LeakyReLU", "CELU"):
    register(one, plain(one, numbers, st.booleans()))
for shrink in ("Hardshrink", "Softshrink"):
    register(shrink, plain(shrink, numbers))
register("Softplus", plain("Softplus", numbers, numbers))
register("GELU", plain("GELU", st.sampled_from(["none", "tanh"])))
register("Hardtanh", hardtanh())
register("RReLU", rrelu())
register("Threshold", threshold())
register("PReLU", prelu("PReLU"))
register("LazyPReLU", prelu("LazyPReLU"), [NO_CHANNELS])
register("GLU", glu())
for softmax in ("Softmin", "Softmax", "LogSoftmax"):
    register(softmax, along(softmax)(), [EMPTY])
register("Softmax2d", st.builds(lambda x: Case("Softmax2d", (), {}, (x,)), tensors(3)), [EMPTY])


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)
