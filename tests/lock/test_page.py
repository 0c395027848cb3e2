"""docs/lock.md shows the lock that stands beside its example, and names every kind of drift."""

from __future__ import annotations

import re
from typing import get_args

from doc_blocks import ROOT, read

from lazyinspect.drift import Kind
from lazyinspect.lock.parse import split

PAGE = "docs/lock.md"


def test_the_lock_that_the_page_shows_is_the_examples() -> None:
    ((path, text),) = re.findall(r"<!-- file: (\S+) -->\n```text\n(.*?)```", read(PAGE), re.DOTALL)
    assert text == (ROOT / path).read_text(encoding="utf-8")
    assert list(split(text, path, "drifted.yaml").sections) == [None]


def test_the_page_says_what_every_kind_of_drift_is() -> None:
    table = read(PAGE).partition("### Causes")[2].partition("###")[0]
    told = set(re.findall(r"`([a-z-]+)`", table))
    of_policies = {"over-budget", "no-expect"}
    assert set(get_args(Kind)) - of_policies <= told


def test_the_page_says_what_every_key_of_a_line_is() -> None:
    table = read(PAGE).partition("## What a lock says")[2].partition("### Which")[0]
    keys = set(re.findall(r"`([a-z]+)`", table))
    assert {
        "layer", "function", "container", "parameter", "args", "inferred", "in", "out", "params",
        "reads", "uses", "returns",
    } <= keys  # fmt: skip
