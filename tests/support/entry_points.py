"""The package's entry points, for processes in whose environment it may not be installed."""

from __future__ import annotations

import re
from pathlib import Path

from program import ROOT


def installed_in(folder: Path, group: str) -> str:
    """A PYTHONPATH with the package, and with metadata of it that declares a group as
    pyproject.toml does. Where the package is installed besides, each entry point counts once.
    """
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(rf"(?m)^\[project\.entry-points\.{group}\]\n((?:\w.*\n)+)", project)
    assert found is not None, f"pyproject.toml declares no {group}"
    info = folder / "lazyinspect-0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lazyinspect\nVersion: 0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n" + found[1].replace('"', ""))
    return f"{ROOT}:{folder}"
