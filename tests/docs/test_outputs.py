"""The outputs that the docs show are what the commands print."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest
from doc_blocks import ROOT, Output, blocks, outputs, read, rewrite_output

OUTPUTS = outputs()


def run(command: str) -> str:
    """Standard output, then standard error, of a ``lazyinspect`` command in the repository.

    With ``> /dev/null`` at its end, standard error alone.
    """
    command, errors_alone, _ = command.partition(" > /dev/null")
    program, *arguments = shlex.split(command)
    assert program == "lazyinspect"
    environment = {
        **os.environ,
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONUTF8": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "lazyinspect", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    text = "" if errors_alone else done.stdout
    text += "".join(line for line in done.stderr.splitlines(keepends=True) if "NumPy" not in line)
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def without_times(text: str) -> str:
    """The text less what differs from one run and one machine to the next."""
    text = re.sub(r"[\d.,]+ (ns|us|µs|ms|s)\b", "T", text)
    text = re.sub(r"[\d.<]+ ?%", "P", text)
    text = re.sub(r"[\d.,]+ \w?(FLOP/s|inputs/s)", r"R \1", text)
    text = re.sub(r"\d+ threads?\b", "threads", text)
    text = re.sub(r"(timing them took P) (more|less)", r"\1", text)
    text = re.sub(r"measured on cpu.*", "measured on cpu", text)
    text = re.sub(r"(?m)^ +\"environment\": .*$", "", text)
    text = re.sub(
        r"\"(median|p10|p90|layers_ns|hooked_ns|inputs_per_second|warmed|threads)\": [\d.]+",
        r"\1",
        text,
    )
    # of a sweep's table the rate has no unit beside it
    text = re.sub(r"(T to T +)[\d.,]+( +R)", r"\1\2", text)
    return re.sub(r"[ ─━]+", " ", text)


@pytest.mark.parametrize("output", OUTPUTS, ids=str)
def test_shown_output_is_what_the_command_prints(output: Output) -> None:
    printed = run(output.command)
    same = without_times(printed) == without_times(output.text)
    if not same and os.environ.get("LAZYINSPECT_DOCS") == "write":
        rewrite_output(output, printed)
        return
    assert without_times(output.text) == without_times(printed), "`make docs` rewrites it"


def test_readme_shows_the_main_job() -> None:
    commands = [output.command for output in OUTPUTS if output.page == "README.md"]
    assert "lazyinspect run configs/mynet.yaml" in commands


def test_readme_stays_under_200_lines() -> None:
    assert len(read("README.md").splitlines()) < 200


def test_readme_opens_with_the_config_it_runs() -> None:
    def code(text: str) -> list[str]:
        return [line for line in text.splitlines() if line and not line.startswith("#")]

    first = next(block for block in blocks("yaml") if block.page == "README.md")
    config = (ROOT / "configs" / "mynet.yaml").read_text(encoding="utf-8")
    assert code(first.text) == [line for line in code(config) if not line.startswith("name:")]
