"""Dropout against torch."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from op_harness import Case, check_row, register, sizes

from lazyinspect.plan.ops.dropout import ROWS
from lazyinspect.shapes import TensorType


@st.composite
def dropout(draw: st.DrawFn, name: str) -> Case:
    low, high = (2, 3) if name == "Dropout1d" else (0, 5)
    shape = draw(st.lists(sizes(0, 3), min_size=low, max_size=high).map(tuple))
    dtype = draw(st.sampled_from(["float32", "int64", "bool", "complex64"]))
    p = draw(st.sampled_from([0, 1, 0.0, 0.25, 1.0]))
    return Case(name, (p, draw(st.booleans())), {}, (TensorType(shape, dtype),))


for row in ROWS:
    register(row.name, dropout(row.name))


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)
