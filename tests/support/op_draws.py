"""Draws that the tests of the tensor functions share: shapes, dtypes, dimensions."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from lazyinspect.shapes import TensorType

# complex32 is left out: which functions it has kernels for differs between CPU and accelerators
DTYPES = (
    "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128"
).split()


def dtypes() -> st.SearchStrategy[str]:
    """Mostly float32."""
    return st.just("float32") | st.sampled_from(DTYPES)


def shapes(
    low_rank: int = 0, high_rank: int = 4, low: int = 0, high: int = 4
) -> st.SearchStrategy[tuple[int, ...]]:
    """Mostly without an empty dimension."""
    size = st.integers(max(low, 1), high) | st.integers(low, high)
    return st.lists(size, min_size=low_rank, max_size=high_rank).map(tuple)


@st.composite
def tensors(draw: st.DrawFn, /, low_rank: int = 0, high_rank: int = 4, **sizes: int) -> TensorType:
    """A tensor of any dtype, mostly float32."""
    return TensorType(draw(shapes(low_rank, high_rank, **sizes)), draw(dtypes()))


def dims(rank: int) -> st.SearchStrategy[int]:
    """A dimension, counted from either end; mostly legal."""
    span = max(rank, 1)
    legal = st.integers(-span, span - 1)
    return legal | legal | legal | st.integers(-span - 1, span)


def dim_lists(rank: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Some dimensions, mostly each at most once."""
    front = st.lists(st.integers(0, max(rank - 1, 0)), max_size=max(rank, 1), unique=True)
    return front.map(tuple) | st.lists(dims(rank), max_size=3).map(tuple)


@st.composite
def broadcasting(draw: st.DrawFn, count: int, high_rank: int = 3) -> tuple[TensorType, ...]:
    """Tensors whose shapes mostly broadcast together, of mostly one dtype."""
    full = draw(shapes(0, high_rank))
    dtype = draw(dtypes())
    result = []
    for _ in range(count):
        kept = full[draw(st.integers(0, len(full))) :] if draw(st.booleans()) else full
        shape = tuple(1 if draw(st.integers(0, 3)) == 0 else size for size in kept)
        other = dtype if draw(st.integers(0, 2)) else draw(dtypes())
        result.append(TensorType(shape, other))
    return tuple(result)


def numbers() -> st.SearchStrategy[Any]:
    """A Python number as a source or an argument."""
    return st.sampled_from([2, 1, 0, -1, 0.5, 2.0, -1.5, True, False])


@st.composite
def some(draw: st.DrawFn, /, **keywords: st.SearchStrategy[Any]) -> dict[str, Any]:
    """A random part of the keywords."""
    return {name: draw(value) for name, value in keywords.items() if draw(st.booleans())}
