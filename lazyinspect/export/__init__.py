"""A plan and its spec -> the network in another form: one row a format. No torch here.

To add a format: a module with ``write(subject)``, which gives text or bytes, and a row in
:data:`FORMATS`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from importlib import import_module

from lazyinspect.errors import Problem, SpecError
from lazyinspect.export.subject import Options, Subject

__all__ = ["FORMATS", "Format", "Options", "Subject", "export", "is_ours", "require_format"]


@dataclass(frozen=True, slots=True)
class Format:
    """One form that a network can be exported to."""

    module: str
    """Of this package, with ``write``; imported when the format is asked for."""
    text: str
    """What it is, in a few words."""
    takes: frozenset[str] = frozenset()
    """Fields of Options that mean something to it."""
    sign: bytes = b"Written by lazyinspect export"
    """What the first line of a file of this format holds, and no other file's; of one that is no
    text the first 4 KiB."""
    magic: bytes = b""
    """What a file starts with that is no text."""


_PICTURE = frozenset({"depth"})

FORMATS = {
    "resolved": Format("resolved", "a spec with nothing left to infer", frozenset({"layout"})),
    "python": Format("python", "classes that need PyTorch alone", frozenset({"lazy"})),
    "json": Format("plan_json", "the plan as data", sign=b'{"schema": "lazyinspect/plan/1"'),
    "mermaid": Format("mermaid", "a picture that Markdown pages draw", _PICTURE),
    "dot": Format("dot", "a picture for Graphviz to draw", _PICTURE),
    "svg": Format("svg", "a picture that scales", _PICTURE),
    "png": Format("png", "a picture", _PICTURE, magic=b"\x89PNG\r\n\x1a\n"),
}
"""Every format by the name that ``--to`` takes; the first is the default."""


def export(subject: Subject, to: str) -> str | bytes:
    """The network in a format of :data:`FORMATS`.

    Raises:
        SpecError: there is no such format, it takes no such option, or it has no words for
            something in the network.
    """
    row = require_format(to, subject.options)
    written: str | bytes = import_module(f"{__name__}.{row.module}").write(subject)
    return written


def require_format(to: str, options: Options) -> Format:
    """The row of a format that takes the options given.

    Raises:
        SpecError: there is none of that name, or it takes no such option.
    """
    row = FORMATS.get(to)
    if row is None:
        raise SpecError(
            Problem("bad-option", f"there is no format `{to}`", help=f"one of {', '.join(FORMATS)}")
        )
    for option in fields(options):
        if getattr(options, option.name) != option.default and option.name not in row.takes:
            takers = ", ".join(name for name, f in FORMATS.items() if option.name in f.takes)
            raise SpecError(
                Problem(
                    "bad-option",
                    f"the format `{to}` takes no `{option.name}`",
                    help=f"it is an option of {takers}",
                )
            )
    return row


def is_ours(start: bytes) -> bool:
    """Whether a file that starts so was written by an export, whatever the format."""
    first = start.split(b"\n", 1)[0]
    return any(
        row.sign in start if row.magic and start.startswith(row.magic) else row.sign in first
        for row in FORMATS.values()
    )
