"""The command line: exit codes, streams, options, and what it does not load."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from reports import mynet, resnet50

import lazyinspect
from lazyinspect import cli, errors
from lazyinspect._version import __version__
from lazyinspect.errors import Problem

ROOT = Path(__file__).parents[1]


class FakeApi(ModuleType):
    """The API as the commands call it, with every call on record."""

    def __init__(self) -> None:
        super().__init__("lazyinspect.api")
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.report = mynet()
        self.names: list[str] = []
        self.fail: Callable[[], None] = lambda: None

    def load(self, path: str) -> SimpleNamespace:
        return SimpleNamespace(path=path)

    def variants(self, spec: Any) -> list[str]:
        return self.names

    def run(self, spec: Any, **options: Any) -> Any:
        self.calls.append(("run", {"path": spec.path, **options}))
        self.fail()
        return replace(self.report, spec=replace(self.report.spec, variant=options["variant"]))

    def layers(self, name: str | None = None) -> list[Any]:
        from lazyinspect.plan.ops import table

        return [table()[name]] if name else list(table().values())

    def schema(self) -> dict[str, Any]:
        return {"$schema": "http://json-schema.org/draft-07/schema#"}

    @property
    def options(self) -> dict[str, Any]:
        return self.calls[-1][1]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    fake = FakeApi()
    monkeypatch.setitem(sys.modules, "lazyinspect.api", fake)
    monkeypatch.setattr(lazyinspect, "api", fake, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    return fake


def process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    options.setdefault("env", {**os.environ, "COLUMNS": "100"})
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "lazyinspect", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


# exit codes


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SystemExit(0), 70),
        (errors.ExpectationError(Problem("unmet-expect", "m")), 1),
        (errors.SpecError(Problem("unknown-op", "m")), 2),
        (errors.NetworkError(Problem("device", "m")), 3),
        (errors.InternalError(Problem("plan-mismatch", "m")), 70),
        (MemoryError(), 3),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("oops"), 70),
        (OSError("a library is missing"), 70),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_failure_has_its_exit_code(
    api: FakeApi, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    def fail() -> None:
        raise error

    api.fail = fail
    assert cli.main(["run", "net.yaml"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert (code == 70) == ("This is a bug in lazyinspect" in err)
    if isinstance(error, errors.LazyinspectError):
        assert f"error[{error.problems[0].code}]: m\n" in err


def test_success_is_zero_and_says_nothing_on_standard_error(
    api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", "net.yaml"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("mynet  configs/mynet.yaml\n")
    assert err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["walk"],
        ["run", "net.yaml", "--nothing"],
        ["run", "net.yaml", "extra"],
        ["run", "net.yaml", "--format", "xml"],
        ["run", "net.yaml", "--runs", "0"],
        ["run", "net.yaml", "--depth", "-1"],
        ["run", "net.yaml", "--batch", "x"],
        ["run", "net.yaml", "--input", "1,t-wo"],
        ["run", "net.yaml", "--input", "1,-2"],
        ["run", "net.yaml", "--input", ""],
        ["run", "net.yaml", "--input", "1,2", "--input", "3,4"],
        ["run", "net.yaml", "--input", "x=1", "--input", "x=2"],
        ["run", "net.yaml", "--set", "novalue"],
        ["run", "net.yaml", "--set", "=1"],
        ["run", "net.yaml", "--set", "a=[1, 2"],
        ["run", "net.yaml", "--columns", "params,colour"],
        ["run", "net.yaml", "--columns", ","],
        ["run", "net.yaml", "--memory-limit", "much"],
        ["run", "net.yaml", "--memory-limit", "8ZB"],
        ["run", "net.yaml", "--memory-limit", "-1"],
        ["layers", "a", "b"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_exit_2_and_runs_nothing(
    api: FakeApi, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "rror" in err and "Traceback" not in err
    assert api.calls == []


def test_debug_shows_the_traceback(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ZeroDivisionError("oops")

    api.fail = fail
    assert cli.main(["run", "net.yaml", "--debug"]) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_an_unexpected_failure_is_one_line(
    api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("over\nmany\nlines")

    api.fail = fail
    cli.main(["run", "net.yaml"])
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert err.startswith("lazyinspect failed with ZeroDivisionError: over many lines. ")


# what the options become


def test_a_plain_run_asks_for_the_documented_defaults(api: FakeApi) -> None:
    cli.main(["run", "net.yaml"])
    assert api.calls == [
        (
            "run",
            {
                "path": "net.yaml",
                "variant": None,
                "set": {},
                "input": None,
                "batch": None,
                "allow": (),
                "dtype": "float32",
                "device": "cpu",
                "train": False,
                "time": True,
                "warmup": 3,
                "runs": 20,
                "seed": 0,
                "init": "default",
                "memory_limit": None,
                "max_steps": 1_000_000,
                "optimizer": None,
                "memory": None,
                "accounting": False,
                "top": None,
                "by": "macs",
                "min_time": 0.0,
                "compile": False,
                "amp": False,
                "channels_last": False,
                "receptive_field": False,
                "activations": False,
            },
        )
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--variant", "r101"], {"variant": "r101"}),
        (["--input", "8,3,256,256"], {"input": [8, 3, 256, 256]}),
        (["--input", "[8, 3]"], {"input": [8, 3]}),
        (["--input", "ids=1,64"], {"input": {"ids": [1, 64]}}),
        (
            ["--input", "ids=1,64", "--input", "mask=1,1"],
            {"input": {"ids": [1, 64], "mask": [1, 1]}},
        ),
        (["--batch", "8"], {"batch": 8}),
        (["--allow", "a.B", "--allow", "a.C"], {"allow": ("a.B", "a.C")}),
        (["--device", "cuda:1", "--dtype", "bfloat16"], {"device": "cuda:1", "dtype": "bfloat16"}),
        (["--train", "--no-time"], {"train": True, "time": False}),
        (["--warmup", "0", "--runs", "1", "--seed", "7"], {"warmup": 0, "runs": 1, "seed": 7}),
        (["--init", "zeros"], {"init": "zeros"}),
        (["--memory-limit", "8GiB"], {"memory_limit": 8 * 2**30}),
        (["--memory-limit", "1.5 gb"], {"memory_limit": 1_500_000_000}),
        (["--memory-limit", "4096"], {"memory_limit": 4096}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_reach_the_api(
    api: FakeApi, arguments: list[str], expected: dict[str, Any]
) -> None:
    assert cli.main(["run", "net.yaml", *arguments]) == 0
    assert expected == {key: api.options[key] for key in expected}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n=3", 3),
        ("n=1e-6", 1e-6),
        ("n=true", True),
        ("n=yes", "yes"),
        ("n=012", 12),
        ("n=[1, 7]", [1, 7]),
        ("n={LeakyReLU: 0.1}", {"LeakyReLU": 0.1}),
        ("n=null", None),
        ("n= ReLU", "ReLU"),
        ("n=a=b", "a=b"),
        ("n='3'", "3"),
        ("n=", ""),
    ],
)
def test_settings_are_read_as_a_spec_would_read_them(api: FakeApi, text: str, value: Any) -> None:
    assert cli.main(["run", "net.yaml", "--set", text]) == 0
    assert api.options["set"] == {"n": value}


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_all_variants_are_reported_in_order(
    api: FakeApi, capsys: pytest.CaptureFixture[str], device: str
) -> None:
    api.names = ["r50", "r101"]
    command = ["run", "net.yaml", "--variant", "all", "--device", device]
    assert cli.main([*command, "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert [call[1]["variant"] for call in api.calls] == ["r50", "r101"]


def test_all_variants_of_a_spec_without_any_is_the_spec_itself(
    api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", "net.yaml", "--variant", "all", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1
    assert api.options["variant"] is None


def test_tables_appear_as_their_variants_finish(
    api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.names = ["small", "large"]

    def fail() -> None:
        if len(api.calls) == 2:
            raise errors.NetworkError(Problem("memory", "the second does not fit"))

    api.fail = fail
    assert cli.main(["run", "net.yaml", "--variant", "all"]) == 3
    assert capsys.readouterr().out.startswith("mynet, variant small")


def test_every_failing_variant_is_told_and_the_others_are_reported(
    api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.names = ["a", "b", "c", "d"]
    wrong: dict[str, Exception] = {
        "a": errors.NetworkError(Problem("memory", "too large", notes=("torch says so",))),
        "c": errors.SpecError([Problem("unknown-op", "no op"), Problem("memory", "too large")]),
        "d": errors.SpecError(Problem("unknown-op", "no op")),
    }

    def fail() -> None:
        error = wrong.get(api.options["variant"])
        if error is not None:
            raise error

    api.fail = fail
    assert cli.main(["run", "net.yaml", "--variant", "all"]) == 2
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if "variant" in line] == [
        "mynet, variant b  configs/mynet.yaml"
    ]
    assert (
        err
        == """\
