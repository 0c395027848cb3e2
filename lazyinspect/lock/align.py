"""Two trees -> which item of one is which of the other, level by level. No torch here.

Siblings are aligned in order, so that an inserted layer is one insertion although every later
index of its list differs. A layer keeps its identity by its name, then by its type, arguments and
shapes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from lazyinspect.lock.tree import Item, Tree, stem

_CELLS = 250_000
"""Pairs of siblings to weigh against each other; longer lists are first cut at what is unique."""
_NEVER = -1.0


class Alignment:
    """Pairs of items of two trees.

    Args:
        before, after: made with one dictionary of numbers.
    """

    def __init__(self, before: Tree, after: Tree) -> None:
        self.before, self.after = before, after
        self.forth: dict[Item, Item] = {before.root: after.root}
        self.back: dict[Item, Item] = {after.root: before.root}
        self.moved: set[Item] = set()
        """Of ``after``: items that stand elsewhere in the order of their siblings."""
        self.removed: list[Item] = []
        """The outermost items of ``before`` that have no counterpart."""
        self.inserted: list[Item] = []
        """The outermost items of ``after`` that have none."""
        level = [(before.root, after.root)]
        while level:
            one, other = level.pop()
            level.extend(self._siblings(one.children, other.children))
        self.removed.sort(key=lambda item: item.index)
        self.inserted.sort(key=lambda item: item.index)

    def _siblings(self, a: list[Item], b: list[Item]) -> list[tuple[Item, Item]]:
        pairs = align(a, b)
        paired = {item for pair in pairs for item in pair}
        gone = [item for item in a if item not in paired]
        new = [item for item in b if item not in paired]
        for item in list(gone):
            twin = next((other for other in new if _same(item, other)), None)
            if twin is not None:
                gone.remove(item)
                new.remove(twin)
                pairs.append((item, twin))
                self.moved.add(twin)
        for one, other in pairs:
            self.forth[one], self.back[other] = other, one
        self.removed.extend(gone)
        self.inserted.extend(new)
        return [(x, y) for x, y in pairs if x.container and y.container]


def _same(a: Item, b: Item) -> bool:
    """Whether what is gone here is what is new there."""
    if a.positional and b.positional:
        return a.deep == b.deep
    return a.name == b.name and a.sort == b.sort


def align(a: Sequence[Item], b: Sequence[Item]) -> list[tuple[Item, Item]]:
    """Pairs of siblings that are each other's counterpart, in order, none crossing another."""
    pairs: list[tuple[Item, Item]] = []
    start = 0
    while start < min(len(a), len(b)) and _equal(a[start], b[start]):
        pairs.append((a[start], b[start]))
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and _equal(a[-1 - end], b[-1 - end]):
        pairs.append((a[-1 - end], b[-1 - end]))
        end += 1
    a, b = a[start : len(a) - end], b[start : len(b) - end]
    if not a or not b:
        return pairs
    if len(a) * len(b) <= _CELLS:
        return pairs + _weigh(a, b)
    at_a = at_b = 0
    anchors = _anchors(a, b)
    for k, m in [*anchors, (len(a), len(b))]:
        gap_a, gap_b = a[at_a:k], b[at_b:m]
        if len(gap_a) * len(gap_b) <= _CELLS:
            pairs += _weigh(gap_a, gap_b)
        else:
            pairs += [(x, y) for x, y in zip(gap_a, gap_b, strict=False) if x.sort == y.sort]
        if k < len(a):
            pairs.append((a[k], b[m]))
        at_a, at_b = k + 1, m + 1
    return pairs


def _equal(a: Item, b: Item) -> bool:
    named = a.name == b.name or (a.positional and b.positional)
    return named and a.deep == b.deep and a.wiring == b.wiring


