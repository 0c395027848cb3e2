"""An error -> JSON, the public contract ``lazyinspect/problems/1``: what is wrong, as data.

Its JSON Schema is ``problems.schema.json`` in the documentation. What is absent is null, or an
empty list; columns count characters from 1, as in the text.
"""

from __future__ import annotations

from typing import Any

from lazyinspect.errors import LazyinspectError, Mark, Problem
from lazyinspect.render import json
from lazyinspect.report import Report

SCHEMA = "lazyinspect/problems/1"


def render(
    error: LazyinspectError,
    spec: str | None,
    variant: str | None = None,
    partial: Report | None = None,
) -> str:
    """One JSON object and a newline."""
    return json.pretty(data(error, spec, variant, partial)) + "\n"


def data(
    error: LazyinspectError,
    spec: str | None,
    variant: str | None = None,
    partial: Report | None = None,
) -> dict[str, Any]:
    """The error as JSON's own types.

    Args:
        spec: path of the spec, as the command named it; None where no command got that far.
        variant: the one that failed.
        partial: what was planned or run before that.
    """
    return {
        "schema": SCHEMA,
        "spec": spec,
        "variant": variant,
        "exit_code": error.exit_code,
        "problems": [problem_data(problem) for problem in error.problems],
        "partial": None if partial is None else json.data(partial),
    }


def problem_data(problem: Problem) -> dict[str, Any]:
    """A problem as an item of the document, which other documents hold too."""
    return {
        "code": problem.code,
        "message": problem.message,
        **place_data(problem.mark),
        "found": problem.found or None,
        "help": problem.help or None,
        "notes": list(problem.notes),
        "spans": [{**place_data(span.mark), "text": span.text} for span in problem.spans],
        "used_at": [place_data(mark) for mark in problem.used_at],
    }


def place_data(mark: Mark | None) -> dict[str, Any]:
    """``end_column`` is that of the character after the last one underlined."""
    if mark is None:
        return dict.fromkeys(("path", "line", "column", "end_column"))
    lines = mark.source.lines
    end = mark.column + max(mark.length, 1)
    if 1 <= mark.line <= len(lines):
        end = max(min(end, len(lines[mark.line - 1]) + 1), mark.column + 1)
    return {
        "path": mark.source.path,
        "line": mark.line,
        "column": mark.column,
        "end_column": end,
    }
