"""The tree: nesting of rows, folding of equal blocks, cutting at a depth."""

from __future__ import annotations

from dataclasses import replace

import pytest
from reports import block, layer, oddities, report, resnet50

from lazyinspect.render.tree import grow, lines
from lazyinspect.report import Report


def labels(drawn: Report, **choices: object) -> list[str]:
    return [line.label for line in lines(drawn.layers, **choices)]  # type: ignore[arg-type]


def relu(name: str, **more: object) -> object:
    return layer(name, "ReLU", (1, 8), **more)


def linear(name: str, features: int = 8) -> object:
    return layer(name, "LazyLinear", (1, features), params=9 * features)


def test_rows_nest_as_their_paths_do() -> None:
    root = grow(resnet50().layers)
    layer1 = next(child for child in root.children if child.name == "layer1")
    assert [child.name for child in layer1.children] == ["0", "1", "2"]
    assert "downsample" in [child.name for child in layer1.children[0].children]


@pytest.mark.parametrize("shift", [0, 1])
def test_nesting_holds_whether_depth_counts_from_the_network_or_its_children(shift: int) -> None:
    rows = resnet50().layers
    shifted = [replace(row, depth=max(row.depth - shift, 0)) for row in rows]
    drawn = [(line.label, line.level) for line in lines(rows, fold=False)]
    assert drawn == [(line.label, line.level) for line in lines(shifted, fold=False)]


def test_every_row_is_drawn_without_folding() -> None:
    rows = resnet50().layers
    assert [row.path for row in rows] == [line.path for line in lines(rows, fold=False)]


def test_equal_numbered_siblings_fold_into_one_line() -> None:
    drawn = labels(resnet50(), depth=2)
    assert [label for label in drawn if "(x" in label] == [
        "1-2 (x2)",
        "1-3 (x3)",
        "1-5 (x5)",
        "1-2 (x2)",
    ]


def test_folded_lines_stand_for_every_row() -> None:
    rows = resnet50().layers
    counts: list[int] = []
    total = 0
    for line in lines(rows):
        counts = [*counts[: line.level], line.count]
        copies = 1
        for count in counts:
            copies *= count
        total += copies
    assert len(rows) == total


def test_templated_names_fold_by_their_number() -> None:
    assert "encoder_layer_0-11 (x12)" in labels(oddities())


def test_names_that_are_not_numbered_in_a_row_never_fold() -> None:
    drawn = labels(oddities())
    assert "q" in drawn and "k" in drawn
    assert ["net", *labels(report(linear("fc1"), linear("fc3")))[1:]] == ["net", "fc1", "fc3"]


@pytest.mark.parametrize(
    "other",
    [
        linear("1", 16),
        relu("1"),
        layer("1", "LazyLinear", (1, 8), params=72, args={"bias": False}),
        layer("1", "LazyLinear", (1, 8), params=72, dtype="float16"),
        layer("1", "LazyLinear", (1, 8), params=72, type="Other"),
        layer("1", "LazyLinear", (1, 8), params=72, macs=None),
        block("1", "LazyLinear", linear("0")),
    ],
    ids=["shape", "type", "args", "dtype", "became", "macs", "children"],
)
def test_siblings_that_differ_stay_apart(other: object) -> None:
    assert labels(report(linear("0"), other))[1:3] == ["0", "1"]


def test_blocks_with_one_different_layer_inside_stay_apart() -> None:
    one = block("0", "Block", linear("a"), relu("b"))
    two = block("1", "Block", linear("a"), layer("b", "GELU", (1, 8)))
    assert "0" in labels(report(one, two))


def test_folding_averages_time_over_copies() -> None:
    drawn = report(
        layer("0", "ReLU", (1, 8), time=100),
        layer("1", "ReLU", (1, 8), time=300),
        layer("end", "GELU", (1, 8), time=400),
    )
    shares = [line.time_share for line in lines(drawn.layers)]
    assert shares == [1.0, 0.25, 0.5]


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_shares_of_time_add_up_at_every_depth(depth: int) -> None:
    rows = list(resnet50(timed=True).layers)
    # hooks cost time between the layers, which belongs to none of them
    assert rows[0].time_ns is not None
    overhead = replace(rows[0].time_ns, median=10 * rows[0].time_ns.median)
    rows[0] = replace(rows[0], time_ns=overhead)
    drawn = lines(rows, depth=depth, fold=False)
    leaves = [
        line
        for line, following in zip(drawn, [*drawn[1:], drawn[0]], strict=True)
        if following.level <= line.level
    ]
    assert drawn[0].time_share == 1
    assert sum(line.time_share or 0 for line in leaves) == pytest.approx(1)


def test_depth_draws_that_many_levels() -> None:
    assert [line.row.path or "resnet" for line in lines(resnet50().layers, depth=0)] == ["resnet"]
    assert {0, 1, 2} == {line.level for line in lines(resnet50().layers, depth=2)}


def test_a_module_used_again_says_which_call_it_is() -> None:
    shared = block("encoder", "Encoder", linear("fc"), relu("act"))
    again = replace(
        shared,
        call=1,
        children=tuple(replace(child, call=1) for child in shared.children),
    )
    drawn = labels(report(shared, again))
    assert drawn[1:] == ["encoder", "fc", "act", "encoder (call 2)", "fc", "act"]


def test_a_module_used_away_from_home_keeps_its_whole_path() -> None:
    stem = block("stem", "Stem", linear("fc"))
    head = block("head", "Head", layer("x", "LazyLinear", (1, 8), path="stem.fc", call=1))
    assert labels(report(stem, head))[1:] == ["stem", "fc", "head", "stem.fc (call 2)"]
