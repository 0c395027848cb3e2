"""Writing: a file is replaced whole or stays as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lazyinspect.errors import SpecError
from lazyinspect.files import replace_file, writing


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    replace_file(tmp_path / "r.txt", ["é\n", "b\n"])
    assert (tmp_path / "r.txt").read_bytes() == "é\nb\n".encode()
    assert os.listdir(tmp_path) == ["r.txt"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    path.write_text("old")

    def pieces() -> Iterator[str]:
        yield "new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_file(path, pieces())
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["r.txt"]


def test_a_missing_folder_is_said_before_any_work(tmp_path: Path) -> None:
    asked = []

    def pieces() -> Iterator[str]:
        asked.append(True)
        yield ""

    with pytest.raises(SpecError, match=r"cannot write .*none.*: No such file or directory"):
        replace_file(tmp_path / "none" / "r.txt", pieces())
    assert not asked


def test_a_folder_in_the_way_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="Is a directory"):
        replace_file(tmp_path, ["text"])
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_an_expected_failure() -> None:
    with pytest.raises(SpecError, match="cannot write /dev/full: No space left on device"):
        replace_file(Path("/dev/full"), ["text"])


def test_a_device_is_written_to_and_not_replaced() -> None:
    replace_file(Path(os.devnull), ["text"])
    assert Path(os.devnull).is_char_device()


def test_a_pipe_is_written_to() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader) as pipe:
        replace_file(Path(f"/dev/fd/{writer}"), ["text\n"])
        os.close(writer)
        assert pipe.read() == "text\n"


def test_a_link_to_nothing_makes_the_file_it_names(tmp_path: Path) -> None:
    (tmp_path / "link.txt").symlink_to("real.txt")
    replace_file(tmp_path / "link.txt", ["new"])
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    replace_file(tmp_path / "link.txt", ["new"])
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_permissions_of_a_replaced_file_stay(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    path.write_text("old")
    path.chmod(0o640)
    replace_file(path, ["new"])
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_closed_pipe_is_not_called_a_failure_to_write() -> None:
    with pytest.raises(BrokenPipeError), writing("standard output"):
        raise BrokenPipeError
