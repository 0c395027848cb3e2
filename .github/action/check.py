"""The steps of action.yml: ``check.py install``, then ``check.py run``. Needs Python alone.

Inputs come as environment variables (``LAZYINSPECT_PATHS``), never as text of a command: what a
branch or a folder is called is not to be run.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent


def install(inputs: Mapping[str, str]) -> int:
    """Put lazyinspect, as the action has it, into an environment of its own, without torch.

    The job's own environment stays as it is. Returns pip's exit code.
    """
    folder = environment(inputs)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return subprocess.run(
        [
            *(str(program(folder, "python")), "-m", "pip", "install", "--quiet"),
            *("--disable-pip-version-check", "--no-deps"),
            *("--requirement", str(HERE / "requirements.txt"), str(HERE.parents[1])),
        ],
        check=False,
    ).returncode


def run(inputs: Mapping[str, str]) -> int:
    """Run ``lazyinspect check`` and return its exit code, which is also an output of the step."""
    own = inputs.get("LAZYINSPECT_INSTALLED", "true") == "true"
    name = str(program(environment(inputs), "lazyinspect")) if own else "lazyinspect"
    command = [name, "check"]
    command += ["--format", inputs.get("LAZYINSPECT_FORMAT") or "github"]
    if inputs.get("LAZYINSPECT_OUTPUT"):
        command += ["--output", inputs["LAZYINSPECT_OUTPUT"]]
    command += shlex.split(inputs.get("LAZYINSPECT_ARGS", ""))
    command += ["--", *shlex.split(inputs.get("LAZYINSPECT_PATHS", ""))]
    code = subprocess.run(command, env={**inputs, "PYTHONUTF8": "1"}, check=False).returncode
    if inputs.get("GITHUB_OUTPUT"):
        with open(inputs["GITHUB_OUTPUT"], "a", encoding="utf-8") as file:
            file.write(f"exit-code={code}\n")
    return code


def environment(inputs: Mapping[str, str]) -> Path:
    """Where `install` installs."""
    return Path(inputs["RUNNER_TEMP"], "lazyinspect")


def program(folder: Path, name: str) -> Path:
    """A program of a virtual environment."""
    return folder / "Scripts" / f"{name}.exe" if os.name == "nt" else folder / "bin" / name


if __name__ == "__main__":
    steps = {"install": install, "run": run}
    sys.exit(steps[sys.argv[1]](os.environ))
