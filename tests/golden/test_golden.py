"""Each folder here is a case to open: ``spec.yaml``, and the report that it plans to.

``make golden`` rewrites the reports; git shows the difference.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from snapshots import assert_matches

from lazyinspect import api
from lazyinspect.cli import main
from lazyinspect.render import json as json_form
from lazyinspect.report import Environment, Report

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/spec.yaml"))
FIGURES = ("param_count", "trainable_param_count", "param_bytes", "buffer_bytes", "macs", "flops")


def planned(case: Path) -> list[Report]:
    """The reports of every variant, less the machine they were made on."""
    spec = api.load(case / "spec.yaml")
    anywhere = Environment("", None, "", "meta", None)
    reports = []
    for variant in api.variants(spec) or [None]:
        report = api.run(spec, variant=variant, device="meta")
        info = replace(report.spec, path="spec.yaml")
        reports.append(replace(report, spec=info, environment=anywhere))
    return reports


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_spec_plans_to_the_report_beside_it(case: Path) -> None:
    reports = planned(case)
    text = json_form.render_array(reports) if reports[1:] else json_form.render(reports[0])
    assert_matches(case / "report.json", text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rows_sum_to_their_containers_at_every_depth(case: Path) -> None:
    for report in map(json_form.data, planned(case)):
        rows = report["layers"]
        for index, row in enumerate(rows):
            below = []
            for other in rows[index + 1 :]:
                if other["depth"] <= row["depth"]:
                    break
                if other["depth"] == row["depth"] + 1:
                    below.append(other)
            for figure in FIGURES if below else ():
                assert row[figure] == sum(child[figure] for child in below), (row["path"], figure)
        for figure in FIGURES:
            assert rows[0][figure] == report["totals"][figure]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_device_agrees_with_the_plan(
    case: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(case)
    variants = api.variants("spec.yaml")
    chosen = ["--variant", "all"] if variants else []
    assert main(["run", "spec.yaml", "--no-time", "--format", "json", *chosen]) == 0
    printed = json.loads(capsys.readouterr().out)
    plans = map(json_form.data, planned(case))
    for report, expected in zip(printed if variants else [printed], plans, strict=True):
        assert report["verified"]["mismatches"] == []
        assert report["layers"] == expected["layers"]
        assert report["totals"] == expected["totals"]
