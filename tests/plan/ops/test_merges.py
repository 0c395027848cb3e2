"""Merges and einsum against torch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from op_draws import DTYPES, broadcasting, dims, dtypes, numbers, shapes, some
from op_harness import EMPTY, Case, Deviation, check_row, has_elements, register, sizes
from op_mutations import mutated

from lazyinspect.errors import ShapeError
from lazyinspect.network import functions
from lazyinspect.plan.ops import eager, table
from lazyinspect.plan.ops.merges import ROWS, cat_broadcast
from lazyinspect.shapes import TensorType, Value, is_float, promote

ZERO_DIVISOR = Deviation(
    "a division by an integer zero inside a tensor depends on its values",
    lambda case: isinstance(case.values[1], TensorType) and not is_float(promote(*case.values)),
    ours="accepts",
)

NO_PROBABILITY = Deviation(
    "torch takes a negative dropout probability for none",
    lambda case: case.keywords.get("dropout_p", 0) < 0,
)

LOW_MASK = Deviation(
    "a mask of less than two dimensions works only where torch does not pick its fused kernel",
    lambda case: case.values[0].rank == 4 and case.values[3:] != () and case.values[3].rank < 2,
)


@st.composite
def arithmetic(draw: st.DrawFn, name: str, high: int) -> Case:
    values: list[Value] = list(draw(broadcasting(draw(st.integers(2, high)))))
    for index in range(len(values)):
        if draw(st.integers(0, 3)) == 0:
            values[index] = draw(numbers())
    keywords = {}
    if name in ("add", "sub"):
        keywords = draw(some(alpha=st.sampled_from([2, 1, 0.5, -1.0])))
    if name == "div":
        keywords = draw(some(rounding_mode=st.sampled_from(["trunc", "floor", None])))
    if high > 2 and draw(st.integers(0, 5)) == 0:
        return Case(name, (), keywords, (values[0], tuple(values[1:])))
    return Case(name, (), keywords, tuple(values))


@st.composite
def joined(draw: st.DrawFn, name: str) -> Case:
    shape = draw(shapes(0 if name == "stack" else 1, 4))
    dim = draw(dims(len(shape) + (name == "stack")))
    dtype = draw(dtypes())
    values: list[Value] = []
    for _ in range(draw(st.integers(1, 3))):
        sizes_here = list(shape)
        if name == "cat" and -len(shape) <= dim < len(shape):
            sizes_here[dim] = draw(st.integers(0, 3))
        if draw(st.integers(0, 9)) == 0:
            sizes_here = [0]
        other = dtype if draw(st.booleans()) else draw(st.sampled_from(DTYPES))
        values.append(TensorType(tuple(sizes_here), other))
    if draw(st.booleans()):
        values = [values[0], tuple(values[1:])]
    return Case(name, (), {"dim": dim}, tuple(values))


@st.composite
def matmul(draw: st.DrawFn) -> Case:
    dtype = draw(dtypes())
    inner = draw(sizes(0, 4))
    batches = draw(broadcasting(2, high_rank=2))
    x, y = (*batches[0].shape, draw(sizes()), inner), (*batches[1].shape, inner, draw(sizes()))
    if draw(st.integers(0, 3)) == 0:
        x = (inner,)
    if draw(st.integers(0, 3)) == 0:
        y = (inner,)
    return Case("matmul", values=(TensorType(x, dtype), TensorType(y, dtype)))


def matrix_products(case: Case) -> int:
    """With a vector too: FlopCounterMode leaves out aten.dot and aten.mv."""
    x, y = (torch.empty(value.shape, device="meta") for value in case.values)
    return int((x @ y).numel()) * int(x.shape[-1])


@st.composite
def attention(draw: st.DrawFn) -> Case:
    dtype = draw(st.just("float32") | dtypes())
    batch = draw(shapes(0, 2, low=1, high=3))
    queries, keys, width, depth = (draw(sizes(1, 3)) for _ in range(4))
    keywords: dict[str, Any] = draw(some(scale=st.sampled_from([None, 0.5, 2])))
    key_batch = value_batch = batch
    if draw(st.integers(0, 3)) == 0 and len(batch) == 2:
        keywords["enable_gqa"] = True
        batch = (batch[0], batch[1] * draw(sizes(1, 2)))
    elif draw(st.integers(0, 3)) == 0:
        key_batch = tuple(draw(st.sampled_from([1, size])) for size in batch)
        value_batch = key_batch if draw(st.booleans()) else batch[1:]
    values = [
        TensorType((*batch, queries, width), dtype),
        TensorType((*key_batch, keys, width), dtype),
        TensorType((*value_batch, keys, depth if draw(st.booleans()) else width), dtype),
    ]
    how = draw(st.sampled_from(["plain", "causal", "mask"]))
    if how == "causal":
        keywords["is_causal"] = True
    elif how == "mask":
        full = (*batch, queries, keys)
        kept = full[draw(st.integers(0, len(full))) :]
        shape = tuple(draw(st.sampled_from([size, size, 1])) for size in kept)
        values.append(TensorType(shape, draw(st.sampled_from(["bool", dtype]))))
    if draw(st.integers(0, 4)) == 0:
        keywords["dropout_p"] = draw(st.sampled_from([0.0, 0.5, 1.0]))
    return Case("scaled_dot_product_attention", (), keywords, tuple(values))


def has_no_empty_source(case: Case) -> bool:
    """What torch does with empty sources depends on its kernel; grouping no heads, it dies."""
    return has_elements(case.values)


@st.composite
def einsum(draw: st.DrawFn) -> Case:
    alphabet = "abcD"
    size_of = {
        label: draw(sizes(0 if draw(st.integers(0, 5)) == 0 else 1, 3)) for label in alphabet
    }
    ellipsis = draw(st.integers(0, 2) if draw(st.booleans()) else st.just(0))
    inputs, values = [], []
    dtype = draw(dtypes())
    for _ in range(draw(st.sampled_from([1, 2, 2, 2, 3]))):
        labels = draw(st.lists(st.sampled_from(alphabet), max_size=3))
        shape = [size_of[label] if draw(st.integers(0, 4)) else 1 for label in labels]
        for index, label in enumerate(labels):
            shape[index] = shape[labels.index(label)]
        text = "".join(labels)
        if ellipsis and draw(st.integers(0, 3)):
            text += "..."
            shape += [draw(st.sampled_from([2, 2, 1]))] * ellipsis
        inputs.append(text)
        other = dtype if draw(st.integers(0, 9)) else draw(st.sampled_from(DTYPES))
        values.append(TensorType(tuple(shape), other))
    equation = ",".join(inputs)
    how = draw(st.integers(0, 3))
    if how:
        used = sorted({label for label in equation if label.isalpha()})
        output = "".join(draw(st.lists(st.sampled_from(used), unique=True)) if used else [])
        if ellipsis and draw(st.integers(0, 3)):
            output = "..." + output
        if how == 1 and draw(st.integers(0, 3)) == 0:
            output += draw(st.sampled_from(["a", "Z", "1", "...", "."]))
        equation += " -> " + output
    return Case("einsum", (equation,), {}, tuple(values))


register("add", arithmetic("add", 4))
register("mul", arithmetic("mul", 4))
register("sub", arithmetic("sub", 2))
register("div", arithmetic("div", 2), [ZERO_DIVISOR])
register("cat", joined("cat"))
register("stack", joined("stack"))
register("matmul", matmul(), [EMPTY], macs=matrix_products)
register(
    "scaled_dot_product_attention",
    mutated(attention()).filter(has_no_empty_source),
    [NO_PROBABILITY, LOW_MASK],
    mutate=False,
)
register("einsum", einsum(), [EMPTY])


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)


def outputs(name: str, *values: Value, **args: Any) -> Value:
    row = eager(table()[name])
    return row.outputs(SimpleNamespace(**{**row.parameters.defaults, **args}), *values)


def type_of(tensor: torch.Tensor) -> TensorType:
    return TensorType(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


@given(st.data())
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_planner_and_runtime_broadcast_the_same_parameters_over_the_batch(
    data: st.DataObject,
) -> None:
    count = data.draw(st.integers(1, 3))
    dim = data.draw(st.integers(-2, 1))
    shapes_drawn = [(data.draw(st.sampled_from([1, 3])), data.draw(sizes())) for _ in range(count)]
    flags = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    types = tuple(TensorType(shape) for shape in shapes_drawn)
    actual = tuple(torch.zeros(shape) for shape in shapes_drawn)
    expected = cat_broadcast(types, dim, flags)
    assert tuple(map(type_of, functions.cat_broadcast(actual, dim, flags))) == expected


def test_a_parameter_of_leading_size_1_joins_every_item_of_the_batch() -> None:
    token, sequence = TensorType((1, 1, 768)), TensorType((8, 196, 768))
    expanded = cat_broadcast((token, sequence), 1, (True, False))
    assert outputs("cat", *expanded, dim=1) == TensorType((8, 197, 768))


def test_an_ordinary_tensor_does_not_broadcast_in_cat() -> None:
    token, sequence = TensorType((1, 1, 768)), TensorType((8, 196, 768))
    with pytest.raises(ShapeError, match="dimension 0 is 1 and 8"):
        outputs("cat", *cat_broadcast((token, sequence), 1, (False, False)))


def test_a_parameter_is_not_repeated_where_cat_runs_along_the_batch() -> None:
    token, sequence = TensorType((1, 4)), TensorType((8, 4))
    assert cat_broadcast((token, sequence), 0, (True, False)) == (token, sequence)


def test_a_list_of_outputs_among_the_sources_counts_as_its_elements() -> None:
    x = TensorType((1, 8, 4, 4))
    assert outputs("cat", x, (x, (x, x))) == TensorType((1, 32, 4, 4))
    assert outputs("add", (x, x), x) == x


def test_numbers_fold_from_the_left_and_need_a_tensor() -> None:
    x = torch.tensor([1.0, 2.0])
    assert functions.call_function("add", (1, 2, x), {}, {"alpha": 2}).tolist() == [7.0, 9.0]
    assert functions.call_function("mul", (2, 3, x), {}, {}).tolist() == [6.0, 12.0]
    assert functions.call_function("sub", (1, x), {}, {}).tolist() == [0.0, -1.0]
    assert functions.call_function("div", (1, x), {}, {}).tolist() == [1.0, 0.5]
    with pytest.raises(ShapeError, match="no tensor among its sources"):
        outputs("add", 1, 2)


def test_sources_may_be_named() -> None:
    query, key, value = (torch.rand(1, 2, size, 4) for size in (3, 5, 5))
    named = {"value": value, "query": query, "key": key}
    by_name = functions.call_function("scaled_dot_product_attention", (), named, {})
    in_order = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    assert torch.equal(by_name, in_order)


def test_every_tensor_of_a_refused_source_is_named_in_the_message() -> None:
    pair = (TensorType((1, 2)), TensorType((1, 3)))
    with pytest.raises(ShapeError, match=r"tuple \(\[1, 2\], \[1, 3\]\)"):
        outputs("matmul", pair, pair[0])
