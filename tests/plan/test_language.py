"""The language, rule by rule: what a spec's words come to in a plan."""

from __future__ import annotations

from typing import Any

import pytest

from lazyinspect.errors import LazyinspectError, SpecError
from lazyinspect.plan.plan import Plan, make_plan
from lazyinspect.spec.grammar import parse_spec


def plan(text: str, **options: Any) -> Plan:
    return make_plan(parse_spec(text, "spec.yaml"), **options)


def shapes(planned: Plan) -> dict[str, list[tuple[int, ...]]]:
    """Output shapes by path, of leaves."""
    return {
        row.path: [tensor.shape for tensor in row.outputs]
        for row in planned.rows
        if row.kind != "container"
    }


def paths(planned: Plan) -> list[str]:
    return [row.path for row in planned.rows]


def codes(text: str, **options: Any) -> list[str]:
    with pytest.raises(LazyinspectError) as caught:
        plan(text, **options)
    return [problem.code for problem in caught.value.problems]


# -- sequences and names ------------------------------------------------------------------


def test_every_step_of_a_list_takes_an_index() -> None:
    planned = plan(
        "input: [2, 4, 8, 8]\n"
        "layers:\n"
        "  - {Conv2d: [4, 4, 1], as: c}\n"
        "  - relu\n"
        "  - add: [prev, prev]\n"
        "  - {Parameter: [4, 1, 1], as: p}\n"
        "  - {use: c, from: input}\n"
        "  - mul: [prev, p]\n"
    )
    assert paths(planned) == ["", "0", "1", "2", "3", "0", "5"]


def test_keys_of_a_mapping_are_attribute_names_and_labels() -> None:
    planned = plan(
        "input: [1, 3]\nlayers:\n  fc: {LazyLinear: 4}\n  0: ReLU\n  out: {add: [fc, '0']}\n"
    )
    assert paths(planned) == ["", "fc", "0", "out"]


@pytest.mark.parametrize("unit", ["Unit", "{Unit: }", "{Unit: {}}", "{Unit: []}"])
def test_four_ways_to_write_no_arguments_are_the_same(unit: str) -> None:
    planned = plan(
        f"input: [1, 3]\nblocks: {{Unit: {{layers: [LazyLinear: 4]}}}}\nlayers: [{unit}]\n"
    )
    assert paths(planned) == ["", "0", "0.0"]


def test_a_nested_list_is_a_sequential() -> None:
    planned = plan("input: [1, 3]\nlayers:\n  mlp: [LazyLinear: 4, [ReLU, LazyLinear: 2]]\n")
    assert paths(planned) == ["", "mlp", "mlp.0", "mlp.1", "mlp.1.0", "mlp.1.1"]
    assert planned.rows[1].type == "Sequential"


# -- data flow ----------------------------------------------------------------------------


def test_from_names_positional_sources_keywords_and_tuples() -> None:
    planned = plan(
        "input: {x: [5, 2, 8], h: [1, 2, 4], c: [1, 2, 4]}\n"
        "layers:\n"
        "  rnn: {LazyLSTM: 4, from: [x, [h, c]], pick: 0}\n"
        "  attn: {LazyMultiheadAttention: 2, pick: 0,"
        " from: {query: rnn, key: rnn, value: x, need_weights: false}}\n"
    )
    attention = planned.rows[2]
    assert [tensor.name for tensor in attention.inputs] == ["query", "key", "value"]
    assert attention.args["vdim"] == 8
    assert [tensor.name for tensor in planned.rows[1].inputs] == ["0", "1.0", "1.1"]


def test_prev_and_input_start_as_the_first_of_several_inputs() -> None:
    planned = plan(
        "input: {a: [1, 3], b: [1, 5]}\n"
        "layers: [LazyLinear: 2, {LazyLinear: 2, from: b}, {LazyLinear: 2, from: input}]\n"
    )
    assert [row.args["in_features"] for row in planned.rows[1:]] == [3, 5, 3]


