"""No report replaces a file that a command reads, nor any other YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from lazyinspect import cli

SPEC = "input: [1, 8]\nlayers: [LazyLinear: 4]\n"


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec in the current folder, with other names for the same file, and one more spec."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.yaml"
    path.write_text(SPEC)
    (tmp_path / "other.yml").write_text(SPEC)
    (tmp_path / "link").symlink_to("net.yaml")
    (tmp_path / "hard").hardlink_to(path)
    return path


@pytest.mark.parametrize("output", ["net.yaml", "./net.yaml", "link", "hard", "other.yml"])
@pytest.mark.parametrize(
    "command",
    [
        ["run", "net.yaml", "--device", "meta"],
        ["check", "net.yaml"],
        ["diff", "net.yaml", "other.yml"],
    ],
    ids=lambda command: command[0],
)
def test_a_report_replaces_no_spec(
    command: list[str], output: str, spec: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, "-o", output]) == 2
    assert capsys.readouterr().err.startswith("error[would-overwrite]: ")
    assert (spec.read_text(), (spec.parent / "other.yml").read_text()) == (SPEC, SPEC)
    assert (spec.parent / "link").is_symlink()


def test_the_schema_replaces_no_spec(spec: Path) -> None:
    assert cli.main(["schema", "--output", "net.yaml"]) == 2
    assert spec.read_text() == SPEC


def test_a_report_replaces_the_report_before(spec: Path) -> None:
    report = spec.with_name("report.txt")
    report.write_text("old")
    assert cli.main(["run", "net.yaml", "--device", "meta", "-o", "report.txt"]) == 0
    assert "LazyLinear" in report.read_text()


def test_a_report_may_be_called_as_no_file_is_yet(spec: Path) -> None:
    assert cli.main(["run", "net.yaml", "--device", "meta", "-o", "new.yaml"]) == 0
    assert "LazyLinear" in spec.with_name("new.yaml").read_text()
