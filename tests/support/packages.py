"""What is installed here, as the source of environments that tests make: no index is asked."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from program import ROOT


def needed(*names: str, without: Iterable[str] = ()) -> dict[str, Distribution]:
    """Distributions with all that they need, by name."""
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found or name in without:
            continue
        found[name] = distribution(name)
        for text in found[name].requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


def offline(folder: Path, distributions: Iterable[Distribution]) -> dict[str, str]:
    """Environment variables with which pip, in any environment, has these and nothing else.

    They are links in a folder of PYTHONPATH, which pip counts as installed.
    """
    folder.mkdir()
    for each in distributions:
        for top in {file.parts[0] for file in each.files or ()} - {"..", "__pycache__"}:
            link = folder / top
            if not link.exists():
                link.symlink_to(Path(str(each.locate_file(top))))
    return {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as what the option sets, which is False
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "COLUMNS": "100",
    }


def command_in(folder: Path) -> str:
    """A PATH with the program, whether or not it is installed here."""
    folder.mkdir()
    program = folder / "lazyinspect"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -W ignore -m lazyinspect "$@"\n'
    )
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def sources_in(folder: Path, *more: str) -> None:
    """The package as a checkout of it has it, as far as it takes to install it."""
    from shutil import copy2, copytree, ignore_patterns

    copytree(ROOT / "lazyinspect", folder / "lazyinspect", ignore=ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", *more):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy2(ROOT / name, folder / name)
