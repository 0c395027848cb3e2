"""The program: signals settled before the imports that take their time, then the command line."""

from __future__ import annotations

import sys

from lazyinspect.interrupt import end_on_signals


def main() -> int:
    """What ``lazyinspect`` and ``python -m lazyinspect`` run. Returns the exit code."""
    end_on_signals()
    from lazyinspect.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