def test_an_inline_branch_has_its_layers_below_its_place() -> None:
    planned = plan(
        "input: [1, 3, 8, 8]\nlayers:\n  res: {add: [prev, [LazyConv2d: [3, 1], ReLU]]}\n"
    )
    assert paths(planned) == ["", "res", "res.1", "res.1.0", "res.1.1", "res.add"]
    assert list(planned.state_dict()) == ["res.1.0.weight", "res.1.0.bias"]


def test_a_block_sees_only_its_own_inputs_and_parameters() -> None:
    text = (
        "input: [1, 3]\nparams: {w: 4}\n"
        "blocks: {Unit: {layers: [LazyLinear: $w]}}\n"
        "layers: {fc: {LazyLinear: 2}, u: Unit}\n"
    )
    assert codes(text) == ["formula"]
    assert codes(text.replace("LazyLinear: $w", "add: [prev, fc]")) == ["unknown-label"]


def test_nothing_inside_a_block_is_visible_outside() -> None:
    text = (
        "input: [1, 3]\nblocks: {Unit: {layers: [{ReLU: , as: inner}]}}\n"
        "layers: [Unit, {add: [prev, inner]}]\n"
    )
    assert codes(text) == ["unknown-label"]


def test_an_as_label_is_visible_in_its_whole_block_from_there_on() -> None:
    planned = plan(
        "input: [1, 3]\n"
        "layers:\n"
        "  - [{LazyLinear: 4, as: deep}, LazyLinear: 5]\n"
        "  - {LazyLinear: 6, from: deep}\n"
    )
    assert planned.rows[-1].args["in_features"] == 4


def test_a_key_is_visible_only_in_its_own_mapping_and_below() -> None:
    text = (
        "input: [1, 3]\n"
        "layers:\n"
        "  a: {Sequential: {x: {LazyLinear: 4}, y: [{LazyLinear: 5, from: x}]}}\n"
    )
    assert shapes(plan(text))["a.y.0"] == [(1, 5)]
    assert codes(text + "  b: {ReLU: , from: x}\n") == ["unknown-label"]


def test_the_inner_key_hides_the_outer() -> None:
    planned = plan(
        "input: [1, 3]\n"
        "layers:\n"
        "  x: {LazyLinear: 4}\n"
        "  a: {Sequential: {x: {LazyLinear: 5}, y: {LazyLinear: 6, from: x}}}\n"
        "  z: {LazyLinear: 7, from: x}\n"
    )
    found = {row.path: row.args.get("in_features") for row in planned.rows}
    assert (found["a.y"], found["z"]) == (5, 4)


# -- repeat -------------------------------------------------------------------------------


def test_repeat_in_a_list_splices_copies_in() -> None:
    planned = plan("input: [1, 3]\nlayers: [{LazyLinear: 4, repeat: 2}, ReLU]\n")
    assert paths(planned) == ["", "0", "1", "2"]
    assert [row.args.get("in_features") for row in planned.rows[1:3]] == [3, 4]


def test_repeat_under_a_name_makes_a_sequential() -> None:
    planned = plan("input: [1, 3]\nlayers: {m: {LazyLinear: 4, repeat: 2}}\n")
    assert paths(planned) == ["", "m", "m.0", "m.1"]


def test_repeat_under_a_templated_name_makes_siblings() -> None:
    planned = plan('input: [1, 3]\nlayers: {"m{i+1}": {LazyLinear: $4+i, repeat: 2}}\n')
    assert paths(planned) == ["", "m1", "m2"]
    assert shapes(planned)["m2"] == [(1, 5)]


def test_later_copies_read_the_copy_before_and_the_same_other_sources() -> None:
    planned = plan(
        "input: {x: [1, 4], skip: [1, 4]}\n"
        "blocks: {Mix: {input: [a, b], layers: [add: [a, b], LazyLinear: 4]}}\n"
        "layers: {m: {Mix: , from: [x, skip], repeat: 3}}\n"
    )
    sequential = planned.root.steps[0].node
    assert [step.operands for step in sequential.steps[1:]]  # type: ignore[union-attr]
    first, second, third = sequential.steps  # type: ignore[union-attr]
    assert second.operands[0].slot == first.slot and third.operands[0].slot == second.slot
    assert first.operands[1] == second.operands[1] == third.operands[1]


