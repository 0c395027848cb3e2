"""Short YAML specs of PyTorch networks: planned, built from lazy modules, run, and verified."""

from __future__ import annotations

from lazyinspect._version import __version__
from lazyinspect.api import build, load, plan, run
from lazyinspect.errors import (
    ExpectationError,
    InternalError,
    LazyinspectError,
    NetworkError,
    SpecError,
)
from lazyinspect.plan.plan import Plan
from lazyinspect.report import Report

__all__ = [
    "ExpectationError",
    "InternalError",
    "LazyinspectError",
    "NetworkError",
    "Plan",
    "Report",
    "SpecError",
    "__version__",
    "build",
    "load",
    "plan",
    "run",
]
