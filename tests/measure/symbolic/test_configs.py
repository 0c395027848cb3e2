"""Networks of configs/: their sizes against published figures, planning, and torch."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from lazyinspect import api
from lazyinspect.errors import LazyinspectError
from lazyinspect.formulas import Condition, Symbolic
from lazyinspect.measure.symbolic.compare import Evaluator
from lazyinspect.plan.plan import make_plan
from lazyinspect.spec.grammar import parse_spec

ROOT = Path(__file__).parents[3]
ZOO = [
    row
    for row in csv.DictReader((ROOT / "tests/configs/data/zoo.csv").read_text().splitlines())
    if row["min_input"]
]


def symbolic(config: str, **options: Any) -> Symbolic:
    return api.symbolic(ROOT / f"configs/{config}.yaml", **options)


def holds(each: Condition, values: Mapping[str, int]) -> bool:
    value = each.formula.evaluate(values)
    return value >= 0 if each.relation == ">=" else (value == 0) is (each.relation == "==")


@pytest.mark.parametrize("row", ZOO, ids=lambda row: f"{row['config']}-{row['variant']}")
def test_the_least_sizes_are_the_published_ones(row: dict[str, str]) -> None:
    found = symbolic(row["config"], variant=row["variant"] or None)
    assert found.least is not None
    assert f"{found.least['H']}x{found.least['W']}" == row["min_input"]
    assert len(found.checked) == 3 and not found.unknown


TORCH: list[tuple[str, dict[str, Any], list[tuple[int, ...]]]] = [
    ("unet", {"w": 2}, [(h, w) for h in (8, 15, 16, 24, 32, 40, 48) for w in (16, 33, 64)]),
    ("alexnet", {"classes": 2}, [(62, 63), (63, 63), (63, 62), (64, 90), (95, 71)]),
    ("mynet", {}, [(h, h) for h in (9, 25, 26, 28, 29, 30)] + [(18, 46), (22, 30)]),
    ("lenet5", {}, [(27, 28), (28, 28), (31, 30), (32, 32)]),
    ("yolov8", {"width": 0.125}, [(24, 25), (25, 25), (32, 57), (56, 64), (64, 64)]),
    ("resnet_basic", {"width": 8}, [(1, 1), (7, 33), (64, 65)]),
    ("dcgan", {}, [(1, 1), (2, 3)]),
]


def _built(config: str, settings: dict[str, Any], found: Symbolic) -> torch.nn.Module:
    path = ROOT / f"configs/{config}.yaml"
    known = api.load(path).params
    kept = {name: value for name, value in settings.items() if name in known}
    return api.build(path, set=kept, init="zeros")


@pytest.mark.parametrize(("config", "settings", "sizes"), TORCH, ids=[c for c, _, _ in TORCH])
def test_the_built_network_runs_in_torch_for_the_sizes_that_are_said_to_work(
    config: str, settings: dict[str, Any], sizes: list[tuple[int, ...]]
) -> None:
    known = api.load(ROOT / f"configs/{config}.yaml").params
    kept = {name: value for name, value in settings.items() if name in known}
    found = symbolic(config, set=kept)
    network = _built(config, settings, found)
    (entry,) = found.report.inputs
    seen = set()
    for height, width in sizes:
        values = {"N": 2, "H": height, "W": width}
        works = all(holds(each, values) for each in found.conditions)
        seen.add(works)
        x = torch.zeros(2, int(entry.shape[1]), height, width)
        if not works:
            with pytest.raises(RuntimeError), torch.no_grad():
                network(x)
            continue
        with torch.no_grad():
            result = network(x)
        several = result.values() if isinstance(result, dict) else result
        outputs = [result] if isinstance(result, torch.Tensor) else list(several)
        value = Evaluator(values)
        shapes = [tuple(map(value, tensor.shape)) for tensor in found.report.outputs]
        assert [tuple(tensor.shape) for tensor in outputs] == shapes
    assert True in seen


@pytest.mark.parametrize(
    ("config", "variant", "length"),
    [("gpt2", "small", 77), ("llama3", "8b", 33), ("lstm_tagger", None, 3)],
)
def test_formulas_of_sequences_have_the_figures_of_other_lengths(
    config: str, variant: str | None, length: int
) -> None:
    found = symbolic(config, variant=variant)
    path = ROOT / f"configs/{config}.yaml"
    plan = api.plan(path, variant=variant, input=[5, length])
    value = Evaluator({"N": 5, "T": length})
    for formulas, numbers in zip(found.report.layers, plan.rows, strict=True):
        assert value(formulas.macs) == numbers.macs
        shapes = [tuple(map(value, tensor.shape)) for tensor in formulas.outputs]
        assert shapes == [tensor.shape for tensor in numbers.outputs]


def test_a_table_of_positions_bounds_the_length() -> None:
    found = symbolic("gpt2", variant="small")
    assert list(found.works["T"]) == list(range(1, 1025))
    (bound,) = found.conditions
    assert (bound.kind, bound.path, bound.example) == ("required", "wpe", {"N": 1, "T": 1025})


def test_a_parameter_fixes_the_tokens_of_a_vision_transformer() -> None:
    found = symbolic("vit", variant="b16")
    (fixed,) = [each for each in found.conditions if each.kind == "weights"]
    assert fixed.path == "encoder.pos_embedding" and fixed.names == ("H", "W")
    works = [
        (h, w)
        for h in range(208, 256, 8)
        for w in range(208, 256, 8)
        if all(holds(each, {"N": 1, "H": h, "W": w}) for each in found.conditions)
    ]
    assert works == [(h, w) for h in (224, 232) for w in (224, 232)]


def test_conditions_of_a_decoder_name_the_steps_that_ask() -> None:
    found = symbolic("unet")
    assert found.works["H"].multiple == found.works["W"].multiple == 16
    assert {each.path for each in found.conditions} == {f"u{k}.merge" for k in (1, 2, 3, 4)}
    for each in found.conditions:
        assert each.example is not None
        with pytest.raises(LazyinspectError):
            api.plan(ROOT / "configs/unet.yaml", input=[1, 3, each.example["H"], each.example["W"]])


def test_names_that_contradict_each_other_are_refused_with_the_steps_that_ask() -> None:
    text = "input: [1, 28, 32]\nlayers: [Linear: [32, 28], transpose: [1, 2], Linear: [28, 4]]\n"
    spec = parse_spec(text, "net.yaml")
    with pytest.raises(LazyinspectError) as raised:
        api.symbolic(spec, input=["N", "H", "H"])
    (problem,) = raised.value.problems
    assert problem.code == "no-working-size"
    assert any("H = 28" in note for note in problem.notes)
    assert any("H = 32" in note for note in problem.notes)


def test_other_sizes_are_found_where_those_of_the_file_do_not_plan() -> None:
    text = "input: [1, 3, 4, 4]\nlayers: [LazyConv2d: [4, 9], LazyConv2d: [4, 3]]\n"
    found = api.symbolic(parse_spec(text, "net.yaml"), input=["N", 3, "H", "W"])
    assert found.least == {"N": 1, "H": 11, "W": 11}


COUNTED = """
input: [2, 6, 8]
blocks:
  Halve: { params: { n: int }, layers: [{ LazyLinear: 8, repeat: $n }] }
