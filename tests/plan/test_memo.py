"""What plans share changes nothing of them, and a plan leaves nothing to the collector."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from lazyinspect.api import load
from lazyinspect.errors import LazyinspectError
from lazyinspect.lock.check import check_file
from lazyinspect.lock.networks import Options, networks, plan_all
from lazyinspect.lock.text import section
from lazyinspect.plan.memo import Memo
from lazyinspect.plan.plan import make_plan
from lazyinspect.spec.grammar import parse_spec

CONFIGS = Path(__file__).parents[2] / "configs"
WITH_VARIANTS = ["resnet", "gpt2", "vgg", "vit", "densenet", "mobilenet_v3", "yolov8"]

NESTED = """\
input: [1, 8]
params: {width: 8, depth: 2}
variants: {small: {}, deep: {depth: 5}, wide: {width: 16}}
blocks:
  Inner: {params: {w: int}, layers: [LazyLinear: $w, ReLU]}
  Outer: {params: {w: int}, layers: [Inner: $w, Inner: $w, Embed]}
  Embed: {layers: [LazyLinear: 8]}
layers: {body: {Outer: $width, repeat: $depth}, last: {Inner: 3}}
"""


@pytest.mark.parametrize("name", WITH_VARIANTS)
def test_variants_that_share_blocks_are_planned_as_each_by_itself(name: str) -> None:
    spec = load(CONFIGS / f"{name}.yaml")
    memo = Memo()
    options = Options()
    planned = plan_all(spec, options)
    for variant in planned.sections:
        alone = options.plan(spec, variant)
        assert options.plan(spec, variant, memo).rows == alone.rows
        assert planned.sections[variant] == section(alone)


def test_a_block_that_another_plan_made_counts_as_one_made_anew() -> None:
    spec = parse_spec(NESTED, "net.yaml")
    memo = Memo()
    first = make_plan(spec, variant="small", memo=memo)
    for steps in range(1, 60):
        results = []
        for shared in (None, memo):
            try:
                plan = make_plan(spec, variant="deep", max_steps=steps, memo=shared)
                results.append(("planned", len(plan.rows)))
            except LazyinspectError as error:
                results.append((error.problems[0].message, error.problems[0].mark))
        assert results[0] == results[1]
    assert make_plan(spec, variant="small", memo=memo).rows == first.rows


def test_a_variant_that_fails_says_the_same_after_others_that_do_not() -> None:
    text = NESTED.replace("wide: {width: 16}", "wide: {width: 16}, wrong: {width: 9}")
    text = text.replace("[LazyLinear: 8]", "[Linear: [8, 8]]")
    spec = parse_spec(text, "net.yaml")
    assert networks(spec) == ["small", "deep", "wide", "wrong"]
    errors = plan_all(spec, Options()).errors
    assert sorted(map(str, errors)) == ["wide", "wrong"]
    for variant, error in errors.items():
        with pytest.raises(type(error)) as alone:
            make_plan(spec, variant=variant)
        assert alone.value.problems == error.problems


def test_the_dtype_of_a_network_is_part_of_what_is_shared() -> None:
    spec = parse_spec("input: [1, 8]\nlayers: [LazyLinear: 4]\n", "net.yaml")
    totals = [make_plan(spec, dtype=dtype).totals.param_bytes for dtype in ("float32", "float64")]
    assert totals == [144, 288]


@pytest.mark.parametrize("name", ["resnet", "gpt2", "unet", "siamese"])
def test_what_is_planned_is_gone_without_the_collector(name: str) -> None:
    path = str(CONFIGS / f"{name}.yaml")
    check_file(path, load, Options())  # what is kept for good is made once
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        check_file(path, load, Options())
        assert gc.collect() == 0
    finally:
        if was_enabled:
            gc.enable()