def test_each_labels_the_list_of_all_outputs() -> None:
    planned = plan(
        "input: [1, 4]\nlayers: {m: {LazyLinear: 4, repeat: 3, each: ys}, j: {cat: [input, ys]}}\n"
    )
    assert shapes(planned)["j"] == [(1, 16)]


def test_splice_repeats_several_steps_without_a_module_of_their_own() -> None:
    planned = plan(
        "input: [1, 3]\nlayers: [{splice: [{LazyLinear: $4+i}, ReLU], repeat: 2}, Tanh]\n"
    )
    assert paths(planned) == ["", "0", "1", "2", "3", "4"]
    assert shapes(planned)["2"] == [(1, 5)]


def test_repeat_zero_makes_no_copy_and_its_label_means_the_source() -> None:
    planned = plan(
        "input: [1, 3]\nlayers: {a: {LazyLinear: 4}, m: {LazyLinear: 9, repeat: 0},"
        " b: {LazyLinear: 2, from: m}}\n"
    )
    assert paths(planned) == ["", "a", "b"]
    assert planned.rows[-1].args["in_features"] == 4


# -- if -----------------------------------------------------------------------------------


def test_a_false_if_takes_no_index_and_leaves_prev() -> None:
    planned = plan("input: [1, 3]\nlayers: [LazyLinear: 4, {ReLU: , if: false}, LazyLinear: 2]\n")
    assert paths(planned) == ["", "0", "1"]
    assert planned.rows[-1].args["in_features"] == 4


def test_labels_of_an_absent_step_mean_its_first_source() -> None:
    planned = plan(
        "input: [1, 4]\n"
        "layers:\n"
        "  a: {LazyLinear: 4}\n"
        "  b: {chunk: 2, as: [p, q], from: a, if: $1 > 2}\n"
        "  c: {add: [p, q]}\n"
    )
    assert shapes(planned)["c"] == [(1, 4)]


def test_if_may_depend_on_the_copy() -> None:
    planned = plan("input: [1, 4]\nlayers: {m: {LazyLinear: $5+i, repeat: 4, if: $i % 2 == 1}}\n")
    assert paths(planned) == ["", "m", "m.0", "m.1"]
    assert shapes(planned) == {"m.0": [(1, 6)], "m.1": [(1, 8)]}


def test_a_named_source_is_enough_after_if_and_from() -> None:
    text = (
        "input: [1, 3]\nlayers:\n"
        "  a: {LazyLinear: 3}\n"
        "  b: {ReLU: , from: input, if: true}\n"
        "  c: {ReLU: , from: prev}\n"
    )
    assert paths(plan(text)) == ["", "a", "b", "c"]


# -- sharing ------------------------------------------------------------------------------


def test_use_applies_a_module_again_and_counts_it_once() -> None:
    planned = plan(
        "input: {a: [1, 3], b: [2, 3]}\nlayers: {f: [LazyLinear: 4, ReLU], g: {use: f, from: b}}\n"
    )
    rows = [(row.path, row.call, row.param_count) for row in planned.rows[1:]]
    assert rows == [
        ("f", 0, 16), ("f.0", 0, 16), ("f.1", 0, 0), ("f", 1, 0), ("f.0", 1, 0), ("f.1", 1, 0),
    ]  # fmt: skip
    assert planned.totals.param_count == 16
    assert planned.totals.macs == 12 + 24


def test_use_of_a_use_is_the_same_module() -> None:
    planned = plan("input: [1, 4]\nlayers: {f: {LazyLinear: 4}, g: {use: f}, h: {use: g}}\n")
    assert [(row.path, row.call) for row in planned.rows[1:]] == [("f", 0), ("f", 1), ("f", 2)]


