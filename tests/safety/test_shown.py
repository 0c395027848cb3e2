"""What a spec names is shown, and steers nothing: no terminal, no Markdown, no spreadsheet.

The files of escapes/ put escape sequences, links, bells, bidirectional overrides and line breaks
wherever a text of the spec is repeated.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytest

from lazyinspect import cli
from lazyinspect.render.paint import printable

SPECS = sorted((Path(__file__).parent / "escapes").glob("*.yaml"))
VALID = ("names", "markdown", "spreadsheet")
FORMATS = ("table", "json", "csv", "markdown")
EVIL = "\x1b[31mred\x1b]8;;http://evil\x07\u202e\u200b\x9b2J\n\r\b\x7f\u2066"
STYLE = re.compile(r"\x1b\[[0-9;]*m")


def run(spec: Path | str, *arguments: str) -> int:
    return cli.main(["run", str(spec), "--device", "meta", *arguments])


def unsafe(text: str) -> set[str]:
    """Characters that a terminal may take for more than a sign to draw."""
    return {char for char in text if char != "\n" and not char.isprintable()}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_no_text_of_a_spec_steers_a_terminal(
    capsys: pytest.CaptureFixture[str], spec: Path, form: str
) -> None:
    code = run(spec, "--format", form, "--variant", "all")
    out, err = capsys.readouterr()
    assert (code == 0) == (spec.stem in VALID)
    assert code in (0, 1, 2, 3)
    assert unsafe(out) == set() == unsafe(err)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_on_a_terminal_there_are_no_escapes_but_the_styles(
    monkeypatch: pytest.MonkeyPatch, spec: Path
) -> None:
    out, err = Terminal(), Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    run(spec)
    text = out.getvalue() + err.getvalue()
    assert STYLE.search(text)
    # the line that says what is being done is wiped with a return
    assert unsafe(STYLE.sub("", text)) <= {"\r"}


def test_json_holds_every_name_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(SPECS[[spec.stem for spec in SPECS].index("names")], "--format", "json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["spec"]["name"] == f"n{EVIL}"
    assert report["spec"]["params"]["text"] == f"t{EVIL}"
    assert report["inputs"][0]["name"] == f"i{EVIL}"
    assert [row["path"] for row in report["layers"]][1:3] == [f"k{EVIL}", f"k{EVIL}.s{EVIL}"]


def test_markdown_makes_no_link_no_image_no_tag_and_no_cell_of_a_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(Path(__file__).parent / "escapes" / "markdown.yaml", "--format", "markdown") == 0
    out = capsys.readouterr().out
    outside_code = re.sub(r"`[^`]*`", "", re.sub(r"\\`", "", out))
    assert not re.search(r"(?<!\\)<", outside_code)
    assert "](" not in outside_code
    rows = [line for line in out.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}


def test_no_cell_of_the_csv_is_a_formula_of_a_spreadsheet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(Path(__file__).parent / "escapes" / "spreadsheet.yaml", "--format", "csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["path"] for row in rows] == ["", "'=1+1", "'+1", "'-1", "'@x"]
    assert {row["spec"] for row in rows} == {"'=cmd|' /C calc'!A0"}
    assert not [cell for row in rows for cell in row.values() if cell[:1] in ("=", "+", "-", "@")]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("text", ["input: [1, 8]\nlayers: [ReLU]\n", "layers: [None]\n", None])
def test_the_name_of_a_file_steers_no_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, form: str, text: str | None
) -> None:
    spec = tmp_path / f"{EVIL.replace('/', '_')}.yaml"
    if text is not None:
        spec.write_text(text)
    code = run(spec, "--format", form)
    out, err = capsys.readouterr()
    assert code == (0 if text and "ReLU" in text else 2)
    assert unsafe(out) == set() == unsafe(err)
    assert code == 0 or form == "json" or printable(spec.name[:8]) in err
