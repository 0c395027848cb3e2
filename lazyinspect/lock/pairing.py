"""Two Snapshots -> their rows in pairs, and whether a pair reads and returns the same. No torch.

What reads a step that was inserted reads what that step reads: one insertion, and no other wiring.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazyinspect.drift import Snapshot
from lazyinspect.lock.align import Alignment
from lazyinspect.lock.changes import inputs_renamed
from lazyinspect.lock.tree import Item, Read, Tree, stem


class Pairing:
    """Two networks, row by row.

    Args:
        before, after: an older and a newer one.
    """

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        numbers: dict[Any, int] = {}
        self.before, self.after = before, after
        self.old, self.new = Tree(before, numbers), Tree(after, numbers)
        aligned = Alignment(self.old, self.new)
        self.forth: Mapping[Item, Item] = aligned.forth
        self.back: Mapping[Item, Item] = aligned.back
        self.moved = aligned.moved
        self.removed, self.inserted = aligned.removed, aligned.inserted
        self.gone = frozenset(inner for item in self.removed for inner in item.below())
        """Items of the older network that have no counterpart, and all inside them."""
        self.added = frozenset(inner for item in self.inserted for inner in item.below())
        for item, twin in self.back.items():
            if item.container != twin.container:
                # one in the place of the other, with all it holds
                self.gone |= {inner for inner in twin.below() if inner is not twin}
                self.added |= {inner for inner in item.below() if inner is not item}
        self.wired = before.wired and after.wired
        self._inputs = inputs_renamed(before.inputs, after.inputs)

    def renamed(self, item: Item, twin: Item) -> bool:
        """Whether somebody gave a row another name; an index follows from its place."""
        if item.name == twin.name or (item.positional and twin.positional):
            return False
        row, was = item.row, twin.row
        if not self.wired and row is not None and was is not None and row.uses and was.uses:
            return False  # a report has no name for a step that applies a module again
        (text, number), (text_was, number_was) = stem(item.name), stem(twin.name)
        if number is None or number_was is None or text != text_was:
            return True
        # an inserted layer2 makes layer3 of what was layer2
        return number - number_was != self._offset(item, twin, text)

    def _offset(self, item: Item, twin: Item, text: str) -> int:
        assert item.parent is not None and twin.parent is not None
        new = item.parent.children[: item.position]
        old = twin.parent.children[: twin.position]
        return sum(x in self.added and stem(x.name)[0] == text for x in new) - sum(
            x in self.gone and stem(x.name)[0] == text for x in old
        )

    def same_reads(self, item: Item, twin: Item) -> bool:
        """Whether a row reads what it did."""
        row, was = item.row, twin.row
        assert row is not None and was is not None and item.parent is not None
        if not self.wired or (row.reads is None and was.reads is None):
            return True
        if any(sibling in self.moved for sibling in item.parent.children):
            return True  # another order: said of what moved
        return self._same_sources(self.old.reads(twin), self.new.reads(item))

    def same_returns(self, item: Item, twin: Item) -> bool:
        """Whether a container, or the network, returns what it did."""
        if not self.wired:
            return True
        row, was = item.row, twin.row
        if (self.after.returns if row is None else row.returns) is None and (
            self.before.returns if was is None else was.returns
        ) is None:
            return True
        if any(child in self.moved for child in item.children):
            return True
        return self._same_sources(self.old.returns(twin), self.new.returns(item))

    def _same_sources(self, old: list[Read], new: list[Read]) -> bool:
        if len(old) != len(new):
            return False
        for x, y in zip(old, new, strict=True):
            if (x.keyword, x.element) != (y.keyword, y.element):
                return False
            if x.item is None or y.item is None:
                if x.item is not y.item or x.name != y.name:
                    return False
            elif not any(
                self._origins(x, self.gone, self.old, self.forth, through)
                & self._origins(y, self.added, self.new, None, through)
                for through in (False, True)
            ):
                return False
        return True

    def _origins(
        self,
        read: Read,
        passing: frozenset[Item],
        tree: Tree,
        translate: Mapping[Item, Item] | None,
        through: bool,
    ) -> set[tuple[Item | None, str]]:
        """What a source comes from that both networks have, through what only one has.

        Args:
            through: also from a container's input to what flows into it.
        """
        found: set[tuple[Item | None, str]] = set()
        open_: list[Read] = [read]
        seen: set[Item] = set()
        while open_:
            source = open_.pop()
            item = source.item
            if item is None:
                continue
            if item in passing:
                if item not in seen:
                    seen.add(item)
                    open_.extend(tree.reads(item))
                    # where there is no such step, `prev` is what stands before it
                    open_.append(tree.before(item))
                continue
            if through and source.name and item.row is not None:
                open_.extend(tree.inflow(item, source.name))
                continue
            name = source.name
            if translate is not None:
                name = self._inputs.get(name, name) if item is tree.root else name
                item = translate.get(item)
            found.add((item, name))
        return found

    def renewed(self, tensor: str) -> str:
        """The name that a tensor of the older network has in the newer."""
        path, dot, name = tensor.rpartition(".")
        for tail, rest in ((path, dot + name), (tensor, "")):
            item = self.old.by_path.get(tail) if tail else None
            kept = self.forth.get(item) if item is not None else None
            if kept is not None:
                return kept.path + rest
        return tensor
