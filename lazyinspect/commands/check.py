"""``lazyinspect check``: hold specs against their locks."""

from __future__ import annotations

import sys
from collections.abc import Generator
from enum import Enum
from typing import Annotated

import typer

from lazyinspect import options
from lazyinspect.commands.ci import failed, repository, summarise
from lazyinspect.commands.common import (
    Allow,
    Debug,
    NoColor,
    Output,
    Verbose,
    progress,
    report_file,
    to,
)
from lazyinspect.errors import LazyinspectError
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
    json = "json"
    github = "github"
    junit = "junit"
    sarif = "sarif"


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
    verbose: Verbose = False,
    no_color: NoColor = False,
    debug: Debug = False,
) -> Generator[str, None, int]:
    """Compare networks with the locks beside their specs, and explain what differs."""
    from lazyinspect import api
    from lazyinspect.render import problems
    from lazyinspect.render.drift import render_check

    file = report_file(output, *(paths or ()))
    plain = no_color or context.obj or file is not None
    layout = options.layout(sys.stdout, plain, verbose=verbose)
    try:
        with progress("checking", layout.width) as tell:
            report = api.check_all(
                paths or (), allow=tuple(allow or ()), device=device, jobs=jobs, progress=tell
            )
    except LazyinspectError as error:
        yield from failed(error, format_.value, layout, file)
        raise
    if report.problems and format_.value != "github":  # whose log has them beside its annotations
        found = list(dict.fromkeys(report.problems))
        say(problems.render(found, options.layout(sys.stderr, no_color or context.obj)) + "\n")
    yield from to(file, render_check(report, format_.value, layout, repository()))
    if format_.value == "github":
        summarise(report)
    return report.exit_code
