"""Every folder of tests/errors is a broken spec and what the command line says of it.

``make golden`` rewrites the expectations; the difference is for a person to read.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lazyinspect import cli

FOLDER = Path(__file__).parent / "errors"
CASES = sorted(path.parent for path in FOLDER.glob("*/spec.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_error(
    case: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code, standard error, and the partial table on standard output where there is one."""
    monkeypatch.chdir(case)
    monkeypatch.setenv("COLUMNS", "100")
    extra = (case / "args").read_text().split() if (case / "args").exists() else []
    code = cli.main(["run", "spec.yaml", "--device", "meta", *extra])
    out, err = capsys.readouterr()
    expected = {"exit_code": f"{code}\n", "stderr.txt": err}
    if out:
        expected["stdout.txt"] = out
    if os.environ.get("LAZYINSPECT_GOLDEN") == "write":
        for name, text in expected.items():
            (case / name).write_text(text, encoding="utf-8")
        if not out:
            (case / "stdout.txt").unlink(missing_ok=True)
    assert (case / "stdout.txt").exists() == bool(out)
    assert "Traceback" not in err
    assert {name: (case / name).read_text(encoding="utf-8") for name in expected} == expected
