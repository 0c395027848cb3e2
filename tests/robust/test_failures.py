"""A failure of ours, or of the machine's: one line and its exit code, never a traceback unasked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from program import ROOT, run, shell

from lazyinspect import api, cli
from lazyinspect.plan.quiet import importing_torch
from lazyinspect.render import problems, table

MYNET = str(ROOT / "configs" / "mynet.yaml")
META = ["run", MYNET, "--device", "meta"]


class Unsayable(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError


def deep() -> None:
    deep()


def divide() -> None:
    1 / 0  # noqa: B018


def warn() -> None:
    raise DeprecationWarning("old")


def elsewhere() -> None:
    """An error of another thread's, which waits for its own to be asked."""
    caught: list[BaseException] = []

    def work() -> None:
        try:
            divide()
        except ZeroDivisionError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    raise caught[0]


def unsayable() -> None:
    raise Unsayable


@pytest.mark.parametrize(
    ("fail", "said"),
    [
        (divide, "ZeroDivisionError: division by zero"),
        (deep, "RecursionError: maximum recursion depth exceeded"),
        (warn, "DeprecationWarning: old"),
        (elsewhere, "ZeroDivisionError: division by zero"),
        (unsayable, "Unsayable:"),
    ],
)
@pytest.mark.parametrize("where", ["load", "plan", "table", "generator", "problems"])
def test_a_failure_of_ours_is_one_line_wherever_it_happens(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    fail: Any,
    said: str,
) -> None:
    def failing(*arguments: Any, **options: Any) -> Any:
        fail()

    def pieces(*arguments: Any) -> Iterator[str]:
        yield ""
        fail()

    command = META
    if where == "load":
        monkeypatch.setattr(api, "load", failing)
    elif where == "plan":
        monkeypatch.setattr(api, "plan", failing)
    elif where == "table":
        monkeypatch.setattr(table, "render", failing)
    elif where == "generator":
        monkeypatch.setattr("lazyinspect.render.render", pieces)
    else:
        monkeypatch.setattr(problems, "render", failing)
        command = ["run", "none.yaml"]
    assert cli.main(command) == 70
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"lazyinspect failed with {said}")
    assert len(err.splitlines()) == 1
    assert cli.main([*command, "--debug"]) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [("--help",), ("layers", "ReLU"), ("run", MYNET, "--device", "meta")], ids=str
)
def test_warnings_as_errors_change_nothing(arguments: tuple[str, ...]) -> None:
    done = run(*arguments, warnings="error")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_thread_of_a_class_of_the_users_that_fails_leaves_the_report_alone(
    tmp_path: Path,
) -> None:
    (tmp_path / "threads.py").write_text("""
import threading
from torch import nn

class Net(nn.Module):
    def forward(self, x):
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        return x
""")
    (tmp_path / "net.yaml").write_text("input: [1, 4]\nlayers: [threads.Net]\n")
    arguments = ("run", "net.yaml", "--allow", "threads.Net", "--no-time")
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 0
    assert "verified on cpu" in done.stdout
    assert "ZeroDivisionError" in done.stderr


# too little memory


def test_too_little_memory_for_the_network_is_exit_3(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("input: [1, 1000]\nlayers: [LazyLinear: 1000000]\n")
    limit = 'ulimit -v 2000000; "$@"'
    done = shell(limit, "run", "net.yaml", "--memory-limit", "1TB", "--no-time", cwd=tmp_path)
    assert done.returncode == 3
    assert "error[out-of-memory]: " in done.stderr
    assert "Traceback" not in done.stderr and "bug" not in done.stderr


def test_too_little_memory_for_torch_is_exit_3() -> None:
    done = shell('ulimit -v 250000; "$@"', "run", MYNET)
    assert done.returncode == 3
    assert done.stderr.startswith("error[out-of-memory]: torch cannot be imported: ")


def test_too_little_memory_to_explain_is_exit_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **options: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(api, "load", full)
    monkeypatch.setattr(problems, "render", full)
    assert cli.main(META) == 3
    assert capsys.readouterr().err == "error[out-of-memory]: this machine has not enough memory\n"


# a torch that does not import


def test_a_torch_that_is_broken_is_no_bug_of_ours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def probing(*arguments: Any, **options: Any) -> None:
        with importing_torch():
            raise ImportError("libcudnn.so.9: cannot open shared object file", name="torch._C")

    monkeypatch.setattr(api, "run", probing)
    assert cli.main(["run", MYNET]) == 3
    err = capsys.readouterr().err
    assert err.startswith("error[device-unavailable]: torch cannot be imported")
    assert "libcudnn.so.9" in err


def test_a_module_of_ours_that_does_not_import_is_a_bug(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def probing(*arguments: Any, **options: Any) -> None:
        with importing_torch():
            raise ImportError("cannot import name", name="lazyinspect.probe")

    monkeypatch.setattr(api, "run", probing)
    assert cli.main(["run", MYNET]) == 70
    assert "This is a bug in lazyinspect" in capsys.readouterr().err