def test_use_inside_a_repeated_block_means_each_copys_own_module() -> None:
    planned = plan(
        "input: [1, 4]\n"
        "blocks: {B: {layers: {f: {LazyLinear: 4}, g: {use: f}}}}\n"
        "layers: [{B: , repeat: 2}]\n"
    )
    assert [(row.path, row.call) for row in planned.rows if row.kind == "layer"] == [
        ("0.f", 0), ("0.f", 1), ("1.f", 0), ("1.f", 1),
    ]  # fmt: skip


def test_use_of_an_absent_module_is_an_error() -> None:
    text = "input: [1, 4]\nlayers: {f: {LazyLinear: 4, if: false}, g: {use: f}}\n"
    assert codes(text) == ["absent-module"]


def test_a_tied_tensor_counts_once_and_keeps_both_names() -> None:
    planned = plan(
        "input: {ids: {shape: [1, 5], dtype: int64, high: 7}}\n"
        "tie: {head.weight: wte.weight}\n"
        "layers: {wte: {Embedding: [7, 4]}, head: {LazyLinear: [7, {bias: false}]}}\n"
    )
    assert planned.totals.param_count == 28
    assert planned.rows[-1].param_count == 0
    assert list(planned.state_dict()) == ["wte.weight", "head.weight"]


# -- tuples, become, expect ---------------------------------------------------------------


def test_pick_takes_one_element_and_negative_counts_from_the_end() -> None:
    planned = plan("input: [1, 6]\nlayers: [{split: [4], pick: -1}, LazyLinear: 2]\n")
    assert planned.rows[-1].args["in_features"] == 2


def test_become_sets_the_class_of_a_lazy_step() -> None:
    planned = plan("input: [1, 3, 8, 8]\nlayers: [{LazyConv2d: [4, 3], become: FakeQuantConv2d}]\n")
    assert (planned.rows[1].declared, planned.rows[1].type) == ("LazyConv2d", "FakeQuantConv2d")


def test_expect_takes_any_size_for_an_underscore() -> None:
    text = (
        "input: [1, 3, 8, 8]\nparams: {h: 6}\n"
        "layers: [{LazyConv2d: [4, 3], expect: [_, 4, $h, $h]}]\n"
    )
    assert shapes(plan(text))["0"] == [(1, 4, 6, 6)]
    assert codes(text, set={"h": 7}) == ["unmet-expect"]


def test_expect_of_another_rank_is_unmet() -> None:
    assert codes("input: [1, 3]\nlayers: [{ReLU: , expect: [_, 3, 1]}]\n") == ["unmet-expect"]


# -- formulas, parameters, variants -------------------------------------------------------


def test_formulas_read_sizes_of_the_first_source() -> None:
    planned = plan(
        "input: [2, 3, 4, 5]\nlayers: [LazyConv2d: [$cin*2, 1], flatten: 2, LazyLinear: $last//4,"
        " LazyLinear: $shape(-2)]\n"
    )
    assert shapes(planned)["3"] == [(2, 6, 6)]


def test_a_block_parameter_reads_the_blocks_first_input_and_earlier_parameters() -> None:
    planned = plan(
        "input: [1, 6]\n"
        "blocks: {B: {params: {d: $last, half: $d//2}, layers: [LazyLinear: $half]}}\n"
        "layers: [B, B: {d: 8}]\n"
    )
    assert [shapes(planned)[path] for path in ("0.0", "1.0")] == [[(1, 3)], [(1, 4)]]


def test_dollar_dollar_is_a_literal_dollar() -> None:
    text = "input: [1, 3]\nlayers: [{LazyConv2d: [1, 1, {padding_mode: $$x}]}]\n"
    with pytest.raises(SpecError, match=r"\$x"):
        plan(text)


