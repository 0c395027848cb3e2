"""Codes of problems: the table, the pages, and that both are what the source says."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import code_pages
import pytest

import lazyinspect
from lazyinspect import cli, codes, errors
from lazyinspect.codes import CODES, error_of, page, worst_first
from lazyinspect.errors import Mark, Problem, Source

PACKAGE = Path(codes.__file__).parents[1]
PAGES = Path(codes.__file__).with_name("pages")


def makers(module: ast.Module) -> dict[str, int]:
    """What makes a problem in a module, and at which place it takes the code."""
    found = {"Problem": 0}
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef):
            names = [each.arg for each in node.args.args if each.arg != "self"]
            if "code" in names:
                found[node.name] = names.index("code")
    return found


def code_arguments() -> Iterator[tuple[str, ast.expr]]:
    """Every expression of the source that is the code of a problem, with where it stands."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        known = makers(module)
        for node in ast.walk(module):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            place = 0 if ast.unparse(node.func).endswith("problems.add") else known.get(name)
            if place is None or len(node.args) <= place:
                continue
            argument = node.args[place]
            passed_on = isinstance(argument, ast.Name) and argument.id == "code"
            filled_in_later = isinstance(argument, ast.Constant) and argument.value == ""
            if not (passed_on or filled_in_later):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", argument


def literals(expression: ast.expr) -> set[str]:
    return {
        node.value
        for node in ast.walk(expression)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_code_of_the_source_is_a_literal_of_the_table() -> None:
    unknown = {
        place: ast.unparse(argument)
        for place, argument in code_arguments()
        if not literals(argument) or not literals(argument) <= CODES.keys()
    }
    assert unknown == {}


def test_every_code_of_the_table_is_used_by_the_source() -> None:
    used = set().union(*(literals(argument) for _, argument in code_arguments()))
    assert CODES.keys() - used == set()


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(CODES)


def test_codes_of_one_topic_stand_together() -> None:
    topics = [topic for topic, _ in groupby(code.topic for code in CODES.values())]
    assert len(topics) == len(set(topics))


@pytest.mark.parametrize("code", CODES)
def test_examples_of_a_page_fail_and_work_as_it_says(code: str) -> None:
    ran = [attempt for _, attempt in code_pages.attempts(code) if attempt is not None]
    for attempt in ran:
        if attempt.fails is None:
            assert attempt.exit_code == 0, attempt.output
        else:
            assert attempt.fails == code
            assert attempt.exit_code == CODES[code].exit_code, attempt.output
            assert attempt.codes <= {code}, attempt.output
    assert [attempt.fails is None for attempt in ran] in ([False, True], [True, False])


@pytest.mark.parametrize("code", CODES)
def test_a_page_says_why_and_how_to_find_it(code: str) -> None:
    text = page(code)
    assert text.startswith(f"# {code}\n\n")
    assert f"Exit code {CODES[code].exit_code}." in text
    *_, find = text.rstrip("\n").split("\n\n")
    assert re.match(r"To find it: .+\.$", find)
    assert "](" not in text, "a link leads nowhere in a terminal"


# which problem is worst


def problem(code: str, line: int | None = None, column: int = 1) -> Problem:
    mark = None if line is None else Mark(Source("net.yaml", ()), line, column)
    return Problem(code, "m", mark)


def test_worst_come_first_and_then_those_further_up() -> None:
    ordered = [
        problem("missing-input"),
        problem("unknown-op", 3, 9),
        problem("unknown-label", 4, 2),
        problem("bad-argument", 4, 5),
        problem("shape-mismatch", 1),
        problem("unmet-expect", 2),
    ]
    assert worst_first([ordered[k] for k in (5, 3, 1, 4, 0, 2)]) == ordered


def test_each_problem_is_reported_once() -> None:
    assert worst_first([problem("unknown-op"), problem("unknown-op")]) == [problem("unknown-op")]


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["unmet-expect"], errors.ExpectationError),
        (["unmet-expect", "shape-mismatch"], errors.NetworkError),
        (["shape-mismatch", "unknown-op", "unmet-expect"], errors.SpecError),
        (["plan-mismatch", "unknown-op"], errors.InternalError),
    ],
)
def test_the_worst_problem_decides_the_exit_code(
    names: list[str], kind: type[errors.LazyinspectError]
) -> None:
    assert type(error_of(map(problem, names))) is kind


def test_every_exit_code_of_the_table_is_of_an_error() -> None:
    kinds = {kind.exit_code for kind in errors.LazyinspectError.__subclasses__()}
    assert {code.exit_code for code in CODES.values()} == kinds


# explain


def test_explain_gives_the_page() -> None:
    assert lazyinspect.explain("shape-mismatch") == page("shape-mismatch")


def test_explain_of_an_unknown_code_says_which_was_meant() -> None:
    with pytest.raises(lazyinspect.SpecError) as caught:
        lazyinspect.explain("shape_mismatch")
    assert caught.value.problems[0].code == "unknown-code"
    assert caught.value.problems[0].help == "did you mean `shape-mismatch`?"


def test_explain_command_prints_a_page_without_its_marks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert cli.main(["explain", "bad-repeat"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("bad-repeat\n\n`repeat:` is no count of copies. Exit code 2.\n")
    assert "\n    layers:\n      body: {LazyLinear: 8, repeat: $depth / 2}\n" in out
    assert "```" not in out
    assert max(map(len, out.splitlines())) <= 72
    assert err == ""


def test_explain_command_alone_lists_every_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain"]) == 0
    out = capsys.readouterr().out
    assert re.findall(r"(?m)^  ([a-z-]+)  ", out) == list(CODES)
    assert all(code.title in out for code in CODES.values())


def test_explain_command_of_an_unknown_code_is_a_usage_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["explain", "nothing"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "error[unknown-code]: no problem has the code `nothing`" in err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_an_error_on_a_terminal_says_once_where_more_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text("input: [1, 8]\nlayers: [Relu, LazyLinear: [8.5]]\n", encoding="utf-8")
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    assert cli.main(["run", str(spec), "--no-color"]) == 2
    assert stream.getvalue().count("error[") == 2
    assert stream.getvalue().endswith("\n\n`lazyinspect explain unknown-op` says more\n")


def test_explain_loads_neither_torch_nor_yaml() -> None:
    code = (
        "import sys; from lazyinspect import cli; cli.main(['explain', 'formula']); "
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert "lazyinspect" in loaded
    assert not {"torch", "yaml", "rich"} & loaded
