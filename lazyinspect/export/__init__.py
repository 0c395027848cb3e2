"""A plan and its spec -> the network in another form: one row a format. No torch here.

To add a format: a module with ``write(subject)``, which gives text or bytes, and a row in
:data:`FORMATS`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from importlib import import_module

from lazyinspect.errors import Problem, SpecError
from lazyinspect.export.subject import SIGN, Options, Subject

__all__ = ["FORMATS", "SIGN", "Format", "Options", "Subject", "export", "is_ours", "require_format"]


@dataclass(frozen=True, slots=True)
class Format:
    """One form that a network can be exported to."""

    module: str
    """Of this package, or of ``save``, with ``write``; imported when the format is asked for."""
    text: str
    """What it is, in a few words."""
    takes: frozenset[str] = frozenset()
    """Fields of Options that mean something to it."""
    sign: bytes = SIGN
    """What the first line of a file of this format holds, and no other file's; of one that is no
    text its first or its last 4 KiB."""
    starts: bytes = b""
    """A pattern of what a file starts with that is no text."""
    saves: bool = False
    """It holds the weights: the network is built, and the module is one of ``save``."""


_PICTURE = frozenset({"depth"})
_TRACED = frozenset({"seed", "weights", "fixed_batch"})

FORMATS = {
    "resolved": Format("resolved", "a spec with nothing left to infer", frozenset({"layout"})),
    "python": Format("python", "classes that need PyTorch alone", frozenset({"lazy"})),
    "json": Format("plan_json", "the plan as data", sign=b'{"schema": "lazyinspect/plan/1"'),
    "mermaid": Format("mermaid", "a picture that Markdown pages draw", _PICTURE),
    "dot": Format("dot", "a picture for Graphviz to draw", _PICTURE),
    "svg": Format("svg", "a picture that scales", _PICTURE),
    "png": Format("png", "a picture", _PICTURE, starts=rb"\x89PNG\r\n"),
    "onnx": Format("onnx", "a model for other runtimes", _TRACED, starts=rb"\x08", saves=True),
    "torch": Format(
        "pt2", "a program for torch.export.load", _TRACED,
        sign=b"/extra/lazyinspect", starts=rb"PK\x03\x04", saves=True,
    ),
    "safetensors": Format(
        "tensors", "the weights by name", frozenset({"seed", "weights"}),
        starts=rb'(?s).{8}\{"__metadata__":', saves=True,
    ),
}  # fmt: skip
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


def is_ours(start: bytes, end: bytes = b"") -> bool:
    """Whether a file that starts and ends so was written by an export, whatever the format."""
    first = start.split(b"\n", 1)[0]
    for row in FORMATS.values():
        binary = bool(row.starts) and re.match(row.starts, start) is not None
        if row.sign in (start + end if binary else b"" if row.starts else first):
            return True
    return False
