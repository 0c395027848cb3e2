"""The hooks, run by pre-commit on a clone, in the environment that it makes for them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packages import command_in, needed, offline, sources_in
from program import ROOT

from lazyinspect import api

MANIFEST = ".pre-commit-hooks.yaml"
NET = "input: [1, 3, 8, 8]\nlayers:\n  - LazyConv2d: [4, 3]\n  - Flatten\n  - LazyLinear: 10\n"


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=60,
    )


def committed(folder: Path) -> Path:
    """The folder as a repository with one commit."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=all")
    return folder


def pre_commit(
    folder: Path, environment: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "pre_commit", *arguments, "--color=never"]
    return subprocess.run(
        command, cwd=folder, env=dict(environment), capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package's own repository, as pre-commit clones it."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CI", raising=False)
    folder = tmp_path / "hooks"
    folder.mkdir()
    sources_in(folder, MANIFEST)
    return committed(folder)


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a network, whose spec has changed since it was locked."""
    monkeypatch.delenv("CI", raising=False)
    folder = tmp_path / "team"
    (folder / "configs").mkdir(parents=True)
    (folder / "settings.yaml").write_text("colour: blue\n")
    spec = folder / "configs" / "net.yaml"
    spec.write_text(NET)
    monkeypatch.chdir(folder)
    api.lock("configs")
    spec.write_text(NET.replace("[4, 3]", "[6, 3]"))
    return committed(folder)


def test_hook_installs_itself_without_torch_and_tells_what_drifted(
    hooks: Path, team: Path, tmp_path: Path
) -> None:
    packages = needed("typer", "rich", "pyyaml", "hatchling")
    assert "torch" not in packages
    environment = offline(tmp_path / "site", packages.values())
    done = pre_commit(team, environment, "try-repo", str(hooks), "lazyinspect-check", "--all-files")
    assert done.returncode == 1, done.stderr
    report = done.stdout.partition("- exit code: 1\n")[2]
    assert report.startswith("\ndrift[changed]: 0 (LazyConv2d): out_channels 4 -> 6\n")
    assert "--> configs/net.yaml:3:5" in report
    assert "= accept: lazyinspect lock --accept configs/net.yaml" in report
    assert report.endswith("0 of 1 network as locked, 1 drifted\n\n")


def test_system_hook_runs_what_is_installed_where_yaml_files_change(
    hooks: Path, team: Path, tmp_path: Path
) -> None:
    revision = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=hooks, capture_output=True, text=True, check=True
    ).stdout.strip()
    hook = "[{id: lazyinspect-check-system, args: [configs]}]"
    (team / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - {{repo: '{hooks}', rev: {revision}, hooks: {hook}}}\n"
    )
    git(team, "add", ".pre-commit-config.yaml")
    environment = {**os.environ, "PATH": command_in(tmp_path / "bin")}
    done = pre_commit(team, environment, "run", "--files", "configs/net.yaml")
    assert done.returncode == 1, done.stderr
    assert "drift[changed]: 0 (LazyConv2d): out_channels 4 -> 6" in done.stdout
    done = pre_commit(team, environment, "run", "--files", "README.md")
    assert "(no files to check)Skipped" in done.stdout
    (team / "configs" / "net.yaml").write_text(NET)
    done = pre_commit(team, environment, "run", "--files", "configs/net.yaml")
    assert re.fullmatch(r"network shapes as locked\.+Passed\n", done.stdout)
    assert done.returncode == 0


def test_hook_and_action_install_what_the_package_needs_less_torch() -> None:
    lines = (ROOT / ".github" / "action" / "requirements.txt").read_text().splitlines()
    requirements = [line for line in lines if not line.startswith("#")]
    manifest = yaml.safe_load((ROOT / MANIFEST).read_text())
    # who changes a version in constraints.txt changes it in these two files
    assert manifest[0]["additional_dependencies"] == ["--no-deps", *requirements]
    pins = dict(line.partition(";")[0].split("==") for line in requirements)
    project = (ROOT / "pyproject.toml").read_text().partition("\ndependencies = [\n")[2]
    direct = re.findall(r'(?m)^  "([\w-]+)', project.partition("\n]")[0])
    packages = needed(*(name for name in direct if name not in ("torch", "tomli")))
    installed = {each.metadata["Name"]: each.version for each in packages.values()}
    assert installed.items() <= pins.items()
    assert pins.keys() - installed.keys() <= {"tomli"}  # of Python 3.10
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    assert {f"{name}=={number}" for name, number in pins.items()} <= set(constraints)
    assert version("typer") == pins["typer"]
