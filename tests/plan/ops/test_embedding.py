"""Embeddings against torch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import strategies as st
from lazyinspect.plan import ops
from lazyinspect.plan.ops.embedding import ROWS
from lazyinspect.shapes import TensorType, Value
from op_harness import Case, check_row, register, sizes

INDICES = st.sampled_from(["int64", "int32"])


@st.composite
def keywords(draw: st.DrawFn, count: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        found["padding_idx"] = draw(sizes(-count, count - 1))
    if draw(st.booleans()):
        found["max_norm"] = draw(st.sampled_from([1, 0.5]))
    if draw(st.booleans()):
        found["scale_grad_by_freq"] = draw(st.booleans())
    if draw(st.booleans()):
        found["sparse"] = draw(st.booleans())
    return found


@st.composite
def embedding(draw: st.DrawFn) -> Case:
    count = draw(sizes())
    shape = draw(st.lists(sizes(0, 3), max_size=3).map(tuple))
    x = TensorType(shape, draw(INDICES))
    return Case("Embedding", (count, draw(sizes(0, 4))), draw(keywords(count)), (x,))


INDEX_TYPES = st.sampled_from(["int64", "int64", "int32", "uint8", "bool", "float32"])


@st.composite
def bag(draw: st.DrawFn) -> Case:
    """Right and wrong calls: torch crashes on offsets that the harness would get wrong."""
    count = draw(sizes())
    given = draw(keywords(count))
    given["mode"] = draw(st.sampled_from(["sum", "sum", "mean", "max"]))
    if draw(st.booleans()):
        given["include_last_offset"] = draw(st.booleans())
    shape = draw(st.lists(sizes(0, 3), min_size=0, max_size=3).map(tuple))
    if draw(st.booleans()):
        shape = (draw(sizes(0, 3)), draw(sizes(1, 3)))
    x = TensorType(shape, draw(INDEX_TYPES))
    offsets = None
    if (len(shape) == 1) == (draw(sizes(0, 9)) > 0):
        bags = draw(sizes(1 if x.numel else 0, 3))
        offsets = TensorType(draw(st.sampled_from([(bags,)] * 7 + [(bags, 1)])), draw(INDEX_TYPES))
    values: tuple[Value, ...] = (x, offsets)
    if given["mode"] == "sum" and draw(st.booleans()) or draw(sizes(0, 9)) == 0:
        wrong = (*shape[:-1], 5)
        dtype = draw(st.sampled_from(["float32"] * 4 + ["float64"]))
        values = (*values, TensorType(draw(st.sampled_from([shape] * 4 + [wrong])), dtype))
    args = (draw(sizes(0, 4)) or -1 * draw(sizes(0, 1)), draw(sizes(-1, 4)))
    return Case("EmbeddingBag", args, given, values)


register("Embedding", embedding())
register("EmbeddingBag", bag(), mutate=False)


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_output_has_the_dtype_of_the_weights(name: str) -> None:
    row = ops.eager(ops.table()[name])
    given = {"num_embeddings": 3, "embedding_dim": 2, "network_dtype": "float64"}
    a = SimpleNamespace(**{**row.parameters.defaults, **given})
    assert row.outputs(a, TensorType((4, 5), "int64")).dtype == "float64"
