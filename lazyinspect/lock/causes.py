"""What a cause is while causes are looked for, and which of them are one. No torch here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from lazyinspect.drift import Change, Kind, Row
from lazyinspect.errors import Mark
from lazyinspect.lock.tree import Item

Role = Literal["cause", "follows"]
_WRITTEN = ("type", "argument", "uses", "reads", "returns")


class Computed(Protocol):
    """What the newer spec computes from shapes, so that a change upstream changes it too."""

    def argument(self, row: Row, name: str) -> bool:
        """Whether an argument of a row's step is."""

    def presence(self, row: Row, container: str, name: str) -> bool:
        """Whether there is a step at all.

        Args:
            container: what the spec calls the container that it stands in.
            name: its own name there.
        """


class NothingComputed:
    """Of a network that has no spec at hand: a lock, a report."""

    def argument(self, row: Row, name: str) -> bool:
        return False

    def presence(self, row: Row, container: str, name: str) -> bool:
        return False


@dataclass(eq=False, slots=True)
class Cause:
    """The reason of differences."""

    kind: Kind
    order: float
    """Place in the order of execution of the newer network."""
    item: Item | None = None
    """In the newer network; in the older one where it is gone."""
    changes: list[Change] = field(default_factory=list)
    also: list[Item] = field(default_factory=list)
    follows: list[Item] = field(default_factory=list)
    shifted: int = 0
    mark: Mark | None = None
    words: bool = False
    """The row says the same in other words."""
    into: Cause | None = None
    """The cause that it turned out to be a part of."""

    def root(self) -> Cause:
        return self if self.into is None else self.into.root()


def merged(causes: Iterable[Cause], kept: Mapping[Item, Item]) -> list[Cause]:
    """Causes in order, those of one place in the spec as one: a block's line meets every use.

    Args:
        kept: items of the older network -> those of the newer.
    """
    known: dict[Any, Cause] = {}
    found = []
    for cause in sorted(causes, key=lambda cause: cause.order):
        places = [place for place in _places(cause, kept) if place is not None]
        first = next((known[place] for place in places if place in known), cause)
        known.update((place, first) for place in places if place not in known)
        if first is cause:
            found.append(cause)
        elif cause.item is not None:
            cause.into = first
            first.also += [cause.item, *cause.also]
            first.follows += cause.follows
            first.shifted += cause.shifted
    return found


def _places(cause: Cause, kept: Mapping[Item, Item]) -> Iterator[Any]:
    """What is equal for causes that have one place in the spec for their reason."""
    item = cause.item
    if item is None or item.row is None or item.parent is None:
        return
    fields = [(c.field, c.part) for c in cause.changes if c.part in _WRITTEN]
    what: tuple[Any, ...] = (cause.kind, tuple(fields), item.row.declared, cause.words)
    if item.row.mark is not None:
        yield (what, item.row.mark.line, item.row.mark.column)
        return
    # a lock has no places: next to what, and in what of the spec it stood
    what = (*what, item.deep)
    siblings = item.parent.children
    last = cause.also[-1].position if cause.also else item.position
    before = next((kept[s] for s in reversed(siblings[: item.position]) if s in kept), None)
    after = next((kept[s] for s in siblings[last + 1 :] if s in kept), None)
    yield _beside(what, "after", before)
    yield _beside(what, "before", after)
    yield _beside((*what, item.name), "in", kept.get(item.parent))
    yield _inside_block(what, item)


def _beside(what: Any, side: str, item: Item | None) -> Any:
    mark = None if item is None or item.row is None else item.row.mark
    return None if mark is None else (what, side, mark.line, mark.column)


def _inside_block(what: Any, item: Item) -> Any:
    """The same place in another copy of the same container, where no text is at hand."""
    names = [item.name]
    parent = item.parent
    while parent is not None and parent.row is not None:
        if parent.row.declared not in ("Sequential", "Graph"):
            return (what, parent.row.declared, tuple(names))
        names.append(parent.name)
        parent = parent.parent
    return None
