"""``lazyinspect lock``: write locks, or accept what changed."""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import Annotated

import typer

from lazyinspect import options
from lazyinspect.commands.check import Jobs, Paths
from lazyinspect.commands.common import Allow, Debug, NoColor, progress
from lazyinspect.files import say


def lock(
    context: typer.Context,
    paths: Paths = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC[@VARIANT]", help="Take this network as it is now, and no other."
        ),
    ] = None,
    allow: Allow = None,
    jobs: Jobs = None,
    no_color: NoColor = False,
    debug: Debug = False,
) -> Generator[str, None, int]:
    """Write the locks of specs, and say what changed since the last."""
    from lazyinspect import api
    from lazyinspect.render import problems
    from lazyinspect.render.drift import render_causes, render_locked

    layout = options.layout(sys.stdout, no_color or context.obj)
    with progress("locking", layout.width) as tell:
        results = api.lock_all(
            paths or (),
            accept=accept or (),
            allow=tuple(allow or ()),
            jobs=jobs,
            progress=tell,
        )
    yield from render_locked(results, layout)
    found = [problem for result in results for problem in result.problems]
    if found:
        say(problems.render(found, options.layout(sys.stderr, no_color or context.obj)))
    against = [drift for result in results for drift in result.broken]
    if against:  # which keeps no lock from being written, and `check` from passing
        say(render_causes(against, options.layout(sys.stderr, no_color or context.obj)))
    codes = {result.exit_code for result in results}
    return next((code for code in (70, 2, 3, 1) if code in codes), 0)
