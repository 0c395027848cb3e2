"""Elementwise functions against torch."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from op_draws import DTYPES, broadcasting, dims, numbers, some, tensors
from op_harness import EMPTY, Case, Deviation, check_row, register

from lazyinspect.plan.ops.elementwise import ROWS
from lazyinspect.shapes import TensorType, is_float, promote

BINARY = "pow multiply floor_divide remainder maximum minimum eq ne gt ge lt le".split()

ZERO_DIVISOR = Deviation(
    "a division by an integer zero inside a tensor depends on its values",
    lambda case: (
        case.op in ("floor_divide", "remainder")
        and len(case.values) == 2
        and not is_float(promote(*case.values))
    ),
    ours="accepts",
)

BYTE_CONDITION = Deviation(
    "a uint8 condition is deprecated, and refused on the meta device and by torch.compile",
    lambda case: getattr(case.values[1], "dtype", None) == "uint8",
)

NUMBER = Deviation(
    "a number is a source of merges only; torch's functions take some as their first operand",
    lambda case: not isinstance(case.values[0], TensorType),
)


@st.composite
def unary(draw: st.DrawFn, name: str) -> Case:
    return Case(name, values=(draw(tensors()),))


@st.composite
def gelu(draw: st.DrawFn) -> Case:
    keywords = draw(some(approximate=st.sampled_from(["none", "tanh"])))
    return Case("gelu", (), keywords, (draw(tensors()),))


@st.composite
def softmax(draw: st.DrawFn, name: str) -> Case:
    x = draw(tensors())
    return Case(name, (draw(dims(x.rank)),), draw(some(dtype=st.sampled_from(DTYPES))), (x,))


@st.composite
def clamp(draw: st.DrawFn) -> Case:
    bound = st.sampled_from([0, -1, 2, 0.5, 1.0, None])
    return Case("clamp", (), draw(some(min=bound, max=bound)), (draw(tensors()),))


@st.composite
def binary(draw: st.DrawFn, name: str) -> Case:
    if draw(st.booleans()):
        keywords = {"exponent" if name == "pow" else "other": draw(numbers() | st.none())}
        if draw(st.booleans()):
            return Case(name, tuple(keywords.values()), {}, (draw(tensors()),))
        return Case(name, (), keywords, draw(broadcasting(draw(st.sampled_from([1, 1, 1, 2])))))
    return Case(name, values=draw(broadcasting(2)))


@st.composite
def where(draw: st.DrawFn) -> Case:
    x, condition, other = draw(broadcasting(3))
    if draw(st.integers(0, 4)):
        condition = type(condition)(condition.shape, draw(st.sampled_from(["bool", "uint8"])))
    if draw(st.booleans()):
        return Case("where", (draw(numbers()),), {}, (x, condition))
    return Case("where", values=(x, condition, other))


for row in ROWS:
    register(row.name, unary(row.name), [EMPTY])
for name in BINARY:
    register(name, binary(name), [NUMBER, ZERO_DIVISOR])
for name in ("softmax", "log_softmax"):
    register(name, softmax(name), [EMPTY])
register("gelu", gelu(), [EMPTY])
register("clamp", clamp())
register("where", where(), [BYTE_CONDITION, NUMBER])


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)
