"""Distances and similarities against torch."""

from __future__ import annotations

import math

import pytest
from hypothesis import strategies as st
from op_harness import Case, check_row, register, sizes

from lazyinspect.plan.ops.distance import ROWS
from lazyinspect.shapes import TensorType

DTYPES = ("float32", "float32", "float16", "float64", "int64", "uint8", "bool", "complex64")


@st.composite
def pairs(draw: st.DrawFn) -> tuple[TensorType, TensorType]:
    shape = draw(st.lists(sizes(0, 3), max_size=3).map(tuple))
    other = tuple(1 if draw(sizes(0, 3)) == 0 else size for size in shape)
    other = other[draw(sizes(0, len(other))) if draw(st.booleans()) else 0 :]
    both = [TensorType(shape), TensorType(other)]
    if draw(st.booleans()):
        both = [TensorType(x.shape, draw(st.sampled_from(DTYPES))) for x in both]
    if draw(st.booleans()):
        both.reverse()
    return both[0], both[1]


@st.composite
def cosine(draw: st.DrawFn) -> Case:
    values = draw(pairs())
    rank = max(1, *(len(x.shape) for x in values))
    return Case("CosineSimilarity", (draw(sizes(-rank, rank - 1)),), {}, values)


@st.composite
def pairwise(draw: st.DrawFn) -> Case:
    p = draw(st.sampled_from([2.0, 1, 0.0, -1.0, math.inf, -math.inf]))
    return Case("PairwiseDistance", (p,), {"keepdim": draw(st.booleans())}, draw(pairs()))


register("CosineSimilarity", cosine())
register("PairwiseDistance", pairwise())


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)
