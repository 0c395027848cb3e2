"""Labels of steps that are absent, repeated, nested or failed: what they come to in a plan."""

from __future__ import annotations

import pytest

from lazyinspect.errors import LazyinspectError
from lazyinspect.plan.plan import Plan, make_plan
from lazyinspect.spec.grammar import parse_spec


def plan(text: str) -> Plan:
    return make_plan(parse_spec(text, "spec.yaml"))


def calls(planned: Plan) -> list[tuple[str, int]]:
    return [(row.path, row.call) for row in planned.rows if row.kind != "container"]


def codes(text: str) -> list[str]:
    with pytest.raises(LazyinspectError) as caught:
        plan(text)
    return [problem.code for problem in caught.value.problems]


# -- absent steps -------------------------------------------------------------------------


def test_an_absent_inner_step_leaves_the_outer_module_of_its_name_alone() -> None:
    planned = plan(
        "input: [1, 4]\n"
        "layers:\n"
        "  f: {LazyLinear: 4}\n"
        "  s: {Sequential: {f: {ReLU: , if: false}, g: Tanh}}\n"
        "  h: {use: f}\n"
    )
    assert calls(planned) == [("f", 0), ("s.g", 0), ("f", 1)]


def test_use_of_an_absent_step_is_refused_though_an_inner_one_has_its_name() -> None:
    text = (
        "input: [1, 4]\n"
        "layers:\n"
        "  a: {LazyLinear: 4}\n"
        "  f: {LazyLinear: 4, if: false}\n"
        "  s: {Sequential: {f: ReLU, g: Tanh}}\n"
        "  h: {use: f}\n"
    )
    assert codes(text) == ["absent-module"]


def test_a_step_that_does_not_exist_may_read_a_step_that_does_not() -> None:
    planned = plan(
        "input: [1, 4]\n"
        "params: {scale: false}\n"
        "layers:\n"
        "  gamma: {Parameter: [4], if: $scale}\n"
        "  scaled: {mul: [gamma, input], if: $scale}\n"
        "  next: {LazyLinear: 2, from: scaled}\n"
    )
    assert calls(planned) == [("next", 0)]
    assert planned.outputs[0].shape == (1, 2)


def test_labels_inside_an_absent_container_are_said_to_be_absent() -> None:
    text = "input: [1, 4]\nlayers: [{STEP: [{ReLU: , as: x}], if: false}, {Tanh: , from: x}]\n"
    assert codes(text.replace("STEP", "Sequential")) == ["absent-step"]
    assert codes(text.replace("STEP", "splice")) == ["absent-step"]


@pytest.mark.parametrize("between", ["{ReLU: , from: a, repeat: 0}", "{Parameter: 4, if: false}"])
def test_a_source_must_still_be_named_when_nothing_stands_between(between: str) -> None:
    text = (
        "input: [1, 4]\n"
        "layers:\n"
        "  a: {LazyLinear: 4}\n"
        "  b: {LazyLinear: 4, from: input, if: true}\n"
        f"  c: {between}\n"
        "  d: Tanh\n"
    )
    assert codes(text) == ["implied-source"]


# -- repeated steps -----------------------------------------------------------------------


def test_siblings_of_a_templated_name_are_labels() -> None:
    planned = plan(
        'input: [1, 4]\nlayers: {"d{i+1}": {LazyLinear: $4+i, repeat: 3}, j: {cat: [d1, d2, d3]}}\n'
    )
    assert planned.outputs[0].shape == (1, 4 + 5 + 6)


def test_a_layer_parameter_in_a_repeat_may_be_labelled() -> None:
    planned = plan(
        "input: [1, 4]\n"
        "params: {act: ReLU}\n"
        "layers: [{splice: [LazyLinear: 4, {$act: , as: x}], repeat: 2}, {add: [prev, x]}]\n"
    )
    assert len(planned.rows) == 6


def test_if_of_a_splice_may_depend_on_the_copy() -> None:
    planned = plan("input: [1, 4]\nlayers: [{splice: [LazyLinear: $5+i], repeat: 3, if: $i > 0}]\n")
    assert [row.outputs[0].shape for row in planned.rows[1:]] == [(1, 6), (1, 7)]


def test_a_graph_in_a_repeat_reads_the_index() -> None:
    planned = plan(
        "input: [1, 4]\nlayers: [{Graph: {input: x, layers: [LazyLinear: $4+i]}, repeat: 2}]\n"
    )
    assert planned.outputs[0].shape == (1, 5)


