"""``lazyinspect diff``: what changed between two networks, by cause."""

from __future__ import annotations

import sys
from collections.abc import Generator
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from lazyinspect import options
from lazyinspect.commands.ci import failed, repository
from lazyinspect.commands.common import (
    Allow,
    Batch,
    Debug,
    Inputs,
    NoColor,
    Output,
    Settings,
    Verbose,
    report_file,
    to,
)
from lazyinspect.errors import LazyinspectError

if TYPE_CHECKING:
    from lazyinspect.drift import Comparison


class Format(str, Enum):
    """What the comparison is printed as."""

    text = "text"
    json = "json"
    github = "github"


def diff(
    context: typer.Context,
    operands: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="A B",
            help="Specs, locks or JSON reports; FILE@VARIANT is one network. With --base, specs.",
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(metavar="REV", help="Compare specs as they were at this git revision."),
    ] = None,
    set_: Settings = None,
    input_: Inputs = None,
    batch: Batch = None,
    allow: Allow = None,
    format_: Annotated[Format, typer.Option("--format", help="Of the report.")] = Format.text,
    output: Output = None,
    verbose: Verbose = False,
    no_color: NoColor = False,
    debug: Debug = False,
) -> Generator[str, None, int]:
    """Compare two specs, variants, locks, JSON reports, or a spec with an older revision."""
    from lazyinspect import api
    from lazyinspect.render.drift import render_diff

    given = list(operands or ())
    if base is None and len(given) != 2:
        options.refuse(f"two are compared, and {len(given) or 'none'} is named", "A B")
    file = report_file(output, *given)
    plain = no_color or context.obj or file is not None
    layout = options.layout(sys.stdout, plain, verbose=verbose)
    found: list[Comparison] = []
    wrong: LazyinspectError | None = None
    try:
        for comparison in api.diff_all(
            given,
            base=base,
            set=dict(map(options.setting, set_ or ())),
            input=options.shapes(input_ or ()),
            batch=batch,
            allow=tuple(allow or ()),
        ):
            found.append(comparison)
    except LazyinspectError as error:
        wrong = error
    if wrong is not None and (format_.value == "json" or not found):
        yield from failed(wrong, format_.value, layout, file)
    else:
        yield from to(file, render_diff(found, format_.value, layout, repository()))
    if wrong is not None:
        raise wrong
    return max([comparison.exit_code for comparison in found], default=0)
