"""Files and folders as given -> the specs to look at, and locks that have lost theirs.

Nothing is parsed here: a spec is a YAML file with `layers:` at its start of line, a lock one that
ends in ``.lock.yaml``. Raises SpecError where there is nothing to look at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lazyinspect.errors import Problem, SpecError
from lazyinspect.spec.reader import MAX_BYTES

LOCK_SUFFIX = ".lock.yaml"
_SUFFIXES = (".yaml", ".yml")
_LAYERS = re.compile(rb"^(?:\xef\xbb\xbf)?(?:layers|\"layers\"|'layers')[ \t]*:", re.MULTILINE)
_LOCK = re.compile(rb"^lock: *[0-9]+ *\r?$", re.MULTILINE)
_LEFT_OUT = frozenset(("node_modules", "__pycache__", "site-packages"))


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to check."""

    specs: tuple[str, ...]
    """Paths in order, as given or below a folder as given; each file once."""
    orphans: tuple[str, ...] = ()
    """Locks without a spec beside them."""
    twins: tuple[tuple[str, str], ...] = ()
    """``NAME.yaml`` and ``NAME.yml``: two specs for one lock."""


def lock_of(spec: str) -> str:
    """``NAME.lock.yaml`` beside ``NAME.yaml``."""
    return os.path.splitext(spec)[0] + LOCK_SUFFIX


def spec_of(lock: str) -> str:
    """The spec beside a lock; where there is none, the one that it would belong to."""
    stem = lock[: -len(LOCK_SUFFIX)]
    return next((stem + end for end in _SUFFIXES if os.path.isfile(stem + end)), stem + ".yaml")


def find(paths: Sequence[str]) -> Found:
    """All specs that files and folders name; a folder is searched with all below it.

    Hidden folders, virtual environments and ``node_modules`` are left out, and of several names
    for one file the first counts. A lock stands for its spec.

    Raises:
        SpecError: a path does not exist, or there is no spec in a folder.
    """
    specs: list[str] = []
    orphans: list[str] = []
    problems: list[Problem] = []
    for path in paths:
        if os.path.isdir(path):
            before = len(specs) + len(orphans)
            for file in _walk(path):
                if is_orphan(file):
                    orphans.append(file)
                elif is_spec(file):
                    specs.append(file)
            if len(specs) + len(orphans) == before:
                problems.append(
                    Problem("no-specs", f"there is no spec in {path}",
                            help="a spec is a .yaml file with `layers:`")
                )  # fmt: skip
        elif path.endswith(LOCK_SUFFIX) and os.path.isfile(path):
            spec = spec_of(path)
            (specs if os.path.isfile(spec) else orphans).append(spec if spec in specs else path)
            if os.path.isfile(spec):
                specs[-1] = spec
        elif os.path.exists(path):
            specs.append(path)
        else:
            problems.append(
                Problem("unreadable", f"{path} cannot be read: no such file or directory",
                        help="check the path")
            )  # fmt: skip
    if problems:
        raise SpecError(problems)
    specs, orphans = _once(specs), _once(orphans)
    return Found(tuple(specs), tuple(orphans), tuple(_twins(specs)))


def is_spec(path: str) -> bool:
    """Whether a YAML file looks like a spec."""
    return not path.endswith(LOCK_SUFFIX) and _matches(path, _LAYERS)


def may_be_spec(path: str) -> bool:
    """Whether a file below a folder would be looked into, by its path from there."""
    *folders, name = path.split("/")
    hidden = any(part.startswith(".") for part in (*folders, name))
    left_out = hidden or not _LEFT_OUT.isdisjoint(folders)
    return name.endswith(_SUFFIXES) and not name.endswith(LOCK_SUFFIX) and not left_out


def is_orphan(path: str) -> bool:
    """Whether a file is a lock without a spec beside it."""
    return (
        path.endswith(LOCK_SUFFIX) and not os.path.isfile(spec_of(path)) and _matches(path, _LOCK)
    )


def _matches(path: str, pattern: re.Pattern[bytes]) -> bool:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        return False
    return pattern.search(data) is not None or (
        pattern is _LAYERS and data.lstrip().startswith(b"{") and b"layers" in data
    )


def _walk(folder: str) -> Iterator[str]:
    """YAML files below a folder, in order; a folder that links lead to twice counts once."""
    seen = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen or "pyvenv.cfg" in files:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _LEFT_OUT)
        for name in sorted(files):
            if name.endswith(_SUFFIXES) and not name.startswith("."):
                yield name if here == "." else os.path.normpath(os.path.join(here, name))


def _once(paths: Iterable[str]) -> list[str]:
    """Each file once, under its first name, in the order of the paths."""
    return sorted({os.path.realpath(path): path for path in reversed(list(paths))}.values())


def _twins(specs: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of specs that share a lock; both are there whether or not both were given."""
    for spec in specs:
        stem, end = os.path.splitext(spec)
        if end == ".yml" and is_spec(stem + ".yaml"):
            yield stem + ".yaml", spec
        elif end == ".yaml" and stem + ".yml" not in specs and is_spec(stem + ".yml"):
            yield spec, stem + ".yml"