def test_variant_then_set_then_what_depends_on_them() -> None:
    text = (
        "input: [1, 3]\nparams: {w: 2, depth: 1, out: $w*10}\n"
        "variants: {wide: {w: 4}, deep: {depth: 3, w: 3}}\n"
        "layers: [{LazyLinear: $w, repeat: $depth}, LazyLinear: $out]\n"
    )
    assert plan(text).outputs[0].shape == (1, 20)
    assert plan(text, variant="wide").outputs[0].shape == (1, 40)
    assert plan(text, variant="deep", set={"w": 7}).outputs[0].shape == (1, 70)
    assert plan(text, variant="deep", set={"w": 7}).spec_info.params == {
        "w": 7, "depth": 3, "out": 70,
    }  # fmt: skip


def test_a_layer_parameter_is_a_name_or_a_mapping() -> None:
    text = (
        "input: [1, 3]\nblocks: {B: {params: {act: layer}, layers: [$act]}}\n"
        "layers: [B: ReLU, B: {LeakyReLU: 0.1}, B: [{Softmax: {dim: 1}}], B: {act: {ELU: 0.5}}]\n"
    )
    rows = [row for row in plan(text).rows if row.kind == "layer"]
    assert [(row.type, dict(row.args)) for row in rows] == [
        ("ReLU", {}), ("LeakyReLU", {"negative_slope": 0.1}), ("Softmax", {"dim": 1}),
        ("ELU", {"alpha": 0.5}),
    ]  # fmt: skip


def test_a_default_fixes_no_type() -> None:
    text = (
        "input: [1, 3, 8, 8]\nblocks: {C: {params: {k: 1}, layers: [LazyConv2d: [4, $k]]}}\n"
        "layers: [C, C: {k: [1, 7]}]\n"
    )
    assert shapes(plan(text))["1.0"] == [(1, 4, 8, 2)]


def test_one_and_true_are_different_arguments_of_a_block() -> None:
    text = (
        "input: [1, 3]\nblocks: {B: {params: {b: any}, layers: [LazyLinear: [4, $b]]}}\n"
        "layers: [B: true, B: 1]\n"
    ).replace("{b: any}", "{b: true}")
    assert codes(text) == ["bad-argument"]


# -- input and output ---------------------------------------------------------------------


def test_input_shapes_may_hold_formulas_and_be_overridden() -> None:
    text = "input: [1, 3, $r, $r]\nparams: {r: 8}\nlayers: [LazyConv2d: [4, 3]]\n"
    assert plan(text).outputs[0].shape == (1, 4, 6, 6)
    assert plan(text, set={"r": 10}).outputs[0].shape == (1, 4, 8, 8)
    assert plan(text, input=[2, 5, 9, 7]).outputs[0].shape == (2, 4, 7, 5)
    assert plan(text, batch=16).outputs[0].shape == (16, 4, 6, 6)


def test_input_option_stands_in_for_a_missing_input() -> None:
    assert plan("layers: [LazyLinear: 2]\n", input=[4, 3]).outputs[0].shape == (4, 2)
    named = plan("layers: {s: {add: [a, b]}}\n", input={"a": [1, 3], "b": [1, 3]})
    assert [entry.name for entry in named.inputs] == ["a", "b"]


def test_output_is_a_label_a_list_or_a_mapping() -> None:
    text = "input: [1, 3]\nlayers: {a: {LazyLinear: 2}, b: {LazyLinear: 4}}\noutput: %s\n"
    assert [t.name for t in plan(text % "a").outputs] == [""]
    assert [t.name for t in plan(text % "[b, a]").outputs] == ["0", "1"]
    assert [t.name for t in plan(text % "{x: b, y: a}").outputs] == ["x", "y"]


def test_unbatched_input_plans_as_torch_does() -> None:
    planned = plan("input: [10, 28, 28]\nlayers: [LazyConv2d: [32, 3]]\n")
    assert planned.outputs[0].shape == (32, 26, 26)
    assert planned.rows[1].args["in_channels"] == 10


