"""Notes ask about what works and is seldom meant, and about nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from lazyinspect import api
from lazyinspect.plan.doubts import doubts
from lazyinspect.plan.plan import make_plan
from lazyinspect.spec.grammar import parse_spec

ROOT = Path(__file__).parents[2]
NETWORKS = sorted(
    path
    for path in (*ROOT.glob("configs/*.yaml"), *ROOT.glob("tests/golden/*/spec.yaml"))
    if ".lock" not in path.name
)


def asked(shape: str, *steps: str) -> str:
    text = f"input: {shape}\nlayers:\n" + "".join(f"  - {step}\n" for step in steps)
    plan = make_plan(parse_spec(text, "spec.yaml"))
    return "\n".join(doubts(plan.rows))


def test_a_lazy_convolution_on_channels_last_is_asked_about() -> None:
    said = asked("[1, 224, 224, 3]", "LazyConv2d: [8, 3, 2, 1]")
    assert said.startswith("is the input [N, H, W, C]? LazyConv2d of line 3 infers 224 channels")
    assert said.endswith("[1, 3, 224, 224]")


@pytest.mark.parametrize(
    ("shape", "step"),
    [
        ("[1, 3, 224, 224]", "LazyConv2d: [8, 3]"),
        ("[1, 224, 224, 3]", "Conv2d: [224, 8, 3]"),
        ("[1, 4, 4, 3]", "LazyConv2d: [8, 3]"),
        ("[1, 64, 40, 5]", "LazyConv2d: [8, 3]"),
        ("[1, 224, 224, 3]", "LazyLinear: 8"),
    ],
)
def test_an_image_in_order_or_channels_that_were_given_are_not_asked_about(
    shape: str, step: str
) -> None:
    assert asked(shape, step) == ""


def test_a_view_that_mixes_samples_is_told() -> None:
    said = asked("[81, 64, 5, 5]", "view: [-1, 5184]")
    assert said == (
        "view of line 3 mixes samples: [81, 64, 5, 5] has 1600 elements each, and [25, 5184] "
        "takes 5184; `Flatten` keeps them apart"
    )


@pytest.mark.parametrize(
    ("shape", "step"),
    [
        ("[10, 64, 5, 5]", "view: [-1, 1600]"),
        ("[10, 49, 64]", "view: [-1, 64]"),
        ("[10, 64, 5, 5]", "reshape: [-1, 25]"),
        ("[10, 8]", "view: [5, 16]"),
        ("[10, 64, 5, 5]", "view: [10, 64, 25]"),
    ],
)
def test_a_view_of_whole_samples_or_whole_parts_is_silent(shape: str, step: str) -> None:
    assert asked(shape, step) == ""


@pytest.mark.parametrize(
    ("shape", "steps"),
    [
        ("[4, 50, 16]", ("{LazyLSTM: 8, pick: 0}",)),
        ("[4, 50, 16]", ("{LazyMultiheadAttention: 4, from: [prev, prev, prev], pick: 0}",)),
        ("{ids: {shape: [4, 50], dtype: int64}}", ("Embedding: [9, 16]", "{LazyGRU: 8, pick: 0}")),
    ],
)
def test_a_sequence_with_its_batch_first_is_asked_about(shape: str, steps: tuple[str, ...]) -> None:
    assert asked(shape, *steps).startswith("is `batch_first: true` missing? ")


@pytest.mark.parametrize(
    ("shape", "steps"),
    [
        ("[4, 50, 16]", ("{LazyLSTM: [8, {batch_first: true}], pick: 0}",)),
        ("[50, 4, 16]", ("{LazyLSTM: 8, pick: 0}",)),
        ("[50, 16]", ("{LazyLSTM: 8, pick: 0}",)),
        ("[4, 50, 16]", ("transpose: [0, 1]", "{LazyLSTM: 8, pick: 0}")),
    ],
)
def test_a_sequence_as_the_layer_reads_it_is_silent(shape: str, steps: tuple[str, ...]) -> None:
    assert asked(shape, *steps) == ""


def test_a_flatten_of_the_batch_is_told() -> None:
    said = asked("[8, 3, 4, 4]", "flatten")
    assert said == (
        "flatten of line 3 joins the batch with the rest: [8, 3, 4, 4] -> [384]; `flatten: 1` "
        "keeps it"
    )
    assert asked("[8, 3, 4, 4]", "flatten: 1") == ""
    assert asked("[8, 3, 4, 4]", "Flatten") == ""
    assert asked("[3, 4, 4]", "flatten") == ""


def test_a_lazy_linear_on_an_image_asks_for_a_flatten() -> None:
    said = asked("[8, 3, 16, 12]", "LazyConv2d: [4, 3]", "ReLU", "LazyLinear: 10")
    assert said == (
        "is a `Flatten` missing before it? LazyLinear of line 5 reads the last dimension of "
        "[8, 4, 14, 10]: 10 features, not 560"
    )


@pytest.mark.parametrize(
    "steps",
    [
        ("LazyConv2d: [4, 3]", "Flatten", "LazyLinear: 10"),
        ("LazyConv2d: [4, 3]", "permute: [0, 2, 3, 1]", "LazyLinear: 10"),
        ("LazyConv2d: [4, 3]", "permute: [0, 1, 3, 2]", "LazyLinear: 10"),
        ("LazyConv2d: [4, 3]", "Linear: [10, 10]"),
        ("LazyLinear: 10",),
    ],
)
def test_a_linear_on_what_was_put_in_order_is_silent(steps: tuple[str, ...]) -> None:
    assert asked("[8, 3, 12, 12]", *steps) == ""


def test_one_doubt_is_raised_once() -> None:
    twice = ("{LazyConv2d: [8, 3], as: a}", "{LazyConv2d: [8, 3], from: input}")
    assert asked("[1, 224, 224, 3]", *twice).count("[N, H, W, C]") == 1


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.parent.name + path.stem)
def test_no_network_that_is_meant_raises_a_doubt(path: Path) -> None:
    for variant in (api.variants(path) or [None])[:1]:  # type: ignore[list-item]
        assert list(doubts(api.plan(path, variant=variant).rows)) == []


def test_a_sum_that_takes_the_states_along_is_asked_about() -> None:
    said = asked("[1, 1, 8]", "LazyLSTM: [8, {batch_first: true}]", "add: [input, prev]")
    assert said == (
        "is `pick: 0` missing? add of line 4 takes all 3 tensors that LazyLSTM of line 3 gives"
    )


@pytest.mark.parametrize(
    "steps",
    [
        ("{LazyLSTM: [8, {batch_first: true}], pick: 0}", "add: [input, prev]"),
        ("{LazyLSTM: [8, {batch_first: true}], as: [x, h]}", "{add: [input, x]}"),
        ("{chunk: [2, -1], as: parts}", "{cat: [input, parts, {dim: -1}]}"),
    ],
)
def test_a_sum_of_what_was_picked_or_cut_is_silent(steps: tuple[str, ...]) -> None:
    assert asked("[1, 1, 8]", *steps) == ""
