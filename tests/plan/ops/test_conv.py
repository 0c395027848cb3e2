"""Convolutions against torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from op_harness import (
    EMPTY,
    NOTHING_LEFT,
    Case,
    Deviation,
    check_row,
    counted_macs,
    register,
    sizes,
)

from lazyinspect.plan.ops.conv import ROWS
from lazyinspect.shapes import TensorType, ntuple

NO_INPUT_CHANNELS = Deviation(
    "a convolution without input channels is refused, as our lazy ones refuse it (torch #143184)",
    lambda case: not case.op.startswith("Lazy") and case.args[0] == 0,
)


def negative_padding(case: Case) -> bool:
    padding = case.keywords.get("padding", 0)
    sides = padding if isinstance(padding, tuple) else (padding,)
    return case.keywords.get("padding_mode", "zeros") != "zeros" and any(
        isinstance(side, int) and side < 0 for side in sides
    )


NEGATIVE_PADDING = Deviation(
    "torch crops with negative padding in every mode but zeros, where it refuses it: so do we",
    negative_padding,
)

UNDILATED = Deviation(
    "torch's kernel for grouped transposed convolutions never looks at a dilation of 0",
    lambda case: "Transpose" in case.op and "0" in str(case.keywords["dilation"]),
)


def one_or_each(draw: st.DrawFn, n: int, low: int, high: int) -> int | tuple[int, ...]:
    return draw(sizes(low, high) | st.tuples(*[sizes(low, high)] * n))


@st.composite
def convolution(draw: st.DrawFn, name: str, n: int) -> Case:
    lazy, depthwise = name.startswith("Lazy"), "Depthwise" in name
    groups = draw(sizes(1, 2))
    channels = groups * draw(sizes(1, 2))
    out = groups * draw(sizes(1, 2))
    keywords: dict[str, Any] = {"dilation": one_or_each(draw, n, 1, 2)}
    if draw(st.booleans()):
        keywords["stride"] = one_or_each(draw, n, 1, 3)
    if draw(st.booleans()):
        keywords["padding"] = one_or_each(draw, n, 0, 2)
    elif draw(st.booleans()):
        keywords["padding"] = draw(st.sampled_from(["same", "valid"]))
        if draw(st.integers(0, 3)):
            keywords.pop("stride", None)  # which `same` does not take
    if draw(st.booleans()):
        keywords["bias"] = draw(st.booleans())
    if draw(st.booleans()):
        modes = ["zeros", "reflect", "replicate", "circular"]
        keywords["padding_mode"] = draw(st.sampled_from(modes))
    if depthwise:
        if draw(st.booleans()):
            keywords["multiplier"] = draw(sizes(1, 3))
    else:
        keywords["groups"] = groups
    if "FakeQuant" in name:
        keywords["quantize_qrange"] = draw(st.sampled_from([(-128, 127), (-8, 7), (0, 15)]))
    args = (one_or_each(draw, n, 1, 3),)
    if not depthwise:
        args = (out, *args)
    if not lazy:
        args = (channels, *args)
    batch = (draw(sizes(0, 2)),) if draw(st.booleans()) else ()
    x = TensorType((*batch, channels, *(draw(sizes(4, 7)) for _ in range(n))))
    return Case(name, args, keywords, (x,))


@st.composite
def transposed(draw: st.DrawFn, name: str, n: int) -> Case:
    groups = draw(sizes(1, 2))
    channels = groups * draw(sizes(1, 2))
    stride, dilation = one_or_each(draw, n, 1, 3), one_or_each(draw, n, 1, 2)
    padding, kernel = one_or_each(draw, n, 0, 1), one_or_each(draw, n, 1, 3)
    batch = (draw(sizes(0, 2)),) if draw(st.booleans()) else ()
    spatial = tuple(draw(sizes(2, 3)) for _ in range(n))
    keywords = {
        "groups": groups,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "bias": draw(st.booleans()),
    }
    # what a stride leaves open, mostly within it
    spare = tuple(
        draw(sizes(0, max(step, reach) - 1) | sizes(0, 1))
        for step, reach in zip(ntuple(stride, n), ntuple(dilation, n), strict=True)
    )
    wanted = {}
    how = draw(st.sampled_from(["usual", "output_padding", "output_size"]))
    if how == "output_padding":
        keywords["output_padding"] = spare
    elif how == "output_size":
        size = tuple(
            (length - 1) * s - 2 * p + d * (k - 1) + 1 + extra
            for length, k, s, p, d, extra in zip(
                spatial,
                *(ntuple(value, n) for value in (kernel, stride, padding, dilation)),
                spare,
                strict=True,
            )
        )
        wanted["output_size"] = (
            size if draw(st.booleans()) else (1, 1, *size)[-n - 1 - len(batch) :]
        )
    args = (groups * draw(sizes(1, 2)), kernel)
    if not name.startswith("Lazy"):
        args = (channels, *args)
    return Case(name, args, keywords, (TensorType((*batch, channels, *spatial)),), wanted)


def macs_of_the_plain_convolution(case: Case) -> int | None:
    """torch has no fake quantisation on the meta device; it multiplies nothing there anyway."""
    keywords = {name: value for name, value in case.keywords.items() if name != "quantize_qrange"}
    return counted_macs(replace(case, op=case.op.replace("FakeQuant", ""), keywords=keywords))


for row in ROWS:
    dimensions = int(row.name[-2])
    strategy = transposed if "Transpose" in row.name else convolution
    deviations = (NO_INPUT_CHANNELS, NEGATIVE_PADDING, EMPTY, NOTHING_LEFT, UNDILATED)
    macs = macs_of_the_plain_convolution if "FakeQuant" in row.name else None
    register(row.name, strategy(row.name, dimensions), deviations, macs=macs)


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)
