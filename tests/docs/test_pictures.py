"""The pictures in docs/ show the networks of configs/ as they are."""

from __future__ import annotations

import os
import re
import shutil
from html import unescape

import pytest
from doc_blocks import ROOT, read

from lazyinspect import api
from lazyinspect.export import is_ours
from lazyinspect.export.graph import Group, Item, draw

PICTURES = sorted((ROOT / "docs" / "pictures").glob("*.svg"))


def ends(name: str) -> list[str]:
    """What pointing at a vertex, a group or an edge of the picture should say."""
    drawing = draw(api.plan(ROOT / "configs" / f"{name}.yaml"))
    names: dict[int, str] = {}

    def collect(items: tuple[Item, ...]) -> None:
        for item in items:
            names[item.id] = item.name
            if isinstance(item, Group):
                collect(item.members)

    collect(drawing.members)
    edges = [f"{names[edge.source]} to {names[edge.target]}" for edge in drawing.edges]
    return sorted([*names.values(), *edges])


@pytest.mark.parametrize("name", [path.stem for path in PICTURES])
def test_a_picture_shows_the_config_of_its_name(name: str) -> None:
    path = ROOT / "docs" / "pictures" / f"{name}.svg"
    if os.environ.get("LAZYINSPECT_DOCS") == "write" and shutil.which("dot"):
        path.write_text(str(api.export(ROOT / "configs" / f"{name}.yaml", to="svg")), "utf-8")
    text = path.read_text(encoding="utf-8")
    assert is_ours(text.encode())
    titles = map(unescape, re.findall(r"<title>([^<]*)</title>", text))
    assert sorted(title for title in titles if title != "%3") == ends(name)
    totals = api.plan(ROOT / "configs" / f"{name}.yaml").totals
    assert f"{totals.param_count:,} parameters, {totals.macs:,} MACs" in text


def test_the_page_shows_or_names_every_picture() -> None:
    assert len(PICTURES) >= 4
    page = read("docs/export.md")
    assert all(f"(pictures/{path.name})" in page for path in PICTURES)
