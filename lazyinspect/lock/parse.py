"""Text of a lock -> its networks, as Snapshots. Raises SpecError where a person should look.

A lock is YAML, and is read line by line: each line stands for itself, so that only what differs
is read, and a damaged line is named.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from lazyinspect.drift import Row, Snapshot
from lazyinspect.errors import Mark, Problem, Source, SpecError
from lazyinspect.lock.flow import read_tensors
from lazyinspect.lock.text import FIGURES, NETWORK, VARIANTS, VERSION
from lazyinspect.report import NamedTensor, Totals
from lazyinspect.spec import reader

T = TypeVar("T")

_CONFLICT = re.compile(r"(<{7}|={7}|>{7}|\|{7})(?: |$)")
_TOP = re.compile(r"([a-z]+): ?(.*)\Z")
_NAME = re.compile(r"  (\S.*?) ?:\Z")
_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]*): (\{.*\})\Z")
_KINDS = ("layer", "function", "parameter", "container")
_ROW_KEYS = frozenset(
    (*_KINDS, "args", "inferred", "uses", "reads", "returns", "in", "out", "params")
)
_HEAD_KEYS = frozenset(
    ("params", "inputs", "outputs", "returns", "ties", "totals", "layers")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LockedText:
    """The part of a lock that is one network's."""

    text: str
    line: int
    """Of its first line in the file, from 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Lock:
    """A lock, cut into its networks and not read any further."""

    source: Source
    spec_name: str
    sections: Mapping[str | None, LockedText]

    def snapshot(self, variant: str | None, name: str) -> Snapshot:
        """One network.

        Args:
            variant: one of ``sections``.
            name: for its heading.

        Raises:
            SpecError: a line is no line of a lock.
        """
        section = self.sections[variant]
        return _Reader(self).snapshot(section, variant, name)


def _again(path: str, spec_name: str) -> str:
    spec = os.path.join(os.path.dirname(path), spec_name)
    return f"run `lazyinspect lock {shlex.quote(spec)}`: it writes the lock anew from the spec"


def split(text: str, path: str, spec_name: str) -> Lock:
    """Cut a lock into its networks.

    Args:
        path: of the lock, for messages.
        spec_name: file name of its spec, for the command that writes it anew.

    Raises:
        SpecError: it holds the marks of a merge conflict, is of another version, or is damaged.
    """
    lines = text.split("\n")
    source = Source(path, tuple(lines))
    again = _again(path, spec_name)
    for number, line in enumerate(lines, start=1):
        if line[:1] in "<=>|" and _CONFLICT.match(line):
            raise SpecError(
                Problem(
                    "lock-conflict", f"{path} holds a merge conflict",
                    Mark(source, number, 1, len(line)), help=again,
                )
            )  # fmt: skip
    sections: dict[str | None, LockedText] = {}
    open_: tuple[str | None, int] | None = None
    version: Any = None
    top = ""

    def close(end: int) -> None:
        if open_ is not None:
            name, start = open_
            body = "".join([f"{line}\n" for line in lines[start:end]])
            sections[name] = LockedText(body, start + 1)

    if lines[-1] == "":
        lines.pop()
    for number, line in enumerate(lines):
        mark = Mark(source, number + 1, 1, max(len(line), 1))
        if line[:1] not in ("", " ", "#"):
            close(number)
            open_ = None
            found = _TOP.match(line)
            top = found[1] if found else ""
            if top == "lock" and found is not None:
                version = reader.core_value(found[2])
                if version != VERSION:
                    raise SpecError(_version_problem(path, version, mark, again))
            elif top == NETWORK and line == f"{NETWORK}:":
                open_ = (None, number + 1)
            elif not (top == VARIANTS and line == f"{VARIANTS}:"):
                raise SpecError(damaged(path, mark, "no part of a lock starts so", again))
        elif top == VARIANTS and line[:3].strip() and line[:2] == "  ":
            close(number)
            name = _variant(line)
            if name is None or name in sections:
                what = "the name of a variant is expected" if name is None else "it stands twice"
                raise SpecError(damaged(path, mark, what, again))
            open_ = (name, number + 1)
    close(len(lines))
    if version is None:
        raise SpecError(
            damaged(path, Mark(source, 1, 1, max(len(lines[0]) if lines else 0, 1)),
                    f"it does not say `lock: {VERSION}`", again)
        )  # fmt: skip
    return Lock(source, spec_name, sections)


def _variant(line: str) -> str | None:
    found = _NAME.match(line)
    if found is None:
        return None
    try:
        node = reader.read(line.strip() + " 0", "")
    except SpecError:
        return None
    return node.pairs[0][0].text if isinstance(node, reader.Mapping) else None


def _version_problem(path: str, version: Any, mark: Mark, again: str) -> Problem:
    newer = type(version) is int and version > VERSION
    return Problem(
        "lock-version",
        f"{path} is of version {version}, and this lazyinspect reads version {VERSION}",
        mark,
        help="update lazyinspect, which wrote it in a later form" if newer else again,
    )


def damaged(path: str, mark: Mark, what: str, again: str) -> Problem:
    """The problem of a lock that is not as it was written."""
    return Problem("damaged-lock", f"{path} is damaged", mark, found=what, help=again)


class _Reader:
    def __init__(self, lock: Lock) -> None:
        self.lock = lock

    def snapshot(self, section: LockedText, variant: str | None, name: str) -> Snapshot:
        indent = "  " if variant is None else "    "
        head: dict[str, Any] = {}
        rows: list[Row] = []
        seen: set[str] = set()
        parts: dict[str, Any] = head
        for number, line in enumerate(section.text.split("\n")[:-1], start=section.line):
            body = line.removeprefix(indent)
            where = (number, line)
            if "layers" in head:
                path, fields = self._row_line(body, where)
                if path in seen:
                    raise self._error(where, f"`{path}` stands there twice")
                seen.add(path)
                rows.append(self._guard(where, lambda p=path, f=fields: _row(p, f)))  # type: ignore[misc]
            elif body[:2] == "  " and "totals" in head:
                parts.update(self._pair(body.strip(), where))
            else:
                pair = self._pair(body, where)
                for key, value in pair.items():
                    if key not in _HEAD_KEYS or key in head or body[:1] == " ":
                        raise self._error(where, f"`{key}` is no part of a network here")
                    head[key] = parts = {} if key == "totals" else value
        last = (section.line, self.lock.source.lines[section.line - 1 : section.line] or "")
        where = (section.line, str(last[1][0]) if last[1] else "")
        for key in ("inputs", "outputs", "totals", "layers"):
            if key not in head:
                raise self._error(where, f"its `{key}` are missing")
        return self._guard(
            where,
            lambda: Snapshot(
                name,
                variant,
                _mapping(head.get("params") or {}),
                read_tensors(head["inputs"]),
                read_tensors(head["outputs"]),
                _totals(head["totals"]),
                tuple(rows),
                {key: str(value) for key, value in _mapping(head.get("ties") or {}).items()},
                _texts(head["returns"]) if "returns" in head else None,
            ),
        )

    def _row_line(self, body: str, where: tuple[int, str]) -> tuple[str, Mapping[str, Any]]:
        if body[:2] != "  " or body[2:3] == " ":
            raise self._error(where, "a layer is expected here, on one line")
        found = _LINE.match(body[2:])
        if found is not None:
            try:
                return found[1], _fields(found[2])
            except SpecError:
                pass
        pair = self._pair(body[2:], where)
        (path, fields), *_ = pair.items()
        if not isinstance(fields, dict):
            raise self._error(where, "a layer is expected here, on one line")
        return path, fields

    def _pair(self, text: str, where: tuple[int, str]) -> dict[str, Any]:
        """One line as a mapping of one key."""
        try:
            value = _python(reader.read(text, self.lock.source.path))
        except SpecError as error:
            raise self._error(where, error.problems[0].message) from None
        if not isinstance(value, dict) or len(value) != 1:
            raise self._error(where, "a name and what belongs to it are expected")
        return value

    def _guard(self, where: tuple[int, str], make: Callable[[], T]) -> T:
        try:
            return make()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._error(where, str(error) or "something is missing") from None

    def _error(self, where: tuple[int, str], what: str) -> SpecError:
        number, line = where
        column = len(line) - len(line.lstrip()) + 1
        mark = Mark(self.lock.source, number, column, max(len(line.strip()), 1))
        name = self.lock.spec_name
        again = _again(self.lock.source.path, name)
        return SpecError(damaged(self.lock.source.path, mark, what, again))


@lru_cache(maxsize=4096)
def _fields(text: str) -> Mapping[str, Any]:
    """What a line says after its path: the copies of a block say the same."""
    value = _python(reader.read(text, ""))
    assert isinstance(value, dict)
    return value


def _python(node: reader.Node) -> Any:
    if isinstance(node, reader.Scalar):
        return node.value
    if isinstance(node, reader.Mapping):
        return {
            key.text: _raw(item) if key.text in ("reads", "returns") else _python(item)
            for key, item in node.pairs
        }
    return [_python(item) for item in node.items]


def _raw(node: reader.Node) -> Any:
    """Names as they are written: ``0`` is one."""
    if isinstance(node, reader.Sequence):
        return [item.text if isinstance(item, reader.Scalar) else None for item in node.items]
    return _python(node)


def _row(path: str, fields: Mapping[str, Any]) -> Row:
    """Raises ValueError where the fields are no row's."""
    unknown = [name for name in fields if name not in _ROW_KEYS]
    if unknown:
        raise ValueError(f"a layer has no `{unknown[0]}`")
    kinds = [kind for kind in _KINDS if kind in fields]
    if len(kinds) != 1:
        raise ValueError("it says not what it is: one of " + ", ".join(_KINDS))
    kind = kinds[0]
    declared, _, became = str(fields[kind]).partition(" -> ")
    count = fields.get("params", None if kind == "container" else 0)
    if count is not None and type(count) is not int:
        raise ValueError(f"`params` is a number, and not {count}")
    return Row(
        path, kind, declared, became or declared,
        _mapping(fields.get("args") or {}), _mapping(fields.get("inferred") or {}),
        _tensors(fields, "in"), _tensors(fields, "out"), count,
        str(fields.get("uses") or ""),
        _texts(fields["reads"]) if "reads" in fields else None,
        _texts(fields["returns"]) if "returns" in fields else None,
    )  # fmt: skip


def _tensors(fields: Mapping[str, Any], key: str) -> tuple[NamedTensor, ...]:
    return read_tensors(fields[key]) if key in fields else ()


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"a mapping is expected in place of {value}")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("a list of names is expected")
    return tuple(value)


def _totals(value: Any) -> Totals:
    figures: dict[str, Any] = {}
    for name, field in FIGURES.items():
        number = value.get(name, 0 if name == "rows_without_macs" else None)
        if type(number) is not int and not (number is None and name == "macs"):
            raise ValueError(f"`{name}` is a number, and not {number}")
        figures[field] = number
    return Totals(**figures)
