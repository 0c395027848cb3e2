"""Every network of configs/ against published figures, names and shapes."""

from __future__ import annotations

import csv
import json
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import pytest

from lazyinspect import NetworkError, Plan, api
from lazyinspect.spec.model import Spec

DATA = Path(__file__).parent / "data"
CONFIGS = {
    path.stem: path
    for path in sorted(Path(__file__).parents[2].glob("configs/*.yaml"))
    if ".lock" not in path.name
}
ZOO = list(csv.DictReader((DATA / "zoo.csv").read_text(encoding="utf-8").splitlines()))
"""Parameters and MACs of torchvision 0.29.1, and of the papers' released weights."""
STATE_DICTS: dict[str, dict[str, list[int]]] = json.loads(
    (DATA / "state_dicts.json").read_text(encoding="utf-8")
)
"""Name and shape of every tensor of ten torchvision networks."""

PUBLISHED = {
    # Ultralytics' yolov8.yaml less its Detect head
    ("yolov8", "s"): 11_166_560 - 2_147_008,
    ("yolov8", "m"): 25_902_640 - 3_822_016,
    ("yolov8", "l"): 43_691_520 - 5_644_480,
    ("yolov8", "x"): 68_229_648 - 8_795_008,
    # Koch et al. 2015, figure 4, layer by layer: kernels and biases
    ("siamese", None): 6_464 + 401_536 + 262_272 + 524_544 + 37_752_832 + 4_097,
    # PyTorch's DCGAN tutorial: generator and discriminator
    ("dcgan", None): 3_576_704 + 2_765_568,
    # embedding, two directions of four gates, tag
    ("lstm_tagger", None): 10_000 * 100 + 2 * 4 * 128 * (100 + 128 + 2) + 17 * (256 + 1),
    ("seed_unbatched", None): 32 * (10 * 9 + 1),
}
"""Parameters of the networks that zoo.csv leaves out."""

SHRINKING = {"alexnet", "vgg", "densenet"}
"""Networks whose pools use a small image up; the others have a pixel left even of 1x1."""


@cache
def spec_of(config: str) -> Spec:
    return api.load(CONFIGS[config])


@cache
def planned(config: str, variant: str | None) -> Plan:
    return api.plan(spec_of(config), variant=variant)


EVERY: list[tuple[str, str | None]] = [
    (config, variant) for config in CONFIGS for variant in api.variants(spec_of(config)) or [None]
]


BATCHED = CONFIGS.keys() - {"seed_unbatched"}


def row_id(row: Any) -> str:
    return "-".join(filter(None, (row["config"], row["variant"])))


@pytest.mark.parametrize("row", ZOO, ids=row_id)
def test_figures_are_exactly_the_published_ones(row: dict[str, str]) -> None:
    plan = planned(row["config"], row["variant"] or None)
    assert plan.totals.param_count == int(row["params"])
    if row["macs"]:
        assert plan.totals.macs == int(row["macs"])
        assert plan.totals.rows_without_macs == 0
    size, _, dtype = row["input"].partition(" ")
    (given,) = plan.inputs
    assert given.type.shape == tuple(map(int, size.split("x")))
    assert given.type.dtype == (dtype or "float32")


@pytest.mark.parametrize("config, variant", PUBLISHED)
def test_other_networks_have_the_published_parameters(config: str, variant: str | None) -> None:
    assert planned(config, variant).totals.param_count == PUBLISHED[config, variant]


def test_every_variant_is_held_against_a_published_figure() -> None:
    rows = {(row["config"], row["variant"] or None) for row in ZOO}
    assert rows | PUBLISHED.keys() == set(EVERY)
    assert not rows & PUBLISHED.keys()


def named_by_torchvision() -> dict[str, tuple[str, str | None]]:
    """torchvision's name of a network -> its config and variant."""
    return {
        row["reference"].rpartition(".")[2]: (row["config"], row["variant"] or None)
        for row in ZOO
        if row["reference"].startswith("torchvision.models.")
    }


@pytest.mark.parametrize("name", STATE_DICTS)
def test_names_and_shapes_are_torchvisions(name: str) -> None:
    expected = {key: tuple(shape) for key, shape in STATE_DICTS[name].items()}
    assert expected == planned(*named_by_torchvision()[name]).state_dict()


@pytest.mark.parametrize("config, variant", [key for key in EVERY if key[0] in BATCHED])
def test_a_second_item_doubles_the_macs_and_adds_no_weight(
    config: str, variant: str | None
) -> None:
    one, two = planned(config, variant), api.plan(spec_of(config), variant=variant, batch=2)
    assert two.totals.macs == 2 * one.totals.macs
    assert two.state_dict() == one.state_dict()
    assert [output.shape for output in two.outputs] == [
        (2 * output.shape[0], *output.shape[1:]) for output in one.outputs
    ]


@pytest.mark.parametrize("row", [row for row in ZOO if row["min_input"]], ids=row_id)
def test_the_smallest_input_plans(row: dict[str, str]) -> None:
    height, width = map(int, row["min_input"].split("x"))
    spec, variant = spec_of(row["config"]), row["variant"] or None
    plan = api.plan(spec, variant=variant, input=[1, 3, height, width])
    assert plan.state_dict() == planned(row["config"], variant).state_dict()


@pytest.mark.parametrize("row", [row for row in ZOO if row["config"] in SHRINKING], ids=row_id)
@pytest.mark.parametrize("less", [(1, 0), (0, 1)])
def test_a_smaller_input_is_refused_at_a_pool(row: dict[str, str], less: tuple[int, int]) -> None:
    height, width = map(int, row["min_input"].split("x"))
    with pytest.raises(NetworkError) as caught:
        api.plan(
            spec_of(row["config"]),
            variant=row["variant"] or None,
            input=[1, 3, height - less[0], width - less[1]],
        )
    (problem,) = caught.value.problems
    assert problem.code == "shape-mismatch"
    assert problem.mark is not None
    assert "Pool2d" in problem.mark.source.lines[problem.mark.line - 1]


def test_an_image_smaller_than_a_patch_is_refused() -> None:
    with pytest.raises(NetworkError):
        api.plan(spec_of("vit"), variant="b16", input=[1, 3, 15, 224])


def test_three_dimensions_are_one_unbatched_image() -> None:
    plan = planned("seed_unbatched", None)
    assert [output.shape for output in plan.outputs] == [(32, 26, 26)]


def test_gpt2_counts_its_tied_head_once_and_names_it_twice() -> None:
    plan = planned("gpt2", "small")
    shapes = plan.state_dict()
    assert shapes["lm_head.weight"] == shapes["wte.weight"] == (50257, 768)
    untied = plan.totals.param_count + 50257 * 768
    assert untied == sum(prod(shape) for shape in shapes.values())


@pytest.mark.parametrize("variant", api.variants(spec_of("llama3")))
def test_rotary_positions_of_llama3_hold_no_weight(variant: str) -> None:
    without = api.plan(spec_of("llama3"), variant=variant, set={"rope": False}, dtype="bfloat16")
    assert without.state_dict() == planned("llama3", variant).state_dict()
    assert without.totals.macs == planned("llama3", variant).totals.macs
    assert without.totals.param_bytes == 2 * without.totals.param_count


@pytest.mark.parametrize("config", CONFIGS)
def test_a_config_reads_as_a_tutorial(config: str) -> None:
    lines = CONFIGS[config].read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert f"name: {config}" in lines
    assert max(map(len, lines)) <= 100
    assert len(lines) <= 80
