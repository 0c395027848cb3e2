"""JSON of what is wrong: the public contract ``lazyinspect/problems/1``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from plans import plan_of

from lazyinspect.errors import (
    ExpectationError,
    LazyinspectError,
    Mark,
    NetworkError,
    Problem,
    Source,
    Span,
    SpecError,
)
from lazyinspect.render.problems_json import data, render

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs" / "problems.schema.json").read_text(encoding="utf-8"))
SOURCE = Source("net.yaml", ("input: [1, 8]", "layers: [Linear: [9, 4]]", "名: ü"))

BARE = NetworkError(Problem("device-unavailable", "there is no cuda"))
FULL = SpecError(
    [
        Problem(
            "shape-mismatch", "Linear expects 9", Mark(SOURCE, 2, 10, 6), found="input is [1, 8]",
            help="LazyLinear: 4", notes=("one", "torch says: no"),
            spans=(Span(Mark(SOURCE, 1, 11), "8 features"),), used_at=(Mark(SOURCE, 3, 1),),
        ),
        Problem("unknown-op", "no op `a\x1b[2J`", Mark(SOURCE, 3, 4, 90)),
    ]
)  # fmt: skip
FAILS = """
input: [1, 8]
blocks: {Unit: {layers: {a: {LazyLinear: 4}, b: {Linear: [5, 5]}}}}
layers: {stem: ReLU, unit: {Unit: , repeat: 2}}
"""
UNMET = "input: [1, 8]\nlayers: [{LazyLinear: 4, expect: [_, 5]}, ReLU]\n"


def failure(text: str) -> LazyinspectError:
    with pytest.raises(LazyinspectError) as caught:
        plan_of(text)
    return caught.value


def checked(error: LazyinspectError, *more: Any) -> dict[str, Any]:
    """The document, which keeps the published schema."""
    document: dict[str, Any] = json.loads(render(error, *more))
    jsonschema.validate(document, SCHEMA)
    return document


def test_the_published_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_keys_stand_in_the_documented_order() -> None:
    document = checked(FULL, "net.yaml")
    assert list(document) == "schema spec variant exit_code problems partial".split()
    assert list(document["problems"][0]) == (
        "code message path line column end_column found help notes spans used_at".split()
    )
    assert list(document["problems"][0]["spans"][0]) == "path line column end_column text".split()
    assert list(document["problems"][0]["used_at"][0]) == "path line column end_column".split()


def test_everything_that_the_text_says_is_there() -> None:
    first = checked(FULL, "net.yaml", "r50")["problems"][0]
    assert first == {
        "code": "shape-mismatch",
        "message": "Linear expects 9",
        "path": "net.yaml",
        "line": 2,
        "column": 10,
        "end_column": 16,
        "found": "input is [1, 8]",
        "help": "LazyLinear: 4",
        "notes": ["one", "torch says: no"],
        "spans": [
            {"path": "net.yaml", "line": 1, "column": 11, "end_column": 12, "text": "8 features"}
        ],
        "used_at": [{"path": "net.yaml", "line": 3, "column": 1, "end_column": 2}],
    }


def test_what_is_absent_is_null_or_an_empty_list() -> None:
    document = checked(BARE, None)
    assert document == {
        "schema": "lazyinspect/problems/1",
        "spec": None,
        "variant": None,
        "exit_code": 3,
        "problems": [
            {"code": "device-unavailable", "message": "there is no cuda"}
            | dict.fromkeys(("path", "line", "column", "end_column", "found", "help"))
            | {"notes": [], "spans": [], "used_at": []}
        ],
        "partial": None,
    }


def test_underlines_end_with_their_line() -> None:
    place = checked(FULL, "net.yaml")["problems"][1]
    assert (place["column"], place["end_column"]) == (4, 5)


def test_texts_are_as_they_are_for_a_program_to_show() -> None:
    assert checked(FULL, "net.yaml")["problems"][1]["message"] == "no op `a\x1b[2J`"
    assert "\x1b" not in render(FULL, "net.yaml")


def test_every_problem_has_a_line_of_its_own() -> None:
    lines = render(FULL, "net.yaml").splitlines()
    assert sum(line.startswith('  {"code":') for line in lines) == 2


@pytest.mark.parametrize("text", [FAILS, UNMET])
def test_a_partial_report_is_inside(text: str) -> None:
    error = failure(text)
    document = checked(error, "net.yaml", None, error.partial)
    assert document["partial"]["schema"] == "lazyinspect/report/1"
    assert document["problems"] == data(error, "net.yaml")["problems"]


def test_rows_that_are_not_finished_have_no_figures() -> None:
    error = failure(FAILS)
    part = checked(error, "net.yaml", None, error.partial)["partial"]
    rows = {row["path"]: row for row in part["layers"]}
    assert {path: row.get("status") for path, row in rows.items()} == {
        "": "unfinished",
        "stem": None,
        "unit": "unfinished",
        "unit.0": "unfinished",
        "unit.0.a": None,
        "unit.0.b": "failed",
    }
    for path in ("", "unit", "unit.0", "unit.0.b"):
        figures = "param_count trainable_param_count param_bytes buffer_bytes macs flops".split()
        assert {rows[path][figure] for figure in figures} == {None}
        assert rows[path]["outputs"] == []
    assert rows["unit.0.b"]["inputs"] == [{"name": "", "shape": [1, 4], "dtype": "float32"}]
    assert part["totals"]["param_count"] == rows["unit.0.a"]["param_count"] == 36
    assert part["stopped"] == {
        "stage": "plan",
        "path": "unit.0.b",
        "declared": "Linear",
        "source": {"line": 3, "column": 50},
        "remaining": 0,
    }


def test_an_unmet_expectation_leaves_the_report_whole() -> None:
    error = failure(UNMET)
    assert isinstance(error, ExpectationError)
    document = checked(error, "net.yaml", None, error.partial)
    assert document["exit_code"] == 1
    assert "stopped" not in document["partial"]
    assert [row.get("status") for row in document["partial"]["layers"]] == [None, "unmet", None]
    assert document["partial"]["totals"]["param_count"] == 36
