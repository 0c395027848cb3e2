"""Sizes and dtypes: broadcasting and type promotion as torch's."""

from __future__ import annotations

from functools import reduce
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lazyinspect.errors import ShapeError
from lazyinspect.shapes import ITEM_BYTES, TensorType, Value, broadcast, promote

pytestmark = pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental:UserWarning")

RULES = settings(max_examples=500, deadline=None, derandomize=True, database=None)


def real(value: Value) -> torch.Tensor | bool | int | float:
    if isinstance(value, TensorType):
        return torch.empty(value.shape, dtype=getattr(torch, value.dtype))
    number: bool | int | float = value
    return number


def torch_promotes(a: Value, b: Value) -> str:
    return str(torch.result_type(real(a), real(b))).removeprefix("torch.")


@pytest.mark.parametrize("ranks", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_two_tensors_promote_as_in_torch(ranks: tuple[int, int]) -> None:
    for first, second in product(ITEM_BYTES, repeat=2):
        a, b = TensorType((1,) * ranks[0], first), TensorType((1,) * ranks[1], second)
        assert promote(a, b) == torch_promotes(a, b), (a.dtype, b.dtype)


@pytest.mark.parametrize("number", [True, 3, 0.5])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_tensor_and_a_number_promote_as_in_torch(rank: int, number: bool | int | float) -> None:
    for dtype in ITEM_BYTES:
        x = TensorType((2,) * rank, dtype)
        assert promote(x, number) == torch_promotes(x, number), dtype
        assert promote(number, x) == torch_promotes(x, number), dtype


@RULES
@given(st.lists(st.sampled_from(list(ITEM_BYTES)), min_size=1, max_size=4))
def test_many_tensors_promote_as_torch_concatenates_them(dtypes: list[str]) -> None:
    joined = torch.cat([torch.empty(1, dtype=getattr(torch, dtype)) for dtype in dtypes])
    assert promote(*(TensorType((1,), dtype) for dtype in dtypes)) == str(joined.dtype)[6:]


@RULES
@given(st.lists(st.lists(st.integers(0, 3), max_size=4).map(tuple), min_size=1, max_size=4))
def test_shapes_broadcast_as_in_torch(shapes: list[tuple[int, ...]]) -> None:
    try:
        expected = tuple(reduce(torch.add, map(torch.empty, shapes)).shape)
    except RuntimeError:
        with pytest.raises(ShapeError, match="cannot broadcast"):
            broadcast(*shapes)
    else:
        assert broadcast(*shapes) == expected
