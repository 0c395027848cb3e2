"""Bytes -> Spec and on to a Plan. ``python -m fuzz.spec_bytes SECONDS SEED``.

With atheris installed (``pip install -e '.[fuzz]'``), coverage guides the way; without it, the
same corpus and dictionary are mutated blindly.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from fuzz.findings import Figures
from fuzz.judge import Finding, judge
from fuzz.mutate import Mutator, corpus, dictionary


def fuzz(seconds: float, seed: int) -> Figures:
    """Judge bytes for so many seconds, guided where atheris is installed."""
    if importlib.util.find_spec("atheris") is None:
        return blind(seconds, seed)
    return guided(seconds, seed)


def blind(seconds: float, seed: int, most: int | None = None) -> Figures:
    """Judge random changes of the corpus, the same for the same seed.

    Args:
        most: cases at most.
    """
    figures = Figures("spec_bytes")
    mutator = Mutator(seed)
    begin = time.monotonic()
    while time.monotonic() - begin < seconds and figures.cases != most:
        one(mutator.next(), figures)
    figures.seconds = time.monotonic() - begin
    return figures


def _entry(word: bytes) -> str:
    """A word as a line of libFuzzer's dictionaries."""
    escaped = "".join(rf"\x{byte:02x}" for byte in word)
    return f'"{escaped}"\n'


def one(data: bytes, figures: Figures) -> None:
    """Judge a case and put it down."""
    try:
        figures.ended(judge(data))
    except Finding as finding:
        figures.found(finding, data)


def guided(seconds: float, seed: int) -> Figures:
    """Judge what libFuzzer makes of the corpus. It runs in a process of its own, which it ends."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("seeds", "grown"):
            (Path(folder) / name).mkdir()
        for number, data in enumerate(corpus()):
            (Path(folder) / "seeds" / f"{number:04}").write_bytes(data)
        (Path(folder) / "dictionary").write_text("".join(map(_entry, dictionary())))
        figures_file = Path(folder) / "figures.json"
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "fuzz.spec_bytes_target",
                str(figures_file),
                str(Path(folder) / "grown"),
                str(Path(folder) / "seeds"),
                f"-dict={folder}/dictionary",
                f"-max_total_time={seconds:.0f}",
                f"-seed={seed}",
                "-max_len=8192",
                "-timeout=60",
                "-rss_limit_mb=4096",
                f"-artifact_prefix={folder}/",
            ],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if not figures_file.exists():
            raise RuntimeError(f"the target said:\n{done.stderr[-3000:]}")
        held = json.loads(figures_file.read_text())
    figures = Figures("spec_bytes", **{**held, "outcomes": Counter(held["outcomes"])})
    figures.seconds = seconds
    last = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", done.stderr)
    if last:
        blocks, features, kept = last[-1]
        figures.coverage = f"coverage {blocks} edges, {features} features; {kept} cases kept"
    if done.returncode:
        figures.findings[f"libFuzzer ended with {done.returncode}: {done.stderr[-300:]}"] = 0
    return figures


if __name__ == "__main__":
    print(fuzz(float(sys.argv[1]), int(sys.argv[2])).text())
