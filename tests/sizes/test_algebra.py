"""Formulas compute what integers compute, for every size."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazyinspect.shapes import largest, scaled, smallest
from lazyinspect.sizes.algebra import Poly, named, number
from lazyinspect.sizes.order import never_negative, reduced
from lazyinspect.sizes.ratio import Ratio
from lazyinspect.sizes.size import Size, poly_of, sized
from lazyinspect.sizes.tracing import Tracer, tracing

Compute = Callable[[int, int], int]
"""Something computed from two sizes, by the operators that the op table uses."""

_small = st.integers(-9, 9)
_divisor = st.integers(1, 9)


def _binary(apply: Callable[[int, int], int], a: Compute, b: Compute) -> Compute:
    return lambda h, w: apply(a(h, w), b(h, w))


def _constant(apply: Callable[[int, int], int], a: Compute, k: int) -> Compute:
    return lambda h, w: apply(a(h, w), k)


def _grown(inner: st.SearchStrategy[Compute]) -> st.SearchStrategy[Compute]:
    both = st.sampled_from(
        [operator.add, operator.sub, operator.mul, lambda a, b: largest((a, b)),
         lambda a, b: smallest((a, b))]
    )  # fmt: skip
    by_number = st.sampled_from([operator.add, operator.sub, operator.mul])
    divided = st.sampled_from([operator.floordiv, operator.mod])
    return st.one_of(
        st.builds(_binary, both, inner, inner),
        st.builds(_constant, by_number, inner, _small),
        st.builds(_constant, divided, inner, _divisor),
    )


computations = st.recursive(
    st.sampled_from([lambda h, w: h, lambda h, w: w, lambda h, w: 3]), _grown, max_leaves=8
)
sizes = st.integers(1, 60)


def _poly(compute: Compute) -> Poly:
    found = compute(Size(17, named("H")), Size(23, named("W")))
    assert int(found) == compute(17, 23)
    return poly_of(found)


@given(compute=computations, h=sizes, w=sizes)
def test_a_formula_has_the_value_that_integers_compute(compute: Compute, h: int, w: int) -> None:
    poly = _poly(compute)
    assert poly.evaluate({"H": h, "W": w}) == compute(h, w)
    assert reduced(poly).evaluate({"H": h, "W": w}) == compute(h, w)


@given(compute=computations, h=sizes, w=sizes)
def test_a_formula_is_written_so_that_python_computes_it(compute: Compute, h: int, w: int) -> None:
    assert eval(_poly(compute).key, {"H": h, "W": w}) == compute(h, w)


@given(compute=computations, h=sizes, w=sizes)
def test_bounds_hold_for_every_size(compute: Compute, h: int, w: int) -> None:
    low, high = _poly(compute).bounds()
    value = compute(h, w)
    assert (low is None or low <= value) and (high is None or value <= high)


@given(compute=computations, h=sizes, w=sizes)
def test_what_is_never_negative_is_not(compute: Compute, h: int, w: int) -> None:
    if never_negative(_poly(compute)):
        assert compute(h, w) >= 0


@given(compute=computations, h=sizes, w=sizes, k=st.integers(1, 5))
def test_a_size_replaced_by_a_formula_gives_the_formula_of_its_values(
    compute: Compute, h: int, w: int, k: int
) -> None:
    replaced = _poly(compute).replaced({"H": named("K").scaled(4)})
    assert replaced.evaluate({"K": k, "W": w}) == compute(4 * k, w)


@given(compute=computations, other=computations, h=sizes, w=sizes)
def test_under_what_comparisons_decided_others_decide_alike(
    compute: Compute, other: Compute, h: int, w: int
) -> None:
    tracer = Tracer()
    here = Size(17, named("H")), Size(23, named("W"))
    with tracing(tracer):
        decided = [
            apply(compute(*here), other(*here))
            for apply in (operator.eq, operator.lt, operator.le, operator.gt, operator.ge)
        ]
    if all(guard.holds({"H": h, "W": w}) for guard in tracer.guards):
        there = [
            apply(compute(h, w), other(h, w))
            for apply in (operator.eq, operator.lt, operator.le, operator.gt, operator.ge)
        ]
        assert there == decided


@pytest.mark.parametrize(
    ("compute", "written"),
    [
        (lambda h: (h + 6 - 7) // 2 + 1, "(H + 1)//2"),
        (lambda h: ((h + 6 - 7) // 2 + 1 + 2 - 3) // 2 + 1, "(H + 3)//4"),
        (lambda h: (h + 4 - 11) // 4 + 1, "(H - 3)//4"),
        (lambda h: ((h - 3) // 4 - 3) // 2 + 1, "(H - 7)//8"),
        (lambda h: h * 6 // 3, "2*H"),
        (lambda h: (h * 6 + 2) // 4, "((H + 1)//2) + H"),
        (lambda h: h - 2 + 2, "H"),
        (lambda h: (h - 2) * 2 + 4, "2*H"),
        (lambda h: h % 1, "0"),
        (lambda h: h * h // h, "H"),
        (lambda h: 12 * h * h // (4 * h), "3*H"),
    ],
)
def test_formulas_are_as_short_as_a_persons(compute: Callable[[int], int], written: str) -> None:
    assert poly_of(compute(Size(64, named("H")))).key == written


def test_a_quotient_of_formulas_may_be_negative() -> None:
    tracer = Tracer()
    h, w = Size(24, named("H")), Size(24, named("W"))
    with tracing(tracer):
        assert (w - h) // h >= 0
    (guard,) = tracer.guards
    assert guard.holds({"H": 5, "W": 9}) and not guard.holds({"H": 9, "W": 5})


def test_formulas_of_one_meaning_are_equal_whichever_way_they_came() -> None:
    h = Size(64, named("H"))
    assert h // 2 // 2 == h // 4
    assert (h + 1) // 2 + 1 == (h + 3) // 2
    assert (h - 2) * (h + 2) == h * h - 4
    assert hash(h // 2 // 2) == hash(h // 4)
    assert h // 2 != h // 4
    assert h != 64, "the number that it is here is not all that it is"


@given(value=st.integers(1, 500), factor=st.sampled_from([0.5, 1.5, 0.7, 2.0, 0.1, 1 / 3, 0.25]))
def test_a_size_is_rescaled_as_torch_rescales_a_number(value: int, factor: float) -> None:
    found = scaled(Size(40, named("H")), factor)
    assert poly_of(found).evaluate({"H": value}) == int(value * factor)
    assert int(found) == int(40 * factor)


@given(value=st.integers(1, 500))
def test_divisions_of_formulas_are_rounded_as_pythons(value: int) -> None:
    h = Size(41, named("H"))
    for round_, numbers in (
        (math.floor, value / 4), (math.ceil, value / 4), (round, value / 2), (math.ceil, value / 8),
    ):  # fmt: skip
        divisor = {value / 4: 4, value / 2: 2, value / 8: 8}[numbers]
        ratio: Any = h / divisor
        assert isinstance(ratio, Ratio)
        assert poly_of(round_(ratio)).evaluate({"H": value}) == round_(numbers)


def test_what_needs_a_number_is_written_down_as_fixed() -> None:
    tracer = Tracer(lambda: "here")
    with tracing(tracer):
        assert int(Size(5, named("H")) + 1) == 6
    (guard,) = tracer.guards
    assert (guard.pinned, guard.place, guard.relation) == (True, "here", "==")
    assert guard.holds({"H": 5}) and not guard.holds({"H": 6})


def test_a_formula_that_is_a_number_is_a_plain_integer() -> None:
    h = Size(5, named("H"))
    assert type(h - h) is int
    assert type(sized(3, number(3))) is int
    assert type(h * 0) is int


def test_the_largest_of_formulas_leaves_out_what_another_always_outdoes() -> None:
    h, n = Size(64, named("H")), Size(2, named("N"))
    assert largest((n * h, n * ((h + 1) // 2), n * ((h + 3) // 4))) == n * h
    assert poly_of(largest((h, Size(2, named("N"))))).key == "max(H, N)"
    assert smallest((h, h + 1)) == h
    assert largest(()) == 0
