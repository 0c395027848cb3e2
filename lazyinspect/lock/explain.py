"""Two Snapshots -> the causes of their differences, and what follows from each. No torch here.

A row whose type, given arguments, name, sources or place differ is a cause. One that differs only
in what its first forward finds out follows from the nearest cause upstream, along what rows read.
"""

from __future__ import annotations

from lazyinspect.drift import Change, Comparison, Kind, Row, Snapshot
from lazyinspect.errors import Mark
from lazyinspect.lock import changes as differ
from lazyinspect.lock import told
from lazyinspect.lock.causes import Cause, Computed, NothingComputed, Role, merged
from lazyinspect.lock.pairing import Pairing
from lazyinspect.lock.tree import Item, Read, Tree


def explain(
    before: Snapshot,
    after: Snapshot,
    computed: Computed | None = None,
) -> Comparison:
    """Compare two networks by cause.

    Args:
        computed: what the newer spec computes from shapes: it follows where they differ.
    """
    found = _Explainer(Pairing(before, after), computed or NothingComputed())
    found.explain()
    roots = merged(found.causes, found.pairing.forth)
    param_changes = tuple(differ.mapping_changes("param", before.params, after.params))
    if not roots:
        rest = told.rest(before, after, param_changes)
        roots = [] if rest is None else [rest]
    return told.comparison(found.pairing, roots, found.roles, param_changes)


