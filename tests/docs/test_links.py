"""What the docs point at is there."""

from __future__ import annotations

import re

import pytest
from doc_blocks import PAGES, ROOT, read

LINK = re.compile(r"\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """GitHub's anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    broken = []
    for match in LINK.finditer(FENCE.sub("", read(page))):
        target, _, anchor = match["target"].partition("#")
        if "://" in target:
            continue
        path = (ROOT / page).parent / target if target else ROOT / page
        if not path.exists() or (anchor and anchor not in anchors(path.read_text("utf-8"))):
            broken.append(match["target"])
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_that_are_named_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)`", read(page)))
    assert named <= targets


def test_architecture_page_draws_every_part_of_the_package() -> None:
    drawn = set(re.findall(r"^  (\w+(?:\.py|/))", read("docs/architecture.md"), re.MULTILINE))
    real = {
        path.name + ("/" if path.is_dir() else "")
        for path in (ROOT / "lazyinspect").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert drawn == real


def test_modules_that_architecture_page_names_exist() -> None:
    rooms = read("docs/architecture.md").partition("\n## Rooms\n")[2].partition("\n## ")[0]
    missing = []
    for part, text in re.findall(r"(?ms)^- `(\w+)/`: (.*?)(?=^- |\Z)", rooms):
        for module in re.findall(r"`(\w+\.py)`", text):
            if not (ROOT / "lazyinspect" / part / module).exists():
                missing.append(f"{part}/{module}")
    assert "`planner.py`" in rooms
    assert missing == []


def test_every_page_of_the_docs_is_reachable_from_the_readme() -> None:
    linked = {match["target"].partition("#")[0] for match in LINK.finditer(read("README.md"))}
    assert {page for page in PAGES if page != "README.md"} <= linked
