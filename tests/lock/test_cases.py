"""Every folder of tests/lock/cases is an edit of a spec, and what `check` says of it.

``make golden`` rewrites the expectations; the difference is for a person to read.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lazyinspect import cli

FOLDER = Path(__file__).parent / "cases"
CASES = sorted(path.parent for path in FOLDER.glob("*/before.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_check_says_what_changed(
    case: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Standard output, standard error and the exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("CI", raising=False)
    spec = Path("net.yaml")
    spec.write_bytes((case / "before.yaml").read_bytes())
    assert cli.main(["lock", "net.yaml"]) == 0
    spec.write_bytes((case / "after.yaml").read_bytes())
    capsys.readouterr()
    code = cli.main(["check", "net.yaml"])
    out, err = capsys.readouterr()
    text = f"{err}{out}exit code {code}\n"
    expected = case / "expected.txt"
    if os.environ.get("LAZYINSPECT_GOLDEN") == "write":
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")