layers: [Halve: $shape(1)]
"""


def test_a_size_that_steps_are_counted_by_is_fixed_where_it_is_counted() -> None:
    found = api.symbolic(parse_spec(COUNTED, "net.yaml"), input=["N", "T", 8])
    (pinned,) = [each for each in found.conditions if each.names == ("T",)]
    assert pinned.kind == "pinned" and list(found.plans["T"]) == [6]
    assert found.plans["N"].everything


OWN = """
from torch import nn


class Halve(nn.Module):
    def forward(self, x):
        return x[..., : x.shape[-1] // 2]
"""


def test_a_step_that_loses_a_formula_is_named_and_the_rest_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "halving_layers.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    text = (
        "input: [1, 4, 16]\n"
        "layers:\n"
        "  first: { LazyConv1d: [4, 3] }\n"
        "  own: halving_layers.Halve\n"
        "  last: ReLU\n"
    )
    spec = parse_spec(text, "net.yaml")
    found = api.symbolic(spec, input=["N", 4, "L"], allow=["halving_layers.Halve"])
    (unknown,) = found.unknown
    assert (unknown.path, unknown.place.line) == ("own", 4)
    paths = [row.path for k, row in enumerate(found.report.layers) if k not in found.doubtful]
    assert paths == ["first"]


def test_planning_with_formulas_leaves_nothing_for_other_plans() -> None:
    path = ROOT / "configs/mynet.yaml"
    before = make_plan(api.load(path)).rows
    symbolic("mynet")
    after = make_plan(api.load(path)).rows
    assert before == after
    assert all(type(size) is int for row in after for t in row.outputs for size in t.shape)
