"""A graph while it is planned: slots, labels, and values that cross from one graph to another.

A Sequential inside a block may read what stands outside it (a capture), and a label set inside
may be read outside (an export). Both are found when a label is looked up, from whichever graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from lazyinspect.errors import Mark, Problem, SpecError
from lazyinspect.plan.tree import Function, Graph, Leaf, Operand, ParameterLeaf, Ref, Step, Use
from lazyinspect.shapes import Value


class _Poison:
    """The type of a value whose step failed: what depends on it is skipped in silence."""

    def __repr__(self) -> str:
        return "poison"


POISON: Any = _Poison()


class Skip(Exception):
    """A step reads the result of one that failed: nothing to say about it."""


@dataclass(slots=True, eq=False)
class Val:
    """A value as a label names it: where it stands, and its type."""

    frame: Frame
    slot: int
    type: Value
    path: tuple[int | str, ...] = ()
    parameter: bool = False
    """It is what a Parameter step yields, so `cat` may expand it over the batch."""
    absent: bool = False
    """It stands for the output of a step that does not exist."""

    def pick(self, key: int | str) -> Val:
        return Val(self.frame, self.slot, self.type[key], (*self.path, key))


Binding: TypeAlias = "Val | tuple[Val, ...]"
"""What a label means: a value, or (``each:``) a list of them."""


class Draft:
    """A step whose operands may still grow by captures and exports."""

    __slots__ = ("exports", "keywords", "name", "node", "operands", "slot")

    def __init__(
        self,
        name: str,
        node: Leaf | ParameterLeaf | Function | Use | Graph | Frame,
        operands: tuple[Operand, ...],
        keywords: Mapping[str, Operand],
        slot: int,
    ) -> None:
        self.name = name
        self.node = node
        self.operands = operands
        self.keywords = keywords
        self.slot = slot
        self.exports: list[int] | None = None


class Block:
    """One scope: a block, a Graph, or the network. Labels of ``as:``, and modules for ``use:``."""

    __slots__ = ("_modules", "absent", "failed", "labels", "owners")

    def __init__(self) -> None:
        self.labels: dict[str, Binding] = {}
        """Set by ``as:``, visible in the whole block from there on."""
        self.owners: dict[str, Mark] = {}
        """Which step of the file set a label, by its mark: a repeated step may set it again."""
        self._modules: dict[Frame, dict[int, Any]] = {}
        self.absent: set[str] = set()
        """Labels of steps that do not exist, and of the steps inside them."""
        self.failed = False
        """A step under a templated name failed: which labels it would have set is not known."""

    def made(self, frame: Frame, slot: int, call: Any, path: tuple[str, ...] | None = None) -> None:
        """Note the call that gives the value of a slot, for `use:`.

        Args:
            path: of the module, where it is not the call's own.
        """
        known = self._modules.get(frame)
        if known is None:
            known = self._modules[frame] = {}
        known[slot] = call if path is None else (path, call)

    def let_go(self) -> None:
        """Forget what was needed while it grew: frames and values that hold each other."""
        for frame in self._modules:
            frame.keys.clear()
            frame.captured.clear()
            frame.draft = None
        self._modules.clear()
        self.labels.clear()

    def maker(self, frame: Frame, slot: int) -> tuple[tuple[str, ...], Any] | None:
        """Path and call of what gave the value of a slot; None where nothing did."""
        found = self._modules.get(frame, {}).get(slot)
        if found is None or isinstance(found, tuple):
            return found
        return (*frame.path, found.name), found


class Frame:
    """One graph under construction."""

    def __init__(
        self,
        parent: Frame | None,
        block: Block,
        declared: str,
        inputs: tuple[str, ...],
        mark: Mark,
        *,
        path: tuple[str, ...] = (),
        is_block: bool = False,
    ) -> None:
        self.parent = parent
        self.block = block
        self.declared = declared
        self.inputs = inputs
        self.mark = mark
        self.path = path
        """Attribute names from the block's root to this graph."""
        self.is_block = is_block
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.keys: dict[str, Binding] = {}
        """Keys of the mapping whose steps these are."""
        self.drafts: list[Draft] = []
        self.draft: Draft | None = None
        """The parent's step that calls this graph."""
        self.slots = len(inputs)
        self.index = 0
        """Next index of a step in a list."""
        self.captured: dict[tuple[Frame, int], int] = {}
        self.captured_refs: list[Ref] = []
        self.capture_slots: list[int] = []
        self.exported: dict[int, int] = {}
        self.exports: list[int] = []
        self.output: Any = None
        self.graph: Graph | None = None
        """Set once finished."""

    def new_slot(self) -> int:
        slot = self.slots
        self.slots += 1
        return slot

    def add(self, draft: Draft) -> None:
        self.drafts.append(draft)
        if isinstance(draft.node, Frame):
            draft.node.draft = draft

    def lookup(self, name: str) -> Binding | None:
        """What a label means here: keys from the inside out, then ``as:`` labels."""
        frame: Frame | None = self
        while frame is not None and frame.block is self.block:
            found = frame.keys.get(name)
            if found is not None:
                return found
            frame = frame.parent
        return self.block.labels.get(name)

    def visible(self) -> list[str]:
        """Every label that can be read here."""
        names: list[str] = []
        frame: Frame | None = self
        while frame is not None and frame.block is self.block:
            names.extend(frame.keys)
            frame = frame.parent
        return list(dict.fromkeys([*names, *self.block.labels, "prev", "input"]))

    def ref(self, val: Val) -> Ref:
        """The value as a reference in this graph, captured or exported where needed.

        Raises:
            SpecError: it stands inside a module that `use:` has applied again.
            Skip: it stands inside a container that failed.
        """
        return Ref(self._local(val.frame, val.slot), val.path)

    def _local(self, owner: Frame, slot: int) -> int:
        if owner is self:
            return slot
        if self._encloses(owner):
            # it stands in a finished graph below this one: bring it up one level
            assert owner.parent is not None
            return self._local(owner.parent, owner._export(slot))
        key = (owner, slot)
        found = self.captured.get(key)
        if found is None:
            assert self.parent is not None
            outer = self.parent._local(owner, slot)
            found = self.captured[key] = self.new_slot()
            self.captured_refs.append(Ref(outer))
            self.capture_slots.append(found)
        return found

    def _encloses(self, other: Frame) -> bool:
        frame: Frame | None = other
        while frame is not None and frame.depth > self.depth:
            frame = frame.parent
        return frame is self

    def _export(self, slot: int) -> int:
        """Slot of the parent that this graph's ``slot`` is exported to."""
        found = self.exported.get(slot)
        if found is None:
            if self.graph is not None:
                raise SpecError(
                    Problem(
                        "open-module",
                        "a label inside a module that `use:` applies again cannot be read outside",
                        self.mark,
                        help="give the module an output, or make it a block",
                    )
                )
            if self.draft is None:
                raise Skip  # a later step of this graph failed, so nothing calls it
            assert self.parent is not None
            found = self.exported[slot] = self.parent.new_slot()
            if self.draft.exports is None:
                self.draft.exports = []
            self.draft.exports.append(found)
            self.exports.append(slot)
        return found

    def freeze(self) -> Graph:
        """The finished graph, made once: nothing can be exported from it afterwards."""
        if self.graph is None:
            self.graph = self._finish()
        return self.graph

    def _finish(self) -> Graph:
        """The graph, children included, captures in their final slots."""
        count = len(self.inputs)
        move = self._moves(count)
        steps = []
        drafts, self.drafts = self.drafts, []
        drafts.reverse()
        while drafts:
            draft = drafts.pop()  # the step takes its place, and its memory
            node = draft.node
            operands = draft.operands
            if isinstance(node, Frame):
                operands = (*operands, *node.captured_refs)
                node = node.freeze()
            exports = tuple(draft.exports or ())
            keywords: Mapping[str, Operand] = draft.keywords
            slot = draft.slot
            if move is not None:
                operands = _moved(operands, move)
                keywords = {k: _moved(v, move) for k, v in keywords.items()}
                exports = tuple(move[each] for each in exports)
                slot = move[slot]
            steps.append(Step(draft.name, node, operands, keywords, slot, exports))
        refs = tuple(Ref(slot) for slot in self.exports)
        output = self.output
        if move is not None:
            refs, output = _moved(refs, move), _moved(output, move)
        return Graph(
            self.declared, self.inputs, len(self.capture_slots), tuple(steps), output, self.mark,
            refs, self.is_block,
        )  # fmt: skip

    def _moves(self, count: int) -> list[int] | None:
        """Old slot -> new slot, so that captures follow the inputs; None where nothing moves."""
        if not self.capture_slots:
            return None
        move = [0] * self.slots
        captures = set(self.capture_slots)
        order = [*range(count), *self.capture_slots]
        order += [slot for slot in range(count, self.slots) if slot not in captures]
        for new, old in enumerate(order):
            move[old] = new
        return move


def _moved(operand: Any, move: list[int]) -> Any:
    if isinstance(operand, Ref):
        return Ref(move[operand.slot], operand.path)
    if isinstance(operand, tuple):
        return tuple(_moved(item, move) for item in operand)
    if isinstance(operand, dict):
        return {key: _moved(item, move) for key, item in operand.items()}
    return operand