error[memory]: too large
   = note: variant a
   = note: torch says so

error[unknown-op]: no op
   = note: variants c, d

error[memory]: too large
   = note: variant c
"""
    )


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        ([errors.ExpectationError, errors.NetworkError], 3),
        ([errors.NetworkError, errors.SpecError], 2),
        ([errors.SpecError, errors.InternalError], 70),
        ([errors.ExpectationError, errors.ExpectationError], 1),
    ],
    ids=str,
)
def test_the_gravest_failure_of_a_variant_decides_the_exit_code(
    api: FakeApi, kinds: list[type[errors.LazyinspectError]], code: int
) -> None:
    api.names = ["a", "b"]

    def fail() -> None:
        raise kinds[len(api.calls) - 1](Problem("x", "m"))

    api.fail = fail
    assert cli.main(["run", "net.yaml", "--variant", "all"]) == code


def test_an_array_has_the_problems_of_a_variant_in_the_place_of_its_report(
    api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.names = ["small", "large"]

    def fail() -> None:
        if len(api.calls) == 2:
            raise errors.NetworkError(Problem("memory", "the second does not fit"))

    api.fail = fail
    assert cli.main(["run", "net.yaml", "--variant", "all", "--format", "json"]) == 3
    small, large = json.loads(capsys.readouterr().out)
    assert (small["schema"], small["spec"]["variant"]) == ("lazyinspect/report/1", "small")
    assert (large["schema"], large["variant"]) == ("lazyinspect/problems/1", "large")


# where output goes


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
def test_the_report_goes_to_standard_output_alone(
    api: FakeApi, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    api.report = replace(resnet50(), notes=("3 rows have no MACs",))
    assert cli.main(["run", "net.yaml", "--format", form]) == 0
    out, err = capsys.readouterr()
    assert "layer1" in out and "3 rows have no MACs" not in out
    assert err == "note: 3 rows have no MACs\n"


def test_depth_fold_and_columns_shape_the_table(
    api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.report = resnet50()
    cli.main(["run", "net.yaml", "--depth", "2", "--no-fold", "--columns", "params, bytes"])
    out = capsys.readouterr().out
    assert "(x2)" not in out and "downsample" not in out
    assert "Memory" in out and "MACs  " not in out.split("parameters")[0]


def test_output_goes_to_the_file_and_nowhere_else(
    api: FakeApi, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "report.json"
    assert cli.main(["run", "net.yaml", "--format", "json", "-o", str(path)]) == 0
    assert json.loads(path.read_text())["schema"] == "lazyinspect/report/1"
    assert capsys.readouterr() == ("", "")


def test_a_failed_run_leaves_the_old_output(api: FakeApi, tmp_path: Path) -> None:
    def fail() -> None:
        raise errors.NetworkError(Problem("memory", "m"))

    api.fail = fail
    path = tmp_path / "report.txt"
    path.write_text("old")
    assert cli.main(["run", "net.yaml", "--output", str(path)]) == 3
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.txt"]


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
@pytest.mark.parametrize("command", [("run", "net.yaml"), ("schema",)], ids=str)
def test_an_output_may_be_standard_output(
    api: FakeApi,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: tuple[str, ...],
    name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    cli.main([*command])
    plain = capsys.readouterr().out
    assert cli.main([*command, "--output", name]) == 0
    assert capsys.readouterr().out == plain != ""
    assert os.listdir(tmp_path) == []


def test_an_output_may_be_a_pipe_of_the_shells() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader) as pipe:
        arguments = ("run", "configs/mynet.yaml", "--device", "meta", "-o", f"/dev/fd/{writer}")
        done = process(*arguments, pass_fds=(writer,))
        os.close(writer)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert pipe.read().startswith("mynet  configs/mynet.yaml\n")


def test_what_the_users_classes_print_stays_out_of_the_report(
    api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.fail = lambda: print("HELLO")
    assert cli.main(["run", "net.yaml", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["spec"]["name"] == "mynet"
    assert err == "HELLO\n"


def test_an_output_that_cannot_be_written_is_exit_2_before_the_run(
    api: FakeApi, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.main(["run", "net.yaml", "--output", str(tmp_path / "no" / "r.txt")]) == 2
    assert "error[cannot-write]" in capsys.readouterr().err
    assert api.calls == []


class Terminal:
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, *arguments: str, **variables: str) -> str:
    """What a command line writes to a terminal; it succeeds."""
    stream = Terminal()
    for name, value in ({"TERM": "xterm", "NO_COLOR": ""} | variables).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", stream)
    assert cli.main(arguments) == 0
    return stream.text


def test_a_terminal_gets_colour(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" in on_a_terminal(monkeypatch, "run", "net.yaml")


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["run", "net.yaml", "--no-color"], {}),
        (["--no-color", "run", "net.yaml"], {}),
        (["run", "net.yaml"], {"NO_COLOR": "1"}),
        (["run", "net.yaml"], {"TERM": "dumb"}),
    ],
    ids=["option", "global option", "NO_COLOR", "dumb"],
)
def test_colour_can_be_refused(
    api: FakeApi,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    variables: dict[str, str],
) -> None:
    text = on_a_terminal(monkeypatch, *arguments, **variables)
    assert "mynet" in text
    assert "\x1b[" not in text


@pytest.mark.parametrize("failure", [None, errors.NetworkError(Problem("memory", "m"))])
def test_progress_on_a_terminal_is_wiped_when_done(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, failure: Exception | None
) -> None:
    stream = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)

    def fail() -> None:
        assert stream.text == "running net.yaml on cpu ..."
        if failure is not None:
            raise failure

    api.fail = fail
    assert cli.main(["run", "net.yaml"]) == (0 if failure is None else 3)
    blanks = " " * len("running net.yaml on cpu ...")
    assert stream.text.startswith(f"running net.yaml on cpu ...\r{blanks}\r")
    assert stream.text.partition("\r")[2].startswith(blanks)


@pytest.mark.parametrize("arguments", [["--no-color"], []], ids=str)
def test_progress_has_no_escape_codes(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    assert cli.main(["run", "net.yaml", *arguments]) == 0
    assert "running" in stream.text
    assert "\x1b" not in stream.text


def test_progress_stays_on_one_line(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "stderr", stream)
    assert cli.main(["run", f"{'long/' * 20}net.yaml"]) == 0
    assert max(map(len, stream.text.split("\r"))) == 39


# layers and schema


def test_layers_lists_every_op(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["layers"]) == 0
    out = capsys.readouterr().out
    assert "  LazyConv2d(out_channels, kernel_size" in out
    assert "  flatten(start_dim=0, end_dim=-1)" in out


def test_layers_shows_one_op(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["layers", "LazyConv2d"]) == 0
    assert capsys.readouterr().out.startswith("LazyConv2d, a lazy layer")


def test_layers_shows_an_op_of_the_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["layers", "Parameter"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Parameter, an op of the spec language\n")
    assert "{Parameter: [SIZE, ..., {fill: 0.0}]}" in out


def test_layers_guesses_what_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["layers", "Paramter"]) == 2
    assert "did you mean `Parameter`?" in capsys.readouterr().err


def test_schema_is_json(api: FakeApi, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == api.schema()
    assert cli.main(["schema", "--output", str(tmp_path / "s.json")]) == 0
    assert json.loads((tmp_path / "s.json").read_text()) == api.schema()


# the process


def test_version_is_the_constant() -> None:
    done = process("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"lazyinspect {__version__}\n", "")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)], ids=str)
def test_help_names_the_commands(arguments: tuple[str, ...]) -> None:
    done = process(*arguments)
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("run", "layers", "schema"))


def test_help_names_every_column() -> None:
    from lazyinspect.render.table import COLUMNS

    listed = " ".join(process("run", "--help").stdout.split())
    assert f"Of the table, in order: {', '.join(COLUMNS)}." in listed


def loaded(*arguments: str) -> set[str]:
    """Top-level modules that a command line has loaded when it ends."""
    code = (
        "import sys; from lazyinspect import cli; code = cli.main(sys.argv[1:]); "
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", ["--help", "--version", "run --help", "layers --help", ""])
def test_help_loads_neither_torch_nor_yaml_nor_rich(arguments: str) -> None:
    assert not {"torch", "yaml", "rich", "numpy"} & loaded(*arguments.split())


def test_no_command_line_loads_the_validation_library() -> None:
    assert "pydantic" not in loaded("--help") | loaded("layers", "ReLU")


def test_a_reader_that_leaves_early_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        for arguments in (["--help"], ["--version"], ["layers", "--help"]):
            done = subprocess.run(
                [sys.executable, "-m", "lazyinspect", *arguments],
                cwd=ROOT,
                stdout=writer,
                stderr=subprocess.PIPE,
                timeout=60,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, b"")
    finally:
        os.close(writer)


def closing(redirections: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command line as a shell runs it with some of its streams closed or full."""
    command = [sys.executable, "-W", "ignore", "-m", "lazyinspect", *arguments]
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirections}', "sh", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("redirections", "arguments", "said"),
    [
        (">&-", "run configs/mynet.yaml --device meta", "standard output: it is closed"),
        (">&-", "layers", "standard output: it is closed"),
        (">&-", "--version", "standard output: it is closed"),
        (">/dev/full", "run configs/mynet.yaml --device meta", "No space left on device"),
        (">/dev/full", "--help", "No space left on device"),
        (">/dev/full", "", "No space left on device"),
        ("<&-", "run -", "standard input cannot be read: it is closed"),
        ("2>&-", "run none.yaml", ""),
        ("2>&-", "run --nothing", ""),
        ("2>/dev/full", "run none.yaml", ""),
        ("2>/dev/full", "run --nothing", ""),
    ],
)
def test_a_stream_that_is_closed_or_full_is_exit_2(
    redirections: str, arguments: str, said: str
) -> None:
    done = closing(redirections, *arguments.split())
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr and "bug" not in done.stderr


