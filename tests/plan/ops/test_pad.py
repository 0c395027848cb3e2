"""Padding against torch."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from op_harness import EMPTY, NOTHING_LEFT, Case, Deviation, check_row, real_dtypes, register, sizes

from lazyinspect.plan.ops.pad import ROWS
from lazyinspect.shapes import TensorType

NEGATIVE = Deviation(
    "torch crops with negative circular padding, but fails on some mixtures with positive",
    lambda case: case.op.startswith("Circular") and "-" in str(case.args),
)


@st.composite
def padding(draw: st.DrawFn, name: str, n: int) -> Case:
    widths = st.integers(0 if name.startswith("Circular") else -1, 2)
    args = (draw(widths | st.tuples(*[widths] * (2 * n))),)
    if name.startswith("Constant"):
        args = (*args, draw(st.sampled_from([0.0, 1, -2.5])))
    batch = (draw(sizes(0, 2)),) if draw(st.booleans()) else ()
    shape = (*batch, draw(sizes(1, 2)), *(draw(sizes(2, 4)) for _ in range(n)))
    return Case(name, args, {}, (TensorType(shape, draw(real_dtypes())),))


for row in ROWS:
    register(row.name, padding(row.name, int(row.name[-2])), (EMPTY, NOTHING_LEFT, NEGATIVE))


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)
