"""Run all benchmarks, or those named, and say whether each is within its bound."""

from __future__ import annotations

import sys

from benchmarks import check, materialise, planning, startup, symbolic, timing

ALL = {
    "startup": startup.main,
    "planning": planning.main,
    "materialise": materialise.main,
    "check": check.main,
    "symbolic": symbolic.main,
    "timing": timing.main,
}


def main() -> int:
    """Exit 1 where a bound does not hold."""
    names = sys.argv[1:] or list(ALL)
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}: there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    held = [ALL[name]() for name in names]
    return 0 if all(held) else 1


sys.exit(main())