def test_a_file_can_be_written_without_standard_streams(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    arguments = ("run", "configs/mynet.yaml", "--device", "meta", "--format", "json")
    done = closing(">&- 2>&- <&-", *arguments, "-o", str(path))
    assert done.returncode == 0
    assert json.loads(path.read_text())["spec"]["name"] == "mynet"


def test_output_survives_an_encoding_that_lacks_a_character() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = process("run", "näht.yaml", env=environment)
    assert "UnicodeEncodeError" not in done.stderr


# the whole of it, with the real API


def test_a_real_run_is_verified_and_is_json_alone() -> None:
    done = process("run", "configs/mynet.yaml", "--format", "json", "--no-time")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["totals"]["param_count"] == 34_826
    assert report["verified"] == {"device": "cpu", "layers": 8, "mismatches": []}
    assert report["timing"] is None


@pytest.mark.parametrize("device", ["meta", "meta:0"])
def test_a_plan_loads_no_torch(device: str) -> None:
    modules = loaded("run", "configs/mynet.yaml", "--device", device)
    assert not {"torch", "rich", "pydantic"} & modules


@pytest.mark.parametrize("arguments", [("layers",), ("layers", "LazyConv2d"), ("schema",)], ids=str)
def test_listings_load_no_torch(arguments: tuple[str, ...]) -> None:
    assert not {"torch", "rich", "pydantic"} & loaded(*arguments)


@pytest.mark.parametrize("device", ["meta", "meta:0"])
def test_the_meta_device_plans_and_runs_nothing(device: str) -> None:
    done = process("run", "configs/mynet.yaml", "--device", device, "--batch", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "[2, 10]" in done.stdout
    assert "planned, not run on a device" in done.stdout


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("seed", [-(2**63) - 1, 2**64])
def test_a_seed_out_of_range_is_exit_2(
    capsys: pytest.CaptureFixture[str], seed: int, device: str
) -> None:
    path = str(ROOT / "configs" / "mynet.yaml")
    assert cli.main(["run", path, "--device", device, "--seed", str(seed)]) == 2
    assert f"error[bad-seed]: the seed {seed} is out of range\n" in capsys.readouterr().err


@pytest.mark.parametrize("seed", [-(2**63), 2**64 - 1])
def test_every_seed_in_range_runs(capsys: pytest.CaptureFixture[str], seed: int) -> None:
    path = str(ROOT / "configs" / "mynet.yaml")
    assert cli.main(["run", path, "--no-time", "--seed", str(seed)]) == 0
    assert "verified on cpu" in capsys.readouterr().out


def test_a_class_that_prints_leaves_the_report_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "talks", raising=False)
    (tmp_path / "talks.py").write_text("""
from torch import nn

print("IMPORTED")

class Echo(nn.Module):
    def forward(self, x):
        print("RUN")
        return x
""")
    (tmp_path / "s.yaml").write_text("input: [1, 4]\nlayers: [talks.Echo]\n")
    command = ["run", "s.yaml", "--allow", "talks.Echo", "--no-time", "--format", "json"]
    assert cli.main(command) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["totals"]["rows_without_macs"] == 1
    assert err.startswith("IMPORTED\nRUN\n")
    assert err.endswith("note: MACs leave out 1 row whose count is not known: 0\n")


QUITS = """
import sys
from torch import nn

class Made(nn.Module):
    def __init__(self):
        sys.exit(0)

class Run(nn.Module):
    def forward(self, x):
        sys.exit(0)

class RunOnCpu(nn.Module):
    def forward(self, x):
        if x.device.type == "cpu":
            sys.exit(0)
        return x
"""


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("leaves.Any", 2, "importing `leaves` for `leaves.Any` fails\n  --> s.yaml:2:10\n"),
        ("quits.Made", 3, "quits.Made ends the program when it is made: SystemExit: 0\n"),
        ("quits.Run", 3, "refuses its inputs on the meta device: SystemExit: 0\n"),
        ("quits.RunOnCpu", 3, "quits.RunOnCpu at `0` fails in the forward\n"),
    ],
)
def test_a_class_that_ends_the_program_is_a_failure(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, name.partition(".")[0], raising=False)
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(7)\n")
    (tmp_path / "quits.py").write_text(QUITS)
    (tmp_path / "s.yaml").write_text(f"input: [1, 4]\nlayers: [{name}]\n")
    assert cli.main(["run", "s.yaml", "--allow", name, "--no-time"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


def test_a_missing_device_is_exit_3_and_one_clear_line() -> None:
    done = process("run", "configs/mynet.yaml", "--device", "cuda:99")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error[")
    assert len(done.stderr.splitlines()) <= 2


def test_a_spec_comes_from_standard_input() -> None:
    text = (ROOT / "configs" / "mynet.yaml").read_text()
    done = process("run", "-", "--device", "meta", "--batch", "4", input=text)
    assert done.returncode == 0
    assert "[4, 10]" in done.stdout


def test_a_shape_mismatch_names_line_figures_and_remedy() -> None:
    spec = """\
input: [10, 3, 28, 28]
layers:
  - LazyConv2d: [32, 3]
  - MaxPool2d: 2
  - LazyConv2d: [64, 3]
  - MaxPool2d: 2
  - Flatten
  - Linear: [5184, 10]
"""
    done = process("run", "-", input=spec)
    assert done.returncode == 3
    assert "5 (failed)" in done.stdout
    assert "gets 1600\n" in done.stderr.splitlines(keepends=True)[0]
    assert "--> -:8:5" in done.stderr
    assert "LazyLinear" in done.stderr


def test_an_interrupt_is_exit_130_and_silent() -> None:
    running = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "lazyinspect", "run", "-"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdin is not None
    # more than a pipe holds: the write returns once the command is reading
    running.stdin.write(b"#" * 300_000)
    running.stdin.flush()
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (130, b"", b"")
