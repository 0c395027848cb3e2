"""What each format does to texts that are anybody's: nothing is lost, and nothing is obeyed."""

from __future__ import annotations

import html
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import get_args
from urllib.parse import unquote_to_bytes

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from lazyinspect.drift import Change, Checked, CheckReport, Drift, Kind, Spender
from lazyinspect.errors import Mark, Problem, Source, Span
from lazyinspect.render.drift import github, junit, sarif, text
from lazyinspect.render.drift import json as drift_json
from lazyinspect.render.drift.findings import accept, by_spec, findings
from lazyinspect.render.drift.paths import in_repository, uri
from lazyinspect.render.layout import Layout
from lazyinspect.report import Totals

HERE = Path(__file__).parent
DOCS = HERE.parents[2] / "docs"
SCHEMAS = {name: json.loads((DOCS / f"{name}.schema.json").read_text(encoding="utf-8"))
           for name in ("problems", "check", "diff")}  # fmt: skip
SARIF = jsonschema.Draft7Validator(
    json.loads((HERE / "schemas" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
)
CHECK = jsonschema.Draft7Validator(SCHEMAS["check"])
JUNIT = etree.XMLSchema(etree.parse(HERE / "schemas" / "junit-10.xsd"))

NASTY = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="%:,\r\n\t`|<>&\"'[]()*_\\#@!\x00\x1b\x07\ud800é名", max_size=20),
    st.sampled_from(["::error::x", "##[error]x", "\n::stop-commands::x\n", "]]>", "%0A", "a&amp;"]),
)
few = settings(deadline=None, max_examples=30)
TOTALS = Totals(100, 100, 400, 0, 1000)