def test_a_parameter_of_leading_one_broadcasts_in_cat_only() -> None:
    text = "input: [3, 4, 8]\nlayers: {t: {Parameter: [1, 1, 8]}, s: {cat: [t, input]}}\n"
    assert plan(text).outputs[0].shape == (3, 5, 8)
    assert codes(text.replace("cat: [t, input]", "stack: [t, input]")) == ["shape-mismatch"]
    assert codes(
        "input: {a: [1, 1, 8], b: [3, 4, 8]}\nlayers: [cat: [a, b]]\n"
    ) == ["shape-mismatch"]  # fmt: skip


def test_graph_is_a_block_without_a_name() -> None:
    planned = plan(
        "input: [1, 4]\n"
        "layers:\n"
        "  a: {LazyLinear: 4}\n"
        "  g: {Graph: {input: [x, y], layers: {s: {add: [x, y]}, f: {LazyLinear: 2}}, output: f},"
        " from: [a, input]}\n"
    )
    assert paths(planned) == ["", "a", "g", "g.s", "g.f"]
    assert codes(
        "input: [1, 4]\nlayers: {a: ReLU, g: {Graph: {layers: [add: [prev, a]]}}}\n"
    ) == ["unknown-label"]  # fmt: skip


# -- rows ---------------------------------------------------------------------------------


def test_a_row_tells_where_it_stands_and_where_its_block_is_used() -> None:
    planned = plan(
        "input: [1, 4]\n"
        "blocks:\n"
        "  In: {layers: [LazyLinear: 4]}\n"
        "  Out:\n"
        "    layers:\n"
        "      - In\n"
        "layers:\n"
        "  - Out\n"
    )
    row = planned.rows[-1]
    assert row.path == "0.0.0"
    assert (row.place.line, row.place.column) == (3, 17)
    assert [(place.line, place.column) for place in row.used_at] == [(6, 9), (8, 5)]


def test_independent_mistakes_are_all_reported_and_what_follows_from_them_is_not() -> None:
    text = (
        "input: [1, 3, 8, 8]\nlayers:\n"
        "  a: {LazyConv2d: [4, 9]}\n"
        "  b: {LazyConv2d: [4, 3], from: a}\n"
        "  c: {Conv2d: [5, 4, 3], from: input}\n"
    )
    assert codes(text) == ["shape-mismatch", "shape-mismatch"]


def test_a_mistake_of_the_spec_outranks_one_of_this_input() -> None:
    text = "input: [1, 3, 8, 8]\nlayers:\n  a: {LazyConv2d: [4, 9]}\n  b: {ReLU: , from: aa}\n"
    with pytest.raises(SpecError):
        plan(text)


# -- corners ------------------------------------------------------------------------------


def test_an_inline_branch_of_a_later_copy_starts_from_the_copy_before() -> None:
    for name in ("", "m: ", '"m{i}": '):
        step = "{cat: [prev, [LazyLinear: $last]], repeat: 3}"
        layers = f"  {name}{step}\n" if name else f"  - {step}\n"
        planned = plan(f"input: [2, 8]\nlayers:\n{layers}")
        assert planned.outputs[0].shape == (2, 64)
    first = plan("input: [2, 8]\nlayers: [{cat: [[LazyLinear: $last], prev], repeat: 3}]\n")
    widths = [row.args["in_features"] for row in first.rows if row.kind == "layer"]
    assert widths == [8, 16, 24]


def test_a_branch_under_a_repeated_name_starts_from_prev_and_not_from_the_first_source() -> None:
    planned = plan(
        "input: [2, 8]\n"
        "layers:\n"
        "  x: {LazyLinear: 4}\n"
        "  y: {LazyLinear: 6}\n"
        "  m: {add: [x, [LazyLinear: 4]], repeat: 2}\n"
    )
    widths = [row.args["in_features"] for row in planned.rows if row.kind == "layer"]
    assert widths == [8, 4, 6, 4]


def test_an_empty_container_has_zero_macs() -> None:
    planned = plan("input: [1, 3]\nlayers: [{ReLU: , repeat: 0}]\n")
    assert planned.totals.macs == 0


