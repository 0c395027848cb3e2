"""Sweeps over batches and inputs, from the command line."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from lazyinspect import cli
from lazyinspect.errors import SpecError
from lazyinspect.render.layout import Layout
from lazyinspect.render.plot import plot
from lazyinspect.render.sweep import render
from lazyinspect.report import Duration, Environment
from lazyinspect.sweep import Point, Sweep

ROOT = Path(__file__).parents[1]
SPEC = "input: [1, 3, 8, 8]\nlayers: [LazyConv2d: [4, 3], ReLU]\n"


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(SPEC)
    return "net.yaml"


def ran(capsys: pytest.CaptureFixture[str], *given: str) -> tuple[int, str, str]:
    code = cli.main(["run", *given])
    out, err = capsys.readouterr()
    return code, out, err


def test_each_batch_has_a_row_with_its_figures(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = ran(capsys, spec, "--batch", "1,4", "--runs", "1", "--format", "json")
    value = json.loads(out)
    assert code == 0 and value["schema"] == "lazyinspect/sweep/1"
    assert [point["inputs"]["input"] for point in value["points"]] == [[1, 3, 8, 8], [4, 3, 8, 8]]
    one, four = value["points"]
    assert four["macs"] == 4 * one["macs"] and one["forward_ns"]["median"] > 0
    assert four["inputs_per_second"] == pytest.approx(4e9 / four["forward_ns"]["median"])


def test_planned_sweeps_have_no_times(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ran(
        capsys, spec, "--input", "1,3,8,8;1,3,16,16", "--device", "meta", "--format", "csv"
    )
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [row["inputs"] for row in rows] == ["input [1, 3, 8, 8]", "input [1, 3, 16, 16]"]
    assert [row["forward_median_ns"] for row in rows] == ["", ""]


def test_named_inputs_may_have_several_shapes(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--input", "input=1,3,8,8;2,3,8,8", "--device", "meta")
    code, out, _ = ran(capsys, spec, *given)
    assert code == 0 and "[2, 3, 8, 8]" in out


def test_a_batch_that_does_not_fit_has_the_reason_in_its_row_and_the_others_run(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ran(capsys, spec, "--batch", "1,4096,2", "--memory-limit", "1MiB", "--no-time")
    assert code == 3
    lines = out.splitlines()
    assert any(line.startswith("[1, 3, 8, 8]") for line in lines)
    assert any(line.startswith("[2, 3, 8, 8]") for line in lines)
    assert any(line.startswith("batch 4,096  the network needs at least") for line in lines)
    assert "error[out-of-memory]" in err and "point batch 4096" in err


@pytest.mark.parametrize(
    "given",
    [
        ["--batch", "1,,8"],
        ["--batch", "1,x"],
        ["--batch", "0,2"],
        ["--input", "1,3,8,8;1,3"],
        ["--plot", "times.gif", "--batch", "1,2"],
        ["--input", "a=1;2", "--input", "b=1;2"],
    ],
)
def test_lists_of_the_wrong_form_are_refused(
    spec: str, given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, _ = ran(capsys, spec, "--device", "meta", *given)
    assert code in (2, 3)
    assert not Path("times.gif").exists()


def test_what_is_done_is_shown_where_a_sweep_is_interrupted(tmp_path: Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text(SPEC)
    command = [sys.executable, "-m", "lazyinspect", "run", str(spec), "--batch", "1,2,4"]
    process = subprocess.Popen(
        [*command, "--runs", "3000", "--min-time", "2"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(6.5)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted: " in out.decode() and " of 3 were done" in out.decode()


def _sweep(*medians: int) -> Sweep:
    points = tuple(
        Point(
            None, 2**k, {"input": (2**k, 3, 8, 8)}, 10, 20, 40, 30, 50,
            Duration(median, median - 5, median + 5), 2**k * 1e9 / median,
        )
        for k, median in enumerate(medians)
    )  # fmt: skip
    return Sweep("net.yaml", "net", Environment("0", "2", "3.11", "cpu", None), points, len(points))


def test_a_plot_has_the_times_and_the_rates_and_is_the_same_each_time() -> None:
    pytest.importorskip("matplotlib")
    sweep = _sweep(1_000_000, 2_000_000, 3_000_000)
    drawn = plot(sweep, "svg")
    text = drawn.decode()
    for piece in ("net on cpu", "batch", "inputs/s", "forward, ms"):
        assert piece in text
    assert plot(sweep, "svg") == drawn
    assert plot(sweep, "png").startswith(b"\x89PNG")


def test_a_plot_of_one_time_is_refused() -> None:
    with pytest.raises(SpecError, match="two timed points"):
        plot(_sweep(1_000_000), "svg")


def test_a_plot_without_matplotlib_says_how_to_get_it() -> None:
    hidden: dict[str, Any] = {"matplotlib": None, "matplotlib.figure": None}
    with patch.dict("sys.modules", hidden), pytest.raises(SpecError) as raised:
        plot(_sweep(1, 2), "svg")
    assert raised.value.problems[0].help == "pip install 'lazyinspect[plot]'"


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json"])
def test_every_format_has_every_point(form: str) -> None:
    text = render(_sweep(1_000_000, 2_000_000), form, Layout())
    assert text.count("3, 8, 8") == 2
