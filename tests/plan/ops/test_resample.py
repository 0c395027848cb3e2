"""Upsampling, shuffles and folds against torch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from op_harness import EMPTY, Case, Deviation, check_row, real_dtypes, register, sizes

from lazyinspect.plan.ops.resample import MODE_RANKS, ROWS
from lazyinspect.shapes import TensorType

VECTORISED_BYTES = Deviation(
    "torch's vectorised kernel for bytes on the CPU ends in an internal assertion for some sizes",
    lambda case: (
        case.values[0].dtype == "uint8"
        and case.keywords.get("mode", "bilinear") in ("bilinear", "bicubic")
    ),
    ours="accepts",
)

FACTORS = st.sampled_from([0.5, 1, 1.5, 2, 2.3])


def one_or_each(draw: st.DrawFn, n: int, item: st.SearchStrategy[Any]) -> Any:
    return draw(item | st.tuples(*[item] * n))


@st.composite
def upsample(draw: st.DrawFn) -> Case:
    mode = draw(st.sampled_from(list(MODE_RANKS)))
    rank = draw(st.sampled_from(MODE_RANKS[mode]))
    keywords: dict[str, Any] = {"mode": mode}
    if draw(st.booleans()):
        keywords["size"] = one_or_each(draw, rank - 2, sizes(1, 5))
    else:
        keywords["scale_factor"] = one_or_each(draw, rank - 2, FACTORS)
    if draw(st.booleans()):
        keywords["recompute_scale_factor"] = draw(st.booleans())
    if draw(st.integers(0, 3)) == 0:
        keywords["align_corners"] = draw(st.booleans())
    shape = (draw(sizes(0, 2)), *(draw(sizes(1, 4)) for _ in range(rank - 1)))
    return Case("Upsample", (), keywords, (TensorType(shape, draw(real_dtypes())),))


@st.composite
def upsample_plane(draw: st.DrawFn, name: str) -> Case:
    keywords: dict[str, Any] = {}
    if draw(st.booleans()):
        keywords["size"] = one_or_each(draw, 2, sizes(1, 5))
    else:
        keywords["scale_factor"] = one_or_each(draw, 2, FACTORS)
    shape = (draw(sizes(0, 2)), *(draw(sizes(1, 4)) for _ in range(3)))
    return Case(name, (), keywords, (TensorType(shape, draw(real_dtypes())),))


@st.composite
def shuffle(draw: st.DrawFn, name: str) -> Case:
    factor = draw(sizes(1, 3))
    lead = tuple(draw(sizes(0, 2)) for _ in range(draw(st.integers(0, 2))))
    channels, height, width = (draw(sizes(1, 2)) for _ in range(3))
    if name == "PixelShuffle":
        channels *= factor * factor
    elif name == "PixelUnshuffle":
        height, width = height * factor, width * factor
    else:
        lead, channels = (draw(sizes(0, 2)),), channels * factor
    x = TensorType((*lead, channels, height, width), draw(real_dtypes()))
    return Case(name, (factor,), {}, (x,))


@st.composite
def blocks(draw: st.DrawFn, name: str) -> Case:
    kernel, stride = one_or_each(draw, 2, sizes(1, 3)), one_or_each(draw, 2, sizes(1, 2))
    padding, dilation = one_or_each(draw, 2, sizes(0, 2)), one_or_each(draw, 2, sizes(1, 2))
    image = one_or_each(draw, 2, sizes(3, 5))
    keywords = {"dilation": dilation, "padding": padding, "stride": stride}
    lead = (draw(sizes(0, 2)),) if draw(st.booleans()) else ()
    channels = draw(sizes(1, 2))

    def each(value: Any) -> tuple[int, int]:
        return value if isinstance(value, tuple) else (value, value)

    if name == "Unfold":
        x = TensorType((*lead, channels, *each(image)), draw(real_dtypes()))
        return Case(name, (kernel,), keywords, (x,))
    count, size = 1, channels
    for k, s, p, d, length in zip(
        *map(each, (kernel, stride, padding, dilation, image)), strict=True
    ):
        count *= max((length + 2 * p - d * (k - 1) - 1) // s + 1, 0)
        size *= k
    x = TensorType((*lead, size, count), draw(real_dtypes()))
    return Case(name, (image, kernel), keywords, (x,))


for row in ROWS:
    if row.name == "Upsample":
        register(row.name, upsample(), (EMPTY, VECTORISED_BYTES))
    elif row.name.startswith("Upsampling"):
        register(row.name, upsample_plane(row.name), (EMPTY, VECTORISED_BYTES))
    elif "Shuffle" in row.name or "shuffle" in row.name:
        register(row.name, shuffle(row.name))
    else:
        register(row.name, blocks(row.name))


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)
