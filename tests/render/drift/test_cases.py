"""Every folder of cases/ is a project before and after a change, and `check` in each format.

``before/`` is locked, ``after/`` is laid over it and checked. ``make golden`` rewrites what is
expected; the difference is for a person to read.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lxml import etree
from snapshots import assert_matches

from lazyinspect import cli
from lazyinspect._version import __version__

HERE = Path(__file__).parent
DOCS = HERE.parents[2] / "docs"
CASES = sorted(path for path in (HERE / "cases").iterdir() if path.is_dir())
CHECK = json.loads((DOCS / "check.schema.json").read_text(encoding="utf-8"))
SARIF = json.loads((HERE / "schemas" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
JUNIT = etree.XMLSchema(etree.parse(HERE / "schemas" / "junit-10.xsd"))


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A case's folder; the current one is its project."""
    folder: Path = request.param
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("CI", "GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    if (folder / "before").exists():
        shutil.copytree(folder / "before", project, dirs_exist_ok=True)
        assert cli.main(["lock", "."]) == 0
    if (folder / "after").exists():
        shutil.copytree(folder / "after", project, dirs_exist_ok=True)
    return folder


@pytest.fixture
def check(case: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Standard output, standard error and exit code of `check`."""

    def call(*arguments: str) -> tuple[str, str, int]:
        capsys.readouterr()
        code = cli.main(["check", ".", *arguments])
        out, err = capsys.readouterr()
        return out, err, code

    return call


def test_text(case: Path, check: Any) -> None:
    out, err, code = check()
    assert_matches(case / "check.txt", f"{err}{out}exit code {code}\n")


def test_verbose_text_has_a_line_for_each_network_that_is_fine(case: Path, check: Any) -> None:
    out, _, _ = check("-v")
    data = json.loads(check("--format", "json")[0])
    fine = [line for line in out.splitlines() if line.startswith("ok  ")]
    assert len(fine) == data["counts"]["ok"]


@pytest.mark.parametrize("columns", ["40", "60", "80"])
def test_narrow_text_says_the_same(
    case: Path, check: Any, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is cut: no cause and no command is lost."""
    wide, _, code = check()
    monkeypatch.setenv("COLUMNS", columns)
    narrow, _, narrow_code = check()
    heads = [line for line in wide.splitlines() if line.startswith(("drift[", "policy["))]
    assert [x for x in narrow.splitlines() if x.startswith(("drift[", "policy["))] == heads
    assert narrow_code == code
    assert "".join(narrow.split()).count("accept:") == "".join(wide.split()).count("accept:")


def test_json_keeps_its_schema(case: Path, check: Any) -> None:
    out, _, code = check("--format", "json")
    document = json.loads(out)
    jsonschema.validate(document, CHECK)
    assert document["exit_code"] == code
    assert_matches(case / "check.json", out)


def test_github(case: Path, check: Any) -> None:
    out, err, code = check("--format", "github")
    assert err == ""
    commands = [line for line in out.split("::group::")[0].splitlines() if line[:2] == "::"]
    assert len(commands) <= 10
    assert bool(code) == any(line.startswith("::error ") for line in commands)
    assert_matches(case / "github.txt", out)


def test_summary_of_a_run(
    case: Path, check: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "summary.md"
    file.write_text("of another step\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    check("--format", "github")
    text = file.read_text(encoding="utf-8")
    assert text.startswith("of another step\n")
    assert_matches(case / "summary.md", text.removeprefix("of another step\n"))


def test_junit_is_valid(case: Path, check: Any) -> None:
    out, _, code = check("--format", "junit")
    tree = etree.fromstring(out.encode("ascii"))
    JUNIT.assertValid(tree)
    failed = int(tree.get("failures")) + int(tree.get("errors"))
    assert bool(failed) == bool(code)
    assert len(tree.findall(".//testcase")) == int(tree.get("tests"))
    assert_matches(case / "junit.xml", out)


def test_sarif_is_valid(case: Path, check: Any) -> None:
    out, _, code = check("--format", "sarif")
    document = json.loads(out)
    jsonschema.validate(document, SARIF)
    (run,) = document["runs"]
    driver = run["tool"]["driver"]
    assert driver["semanticVersion"] == __version__
    assert bool(code) == any(result["level"] == "error" for result in run["results"])
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    prints = [result["partialFingerprints"]["cause/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)
    rules = [rule["id"] for rule in driver["rules"]]
    shown = {"rules": rules, "invocations": run["invocations"], "results": run["results"]}
    assert_matches(case / "sarif.json", json.dumps(shown, indent=1) + "\n")


def test_a_second_run_gives_the_same_bytes(case: Path, check: Any) -> None:
    for form in ("json", "github", "junit", "sarif"):
        assert check("--format", form) == check("--format", form)
