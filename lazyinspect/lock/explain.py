"""Two Snapshots -> the causes of their differences, and what follows from each. No torch here.

A row whose type, given arguments, name, sources or place differ is a cause. One that differs only
in what its first forward finds out follows from the nearest cause upstream, along what rows read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from lazyinspect.drift import Change, Comparison, Drift, Kind, Pair, Row, Snapshot
from lazyinspect.errors import Mark
from lazyinspect.lock import changes as differ
from lazyinspect.lock.align import Alignment
from lazyinspect.lock.tree import Item, Read, Tree, stem

Consequence: TypeAlias = Callable[[Row, Change], bool]
"""Whether a given argument is computed from the shape that flows in."""


def explain(
    before: Snapshot,
    after: Snapshot,
    computed: Consequence = lambda row, change: False,
    *,
    params: bool = True,
) -> Comparison:
    """Compare two networks by cause.

    Args:
        computed: says of a changed argument whether the spec computes it from the shape of what
            the row reads: it then follows where that shape differs.
        params: a parameter of the spec that changes nothing is a difference too.
    """
    return _Explainer(before, after, computed).comparison(params)


@dataclass(eq=False, slots=True)
class _Cause:
    kind: Kind
    order: float
    item: Item | None = None
    """In the newer network; in the older one where it is gone."""
    changes: list[Change] = field(default_factory=list)
    also: list[Item] = field(default_factory=list)
    follows: list[Item] = field(default_factory=list)
    shifted: int = 0
    mark: Mark | None = None
    into: _Cause | None = None
    """The cause that it turned out to be the same as."""

    def root(self) -> _Cause:
        return self if self.into is None else self.into.root()


class _Explainer:
    def __init__(self, before: Snapshot, after: Snapshot, computed: Consequence) -> None:
        numbers: dict[Any, int] = {}
        self.before, self.after, self.computed = before, after, computed
        self.old, self.new = Tree(before, numbers), Tree(after, numbers)
        self.pairs = Alignment(self.old, self.new)
        self.wired = before.wired and after.wired
        self.causes: list[_Cause] = []
        self.gone: dict[Item, _Cause] = {}
        """Items of the older network that have no counterpart, and those inside them."""
        self.added: dict[Item, _Cause] = {}
        self.taint: dict[Item, set[_Cause]] = {}
        """Of what a row returns: the causes of its being otherwise."""
        self.flow: dict[Item, set[_Cause]] = {}
        """The same of what flows into a container."""
        self.roles: dict[Item, tuple[Literal["cause", "follows"], _Cause]] = {}

    def comparison(self, params: bool) -> Comparison:
        self._ends()
        self._outermost(self.pairs.removed, "removed", self.gone)
        self._outermost(self.pairs.inserted, "inserted", self.added)
        self._container(self.new.root)
        self._ties()
        self._outputs()
        self._count_shifted()
        param_changes = tuple(
            differ.mapping_changes("param", self.before.params, self.after.params)
        )
        drifts, numbers = self._drifts()
        if not drifts:
            drifts = self._rest(param_changes if params else ())
        return Comparison(self.before, self.after, drifts, self._table(numbers), param_changes)

    # what starts a difference

    def _ends(self) -> None:
        found = differ.input_changes(self.before.inputs, self.after.inputs)
        if found:
            mark = self.after.marks.get(f"input {found[0].field}")
            mark = mark or next(
                (m for name, m in self.after.marks.items() if name.startswith("input ")), None
            )
            cause = _Cause("input", -1, changes=found, mark=mark)
            self.causes.append(cause)
            self.flow[self.new.root] = {cause}
        else:
            self.flow[self.new.root] = set()

    def _outermost(self, items: list[Item], kind: Kind, into: dict[Item, _Cause]) -> None:
        """One cause for what stands together."""
        cause: _Cause | None = None
        previous: Item | None = None
        for item in items:
            together = (
                cause is not None
                and previous is not None
                and previous.parent is item.parent
                and previous.position + 1 == item.position
            )
            if together and cause is not None:
                cause.also.append(item)
            else:
                cause = _Cause(kind, self._order(item, kind), item)
                if kind == "removed":
                    cause.mark = self._where_it_was(item)
                self.causes.append(cause)
            assert cause is not None
            for inner in item.below():
                into[inner] = cause
            previous = item

    def _order(self, item: Item, kind: Kind) -> float:
        if kind == "inserted":
            return item.index
        for index in range(item.index - 1, -1, -1):
            kept = self.pairs.forth.get(self.old.items[index])
            if kept is not None:
                return kept.index + 0.5
        return -0.5

    def _where_it_was(self, item: Item) -> Mark | None:
        """The mark of what stands before it, or of what it stood in."""
        parent = item.parent
        assert parent is not None
        for sibling in reversed(parent.children[: item.position]):
            kept = self.pairs.forth.get(sibling)
            if kept is not None and kept.row is not None:
                return kept.row.mark
        kept = self.pairs.forth.get(parent)
        if kept is None or kept.row is None:
            return self.after.marks.get("network")
        return kept.row.mark

    # one pass in the order of execution

    def _container(self, container: Item) -> None:
        for item in container.children:
            self._item(item)

    def _item(self, item: Item) -> None:
        row = item.row
        assert row is not None
        cause = self.added.get(item)
        if cause is not None:
            for inner in item.below():
                self.taint[inner] = {cause}
                self.roles[inner] = ("cause", cause)
            return
        twin = self.pairs.back[item]
        was = twin.row
        assert was is not None
        reaching = self._reaching(item, twin)
        own, kind = self._own(item, twin, reaching)
        other = differ.found_out(was, row)
        if own:
            mine = _Cause(kind, item.index, item, [*own, *other])
            self.causes.append(mine)
            self.roles[item] = ("cause", mine)
        else:
            mine = None
        self.flow[item] = reaching | ({mine} if mine and kind != "renamed" else set())
        first = len(self.causes)
        if item.children:
            if twin.children:
                self._container(item)
            else:
                for inner in item.below():
                    if inner is not item and mine is not None:
                        self.roles[inner] = ("cause", mine)
                        self.taint[inner] = {mine}
        if not other:
            self.taint[item] = set()
            return
        if mine is None:
            found = self._upstream(item, twin, reaching, first)
            if found is None:
                mine = _Cause("changed", item.index, item, other)
                self.causes.append(mine)
                self.roles[item] = ("cause", mine)
            else:
                self.roles[item] = ("follows", found)
                found.follows.append(item)
        self._pass_on(item, was, row, mine, reaching, first)

    def _reaching(self, item: Item, twin: Item) -> set[_Cause]:
        """The causes whose effects a row reads."""
        found: set[_Cause] = set()
        for read in self.new.reads(item):
            if read.item is None:
                continue
            source = self.flow if read.name or read.item is self.new.root else self.taint
            found |= source.get(read.item, set())
        for read in self.old.reads(twin):
            if read.item in self.gone and not read.name:
                found.add(self.gone[read.item])
        return found

    def _own(self, item: Item, twin: Item, reaching: set[_Cause]) -> tuple[list[Change], Kind]:
        """What of a row is no consequence."""
        row, was = item.row, twin.row
        assert row is not None and was is not None
        module = self.new.by_path.get(row.uses) if row.uses else None
        kept = self.pairs.back.get(module) if module is not None else None
        same_module = module is not None and kept is not None and kept.path == was.uses
        if same_module and module is not None and self.roles.get(module, ("",))[0] == "cause":
            own = []  # it is the module that differs, and said there
        else:
            own = [
                change
                for change in differ.written(was, row)
                if not (was.inputs != row.inputs and self.computed(row, change))
            ]
        if bool(row.uses) != bool(was.uses) or (row.uses and not same_module):
            own.append(Change("uses", was.uses or None, row.uses or None, "uses"))
        if self.wired and not self._same_reads(item, twin):
            own.append(Change("reads", _said(self.old, twin), _said(self.new, item), "reads"))
        if self.wired and row.kind == "container" and not self._same_returns(item, twin):
            own.append(Change("returns", _named(was.returns), _named(row.returns), "returns"))
        kind: Kind = "changed"
        if item in self.pairs.moved:
            own.append(Change("order", twin.position, item.position, "order"))
            kind = "moved"
        if self._renamed(item, twin):
            own.append(Change("name", twin.path, item.path, "name"))
            kind = "renamed" if len(own) == 1 else "changed"
        return own, kind

    def _upstream(self, item: Item, twin: Item, reaching: set[_Cause], first: int) -> _Cause | None:
        """The nearest cause of what a row's first forward finds otherwise."""
        row, was = item.row, twin.row
        assert row is not None and was is not None
        inside = [*self.causes[first:], *self._inside(item, twin)]
        if reaching and was.inputs != row.inputs:
            return max(reaching, key=lambda cause: cause.order)
        if inside:
            return min(inside, key=lambda cause: cause.order)
        module = self.new.by_path.get(row.uses) if row.uses else None
        if module is not None and module in self.roles:
            return self.roles[module][1]
        if reaching:
            return max(reaching, key=lambda cause: cause.order)
        if item.children or was.inputs != row.inputs or not self.wired:
            # what it reads is not known: what came before it is
            earlier = [cause for cause in self.causes if cause.order < item.index]
            return max(earlier, key=lambda cause: cause.order, default=None)
        return None

    def _inside(self, item: Item, twin: Item) -> list[_Cause]:
        """Causes of what is new in a container, or gone from it, and of what follows in it."""
        if not item.children or not twin.children:
            return []
        found = [self.gone[inner] for inner in twin.below() if inner in self.gone]
        found += [self.roles[inner][1] for inner in item.below() if inner in self.roles]
        return found

    def _pass_on(
        self, item: Item, was: Row, row: Row, mine: _Cause | None, reaching: set[_Cause], first: int
    ) -> None:
        """Which causes show in what a row returns."""
        if was.outputs == row.outputs:
            self.taint[item] = set()
        elif mine is None:
            followed = self.roles[item][1]
            self.taint[item] = reaching | {followed, *self.causes[first:]}
        elif mine.kind in ("renamed", "moved") and reaching:
            self.taint[item] = reaching
        elif was.inputs == row.inputs:
            self.taint[item] = {mine}
        else:
            sizes = differ.sizes_changed(was.outputs, row.outputs)
            absorbed = sizes is None or sizes != differ.sizes_changed(was.inputs, row.inputs)
            self.taint[item] = reaching | {mine} if absorbed or not reaching else reaching

    # what is the same

    def _renamed(self, item: Item, twin: Item) -> bool:
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

    def _same_reads(self, item: Item, twin: Item) -> bool:
        row, was = item.row, twin.row
        assert row is not None and was is not None and item.parent is not None
        if row.reads is None and was.reads is None:
            return True
        if any(sibling in self.pairs.moved for sibling in item.parent.children):
            return True  # another order: said of what moved
        return self._same_sources(self.old.reads(twin), self.new.reads(item))

    def _same_returns(self, item: Item, twin: Item) -> bool:
        row, was = item.row, twin.row
        if (self.after.returns if row is None else row.returns) is None and (
            self.before.returns if was is None else was.returns
        ) is None:
            return True
        if any(child in self.pairs.moved for child in item.children):
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
            elif not self._ends_of(x, self.gone, self.old, self.pairs.forth) & self._ends_of(
                y, self.added, self.new, None
            ):
                return False
        return True

    def _ends_of(
        self,
        read: Read,
        passing: Mapping[Item, _Cause],
        tree: Tree,
        translate: Mapping[Item, Item] | None,
    ) -> set[tuple[Item | None, str]]:
        """What a source comes from that both networks have, through what only one has."""
        ends: set[tuple[Item | None, str]] = set()
        open_, seen = [read], set()
        while open_:
            source = open_.pop()
            item = source.item
            if item is None:
                continue
            if item in passing and not source.name:
                if item not in seen:
                    seen.add(item)
                    open_.extend(tree.reads(item))
                continue
            if item in passing:
                # the input of a container that only one network has
                open_.extend(tree.reads(item))
                continue
            ends.add((item if translate is None else translate.get(item), source.name))
        return ends

    # what is no row

    def _ties(self) -> None:
        old = {self._renewed(name): self._renewed(to) for name, to in self.before.ties.items()}
        found = differ.mapping_changes("tie", old, self.after.ties)
        if not found:
            return
        mark = self.after.marks.get(f"tie {found[0].field}")
        cause = _Cause("tie", -0.75, changes=found, mark=mark)
        names = {change.field.rpartition(".")[0] for change in found}
        names |= {str(to).rpartition(".")[0] for c in found for to in (c.before, c.after) if to}
        for other in list(self.causes):
            item = other.item
            parts = {change.part for change in other.changes}
            if item in self.roles and parts == {"params"} and item is not None:
                self.causes.remove(other)
                self.roles[item] = ("follows", cause)
                cause.follows.append(item)
        self.causes.append(cause)

    def _renewed(self, tensor: str) -> str:
        """The name that a tensor of the older network has now."""
        path, dot, name = tensor.rpartition(".")
        for tail in (path, tensor):
            item = self.old.by_path.get(tail)
            kept = self.pairs.forth.get(item) if item is not None and tail else None
            if kept is not None:
                return kept.path + (dot + name if tail == path else "")
        return tensor

    def _outputs(self) -> None:
        moved_on = not self.wired or self._same_returns(self.new.root, self.old.root)
        found = differ.output_changes(self.before.outputs, self.after.outputs)
        if moved_on and (not found or self.causes):
            return
        named = (_named(self.before.returns), _named(self.after.returns))
        returns = [] if moved_on else [Change("returns", *named, "returns")]
        mark = self.after.marks.get("output") or self.after.marks.get("network")
        self.causes.append(
            _Cause("output", len(self.new.items), changes=[*returns, *found], mark=mark)
        )

    def _rest(self, param_changes: tuple[Change, ...]) -> tuple[Drift, ...]:
        """What differs where no layer does."""
        totals = differ.total_changes(self.before.totals, self.after.totals)
        if param_changes:
            mark = self.after.marks.get(f"param {param_changes[0].field}")
            cause = _Cause("param", 0, changes=list(param_changes), mark=mark)
        elif totals:
            cause = _Cause("totals", 0, changes=totals, mark=self.after.marks.get("network"))
        else:
            return ()
        return (self._drift(cause),)

    # what is said

    def _count_shifted(self) -> None:
        """Rows of which nothing but the path differs, at the cause that stands before them."""
        for item, twin in self.pairs.back.items():
            changed = any(c in self.added for c in item.children) or any(
                c in self.gone for c in twin.children
            )
            if not changed:
                continue
            marks = [(c.position, self.added[c]) for c in item.children if c in self.added]
            for child in twin.children:
                if child in self.gone:
                    place = sum(
                        self.pairs.forth[c].position >= 0
                        for c in twin.children[: child.position]
                        if c in self.pairs.forth
                    )
                    marks.append((place, self.gone[child]))
            marks.sort(key=lambda mark: mark[0])
            for child in item.children:
                kept = self.pairs.back.get(child)
                if kept is None or kept.name == child.name:
                    continue
                before = [cause for place, cause in marks if place <= child.position]
                if before:
                    before[-1].shifted += sum(inner not in self.roles for inner in child.below())

    def _drifts(self) -> tuple[tuple[Drift, ...], dict[_Cause, int]]:
        self.causes.sort(key=lambda cause: cause.order)
        merged: dict[Any, _Cause] = {}
        for cause in self.causes:
            first = merged.setdefault(self._identity(cause), cause)
            if first is not cause and cause.item is not None:
                cause.into = first
                first.also += [cause.item, *cause.also]
                first.follows += cause.follows
                first.shifted += cause.shifted
        roots = [cause for cause in self.causes if cause.into is None]
        numbers = {cause: index for index, cause in enumerate(roots)}
        return tuple([self._drift(cause) for cause in roots]), numbers

    def _identity(self, cause: _Cause) -> Any:
        """Equal for what one place of the spec is the reason of."""
        item = cause.item
        if item is None or item.row is None:
            return cause
        what = (
            cause.kind,
            tuple([(c.field, c.part) for c in cause.changes if c.part in _WRITTEN]),
        )
        if cause.kind != "removed" and item.row.mark is not None:
            mark = item.row.mark
            return (what, mark.line, mark.column, item.row.declared)
        # without its text: the same place in another copy of the same container
        names = [item.name]
        parent = item.parent
        while parent is not None and parent.row is not None:
            if parent.row.declared not in ("Sequential", "Graph"):
                return (what, parent.row.declared, tuple(names), item.row.declared)
            names.append(parent.name)
            parent = parent.parent
        return cause

    def _drift(self, cause: _Cause) -> Drift:
        item = cause.item
        row = item.row if item is not None else None
        twin = self.pairs.back.get(item) if item is not None else None
        before_path = ""
        if cause.kind == "removed" and item is not None:
            before_path = item.path
        elif item is not None and twin is not None and twin.path != item.path:
            before_path = twin.path
        follows = sorted(cause.follows, key=lambda follower: follower.index)
        return Drift(
            spec=self.after.name,
            variant=self.after.variant,
            kind=cause.kind,
            path=item.path if item is not None else "",
            before_path=before_path,
            type=row.declared if row is not None else "",
            changes=tuple(cause.changes),
            mark=row.mark if row is not None and cause.kind != "removed" else cause.mark,
            used_at=row.used_at if row is not None and cause.kind != "removed" else (),
            also=tuple([other.path for other in cause.also]),
            followers=tuple([follower.path for follower in follows]),
            shifted=cause.shifted,
            totals_before=self.before.totals,
            totals_after=self.after.totals,
            batch_only=cause.kind == "input" and self._batch_only(cause),
        )

    def _batch_only(self, cause: _Cause) -> bool:
        if not differ.batch_only(self.before.inputs, self.after.inputs):
            return False
        for item in cause.follows:
            row, was = item.row, self.pairs.back[item].row
            assert row is not None and was is not None
            found = differ.found_out(was, row)
            if any(change.part not in ("input", "output") for change in found) or not (
                differ.batch_only(was.inputs, row.inputs)
                and differ.batch_only(was.outputs, row.outputs)
            ):
                return False
        return True

    def _table(self, numbers: Mapping[_Cause, int]) -> tuple[Pair, ...]:
        """Rows side by side, what is gone where it was."""
        rows: list[Pair] = []
        gone = iter(item for item in self.old.items if item in self.gone)
        waiting = next(gone, None)
        for item in self.new.items:
            twin = self.pairs.back.get(item)
            if twin is not None:
                while waiting is not None and waiting.index < twin.index:
                    rows.append(self._gone(waiting, numbers))
                    waiting = next(gone, None)
            was = None if twin is None else twin.row
            if item in self.roles:
                role, cause = self.roles[item]
                rows.append(Pair(was, item.row, role, numbers.get(cause.root())))
            else:
                rows.append(Pair(was, item.row, "same"))
        while waiting is not None:
            rows.append(self._gone(waiting, numbers))
            waiting = next(gone, None)
        return tuple(rows)

    def _gone(self, item: Item, numbers: Mapping[_Cause, int]) -> Pair:
        return Pair(item.row, None, "cause", numbers.get(self.gone[item].root()))


_WRITTEN = ("type", "argument", "uses", "reads", "returns", "name", "order")


def _said(tree: Tree, item: Item) -> str:
    """What a row reads, the row before it by its name."""
    row = item.row
    assert row is not None
    if row.reads is not None:
        return _named(row.reads) or ""
    return ", ".join([read.item.name if read.item and not read.name else read.name
                      for read in tree.reads(item)])  # fmt: skip


def _named(names: Iterable[str] | None) -> str | None:
    return None if names is None else ", ".join(names)


def accepted_by(drifts: Iterable[Drift], spec: str, command: str) -> tuple[Drift, ...]:
    """The drifts with the spec's path as given and the command that accepts them."""
    return tuple([replace(drift, spec=spec, accept=command) for drift in drifts])
