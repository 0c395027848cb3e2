"""docs/lazy.md: its tables are complete, and each guarantee is demonstrated."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import torch

import lazyinspect.lazy as lazy

HERE = Path(__file__)
PAGE = (HERE.parents[2] / "docs" / "lazy.md").read_text(encoding="utf-8")
GUARANTEES = [int(n) for n in re.findall(r"^\| (\d+) \| ", PAGE, re.MULTILINE)]


def demonstrations(number: int) -> list[str]:
    tree = ast.parse((HERE.parent / "test_guarantees.py").read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [name for name in names if name.startswith(f"test_guarantee_{number:02}_")]


def test_guarantees_are_numbered_without_a_gap() -> None:
    assert list(range(1, len(GUARANTEES) + 1)) == GUARANTEES
    assert demonstrations(len(GUARANTEES) + 1) == []


@pytest.mark.parametrize("number", GUARANTEES)
def test_each_guarantee_is_demonstrated(number: int) -> None:
    assert demonstrations(number)


def test_the_family_is_listed_whole() -> None:
    family = PAGE.split("## The family")[1].split("\n\n")[1]
    listed = set(re.findall(r"`(Lazy\w+)`", family))
    assert listed == {n for n in lazy.__all__ if n.startswith("Lazy")} - {"LazyMixin"}


def test_every_public_name_is_on_the_page() -> None:
    assert [name for name in lazy.__all__ if name not in PAGE and name != "Conversion"] == []


def test_adagrad_is_the_optimizer_that_cannot_be_made_early() -> None:
    with pytest.raises(ValueError, match="uninitialized parameter"):
        torch.optim.Adagrad(lazy.LazyLinear(3).parameters())
