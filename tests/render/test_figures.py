"""Figures: numbers as a person reads them."""

from __future__ import annotations

import pytest

from lazyinspect.render import figures
from lazyinspect.report import Duration, NamedTensor


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, "1.00 k"),
        (9_994, "9.99 k"),
        (9_995, "10.0 k"),
        (99_949, "99.9 k"),
        (99_950, "100 k"),
        (999_499, "999 k"),
        (999_500, "1.00 M"),
        (4_089_184_256, "4.09 G"),
        (405 * 10**9 * 1024, "415 T"),
    ],
)
def test_multiples_have_three_significant_digits(value: int, expected: str) -> None:
    assert expected == figures.scaled(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (102_228_128, "97.5 MiB")],
)
def test_bytes_are_binary_multiples(value: int, expected: str) -> None:
    assert expected == figures.size(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7, "7 ns"), (181_000, "181 µs"), (21_312_000, "21.3 ms"), (75 * 10**9, "75.0 s")],
)
def test_times_take_the_unit_that_fits(value: int, expected: str) -> None:
    assert expected == figures.duration(value)


def test_time_of_many_seconds_stays_in_seconds() -> None:
    assert figures.duration(12_345 * 10**9) == "12,345 s"


def test_spread_shows_the_middle_eighty_percent() -> None:
    assert figures.spread(Duration(21_312_000, 20_900_000, 22_400_000)) == "20.9 ms to 22.4 ms"


@pytest.mark.parametrize(
    ("fraction", "expected"), [(1.0, "100%"), (0.1234, "12.3%"), (0.0, "0.0%"), (0.9994, "99.9%")]
)
def test_shares_are_percentages(fraction: float, expected: str) -> None:
    assert expected == figures.share(fraction)


def tensor(*shape: int, dtype: str = "float32") -> NamedTensor:
    return NamedTensor("", shape, dtype)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], "-"),
        ([tensor()], "[]"),
        ([tensor(1, 8)], "[1, 8]"),
        ([tensor(1, 8), tensor(1, 8)], "2 x [1, 8]"),
        ([tensor(1, 8), tensor(2, 1)], "[1, 8] +1"),
        ([tensor(1, 8), tensor(1, 8), tensor(2, 1), tensor(3)], "2 x [1, 8] +2"),
        ([tensor(1, 8, dtype="int64")], "[1, 8] int64"),
    ],
)
def test_several_tensors_fit_one_cell(values: list[NamedTensor], expected: str) -> None:
    assert expected == figures.tensors(values, "float32")


def test_arguments_read_as_yaml_writes_values() -> None:
    args = {"kernel_size": (7, 7), "bias": False, "device": None, "act": {"LeakyReLU": 0.1}}
    expected = "kernel_size=[7, 7], bias=false, device=null, act={LeakyReLU: 0.1}"
    assert expected == figures.arguments(args)
