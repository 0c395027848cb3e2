"""Painting: widths, cuts and colours of text on a terminal."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from lazyinspect.render.paint import cut, pad, paint, printable, width


def test_colour_changes_no_character() -> None:
    lines = [[("bn1", "bold"), ("  ", ""), ("-", "dim")], [], [("end", "")]]
    coloured = paint(lines, color=True)
    assert "\x1b[1m" in coloured
    assert paint(lines, color=False) == re.sub(r"\x1b\[[\d;]*m", "", coloured)


def test_lines_end_without_spaces() -> None:
    assert paint([[("a", ""), ("   ", "")], []], color=False) == "a\n\n"


def test_control_characters_are_spelled_out() -> None:
    assert printable("a\x1b[2Jb\n") == r"a\x1b[2Jb\n"


def test_wide_characters_take_two_columns() -> None:
    assert width("畳み") == 4
    assert pad("畳み", 6) + "|" == "畳み  |"


@given(st.text(max_size=30), st.integers(1, 20), st.booleans())
def test_cut_text_never_exceeds_its_width(text: str, columns: int, middle: bool) -> None:
    shortened = cut(text, columns, middle=middle)
    assert width(shortened) <= columns
    assert text == shortened or "…" in shortened


def test_cut_in_the_middle_keeps_both_ends() -> None:
    assert cut("encoder_layer_11", 10, middle=True) == "encod…r_11"
