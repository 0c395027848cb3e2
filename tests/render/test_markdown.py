"""Markdown: a table that GitHub draws."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from reports import layer, mynet, oddities, report, resnet50
from snapshots import assert_matches

from lazyinspect.render import render
from lazyinspect.render.layout import Layout
from lazyinspect.report import Report


def markdown(drawn: Report, **choices: object) -> str:
    return "".join(render([drawn], "markdown", Layout(**choices)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["mynet", "resnet50", "oddities"])
def test_markdown_is_as_accepted(name: str) -> None:
    drawn = {"mynet": mynet(), "resnet50": resnet50(timed=True), "oddities": oddities()}[name]
    assert_matches(Path(__file__).parent / "snapshots" / f"{name}.md", markdown(drawn, depth=2))


@pytest.mark.parametrize("timed", [False, True])
def test_every_row_has_as_many_cells_as_the_header(timed: bool) -> None:
    table = [line for line in markdown(resnet50(timed=timed)).splitlines() if line[:1] == "|"]
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table}
    assert cells == {7 if timed else 6}


def test_layers_go_by_their_whole_path() -> None:
    text = markdown(resnet50())
    assert "`layer1.0.conv1`" in text
    assert "`layer1.1-2` ×2" in text


def test_folding_and_depth_are_as_in_the_table() -> None:
    assert "`layer1.2.conv1`" in markdown(resnet50(), fold=False)
    assert "layer1.0" not in markdown(resnet50(), depth=1)


def test_names_cannot_break_the_table() -> None:
    hostile = layer("a|b`c", "<b>|*x*", (1, 2))
    row = markdown(report(hostile, name="*n*_`|")).splitlines()[-7:-4]
    assert any(line.startswith(r"| `a\|b'c` | \<b>\|\*x\* |") for line in row)


def test_totals_are_below_the_table() -> None:
    text = markdown(mynet())
    assert "- Parameters: 34,826\n" in text
    assert "- MACs: 2,440,960 (2.44 M)\n" in text
    assert text.endswith("- Verified on cpu: 8 layers agree with the plan\n")
