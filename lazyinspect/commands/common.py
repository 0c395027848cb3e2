"""What commands share: the options that several take, and where their text goes.

Nothing here computes, and nothing imports torch or yaml: ``--help`` loads this module.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lazyinspect.errors import Problem, SpecError
from lazyinspect.files import called, replace_file, require_output, say, say_at_once, writing
from lazyinspect.interrupt import undoing

NoColor = Annotated[bool, typer.Option("--no-color", help="No colour, as NO_COLOR=1 does.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of a failure.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write there, whole or not at all; - is standard output.",
    ),
]

Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Also what is as it was, and every row.")
]

Spec = Annotated[str, typer.Argument(metavar="SPEC", help="A YAML file, or - for stdin.")]
Variant = Annotated[
    str | None, typer.Option("--variant", metavar="NAME", help="A variant of the spec, or `all`.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a parameter; repeatable."),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input", metavar="SHAPE", help="`8,3,256,256`, or `ids=1,64`; repeatable by name."
    ),
]
Batch = Annotated[
    int | None, typer.Option("--batch", metavar="N", min=1, help="Dimension 0 of every input.")
]
MaxSteps = Annotated[
    int,
    typer.Option("--max-steps", metavar="N", min=1, help="Refuse networks of more steps."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="CLASS", help="A class of your own that the spec may import."),
]


@contextmanager
def working(what: str, columns: int) -> Iterator[None]:
    """Say on a terminal what takes its time. No spinner: its thread would disturb the timing."""
    from lazyinspect.render.paint import cut, width

    text = cut(f"{what} ...", columns - 1)
    if not sys.stderr.isatty():
        yield
        return

    def blanks(cells: int) -> str:
        # rather than an escape code, which no colour and dumb terminals rule out
        return f"\r{' ' * min(cells, columns - 1)}\r"

    with undoing(lambda: say_at_once(blanks(width(text) + len("^C")))):
        say(text)
        try:
            yield
        finally:
            say(blanks(width(text)))


@contextmanager
def progress(what: str, columns: int) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal for work on many files; None where nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    shown = ""

    def blanks(more: int = 0) -> str:
        return f"\r{' ' * min(len(shown) + more, columns - 1)}\r" if shown else ""

    def tell(done: int, total: int) -> None:
        nonlocal shown
        # a step for each cell of the bar: few enough to cost nothing
        cells = max(min(columns - 40, 40), 8)
        filled = cells * done // max(total, 1)
        text = f"{what} [{'#' * filled}{'.' * (cells - filled)}] {done} of {total}"[: columns - 1]
        if filled != cells * (done - 1) // max(total, 1) or not shown:
            say(f"\r{text}")
            shown = text

    with undoing(lambda: say_at_once(blanks(len("^C")))):
        try:
            yield tell
        finally:
            say(blanks())


def file_of(output: Path | None) -> Path | None:
    """Where else than to standard output."""
    return None if output is None or str(output) in ("-", "/dev/stdout") else output


def report_file(output: Path | None, *read: str) -> Path | None:
    """Where else than to standard output a report goes, which is no YAML and replaces none.

    Args:
        read: what the command reads.

    Raises:
        SpecError: a spec, a lock, or what the command reads is there.
    """
    file = file_of(output)
    if file is None:
        return None
    with writing(str(file)):
        there = file.is_file()
        same = there and any(os.path.exists(path) and file.samefile(path) for path in read)
    if same or (there and file.suffix in (".yaml", ".yml")):
        what = "is read, and a report would replace it" if same else (
            "is there already, and a report is no YAML"
        )  # fmt: skip
        problem = Problem(
            "would-overwrite", f"{called(str(file))} {what}",
            help="write to another file, for instance report.txt",
        )  # fmt: skip
        raise SpecError(problem)
    return file


def to(file: Path | None, pieces: Iterable[str]) -> Iterator[str]:
    """The pieces for standard output, or none of them: they go to the file."""
    if file is None:
        require_output()
        yield from pieces
    else:
        replace_file(file, pieces)
