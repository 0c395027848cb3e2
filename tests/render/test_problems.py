"""Problems: what is wrong, where, and the remedy, as docs and contract show it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazyinspect.errors import Mark, Problem, Source
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import width
from lazyinspect.render.problems import LIMIT, render

LINES = (
    "input: [10, 3, 28, 28]",
    "layers:",
    "  - LazyConv2d: [32, 3]",
    "  - ReLU",
    "  - MaxPool2d: 2",
    "  - LazyConv2d: [64, 3]",
    "  - MaxPool2d: 2",
    "  - Flatten",
    "  - Linear: [5184, 10]",
)
SOURCE = Source("mynet.yaml", LINES)


def mismatch(**more: object) -> Problem:
    values: dict[str, object] = {
        "code": "shape-mismatch",
        "message": "Linear expects 5184 features in the last dimension, and gets 1600",
        "mark": Mark(SOURCE, 9, 5, 6),
        "found": "input is [10, 1600]: 64 channels x 5 x 5, flattened at line 8",
        "help": "LazyLinear: 10 infers it",
    }
    return Problem(**(values | more))  # type: ignore[arg-type]


def drawn(*problems: Problem, **choices: object) -> str:
    return render(problems, Layout(**choices))  # type: ignore[arg-type]


def test_problem_reads_as_the_contract_shows() -> None:
    expected = """\
error[shape-mismatch]: Linear expects 5184 features in the last dimension, and gets 1600
  --> mynet.yaml:9:5
   |
 9 |   - Linear: [5184, 10]
   |     ^^^^^^  input is [10, 1600]: 64 channels x 5 x 5, flattened at line 8
   |
   = help: LazyLinear: 10 infers it
"""
    assert drawn(mismatch()) == expected


def test_help_comes_after_the_source_and_torch_comes_last() -> None:
    problem = mismatch(
        used_at=(Mark(SOURCE, 3, 5, 10),),
        notes=("first", "torch says: mat1 and mat2 shapes cannot be multiplied"),
    )
    tail = drawn(problem).splitlines()[-4:]
    assert tail == [
        "   |",
        "   = help: LazyLinear: 10 infers it",
        "   = note: first",
        "   = note: torch says: mat1 and mat2 shapes cannot be multiplied",
    ]


def test_gutter_grows_with_the_line_number() -> None:
    source = Source("long.yaml", ("",) * 1233 + ("  - Rel",))
    text = drawn(Problem("unknown-op", "no such op", Mark(source, 1234, 5, 3)))
    assert " 1234 |   - Rel\n      |     ^^^\n" in text


def test_problem_without_a_place_is_one_line_and_its_notes() -> None:
    problem = Problem("device", "cuda is not available", help="devices here: cpu", notes=("a\nb",))
    expected = """\
error[device]: cuda is not available
   = help: devices here: cpu
   = note: a
           b
"""
    assert drawn(problem) == expected


def test_a_place_outside_its_source_still_prints() -> None:
    text = drawn(mismatch(mark=Mark(Source("gone.yaml", ()), 3, 1)))
    assert "--> gone.yaml:3:1" in text
    assert "= found: input is [10, 1600]" in text


def test_found_is_wrapped_beside_the_caret() -> None:
    assert drawn(mismatch(), width=60).splitlines()[4:7] == [
        "   |     ^^^^^^  input is [10, 1600]: 64 channels x 5 x 5,",
        "   |             flattened at line 8",
        "   |",
    ]


def test_found_moves_below_where_there_is_no_room_beside() -> None:
    assert drawn(mismatch(), width=50).splitlines()[4:7] == [
        "   |     ^^^^^^",
        "   |   input is [10, 1600]: 64 channels x 5 x 5,",
        "   |   flattened at line 8",
    ]


def test_what_is_to_be_typed_stays_in_one_line_where_it_fits() -> None:
    text = "put the shortcut through a convolution: `add: [prev, [{LazyConv2d: 8}]]` does it"
    rows = drawn(mismatch(help=text), width=60).splitlines()
    assert "           `add: [prev, [{LazyConv2d: 8}]]` does it" in rows
    long = "write `" + "word " * 20 + "end` there"
    folded = drawn(mismatch(help=long), width=60).splitlines()
    assert max(map(width, folded[1:])) <= 60
    assert " ".join(" ".join(folded).split()).endswith(f"help: {long}")


def test_long_texts_wrap_below_their_own_start_and_the_first_line_is_one() -> None:
    text = drawn(
        mismatch(message="Linear" + " expects more" * 5, help="word " * 20, notes=("a " * 40,)),
        width=58,
    )
    assert (
        text
        == """\
