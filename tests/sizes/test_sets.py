"""The sizes that satisfy a condition, against trying them."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazyinspect.shapes import largest, smallest
from lazyinspect.sizes.algebra import Poly, named, number
from lazyinspect.sizes.sets import EVERY, SizeSet, Unsolved, solve
from lazyinspect.sizes.size import Size, poly_of
from lazyinspect.sizes.tracing import Guard
from lazyinspect.sizes.words import sizes as in_words

LOOKED = 400


def _line(draw: st.DrawFn) -> int:
    """A formula as strides and crops make them, as a Size."""
    size = Size(97, named("H"))
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["shift", "stride", "scale", "both"]))
        k = draw(st.integers(1, 4))
        if kind == "shift":
            size = size + draw(st.integers(-6, 6))
        elif kind == "stride":
            size = (size + draw(st.integers(-3, 3))) // k
        elif kind == "scale":
            size = size * k
        else:
            other = size // k + draw(st.integers(-5, 5))
            size = draw(st.sampled_from([largest, smallest]))((size, other))
    return size


@st.composite
def guards(draw: st.DrawFn) -> Guard:
    formula = poly_of(_line(draw)) - poly_of(_line(draw))
    relation = draw(st.sampled_from([">=", "==", "!="]))
    return Guard(formula + number(draw(st.integers(-40, 40))), relation, None)


@given(guard=guards())
def test_a_size_belongs_to_the_set_where_the_condition_holds(guard: Guard) -> None:
    if len(guard.formula.names) != 1:
        return
    found = solve(guard)
    for size in range(1, LOOKED):
        assert (size in found) is guard.holds({"H": size}), size


@given(a=guards(), b=guards())
def test_an_intersection_holds_what_both_hold(a: Guard, b: Guard) -> None:
    if len(a.formula.names) != 1 or len(b.formula.names) != 1:
        return
    one, two = solve(a), solve(b)
    both = one & two
    for size in range(1, LOOKED):
        assert (size in both) is (size in one and size in two)
    assert both & one == both
    assert list(islice(both, 5)) == [k for k in range(1, 100_000) if k in both][:5] or both.finite


@given(power=st.integers(2, 3), shift=st.integers(0, 20), most=st.integers(1, 400))
def test_powers_are_solved_as_far_as_they_only_grow(power: int, shift: int, most: int) -> None:
    size: int = (Size(97, named("H")) + 5 - shift) // 2
    product = size * size if power == 2 else size * size * size
    for relation in (">=", "==", "!="):
        guard = Guard(poly_of(product) - number(most), relation, None)
        try:
            found = solve(guard)
        except Unsolved:
            return
        for k in range(1, 150):
            assert (k in found) is guard.holds({"H": k})


def test_conditions_on_two_sizes_are_not_solved() -> None:
    with pytest.raises(Unsolved):
        solve(Guard(named("H") - named("W"), "==", None))


def test_what_falls_and_rises_is_not_solved() -> None:
    product: Poly = (named("H") * named("H")) - named("H").scaled(9)
    with pytest.raises(Unsolved):
        solve(Guard(product, ">=", None))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (EVERY, "any"),
        (SizeSet((False,) * 62, 1, frozenset({0})), "at least 63"),
        (SizeSet((), 16, frozenset({0})), "a multiple of 16"),
        (SizeSet((False,) * 16, 16, frozenset({0})), "a multiple of 16, at least 32"),
        (SizeSet((), 2, frozenset({1})), "1 more than a multiple of 2"),
        (SizeSet((False,) * 223 + (True,), 1, frozenset()), "224"),
        (SizeSet((True,) * 1024, 1, frozenset()), "1 to 1,024"),
        (SizeSet((True, False, True), 1, frozenset()), "1, 3"),
        (SizeSet((), 32, frozenset({0, 25, 26, 27, 28, 29, 30, 31})),
         "a multiple of 32, or up to 7 less"),
        (SizeSet((), 8, frozenset({0, 1, 2})), "a multiple of 8, or up to 2 more"),
        (SizeSet((), 9, frozenset({2, 5})), "divided by 9 with remainder 2, 5"),
        (SizeSet((True, False, False), 1, frozenset({0})), "1, 4, 5, 6, 7, 8, 9, 10, ..."),
        (SizeSet((False,) * 3, 1, frozenset()), "none"),
    ],
)  # fmt: skip
def test_a_set_in_words(found: SizeSet, words: str) -> None:
    assert in_words(found) == words
