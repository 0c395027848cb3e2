"""What libFuzzer calls with bytes: ``python -m fuzz.spec_bytes_target FIGURES.json OPTION...``.

A process of its own, since libFuzzer ends it: the figures are written as it goes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import atheris

# before anything else imports them: what is imported here is watched
with atheris.instrument_imports(include=["lazyinspect.spec", "lazyinspect.plan"]):
    from lazyinspect import api
    from lazyinspect.plan.ops import table

    api.layers()
    table()

from fuzz.findings import Figures
from fuzz.spec_bytes import one

FILE = Path(sys.argv[1])
FIGURES = Figures("spec_bytes")


def target(data: bytes) -> None:
    one(data, FIGURES)
    if FIGURES.cases % 100 == 1:
        names = ("cases", "slowest", "largest", "outcomes", "findings")
        FILE.write_text(json.dumps({name: getattr(FIGURES, name) for name in names}))


if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()