error[shape-mismatch]: Linear expects more expects more expects more expects more expects more
  --> mynet.yaml:9:5
   |
 9 |   - Linear: [5184, 10]
   |     ^^^^^^  input is [10, 1600]: 64 channels x 5 x 5,
   |             flattened at line 8
   |
   = help: word word word word word word word word word
           word word word word word word word word word
           word word
   = note: a a a a a a a a a a a a a a a a a a a a a a a a
           a a a a a a a a a a a a a a a a
"""
    )


def test_a_word_longer_than_the_line_stays_whole() -> None:
    path = "/very" * 20
    assert f"          {path}\n" in drawn(mismatch(help=f"see {path} there"), width=60)


def carets_point_at(text: str) -> str:
    """What stands above the carets of a drawn problem."""
    body = text.splitlines()
    at = next(i for i, line in enumerate(body) if re.fullmatch(r" +\| +\^+.*", line))
    start, end = body[at].index("^"), body[at].rindex("^") + 1
    return body[at - 1][start:end]


@pytest.mark.parametrize("column", [1, 40, 200, 390])
def test_long_lines_are_cut_around_the_caret(column: int) -> None:
    word = "Wrong"
    line = "x" * (column - 1) + word + "y" * (400 - column)
    source = Source("wide.yaml", (line,))
    text = drawn(Problem("unknown-op", "no such op", Mark(source, 1, column, len(word))))
    assert carets_point_at(text) == word
    assert max(map(width, text.splitlines())) <= 100
    assert "…" in text


def test_carets_stop_at_the_end_of_the_line() -> None:
    source = Source("s.yaml", ("a: b",))
    text = drawn(Problem("x", "y", Mark(source, 1, 4, 50)))
    assert carets_point_at(text) == "b"


def test_caret_past_the_end_is_still_drawn() -> None:
    text = drawn(Problem("x", "y", Mark(Source("s.yaml", ("a: b",)), 1, 5)))
    assert "   |     ^\n" in text


def test_wide_characters_do_not_shift_the_caret() -> None:
    source = Source("s.yaml", ("名前: Rel",))
    body = drawn(Problem("x", "y", Mark(source, 1, 5, 3))).splitlines()
    assert body[4].index("^") == width(body[3].partition("Rel")[0])


def test_tabs_and_escapes_in_a_spec_cannot_steer_the_terminal() -> None:
    source = Source("e\x1b[2J.yaml", ("a:\t\x1b[31mRel\x07",))
    problem = Problem(
        "x", "m\x1b[0m", Mark(source, 1, 9, 3), found="f\x07", help="h\x1b", notes=("n\x9b",)
    )
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", drawn(problem))


def test_problems_are_paragraphs() -> None:
    assert drawn(mismatch(), mismatch()) == drawn(mismatch()) + "\n" + drawn(mismatch())


def test_after_the_limit_the_rest_is_counted() -> None:
    text = drawn(*[mismatch(message=f"problem {index}") for index in range(LIMIT + 5)])
    assert text.count("error[") == LIMIT == 20
    assert text.endswith("\n\nand 5 more\n")
    assert "more" not in drawn(*[mismatch()] * LIMIT)


def test_colour_adds_styles_and_nothing_else() -> None:
    coloured = drawn(mismatch(), color=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == drawn(mismatch())


@given(
    st.text(max_size=150).filter(lambda text: len(text.splitlines()) < 2),
    st.integers(1, 160),
    st.integers(1, 80),
    st.integers(20, 120),
)
def test_any_line_and_mark_can_be_drawn(line: str, column: int, length: int, columns: int) -> None:
    problem = Problem("x", "y", Mark(Source("s.yaml", (line,)), 1, column, length))
    text = drawn(problem, width=columns)
    assert re.search(r"(?m)^   \| +\^+", text)
    assert all(width(row) <= max(columns, 27) for row in text.splitlines()[2:])
