"""The graph that pictures show: nothing left out, nothing twice, edges from what is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from exports import CASES, config, every_config, subject
from hypothesis import HealthCheck, given, settings
from random_specs import as_text, specs

from lazyinspect.export.graph import Drawing, Edge, Group, Item, Vertex, draw
from lazyinspect.plan import Plan
from lazyinspect.plan.tree import Call, Graph

DEPTHS = (None, 0, 1, 2, 99)


def vertices(items: Iterable[Item]) -> Iterator[Vertex]:
    for item in items:
        if isinstance(item, Group):
            yield from vertices(item.members)
        else:
            yield item


def groups(items: Iterable[Item]) -> Iterator[Group]:
    for item in items:
        if isinstance(item, Group):
            yield item
            yield from groups(item.members)


def drawn_calls(items: Iterable[Item]) -> int:
    """Calls that a drawing stands for."""
    return sum(
        item.count * (drawn_calls(item.members) if isinstance(item, Group) else 1)
        for item in items
        if isinstance(item, Group) or item.kind not in ("input", "output")
    )


def calls(call: Call) -> int:
    """Calls of layers and functions; a container that is used again is one."""
    if isinstance(call.node, Graph) and call.calls and call.target is None:
        return sum(map(calls, call.calls))
    return 1


def assert_sound(drawing: Drawing, plan: Plan) -> None:
    """What holds of every drawing."""
    listed = list(vertices(drawing.members))
    order = {vertex.id: place for place, vertex in enumerate(listed)}
    ids = [*order, *(group.id for group in groups(drawing.members))]
    assert len(ids) == len(set(ids))
    for edge in drawing.edges:
        assert order[edge.source] < order[edge.target]
        assert edge.label
    params = sum(item.param_count for item in drawing.members)
    assert params == plan.totals.param_count
    assert [v.name for v in listed if v.kind == "input"] == [entry.name for entry in plan.inputs]
    read = {edge.target for edge in drawing.edges}
    assert all(vertex.id in read for vertex in listed if vertex.kind == "output")


def wires(drawing: Drawing) -> set[tuple[str, str]]:
    """Edges by the names of their ends."""
    names = {vertex.id: vertex.name for vertex in vertices(drawing.members)}
    return {(names[edge.source], names[edge.target]) for edge in drawing.edges}


def of(text: str, depth: int | None = None) -> Drawing:
    return draw(subject(text).plan, depth)


def labels(drawing: Drawing) -> list[str]:
    return [edge.label for edge in drawing.edges]


@pytest.mark.parametrize(("name", "variant"), every_config())
def test_every_config_is_drawn_whole_at_every_depth(name: str, variant: str | None) -> None:
    plan = config(name, variant)[1]
    for depth in DEPTHS:
        assert_sound(draw(plan, depth), plan)
    assert drawn_calls(draw(plan, 99).members) == sum(map(calls, plan.call.calls))


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_corner_of_the_language_is_drawn_whole(case: Path) -> None:
    plan = subject(case.read_text("utf-8")).plan
    for depth in DEPTHS:
        assert_sound(draw(plan, depth), plan)
    assert drawn_calls(draw(plan, 99).members) == sum(map(calls, plan.call.calls))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs())
def test_every_network_is_drawn_whole(spec: dict[str, object]) -> None:
    plan = subject(as_text(spec)).plan
    for depth in DEPTHS:
        assert_sound(draw(plan, depth), plan)
    assert drawn_calls(draw(plan, 99).members) == sum(map(calls, plan.call.calls))


def test_blocks_of_one_name_in_a_row_are_one_vertex_of_the_overview() -> None:
    drawing = draw(config("resnet", "r50")[1])
    lines = {vertex.name: vertex.lines for vertex in vertices(drawing.members)}
    assert lines["layer1.0-2"] == ("layer1.0-2: Bottleneck × 3", "215,808 parameters")
    assert lines["layer3.0-5"][0] == "layer3.0-5: Bottleneck × 6"
    assert ("maxpool", "layer1.0-2") in wires(drawing)
    assert "[1, 1024, 14, 14]" in labels(drawing)


def test_a_depth_tells_blocks_apart_that_differ() -> None:
    drawing = draw(config("resnet", "r50")[1], 2)
    layer1 = next(group for group in groups(drawing.members) if group.name == "layer1")
    assert [(item.name, item.what, item.count) for item in layer1.members] == [
        ("0", "Bottleneck", 1),
        ("1-2", "Bottleneck", 2),
    ]


def test_equal_blocks_are_opened_once() -> None:
    drawing = draw(config("gpt2")[1], 3)
    (block,) = groups(drawing.members)
    assert (block.name, block.what, block.count) == ("h.0-11", "Block", 12)
    assert block.label == "h.0-11: Block × 12, 85,054,464 parameters"
    assert {("ln_1", "attn"), ("attn", "res1"), ("embed", "res1")} <= wires(drawing)


def test_the_skips_of_a_unet_lead_across() -> None:
    drawing = draw(config("unet")[1])
    assert {("d4.0-1", "u4"), ("d3.0-1", "u3"), ("d2.0-1", "u2"), ("d1.0-1", "u1")} <= wires(
        drawing
    )


def test_the_neck_of_yolo_reads_the_backbone() -> None:
    found = wires(draw(config("yolov8")[1]))
    assert {("model.6", "model.11"), ("model.4", "model.14"), ("model.9", "model.20")} <= found
    assert {("model.15", "output 0"), ("model.18", "output 1")} <= found


def test_a_module_that_is_used_again_says_so_and_counts_no_parameters() -> None:
    drawing = draw(config("siamese")[1])
    (again,) = [vertex for vertex in vertices(drawing.members) if vertex.again]
    assert again.lines == ("other: Sequential", "use: twin")
    assert (again.look, again.param_count) == ("again", 0)
    assert {("right", "other"), ("other", "0")} <= wires(drawing)


def test_equal_layers_in_a_row_are_one_vertex() -> None:
    drawing = of("input: [1, 8]\nlayers: {l: {Linear: [8, 8], repeat: 40}}\n")
    assert [vertex.lines for vertex in vertices(drawing.members)][1] == (
        "l.0-39: Linear(8, 8) × 40",
        "2,880 parameters",
    )


def test_copies_whose_outputs_are_read_in_between_stand_apart() -> None:
    drawing = of(
        "input: [1, 8]\nlayers:\n  l: {Linear: [8, 8], repeat: 3, each: ys}\n  j: {cat: [ys]}\n"
    )
    assert [group.count for group in groups(drawing.members)] == [1]
    assert {("0", "j"), ("1", "j"), ("2", "j")} <= wires(drawing)


def test_layers_that_differ_stand_apart() -> None:
    text = "input: [1, 8]\nlayers: [Dropout: 0.1, Dropout: 0.2, Dropout: 0.2]\n"
    assert [vertex.name for vertex in vertices(of(text).members)] == ["input", "0", "1-2", "output"]


def test_a_closed_container_reads_what_is_read_inside_it() -> None:
    text = (
        "input: [1, 8]\nlayers:\n  a: {LazyLinear: 8}\n  b: {LazyLinear: 8}\n"
        "  glue: [add: [a, input], abs]\n"
    )
    assert wires(of(text, 1)) == {
        ("input", "a"), ("a", "b"), ("a", "glue"), ("input", "glue"), ("glue", "output"),
    }  # fmt: skip


def test_several_reads_of_one_value_are_one_edge() -> None:
    assert "[1, 8] (2 times)" in labels(of("input: [1, 8]\nlayers: {s: {add: [prev, prev]}}\n"))


def test_numbers_stand_on_the_vertex_that_takes_them() -> None:
    drawing = of("input: [1, 8]\nlayers: {s: {mul: [prev, 0.5]}}\n")
    assert next(v.lines for v in vertices(drawing.members) if v.name == "s") == ("s: mul(0.5)",)


def test_edges_say_what_is_not_of_the_networks_dtype_and_what_is_a_tuple() -> None:
    text = (
        "input: {ids: {shape: [1, 6], dtype: int64, high: 9}}\n"
        "layers:\n  e: {Embedding: [9, 4]}\n  l: {LazyLSTM: 3}\n"
    )
    found = labels(of(text))
    assert found[0] == "[1, 6] int64"
    assert found[-1] == "([1, 6, 3], 2 x [1, 6, 3])"


def test_edges_name_the_keyword() -> None:
    text = (
        "input: {x: [1, 4, 8], mask: {shape: [1, 4], dtype: bool}}\nlayers:\n"
        "  a: {LazyMultiheadAttention: [2, {batch_first: true}], pick: 0,\n"
        "      from: {query: x, key: x, value: x, key_padding_mask: mask}}\n"
    )
    assert "key_padding_mask: [1, 4] bool" in labels(of(text))


def test_named_outputs_keep_their_names() -> None:
    drawing = of("input: [1, 8]\nlayers: {a: ReLU, b: Tanh}\noutput: {x: a, y: b}\n")
    assert {("a", "output x"), ("b", "output y")} <= wires(drawing)


def test_depth_0_is_the_network_as_one() -> None:
    drawing = draw(config("unet")[1], 0)
    assert [vertex.name for vertex in vertices(drawing.members)] == ["input", "unet", "output"]
    assert [Edge(e.source, e.target, e.label) for e in drawing.edges] == list(drawing.edges)
    assert labels(drawing) == ["[1, 3, 256, 256]", "[1, 2, 256, 256]"]


def test_a_network_that_is_one_block_is_opened() -> None:
    text = (
        "input: [1, 8]\nblocks: {B: {layers: {a: {LazyLinear: 4}, b: ReLU}}}\nlayers: {only: B}\n"
    )
    assert [vertex.name for vertex in vertices(of(text).members)] == [
        "input", "only.a", "only.b", "output",
    ]  # fmt: skip


def test_arguments_stand_as_in_a_call_without_defaults() -> None:
    text = (
        "input: [1, 3, 8, 8]\nlayers:\n"
        "  c: {LazyConv2d: [4, 3, 2, 1, {bias: false}]}\n  g: {GELU: tanh}\n"
        "  p: {permute: [0, 2, 3, 1]}\n  f: flatten\n"
    )
    found = [line for vertex in vertices(of(text).members) for line in vertex.lines]
    assert found == [
        "input", "c", "Conv2d(3, 4, 3, stride=2, padding=1,", "bias=False)", "108 parameters",
        "g: GELU(approximate='tanh')", "p: permute(0, 2, 3, 1)", "f: flatten", "output",
    ]  # fmt: skip
