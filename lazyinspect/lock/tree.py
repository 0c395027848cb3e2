"""Rows of a Snapshot -> a tree of items that know their siblings and what they read. No torch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lazyinspect.drift import Row, Snapshot

_KEYWORD = re.compile(r"([A-Za-z_]\w*)=(.+)\Z", re.DOTALL)
_NUMBERED = re.compile(r"(.*?)([0-9]+)\Z", re.DOTALL)


class Item:
    """A row in its tree. The network itself is the root, whose row is None."""

    __slots__ = (
        "children", "deep", "index", "inside", "name", "own", "parent", "position", "row", "sort",
        "wiring",
    )  # fmt: skip

    def __init__(self, row: Row | None, name: str, parent: Item | None, index: int) -> None:
        self.row = row
        self.name = name
        self.parent = parent
        self.index = index
        """In the order of execution."""
        self.position = 0 if parent is None else len(parent.children)
        self.children: list[Item] = []
        self.sort = self.own = self.deep = 0
        """Equal numbers: the same type; also the same arguments; also the same inside."""
        self.wiring: tuple[int | str, ...] = ()
        """What it reads, siblings by how many steps before it they stand; empty: the last."""
        self.inside: Counter[tuple[str, int]] | None = None
        """For alignments: names and numbers of what it holds, once they were asked for."""

    @property
    def path(self) -> str:
        return "" if self.row is None else self.row.path

    @property
    def positional(self) -> bool:
        """Its name is its place in a list."""
        return self.name == str(self.position)

    @property
    def container(self) -> bool:
        return self.row is None or self.row.kind == "container"

    def below(self) -> Iterator[Item]:
        """It, and all inside it, in order."""
        yield self
        for child in self.children:
            yield from child.below()

    def __repr__(self) -> str:
        return f"<{self.path}>"


@dataclass(frozen=True, slots=True)
class Read:
    """One source of a row."""

    item: Item | None
    """The row it is the output of; the container whose input it is where ``name`` is set; None
    for a constant, and for what cannot be found."""
    name: str = ""
    """Of a container's input, or the text of a constant."""
    element: str = ""
    keyword: str = ""


class Tree:
    """The rows of one network.

    Args:
        snapshot: the network.
        numbers: what makes equal things equal numbers; shared by the trees to compare.
    """

    def __init__(self, snapshot: Snapshot, numbers: dict[Any, int]) -> None:
        self.snapshot = snapshot
        self.root = Item(None, "", None, -1)
        self.items: list[Item] = []
        self.by_path: dict[str, Item] = {"": self.root}
        for index, row in enumerate(snapshot.rows):
            above, _, name = row.path.rpartition(".")
            parent = self.by_path.get(above, self.root)
            item = Item(row, name, parent, index)
            if row.reads is not None:
                item.wiring = tuple([_relative(text, item, self) for text in row.reads])
            parent.children.append(item)
            self.by_path[row.path] = item
            self.items.append(item)
        for item, row in zip(reversed(self.items), reversed(snapshot.rows), strict=True):
            sort = (row.kind, row.declared)
            own = (*sort, row.type, frozen(row.given), bool(row.uses))
            deep = (
                own,
                tuple([(None if c.positional else c.name, c.deep) for c in item.children]),
            )
            for slot, value in (("sort", sort), ("own", own), ("deep", deep)):
                setattr(item, slot, numbers.setdefault(value, len(numbers) + 1))

    def reads(self, item: Item) -> list[Read]:
        """The sources of a row, the one before it where it names none."""
        row, parent = item.row, item.parent
        assert row is not None and parent is not None
        if row.reads is None:
            if row.kind == "parameter" or not row.inputs:
                return []
            return [self.before(item)]
        return [read for text in row.reads for read in self._read(text, parent)]

    def before(self, item: Item) -> Read:
        """The step before one, or what flows into its container."""
        parent = item.parent
        assert parent is not None
        return Read(parent.children[item.position - 1]) if item.position else Read(parent, "input")

    def inflow(self, container: Item, name: str) -> list[Read]:
        """What flows into a container under the name of one of its inputs."""
        assert container.row is not None
        reads = self.reads(container)
        names = [tensor.name for tensor in container.row.inputs]
        if len(reads) > 1 and name in names and len(names) == len(reads):
            return [reads[names.index(name)]]
        return reads[:1]

    def returns(self, item: Item) -> list[Read]:
        """What a container hands on."""
        named = self.snapshot.returns if item.row is None else item.row.returns
        if named is None:
            return [Read(item.children[-1])] if item.children else [Read(item, "input")]
        return [read for text in named for read in self._read(text, item)]

    def _read(self, text: str, container: Item, keyword: str = "") -> Iterator[Read]:
        if text.startswith("="):
            yield Read(None, text, keyword=keyword)
            return
        if text.startswith("(") and text.endswith(")"):
            for part in text[1:-1].split(", "):
                yield from self._read(part, container, keyword)
            return
        found = _KEYWORD.match(text)
        if found is not None and not keyword and self._find(text, container) is None:
            yield from self._read(found[2], container, found[1])
            return
        where = container
        while text.startswith("../") and where.parent is not None:
            text, where = text[3:], where.parent
        name, _, element = text.partition("#")
        item = self._find(name, where)
        if item is not None:
            yield Read(item, "", element, keyword)
        else:
            yield Read(where, name, element, keyword)

    def _find(self, name: str, container: Item) -> Item | None:
        return self.by_path.get(f"{container.path}.{name}" if container.path else name)


def _relative(text: str, item: Item, tree: Tree) -> int | str:
    """A source as it would be written wherever in its list a step stands."""
    assert item.parent is not None
    path = item.parent.path
    read = tree.by_path.get(f"{path}.{text}" if path else text)
    return text if read is None or read.parent is not item.parent else item.position - read.position


def frozen(value: Any) -> Any:
    """A value of a lock that can be a key; 1 and 1.0 and true are not the same."""
    if isinstance(value, Mapping):
        return tuple([(name, frozen(item)) for name, item in value.items()])
    if isinstance(value, (list, tuple)):
        return tuple([frozen(item) for item in value])
    return (type(value).__name__, str(value))


def stem(name: str) -> tuple[str, int | None]:
    """``layer12`` as ``("layer", 12)``."""
    found = _NUMBERED.match(name)
    return (name, None) if found is None else (found[1], int(found[2]))
