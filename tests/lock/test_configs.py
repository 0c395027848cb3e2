"""The networks of configs/ are as their locks say."""

from __future__ import annotations

from pathlib import Path

import pytest

from lazyinspect.api import check_all
from lazyinspect.lock.find import lock_of

CONFIGS = sorted(
    path
    for path in (Path(__file__).parents[2] / "configs").glob("*.yaml")
    if ".lock" not in path.name
)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_network_is_as_locked(path: Path) -> None:
    report = check_all([path])
    assert [(result.name, result.status) for result in report.results] == [
        (result.name, "ok") for result in report.results
    ]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_lock_says_nothing_of_time_machine_or_versions(path: Path) -> None:
    text = Path(lock_of(str(path))).read_text(encoding="utf-8")
    assert str(path.parent) not in text
    assert "torch" not in text
    assert text.splitlines()[0].endswith(f"lazyinspect lock {path.name}")
    assert text.endswith("\n")
