"""Functions that reshape, index, pad and resample, against torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from op_draws import DTYPES, dim_lists, dims, shapes, some, tensors
from op_harness import EMPTY, Case, Deviation, check_row, register, sizes

from lazyinspect.plan.ops.shaping import ROWS
from lazyinspect.shapes import TensorType

Strategy = st.SearchStrategy[Case]


def call(
    name: str, arguments: Callable[..., st.SearchStrategy[Any]], low_rank: int = 0
) -> Strategy:
    """Cases of a function of one tensor, from the strategy of its arguments for a tensor."""

    @st.composite
    def cases(draw: st.DrawFn) -> Case:
        x = draw(tensors(low_rank))
        args = draw(arguments(x))
        if isinstance(args, dict):
            return Case(name, (), args, (x,))
        return Case(name, args, {}, (x,))

    return cases()


def one(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any]]:
    return strategy.map(lambda value: (value,))


@st.composite
def variadic(
    draw: st.DrawFn, strategy: st.SearchStrategy[tuple[int, ...]], name: str
) -> tuple[Any, ...] | dict[str, Any]:
    """Integers one by one, as one list, or by keyword."""
    value = draw(strategy)
    how = draw(st.sampled_from(["one by one", "list", "keyword"])) if value else "list"
    if how == "keyword":
        return {name: value}
    return value if how == "one by one" else (value,)


@st.composite
def factors(draw: st.DrawFn, numel: int) -> tuple[int, ...]:
    """Sizes whose product is mostly ``numel``, one of them perhaps as -1."""
    result: list[int] = []
    while numel > 1 and len(result) < 4:
        factor = draw(st.sampled_from([n for n in range(1, numel + 1) if numel % n == 0]))
        result.append(factor)
        numel //= factor
    result.append(numel)
    if draw(st.booleans()):
        result[draw(st.integers(0, len(result) - 1))] = -1
    return tuple(result)


@st.composite
def flatten(draw: st.DrawFn, x: TensorType) -> dict[str, int]:
    return draw(some(start_dim=dims(x.rank), end_dim=dims(x.rank)))


@st.composite
def unflatten(draw: st.DrawFn, x: TensorType) -> tuple[Any, ...]:
    dim = draw(dims(x.rank))
    size = x.shape[dim] if -x.rank <= dim < x.rank else 1
    return dim, draw(factors(size))


@st.composite
def expand(draw: st.DrawFn, x: TensorType) -> tuple[int, ...]:
    inner = [draw(st.sampled_from([n, -1] if n != 1 else [3, 1, 0, -1])) for n in x.shape]
    return (*draw(st.lists(st.integers(0, 3), max_size=2)), *inner)


@st.composite
def movedim(draw: st.DrawFn, x: TensorType) -> tuple[Any, Any]:
    if draw(st.booleans()):
        return draw(dims(x.rank)), draw(dims(x.rank))
    source = draw(dim_lists(x.rank))
    order = draw(st.permutations(range(max(x.rank, 1))))
    return source, tuple(order)[: len(source)]


@st.composite
def narrow(draw: st.DrawFn, x: TensorType) -> tuple[int, int, int]:
    dim = draw(dims(x.rank))
    size = x.shape[dim] if -x.rank <= dim < x.rank else 1
    start = draw(st.integers(-size, size))
    return dim, start, draw(st.integers(0, size - start % size if size else 0))


@st.composite
def select(draw: st.DrawFn, x: TensorType) -> tuple[int, int]:
    dim = draw(dims(x.rank))
    size = x.shape[dim] if -x.rank <= dim < x.rank else 1
    return dim, draw(st.integers(-size - 1, size))


@st.composite
def split(draw: st.DrawFn, x: TensorType) -> dict[str, Any]:
    keywords = draw(some(dim=dims(x.rank)))
    dim = keywords.get("dim", 1)
    size = x.shape[dim] if -x.rank <= dim < x.rank else 1
    if draw(st.booleans()):
        return {"split_size": draw(sizes(0, 4)), **keywords}
    parts: list[int] = []
    while sum(parts) < size:
        parts.append(draw(sizes(0, size - sum(parts))))
    return {"split_size": tuple(parts), **keywords}


@st.composite
def roll(draw: st.DrawFn, x: TensorType) -> tuple[Any, ...]:
    if draw(st.booleans()):
        return (draw(st.integers(-5, 5)), *([draw(dims(x.rank))] if draw(st.booleans()) else []))
    names = draw(dim_lists(x.rank))
    return tuple(draw(st.integers(-5, 5)) for _ in names), names


@st.composite
def gather(draw: st.DrawFn) -> Case:
    x = draw(tensors())
    dim = draw(dims(x.rank))
    shape = [draw(sizes(0, size)) for size in x.shape]
    if -x.rank <= dim < x.rank:
        shape[dim] = draw(sizes(0, 5))
    dtype = draw(st.sampled_from(["int64", "int64", "int32", "float32"]))
    return Case("gather", (dim,), {}, (x, TensorType(tuple(shape), dtype)))


@st.composite
def one_hot(draw: st.DrawFn) -> Case:
    dtype = draw(st.sampled_from(["int64", "int64", "int64", "int32"]))
    x = TensorType(draw(shapes()), dtype)
    return Case("one_hot", (draw(sizes(0, 5)),), {}, (x,))


@st.composite
def pad(draw: st.DrawFn) -> Case:
    mode = draw(st.sampled_from(["constant", "reflect", "replicate", "circular"]))
    count = draw(sizes(1, 3))
    low = count + (mode != "constant")
    x = draw(tensors(low, low + 1))
    sides = tuple(draw(st.integers(-1, 3)) for _ in range(2 * count))
    keywords: dict[str, Any] = {"mode": mode}
    if mode == "constant":
        keywords = draw(some(mode=st.just(mode), value=st.sampled_from([0, 1.5, None])))
    elif draw(st.integers(0, 5)) == 0:
        keywords["value"] = draw(st.sampled_from([0, 1]))
    return Case("pad", (sides,), keywords, (x,))


@st.composite
def interpolate(draw: st.DrawFn) -> Case:
    rank = draw(st.integers(1, 3))
    modes = {1: ["linear"], 2: ["bilinear", "bicubic", "lanczos"], 3: ["trilinear"]}[rank]
    mode = draw(st.sampled_from([*modes, "nearest", "nearest-exact", "area"]))
    x = TensorType(
        draw(st.lists(sizes(1, 4), min_size=rank + 2, max_size=rank + 2).map(tuple)),
        draw(st.just("float32") | st.sampled_from(DTYPES)),
    )
    keywords: dict[str, Any] = {"mode": mode}
    if draw(st.booleans()):
        keywords["size"] = draw(sizes(1, 6) | st.tuples(*[sizes(1, 6)] * rank))
    else:
        factor = st.sampled_from([2, 1.5, 0.5, 1, 0.3])
        keywords["scale_factor"] = draw(factor | st.tuples(*[factor] * rank))
    if mode in modes:
        keywords |= draw(some(align_corners=st.booleans()))
    if mode == "lanczos" or (draw(st.booleans()) and rank == 2):
        keywords["antialias"] = True
    keywords |= draw(some(recompute_scale_factor=st.sampled_from([None, False, True])))
    if draw(st.integers(0, 9)) == 0:
        keywords["mode"] = "bilinear"
    return Case("interpolate", (), keywords, (x,))


def counts(x: TensorType) -> st.SearchStrategy[tuple[int, ...]]:
    number = st.integers(0, 3)
    return st.lists(number, min_size=x.rank, max_size=x.rank + 1).map(tuple)


@st.composite
def order(draw: st.DrawFn, x: TensorType) -> tuple[int, ...]:
    return tuple(
        dim - x.rank if draw(st.booleans()) else dim for dim in draw(st.permutations(range(x.rank)))
    )


DECLARED: dict[str, Strategy] = {
    "flatten": call("flatten", flatten),
    "unflatten": call("unflatten", unflatten, 1),
    "reshape": call("reshape", lambda x: variadic(factors(x.numel), "shape")),
    "view": call("view", lambda x: variadic(factors(x.numel), "size")),
    "permute": call("permute", lambda x: variadic(order(x), "dims")),
    "transpose": call("transpose", lambda x: st.tuples(dims(x.rank), dims(x.rank))),
    "movedim": call("movedim", movedim),
    "squeeze": call("squeeze", lambda x: some(dim=dims(x.rank) | dim_lists(x.rank) | st.none())),
    "unsqueeze": call("unsqueeze", lambda x: one(dims(x.rank + 1))),
    "expand": call("expand", lambda x: variadic(expand(x), "size")),
    "repeat": call("repeat", lambda x: variadic(counts(x), "repeats")),
    "tile": call("tile", lambda x: variadic(st.lists(sizes(0, 3), max_size=4).map(tuple), "dims")),
    "select": call("select", select, 1),
    "narrow": call("narrow", narrow, 1),
    "chunk": call("chunk", lambda x: st.tuples(sizes(1, 5), dims(x.rank)) | one(sizes(1, 5)), 1),
    "split": call("split", split, 1),
    "unbind": call("unbind", lambda x: some(dim=dims(x.rank)), 1),
    "triu": call("triu", lambda x: some(diagonal=st.integers(-5, 5)), 2),
    "tril": call("tril", lambda x: some(diagonal=st.integers(-5, 5)), 2),
    "flip": call("flip", lambda x: variadic(dim_lists(x.rank), "dims")),
    "roll": call("roll", roll),
    "gather": gather(),
    "one_hot": one_hot(),
    "positions": call("positions", lambda x: one(dims(x.rank)), 1),
    "pad": pad(),
    "interpolate": interpolate(),
}

DEVIATIONS: dict[str, list[Deviation]] = {
    "one_hot": [
        Deviation(
            "without num_classes the shape depends on the values",
            lambda case: case.args[0] == -1,
        )
    ],
    "repeat": [EMPTY],
    "tile": [EMPTY],
    "roll": [EMPTY],
    "pad": [
        Deviation(
            "torch wraps around what the other side crops, and returns uninitialised memory",
            lambda case: case.keywords.get("mode") == "circular" and min(case.args[0]) < 0,
        ),
        Deviation(
            "torch crops an image to nothing with reflect and replicate in some ranks only",
            lambda case: (
                case.keywords.get("mode") in ("reflect", "replicate") and min(case.args[0]) < 0
            ),
        ),
    ],
    "expand": [
        Deviation(
            "torch takes -1 for a new dimension where the result is empty anyway",
            lambda case: "0" in str((case.args, case.keywords)),
        )
    ],
    "interpolate": [
        EMPTY,
        Deviation(
            "the kernel for halves with antialias is there on accelerators only",
            lambda case: case.values[0].dtype in ("float16", "bfloat16"),
            ours="accepts",
        ),
        Deviation(
            "torch copies an image that keeps its size before it looks for a kernel",
            lambda case: case.values[0].dtype not in ("float32", "float64"),
        ),
        Deviation(
            "torch rounds a small negative scale factor to an empty image",
            lambda case: case.keywords["mode"] == "area" and "scale_factor" in case.keywords,
        ),
    ],
}

for name, strategy in DECLARED.items():
    register(name, strategy, DEVIATIONS.get(name, []))


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)
