"""pyproject.toml -> the policies of a project's specs: ``[tool.lazyinspect]``.

The nearest file upward from a spec counts that has such a table. Raises SpecError for what is
wrong in it, with its line. No torch here.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

from lazyinspect.errors import Mark, Problem, Source, SpecError
from lazyinspect.lock import places
from lazyinspect.spec.model import Policy, Rule
from lazyinspect.spec.policy import PLANNED_KEYS, RULES, parse_policy, strings
from lazyinspect.spec.reader import Mapping, Node, Scalar
from lazyinspect.spec.reader import Sequence as List
from lazyinspect.spec.values import Problems

NAME = "pyproject.toml"
TABLE = ("tool", "lazyinspect")
_KEYS = ("folders", "specs", *RULES, *PLANNED_KEYS)
_ENTRY_KEYS = ("files", *RULES, *PLANNED_KEYS, "variants")


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What is said of some of a project's specs: ``[[tool.lazyinspect.specs]]``."""

    files: re.Pattern[str]
    """Of paths from the project's folder."""
    policy: Policy


@dataclass(frozen=True, slots=True, eq=False)
class Project:
    """What a pyproject.toml says of specs."""

    folder: str
    policy: Policy
    entries: tuple[Entry, ...] = ()
    """A later one outranks an earlier one."""
    folders: Rule | None = None
    """What a command without arguments looks at."""

    def policies(self, path: str) -> Iterator[Policy]:
        """Those of a spec, by absolute path; a later one outranks an earlier one."""
        yield self.policy
        inside = os.path.relpath(path, self.folder).replace(os.sep, "/")
        yield from (entry.policy for entry in self.entries if entry.files.match(inside))


def project_of(path: str) -> Project | None:
    """The project of a file or folder.

    Raises:
        SpecError: its table is wrong.
    """
    folder = os.path.abspath(path)
    while True:
        project = _project(folder)
        if project is not None:
            return project
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def default_paths() -> list[str]:
    """What a command without arguments looks at: the project's folders, else all below here.

    Raises:
        SpecError: the project's table is wrong, or names a folder that is not there.
    """
    project = project_of(os.curdir)
    if project is None or project.folders is None:
        return [os.curdir]
    found = []
    for name in project.folders.value:
        path = os.path.join(project.folder, name)
        if not os.path.exists(path):
            message = f"`folders` names `{name}`, which is not there"
            help = f"name folders from {os.path.relpath(project.folder)}"
            raise SpecError(Problem("bad-policy", message, project.folders.mark, help=help))
        found.append(os.path.relpath(path))
    return found


def _project(folder: str) -> Project | None:
    path = os.path.join(folder, NAME)
    try:
        state = os.stat(path)
    except (OSError, ValueError):
        return None
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=256)
def _read(path: str, _changed: int, _size: int) -> Project | None:
    """The project of a file, read again when it has changed."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return None
    # most files have no such table, and a parser need not be loaded to see that
    if b"lazyinspect" not in data:
        return None
    shown = os.path.relpath(path)
    if shown.startswith(os.pardir + os.sep + os.pardir):
        shown = path
    try:
        text = data.decode("utf-8")
        source = Source(shown, tuple(text.splitlines()))
        table = _table(_parse(text, source))
    except UnicodeDecodeError:
        raise SpecError(Problem("bad-project", f"{shown} is not UTF-8")) from None
    if table is None:
        return None
    return _Reader(os.path.dirname(path), places.of_keys(source), source).project(table)


def _parse(text: str, source: Source) -> dict[str, Any]:
    # the one is what the other became in Python 3.11
    toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        document: dict[str, Any] = toml.loads(text)
        return document
    except toml.TOMLDecodeError as error:
        said = re.sub(r" \(at .*\)$", "", str(error))
        where = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        mark = Mark(source, int(where[1]), int(where[2])) if where else None
        message = f"{source.path} is no TOML: {said[:1].lower()}{said[1:]}"
        raise SpecError(Problem("bad-project", message, mark)) from None


def _table(document: dict[str, Any]) -> Any:
    tools = document.get(TABLE[0])
    return tools.get(TABLE[1]) if isinstance(tools, dict) else None


class _Reader:
    def __init__(self, folder: str, marks: places.Marks, source: Source) -> None:
        self.folder, self.marks, self.source = folder, marks, source
        self.problems = Problems()

    def project(self, table: Any) -> Project:
        node = self._node(table, TABLE)
        where = "[tool.lazyinspect]"
        if not isinstance(node, Mapping):
            self._refuse(node, f"{where} is a table", "write its keys below it")
            raise SpecError(self.problems.found)
        folders: Rule | None = None
        entries: list[Entry] = []
        for key, value in node.pairs:
            if key.text == "folders":
                names = strings(self.problems, "folders", value, '["configs"]')
                folders = None if names is None else Rule(names, key.mark)
            elif key.text == "specs":
                entries = list(self._entries(value))
        policy = parse_policy(self.problems, node, where, _KEYS)
        if self.problems.found:
            raise SpecError(self.problems.found)
        return Project(self.folder, policy, tuple(entries), folders)

    def _entries(self, node: Node) -> Iterator[Entry]:
        items = node.items if isinstance(node, List) else ()
        if not items or not all(isinstance(item, Mapping) for item in items):
            self._refuse(node, "`specs` is an array of tables", "write [[tool.lazyinspect.specs]]")
            return
        for item in items:
            assert isinstance(item, Mapping)
            policy = parse_policy(
                self.problems, item, "[[tool.lazyinspect.specs]]", _ENTRY_KEYS
            )  # fmt: skip
            files = item.get("files")
            if files is None:
                self._refuse(item, "[[tool.lazyinspect.specs]] has no `files`",
                             'write files = "configs/*.yaml"')  # fmt: skip
                continue
            patterns = strings(self.problems, "files", files, '"configs/*.yaml"')
            if patterns is not None:
                yield Entry(pattern(patterns), policy)

    def _node(self, value: Any, path: places.Path) -> Node:
        """A value as the reader of specs would give it."""
        mark = places.mark(self.marks, path, self.source)
        if isinstance(value, dict):
            pairs = []
            for key, item in value.items():
                inner = (*path, key)
                name = Scalar(key, key, places.mark(self.marks, inner, self.source), True)
                pairs.append((name, self._node(item, inner)))
            return Mapping(tuple(pairs), mark)
        if isinstance(value, list):
            return List(tuple([self._node(v, (*path, k)) for k, v in enumerate(value)]), mark)
        if isinstance(value, bool):
            return Scalar(value, str(value).lower(), mark, True)
        return Scalar(value, str(value), mark, not isinstance(value, str))

    def _refuse(self, node: Node, message: str, help: str) -> None:
        self.problems.add("bad-policy", message, node.mark, help=help)


def pattern(globs: Sequence[str]) -> re.Pattern[str]:
    """Globs as one pattern of whole paths: ``*`` and ``?`` stay inside a name, ``**`` does not.

    A folder stands for all below it.
    """
    return re.compile("|".join(f"(?:{_glob(glob)}(?:/.*)?)\\Z" for glob in globs), re.DOTALL)


def _glob(glob: str) -> str:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob.removeprefix("./").rstrip("/"))
    meanings = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(meanings.get(part, re.escape(part)) for part in parts)
