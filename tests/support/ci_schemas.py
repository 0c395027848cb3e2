"""Files of CI systems -> what their published schemas have against them. Asks no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def complaints(schema: str, file: Path) -> str:
    """What is wrong with a file; ``""`` for nothing.

    Args:
        schema: one that check-jsonschema holds: ``vendor.github-actions``.
    """
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr
