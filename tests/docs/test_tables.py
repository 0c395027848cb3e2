"""The tables of the docs name every field, column, argument and error that there is."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from doc_blocks import ROOT, read

import lazyinspect
from lazyinspect import api, cli, errors
from lazyinspect.errors import Problem
from lazyinspect.plan.plan import Plan
from lazyinspect.render import csv, json, problems_json
from lazyinspect.render.table import COLUMNS

FREE = {"spec.params", "layers[].args"}
"""Objects whose keys are the spec's own."""


def section(page: str, heading: str) -> str:
    """What stands below a heading, to the next one of its level or above."""
    level = heading.partition(" ")[0]
    after = read(page).partition(f"\n{heading}\n")[2]
    return re.split(rf"(?m)^#{{1,{len(level)}}} ", after)[0]


def table(page: str, heading: str) -> list[list[str]]:
    """Cells of the rows of the section's tables, without heads and rules."""
    rows = []
    for line in section(page, heading).splitlines():
        if line.startswith("|") and not line.startswith("|--"):
            rows.append([cell.strip() for cell in line[1:-1].split("|")])
    return rows[1:]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def fields(value: Any, path: str = "") -> set[str]:
    """Paths of what a JSON value holds: ``layers[].inputs[].shape``."""
    if path in FREE or not isinstance(value, (dict, list)):
        return {path}
    if isinstance(value, dict):
        found = {f"{path}.{key}" if path else key: item for key, item in value.items()}
        return set().union(*(fields(item, inner) for inner, item in found.items()))
    if not value or not isinstance(value[0], dict):
        return {path if path.endswith("shape") else f"{path}[]"}
    return set().union(*(fields(item, f"{path}[]") for item in value))


def test_report_page_has_every_field_of_the_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    ran = api.run("docs/examples/marks.yaml", allow=["docs.examples.swish.Swish"], runs=1)
    nested = api.plan("configs/resnet_basic.yaml", variant="r18").report()
    real = fields(json.data(ran))
    real |= {field for field in fields(json.data(nested)) if ".used_at" in field}
    spatial = api.run("configs/resnet_basic.yaml", variant="r18", device="meta")
    real |= {field for field in fields(json.data(spatial)) if ".receptive_field." in field}
    real = {field for field in real if not field.endswith("used_at[]")}
    real |= {"layers[]"}
    told = {name for row in table("docs/report.md", "## JSON") for name in names(row[0])}
    assert told == real


def test_report_page_has_every_field_of_the_problems() -> None:
    mark = errors.Mark(errors.Source("net.yaml", ("a",)), 1, 1)
    error = errors.NetworkError(
        Problem(
            "shape-mismatch", "m", mark, notes=("n",), spans=(errors.Span(mark, "t"),),
            used_at=(mark,),
        )
    )  # fmt: skip
    with pytest.raises(errors.NetworkError) as caught:
        api.plan(ROOT / "docs" / "examples" / "narrow.yaml")
    part = caught.value.partial
    told = {
        name for row in table("docs/report.md", "### Problems as JSON") for name in names(row[0])
    }
    of_report = fields(json.data(api.plan(ROOT / "docs" / "examples" / "tiny.yaml").report()))
    more = {
        f"partial.{field}"
        for field in fields(json.data(part)) - of_report
        if not field.endswith("outputs[]")  # there, an empty list
    }
    real = fields(problems_json.data(error, "net.yaml")) | {"problems[]", "partial.totals"}
    assert told == real | more


def test_report_page_has_every_column_of_the_csv_in_order() -> None:
    told = [name for row in table("docs/report.md", "## CSV") for name in names(row[0])]
    assert tuple(told) == csv.FIELDS


def test_report_page_has_every_column_that_a_table_may_have() -> None:
    text = section("docs/report.md", "## The table")
    listed = text.partition("`--columns`")[2].partition(". ")[0]
    assert names(listed) == list(COLUMNS)


def test_report_page_has_every_exit_code() -> None:
    told = {row[1].strip("`"): int(row[0]) for row in table("docs/report.md", "## Exit codes")}
    real = {kind.__name__: kind.exit_code for kind in errors.LazyinspectError.__subclasses__()}
    assert told == {**real, "": 0, "KeyboardInterrupt": cli.INTERRUPTED}


def test_python_page_has_every_error_with_its_exit_code() -> None:
    told = {row[0].strip("`"): int(row[1]) for row in table("docs/python.md", "## Errors")}
    real = {kind.__name__: kind.exit_code for kind in errors.LazyinspectError.__subclasses__()}
    assert told == real


@pytest.mark.parametrize("verb", ["plan", "build", "run"])
def test_python_page_has_every_argument_with_its_default(verb: str) -> None:
    told = {
        names(row[0])[0]: row[2].strip("`").replace('"', "'")
        for row in table("docs/python.md", "### Arguments")
        if verb in row[1].split(", ")
    }
    parameters = inspect.signature(getattr(lazyinspect, verb)).parameters
    real = {name: repr(each.default) for name, each in parameters.items() if name != "spec"}
    assert told == real


def test_python_page_has_every_attribute_of_a_plan() -> None:
    rows = table("docs/python.md", "## A plan")
    told = {name.removesuffix("()") for row in rows for name in names(row[0])}
    real = {name for name in {*vars(Plan), *Plan.__dataclass_fields__} if name[:1] != "_"}
    # the tree that is built, which is nobody's to rely on
    assert told == real - {"root", "call", "ties", "spec_info", "output_keys"}
