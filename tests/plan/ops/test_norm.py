"""Normalisation against torch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from op_harness import EMPTY, Case, Deviation, check_row, register, sizes

from lazyinspect.plan.ops.norm import ROWS
from lazyinspect.shapes import TensorType

UNHELD = Deviation(
    "torch allocates nothing without affine and track_running_stats, so that a negative number "
    "of features passes; the row refuses it always",
    lambda case: (
        (-1 in case.args or case.args == (-2,))
        and not case.keywords.get("affine", True)
        and not case.keywords.get("track_running_stats")
    ),
)

BACKWARDS = Deviation(
    "torch never looks at a negative size of this deprecated layer",
    lambda case: case.op == "CrossMapLRN2d" and case.args[0] < 0,
)


@st.composite
def moments(draw: st.DrawFn, name: str, ranks: tuple[int, ...]) -> Case:
    shape = tuple(draw(sizes(1, 3)) for _ in range(draw(st.sampled_from(ranks))))
    unbatched = "Instance" in name and len(shape) == min(ranks)
    keywords: dict[str, Any] = {
        "affine": draw(st.booleans()),
        "track_running_stats": draw(st.booleans()),
    }
    if draw(st.booleans()):
        keywords["bias"] = draw(st.booleans())
    if draw(st.booleans()):
        keywords["eps"] = draw(st.sampled_from([1e-5, 0.0]))
    args = () if name.startswith("Lazy") else (shape[0 if unbatched else 1],)
    return Case(name, args, keywords, (TensorType(shape),))


@st.composite
def group(draw: st.DrawFn, name: str) -> Case:
    groups = draw(sizes(1, 3))
    channels = groups * draw(sizes(1, 2))
    spatial = tuple(draw(sizes(1, 3)) for _ in range(draw(st.integers(0, 3))))
    keywords = {"affine": draw(st.booleans()), "bias": draw(st.booleans())}
    args = (groups,) if name.startswith("Lazy") else (groups, channels)
    return Case(name, args, keywords, (TensorType((draw(sizes(1, 2)), channels, *spatial)),))


@st.composite
def trailing(draw: st.DrawFn, name: str) -> Case:
    shape = tuple(draw(sizes(1, 3)) for _ in range(draw(st.integers(1, 4))))
    dims = draw(st.integers(1, len(shape)))
    keywords: dict[str, Any] = {"elementwise_affine": draw(st.booleans())}
    if "Layer" in name and draw(st.booleans()):
        keywords["bias"] = draw(st.booleans())
    if draw(st.booleans()):
        keywords["eps"] = draw(st.sampled_from([1e-5, 0.0]))
    if name.startswith("Lazy"):
        args: tuple[Any, ...] = (dims,) if dims > 1 or draw(st.booleans()) else ()
        return Case(name, args, keywords, (TensorType(shape),))
    wanted = shape[-dims:]
    if dims == 1 and draw(st.booleans()):
        wanted = wanted[0]
    return Case(name, (wanted,), keywords, (TensorType(shape),))


@st.composite
def response(draw: st.DrawFn, name: str) -> Case:
    rank = 4 if name == "CrossMapLRN2d" else draw(st.integers(3, 5))
    shape = tuple(draw(sizes(0, 3)) for _ in range(rank))
    keywords = {"k": draw(st.sampled_from([1.0, 2.0]))} if draw(st.booleans()) else {}
    return Case(name, (draw(sizes(1, 4)),), keywords, (TensorType(shape),))


for row in ROWS:
    name = row.name
    if "SyncBatch" in name:
        register(name, moments(name, (2, 3, 4, 5, 6)), (EMPTY, UNHELD, BACKWARDS))
    elif "BatchNorm" in name:
        n = int(name[-2])
        register(name, moments(name, (2, 3) if n == 1 else (n + 2,)), (EMPTY, UNHELD, BACKWARDS))
    elif "InstanceNorm" in name:
        n = int(name[-2])
        register(name, moments(name, (n + 1, n + 2)), (EMPTY, UNHELD, BACKWARDS))
    elif "GroupNorm" in name:
        register(name, group(name), (EMPTY, UNHELD, BACKWARDS))
    elif "Layer" in name or "RMS" in name:
        register(name, trailing(name), (EMPTY, UNHELD, BACKWARDS))
    else:
        register(name, response(name), (EMPTY, UNHELD, BACKWARDS))


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_row_agrees_with_torch(name: str) -> None:
    check_row(name)
