"""``lazyinspect check``: hold specs against their locks."""

from __future__ import annotations

import sys
from collections.abc import Generator
from enum import Enum
from typing import Annotated

import typer

from lazyinspect import options
from lazyinspect.commands.common import Allow, Debug, NoColor, Output, file_of, progress, to
from lazyinspect.files import say

Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SPEC or FOLDER]...", help="Folders are searched with all below them."),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", metavar="N", min=1, help="Processes; the cores where it pays."),
]


class Format(str, Enum):
    """What the report is printed as."""

    text = "text"


def check(
    context: typer.Context,
    paths: Paths = None,
    allow: Allow = None,
    device: Annotated[
        str | None, typer.Option(help="Also build and run every network there: cpu, cuda, ...")
    ] = None,
    jobs: Jobs = None,
    format_: Annotated[Format, typer.Option("--format", help="Of the report.")] = Format.text,
    output: Output = None,
    no_color: NoColor = False,
    debug: Debug = False,
) -> Generator[str, None, int]:
    """Compare networks with the locks beside their specs, and explain what differs."""
    from lazyinspect import api
    from lazyinspect.render import problems
    from lazyinspect.render.drift import render_check

    file = file_of(output)
    layout = options.layout(sys.stdout, no_color or context.obj or file is not None)
    with progress("checking", layout.width) as tell:
        report = api.check_all(
            paths or ["."], allow=tuple(allow or ()), device=device, jobs=jobs, progress=tell
        )
    if report.problems:
        found = list(dict.fromkeys(report.problems))
        say(problems.render(found, options.layout(sys.stderr, no_color or context.obj)) + "\n")
    yield from to(file, render_check(report, format_.value, layout))
    return report.exit_code
