"""What docs/ci.md sets up does what the page says: files by their schemas, scripts by running."""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import copy

import pytest
import yaml
from ci_schemas import complaints
from doc_blocks import ROOT, Block, blocks
from entry_points import installed_in
from packages import command_in

from lazyinspect import api

PAGE = "docs/ci.md"
FILES = [block for block in blocks("yml") if block.page == PAGE]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
MANIFEST = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("block", FILES, ids=str)
def test_file_that_is_shown_is_valid_by_its_schema(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(block.text)
    if block.options["schema"] != "pre-commit":
        assert complaints(block.options["schema"], file) == ""
        return
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "pre_commit", "validate-config", str(file)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


def test_hooks_and_inputs_that_are_named_are_there() -> None:
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert set(re.findall(r"lazyinspect-check(?:-\w+)?", text)) == {hook["id"] for hook in MANIFEST}
    used: set[str] = set()
    for block in FILES:
        jobs = yaml.safe_load(block.text).get("jobs", {})
        for step in [step for job in jobs.values() for step in job["steps"]]:
            if step.get("uses", "").startswith("OWNER/"):
                used |= step.get("with", {}).keys()
    assert used
    assert used <= ACTION["inputs"].keys()
    table = text.partition("| input | what it says |\n")[2].partition("\n\n")[0]
    listed = [
        name for row in table.splitlines() for name in re.findall(r"`([\w-]+)`", row.split("|")[1])
    ]
    assert sorted(listed) == sorted(ACTION["inputs"])


@pytest.mark.parametrize(("kernel", "code"), [(3, 0), (5, 1)])
def test_script_for_gitlab_reports_and_ends_as_check_does(
    kernel: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = [each for each in FILES if "gitlab" in each.options["schema"]]
    job = yaml.safe_load(block.text)["shapes"]
    script = [line for line in job["script"] if not line.startswith("pip ")]
    assert len(script) == 1
    for name in ("reviewed.yaml", "reviewed.lock.yaml"):
        copy(ROOT / "docs" / "examples" / name, tmp_path)
    spec = tmp_path / "reviewed.yaml"
    spec.write_text(spec.read_text().replace("[16, 5,", f"[16, {kernel},"))
    environment = {**os.environ, "CI": "true", "GITLAB_CI": "true"}
    environment["PATH"] = command_in(tmp_path / "bin")
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", "\n".join(script)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == code
    assert ("conv1 (LazyConv2d): kernel_size 3 -> 5" in done.stdout) == bool(code)
    report = (tmp_path / job["artifacts"]["reports"]["junit"]).read_text()
    assert f'failures="{code}"' in report


def test_install_without_torch_names_what_the_package_depends_on() -> None:
    project = (ROOT / "pyproject.toml").read_text().partition("\ndependencies = [\n")[2]
    direct = set(re.findall(r'(?m)^  "([\w-]+)', project.partition("\n]")[0]))
    lines = set(re.findall(r"pip install ([\w ]+)`?$", (ROOT / PAGE).read_text(), re.MULTILINE))
    lines |= set(re.findall(r"`pip install (\w[\w ]+)`", (ROOT / PAGE).read_text()))
    assert lines
    assert all(set(line.split()) == direct - {"torch", "tomli"} for line in lines)


def test_lines_of_the_lock_that_are_shown_are_what_accepting_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    (block,) = [each for each in blocks("diff") if each.page == PAGE]
    for name in ("reviewed.yaml", "reviewed.lock.yaml"):
        copy(ROOT / "docs" / "examples" / name, tmp_path)
    before = (tmp_path / "reviewed.lock.yaml").read_text()
    api.lock(tmp_path / "reviewed.yaml")
    after = (tmp_path / "reviewed.lock.yaml").read_text()
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    real = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    assert [line for line in block.text.splitlines() if line != "..."] == [
        line for line in real if "pool" in line or "conv" in line
    ]


def test_examples_of_assert_shapes_hold(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    examples = [b for b in blocks("python") if b.page == PAGE and "def test_" in b.text]
    assert len(examples) == 1
    (tmp_path / "test_page.py").write_text(examples[0].text)
    (tmp_path / "configs").mkdir()
    copy(ROOT / "configs" / "resnet.yaml", tmp_path / "configs")
    path = installed_in(tmp_path_factory.mktemp("site"), "pytest11")
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "pytest", *options, "."],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "2 passed" in done.stdout, done.stdout
