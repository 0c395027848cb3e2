"""Every folder of tests/errors is a broken spec and what the command line says of it.

``make golden`` rewrites the expectations; the difference is for a person to read. Their list is
tests/errors/README.md.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lazyinspect import cli
from lazyinspect.codes import CODES

FOLDER = Path(__file__).parent / "errors"
CASES = sorted(path.parent for path in FOLDER.glob("*/spec.yaml"))
WRITE = os.environ.get("LAZYINSPECT_GOLDEN") == "write"

HEADER = """\
# Broken specs

Each folder is a spec and what `lazyinspect run spec.yaml --device meta` says of it:
`stderr.txt`, `exit_code`, the options in `args`, and in `stdout.txt` the table of what could be
planned. `make golden` rewrites them, and this list.
"""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_error(
    case: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code, standard error, and the partial table on standard output where there is one."""
    monkeypatch.chdir(case)
    monkeypatch.setenv("COLUMNS", "100")
    extra = shlex.split((case / "args").read_text()) if (case / "args").exists() else []
    code = cli.main(["run", "spec.yaml", "--device", "meta", *extra])
    out, err = capsys.readouterr()
    expected = {"exit_code": f"{code}\n", "stderr.txt": err}
    if out:
        expected["stdout.txt"] = out
    if WRITE:
        for name, text in expected.items():
            (case / name).write_text(text, encoding="utf-8")
        if not out:
            (case / "stdout.txt").unlink(missing_ok=True)
    assert (case / "stdout.txt").exists() == bool(out)
    assert "Traceback" not in err
    assert {name: (case / name).read_text(encoding="utf-8") for name in expected} == expected


ANSWERS = """
import contextlib, io, os, shlex, sys
from pathlib import Path
sys.modules["torch"] = None  # whoever imports it fails
from lazyinspect import cli
os.environ["COLUMNS"] = "100"
for case in map(Path, sys.argv[1:]):
    os.chdir(case)
    extra = shlex.split(Path("args").read_text()) if Path("args").exists() else []
    said, rest = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(rest):
        cli.main(["run", "spec.yaml", *extra])
    said.flush()
    if Path("stderr.txt").read_bytes() != said.buffer.getvalue():
        print(case.name)
"""


def test_what_the_op_table_knows_is_answered_without_torch() -> None:
    """On the default device: nothing is loaded that would only run what cannot be planned."""
    allowed = {case for case in CASES if "--allow" in _text(case / "args")}
    asked = [str(case) for case in CASES if case not in allowed]
    assert len(allowed) < 10
    done = subprocess.run(
        [sys.executable, "-c", ANSWERS, *asked], capture_output=True, text=True, check=True
    )
    # whose other variants run
    assert done.stdout.split() == ["args_variant_all_some_fail"]


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_worst_problem_decides_the_exit_code(case: Path) -> None:
    codes = [code for code, _ in problems(case)]
    if codes:
        gravity = [(2, 3, 1).index(CODES[code].exit_code) for code in codes]
        assert gravity == sorted(gravity)
        assert int((case / "exit_code").read_text()) == CODES[codes[0]].exit_code
    else:
        assert "\nError: " in (case / "stderr.txt").read_text("utf-8")  # of the options


def problems(case: Path) -> list[tuple[str, str]]:
    """Code and message of each problem that a case reports."""
    text = (case / "stderr.txt").read_text("utf-8")
    return re.findall(r"(?m)^error\[([a-z-]+)\]: (.*)$", text)


def catalogue() -> Iterator[str]:
    """Every case with its first problem, by the topic of its code."""
    usage = "The options themselves"
    topics: dict[str, list[str]] = {code.topic: [] for code in CODES.values()} | {usage: []}
    for case in CASES:
        found = problems(case)
        if found:
            (code, message), *more = found
            topic = CODES[code].topic
            text = f"`{code}`: {message}" + (f" (and {len(more)} more)" if more else "")
        else:
            topic = usage
            text = (case / "stderr.txt").read_text("utf-8").rpartition("\nError: ")[2].rstrip("\n")
        topics[topic].append(f"- [{case.name}]({case.name}/spec.yaml) {text}")
    yield HEADER
    for topic, lines in topics.items():
        if lines:
            yield "\n".join([f"## {topic}\n", *lines, ""])


def test_the_list_of_cases_is_what_they_say() -> None:
    page = "\n".join(catalogue())
    if WRITE:
        (FOLDER / "README.md").write_text(page, encoding="utf-8")
    assert (FOLDER / "README.md").read_text("utf-8") == page, "`make golden` rewrites it"


def test_cases_show_every_code_that_a_plan_can_give() -> None:
    shown = {code for case in CASES for code, _ in problems(case)}
    # of the file before it is text, of the machine, or of another command
    elsewhere = {
        "unreadable", "spec-too-large", "spec-encoding", "cannot-build", "forward-failed",
        "plan-mismatch",
    }  # fmt: skip
    topics = ("The command and the machine", "Locks")
    commands = {code.name for code in CODES.values() if code.topic in topics}
    assert CODES.keys() - shown - elsewhere - commands == set()