def _anchors(a: Sequence[Item], b: Sequence[Item]) -> list[tuple[int, int]]:
    """Places of what is unique on both sides, as many as stand in the same order."""
    keys_a = [(item.name if not item.positional else "", item.deep) for item in a]
    keys_b = [(item.name if not item.positional else "", item.deep) for item in b]
    once_a = {key for key, count in Counter(keys_a).items() if count == 1}
    once_b = {key: k for k, key in enumerate(keys_b) if keys_b and key in once_a}
    many_b = {key for key, count in Counter(keys_b).items() if count > 1}
    found = [(k, once_b[key]) for k, key in enumerate(keys_a) if key in once_b.keys() - many_b]
    # the longest run of places that rise on both sides
    tails: list[int] = []
    ends: list[int] = []
    links: list[int] = [-1] * len(found)
    for k, (_, m) in enumerate(found):
        at = bisect_left(tails, m)
        links[k] = ends[at - 1] if at else -1
        tails[at : at + 1] = [m]
        ends[at : at + 1] = [k]
    chain = []
    k = ends[-1] if ends else -1
    while k >= 0:
        chain.append(found[k])
        k = links[k]
    return chain[::-1]


def _weigh(a: Sequence[Item], b: Sequence[Item]) -> list[tuple[Item, Item]]:
    """The alignment of the greatest weight, by dynamic programming."""
    names_a, names_b = {item.name for item in a}, {item.name for item in b}
    weights = [[_weight(x, y, names_a, names_b) for y in b] for x in a]
    width = len(b)
    best = [[0.0] * (width + 1) for _ in range(len(a) + 1)]
    for k in range(len(a) - 1, -1, -1):
        row, below, weight = best[k], best[k + 1], weights[k]
        for m in range(width - 1, -1, -1):
            top = below[m] if below[m] > row[m + 1] else row[m + 1]
            if weight[m] > 0 and below[m + 1] + weight[m] > top:
                top = below[m + 1] + weight[m]
            row[m] = top
    pairs = []
    k = m = 0
    while k < len(a) and m < width:
        if weights[k][m] > 0 and best[k][m] == best[k + 1][m + 1] + weights[k][m]:
            pairs.append((a[k], b[m]))
            k, m = k + 1, m + 1
        elif best[k][m] == best[k + 1][m]:
            k += 1
        else:
            m += 1
    return pairs


def _weight(a: Item, b: Item, names_a: set[str], names_b: set[str]) -> float:
    """How much speaks for two siblings being the same layer."""
    assert a.row is not None and b.row is not None
    listed = a.positional and b.positional
    named = a.name == b.name and not listed
    if not listed and not named:
        numbered = stem(a.name)[1] is not None and stem(a.name)[0] == stem(b.name)[0]
        # each name stands for a layer of its own where it is on both sides
        if not numbered and (a.name in names_b or b.name in names_a):
            return _NEVER
    weight = 4.0 if named else 0.5 if a.name == b.name else 0.0
    if a.wiring == b.wiring:
        weight += 0.75
    if a.row.outputs == b.row.outputs:
        weight += 0.5
    if a.row.inputs == b.row.inputs:
        weight += 0.5
    if a.own == b.own:
        if not a.children and not b.children:
            return weight + 10
        alike = _alike(a, b)
        return weight + (4 + 8 * alike if alike or named or listed else 0.5)
    if a.sort == b.sort:
        return weight + 5
    if named:
        return weight
    # one in the place of another
    return weight + 0.1 if listed else _NEVER


def _alike(a: Item, b: Item) -> float:
    """From 0 to 1: how much of what two containers hold is the same."""
    if a.deep == b.deep:
        return 1.0
    shared = sum((_inside(a) & _inside(b)).values())
    return 2 * shared / max(sum(_inside(a).values()) + sum(_inside(b).values()), 1)


def _inside(item: Item) -> Counter[tuple[str, int]]:
    """What a container holds, at every depth."""
    if item.inside is None:
        found = ((c.name if not c.positional else "", c.own) for c in item.below())
        next(found)
        item.inside = Counter(found)
    return item.inside
