"""A command line that is refused says what it was probably meant to be."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from lazyinspect import cli


@pytest.mark.parametrize(
    ("given", "help"),
    [
        ("net.yaml --device meta", "lazyinspect run net.yaml --device meta"),
        ("'my net.yml'", "lazyinspect run 'my net.yml'"),
        ("help", "lazyinspect --help"),
        ("run net.yaml --width=3", "a parameter of the spec is set with --set width=3"),
        (
            "run net.yaml --num-classes 3",
            "a parameter of the spec is set with --set num_classes=VALUE",
        ),
        ("run net.yaml --set width 3", "--set width=3"),
    ],
)  # fmt: skip
def test_what_was_meant_is_said_below_the_error(
    given: str, help: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(shlex.split(given)) == 2
    assert capsys.readouterr().err.endswith(f"\nHelp: {help}\n")


@pytest.mark.parametrize("given", ["net.yoml", "run net.yaml --dept 3", "run net.yaml other.yaml"])
def test_nothing_is_guessed_where_the_option_is_near_or_nothing_is_known(
    given: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(given.split()) == 2
    assert "Help:" not in capsys.readouterr().err


def test_what_was_meant_is_in_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["net.yaml", "--format", "json"]) == 2
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["help"] == "lazyinspect run net.yaml --format json"


def test_a_spec_is_found_by_its_name_without_the_suffix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("specs").mkdir()
    Path("specs/net.yaml").write_text("input: [1, 8]\nlayers: [ReLU]\n")
    assert cli.main(["run", "specs/net"]) == 2
    assert "did you mean `specs/net.yaml`?" in capsys.readouterr().err
    assert cli.main(["run", "specs/net.yaml", "--device", "meta"]) == 0