def test_a_layer_parameter_may_depend_on_the_copy() -> None:
    planned = plan(
        "input: [1, 4]\nparams: {a: ReLU, b: Tanh}\n"
        'layers: [{"$a if i == 0 else b": , repeat: 2}]\n'
    )
    assert [row.type for row in planned.rows[1:]] == ["ReLU", "Tanh"]


def test_a_layer_parameter_is_not_read_where_if_is_false() -> None:
    planned = plan(
        "input: [1, 4]\nparams: {act: null}\nlayers: [Tanh, {$act: , if: $act != null}]\n"
    )
    assert calls(planned) == [("0", 0)]


# -- failures -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "container",
    [
        "[{LazyLinear: 4, as: deep}, {Linear: [7, 3]}]",
        "{add: [prev, [{LazyLinear: 4, as: deep}, {Linear: [7, 3]}]]}",
        "{Sequential: [{LazyLinear: 4, as: deep}, {Linear: [7, 3]}], repeat: 2}",
    ],
)
def test_labels_inside_a_container_that_fails_cause_no_second_problem(container: str) -> None:
    text = f"input: [1, 4]\nlayers:\n  - {container}\n  - {{LazyLinear: 6, from: deep}}\n"
    assert codes(text) == ["shape-mismatch"]


def test_labels_of_steps_that_were_never_planned_cause_no_second_problem() -> None:
    text = (
        "input: [1, 4]\n"
        "layers:\n"
        "  - {splice: [{ReLU: , as: x}], repeat: -1}\n"
        "  - {add: [prev, x]}\n"
    )
    assert codes(text) == ["bad-repeat"]
    text = (
        "input: [1, 4]\n"
        'layers: {"m{i}": {Linear: [7, 3], repeat: 2}, j: {add: [m0, m1]}, k: {Linear: [9, 1]}}\n'
    )
    assert codes(text) == ["shape-mismatch"]


def test_the_output_may_name_a_label_of_a_container_that_fails() -> None:
    text = (
        "input: [1, 4]\noutput: deep\n"
        "layers: [[{LazyLinear: 4, as: deep}, {Linear: [7, 3]}], {ReLU: , from: input}]\n"
    )
    assert codes(text) == ["shape-mismatch"]


# -- blocks planned once ------------------------------------------------------------------


def test_a_block_is_planned_apart_for_numbers_that_python_holds_equal() -> None:
    planned = plan(
        "input: {x: {shape: [1, 4], dtype: int64, high: 5}}\n"
        "blocks: {M: {input: [a, b], layers: [mul: [a, b]]}}\n"
        "layers: {p: {M: , from: [x, 2]}, q: {M: , from: [x, 2.0]}}\n"
    )
    dtypes = {row.path: row.outputs[0].dtype for row in planned.rows}
    assert (dtypes["p"], dtypes["q"]) == ("int64", "float32")


# -- use ----------------------------------------------------------------------------------


def test_use_of_a_merge_with_branches_applies_them_again() -> None:
    planned = plan(
        "input: [1, 4]\nlayers: {res: {add: [prev, [LazyLinear: 4]]}, again: {use: res}}\n"
    )
    assert calls(planned) == [("res.1.0", 0), ("res.add", 0), ("res.1.0", 1), ("res.add", 1)]


def test_use_names_the_inputs_of_a_block_as_its_first_application_does() -> None:
    planned = plan(
        "input: {a: [1, 4], b: [1, 4]}\n"
        "blocks: {M: {input: [p, q], layers: [add: [p, q]]}}\n"
        "layers: {m: {M: , from: [a, b]}, n: {use: m, from: {q: m, p: b}}}\n"
    )
    first, second = (row for row in planned.rows if row.path == "m")
    assert [t.name for t in first.inputs] == [t.name for t in second.inputs] == ["p", "q"]


def test_captured_values_are_no_inputs_of_a_container_that_is_used_again() -> None:
    planned = plan(
        "input: [1, 4]\n"
        "layers:\n"
        "  s: {Sequential: {a: {LazyLinear: 4}, b: [ReLU, {add: [prev, a]}]}}\n"
        "  t: {use: s}\n"
    )
    first, second = (row for row in planned.rows if row.path == "s.b")
    assert first.inputs == second.inputs
