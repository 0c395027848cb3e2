"""Embeddings against torch."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from op_harness import Case, check_row, register, sizes

from lazyinspect.errors import ShapeError
from lazyinspect.plan import ops
from lazyinspect.plan.ops.embedding import ROWS
from lazyinspect.shapes import TensorType

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


@st.composite
def bag(draw: st.DrawFn) -> Case:
    count = draw(sizes())
    given = draw(keywords(count))
    given["mode"] = mode = draw(st.sampled_from(["sum", "mean", "max"]))
    if draw(st.booleans()):
        given["include_last_offset"] = draw(st.booleans())
    offsets = None
    if draw(st.booleans()):
        x = TensorType((draw(sizes(0, 3)), draw(sizes(1, 3))), draw(INDICES))
    else:
        x = TensorType((draw(sizes(0, 4)),), draw(st.sampled_from(["int64", "int32", "uint8"])))
        offset_types = st.sampled_from(["int64", "int32", "bool", "int8"])
        offsets = TensorType((draw(sizes(1, 3)),), draw(offset_types))
    if offsets and x.numel and given.get("include_last_offset"):
        # all its offsets are 0, the last of which torch takes for the number of indices
        x = replace(x, shape=(0,))
    weights = TensorType(x.shape) if mode == "sum" and draw(st.booleans()) else None
    return Case("EmbeddingBag", (count, draw(sizes(0, 4))), given, (x, offsets, weights))


@st.composite
def bag_gone_wrong(draw: st.DrawFn) -> Case:
    """Torch writes past its memory for some wrong offsets: these leave it whole."""
    case = draw(bag())
    count, dim = case.args
    x, offsets, weights = case.values
    wrong = draw(
        st.sampled_from(["count", "dim", "padding", "dtype", "rank", "offsets", "weights"])
    )
    if wrong == "count":
        return replace(case, args=(draw(sizes(-1, 0)), dim))
    if wrong == "dim":
        return replace(case, args=(count, -1))
    if wrong == "padding":
        return replace(case, keywords={**case.keywords, "padding_idx": draw(NEAR) + count})
    if wrong == "dtype":
        x = replace(x, dtype=draw(st.sampled_from(["float32", "bool", "uint8"])))
    if wrong == "rank":
        x = replace(x, shape=draw(st.sampled_from([(), (2, 0), (1, 1, 1)])))
    if wrong == "offsets":
        shape = draw(st.sampled_from([(), (1,), (1, 1)]))
        offsets = None if offsets and draw(st.booleans()) else TensorType(shape, "int64")
    if wrong == "weights":
        shape = draw(st.sampled_from([x.shape, (*x.shape, 1), x.shape[1:]]))
        weights = TensorType(shape, draw(st.sampled_from(["float32", "float64"])))
    return replace(case, values=(x, offsets, weights))


NEAR = sizes(-9, 1)

register("Embedding", embedding())
# torch's meta device refuses offsets of the small dtypes that its CPU takes
register("EmbeddingBag", bag() | bag_gone_wrong(), mutate=False, macs=lambda case: 0)


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_output_has_the_dtype_of_the_weights(name: str) -> None:
    row = ops.eager(ops.table()[name])
    given = {"num_embeddings": 3, "embedding_dim": 2, "network_dtype": "float64"}
    a = SimpleNamespace(**{**row.parameters.defaults, **given})
    assert row.outputs(a, TensorType((4, 5), "int64")).dtype == "float64"


def test_the_last_offset_ends_the_last_bag() -> None:
    row = ops.eager(ops.table()["EmbeddingBag"])
    given: dict[str, Any] = {"num_embeddings": 5, "embedding_dim": 2, "include_last_offset": True}
    a = SimpleNamespace(**{**row.parameters.defaults, **given})
    indices, offsets = torch.tensor([1, 2, 3, 4]), torch.tensor([0, 1, 4])
    theirs = torch.nn.EmbeddingBag(**given)(indices, offsets)
    ours = row.outputs(a, TensorType((4,), "int64"), TensorType((3,), "int64"))
    assert ours.shape == tuple(theirs.shape) == (2, 2)


@pytest.mark.parametrize(("last", "count"), [(False, 0), (True, 0), (True, 1)])
def test_indices_without_a_bag_are_refused(last: bool, count: int) -> None:
    row = ops.eager(ops.table()["EmbeddingBag"])
    given = {"num_embeddings": 5, "embedding_dim": 2, "include_last_offset": last}
    a = SimpleNamespace(**{**row.parameters.defaults, **given})
    with pytest.raises(ShapeError, match="at least one bag"):
        row.outputs(a, TensorType((4,), "int64"), TensorType((count,), "int64"))
