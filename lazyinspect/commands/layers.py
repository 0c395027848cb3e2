"""``lazyinspect layers``: the ops that a spec may use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from lazyinspect import options
from lazyinspect.commands.common import Debug, NoColor


def layers(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One op, with all it takes.")
    ] = None,
    no_color: NoColor = False,
    debug: Debug = False,
) -> Iterator[str]:
    """List the ops that a spec may use: signatures, what is inferred, what each becomes."""
    from lazyinspect import api
    from lazyinspect.render import ops

    layout = options.layout(sys.stdout, no_color or context.obj)
    rows = api.layers(name)
    yield ops.render(rows, layout) if name is None else ops.render_one(rows[0], layout)
