"""Mermaid text: of a grammar that Mermaid reads, whatever stands in the spec."""

from __future__ import annotations

import json
import re

import pytest
from exports import config, every_config, exported
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_specs import as_text, specs

from lazyinspect.export import Options, Subject, export

# text in quotes holds nothing that Mermaid, Markdown or HTML would read as its own, but breaks
LABEL = r'"(?:[^"#&<>`\\{}|;*_~]|#\d+;|<br/>)+"'
OPEN, CLOSE = r"\(\[|\[\[|\[\(|\{\{|\[|\(", r"\]\)|\]\]|\)\]|\}\}|\]|\)"
PAIRS = {"([": "])", "[[": "]]", "[(": ")]", "{{": "}}", "[": "]", "(": ")"}
VERTEX = re.compile(rf"(n\d+)({OPEN})({LABEL})({CLOSE})")
EDGE = re.compile(rf"(n\d+) -->\|{LABEL}\| (n\d+)")
GROUP = re.compile(rf"subgraph (n\d+)\[{LABEL}\]")
STYLE = re.compile(r"classDef (\w+) fill:#\w{6},stroke:#\w{6},color:#000(,stroke-dasharray:5 3)?")
MEMBERS = re.compile(r"class (n\d+(?:,n\d+)*) (\w+)")


def assert_mermaid(text: str) -> None:
    """Every line is a statement, groups are nested, and every name is declared before."""
    first, title, settings_, head, *rest = text.splitlines()
    assert first.startswith("%% ") and title.startswith("%% ") and "{" not in title
    assert json.loads(settings_.removeprefix("%%{init: ").removesuffix("}%%"))
    assert head == "flowchart TD"
    declared: set[str] = set()
    vertices: set[str] = set()
    styles: set[str] = set()
    open_groups = 0
    for line in map(str.strip, rest):
        if found := VERTEX.fullmatch(line):
            assert PAIRS[found[2]] == found[4]
            assert found[1] not in declared
            declared.add(found[1])
            vertices.add(found[1])
        elif found := GROUP.fullmatch(line):
            assert found[1] not in declared
            declared.add(found[1])
            open_groups += 1
        elif line == "end":
            open_groups -= 1
            assert open_groups >= 0
        elif found := EDGE.fullmatch(line):
            assert {found[1], found[2]} <= vertices
        elif found := STYLE.fullmatch(line):
            styles.add(found[1])
        else:
            found = MEMBERS.fullmatch(line)
            assert found, line
            assert found[2] in styles
            assert set(found[1].split(",")) <= declared
    assert open_groups == 0


@pytest.mark.parametrize(("name", "variant"), every_config())
def test_every_config_is_mermaid(name: str, variant: str | None) -> None:
    spec, plan = config(name, variant)
    for depth in (None, 0, 1, 99):
        text = export(Subject(plan, spec, Options(depth=depth)), "mermaid")
        assert isinstance(text, str)
        assert_mermaid(text)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs())
def test_every_network_is_mermaid(spec: dict[str, object]) -> None:
    assert_mermaid(exported(as_text(spec), "mermaid"))


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=30))
def test_a_name_of_any_characters_is_mermaid(name: str) -> None:
    spec = {"name": "x" + name, "input": {"x": [1, 8]}, "layers": {"a": "ReLU"}}
    text = json.dumps(spec)
    assert_mermaid(exported(text, "mermaid"))


def test_words_of_mermaid_are_names_like_others() -> None:
    text = "input: [1, 8]\nlayers: {end: ReLU, subgraph: Tanh, class: Sigmoid}\n"
    assert '  n2["end: ReLU"]\n' in exported(text, "mermaid")


def test_special_characters_are_written_as_numbers() -> None:
    text = "input: [1, 8]\nlayers: {a_b: {GELU: tanh}}\n"
    assert "n2[\"a#95;b: GELU(approximate='tanh')\"]" in exported(text, "mermaid")


def test_the_title_is_a_comment() -> None:
    text = exported("name: mine\ninput: [1, 8]\nlayers: [LazyLinear: 4]\n", "mermaid")
    assert text.splitlines()[:4] == [
        "%% Written by lazyinspect export: a Mermaid flowchart.",
        "%% mine: 36 parameters, 32 MACs",
        '%%{init: {"flowchart": {"wrappingWidth": 500}}}%%',
        "flowchart TD",
    ]
