"""Accounts and spenders, as they are written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lazyinspect import api
from lazyinspect.render import render
from lazyinspect.render.accounting import bar
from lazyinspect.render.layout import Layout

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("share", "drawn"),
    [
        (0, "          "),
        (1, "██████████"),
        (0.5, "█████     "),
        (0.31, "███▏      "),
        (2, "█" * 10),
    ],
)
def test_a_bar_is_as_long_as_its_share(share: float, drawn: str) -> None:
    assert bar(share, unicode=True) == drawn


def test_a_bar_needs_no_unicode() -> None:
    assert bar(0.5, unicode=False) == "#####     "


def test_spenders_and_accounts_stand_below_the_table_and_in_markdown() -> None:
    report = api.run(ROOT / "configs/gpt2.yaml", device="meta", top=1, by="params", accounting=True)
    for form in ("table", "markdown"):
        text = "".join(render([report], form, Layout(depth=0)))  # type: ignore[arg-type]
        assert (
            "wte         Embedding  line 40   38,597,376  31.0%" in " ".join(text.split("\n"))
            or "38,597,376  31.0%" in text
        )
        assert "tied: lm_head.weight = wte.weight, 38,597,376 parameters counted once" in text
        assert "124,439,808 unique parameters, 163,037,184 by name" in text


def test_json_has_both_and_they_add_up() -> None:
    report = api.run(ROOT / "configs/siamese.yaml", device="meta", top=3, accounting=True)
    value = json.loads("".join(render([report], "json", Layout())))
    assert sum(kind["params"] for kind in value["accounting"]["kinds"]) == 38_951_745
    assert len(value["top"]["rows"]) == 3 and value["top"]["by"] == "macs"


def test_the_column_of_shares_has_the_whole_at_the_top() -> None:
    report = api.run(ROOT / "configs/mynet.yaml", device="meta")
    lines = "".join(render([report], "table", Layout(columns=("share",)))).splitlines()
    (network,) = [line for line in lines if line.startswith("mynet  ") and "100%" in line]
    assert "██████████" in network
