"""TOML text -> where its keys stand, which parsers do not tell. Reads no values.

What is written in a form that is not looked for is placed at the table or key around it.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from lazyinspect.errors import Mark, Source

Path: TypeAlias = "tuple[str | int, ...]"
"""Keys from the top; a table of an array by its index."""
Marks: TypeAlias = dict[Path, Mark]

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?\Z")
_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_PART = re.compile(_NAME)
_KEY = re.compile(rf"\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")


def of_keys(source: Source) -> Marks:
    """Places of tables and keys, by path."""
    marks: Marks = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(source.lines, start=1):
        header = _HEADER.match(line)
        if header is not None:
            table = ()
            for name in _PART.findall(header[2]):
                # a name of an array means its last table
                table = (*table, _plain(name))
                if table in counts:
                    table = (*table, counts[table])
            if header[1] == "[[":
                named = table[:-1] if table[-1:] and isinstance(table[-1], int) else table
                counts[named] = counts.get(named, -1) + 1
                table = (*named, counts[named])
                marks.setdefault(named, _mark(source, number, header.start(2), header[2]))
            marks[table] = _mark(source, number, header.start(2), header[2])
            continue
        key = _KEY.match(line)
        if key is not None:
            path = table
            for part in _PART.finditer(key[1]):
                path = (*path, _plain(part[0]))
                at = key.start(1) + part.start()
                marks.setdefault(path, _mark(source, number, at, part[0]))
    return marks


def mark(marks: Marks, path: Path, source: Source) -> Mark:
    """Where a key stands, or what is nearest around it; in an inline table its own word."""
    known = path
    while known and known not in marks:
        known = known[:-1]
    found = marks.get(known) or Mark(source, 1, 1)
    name = path[-1] if path else ""
    if len(known) < len(path) and isinstance(name, str) and found.line <= len(source.lines):
        line = source.lines[found.line - 1]
        word = re.compile(rf"(?<![\w-])[\"']?{re.escape(name)}[\"']?\s*=").search(
            line, found.column - 1 + found.length
        )
        if word is not None:
            return Mark(source, found.line, word.start() + 1, len(name))
    return found


def _plain(part: str) -> str:
    return part[1:-1] if part[:1] in "\"'" else part


def _mark(source: Source, line: int, start: int, word: str) -> Mark:
    return Mark(source, line, start + 1, max(len(word), 1))
