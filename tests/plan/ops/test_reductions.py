"""Reductions against torch."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import strategies as st
from op_draws import DTYPES, dim_lists, dims, some, tensors
from op_harness import EMPTY, Case, Deviation, check_row, register

from lazyinspect.plan.ops.reductions import ROWS

BOOLEAN_SCALAR = Deviation(
    "torch copies a scalar before it looks for a kernel that sums booleans",
    lambda case: case.values[0].rank == 0,
)


@st.composite
def reduction(draw: st.DrawFn, name: str) -> Case:
    x = draw(tensors())
    keywords = draw(some(dim=dims(x.rank) | dim_lists(x.rank), keepdim=st.booleans()))
    if name in ("mean", "sum"):
        keywords |= draw(some(dtype=st.sampled_from(DTYPES)))
    if name in ("var", "std"):
        keywords |= draw(some(correction=st.sampled_from([0, 1, 0.5, None])))
    return Case(name, (), keywords, (x,))


@st.composite
def norm(draw: st.DrawFn) -> Case:
    x = draw(tensors())
    orders = st.sampled_from([2, 1, 0, 0.5, -1, inf, -inf, "fro", "nuc", None])
    keywords = draw(
        some(
            p=orders,
            dim=dims(x.rank) | dim_lists(x.rank),
            keepdim=st.booleans(),
            dtype=st.sampled_from(DTYPES),
        )
    )
    return Case("norm", (), keywords, (x,))


@st.composite
def cumsum(draw: st.DrawFn) -> Case:
    x = draw(tensors())
    return Case("cumsum", (draw(dims(x.rank)),), draw(some(dtype=st.sampled_from(DTYPES))), (x,))


for row in ROWS:
    register(row.name, reduction(row.name), [EMPTY])
register("norm", norm(), [EMPTY])
register("cumsum", cumsum(), [EMPTY, BOOLEAN_SCALAR])


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)
