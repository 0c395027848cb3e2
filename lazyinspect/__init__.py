"""Short YAML specs of PyTorch networks: planned, built from lazy modules, run, and verified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# loading a package binds its name here, and nothing does so again: deleted below, the name
# is free to mean the verb, while `lazyinspect.plan.ops` still imports
import lazyinspect.export
import lazyinspect.lock
import lazyinspect.plan  # noqa: F401
from lazyinspect._version import __version__

if TYPE_CHECKING:
    from lazyinspect.api import build, check, diff, export, load, lock, plan, run
    from lazyinspect.codes import explain
    from lazyinspect.drift import Drift
    from lazyinspect.errors import (
        ExpectationError,
        InternalError,
        LazyinspectError,
        NetworkError,
        SpecError,
    )
    from lazyinspect.plan.plan import Plan
    from lazyinspect.report import Report
else:
    del export, lock, plan

__all__ = [
    "Drift",
    "ExpectationError",
    "InternalError",
    "LazyinspectError",
    "NetworkError",
    "Plan",
    "Report",
    "SpecError",
    "__version__",
    "build",
    "check",
    "diff",
    "explain",
    "export",
    "load",
    "lock",
    "plan",
    "run",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: ``lazyinspect --help`` needs neither yaml nor plans."""
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "lazyinspect.errors" if name.endswith("Error") else "lazyinspect.api"
    home = {"explain": "lazyinspect.codes", "Drift": "lazyinspect.drift"}.get(name, home)
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return __all__
