"""`pytest --lazyinspect FOLDER` -> every network of every spec as a test; and `assert_shapes`.

pytest loads this module at every start, in projects that have no specs too: everything else of
lazyinspect is imported when it is needed, torch only by a module that `assert_shapes` runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lazyinspect.drift import Checked

PLAIN = "network"
"""Name of the test of a spec without variants, as its lock calls it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of ``pytest --help``."""
    group = parser.getgroup("lazyinspect", "networks as specs (lazyinspect)")
    group.addoption(
        "--lazyinspect",
        action="store_true",
        help="collect specs: a test for each network, which holds it against its lock.",
    )
    group.addoption(
        "--lazyinspect-allow",
        action="append",
        default=[],
        metavar="CLASS",
        help="a class of your own that the specs may import; repeatable.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark that ``-m lazyinspect`` selects by."""
    config.addinivalue_line("markers", "lazyinspect: a network of a spec, held against its lock.")


@pytest.fixture(scope="session")
def assert_shapes() -> Callable[..., None]:
    """``assert_shapes(module_or_spec, inputs, {path: shape})`` compares the shapes of outputs."""
    from lazyinspect import assertion

    return assertion.assert_shapes


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A collector for a spec, and for a lock that has lost its own."""
    if file_path.suffix not in (".yaml", ".yml") or not parent.config.getoption("lazyinspect"):
        return None
    from lazyinspect.lock.find import LOCK_SUFFIX, is_orphan, is_spec

    path = str(file_path)
    # as for `lazyinspect check`, a file that is named is a spec, whatever is in it
    named = parent.session.isinitpath(file_path) and not path.endswith(LOCK_SUFFIX)
    if not (named or is_spec(path) or is_orphan(path)):
        return None
    collector: SpecFile = SpecFile.from_parent(parent, path=file_path)
    return collector


class SpecFile(pytest.File):
    """A spec. Its networks are planned together, when the first of its tests runs."""

    _results: Sequence[Checked] | None = None

    def collect(self) -> Iterator[Network]:
        """A test for each network that the spec or its lock has."""
        from lazyinspect import api
        from lazyinspect.lock.listing import listing

        networks = listing(str(self.path), api.load)
        for variant, line in networks.items():
            name = variant or PLAIN
            if variant is None and PLAIN in networks:
                name += " without a variant"
            yield Network.from_parent(self, name=name, variant=variant, line=line)

    @property
    def results(self) -> Sequence[Checked]:
        """What `lazyinspect check` finds."""
        if self._results is None:
            from lazyinspect import api
            from lazyinspect.drift import Checked
            from lazyinspect.errors import LazyinspectError

            path, allow = _shortest(self.path), self.config.getoption("lazyinspect_allow")
            try:
                self._results = api.check_all([path], allow=allow).results
            except LazyinspectError as error:  # the project's policies cannot be read
                failed = Checked(path, "", problems=error.problems, problem_code=error.exit_code)
                self._results = (failed,)
        return self._results


class Network(pytest.Item):
    """One network of a spec."""

    def __init__(self, *, variant: str | None, line: int, **common: Any) -> None:
        super().__init__(**common)
        self.variant = variant
        self.line = line
        self.add_marker("lazyinspect")

    def runtest(self) -> None:
        """Raise NotAsLocked where its lock says otherwise, or nothing can be compared."""
        assert isinstance(self.parent, SpecFile)
        results = self.parent.results
        own = [result for result in results if result.variant == self.variant]
        # where the lock is missing or damaged, that is the one result of all networks that plan
        found = own or [result for result in results if result.variant is None]
        if any(result.exit_code for result in found):
            raise NotAsLocked(found)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What `lazyinspect check` prints, and no traceback."""
        if not isinstance(excinfo.value, NotAsLocked):
            return super().repr_failure(excinfo, style)
        text, headline = excinfo.value.told()
        return _failure(text, headline, str(self.path), self.line)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands, and the heading of its failure: ``resnet.yaml@r50``."""
        # no end of the test's own name: pytest would take that for a Python name, with dots
        heading = self.path.name if self.variant is None else f"{self.path.name}@{self.variant}"
        return self.path, self.line - 1, heading


class NotAsLocked(Exception):
    """A network that differs from its lock, or cannot be compared with it."""

    def __init__(self, results: Sequence[Checked]) -> None:
        super().__init__("not as locked")
        self.results = results

    def told(self) -> tuple[str, str]:
        """All that is to be said, and one line of it."""
        from lazyinspect.render import problems
        from lazyinspect.render.drift import text, words
        from lazyinspect.render.layout import Layout

        found = list(dict.fromkeys(p for result in self.results for p in result.problems))
        drifts = [drift for result in self.results for drift in result.drifts]
        parts = [problems.render(found, Layout())] if found else []
        parts += [text.causes(drifts, Layout())] if drifts else []
        headline = found[0].message if found else words.headline(drifts[0])
        return "\n\n".join(part.strip("\n") for part in parts), headline


def _shortest(path: Path) -> str:
    """The path as somebody would type it here, for messages and the commands in them."""
    try:
        short = os.path.relpath(path)
    except (ValueError, OSError):  # another drive, or a current folder that is gone
        return str(path)
    return str(path) if short.startswith(os.pardir) else short


def _failure(text: str, headline: str, path: str, line: int) -> Any:
    """The text as pytest shows a failure, with a line for its summary."""
    try:
        from _pytest._code.code import (
            ReprEntryNative,
            ReprExceptionInfo,
            ReprFileLocation,
            ReprTraceback,
        )
    except ImportError:  # they are pytest's own affair; without them the summary has no line
        return text
    return ReprExceptionInfo(
        reprtraceback=ReprTraceback([ReprEntryNative([text + "\n"])], None, "native"),
        reprcrash=ReprFileLocation(path, line, headline),
    )
