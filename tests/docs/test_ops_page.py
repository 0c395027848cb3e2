"""docs/ops.md is what the op table says."""

from __future__ import annotations

import os

import ops_page
from doc_blocks import ROOT

from lazyinspect.plan.ops import table

PAGE = ROOT / "docs" / "ops.md"


def test_ops_page_is_the_op_table() -> None:
    page = ops_page.render()
    if os.environ.get("LAZYINSPECT_DOCS") == "write":
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "`make docs` rewrites it"


def test_ops_page_has_a_line_for_every_op() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    names = [line.split("`")[1] for line in lines if line.startswith("| `")]
    assert names == list(table())
