"""The text of a lock: what a line says, and that what a spec may hold is read back as it was."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locks import lock_text, snapshot_of
from plans import plan_of

from lazyinspect.lock.flow import flow, key, read_tensors, tensors
from lazyinspect.plan.ops import table
from lazyinspect.shapes import ITEM_BYTES, TensorType
from lazyinspect.spec import reader

NET = """\
input: [1, 3, 8, 8]
params: {width: 4}
layers:
  stem: {LazyConv2d: [$width, 3, {padding: 1}]}
  act: ReLU
  sum: {add: [stem, act]}
"""


def test_a_lock_is_this_text() -> None:
    assert lock_text(NET) == (
        "# Shapes under review. Accept what changed with: lazyinspect lock net.yaml\n"
        "lock: 1\n"
        "network:\n"
        "  params: {width: 4}\n"
        "  inputs: {input: float32 1x3x8x8}\n"
        "  outputs: float32 1x4x8x8\n"
        "  totals:\n"
        "    params: 112\n"
        "    trainable: 112\n"
        "    param_bytes: 448\n"
        "    buffer_bytes: 0\n"
        "    macs: 6912\n"
        "  layers:\n"
        "    stem: {layer: LazyConv2d -> Conv2d, args: {out_channels: 4, kernel_size: 3, "
        "padding: 1}, inferred: {in_channels: 3}, in: float32 1x3x8x8, out: float32 1x4x8x8, "
        "params: 112}\n"
        "    act: {layer: ReLU, in: float32 1x4x8x8, out: float32 1x4x8x8}\n"
        "    sum: {function: add, reads: [stem, act], in: [float32 1x4x8x8, float32 1x4x8x8], "
        "out: float32 1x4x8x8}\n"
    )


@pytest.mark.parametrize(
    "name",
    ["a b", "a: b", "on", "null", "1e3", "-", "#x", "[x]", "é", "'", '"', "\\", "x, y",
     "\u2028", "0x1f", "yes", "a#b", "=2", "(a, b)", "x/y", "日本", "x" * 190],
)  # fmt: skip
def test_a_name_of_any_kind_is_read_back(name: str) -> None:
    text = f"input: [1, 8]\nlayers:\n  {reader_quoted(name)}: [LazyLinear: 4, ReLU]\n  last: ReLU\n"
    rows = snapshot_of(text).rows
    assert [row.path for row in rows] == [name, f"{name}.0", f"{name}.1", "last"]
    assert reader.read(lock_text(text), "net.lock.yaml") is not None


def reader_quoted(name: str) -> str:
    """A name as a key of a spec."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\u2028", "\\u2028")
    return f'"{escaped}"'


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abc xyz:#0189", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(value=VALUES)
def test_a_value_is_read_back_as_it_was(value: Any) -> None:
    node = reader.read(f"x: {flow(value)}", "net.lock.yaml")
    assert isinstance(node, reader.Mapping)
    found = python(node.pairs[0][1])
    assert found == value
    assert repr(found) == repr(value)


def python(node: reader.Node) -> Any:
    if isinstance(node, reader.Scalar):
        return node.value
    if isinstance(node, reader.Mapping):
        return {name.text: python(item) for name, item in node.pairs}
    return [python(item) for item in node.items]


def test_what_is_no_number_is_read_back() -> None:
    node = reader.read(f"x: [{flow(math.nan)}, {flow(math.inf)}, {flow(-math.inf)}]", "x")
    nan, high, low = python(node)["x"]
    assert math.isnan(nan) and (high, low) == (math.inf, -math.inf)


@given(
    named=st.dictionaries(
        st.text("ab.01 :", min_size=1, max_size=5),
        st.builds(
            TensorType,
            st.lists(st.integers(0, 999), max_size=5).map(tuple),
            st.sampled_from(sorted(ITEM_BYTES)),
        ),
        max_size=4,
    )
)
def test_tensors_are_read_back_with_their_names(named: dict[str, TensorType]) -> None:
    node = reader.read(f"x: {tensors(named.items())}", "net.lock.yaml")
    found = read_tensors(python(node)["x"])
    assert [(t.name, t.shape, t.dtype) for t in found] == [
        (name, t.shape, t.dtype) for name, t in named.items()
    ]


@pytest.mark.parametrize("text", ["float32 1xfour", "float3 1x2", "1x2", "float32  1", 7, None])
def test_what_is_no_tensor_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="is no tensor"):
        read_tensors(text)


def test_no_key_of_a_row_is_needed_twice() -> None:
    assert key("1.10") == '"1.10"' or reader.core_value("1.10") == 1.1
    rows = snapshot_of("input: [1, 8]\nlayers: [ReLU, [ReLU, ReLU]]\n").rows
    assert [row.path for row in rows] == ["0", "1", "1.0", "1.1"]


def test_shared_modules_count_their_parameters_where_they_stand_first() -> None:
    text = (
        "input: [2, 8]\nlayers: {a: {LazyLinear: 8}, b: ReLU, c: {use: a}, d: [LazyLinear: 8]}\n"
        "tie: {d.0.weight: a.weight}\n"
    )
    counts = {row.path: (row.uses, row.param_count) for row in snapshot_of(text).rows}
    assert counts == {"a": ("", 72), "b": ("", 0), "c": ("a", 0), "d": ("", None), "d.0": ("", 8)}
    assert snapshot_of(text).totals == plan_of(text).totals
    assert snapshot_of(text).ties == {"d.0.weight": "a.weight"}


def test_every_lazy_layer_says_what_is_inferred_beside_what_is_given() -> None:
    row = snapshot_of("input: [1, 6, 8, 8]\nlayers: [LazyConv2d: [4, 3, {groups: 2}]]\n").rows[0]
    assert dict(row.given) == {"out_channels": 4, "kernel_size": 3, "groups": 2}
    assert dict(row.inferred) == {"in_channels": 6}
    assert (row.declared, row.type) == ("LazyConv2d", "Conv2d")
    assert row.declared in table()
