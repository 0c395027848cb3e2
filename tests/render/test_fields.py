"""Receptive fields as the formats show them."""

from __future__ import annotations

import csv as reader
import io
import json as parser
from pathlib import Path
from typing import Any

import pytest

from lazyinspect import api
from lazyinspect.cli import main
from lazyinspect.render import csv, json, markdown
from lazyinspect.render.layout import Layout
from lazyinspect.render.table import render
from lazyinspect.report import Report
from lazyinspect.spec.grammar import parse_spec

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "docs" / "examples" / "field.yaml"
ASKED = Layout(columns=("rf", "jump", "start"), width=100)


@pytest.fixture(scope="module")
def report() -> Report:
    return api.run(SPEC, device="meta")


def line(text: str, name: str) -> list[str]:
    return next(line for line in text.splitlines() if f" {name} " in line).split()


def test_columns_hold_size_jump_and_start(report: Report) -> None:
    assert line(render(report, ASKED), "stem")[-3:] == ["7", "2", "-3"]


def test_jump_of_positions_that_differ_names_their_number(report: Report) -> None:
    text = render(report, ASKED)
    assert line(text, "up")[-3:] == ["19", "4/2", "-9"]
    assert "every 2 positions these repeat, moved by 4" in text


def test_each_reason_is_said_once_below_the_table(report: Report) -> None:
    text = render(report, ASKED)
    assert [line(text, name)[-1] for name in ("pool", "flat", "out")] == ["(1)"] * 3
    assert text.count("`pool` (AdaptiveAvgPool2d, line 13)") == 1


def test_dimensions_that_differ_are_all_written() -> None:
    report = api.run(_spec("LazyConv2d: [4, [3, 5], [1, 2]]"), device="meta")
    text = render(report, ASKED)
    assert "3 x 5  1 x 2      0" in text


def test_blocks_of_different_fields_are_not_folded() -> None:
    asked = dict(variant="r18", device="meta")
    with_fields = api.run(ROOT / "configs/resnet_basic.yaml", **asked)
    assert "(x2)" not in render(with_fields, ASKED)
    without = api.run(ROOT / "configs/resnet_basic.yaml", **asked, receptive_field=False)
    assert "(x2)" in render(without, Layout())


def test_markdown_adds_the_columns_that_are_asked_for(report: Report) -> None:
    text = markdown.render(report, ASKED)
    assert "| Layer | Type | Output | Params | MACs | Field | Jump | Start |" in text
    assert "| `joined` | add | [1, 16, 32, 32] | 0 | 0 | 19 | 4/2 | -9 |" in text
    assert "Field" not in markdown.render(report, Layout())


def test_json_holds_the_field_or_the_reason(report: Report) -> None:
    rows = {row["path"]: row for row in json.data(report)["layers"]}
    assert rows["up"]["receptive_field"] == {
        "inputs": ["input"],
        "dims": [2, 3],
        "size": [19, 19],
        "least": [19, 19],
        "jump": [2, 2],
        "start": [-9, -9],
        "padding": [9, 9],
        "period": [2, 2],
    }
    assert "no_receptive_field" not in rows["up"]
    assert rows["out"]["receptive_field"] is None
    assert rows["out"]["no_receptive_field"].startswith("after `pool`")


def test_csv_holds_the_field_or_the_reason(report: Report) -> None:
    rows = {row["path"]: row for row in reader.DictReader(io.StringIO(csv.render([report])))}
    names = ("receptive_field_size", "receptive_field_jump", "receptive_field_start")
    assert [rows["up"][name] for name in names] == ["[19, 19]", "[4/2, 4/2]", "[-9, -9]"]
    assert [rows["out"][name] for name in names] == ["", "", ""]
    assert rows["out"]["no_receptive_field"].startswith("after `pool`")


@pytest.mark.parametrize(
    ("options", "has"),
    [
        (["--format", "table"], False),
        (["--columns", "rf"], True),
        (["--columns", "type,jump"], True),
        (["--format", "json"], True),
        (["--format", "csv"], True),
    ],
)
def test_fields_are_sought_where_they_are_shown(
    options: list[str], has: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    run = api.run

    def spy(*args: Any, **options: Any) -> Report:
        asked.append(options["receptive_field"])
        return run(*args, **options)

    monkeypatch.setattr(api, "run", spy)
    assert main(["run", str(SPEC), "--device", "meta", *options]) == 0
    assert asked == [has]


def test_partial_report_has_no_fields(capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", str(ROOT / "docs/examples/narrow.yaml"), "--format", "json"])
    rows = parser.loads(capsys.readouterr().out)["partial"]["layers"]
    assert [row["receptive_field"] for row in rows] == [None] * len(rows)


def _spec(step: str) -> Any:
    return parse_spec(f"input: [1, 3, 32, 32]\nlayers:\n  - {step}", "net.yaml")
