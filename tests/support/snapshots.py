"""Compares a text with the file that a person has looked at.

``LAZYINSPECT_GOLDEN=write`` writes the files anew; git then shows the difference.
"""

from __future__ import annotations

import os
from pathlib import Path


def assert_matches(path: Path, text: str) -> None:
    """The text is what the file holds, to the byte."""
    if os.environ.get("LAZYINSPECT_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    expected = path.read_text(encoding="utf-8")
    assert expected == text, f"{path.name} differs; LAZYINSPECT_GOLDEN=write accepts what is new"
