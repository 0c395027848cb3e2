"""Pooling and unpooling against torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from op_harness import EMPTY, NOTHING_LEFT, Case, Deviation, check_row, real_dtypes, register, sizes

from lazyinspect.plan.ops.pool import ROWS
from lazyinspect.shapes import TensorType, ntuple


def below(value: Any, least: int) -> bool:
    return any(size < least for size in (value if isinstance(value, tuple) else (value,)))


UNCHECKED = Deviation(
    "torch's unpooling and 2d fractional kernels hardly look at these sizes; below 1 none makes "
    "sense, and below 0 they would read outside the image",
    lambda case: (
        case.op.startswith(("MaxUnpool", "FractionalMaxPool2d"))
        and (
            below(case.args[0], 1)
            or below(case.keywords.get("stride", 1), 1)
            or below(case.keywords.get("padding", 0), 0)
        )
    ),
)
NO_HALF_ON_CPU = Deviation(
    "torch averages half precision in three dimensions on accelerators only",
    lambda case: (
        case.op in ("AvgPool3d", "LPPool3d") and case.values[0].dtype in ("float16", "bfloat16")
    ),
    ours="accepts",
)
ANY_RANK = Deviation(
    "AdaptiveAvgPool2d(1) is a mean to torch and forgets to look at the rank it documents",
    lambda case: case.op == "AdaptiveAvgPool2d" and case.values[0].rank not in (3, 4),
)


def one_or_each(draw: st.DrawFn, n: int, low: int, high: int) -> int | tuple[int, ...]:
    return draw(sizes(low, high) | st.tuples(*[sizes(low, high)] * n))


def image(draw: st.DrawFn, n: int, low: int = 3, high: int = 6) -> TensorType:
    batch = (draw(sizes(0, 2)),) if draw(st.booleans()) else ()
    shape = (*batch, draw(sizes(1, 2)), *(draw(sizes(low, high)) for _ in range(n)))
    return TensorType(shape, draw(real_dtypes()))


@st.composite
def window(draw: st.DrawFn, name: str, n: int) -> Case:
    padded = not name.startswith("LP") and draw(st.booleans())
    args: tuple[Any, ...] = (one_or_each(draw, n, 2 if padded else 1, 3),)
    keywords: dict[str, Any] = {}
    if draw(st.booleans()):
        keywords["stride"] = one_or_each(draw, n, 1, 3)
    if draw(st.booleans()):
        keywords["ceil_mode"] = draw(st.booleans())
    if padded:
        keywords["padding"] = one_or_each(draw, n, 0, 1)
    if name.startswith("LP"):
        if n == 1:
            args = (draw(sizes(1, 3)),)
        args = (draw(st.sampled_from([1, 2.0, float("inf"), float("-inf")])), *args)
    elif name.startswith("Max"):
        keywords["return_indices"] = draw(st.booleans())
        keywords["dilation"] = one_or_each(draw, n, 1, 2)
    else:
        keywords["count_include_pad"] = draw(st.booleans())
        if n > 1 and draw(st.booleans()):
            keywords["divisor_override"] = draw(sizes(1, 3))
    return Case(name, args, keywords, (image(draw, n),))


@st.composite
def fractional(draw: st.DrawFn, name: str, n: int) -> Case:
    keywords: dict[str, Any] = {"return_indices": draw(st.booleans())}
    if draw(st.booleans()):
        keywords["output_size"] = one_or_each(draw, n, 1, 3)
    else:
        ratios = st.sampled_from([0.1, 0.3, 0.5, 0.7])
        keywords["output_ratio"] = draw(ratios | st.tuples(*[ratios] * n))
    return Case(name, (one_or_each(draw, n, 1, 3),), keywords, (image(draw, n, 5, 8),))


@st.composite
def adaptive(draw: st.DrawFn, name: str, n: int) -> Case:
    size: Any = one_or_each(draw, n, 0, 4)
    if n > 1 and draw(st.booleans()):
        size = tuple(draw(st.none() | sizes(0, 4)) for _ in range(n))
    keywords = {"return_indices": draw(st.booleans())} if "Max" in name else {}
    return Case(name, (size,), keywords, (image(draw, n),))


@st.composite
def unpool(draw: st.DrawFn, name: str, n: int) -> Case:
    kernel, stride = one_or_each(draw, n, 2, 3), one_or_each(draw, n, 1, 3)
    keywords: dict[str, Any] = {}
    if draw(st.booleans()):
        keywords["stride"] = stride
    if draw(st.booleans()):
        keywords["padding"] = one_or_each(draw, n, 0, 1)
    x = replace(image(draw, n, 2, 3), dtype=draw(st.sampled_from(["float32", "float64"])))
    wanted = {}
    if draw(st.booleans()):
        size = tuple(
            (length - 1) * step + reach - 2 * pad + draw(st.integers(-1, 1))
            for length, step, reach, pad in zip(
                x.shape[-n:],
                ntuple(keywords.get("stride", kernel), n),
                ntuple(kernel, n),
                ntuple(keywords.get("padding", 0), n),
                strict=True,
            )
        )
        wanted["output_size"] = size if draw(st.booleans()) else (1, 1, *size)
    values = (x, TensorType(x.shape, "int64"))
    return Case(name, (kernel,), keywords, values, wanted)


for row in ROWS:
    strategy = window
    for prefix, other in {"Fract": fractional, "Adapt": adaptive, "MaxUn": unpool}.items():
        if row.name.startswith(prefix):
            strategy = other
    register(
        row.name,
        strategy(row.name, int(row.name[-2])),
        (EMPTY, NOTHING_LEFT, UNCHECKED, ANY_RANK, NO_HALF_ON_CPU),
    )


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)
