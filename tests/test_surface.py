"""The public surface: the exported names, and that they cost nothing until used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import lazyinspect
from lazyinspect import errors


def test_exported_names_are_pinned() -> None:
    assert sorted(lazyinspect.__all__) == [
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
    assert dir(lazyinspect) == sorted(lazyinspect.__all__)


@pytest.mark.parametrize("name", lazyinspect.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    assert getattr(lazyinspect, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        lazyinspect.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_errors_are_those_of_the_error_tree() -> None:
    assert lazyinspect.SpecError is errors.SpecError


@pytest.mark.parametrize(
    "imports",
    [
        "import lazyinspect",
        "import lazyinspect.plan.ops, lazyinspect",
        "import lazyinspect.api, lazyinspect",
        "from lazyinspect.plan import make_plan; import lazyinspect",
        "import lazyinspect.cli, lazyinspect",
    ],
)
def test_plan_is_the_verb_whatever_was_imported_before(imports: str) -> None:
    code = f"{imports}; assert lazyinspect.plan is lazyinspect.api.plan, lazyinspect.plan"
    code = code.replace("; assert", "; import lazyinspect.api; assert")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_importing_the_package_loads_no_library() -> None:
    code = "import lazyinspect, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True
    )
    names = {name.partition(".")[0] for name in done.stdout.split()}
    assert not {"torch", "yaml", "rich", "typer"} & names