class _Explainer:
    def __init__(self, pairing: Pairing, computed: Computed) -> None:
        self.pairing, self.computed = pairing, computed
        self.old, self.new = pairing.old, pairing.new
        self.causes: list[Cause] = []
        self.gone: dict[Item, Cause] = {}
        self.added: dict[Item, Cause] = {}
        self.taint: dict[Item, set[Cause]] = {}
        """Of what a row returns: the causes of its being otherwise."""
        self.flow: dict[Item, set[Cause]] = {}
        """The same of what flows into a container."""
        self.roles: dict[Item, tuple[Role, Cause]] = {}

    def explain(self) -> None:
        self._inputs()
        self._outermost(self.pairing.removed, "removed", self.gone)
        self._outermost(self.pairing.inserted, "inserted", self.added)
        for item in self.new.root.children:
            self._item(item)
        for item in self.pairing.removed:
            self._cause_of_gone(item)
        for item, cause in self.gone.items():
            self.roles.setdefault(item, ("cause", cause))
        self._ties()
        self._outputs()
        told.count_shifted(self.pairing, self.added, self.gone, self.roles)

    # what starts a difference

    def _inputs(self) -> None:
        before, after = self.pairing.before, self.pairing.after
        found = differ.input_changes(before.inputs, after.inputs)
        self.flow[self.new.root] = set()
        if found:
            marks = [after.marks.get(f"input {name}") for c in found for name in (c.field, c.after)]
            mark = next((mark for mark in marks if mark is not None), after.marks.get("network"))
            cause = Cause("input", -1, changes=found, mark=mark)
            self.causes.append(cause)
            self.flow[self.new.root].add(cause)

    def _outermost(self, items: list[Item], kind: Kind, into: dict[Item, Cause]) -> None:
        """One cause for what stands together."""
        cause: Cause | None = None
        previous: Item | None = None
        for item in items:
            if (
                cause is not None
                and previous is not None
                and previous.parent is item.parent
                and previous.position + 1 == item.position
            ):
                cause.also.append(item)
            else:
                cause = Cause(kind, self._order(item, kind), item)
                if kind == "removed":
                    cause.mark = self._where_it_was(item)
                self.causes.append(cause)
            for inner in item.below():
                into[inner] = cause
            previous = item

    def _order(self, item: Item, kind: Kind) -> float:
        if kind == "inserted":
            return item.index
        for index in range(item.index - 1, -1, -1):
            kept = self.pairing.forth.get(self.old.items[index])
            if kept is not None:
                return kept.index + 0.5
        return -0.5

    def _where_it_was(self, item: Item) -> Mark | None:
        """The mark of what stands before it, or of what it stood in."""
        parent = item.parent
        assert parent is not None
        for sibling in reversed(parent.children[: item.position]):
            kept = self.pairing.forth.get(sibling)
            if kept is not None and kept.row is not None:
                return kept.row.mark
        kept = self.pairing.forth.get(parent)
        if kept is None or kept.row is None:
            return self.pairing.after.marks.get("network")
        return kept.row.mark

    # one pass in the order of execution

    def _item(self, item: Item) -> None:
        row = item.row
        assert row is not None
        if item in self.added:
            self._inserted(item, row)
            return
        twin = self.pairing.back[item]
        was = twin.row
        assert was is not None
        reaching = self._reaching(item, twin)
        own, kind = self._own(item, twin, reaching)
        other = differ.found_out(was, row)
        mine: Cause | None = None
        if own:
            mine = Cause(kind, item.index, item, [*own, *other])
            mine.words = not other and _in_words(own, was, row)
            self._add(mine)
        self.flow[item] = reaching | ({mine} if mine and kind != "renamed" else set())
        first = len(self.causes)
        if item.container == twin.container or mine is None:
            for child in item.children:
                self._item(child)
        else:
            self._in_place(item, twin, mine)
        differing = other or differ.written(was, row)
        if not differing and bool(row.uses) != bool(was.uses):
            differing = [Change("uses", was.uses or None, row.uses or None, "uses")]
        if differing and mine is None:
            found = self._upstream(item, twin, reaching, first)
            if found is None:
                mine = Cause("changed", item.index, item, differing)
                self._add(mine)
            else:
                self.roles[item] = ("follows", found)
                found.follows.append(item)
        self._pass_on(item, was, row, mine, reaching, first)

    def _in_place(self, item: Item, twin: Item, cause: Cause) -> None:
        """A container in the place of a layer, or a layer in that of a container."""
        for inner in item.below():
            if inner is not item:
                self.added[inner], self.taint[inner] = cause, {cause}
                self.roles[inner] = ("cause", cause)
        for inner in twin.below():
            if inner is not twin:
                self.gone[inner] = cause

    def _add(self, cause: Cause) -> None:
        self.causes.append(cause)
        if cause.item is not None:
            self.roles[cause.item] = ("cause", cause)

    def _inserted(self, item: Item, row: Row) -> None:
        cause = self.added[item]
        role: Role = "cause"
        if cause.item is item and not cause.also and self._comes_with_shapes(item, row):
            reaching = self._sources_of(self.new.reads(item))
            if reaching:
                # the spec has the step only for some shapes
                nearest = max(reaching, key=lambda cause: cause.order)
                self.causes.remove(cause)
                cause.into, role, cause = nearest, "follows", nearest
                nearest.follows.extend(item.below())
        for inner in item.below():
            self.taint[inner] = {cause}
            self.roles[inner] = (role, cause)

    def _comes_with_shapes(self, item: Item, row: Row) -> bool:
        parent = item.parent
        container = "" if parent is None or parent.row is None else parent.row.declared
        return self.computed.presence(row, container, item.name)

    def _cause_of_gone(self, item: Item) -> Cause:
        """Why a row is not there any more: somebody removed it, or other shapes came."""
        cause = self.gone[item].root()
        top, row = cause.item, item.row
        if cause.kind != "removed" or cause.also or top is None or top.row is None or row is None:
            return cause
        if not self._comes_with_shapes(top, top.row):
            return cause
        reads = [
            Read(kept, read.name)
            for read in self.old.reads(top)
            if read.item is not None and (kept := self.pairing.forth.get(read.item)) is not None
        ]
        reaching = self._sources_of(reads)
        if not reaching:
            return cause
        nearest = max(reaching, key=lambda cause: cause.order)
        self.causes.remove(cause)
        cause.into = nearest
        for inner in top.below():
            self.gone[inner] = nearest
            self.roles[inner] = ("follows", nearest)
            nearest.follows.append(inner)
        return nearest

    def _sources_of(self, reads: list[Read]) -> set[Cause]:
        found: set[Cause] = set()
        for read in reads:
            if read.item is not None:
                source = self.flow if read.name or read.item is self.new.root else self.taint
                found |= source.get(read.item, set())
        return found

    def _reaching(self, item: Item, twin: Item) -> set[Cause]:
        """The causes whose effects a row reads."""
        found = self._sources_of(self.new.reads(item))
        for read in self.old.reads(twin):
            if read.item in self.gone and not read.name:
                found.add(self._cause_of_gone(read.item))
        return found

    def _own(self, item: Item, twin: Item, reaching: set[Cause]) -> tuple[list[Change], Kind]:
        """What of a row is no consequence."""
        row, was = item.row, twin.row
        assert row is not None and was is not None
        module = self.new.by_path.get(row.uses) if row.uses else None
        kept = self.pairing.back.get(module) if module is not None else None
        same_module = kept is not None and (kept.path == was.uses or not self.pairing.wired)
        own: list[Change] = []
        if not (same_module and module is not None and self.roles.get(module, ("",))[0] == "cause"):
            # of a module applied again, it is said where the module is
            shapes_differ = bool(reaching) and was.inputs != row.inputs
            own = [
                change
                for change in differ.written(was, row)
                if not (shapes_differ and change.part == "argument"
                        and self.computed.argument(row, change.field))
            ]  # fmt: skip
        shared = bool(row.uses) != bool(was.uses) or (row.uses and not same_module)
        if shared and self._sharing(item.parent) is None:
            own.append(Change("uses", was.uses or None, row.uses or None, "uses"))
        if not self.pairing.same_reads(item, twin):
            own.append(Change("reads", _reads(self.old, twin), _reads(self.new, item), "reads"))
        if row.kind == "container" and not self.pairing.same_returns(item, twin):
            before, after = told.names(was.returns), told.names(row.returns)
            own.append(Change("returns", before, after, "returns"))
        kind: Kind = "changed"
        if item in self.pairing.moved:
            own.append(Change("order", twin.position, item.position, "order"))
            kind = "moved"
        if self.pairing.renamed(item, twin):
            own.append(Change("name", twin.path, item.path, "name"))
            kind = "renamed" if len(own) == 1 else "changed"
        return own, kind

    def _sharing(self, container: Item | None) -> Cause | None:
        """The cause that a container around a row is a module of its own now, or no longer."""
        while container is not None:
            role, cause = self.roles.get(container, ("", None))
            if role == "cause" and cause and any(c.part == "uses" for c in cause.changes):
                return cause
            container = container.parent
        return None

    def _upstream(self, item: Item, twin: Item, reaching: set[Cause], first: int) -> Cause | None:
        """The nearest cause of what a row's first forward finds otherwise."""
        row, was = item.row, twin.row
        assert row is not None and was is not None
        if reaching and was.inputs != row.inputs:
            return max(reaching, key=lambda cause: cause.order)
        if bool(row.uses) != bool(was.uses):
            return self._sharing(item.parent)
        inside = self._inside(item, twin)
        if inside:
            return min(inside, key=lambda cause: cause.order)
        module = self.new.by_path.get(row.uses) if row.uses else None
        if module is not None and module in self.roles:
            return self.roles[module][1]
        if reaching:
            return max(reaching, key=lambda cause: cause.order)
        if was.inputs != row.inputs or not self.pairing.wired:
            # what it reads is not known: what came before it is
            earlier = [cause for cause in self.causes if cause.order < item.index]
            return max(earlier, key=lambda cause: cause.order, default=None)
        return None

    def _inside(self, item: Item, twin: Item) -> list[Cause]:
        """Causes of what is new in a container, or gone from it, and of what follows in it."""
        if not (item.container and twin.container):
            return []
        found = [self._cause_of_gone(inner) for inner in twin.below() if inner in self.gone]
        return found + [self.roles[inner][1] for inner in item.below() if inner in self.roles]

    def _pass_on(
        self,
        item: Item,
        was: Row,
        row: Row,
        mine: Cause | None,
        reaching: set[Cause],
        first: int,
    ) -> None:
        """Which causes show in what a row returns."""
        if was.outputs == row.outputs:
            self.taint[item] = set()
        elif mine is None:
            self.taint[item] = reaching | {self.roles[item][1], *self.causes[first:]}
        elif mine.kind in ("renamed", "moved") and reaching:
            self.taint[item] = reaching
        elif was.inputs == row.inputs:
            self.taint[item] = {mine}
        else:
            sizes = differ.sizes_changed(was.outputs, row.outputs)
            through = sizes is not None and sizes == differ.sizes_changed(was.inputs, row.inputs)
            self.taint[item] = reaching if through and reaching else reaching | {mine}

    # what is no row

    def _ties(self) -> None:
        renewed = self.pairing.renewed
        old = {renewed(name): renewed(to) for name, to in self.pairing.before.ties.items()}
        found = differ.mapping_changes("tie", old, self.pairing.after.ties)
        if not found or not self.pairing.wired:
            return
        name = found[0].field
        module = self.new.by_path.get(name.rpartition(".")[0])
        mark = self.pairing.after.marks.get(f"tie {name}")
        if mark is None and module is not None and module.row is not None:
            mark = module.row.mark
        cause = Cause("tie", -0.75, changes=found, mark=mark)
        for other in list(self.causes):
            item = other.item
            if item is not None and {change.part for change in other.changes} == {"params"}:
                # whose parameters count depends on whose they are
                self.causes.remove(other)
                other.into = cause
                self.roles[item] = ("follows", cause)
                cause.follows.append(item)
        self.causes.append(cause)

    def _outputs(self) -> None:
        before, after = self.pairing.before, self.pairing.after
        same = self.pairing.same_returns(self.new.root, self.old.root)
        found = differ.output_changes(before.outputs, after.outputs)
        if same and (not found or self.causes):
            return
        named = (told.names(before.returns), told.names(after.returns))
        returns = [] if same else [Change("returns", *named, "returns")]
        mark = after.marks.get("output") or after.marks.get("network")
        self.causes.append(
            Cause("output", len(self.new.items), changes=[*returns, *found], mark=mark)
        )


def _in_words(own: list[Change], was: Row, row: Row) -> bool:
    """Whether what somebody wrote otherwise says the same."""
    return {change.part for change in own} <= {"type", "argument"} and differ.same(was, row)


def _reads(tree: Tree, item: Item) -> str:
    """What a row reads, the row before it by its name."""
    row = item.row
    assert row is not None
    if row.reads is not None:
        return told.names(row.reads) or ""
    sources = tree.reads(item)
    return ", ".join([s.item.name if s.item is not None and not s.name else s.name
                      for s in sources])  # fmt: skip
