"""Two networks side by side, and as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from snapshots import assert_matches

from lazyinspect import api, cli
from lazyinspect.render.drift import render_diff
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import width

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SCHEMA = json.loads((ROOT / "docs" / "diff.schema.json").read_text(encoding="utf-8"))
BEFORE = """\
input: [1, 3, 32, 32]
layers:
  stem: {LazyConv2d: [8, 3, 1, 1]}
  body: [LazyConv2d: [8, 3, 1, 1], ReLU, LazyConv2d: [8, 3, 1, 1], ReLU]
  pool: {MaxPool2d: 2}
  tail: {Sequential: [LazyConv2d: [16, 3, 1, 1], ReLU], repeat: 8}
  flat: Flatten
  fc: {LazyLinear: 10}
"""
AFTER = BEFORE.replace("[8, 3, 1, 1]}", "[12, 3, 1, 1]}").replace(
    "  pool: {MaxPool2d: 2}\n", "  pool: {MaxPool2d: 4}\n  norm: LazyBatchNorm2d\n"
)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    Path("a.yaml").write_text(BEFORE, encoding="utf-8")
    Path("b.yaml").write_text(AFTER, encoding="utf-8")
    Path("bad.yaml").write_text(BEFORE.replace("Flatten", "Flaten"), encoding="utf-8")


def diff(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str, int]:
    code = cli.main(["diff", *arguments])
    out, err = capsys.readouterr()
    return out, err, code


@pytest.mark.parametrize("columns", [60, 80, 100, 140])
def test_text(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    out, _, code = diff(capsys, "a.yaml", "b.yaml")
    assert code == 1
    table = out[out.rindex("\n\n") :].splitlines()
    assert max(map(width, table)) <= columns
    assert_matches(HERE / "diff" / f"text_{columns}.txt", out)


def test_every_row_that_differs_is_drawn_where_it_is_asked_for() -> None:
    """Otherwise of those that follow in one run, the first and the last."""
    (comparison,) = api.diff_all(["a.yaml", "b.yaml"])
    whole = "".join(render_diff([comparison], "text", Layout(verbose=True)))
    folded = "".join(render_diff([comparison], "text", Layout()))
    assert "more rows that follow" in folded
    assert "more rows that follow" not in whole
    for pair in comparison.pairs:
        row = pair.after or pair.before
        assert row is not None
        if pair.role != "same":
            assert f" {row.path} " in whole
        if pair.role == "cause":
            assert f" {row.path} " in folded


def test_what_follows_has_no_colour_and_causes_have() -> None:
    (comparison,) = api.diff_all(["a.yaml", "b.yaml"])
    out = "".join(render_diff([comparison], "text", Layout(color=True)))
    (inserted,) = [
        line for line in out.splitlines() if "norm" in line and "LazyBatchNorm2d  [" in line
    ]
    assert "\x1b[32m" in inserted
    (follows,) = [
        line for line in out.splitlines() if "tail.0.0 " in line and "LazyConv2d  [" in line
    ]
    assert "\x1b[32m" not in follows and "\x1b[33m" not in follows


def test_nothing_that_differs_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    out, _, code = diff(capsys, "a.yaml", "a.yaml")
    assert (out, code) == ("a.yaml -> a.yaml\nno difference\n", 0)


def test_json_keeps_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    out, _, code = diff(capsys, "a.yaml", "b.yaml", "--format", "json")
    document: Any = json.loads(out)
    jsonschema.validate(document, SCHEMA)
    assert document["exit_code"] == code == 1
    (comparison,) = document["comparisons"]
    kinds = [drift["kind"] for drift in comparison["drifts"]]
    assert kinds == ["changed", "changed", "inserted"]
    for row in comparison["rows"]:
        assert row["drift"] is None or row["drift"] < len(kinds)
    changed = next(r for r in comparison["rows"] if r["before"] and r["before"]["layer"] == "stem")
    assert changed["before"]["args"]["out_channels"] == 8
    assert changed["after"]["args"]["out_channels"] == 12


def test_json_of_what_is_alike(capsys: pytest.CaptureFixture[str]) -> None:
    out, _, code = diff(capsys, "a.yaml", "a.yaml", "--format", "json")
    document = json.loads(out)
    jsonschema.validate(document, SCHEMA)
    assert (document["exit_code"], code) == (0, 0)


def test_json_of_a_failure_is_its_problems(capsys: pytest.CaptureFixture[str]) -> None:
    out, err, code = diff(capsys, "a.yaml", "bad.yaml", "--format", "json")
    document = json.loads(out)
    assert document["schema"] == "lazyinspect/problems/1"
    assert document["exit_code"] == code == 2
    assert "error[unknown-op]" in err


def test_github(capsys: pytest.CaptureFixture[str]) -> None:
    out, _, code = diff(capsys, "a.yaml", "b.yaml", "--format", "github")
    assert code == 1
    first = out.splitlines()[0]
    assert first.startswith("::error file=b.yaml,line=3,endLine=3,col=10,endColumn=20,title=drift")
    assert "::group::lazyinspect diff" in out


def test_github_of_a_failure_is_an_annotation(capsys: pytest.CaptureFixture[str]) -> None:
    out, err, code = diff(capsys, "a.yaml", "bad.yaml", "--format", "github")
    assert code == 2
    assert out.startswith("::error file=bad.yaml,line=7,")
    assert "error[unknown-op]" in err
