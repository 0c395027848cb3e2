"""``lazyinspect export``: the network in another form."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from lazyinspect import options
from lazyinspect.commands.common import (
    Allow,
    Batch,
    Debug,
    Inputs,
    Output,
    Settings,
    Spec,
    file_of,
    to,
)
from lazyinspect.errors import Problem, SpecError
from lazyinspect.export import FORMATS, is_ours
from lazyinspect.files import printing, replace_file

_LOOKED_AT = 4096
"""Bytes at either end of a file."""


def export(
    spec: Spec,
    to_: Annotated[
        str,
        typer.Option("--to", metavar="FORMAT", help=f"What to write: {', '.join(FORMATS)}."),
    ] = "resolved",
    variant: Annotated[
        str | None, typer.Option("--variant", metavar="NAME", help="A variant of the spec.")
    ] = None,
    set_: Settings = None,
    input_: Inputs = None,
    batch: Batch = None,
    allow: Allow = None,
    layout: Annotated[
        str,
        typer.Option(
            metavar="LAYOUT",
            help="Of resolved: `inline` writes a block where it is used, `blocks` equal ones once.",
        ),
    ] = "inline",
    lazy: Annotated[
        bool, typer.Option("--lazy", help="Of python: torch's own lazy layers where it has them.")
    ] = False,
    depth: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Of pictures: levels to draw, instead of blocks."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the weights, of formats that hold them.")] = 0,
    weights: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A safetensors file to take the weights from."),
    ] = None,
    fixed_batch: Annotated[
        bool, typer.Option("--fixed-batch", help="Of onnx and torch: for this batch alone.")
    ] = False,
    output: Output = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that no export has written.")
    ] = False,
    debug: Debug = False,
) -> Iterator[str]:
    """Write the network as an explicit spec, Python, data, a picture, or with its weights."""
    from lazyinspect import api

    file = file_of(output)
    if file is not None and not force:
        require_ours(file)
    # a class of the user's own may print: the export is alone on standard output
    with redirect_stdout(sys.stderr):
        written = api.export(  # type: ignore[call-overload, misc]  # the verb checks the layout
            spec,
            to=to_,
            variant=variant,
            set=dict(map(options.setting, set_ or ())),
            input=options.shapes(input_ or ()),
            batch=batch,
            allow=tuple(allow or ()),
            layout=layout,
            lazy=lazy,
            depth=depth,
            seed=seed,
            weights=weights,
            fixed_batch=fixed_batch,
        )
    if isinstance(written, str):
        return to(file, [written])
    if file is None:
        print_bytes(written, to_)
    else:
        replace_file(file, [written])
    return iter(())


def print_bytes(data: bytes, what: str) -> None:
    """Write what is no text to standard output.

    Raises:
        SpecError: that is a terminal.
    """
    with printing():
        if sys.stdout.isatty():
            raise SpecError(
                Problem(
                    "bad-option",
                    f"`{what}` is no text, and standard output is a terminal",
                    help="name a file with -o",
                )
            )
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def require_ours(path: Path) -> None:
    """Keep a file that is somebody's work.

    Raises:
        SpecError: there is one, and no export has written it.
    """
    try:
        if not path.is_file():
            return  # nothing there, or a device or a pipe, which loses nothing
        with path.open("rb") as file:
            start = file.read(_LOOKED_AT)
            file.seek(max(file.seek(0, os.SEEK_END) - _LOOKED_AT, 0))
            end = file.read(_LOOKED_AT)
    except OSError:
        return  # writing will say what is wrong
    if start and not is_ours(start, end):
        raise SpecError(
            Problem(
                "would-overwrite",
                f"{path} is there already, and was not written by an export",
                help="write to another file, or add --force",
            )
        )
