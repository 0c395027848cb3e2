"""A check's report -> SARIF 2.1.0, for code scanning: a result a cause, a rule a kind of cause."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from lazyinspect._version import __version__
from lazyinspect.codes import CODES, page
from lazyinspect.drift import CheckReport
from lazyinspect.errors import Mark
from lazyinspect.render.drift.findings import Finding, findings
from lazyinspect.render.drift.paths import in_repository, uri
from lazyinspect.render.problems_json import place_data

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_ROOT = "%SRCROOT%"

_DRIFTS = {
    "changed": "A layer is not as it was locked",
    "inserted": "A layer is new",
    "removed": "A layer is gone",
    "renamed": "A layer has another name",
    "moved": "A layer stands elsewhere in the order of execution",
    "param": "A parameter of the spec has another value",
    "input": "An input of the network is not as it was locked",
    "output": "The network returns something else",
    "tie": "Tensors are shared that were not, or no longer",
    "totals": "A total differs, and no layer does",
    "new-variant": "A network is not locked yet",
    "lost-variant": "A locked network is gone",
    "text": "A lock was edited by hand",
}
_POLICIES = {
    "max_params": "A network has more parameters than its policy allows",
    "max_macs": "A network has more multiply-accumulates than its policy allows",
    "max_param_bytes": "Parameters of a network take more bytes than its policy allows",
    "require_expect": "A step has no `expect:`, and its policy asks for one",
}
_DRIFT_HELP = (
    "What a spec describes differs from the lock beside it. Where the change is meant, accept it "
    "with the command in the message and commit the lock; where it is not, change the spec back."
)
_POLICY_HELP = (
    "The policy stands under `check:` in the spec, or under `[tool.lazyinspect]` in "
    "pyproject.toml. Make the network keep it, or change the policy in the same review."
)


def check(report: CheckReport, root: str | None) -> str:
    """The log file, as one line of JSON for each result."""
    found = findings(report)
    rules = list(dict.fromkeys(finding.rule for finding in found))
    seen: Counter[str] = Counter()
    results = [_result(finding, rules, root, seen) for finding in found]
    driver = {
        "name": "lazyinspect",
        "semanticVersion": __version__,
        "rules": list(map(_rule, rules)),
    }
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The root of the repository."}}},
        "invocations": [
            {"executionSuccessful": report.exit_code != 70, "exitCode": report.exit_code}
        ],
    }
    head = json.dumps({"$schema": SCHEMA, "version": "2.1.0"})[:-1]
    body = json.dumps(run)[:-1]
    listed = ",\n".join(map(json.dumps, results))
    return f'{head}, "runs": [{body}, "results": [{listed and chr(10)}{listed}]}}]}}\n'


def _rule(rule: str) -> dict[str, Any]:
    kind, name = parts(rule)
    if kind == "error":
        title = CODES[name].title if name in CODES else name
        text = page(name) if name in CODES else name
    else:
        title = _DRIFTS[name] if kind == "drift" else _POLICIES[name]
        text = _DRIFT_HELP if kind == "drift" else _POLICY_HELP
    title = title[:1].upper() + title[1:]
    return {
        "id": rule_id(rule),
        "name": "".join(word.capitalize() for word in name.replace("_", "-").split("-")),
        "shortDescription": {"text": title},
        "fullDescription": {"text": f"{title}."},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": [kind]},
    }


def parts(rule: str) -> tuple[str, str]:
    """``drift[changed]`` in two."""
    kind, _, name = rule.rstrip("]").partition("[")
    return kind, name


def rule_id(rule: str) -> str:
    """``drift/changed``: a code of a problem is its own id."""
    kind, name = parts(rule)
    return name if kind == "error" else f"{kind}/{name}"


def _result(
    finding: Finding, rules: Sequence[str], root: str | None, seen: Counter[str]
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": rule_id(finding.rule),
        "ruleIndex": rules.index(finding.rule),
        "level": finding.level,
        "message": {"text": "\n".join((finding.headline, *finding.details))},
    }
    if finding.path:
        result["locations"] = [_location(finding.path, finding.mark, root)]
    related = [
        {"id": index, **_location(mark.source.path, mark, root), "message": {"text": text}}
        for index, (mark, text) in enumerate(finding.related, start=1)
    ]
    if related:
        result["relatedLocations"] = related
    result["partialFingerprints"] = {"cause/v1": _fingerprint(finding, root, seen)}
    return result


def _location(path: str, mark: Mark | None, root: str | None) -> dict[str, Any]:
    where = in_repository(path, root)
    artifact: dict[str, Any] = {"uri": uri(where)}
    if not where.startswith("/"):
        artifact["uriBaseId"] = _ROOT
    # code scanning takes no result without a line: the file's first stands for the file
    region: dict[str, Any] = {"startLine": 1}
    if mark is not None:
        place = place_data(mark)
        region = {
            "startLine": mark.line,
            "startColumn": mark.column,
            "endLine": mark.line,
            "endColumn": place["end_column"],
        }
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}


def _fingerprint(finding: Finding, root: str | None, seen: Counter[str]) -> str:
    """The same while the same is wrong, whatever lines are added above it."""
    path = in_repository(finding.path, root) if finding.path else ""
    words = "\0".join((finding.rule, path, *finding.identity))
    digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    seen[digest] += 1
    return f"{digest}:{seen[digest]}"


def rules() -> Iterator[str]:
    """Ids of all rules that are no codes of problems."""
    yield from (f"drift/{name}" for name in _DRIFTS)
    yield from (f"policy/{name}" for name in _POLICIES)
