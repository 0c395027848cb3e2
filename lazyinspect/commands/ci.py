"""What `check` and `diff` owe to systems that run them: a document whatever happens, a summary.

Nothing here computes. The environment's names are those of GitHub Actions.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lazyinspect.commands.common import to
from lazyinspect.files import append_file

if TYPE_CHECKING:
    from lazyinspect.drift import CheckReport
    from lazyinspect.errors import LazyinspectError
    from lazyinspect.render.drift import Format
    from lazyinspect.render.layout import Layout


def repository() -> str | None:
    """Where paths of annotations start; None for the current folder."""
    return os.environ.get("GITHUB_WORKSPACE") or None


def failed(
    error: LazyinspectError, form: Format, layout: Layout, file: Path | None
) -> Iterator[str]:
    """The document of a command that had nothing to report, in the form that was asked for.

    Text has none: the error is said on standard error.
    """
    if form == "text":
        return
    if form == "json":
        from lazyinspect.render import problems_json

        yield from to(file, [problems_json.render(error, None)])
        return
    from lazyinspect.drift import Checked, CheckReport
    from lazyinspect.render.drift import render_check

    result = Checked("", "", problems=error.problems, problem_code=error.exit_code)
    yield from to(file, render_check(CheckReport((result,)), form, layout, repository()))


def summarise(report: CheckReport) -> None:
    """Add to the page of a run of GitHub Actions, where this is one.

    Raises:
        SpecError: its file cannot be written.
    """
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    from lazyinspect.render.drift import github

    append_file(Path(path), github.summary(report, repository()))
