"""An error of the YAML library -> a problem in plain words, at the place where the cause is.

The library says what it could not go on with; what a person wrote is mostly a little further up.
"""

from __future__ import annotations

import re
from typing import Any

from lazyinspect.errors import Mark, Problem, Source

_CONFLICT = re.compile(r"(<{7}|>{7}) ")
_UNSPACED = re.compile(r"\s*(?:- )?[\w.\"'-]+:(?=[\[{\"'\w$])")
_TEMPLATE = re.compile(r"[\w.]+\{[^{}\"']*\}(?=:)")
_SUBSCRIPT = re.compile(r"\$[\w .+*/()-]*\[")
_ELEMENT = re.compile(r"(?<![$\w])[A-Za-z_]\w*(\[)(\d+)\]")
_BRACED = re.compile(r"\$\{(\w+)\}")
_STEP = re.compile(r"\s*((?:- )?[\w{}+]+: )([A-Z]\w+: [^#]*)")
"""A step under a name without its braces: `conv: LazyConv2d: [16, 3]`."""


def syntax_problem(error: Any, source: Source) -> Problem:
    """The problem.

    Args:
        error: a ``yaml.MarkedYAMLError``.
    """
    conflict = _conflict(source)
    if conflict is not None:
        return conflict
    where = error.problem_mark or error.context_mark
    mark = None if where is None else _mark(where, source)
    start = None if error.context_mark is None else _mark(error.context_mark, source)
    said = f"{error.problem or 'not YAML'} {error.context or ''}".strip()
    message, mark, help = _told(said, mark, start)
    return Problem("yaml-syntax", message, mark, help=help)


def _conflict(source: Source) -> Problem | None:
    """The marks that a merge has left, which no YAML starts a line with."""
    for number, line in enumerate(source.lines, start=1):
        if _CONFLICT.match(line):
            return Problem(
                "yaml-syntax", f"{source.path} holds a merge conflict",
                Mark(source, number, 1, len(line)),
                help="settle it by hand; `lazyinspect lock` then writes the lock anew",
            )  # fmt: skip
    return None


def _mark(where: Any, source: Source) -> Mark:
    return Mark(source, min(where.line + 1, len(source.lines)), where.column + 1)


def _told(said: str, mark: Mark | None, start: Mark | None) -> tuple[str, Mark | None, str]:
    """Message, place and remedy. ``start``: where what was being read begins."""
    if mark is None:
        return said, mark, "check the brackets and the indentation"
    line = _line(mark)
    here = line[mark.column - 1 : mark.column]
    if start is not None and "expected ',' or" in said:
        return _open(start, mark, "list" if "sequence" in said else "mapping")
    if start is not None and "quoted scalar" in said and "end of stream" in said:
        quote = _line(start)[start.column - 1 : start.column]
        return "this quote is not closed", start, f"close it with `{quote}`"
    if "\t" in line and ("token" in said or "tab" in said):
        help = "indent with spaces: YAML allows no tab there"
        return "a tab stands where YAML wants spaces", mark, help
    if "cannot start any token" in said and here:
        what = "a backtick" if here == "`" else f"`{here}`"
        return f"no value of YAML starts with {what}", mark, "put the text in quotes"
    if "mapping values are not allowed" in said:
        return _colon(mark)
    if start is not None and "could not find expected ':'" in said:
        help = "write it, or indent the line further if it belongs to the one above"
        return "a `:` is missing after this key", start, help
    if "flow node" in said and here == ",":
        return "a value is missing before this comma", mark, "write it, or remove the comma"
    if here in ("]", "}"):
        return f"this `{here}` closes nothing", mark, "remove it"
    if "expected" in said and "block" in said:
        if not line[: mark.column - 1].strip() and start is not None:
            if mark.column == start.column:
                return _mixed(line.strip(), mark, start)
            help = "the lines of one list or mapping start in one column"
            if "collection" in said:
                help += f", here {start.column}"
            return "the indentation of this line fits nothing above it", mark, help
        if ", " in line and "- " in line:
            help = "put braces around a step with further keys: - {LazyConv2d: [16, 3], as: x}"
            if not re.match(r",\s*\w+\s*:", line[mark.column - 1 :]):
                help = "every step of a list has a line and a dash of its own"
            return "more follows here after the value has ended", mark, help
    return said, mark, "check the indentation and the brackets above this place"


def _mixed(text: str, mark: Mark, start: Mark) -> tuple[str, Mark, str]:
    """A line of another kind than those above it, which start in the same column."""
    dash = re.match(r"-(\w.*)", text)
    if dash is not None:
        return "a space is missing after the dash", mark, f"write `- {dash[1]}`"
    if text.startswith("-"):
        message = "a dash stands among the keys of a mapping"
        return message, mark, "a list has dashes, a mapping has names: all of them, or none"
    if _line(start)[start.column - 1 :].startswith("-"):
        message = "this line has no dash, and those above it have"
        return message, mark, f"write `- {text}`, or indent the line if it belongs to the one above"
    return "this line fits nothing above it", mark, "the lines of a mapping have a name and a colon"


def _colon(mark: Mark) -> tuple[str, Mark, str]:
    """A colon where no key can stand: braces are missing, or a space in the line above."""
    above = mark.line - 1
    if above >= 1:
        text = mark.source.lines[above - 1]
        match = _UNSPACED.match(text)
        if match is not None:
            fixed = f"{match[0].strip()} {text[match.end() :].strip()}"
            return (
                "a space is missing after the colon",
                Mark(mark.source, above, match.end()),
                f"write {fixed}",
            )
    message = "a second colon stands in this line, and makes a key where none can be"
    step = _STEP.match(_line(mark))
    if step is not None and step.end(1) <= mark.column:
        op = step[2].rstrip()
        name = step[1].removeprefix("- ").rstrip(": ")
        listed = step[1].startswith("- ")
        fixed = f"- {{{op}, as: {name}}}" if listed else f"{name}: {{{op}}}"
        return message, mark, f"put braces around the step: `{fixed}`"
    return (
        message,
        mark,
        "put braces around a step under a name, conv: {LazyConv2d: [16, 3]}; quote a text that "
        "contains `: `",
    )


def _open(start: Mark, seen: Mark, what: str) -> tuple[str, Mark, str]:
    """A bracket that is not closed: the end shows it, the opening one is where it is wrong."""
    close = "]" if what == "list" else "}"
    line, opening = _line(seen), _line(start)
    element = _ELEMENT.search(line)
    if element is not None and element.start(1) == seen.column - 1:
        help = f"`pick: {element[2]}` takes an element where it is made; `as: [a, b]` names all"
        return "a label has no square brackets", seen, help
    template = _TEMPLATE.search(line)
    comment = re.search(r"\s#", opening[start.column - 1 :])
    help = f"close it with `{close}`"
    if what == "mapping" and template is not None:
        help = f'inside braces a templated name stands in quotes: "{template[0]}"'
    elif _BRACED.search(line):
        help = f"a formula has no braces: `${_BRACED.search(line)[1]}`"  # type: ignore[index]
    elif _SUBSCRIPT.search(line):
        help = "a formula has no square brackets: sizes of the first source are `shape(k)`"
    elif comment is not None and close in opening[start.column - 1 + comment.start() :]:
        help = "` #` starts a comment, which takes the rest of the line: put the text in quotes"
    return f"this {what} is not closed, or lacks a comma, seen at line {seen.line}", start, help


def _line(mark: Mark) -> str:
    return mark.source.lines[mark.line - 1]
