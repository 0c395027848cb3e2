"""A spec's text -> the comments above and beside its lines. PyYAML drops them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_BLOCK_SCALAR = re.compile(r"(?:^|[\s:-])[|>][-+0-9]*\s*$")
_QUOTE_BEFORE = " \t[{,:-"
_FIRST = re.compile(r"[\s\-\[{\"']*\Z")


class Comments(NamedTuple):
    """The comments of one step, each from its `#` on."""

    above: tuple[str, ...] = ()
    beside: str = ""


def scan(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Each line as what YAML reads of it, and its comment from the `#` on."""
    found = []
    quote = ""
    block: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip(" "))
        if block is not None and (not line.strip() or indent > block):
            found.append((line, ""))
            continue
        block = None
        at, quote = _comment(line, quote)
        code, comment = (line, "") if at is None else (line[:at], line[at:].rstrip())
        if not quote and _BLOCK_SCALAR.search(code.rstrip()):
            block = indent
        found.append((code, comment))
    return found


def _comment(line: str, quote: str) -> tuple[int | None, str]:
    """Where a line's comment starts, and the quote that is open at its end."""
    at = 0
    while at < len(line):
        char = line[at]
        if (quote == '"' and char == "\\") or (quote == "'" and line[at : at + 2] == "''"):
            at += 1
        elif quote and char == quote:
            quote = ""
        elif not quote and char == "#" and (at == 0 or line[at - 1] in " \t"):
            return at, ""
        elif not quote and char in "\"'" and (at == 0 or line[at - 1] in _QUOTE_BEFORE):
            quote = char
        at += 1
    return None, quote


def header(scanned: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The comment that a file starts with."""
    found: list[str] = []
    for code, comment in scanned:
        if code.strip("\ufeff \t") or not comment:
            break
        found.append(comment)
    return tuple(found)


def of_line(scanned: Sequence[tuple[str, str]], line: int, column: int) -> Comments:
    """The comments of a step that starts at a place, counted from 1; none where its line starts
    with something else.
    """
    code, beside = scanned[line - 1]
    if not _FIRST.match(code[: column - 1]):
        return Comments()
    above: list[str] = []
    for before, comment in reversed(scanned[: line - 1]):
        if before.strip() or not comment:
            break
        above.append(comment)
    if len(above) == line - 1:
        above = []  # the file's own
    return Comments(tuple(reversed(above)), beside)
