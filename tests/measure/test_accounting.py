"""Accounts add up, and name what torch shares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lazyinspect import api
from lazyinspect.accounts import Top
from lazyinspect.errors import SpecError
from lazyinspect.measure.accounting import accounts, spending, top
from lazyinspect.plan import Plan

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(p.stem for p in ROOT.glob("configs/*.yaml") if ".lock" not in p.name)
LARGE = {"llama3", "vgg", "vit", "gpt2", "alexnet"}
"""Built smaller."""
SMALLER: dict[str, dict[str, Any]] = {
    "llama3": {"depth": 1, "d": 64, "heads": 4, "kv_heads": 2, "ffn": 96, "vocab": 50},
    "gpt2": {"depth": 2, "d": 32, "heads": 4, "vocab": 50},
    "vit": {"depth": 2, "d": 48, "heads": 3},
    "alexnet": {},
    "vgg": {},
}


def planned(config: str, **options: Any) -> Plan:
    path = ROOT / f"configs/{config}.yaml"
    names = api.variants(path)
    return api.plan(path, variant=names[0] if names else None, **options)


@pytest.mark.parametrize("config", CONFIGS)
def test_kinds_names_and_tensors_sum_to_the_totals(config: str) -> None:
    plan = planned(config)
    found = accounts(plan)
    totals = plan.totals
    assert sum(kind.params for kind in found.kinds) == totals.param_count == found.unique
    assert sum(kind.macs or 0 for kind in found.kinds) == totals.macs
    assert sum(kind.calls for kind in found.kinds) == sum(r.kind != "container" for r in plan.rows)
    assert sum(found.names.values()) == totals.param_count
    sizes = {b: sum(t.bytes for t in found.tensors if t.buffers is b) for b in (True, False)}
    assert sizes == {True: totals.buffer_bytes, False: totals.param_bytes}
    trainable = sum(t.trainable for t in found.tensors)
    assert trainable == totals.trainable_param_count


@pytest.mark.parametrize("by", ["macs", "params", "memory"])
@pytest.mark.parametrize("config", ["resnet", "gpt2", "siamese", "llama3"])
def test_all_spenders_together_are_every_row_once_and_the_total(config: str, by: Any) -> None:
    plan = planned(config)
    found = top(plan.rows, by, len(plan.rows))
    leaves = [row for row in plan.rows if row.kind != "container"]
    assert sorted((r.path, r.call) for r in found.rows) == sorted((r.path, r.call) for r in leaves)
    assert sum(row.spent for row in found.rows) == found.total
    assert [row.spent for row in found.rows] == sorted((r.spent for r in found.rows), reverse=True)
    assert found.rows[-1].together == pytest.approx(1)
    assert sum(row.share for row in found.rows) == pytest.approx(1)
    if by != "memory":
        assert found.total == getattr(plan.totals, {"macs": "macs", "params": "param_count"}[by])


@pytest.mark.parametrize("config", CONFIGS)
def test_ties_and_unique_parameters_are_those_of_the_built_network(config: str) -> None:
    if config in ("vgg", "alexnet"):
        pytest.skip("a network of a hundred million parameters without ties")
    path = ROOT / f"configs/{config}.yaml"
    names = api.variants(path)
    options = {"variant": names[0] if names else None, "set": SMALLER.get(config, {})}
    plan = api.plan(path, **options)
    network = api.build(path, init="zeros", **options)
    found = accounts(plan)
    assert found.unique == sum(p.numel() for p in network.parameters())
    groups: dict[int, list[str]] = {}
    for name, parameter in network.named_parameters(remove_duplicate=False):
        groups.setdefault(id(parameter), []).append(name)
    assert found.named == sum(
        p.numel() for _, p in network.named_parameters(remove_duplicate=False)
    )
    shared = {frozenset(names) for names in groups.values() if len(names) > 1}
    assert {frozenset((tie.path, tie.source)) for tie in found.ties} == shared


def test_a_tie_is_told_with_its_line() -> None:
    (tie,) = accounts(planned("gpt2")).ties
    assert (tie.path, tie.source, tie.elements) == ("lm_head.weight", "wte.weight", 38_597_376)
    line = (ROOT / "configs/gpt2.yaml").read_text().splitlines()[tie.place.line - 1]
    assert line.startswith("tie:")


def test_modules_that_are_called_again_are_told_once() -> None:
    found = accounts(planned("siamese"))
    linear = [module for module in found.shared if module.type == "Linear"]
    assert [(module.path, module.calls) for module in linear] == [("twin.12", 2)]


OWN = """
from torch import nn


class Scale(nn.Module):
    def forward(self, x):
        return x * 2
"""


def test_a_row_without_macs_is_named_with_the_reason_and_left_out_of_the_top(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scaling_layers.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = tmp_path / "net.yaml"
    spec.write_text("input: [1, 4]\nlayers: [LazyLinear: 3, scaling_layers.Scale]\n")
    plan = api.plan(spec, allow=["scaling_layers.Scale"])
    (unknown,) = accounts(plan).without_macs
    assert (unknown.path, unknown.place.line) == ("1", 2)
    assert "class without a row" in unknown.reason
    found = top(plan.rows, "macs", 9)
    assert [row.path for row in found.rows] == ["0"] and found.left_out == 1


def test_memory_is_weights_and_what_a_row_returns() -> None:
    plan = planned("mynet")
    first = plan.rows[1]
    assert spending(first, "memory") == first.param_bytes + 4 * 32 * 26 * 26


def test_time_is_measured_and_refused_where_nothing_runs() -> None:
    path = ROOT / "configs/mynet.yaml"
    report = api.run(path, top=2, by="time", runs=1, warmup=0)
    assert isinstance(report.top, Top) and len(report.top.rows) == 2
    for options in ({"time": False}, {"device": "meta"}):
        with pytest.raises(SpecError, match="nothing is timed"):
            api.run(path, top=2, by="time", **options)


def test_a_report_has_accounts_where_they_are_asked_for() -> None:
    path = ROOT / "configs/mynet.yaml"
    assert api.run(path, device="meta").accounts is None
    assert api.run(path, device="meta", accounting=True).accounts is not None
    with pytest.raises(SpecError, match="`top` takes an integer"):
        api.run(path, device="meta", top=0)