@st.composite
def drifts(draw: st.DrawFn, spec: str) -> Drift:
    source = Source(spec, tuple(draw(st.lists(NASTY, min_size=1, max_size=3))))
    mark = Mark(source, draw(st.integers(1, 3)), draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    values = st.one_of(st.none(), st.integers(), st.floats(), NASTY, st.lists(NASTY, max_size=2))
    kind = draw(st.sampled_from(["changed", "renamed", "removed", "param", "text", "no-expect"]))
    return Drift(
        spec, draw(st.one_of(st.none(), NASTY)), kind, draw(NASTY), draw(NASTY), draw(NASTY),
        (Change(draw(NASTY), draw(values), draw(values)),),
        draw(st.one_of(st.none(), st.just(mark))), (mark,), tuple(draw(st.lists(NASTY))),
        tuple(draw(st.lists(NASTY))), 2, TOTALS, replace(TOTALS, macs=None), accept=draw(NASTY),
    )  # fmt: skip


@st.composite
def reports(draw: st.DrawFn) -> CheckReport:
    results = []
    for _ in range(draw(st.integers(0, 4))):
        spec = draw(NASTY) or "net.yaml"
        found = draw(st.lists(drifts(spec), max_size=4))
        problems = ()
        if draw(st.booleans()):
            mark = Mark(Source(spec, (draw(NASTY),)), 1, 1, 3)
            problems = (
                Problem("bad-step", draw(NASTY) or "no", draw(st.sampled_from([None, mark])),
                        draw(NASTY), draw(NASTY), (draw(NASTY),), (Span(mark, draw(NASTY)),)),
            )  # fmt: skip
        results.append(
            Checked(spec, f"{spec}.lock", draw(st.one_of(st.none(), NASTY)), tuple(found[1:]),
                    tuple(found[:1]), problems, 2 * bool(problems), TOTALS)
        )  # fmt: skip
    return CheckReport(tuple(results))


def unescaped(value: str) -> str:
    """As the runner reads what a command holds."""
    value = value.replace("%0D", "\r").replace("%0A", "\n")
    return value.replace("%3A", ":").replace("%2C", ",").replace("%25", "%")


@given(NASTY)
def test_a_command_of_github_gives_back_what_was_written(value: str) -> None:
    assert unescaped(github.escaped(value)) == value
    assert unescaped(github.escaped_property(value)) == value
    assert not set("\r\n") & set(github.escaped(value))
    assert not set("\r\n:,") & set(github.escaped_property(value))


@few
@given(reports())
def test_the_log_of_github_obeys_no_name_of_a_spec(report: CheckReport) -> None:
    """The runner reads commands line by line, and none between the words that stop it."""
    out = "".join(github.check(report, Layout(), None))
    commands, stopped = [], None
    for line in re.split(r"\r\n|\r|\n", out):
        command = re.match(r"\s*::([a-zA-Z0-9-]+)(?: [^:]*)?::(.*)", line)
        if stopped is not None:
            if command and command[1] == stopped:
                stopped = None
        elif command:
            commands.append(command[1])
            if command[1] == "stop-commands":
                stopped = command[2]
        else:
            assert "##[" not in line
    assert stopped is None
    expected = len(findings(report))
    listed = [name for name in commands if name in ("error", "notice")]
    assert len(listed) == min(expected, github.ANNOTATIONS)
    assert commands[len(listed) :] == ["group", "stop-commands", "endgroup"]


@few
@given(reports())
def test_the_summary_of_a_run_is_one_table_of_plain_text(report: CheckReport) -> None:
    """Markdown is left no character that it gives a meaning, HTML no tag of a spec's."""
    text = github.summary(report, None)
    lines = text.rstrip("\n").split("\n")
    assert lines[0].startswith("### lazyinspect check: ")
    rows = lines[4:]
    assert len(rows) == len(findings(report))
    for row in rows:
        assert row.count("|") == 4
        assert set(re.findall(r"<[^>]*>", row)) <= {"<code>", "</code>", "<br>"}


@given(NASTY.filter(lambda value: "`" not in value))
def test_a_cell_of_the_summary_reads_as_what_was_written(value: str) -> None:
    shown = html.unescape(github._plain(value))
    assert "".join(shown.split()) == "".join(github.printable(re.sub(r"\s+", " ", value)).split())


@few
@given(reports())
def test_junit_is_valid_whatever_names_hold(report: CheckReport) -> None:
    out = junit.check(report, None)
    tree = etree.fromstring(out.encode("ascii"))
    JUNIT.assertValid(tree)
    assert int(tree.get("failures")) + int(tree.get("errors")) == len(
        tree.findall(".//failure") + tree.findall(".//error")
    )


@given(st.text(max_size=40))
def test_xml_gives_back_what_it_can_hold(value: str) -> None:
    """XML 1.0 has no control characters, and no halves of surrogate pairs."""
    document = f"<a{junit._attributes(b=value)}>{junit._escaped(value)}</a>"
    tree = etree.fromstring(document)
    expected = junit._INVALID.sub("\N{REPLACEMENT CHARACTER}", value)
    assert tree.get("b") == expected
    assert (tree.text or "") == expected


@few
@given(reports())
def test_json_keeps_its_schema_and_sarif_has_every_finding(report: CheckReport) -> None:
    document = json.loads(drift_json.check(report))
    CHECK.validate(document)
    assert document["exit_code"] == report.exit_code
    log = json.loads(sarif.check(report, None))
    assert len(log["runs"][0]["results"]) == len(findings(report))


@settings(deadline=None, max_examples=10)
@given(reports())
def test_sarif_keeps_its_schema_whatever_names_hold(report: CheckReport) -> None:
    SARIF.validate(json.loads(sarif.check(report, None)))


@few
@given(reports())
def test_text_sends_no_control_character(report: CheckReport) -> None:
    out = text.check(report, Layout(verbose=True))
    assert all(line.isprintable() for line in out.split("\n"))


def test_definitions_that_documents_share_are_the_same() -> None:
    problems, check, diff = (SCHEMAS[name]["definitions"] for name in ("problems", "check", "diff"))
    for name in ("text", "position", "count", "place", "problem"):
        assert check[name] == problems[name]
    for name in ("text", "position", "count", "place", "change", "drift", "spender", "totals"):
        assert diff[name] == check[name]


@pytest.mark.parametrize("name", SCHEMAS)
def test_published_schemas_are_schemas(name: str) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMAS[name])


