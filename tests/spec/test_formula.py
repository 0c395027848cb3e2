"""Formulas: values as Python's arithmetic has them, and nothing else of Python."""

from __future__ import annotations

import operator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazyinspect.spec.formula import MAX_INT, FormulaError, parse_formula
from lazyinspect.spec.functions import divisible


class Names:
    """A scope with a few parameters."""

    values: dict[str, Any] = {"c": 64, "s": 2, "r": 0.25, "flag": True, "act": "relu"}  # noqa: RUF012

    def name(self, name: str) -> Any:
        if name not in self.values:
            raise FormulaError(f"there is no {name}")
        return self.values[name]

    def shape(self, dim: int) -> int:
        sizes = (1, 3, 8, 8)
        if not -4 <= dim < 4:
            raise FormulaError(f"there is no dimension {dim}")
        return sizes[dim]


def run(text: str) -> Any:
    return parse_formula(text).evaluate(Names())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4*c", 256), ("c // 3", 21), ("c % 10", 4), ("c / 2", 32.0), ("-c + 1", -63),
        ("2 if s == 2 else 1", 2), ("s != 2 or c > 63", True), ("not flag", False),
        ("0 < s < 3", True), ("flag and c", 64), ("max(1, c//100)", 1), ("min(c, 5, 7)", 5),
        ("round(c*r)", 16), ("int(2.9)", 2), ("ceil(2.1)", 3), ("floor(-2.1)", -3),
        ("abs(-s)", 2), ("shape(-1) * shape(1)", 24), ("divisible(c*r, 8)", 16),
        ("divisible(c*r, d=32)", 32), ("act", "relu"), ("true", True), (" c ", 64),
        ("(1 + 2) * 3", 9), ("1e-3", 0.001),
    ],
)  # fmt: skip
def test_value(text: str, expected: Any) -> None:
    found = run(text)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    "text",
    [
        "", "c **", "c ** 2", "2 ** 3", "c << 1", "c.real", "c[0]", "'a'", '"a"', "[1]", "(1, 2)",
        "{1: 2}", "lambda: 1", "[x for x in c]", "__import__('os')", "c if s", "f(1)", "c()",
        "max", "shape", "max(1", "max(*c)", "int(c, base=2)", "divisible(c, e=2)", "c := 2",
        "c @ s", "c & s", "c is s", "c in s", "~c", "+c", "None.x", "...", "b'a'", "1j", "f'{c}'",
        "yield c", "await c", "c; c", "c\nc", "missing", "act + 1", "flag + 1", "c // 0",
        "c % 0", "1 / 0", "shape(9)", "shape(1.0)", "min(1)", "int(1e308 * 10)",
        "9007199254740993", "9007199254740992 * 2", "1e308 * 1e308", "act < 1", "x" * 201,
        "(" * 150 + "1" + ")" * 150, "round(1, 2, 3)", "ceil(act)",
    ],
)  # fmt: skip
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(FormulaError):
        run(text)


def test_an_unclosed_bracket_asks_for_quotes() -> None:
    with pytest.raises(FormulaError) as caught:
        parse_formula("max(1")
    assert "quote this formula" in caught.value.help


def test_a_failure_names_its_characters() -> None:
    with pytest.raises(FormulaError) as caught:
        run("1 + wdith * 2")
    assert (caught.value.offset, caught.value.length) == (4, 5)


@given(st.text(max_size=60))
def test_any_text_is_a_number_a_parameter_or_an_error(text: str) -> None:
    try:
        found = run(text)
    except FormulaError:
        return
    assert found is None or type(found) in (int, float, bool, str)


NUMBERS = st.integers(-1000, 1000)
SIGNS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv,
    "%": operator.mod, "<": operator.lt, "==": operator.eq, ">=": operator.ge,
}  # fmt: skip


@given(NUMBERS, st.sampled_from(sorted(SIGNS)), NUMBERS)
def test_operators_are_pythons(a: int, sign: str, b: int) -> None:
    if sign in ("//", "%") and b == 0:
        b = 1
    assert run(f"({a}) {sign} ({b})") == SIGNS[sign](a, b)


@given(st.integers(1, 4096), st.sampled_from([4, 8, 16]))
def test_divisible_is_a_multiple_near_the_value(value: int, d: int) -> None:
    found = divisible(value, d)
    assert found % d == 0 and found >= d
    assert found >= 0.9 * value
    assert abs(found - value) <= d


@given(st.integers(-MAX_INT, MAX_INT), st.integers(-MAX_INT, MAX_INT))
def test_no_result_is_beyond_2_to_the_53(a: int, b: int) -> None:
    try:
        found = run(f"({a}) * ({b})")
    except FormulaError:
        assert abs(a * b) > MAX_INT
    else:
        assert found == a * b
