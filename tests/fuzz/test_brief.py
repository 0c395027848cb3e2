"""A part of the fuzzing with a fixed seed; ``make fuzz`` does all of it at length."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from fuzz import command_line, judge, spec_bytes
from fuzz.findings import Figures, smaller
from fuzz.plan_structured import cases
from lazyinspect import api
from lazyinspect.errors import Mark, Problem, Source, SpecError

SPEC = b"input: [1, 4]\nlayers: [LazyLinear: 2]\n"


def test_random_bytes_end_in_a_plan_or_in_problems() -> None:
    figures = spec_bytes.blind(seconds=60, seed=1, most=600)
    assert figures.findings == {}
    assert figures.cases == 600
    assert figures.outcomes["plan"] and len(figures.outcomes) > 20


@given(cases())
@settings(
    max_examples=400, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
def test_structured_specs_end_in_a_plan_or_in_problems(
    case: tuple[Any, bytes, dict[str, Any]],
) -> None:
    _, text, options = case
    judge.judge(text, **options)


def test_command_lines_end_in_a_documented_exit_code() -> None:
    figures = command_line.fuzz(seconds=60, seed=1, most=200)
    assert figures.findings == {}
    assert figures.outcomes["plan"] and figures.outcomes["exit-2"]


# the judge


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def plan(spec: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(api, "plan", plan)


def at(line: int, column: int) -> Mark:
    return Mark(Source("spec.yaml", ("input: x",)), line, column)


@pytest.mark.parametrize(
    ("error", "where"),
    [
        (ZeroDivisionError("oops"), "ZeroDivisionError"),
        (RecursionError(), "RecursionError"),
        (SystemExit(0), "SystemExit"),
        (MemoryError(), "memory"),
        (SpecError([]), "no problem"),
        (SpecError(Problem("Bad Code", "m", at(1, 1))), "code 'Bad Code'"),
        (SpecError(Problem("bad-step", " ", at(1, 1))), "no message"),
        (SpecError(Problem("bad-step", "m")), "no place"),
        (SpecError(Problem("bad-step", "m", at(2, 1))), "line bad-step"),
        (SpecError(Problem("bad-step", "m", at(1, 99))), "column bad-step"),
        (SpecError(Problem("bad-step", "<class 'int'>", at(1, 1))), "innards"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_judge_finds(monkeypatch: pytest.MonkeyPatch, error: BaseException, where: str) -> None:
    failing(monkeypatch, error)
    with pytest.raises(judge.Finding) as caught:
        judge.judge(SPEC)
    assert caught.value.where.startswith(where)


def test_the_judge_finds_what_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "SECONDS", 0.1)

    def plan(spec: Any, **options: Any) -> None:
        until = time.process_time() + 5
        while time.process_time() < until:
            pass

    monkeypatch.setattr(api, "plan", plan)
    with pytest.raises(judge.Finding, match="time: "):
        judge.judge(SPEC)


def test_the_judge_finds_what_takes_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "BYTES", 50_000_000)
    monkeypatch.setattr(api, "plan", lambda spec, **options: bytes(200_000_000))
    with pytest.raises(judge.Finding, match="memory: "):
        judge.judge(SPEC)


def test_a_good_spec_is_no_finding() -> None:
    assert judge.judge(SPEC).outcome == "plan"


def test_a_finding_is_kept_once_in_its_smallest_case(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("fuzz.findings.FOLDER", tmp_path)
    figures = Figures("t")
    kept = [figures.found(judge.Finding("here", "m"), bytes(size)) for size in (5, 7, 3)]
    assert kept == [True, False, True]
    assert [path.stat().st_size for path in tmp_path.glob("*.case")] == [3]


def test_a_tree_shrinks_to_what_fails() -> None:
    def fails(tree: Any) -> str | None:
        return "x" if "bad" in str(tree) else None

    tree = {"a": [1, 2, {"b": "bad", "c": 3}], "d": {"e": 4}}
    assert smaller(tree, "x", fails, seconds=10) in ({"a": "bad"}, {"a": ["bad"]})
