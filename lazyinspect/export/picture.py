"""DOT text -> a picture, drawn by Graphviz's program. No torch here."""

from __future__ import annotations

import shutil
import subprocess

from lazyinspect.errors import Problem, SpecError

TIMEOUT_S = 60
"""Graphviz takes a second for a thousand vertices, and far more for ten thousand."""


def drawn(text: str, form: str, *settings: str) -> bytes:
    """A graph as the program draws it, in one of its formats.

    Args:
        text: DOT.
        form: ``svg``, ``png``.
        settings: further ones of its command line.

    Raises:
        SpecError: the program is not installed, fails, or does not come to an end.
    """
    program = shutil.which("dot")
    if program is None:
        raise SpecError(
            Problem(
                "missing-extra",
                f"the format `{form}` needs Graphviz's program `dot`, which is not installed",
                help="install Graphviz (`apt install graphviz`, `brew install graphviz`), or "
                "export `mermaid`, which needs none",
            )
        )
    try:
        found = subprocess.run(
            [program, f"-T{form}", *settings],
            input=text.encode("utf-8", "backslashreplace"),
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _failed(f"did not draw it within {TIMEOUT_S} s") from None
    except OSError as error:
        raise _failed(f"cannot be run: {error.strerror or error}") from None
    if found.returncode or not found.stdout:
        said = found.stderr.decode("utf-8", "replace").split("\n", 1)[0]
        raise _failed(f"fails: {said or f'it ends with {found.returncode}'}")
    return found.stdout


def _failed(how: str) -> SpecError:
    return SpecError(
        Problem(
            "cannot-export",
            f"Graphviz's program `dot` {how}",
            help="draw less with --depth 1, or export `dot` and draw it by other means",
        )
    )
