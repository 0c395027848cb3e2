"""docs/errors.md is the pages of `lazyinspect explain`, with what their examples print."""

from __future__ import annotations

import os
import re

import code_pages
from doc_blocks import ROOT, read

from lazyinspect.codes import CODES

PAGE = ROOT / "docs" / "errors.md"


def test_errors_page_is_what_the_pages_and_commands_say() -> None:
    page = code_pages.render()
    if os.environ.get("LAZYINSPECT_DOCS") == "write":
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "`make docs` rewrites it"


def test_errors_page_has_a_section_for_every_code_and_a_link_to_it() -> None:
    text = read("docs/errors.md")
    assert re.findall(r"(?m)^### ([a-z-]+)$", text) == list(CODES)
    assert re.findall(r"\]\(#([a-z-]+)\)", text) == list(CODES)


def test_errors_page_shows_what_each_failing_example_prints() -> None:
    text = read("docs/errors.md")
    told = set(re.findall(r"(?m)^(?:error\[([a-z-]+)\]|\w+Error: ([a-z-]+)): ", text))
    assert {code or other for code, other in told} == set(CODES)
