"""A check's report -> JUnit XML, as Jenkins' schema has it: a suite a spec, a case a network.

A drift is a failure, and what does not plan, or has no lock, an error. The text is ASCII: other
characters are references, so that no encoding on the way can spoil it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence

from lazyinspect.drift import Checked, CheckReport
from lazyinspect.render import problems
from lazyinspect.render.drift import text, words
from lazyinspect.render.drift.paths import in_repository
from lazyinspect.render.layout import Layout

# the characters that XML 1.0 has: https://www.w3.org/TR/xml/#charsets
_INVALID = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LAYOUT = Layout(width=100)


def check(report: CheckReport, root: str | None) -> str:
    """The document."""
    suites: dict[str, dict[str | None, list[Checked]]] = {}
    for result in report.results:
        suites.setdefault(result.spec, {}).setdefault(result.variant, []).append(result)
    cases = [case for suite in suites.values() for case in suite.values()]
    lines = ['<?xml version="1.0" encoding="utf-8"?>']
    lines.append(f"<testsuites{_attributes(name='lazyinspect check', **_counts(cases))}>")
    for spec, suite in suites.items():
        lines += _suite(in_repository(spec, root) if spec else "lazyinspect", suite)
    lines.append("</testsuites>\n")
    return "\n".join(lines)


def _suite(path: str, suite: dict[str | None, list[Checked]]) -> Iterator[str]:
    counts = _counts(suite.values())
    yield f" <testsuite{_attributes(name=path, **counts, skipped='0', file=path)}>"
    stem = os.path.splitext(os.path.basename(path))[0]
    for variant, results in suite.items():
        yield from _case(stem if variant is None else variant, path, results)
    yield " </testsuite>"


def _case(name: str, path: str, results: Sequence[Checked]) -> Iterator[str]:
    # not the path as it is: dots part packages from classes in what reads this
    head = f"  <testcase{_attributes(name=name, classname=os.path.splitext(path)[0])}"
    found = [problem for result in results for problem in result.problems]
    drifts = [drift for result in results for drift in result.drifts]
    if not found and not drifts:
        yield f"{head}/>"
        return
    yield f"{head}>"
    if found:
        said = problems.render(list(dict.fromkeys(found)), _LAYOUT)
        kind, message = "error", _first(found[0].message, len(found))
        rule = found[0].code
    else:
        said = text.causes(drifts, _LAYOUT)
        kind, message = "failure", _first(words.headline(drifts[0]), len(drifts))
        rule = words.rule(drifts[0])
    yield f"   <{kind}{_attributes(type=rule, message=message)}>{_escaped(said)}</{kind}>"
    yield "  </testcase>"


def _first(message: str, count: int) -> str:
    return message if count == 1 else f"{message}, and {count - 1} more"


def _counts(cases: Iterable[Sequence[Checked]]) -> dict[str, str]:
    codes = []
    for results in cases:
        kinds = {result.status for result in results}
        codes.append("failed" if "failed" in kinds else "drift" if "drift" in kinds else "ok")
    return {
        "tests": str(len(codes)),
        "failures": str(codes.count("drift")),
        "errors": str(codes.count("failed")),
    }


def _attributes(**values: str) -> str:
    return "".join(f' {name}="{_quoted(value)}"' for name, value in values.items())


def _quoted(value: str) -> str:
    # a parser would make spaces of these
    return re.sub("[\t\n\r]", lambda m: f"&#{ord(m[0])};", _escaped(value).replace('"', "&quot;"))


def _escaped(value: str) -> str:
    value = _INVALID.sub("\N{REPLACEMENT CHARACTER}", value)
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # a line end of its own kind would be read as a newline
    return value.replace("\r", "&#13;").encode("ascii", "xmlcharrefreplace").decode("ascii")
