"""Rows of plans in which one tensor has several names, or one module several calls."""

from __future__ import annotations

from plans import plan_of

SHARED = (
    "input: [1, 4]\n"
    "blocks: {B: {layers: {f: {LazyLinear: 4}, g: {LazyLinear: 4}}}}\n"
    "layers: {b: {B: , repeat: 2}, c: {use: b}, d: {LazyLinear: [4, {bias: false}]}}\n"
)


def test_a_module_counts_at_its_first_call_and_its_work_at_each() -> None:
    rows = plan_of(SHARED).rows
    counts = {(row.path, row.call): (row.param_count, row.macs) for row in rows}
    assert (counts["b", 0], counts["b", 1]) == ((80, 64), (0, 64))
    assert (counts["b.1.g", 0], counts["b.1.g", 1]) == ((20, 16), (0, 16))
    assert counts["", 0] == (96, 144)


def test_tensors_tied_through_a_chain_count_once_where_they_come_first() -> None:
    ties = "tie: {b.1.f.weight: d.weight, d.weight: b.0.g.weight}\n"
    plan = plan_of(SHARED + ties)
    counts = {row.path: row.param_count for row in plan.rows if not row.call}
    assert (counts["b.0.g"], counts["b.1.f"], counts["d"]) == (20, 4, 0)
    assert plan.totals.param_count == 96 - 2 * 16
    assert {(tie.path, tie.source) for tie in plan.ties} == {
        ("b.1.f.weight", "b.0.g.weight"),
        ("d.weight", "b.0.g.weight"),
    }


def test_learned_tensors_stand_before_modules_in_the_state_dict_of_their_graph() -> None:
    plan = plan_of(
        "input: [1, 4]\n"
        "layers: {fc: {LazyLinear: 4}, s: {Sequential: {g: {LazyLinear: 4}, q: {Parameter: 4},"
        " m: {mul: [g, q]}}}, p: {Parameter: 4}, sum: {add: [s, p]}}\n"
    )
    assert [*plan.state_dict()] == [
        "p", "fc.weight", "fc.bias", "s.q", "s.g.weight", "s.g.bias",
    ]  # fmt: skip


def test_places_of_use_go_from_the_inner_block_outwards() -> None:
    plan = plan_of(
        "input: [1, 4]\n"
        "blocks:\n"
        "  In: {layers: [ReLU]}\n"
        "  Out:\n"
        "    layers:\n"
        "      - In\n"
        "layers:\n"
        "  - Out\n"
        "  - Out\n"
    )
    leaves = [row for row in plan.rows if row.kind == "layer"]
    lines = [[place.line for place in row.used_at] for row in leaves]
    assert lines == [[6, 8], [6, 9]]
