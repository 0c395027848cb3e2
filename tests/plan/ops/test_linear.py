"""Linear layers and glue against torch."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from op_harness import Case, Deviation, check_row, register, sizes
from torch.utils.flop_counter import FlopCounterMode

from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan import ops
from lazyinspect.plan.ops.linear import ROWS
from lazyinspect.shapes import TensorType, Value, prod

shapes = st.lists(sizes(0, 3), max_size=3).map(tuple)


@st.composite
def linear(draw: st.DrawFn, name: str) -> Case:
    features, out = draw(sizes()), draw(sizes())
    args = (out,) if name.startswith("Lazy") else (features, out)
    keywords: dict[str, Any] = {"bias": draw(st.booleans())} if draw(st.booleans()) else {}
    return Case(name, args, keywords, (TensorType((*draw(shapes), features)),))


@st.composite
def bilinear(draw: st.DrawFn, name: str) -> Case:
    one, two, out = draw(sizes()), draw(sizes()), draw(sizes(0, 4))
    args = (out,) if name.startswith("Lazy") else (one, two, out)
    lead = draw(shapes)
    values = (TensorType((*lead, one)), TensorType((*lead, two)))
    return Case(name, args, {"bias": draw(st.booleans())}, values)


def bilinear_macs(case: Case) -> int:
    """The counter has no formula for bilinear layers: count their two products instead."""
    x1, x2 = case.values
    lead, out = prod(x1.shape[:-1]), case.args[-1]
    one = torch.empty(lead, x1.shape[-1], device="meta")
    two = torch.empty(lead, x2.shape[-1], 1, device="meta")
    weight = torch.empty(x1.shape[-1], out * x2.shape[-1], device="meta")
    with FlopCounterMode(display=False) as counter:
        torch.bmm((one @ weight).reshape(lead, out, x2.shape[-1]), two)
    return int(counter.get_total_flops()) // 2


@st.composite
def identity(draw: st.DrawFn) -> Case:
    x = TensorType(draw(shapes), draw(st.sampled_from(["float32", "int64", "bool"])))
    return Case("Identity", draw(st.sampled_from([(), (54, "a")])), {"unused": 0.1}, (x,))


@st.composite
def flatten(draw: st.DrawFn) -> Case:
    x = TensorType(draw(st.lists(sizes(0, 3), max_size=4).map(tuple)))
    last = max(len(x.shape) - 1, 0)
    args = draw(st.just(()) | st.tuples(sizes(0, last), sizes(-1 - last, last)))
    return Case("Flatten", args, {}, (x,))


@st.composite
def unflatten(draw: st.DrawFn) -> Case:
    new = draw(st.lists(sizes(0, 3), min_size=1, max_size=3).map(tuple))
    lead, tail = draw(shapes), draw(shapes)
    x = TensorType((*lead, prod(new), *tail))
    if draw(st.booleans()):
        index = draw(sizes(0, len(new) - 1))
        new = (*new[:index], -1, *new[index + 1 :])
    dim = len(lead) - draw(st.sampled_from([0, len(x.shape)]))
    return Case("Unflatten", (dim, new), {}, (x,))


EMPTY_FEATURES = Deviation(
    "a lazy layer infers no empty dimension",
    lambda case: any(x.shape[-1:] == (0,) for x in case.values),
)

register("Linear", linear("Linear"))
register("LazyLinear", linear("LazyLinear"), [EMPTY_FEATURES])
register("Bilinear", bilinear("Bilinear"), macs=bilinear_macs)
register("LazyBilinear", bilinear("LazyBilinear"), [EMPTY_FEATURES], macs=bilinear_macs)
register("Identity", identity())
register("Flatten", flatten())
register("Unflatten", unflatten())


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)


def test_identity_keeps_a_tuple() -> None:
    pair = (TensorType((1,)), TensorType((2,)))
    row = ops.eager(ops.table()["Identity"])
    assert row.outputs(SimpleNamespace(), pair) == pair


def test_only_identity_takes_unknown_keywords() -> None:
    assert ops.signature_of("Identity").bind((1,), {"a": 2}) == {"args": (1,), "a": 2}
    with pytest.raises(ArgumentError, match="has no argument `a`"):
        ops.signature_of("Flatten").bind((), {"a": 2})


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (TensorType((10, 1600)), "expects 5184 features in the last dimension, and gets 1600"),
        (TensorType((10, 5184), "int64"), "expects floating-point tensors, and gets int64"),
        ((TensorType((10, 5184)),), "expects one tensor as input, and gets a tuple ([10, 5184])"),
    ],
)
def test_a_refusal_says_what_was_expected_and_found(x: Value, message: str) -> None:
    row = ops.eager(ops.table()["Linear"])
    with pytest.raises(ShapeError, match=re.escape(message)):
        row.outputs(SimpleNamespace(in_features=5184, out_features=10, bias=True), x)