# -- places --------------------------------------------------------------------------------------


def drift(**more: object) -> Drift:
    source = Source("nets/net.yaml", ("layers:", "- LazyLinear: 4"))
    given = {"mark": Mark(source, 2, 3, 10), "path": "0", "type": "LazyLinear", **more}
    change = (Change("out_features", 8, 4),)
    return Drift("nets/net.yaml", None, "changed", changes=change, **given)  # type: ignore[arg-type]


def sarif_of(*found: Drift) -> list[dict[str, dict[str, str]]]:
    result = Checked("nets/net.yaml", "nets/net.lock.yaml", None, found, totals=TOTALS)
    results = json.loads(sarif.check(CheckReport((result,)), None))["runs"][0]["results"]
    return [each["partialFingerprints"] for each in results]


def test_a_fingerprint_stays_when_lines_move() -> None:
    source = Source("nets/net.yaml", ("# new", "", "layers:", "- LazyLinear: 4"))
    assert sarif_of(drift()) == sarif_of(drift(mark=Mark(source, 4, 3, 10)))


def test_causes_of_other_layers_have_other_fingerprints() -> None:
    source = Source("nets/net.yaml", ("a", "b"))
    other = drift(path="1", mark=Mark(source, 1, 1))
    assert sarif_of(drift()) != sarif_of(other)


def test_paths_start_where_the_repository_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "repo" / "nets").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repo" / "nets")
    root = str(tmp_path / "repo")
    assert in_repository("net.yaml", root) == "nets/net.yaml"
    assert in_repository("../net.yaml", root) == "net.yaml"
    assert in_repository("net.yaml") == "net.yaml"
    outside = in_repository("../../net.yaml", root)
    assert outside == str((tmp_path / "net.yaml").resolve())
    assert uri(outside).startswith("file:///")


def test_a_folder_that_is_reached_by_a_link_is_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "link").symlink_to("repo")
    monkeypatch.chdir(tmp_path)
    assert in_repository("link/net.yaml", str(tmp_path / "repo")) == "net.yaml"
    assert in_repository("repo/net.yaml", "link") == "net.yaml"


@given(st.text(min_size=1, max_size=20).filter(lambda t: "\0" not in t and not t.startswith("/")))
def test_a_uri_gives_back_the_path(path: str) -> None:
    try:
        raw = os.fsencode(path)
    except UnicodeEncodeError:  # no file can have this name
        return
    assert unquote_to_bytes(uri(path)) == raw
    assert re.fullmatch(r"[A-Za-z0-9._~/%-]*", uri(path))


# -- words ---------------------------------------------------------------------------------------


def test_the_command_accepts_what_drifted_for_this_cause_and_no_more() -> None:
    one, two, three = (
        replace(drift(), variant=name, accept=f"lazyinspect lock --accept nets/net.yaml@{name}")
        for name in ("a", "b", "c")
    )
    assert accept([one], by_spec([one, two])) == one.accept
    assert accept([one, two], by_spec([one, two])) == "lazyinspect lock --accept nets/net.yaml"
    assert accept([one, two], by_spec([one, two, three])) == (
        "lazyinspect lock --accept nets/net.yaml@a --accept nets/net.yaml@b"
    )


def test_shares_of_a_budget_are_of_the_network() -> None:
    spender = Spender("a", "LazyLinear", 25, 2, 200)
    assert spender.share == 0.25


def test_the_docs_have_every_rule() -> None:
    page = (DOCS / "ci.md").read_text(encoding="utf-8")
    table = page.split("#### Rules")[1].split("\n\n")[1]
    named = re.findall(r"`((?:drift|policy)/[a-z_-]+)`", table)
    assert sorted(named) == sorted(sarif.rules())


def test_every_kind_of_drift_has_a_rule() -> None:
    policies = {"over-budget", "no-expect"}
    kinds = {f"drift/{kind}" for kind in get_args(Kind) if kind not in policies}
    assert kinds == {rule for rule in sarif.rules() if rule.startswith("drift/")}
