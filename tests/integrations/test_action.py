"""The GitHub Action: its file by GitHub's schema, its steps run as GitHub runs them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from ci_schemas import complaints
from packages import command_in, needed, offline, sources_in
from program import ROOT

from lazyinspect import api

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = ACTION["runs"]["steps"]
SCRIPT = Path(".github", "action", "check.py")

Runner = Callable[..., subprocess.CompletedProcess[str]]


def test_action_is_valid_by_the_schema_of_actions(tmp_path: Path) -> None:
    assert complaints("vendor.github-actions", ROOT / "action.yml") == ""
    broken = tmp_path / "action.yml"
    broken.write_text("name: x\ndescription: y\nruns: {using: composite}\n")
    assert "Schema validation errors" in complaints("vendor.github-actions", broken)


def test_every_input_is_used_and_every_one_that_is_used_is_there() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{\{ *inputs\.([\w-]+)", text))
    assert used == ACTION["inputs"].keys()
    steps = {step.get("id") for step in STEPS}
    assert set(re.findall(r"steps\.([\w-]+)\.", text)) <= steps
    variables = {name for step in STEPS for name in step.get("env", {})}
    script = (ROOT / SCRIPT).read_text(encoding="utf-8")
    assert variables == set(re.findall(r"LAZYINSPECT_\w+", script))


def test_no_input_is_text_of_a_script() -> None:
    assert all("${{" not in step["run"] for step in STEPS if "run" in step)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a copy of a config that has drifted from its lock."""
    monkeypatch.delenv("CI", raising=False)
    folder = tmp_path / "work space"
    (folder / "my configs").mkdir(parents=True)
    spec = folder / "my configs" / "resnet.yaml"
    text = (ROOT / "configs" / "resnet.yaml").read_text(encoding="utf-8")
    spec.write_text(text)
    monkeypatch.chdir(folder)
    api.lock("my configs")
    assert text.count("LazyConv2d: [64, 7") == 1
    spec.write_text(text.replace("LazyConv2d: [64, 7", "LazyConv2d: [80, 7"))
    (folder / "fine").mkdir()
    (folder / "fine" / "net.yaml").write_text("input: [1, 4]\nlayers: [LazyLinear: 2]\n")
    api.lock("fine")
    return folder


@pytest.fixture
def runner(workspace: Path, tmp_path: Path) -> Runner:
    """Runs the steps of the action that have a script, with inputs and the rest of GitHub's."""
    temp = tmp_path / "temp"
    temp.mkdir()
    path = command_in(tmp_path / "bin")

    def run(
        *,
        action: Path = ROOT,
        variables: dict[str, str] | None = None,
        again: bool = False,
        **inputs: str,
    ) -> subprocess.CompletedProcess[str]:
        given = {name: str(each.get("default", "")) for name, each in ACTION["inputs"].items()}
        given |= {"install": "false"} | {name.replace("_", "-"): v for name, v in inputs.items()}
        environment = {
            **os.environ,
            **(variables or {}),
            "PATH": path,
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(action),
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_STEP_SUMMARY": str(temp / "summary.md"),
            "GITHUB_OUTPUT": str(temp / "output"),
            "RUNNER_TEMP": str(temp),
        }
        done = None
        for step in STEPS:
            installs = "if" in step
            if "run" not in step or (installs and (again or given["install"] != "true")):
                continue
            values = {
                name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: given[m[1]], value)
                for name, value in step.get("env", {}).items()
            }
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
                cwd=workspace / (given["working-directory"] if "id" in step else "."),
                env={**environment, **values},
                capture_output=True,
                text=True,
                timeout=120,
            )
            if done.returncode:
                break
        assert done is not None
        return done

    return run


def annotations(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stdout.splitlines() if line.startswith("::error")]


def test_a_drift_is_one_annotation_a_summary_and_a_failed_step(
    runner: Runner, tmp_path: Path
) -> None:
    done = runner()
    assert done.returncode == 1, done.stderr
    (annotation,) = annotations(done)
    assert annotation.startswith("::error file=my configs/resnet.yaml,line=35,")
    assert "::conv1 (LazyConv2d): out_channels 64 -> 80%0A" in annotation
    summary = (tmp_path / "temp" / "summary.md").read_text()
    assert summary.startswith("### lazyinspect check: 1 of 9 networks as locked, 8 drifted\n")
    assert "conv1 (LazyConv2d): out&#95;channels 64 -&#62; 80" in summary
    assert (tmp_path / "temp" / "output").read_text() == "exit-code=1\n"


def test_paths_are_words_as_in_a_shell(runner: Runner, tmp_path: Path) -> None:
    assert runner(paths="fine").returncode == 0
    assert len(annotations(runner(paths="fine 'my configs'\n"))) == 1
    hostile = "fine; touch hacked $(touch hacked) --version"
    done = runner(paths=hostile)
    assert done.returncode == 2
    assert "fine; cannot be read" in done.stdout + done.stderr
    assert not list(tmp_path.glob("**/hacked"))


def test_another_format_and_folder_are_inputs(runner: Runner, workspace: Path) -> None:
    done = runner(
        working_directory="my configs", format="sarif", output="shapes.sarif", args="-j 1"
    )
    assert (done.returncode, annotations(done)) == (1, [])
    assert (
        '"uri": "my%20configs/resnet.yaml"'
        in (workspace / "my configs" / "shapes.sarif").read_text()
    )


def test_a_spec_that_does_not_plan_has_an_exit_code_of_its_own(
    runner: Runner, workspace: Path, tmp_path: Path
) -> None:
    (workspace / "fine" / "net.yaml").write_text("input: [1, 4]\nlayers: [Linear: [5, 2]]\n")
    done = runner(paths="fine")
    assert done.returncode == 3
    assert "title=error[shape-mismatch]::Linear expects 5 features" in annotations(done)[0]
    assert (tmp_path / "temp" / "output").read_text() == "exit-code=3\n"


def test_it_installs_itself_apart_and_without_torch(
    runner: Runner, workspace: Path, tmp_path: Path
) -> None:
    action = tmp_path / "action"
    action.mkdir()
    requirements = SCRIPT.with_name("requirements.txt")
    sources_in(action, "action.yml", str(SCRIPT), str(requirements))
    packages = needed("typer", "rich", "pyyaml", "hatchling")
    variables = offline(tmp_path / "site", packages.values())
    done = runner(action=action, variables=variables, install="true")
    assert done.returncode == 1, done.stderr
    assert len(annotations(done)) == 1
    assert (tmp_path / "temp" / "lazyinspect" / "bin" / "lazyinspect").exists()
    entry_points = "from importlib.metadata import entry_points as e; print(e(group='pytest11'))"
    own = tmp_path / "temp" / "lazyinspect" / "bin" / "python"
    plugins = subprocess.run([own, "-c", entry_points], capture_output=True, text=True, timeout=60)
    assert "value='lazyinspect.pytest_plugin'" in plugins.stdout
    (workspace / "fine" / "net.yaml").write_text("input: [1, 4]\nlayers: [mine.Half]\n")
    given = {"install": "true", "paths": "fine", "args": "--allow mine.Half"}
    done = runner(action=action, variables=variables, again=True, **given)
    assert done.returncode == 3
    assert "::torch cannot be imported, so a class that is not in the op table" in done.stdout
