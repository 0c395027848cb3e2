"""Output that nobody reads, or that has no room: silence, or one clear problem and exit 2."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from program import ROOT, run, shell

MYNET = str(ROOT / "configs" / "mynet.yaml")


@pytest.mark.parametrize(
    "arguments",
    [
        ("layers",),
        ("schema",),
        ("--help",),
        ("run", MYNET, "--device", "meta"),
        ("run", str(ROOT / "configs" / "resnet.yaml"), "--device", "meta", "--variant", "all"),
        ("run", MYNET, "--device", "meta", "--format", "json"),
        ("run", MYNET, "--device", "meta", "-o", "/dev/stdout"),
    ],
    ids=lambda arguments: " ".join(Path(part).name for part in arguments),
)
def test_a_reader_that_leaves_hears_nothing(arguments: tuple[str, ...]) -> None:
    done = shell('"$@" | head -c 1; echo " ${PIPESTATUS[0]}"', *arguments)
    assert (done.stdout[1:], done.stderr) == (" 0\n", "")


def test_an_error_that_nobody_reads_keeps_its_exit_code() -> None:
    done = shell('"$@" run none.yaml 2>&1 >/dev/null | true; echo "${PIPESTATUS[0]}"')
    assert done.stdout == "2\n"


@pytest.mark.parametrize(
    ("redirection", "said"),
    [(">/dev/full", "No space left on device"), (">&-", "it is closed")],
)
@pytest.mark.parametrize(
    "arguments",
    [
        ("layers",),
        ("run", MYNET, "--device", "meta"),
        ("run", "none.yaml", "--format", "json"),
        ("run", "--nothing", "--format=json"),
    ],
    ids=lambda arguments: " ".join(Path(part).name for part in arguments),
)
def test_output_without_room_is_exit_2(
    redirection: str, said: str, arguments: tuple[str, ...]
) -> None:
    done = shell(f'"$@" {redirection}', *arguments)
    assert done.returncode == 2
    assert f"cannot write standard output: {said}\n" in done.stderr
    assert "bug" not in done.stderr and "Traceback" not in done.stderr


def test_a_limit_on_file_sizes_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_text("old")
    done = shell('ulimit -f 0; "$@"', "run", MYNET, "--device", "meta", "-o", str(path))
    assert done.returncode == 2
    assert done.stderr == f"error[cannot-write]: cannot write {path}: File too large\n"
    assert (path.read_text(), os.listdir(tmp_path)) == ("old", ["report.txt"])


def full_disk(folder: Path) -> bool:
    """Mount a disk of four pages there, and fill it but for nothing. Only root may."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode == 0:
        try:
            (folder / "filler").write_bytes(bytes(1 << 20))
        except OSError:
            return True
    return False


def test_a_full_disk_leaves_no_half_written_file(tmp_path: Path) -> None:
    if full_disk(tmp_path):
        try:
            done = run("run", MYNET, "--device", "meta", "-o", str(tmp_path / "report.txt"))
            left = sorted(os.listdir(tmp_path))
        finally:
            subprocess.run(["umount", str(tmp_path)], check=True)
        assert left == ["filler"]
        path = tmp_path / "report.txt"
    else:
        path = Path("/dev/full")
        done = run("run", MYNET, "--device", "meta", "-o", str(path))
    assert done.returncode == 2
    assert done.stderr == f"error[cannot-write]: cannot write {path}: No space left on device\n"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("none/report.txt", "No such file or directory"),
        ("file/report.txt", "Not a directory"),
        (".", "Is a directory"),
        ("", "Is a directory"),
        ("x" * 300, "File name too long"),
        ("/proc/report.txt", "No such file or directory"),
    ],
    ids=["missing folder", "a file as folder", "folder", "empty", "long", "not for files"],
)
def test_a_place_that_cannot_be_written_is_said_before_the_run(
    tmp_path: Path, path: str, said: str
) -> None:
    (tmp_path / "file").touch()
    # a run, which would take seconds
    done = run("run", MYNET, "--runs", "1000000", "-o", path, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error[cannot-write]: cannot write ")
    assert done.stderr.endswith(f": {said}\n")
    assert os.listdir(tmp_path) == ["file"]


def test_a_name_as_long_as_names_may_be_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    done = run("run", MYNET, "--device", "meta", "-o", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert path.read_text().startswith("mynet  ")


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("old")
    # the shell's own number is the program's: exec keeps it
    script = 'ln -s precious .report.txt.$$.tmp; exec "$@"'
    done = shell(script, "run", MYNET, "--device", "meta", "-o", "report.txt", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert precious.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["precious", "report.txt"]


def test_nothing_is_written_unasked(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("input: [1, 4]\nlayers: [ReLU]\n")
    for command in (("run", "net.yaml", "--no-time"), ("layers",), ("schema",)):
        assert run(*command, cwd=tmp_path).returncode == 0
    assert os.listdir(tmp_path) == ["net.yaml"]
