"""Second places of a problem: beside the first one, each with its own words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazyinspect.errors import Mark, Problem, Source, Span
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import width
from lazyinspect.render.problems import USES, render

SOURCE = Source(
    "net.yaml",
    (
        "input: [1, 3, 8, 8]",
        "blocks:",
        "  Unit:",
        "    params: {c: int}",
        "    layers:",
        "      conv: {LazyConv2d: [$c, 3]}",
        "      act: ReLU",
        "      sum: {add: [conv, input]}",
        "layers:",
        "  stem: {LazyConv2d: [3, 1]}",
        "  pool: {MaxPool2d: 2}",
        "  first: {Unit: 8}",
    ),
)


def at(text: str, source: Source = SOURCE) -> Mark:
    """Where a text stands in a source."""
    for number, line in enumerate(source.lines, start=1):
        if text in line:
            return Mark(source, number, line.index(text) + 1, len(text))
    raise ValueError(text)


def problem(*spans: Span, **more: object) -> Problem:
    values: dict[str, object] = {
        "code": "shape-mismatch",
        "message": "add cannot broadcast [1, 8, 6, 6] and [1, 3, 8, 8]",
        "mark": at("add"),
        "found": "dimension 1 is 8 and 3",
        "spans": spans,
    }
    return Problem(**(values | more))  # type: ignore[arg-type]


def drawn(shown: Problem, **choices: object) -> str:
    return render([shown], Layout(**choices))  # type: ignore[arg-type]


def body(shown: Problem, **choices: object) -> list[str]:
    """The lines of the source and what stands below each."""
    return drawn(shown, **choices).splitlines()[3:-1]


def test_places_stand_in_the_order_of_the_file_with_dots_for_what_is_left_out() -> None:
    shown = problem(
        Span(at("LazyConv2d"), "8 channels, from here: $c with c = 8"),
        Span(at("input: ["), "3 channels, from here"),
        used_at=(at("Unit: 8"),),
        help="sizes must be equal, or 1",
    )
    assert (
        drawn(shown)
        == """\
error[shape-mismatch]: add cannot broadcast [1, 8, 6, 6] and [1, 3, 8, 8]
   --> net.yaml:8:13
    |
  1 | input: [1, 3, 8, 8]
    | --------  3 channels, from here
...
  6 |       conv: {LazyConv2d: [$c, 3]}
    |              ----------  8 channels, from here: $c with c = 8
  7 |       act: ReLU
  8 |       sum: {add: [conv, input]}
    |             ^^^  dimension 1 is 8 and 3
...
 12 |   first: {Unit: 8}
    |           -------  used here
    |
    = help: sizes must be equal, or 1
