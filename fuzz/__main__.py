"""``python -m fuzz``: every target for its share of the time, and the figures."""

from __future__ import annotations

import argparse
import os
import sys

from fuzz import command_line, plan_structured, spec_bytes
from fuzz.findings import FOLDER

SHARES = (
    (spec_bytes.fuzz, 0.4),
    (plan_structured.fuzz, 0.5),
    (command_line.fuzz, 0.1),
)


def main() -> int:
    """Returns 1 where there are findings."""
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("--seconds", type=float, default=600, help="for all targets together")
    parser.add_argument("--seed", type=int, help="another one at every run, unless given")
    given = parser.parse_args()
    seed = int.from_bytes(os.urandom(4), "big") >> 1 if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    findings = 0
    for fuzz, share in SHARES:
        figures = fuzz(given.seconds * share, seed)
        print(figures.text(), flush=True)
        findings += len(figures.findings)
    if findings:
        print(f"{findings} findings: see {os.path.relpath(FOLDER)}")
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main())
