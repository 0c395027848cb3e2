"""``lazyinspect explain``: what the code of a problem means, and how it is repaired."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from lazyinspect import options
from lazyinspect.commands.common import Debug, NoColor


def explain(
    context: typer.Context,
    code: Annotated[
        str | None,
        typer.Argument(metavar="[CODE]", help="As it stands in brackets after `error`."),
    ] = None,
    no_color: NoColor = False,
    debug: Debug = False,
) -> Iterator[str]:
    """Explain the code of a problem, with an example that fails and its repair; or list them."""
    from lazyinspect import codes
    from lazyinspect.render import page

    layout = options.layout(sys.stdout, no_color or context.obj)
    if code is None:
        yield page.render_list(codes.CODES.values(), layout)
    else:
        yield page.render(codes.explain(code), layout)