"""
    )


def test_neighbouring_lines_stand_below_each_other() -> None:
    lines = body(problem(Span(at("ReLU"), "here")))
    assert [line[:3] for line in lines] == [" 7 ", "   ", " 8 ", "   "]


def test_two_places_of_one_line_have_a_row_each_from_left_to_right() -> None:
    shown = problem(Span(at("input]"), "3 channels"), Span(at("conv, "), "8 channels"))
    assert body(shown) == [
        " 8 |       sum: {add: [conv, input]}",
        "   |             ^^^  dimension 1 is 8 and 3",
        "   |                   ------  8 channels",
        "   |                         ------  3 channels",
    ]


def test_a_place_inside_the_first_one_is_shown_too() -> None:
    shown = problem(Span(at("add"), "this one"))
    assert body(shown)[1:] == [
        "   |             ^^^  dimension 1 is 8 and 3",
        "   |             ---  this one",
    ]


def test_a_use_of_the_block_is_shown_where_it_stands() -> None:
    assert drawn(problem(used_at=(at("Unit: 8"),))).splitlines()[-4:-1] == [
        "...",
        " 12 |   first: {Unit: 8}",
        "    |           -------  used here",
    ]


def test_uses_beyond_the_innermost_are_counted() -> None:
    marks = tuple(Mark(SOURCE, line, 1, 2) for line in range(1, 8))
    text = drawn(problem(used_at=marks))
    assert text.count("used here") == USES == 4
    assert "= note: inside 3 more blocks" in text


def test_another_file_is_named_at_its_own_lines() -> None:
    other = Source("other.yaml", ("a: 1", "b: 2"))
    assert drawn(problem(Span(at("b", other), "from here"))).splitlines()[-6:] == [
        "   |",
        "  ::: other.yaml:2:1",
        "   |",
        " 2 | b: 2",
        "   | -  from here",
        "   |",
    ]


def test_a_place_whose_line_is_not_there_becomes_a_note() -> None:
    text = drawn(problem(Span(Mark(SOURCE, 40, 3), "from here")))
    assert "= see: net.yaml:40:3: from here" in text


def test_a_problem_without_a_place_shows_those_that_explain_it() -> None:
    shown = problem(Span(at("ReLU"), "here"), mark=None)
    assert drawn(shown).splitlines()[1:5] == [
        "  --> net.yaml:7:12",
        "   |",
        " 7 |       act: ReLU",
        "   |            ----  here",
    ]
    assert "= found: dimension 1 is 8 and 3" in drawn(shown)


LONG = Source(
    "long.yaml", ("a: [" + "x" * 150 + ", First, " + "y" * 150 + ", Second, Third]" + "z" * 90,)
)


def test_a_long_line_is_cut_around_each_of_its_places() -> None:
    shown = problem(
        Span(at("Second", LONG), "two"), Span(at("Third", LONG), "three"), mark=at("First", LONG)
    )
    text = drawn(shown)
    assert [underlined(text, sign) for sign in "^-"] == ["First", "Second"]
    assert text.count("\n 1 | …") == 2
    assert max(map(width, text.splitlines())) <= 100


def underlined(text: str, sign: str) -> str:
    """What stands above the first row of a sign."""
    lines = text.splitlines()
    row = next(i for i, line in enumerate(lines) if re.match(rf" +\| +{re.escape(sign)}+ ", line))
    above = next(line for line in lines[row::-1] if re.match(r" +\d+ \|", line))
    return above[lines[row].index(sign) : lines[row].rindex(sign) + 1]


@pytest.mark.parametrize(
    ("line", "word", "before", "cells"),
    [
        ("名前: Rel", "Rel", 6, 3),
        ("a: 名前", "名前", 3, 4),
        ("😀😀: x", "x", 6, 1),
        ("e\N{COMBINING ACUTE ACCENT}: x", "x", 3, 1),
        ("❤\N{VARIATION SELECTOR-16}: x", "x", 3, 1),
        ("\t\ta: x", "x", 5, 1),
    ],
)
def test_underlines_stand_below_what_they_mean(
    line: str, word: str, before: int, cells: int
) -> None:
    source = Source("s.yaml", (line,))
    rows = body(problem(mark=at(word, source), found=""))
    assert rows[1] == f"   | {' ' * before}{'^' * cells}"


def test_wide_characters_count_double_where_a_long_line_is_cut() -> None:
    source = Source("s.yaml", ("名" * 200 + "Rel" + "前" * 200,))
    rows = body(problem(Span(at("Rel", source), "here"), mark=None, found=""))
    assert width(rows[0].partition("Rel")[0]) == rows[1].index("---")
    assert width(rows[0]) <= 100


def test_ascii_alone_where_the_output_takes_no_other() -> None:
    source = Source("s.yaml", ("名前: Rel" + "é" * 200,))
    text = drawn(problem(mark=at("Rel", source)), unicode=False)
    assert text.isascii()
    row = text.splitlines()[3]
    assert row.startswith(r" 1 | \u540d\u524d: Rel")
    assert row.endswith("...")
    assert text.splitlines()[4].index("^") == row.index("Rel")


def test_colour_tells_the_place_from_what_explains_it_and_adds_nothing_else() -> None:
    shown = problem(Span(at("ReLU"), "here"))
    coloured = drawn(shown, color=True)
    assert "\x1b[1;31m            ^^^" in coloured
    assert "\x1b[1;36m           ----" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == drawn(shown)


@given(
    st.lists(st.text(max_size=120).filter(lambda text: len(text.splitlines()) < 2), max_size=6),
    st.lists(
        st.tuples(st.integers(1, 8), st.integers(1, 140), st.integers(1, 60), st.text(max_size=40)),
        min_size=1,
        max_size=5,
    ),
    st.integers(20, 120),
    st.booleans(),
)
def test_any_places_can_be_drawn(
    lines: list[str], places: list[tuple[int, int, int, str]], columns: int, unicode: bool
) -> None:
    source = Source("s.yaml", tuple(lines))
    (line, column, length, text), *others = places
    shown = problem(
        *(Span(Mark(source, line, column, length), text) for line, column, length, text in others),
        mark=Mark(source, line, column, length),
        found=text,
    )
    result = drawn(shown, width=columns, unicode=unicode)
    seen = sum(line <= len(lines) for line, *_ in places)
    assert len(re.findall(r"(?m)^ +\| *[\^-]+(?:  |$)", result)) >= seen
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result)
