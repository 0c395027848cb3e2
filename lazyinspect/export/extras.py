"""What is not installed -> the error that says how to get it."""

from __future__ import annotations

from lazyinspect.errors import Problem, SpecError


def missing_extra(package: str, extra: str, error: ImportError) -> SpecError:
    """The error for a package that an extra of lazyinspect's brings.

    Args:
        error: what importing it raised. Of a package that is there and broken it says more.
    """
    absent = isinstance(error, ModuleNotFoundError) and error.name == package
    state = "not installed" if absent else "installed, and does not import"
    return SpecError(
        Problem(
            "missing-extra",
            f"this format needs the package `{package}`, which is {state}",
            help=f"pip install 'lazyinspect[{extra}]'",
            notes=() if absent else (f"{type(error).__name__}: {error}",),
        )
    )
