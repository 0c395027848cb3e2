"""The program: signals settled before the imports that take their time, then the command line."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """What ``lazyinspect`` and ``python -m lazyinspect`` run. Returns the exit code."""
    from lazyinspect.interrupt import end_on_signals

    end_on_signals()
    from lazyinspect.cli import main as run

    return run()


if __name__ == "__main__":
    # `python -m` searches the current folder first: a `yaml.py` beside a spec is not imported
    if sys.path and os.path.realpath(sys.path[0] or ".") == os.path.realpath("."):
        del sys.path[0]
    sys.exit(main())
