"""A lazy class of the user's own as a step: planned as what it becomes, and built as what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from lazyinspect import api
from lazyinspect.errors import SpecError

MODULE = """
from torch import nn
from lazyinspect.lazy import LazyConv2d

class Conv(nn.Conv2d):
    pass

class LazyConv(LazyConv2d):
    cls_to_become = Conv
"""
SPEC = """
input: [1, 3, 8, 8]
layers:
  - {own_lazies.LazyConv: [3, 3], as: conv}
  - {use: conv, from: prev}
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_lazies.py").write_text(MODULE, encoding="utf-8")
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return path


def test_it_becomes_its_own_target_and_is_counted_once(spec: Path) -> None:
    report = api.run(spec, allow=["own_lazies.LazyConv"], time=False)
    rows = [(row.declared, row.type, row.call, row.param_count) for row in report.layers[1:]]
    assert rows == [
        ("own_lazies.LazyConv", "own_lazies.Conv", 0, 84),
        ("own_lazies.LazyConv", "own_lazies.Conv", 1, 0),
    ]
    (note,) = report.notes
    assert note.endswith("not known: 0")


def test_become_beside_it_is_refused(spec: Path) -> None:
    text = spec.read_text(encoding="utf-8").replace("as: conv", "as: conv, become: own_lazies.Conv")
    spec.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError, match="says itself what it becomes"):
        api.plan(spec, allow=["own_lazies.LazyConv", "own_lazies.Conv"])
