"""A check or a comparison -> what GitHub Actions reads: annotations, a folded log, a summary.

Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from lazyinspect.drift import CheckReport, Comparison
from lazyinspect.render import problems
from lazyinspect.render.drift import compared, text
from lazyinspect.render.drift.findings import Finding, drift_findings, findings
from lazyinspect.render.drift.paths import in_repository
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import printable
from lazyinspect.render.problems_json import place_data

ANNOTATIONS = 10
"""That GitHub shows of one kind and step; the rest would be lost without a word."""
SUMMARISED = 50
"""Findings in the summary, which may have a mebibyte."""
_LEVELS = {"error": "error", "note": "notice"}


def check(report: CheckReport, layout: Layout, root: str | None) -> Iterator[str]:
    """Annotations, and the report as text, folded."""
    found = findings(report)
    yield from _annotations(found, root)
    said = text.check(report, layout)
    wrong = list(dict.fromkeys(report.problems))
    if wrong:
        said = problems.render(wrong, layout) + "\n" + said
    yield from folded("lazyinspect check", said)
    yield text.summary(report) + "\n"


def diff(comparisons: Sequence[Comparison], layout: Layout, root: str | None) -> Iterator[str]:
    """Annotations at what changed, and the comparison as text, folded."""
    found = drift_findings([drift for each in comparisons for drift in each.drifts])
    yield from _annotations(found, root)
    yield from folded("lazyinspect diff", compared.diff(comparisons, layout))


def _annotations(found: Sequence[Finding], root: str | None) -> Iterator[str]:
    """A command for each of the first findings."""
    for finding in found[:ANNOTATIONS]:
        yield _annotation(finding, root)
    if len(found) > ANNOTATIONS:
        yield f"and {len(found) - ANNOTATIONS} more, which the log below has\n"


def _annotation(finding: Finding, root: str | None) -> str:
    values: dict[str, object] = {}
    if finding.path:
        values["file"] = in_repository(finding.path, root)
    if finding.mark is not None:
        place = place_data(finding.mark)
        values["line"] = values["endLine"] = finding.mark.line
        values["col"] = finding.mark.column
        values["endColumn"] = place["end_column"]
    values["title"] = finding.rule
    properties = ",".join(f"{name}={escaped_property(str(v))}" for name, v in values.items())
    message = escaped("\n".join(map(printable, (finding.headline, *finding.details))))
    return f"::{_LEVELS[finding.level]} {properties}::{message}\n"


def escaped(value: str) -> str:
    """A message of a command."""
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escaped_property(value: str) -> str:
    """A property of a command."""
    return escaped(value).replace(":", "%3A").replace(",", "%2C")


def folded(title: str, said: str) -> Iterator[str]:
    """Text in a group of its own, in which nothing is taken for a command.

    A spec's names and lines are anybody's: the word that ends this cannot stand in the text, of
    which it is a digest.
    """
    word = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
    yield f"::group::{escaped(title)}\n::stop-commands::{word}\n"
    yield said
    yield f"::{word}::\n::endgroup::\n"


def summary(report: CheckReport, root: str | None) -> str:
    """The page of a run: Markdown."""
    found = findings(report)
    lines = [f"### lazyinspect check: {_plain(text.summary(report))}", ""]
    if found:
        lines += ["| | where | what |", "|---|---|---|"]
    for finding in found[:SUMMARISED]:
        where = in_repository(finding.path, root) if finding.path else ""
        if finding.mark is not None:
            where += f":{finding.mark.line}"
        said = "<br>".join(map(_plain, (finding.headline, *finding.details)))
        lines.append(f"| {_code(finding.rule)} | {_code(where)} | {said} |")
    if len(found) > SUMMARISED:
        lines += ["", f"and {len(found) - SUMMARISED} more"]
    return "\n".join(lines) + "\n\n"


def _code(value: str) -> str:
    # a cell has no way to write a backtick or a bar in code but HTML's
    return f"<code>{_entities(value)}</code>" if value else ""


def _plain(value: str) -> str:
    """Text that Markdown leaves as it is; what stands in backticks is code."""
    pieces = re.split(r"`([^`]+)`", value)
    return "".join(_code(p) if k % 2 else _entities(p) for k, p in enumerate(pieces))


def _entities(value: str) -> str:
    """Every character that Markdown or HTML gives a meaning, as a reference."""
    value = printable(re.sub(r"\s+", " ", value))
    return re.sub(r"[&<>|`*_~\[\]#@\\]|:(?=\S)", lambda m: f"&#{ord(m[0])};", value)