@pytest.mark.parametrize("layer", ["Sequential", "{Sequential: [ReLU]}", "{splice: [ReLU]}"])
def test_a_layer_parameter_holds_one_layer(layer: str) -> None:
    text = f"input: [1, 3]\nparams: {{act: {layer}}}\nlayers: [$act]\n"
    assert codes(text) == ["bad-step"]


def test_batch_of_an_unbatched_input_is_refused() -> None:
    text = "input: [3, 8, 8]\nlayers: [LazyConv2d: [4, 3]]\n"
    assert codes(text, batch=2) == ["no-batch"]


def test_set_takes_formulas_as_the_file_does() -> None:
    text = "input: [1, 3]\nparams: {w: 2, h: 5}\nlayers: [LazyLinear: $h]\n"
    assert plan(text, set={"h": "$2*w", "w": 7}).outputs[0].shape == (1, 14)
    assert codes(text, set={"h": "$2*"}) == ["formula"]


def test_a_required_parameter_is_checked_before_what_reads_it() -> None:
    text = "input: [1, 3]\nparams: {w: int, h: $2*w}\nlayers: [LazyLinear: $h]\n"
    with pytest.raises(SpecError, match="`w` takes an integer, and gets true"):
        plan(text, set={"w": True})


def test_later_copies_read_the_copy_before_in_the_place_of_a_tuple() -> None:
    text = (
        "input: [1, 8]\n"
        "blocks:\n"
        "  Pair:\n"
        "    layers:\n"
        "      un: {Identity: , as: [x, y]}\n"
        "      a: {LazyLinear: 16, from: x}\n"
        "    output: [a, y]\n"
        "layers:\n"
        "  g: {Pair: , from: [[input, input]], repeat: 3, as: [x, y]}\n"
        "  out: {LazyLinear: 2, from: x}\n"
    )
    for name in ("g: ", '"g{i}": '):
        planned = plan(text.replace("g: ", name))
        widths = [row.args["in_features"] for row in planned.rows if row.type == "Linear"]
        assert widths == [8, 16, 16, 16]
        assert planned.totals.param_count == 722


def test_the_first_of_named_sources_is_the_ops_first_input_however_they_are_written() -> None:
    text = (
        "input: {z: [1, 4], a: [1, 4]}\n"
        "blocks:\n"
        "  Acc: {input: [x, acc], layers: {f: {LazyLinear: $last+1}, s: {add: [f, 0]}}}\n"
        "layers:\n"
        "  m: {Acc: , from: {%s}, repeat: 3}\n"
    )
    for order in ("acc: a, x: z", "x: z, acc: a"):
        assert plan(text % order).outputs[0].shape == (1, 7)


def test_a_label_further_down_is_told_with_its_line() -> None:
    with pytest.raises(SpecError, match="stands at line 4: a step reads what is above it"):
        plan("input: [1, 3]\nlayers:\n  a: {add: [input, b]}\n  b: ReLU\n")


def test_copies_inside_copies_are_capped_before_they_fill_the_memory() -> None:
    nested = (
        "input: [1, 3]\nblocks:\n"
        "  A: {layers: [{ReLU: , repeat: 1000}]}\n"
        "  B: {layers: [{A: , repeat: 1000}]}\n"
        "layers: [{B: , repeat: 1000}]\n"
    )
    assert codes(nested) == ["too-many-steps"]
    spliced = (
        "input: [1, 3]\nlayers: [{splice: [{splice: [{splice: [ReLU], repeat: 1000}],"
        " repeat: 1000}], repeat: 1000}]\n"
    )
    assert codes(spliced) == ["too-many-steps"]


def test_what_nothing_reads_is_noted() -> None:
    planned = plan(
        "input: [1, 3]\n"
        "layers:\n"
        "  unused: {LazyLinear: 4}\n"
        "  b: {Sequential: [LazyLinear: 2, {ReLU: , from: input}], from: input}\n"
    )
    (note,) = planned.notes
    assert "`unused` of line 3, `b.0` of line 4" in note
    assert plan("input: [1, 4]\nlayers: [{chunk: 2, as: [a, b]}, {ReLU: , from: b}]\n").notes == ()
