"""What a cause is while causes are looked for, and which of them are one. No torch here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from lazyinspect.drift import Change, Kind, Row
from lazyinspect.errors import Mark
from lazyinspect.lock.tree import Item

Role = Literal["cause", "follows"]
_WRITTEN = ("type", "argument", "uses", "reads", "returns", "name", "order")


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
    into: Cause | None = None
    """The cause that it turned out to be a part of."""

    def root(self) -> Cause:
        return self if self.into is None else self.into.root()


def merged(causes: Iterable[Cause]) -> list[Cause]:
    """Causes in order, those of one place in the spec as one: a block's line meets every use."""
    first_of: dict[Any, Cause] = {}
    found = []
    for cause in sorted(causes, key=lambda cause: cause.order):
        if cause.into is not None:
            continue
        first = first_of.setdefault(_identity(cause), cause)
        if first is cause:
            found.append(cause)
        elif cause.item is not None:
            cause.into = first
            first.also += [cause.item, *cause.also]
            first.follows += cause.follows
            first.shifted += cause.shifted
    return found


def _identity(cause: Cause) -> Any:
    """Equal for what one place of the spec is the reason of."""
    item = cause.item
    if item is None or item.row is None:
        return cause
    fields = tuple([(c.field, c.part) for c in cause.changes if c.part in _WRITTEN and
                    c.part not in ("name", "order")])  # fmt: skip
    what = (cause.kind, fields, item.row.declared)
    if cause.kind != "removed" and item.row.mark is not None:
        return (what, item.row.mark.line, item.row.mark.column)
    # without its text: the same place in another copy of the same container
    names = [item.name]
    parent = item.parent
    while parent is not None and parent.row is not None:
        if parent.row.declared not in ("Sequential", "Graph"):
            return (what, parent.row.declared, tuple(names))
        names.append(parent.name)
        parent = parent.parent
    return cause
