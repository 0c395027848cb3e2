"""A spec from anywhere and of any bytes: the plan, or one clear problem and exit 2."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from program import ENVIRONMENT, SPEC, run, shell, start

from lazyinspect import api, cli

ASCII = SPEC.encode()


def first(text: str) -> str:
    return text.split("\n", 1)[0]


# what stands in the file


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("empty", b"", "spec-empty]: {} is empty"),
        ("only comments", b"# a\n\n# b\n", "spec-empty]: {} holds no spec"),
        ("only a document's start", b"---\n", "spec-empty]: {} holds no spec"),
        ("null", b"~\n", "spec-empty]: {} holds no spec"),
        ("binary", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "spec-encoding]: {} is no text: byte 8 "),
        ("an archive", b"PK\x03\x04\x14\0\x06\0", "spec-encoding]: {} is no text: byte 5 "),
        ("one NUL", ASCII.replace(b"Relu", b"R\0lu"), "{} is no text: byte 45 (line 4) is NUL"),
        ("UTF-16 with a mark", SPEC.encode("utf-16"), "{} is UTF-16, and a spec is UTF-8"),
        ("UTF-16LE", SPEC.encode("utf-16-le"), "{} is UTF-16LE, and a spec is UTF-8"),
        ("UTF-16BE", SPEC.encode("utf-16-be"), "{} is UTF-16BE, and a spec is UTF-8"),
        ("UTF-32 with a mark", SPEC.encode("utf-32"), "{} is UTF-32, and a spec is UTF-8"),
        ("UTF-32BE", SPEC.encode("utf-32-be"), "{} is UTF-32BE, and a spec is UTF-8"),
        ("Latin-1", b"# \xe9t\xe9\n" + ASCII, "{} is not UTF-8: byte 2 (line 1) is 0xe9"),
        ("cut off", ASCII + "é".encode()[:1], "{} is not UTF-8: byte 49 (line 5) is 0xc3"),
        ("a control character", ASCII + b"# \x07", "yaml-syntax]: the character U+0007 is not"),
        ("too large", b"# " + b"x" * (1 << 20), "too-large]: {} has more than 1,048,576 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) and "]" not in value else "",
)
def test_what_is_no_spec_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(data)
    assert cli.main(["run", str(path), "--device", "meta"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said.format(path) in first(err)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\xef\xbb\xbf" + ASCII, 4),
        (ASCII.replace(b"\n", b"\r\n"), 4),
        (ASCII.replace(b"\n", b"\r"), 4),
        (ASCII.rstrip(), 4),
        (b"---\n" + ASCII + b"...\n", 5),
        ("# a\u2028# b\u2029# c\x85".encode() + ASCII, 7),
        ("# é, \U0001f600\r\n\r\n".encode() + ASCII, 6),
    ],
    ids=["BOM", "CRLF", "CR", "no newline at the end", "---", "U+2028", "mixed"],
)
def test_lines_are_numbered_as_they_are_shown(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, data: bytes, line: int
) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(data)
    assert cli.main(["run", str(path), "--device", "meta"]) == 2
    err = capsys.readouterr().err
    assert f"--> {path}:{line}:5\n" in err
    assert f" {line} |   - Relu\n" in err


def test_a_character_that_is_no_utf8_is_shown_in_its_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes("# grün\nname: ".encode() + b"gr\xfcn\n" + ASCII)
    assert cli.main(["run", str(path)]) == 2
    err = capsys.readouterr().err
    assert f"--> {path}:2:9\n" in err
    assert " 2 | name: gr\N{REPLACEMENT CHARACTER}n\n   |         ^  `ü` in Latin-1\n" in err


def test_a_control_character_is_found_behind_wide_ones(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes("# äöü\n# ß \x01\n".encode() + ASCII)
    assert cli.main(["run", str(path)]) == 2
    assert f"--> {path}:2:5\n" in capsys.readouterr().err


# where the file is


def test_a_missing_file_and_one_with_a_name_near(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("resnet.yaml").touch()
    assert cli.main(["run", "resnt.yaml"]) == 2
    assert capsys.readouterr().err == (
        "error[unreadable]: resnt.yaml cannot be read: no such file or directory\n"
        "   = help: did you mean `resnet.yaml`?\n"
    )


def test_the_ending_that_all_specs_share_makes_no_name_near(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bin.yaml").write_text("layers: []\n")
    assert cli.main(["run", str(tmp_path / "missing.yaml")]) == 2
    assert "did you mean" not in capsys.readouterr().err
    assert cli.main(["run", str(tmp_path / "bin.yml")]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_a_folder_is_no_spec(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["run", str(tmp_path)]) == 2
    assert f"{tmp_path} cannot be read: is a directory\n" in capsys.readouterr().err


def test_a_socket_is_no_spec(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("net.yaml")
        assert cli.main(["run", "net.yaml"]) == 2
    assert "net.yaml cannot be read: no such device or address\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied"), "permission denied"),
        (OSError(5, "Input/output error"), "input/output error"),
        (OSError("strange"), "strange"),
        (TimeoutError(), "TimeoutError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_file_that_the_system_refuses(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    def refuse(path: str, most: int) -> bytes:
        raise error

    monkeypatch.setattr(api, "read_bytes", refuse)
    assert cli.main(["run", "net.yaml"]) == 2
    said = said[0].lower() + said[1:]
    assert first(capsys.readouterr().err) == f"error[unreadable]: net.yaml cannot be read: {said}"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("x" * 5000, f"{'x' * 80} ... {'x' * 80} cannot be read: file name too long"),
        ("x/" * 3000, f"{'x/' * 40} ... {'x/' * 40} cannot be read: file name too long"),
        ("", "'' cannot be read: no such file or directory"),
        ("a\nerror[x]: b", r"'a\nerror[x]: b' cannot be read: no such file or directory"),
        ("\x1b[31mred", r"'\x1b[31mred' cannot be read: no such file or directory"),
        ("\udcff.yaml", r"'\udcff.yaml' cannot be read: no such file or directory"),
        ("\ud800", r"'\ud800' cannot be read: "),
        ("a\0b", r"'a\x00b' cannot be read: embedded null byte"),
    ],
    ids=["long", "deep", "empty", "newline", "escape", "not UTF-8", "surrogate", "NUL"],
)
def test_a_path_is_said_in_one_line_whatever_it_is(
    capsys: pytest.CaptureFixture[str], path: str, said: str
) -> None:
    assert cli.main(["run", path]) == 2
    err = capsys.readouterr().err
    assert first(err).startswith(f"error[unreadable]: {said}")
    assert all(line.startswith("   = help: ") for line in err.splitlines()[1:])


def test_a_tilde_in_quotes_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "~/net.yaml"]) == 2
    assert "help: `~` is not expanded here" in capsys.readouterr().err


def test_an_empty_device_is_an_empty_file() -> None:
    done = run("run", "/dev/null")
    assert (done.returncode, first(done.stderr)) == (2, "error[spec-empty]: /dev/null is empty")


def test_a_device_without_end_is_read_up_to_the_limit() -> None:
    done = run("run", "/dev/zero")
    assert done.returncode == 2
    assert "too-large]: /dev/zero has more than 1,048,576 bytes" in done.stderr


def test_a_file_that_grows_is_read_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    os.mkfifo(path)

    def write() -> None:
        with open(path, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"# more\n" * 1000)
            except BrokenPipeError:
                pass

    writer = threading.Thread(target=write)
    writer.start()
    done = run("run", str(path))
    writer.join(timeout=30)
    assert not writer.is_alive()
    assert done.returncode == 2
    assert "has more than 1,048,576 bytes" in done.stderr


def test_a_spec_may_come_from_a_command_of_the_shells(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_bytes(ASCII)
    done = shell('"$@" run <(cat net.yaml) --device meta', cwd=tmp_path)
    assert done.returncode == 2
    assert ":4:5\n" in done.stderr and "- Relu\n" in done.stderr


# standard input


def from_stdin(data: bytes) -> subprocess.CompletedProcess[str]:
    return run("run", "-", "--device", "meta", input=data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "spec-empty]: standard input is empty"),
        (b"\xff\xfe", "spec-encoding]: standard input is UTF-16, and a spec is UTF-8"),
        (ASCII, "there is no layer or block `Relu`"),
    ],
    ids=["empty", "UTF-16", "a spec"],
)
def test_standard_input_is_called_so(data: bytes, said: str) -> None:
    done = from_stdin(data)
    assert done.returncode == 2
    assert said in first(done.stderr)


def test_standard_input_without_end_is_read_up_to_the_limit() -> None:
    done = shell('yes "# more" | "$@" run -; echo "${PIPESTATUS[1]}"')
    assert done.stdout == "2\n"
    assert "standard input has more than 1,048,576 bytes" in done.stderr


def test_standard_input_may_be_closed() -> None:
    done = shell('"$@" run - <&-')
    assert done.returncode == 2
    assert first(done.stderr).endswith("standard input cannot be read: it is closed")


def test_standard_input_that_does_not_wait_is_said() -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    try:
        done = run("run", "-", stdin=reader)
    finally:
        os.close(reader)
        os.close(writer)
    assert done.returncode == 2
    assert "standard input cannot be read: resource temporarily unavailable" in done.stderr


def test_a_terminal_is_told_that_it_is_read_from() -> None:
    ours, theirs = pty.openpty()
    running = start("run", "-", "--device", "meta", stdin=theirs)
    os.close(theirs)
    os.write(ours, ASCII + b"\x04")
    _, err = running.communicate(timeout=60)
    os.close(ours)
    assert running.returncode == 2
    lines = err.decode().splitlines()
    assert lines[0] == "reading the spec from the terminal: Ctrl-D on an empty line ends it"
    assert lines[1].endswith("there is no layer or block `Relu`")


# what it costs


@pytest.mark.parametrize(
    "data",
    [
        lambda: b"[" * (1 << 20),
        lambda: b"- " * (1 << 19),
        lambda: b"a: " * 300_000,
        lambda: b'"' + b"x" * (1 << 20 - 1),
        lambda: os.urandom(1 << 20),
        lambda: b"\r" * (1 << 20),
        lambda: b"&a " * 300_000,
    ],
    ids=["brackets", "dashes", "keys", "one quote", "noise", "CR", "anchors"],
)
def test_a_file_of_any_bytes_costs_little(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, data: Callable[[], bytes]
) -> None:
    from fuzz.judge import judge

    assert judge(data()).seconds < 5


def test_a_spec_that_is_refused_loads_no_torch(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(SPEC.encode("utf-16"))
    code = (
        "import sys; from lazyinspect import cli; code = cli.main(['run', sys.argv[1]]); "
        "print('torch' in sys.modules, code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False 2\n"
