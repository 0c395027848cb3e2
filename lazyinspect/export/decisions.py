"""A scope's frames and the author's steps -> what each step picks, unpacks and is labelled.

Decided before anything is named: what the author called a value stays, where it is still one
value, and what every name is that a further label has to avoid. No torch here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lazyinspect.errors import Mark
from lazyinspect.export.frames import MERGES, Frame
from lazyinspect.plan.tree import Use
from lazyinspect.spec.model import Spec, StepSpec, all_steps

Authored = Mapping[tuple[int, int], StepSpec]
"""The author's steps by line and column."""


def authored(spec: Spec) -> Authored:
    """Every step of a file by the place of its op."""
    bodies = (*spec.blocks.values(), spec.network)
    return {
        (step.mark.line, step.mark.column): step
        for body in bodies
        for step in all_steps(body.layers)
    }


@dataclass(slots=True, eq=False)
class Decision:
    """What is decided of a step before the walk: what is taken of its output, its labels."""

    author: StepSpec | None
    pick: tuple[int | str, ...] = ()
    unpack: bool = False
    labels: tuple[str, ...] = ()
    base: str = ""
    """What further labels of it are called after."""


class Decisions:
    """What is decided of every step of a scope."""

    def __init__(self, root: Frame, authored: Authored) -> None:
        self.authored = authored
        self.frames = list(root.all())
        self.paths: dict[tuple[Frame, int], set[tuple[int | str, ...]]] = {}
        for frame in self.frames:
            for value in frame.reads():
                self.paths.setdefault(value[:2], set()).add(value.path)
        self.numbered: set[Frame] = set()
        """Lists to be written as mappings with the keys 0, 1, ..., which are labels then."""
        self.taken = {"prev", "input", *root.graph.inputs}
        self.of: dict[tuple[Frame, int], Decision] = {}
        self._decide()

    def crossed(self) -> set[Frame]:
        """Frames with a `use:` on the one side and its module on the other."""
        found: set[Frame] = set()
        for frame in self.frames:
            for step in frame.graph.steps:
                if isinstance(step.node, Use):
                    owner, _ = frame.module(step.node)
                    found |= {*frame.outward()} ^ {*owner.outward()}
        return found

    def _decide(self) -> None:
        """Which steps pick, unpack, and keep their author's labels."""
        found: list[tuple[Frame, int, StepSpec | None, bool]] = []
        for frame in self.frames:
            if frame.graph.declared in MERGES:
                continue  # its branches and the merge after them are written as one step
            self.taken.update(step.name for step in frame.graph.steps)
            for place, call in enumerate(frame.calls):
                author = self.author(call.mark)
                found.append((frame, place, author, self.is_copy(frame, author)))
        last: dict[StepSpec, tuple[Frame, int]] = {}
        for frame, place, author, copy in found:
            if author is not None:
                self.taken.update(name for name, _ in author.labels)
                if not copy:
                    last[author] = (frame, place)
        owned: set[str] = set()
        copies: dict[StepSpec, int] = {}
        for frame, place, author, copy in found:
            plan = Decision(None if copy else author)
            self.of[frame, place] = plan
            plan.pick = self._pick(frame, place, author, copy)
            plan.base = self._base(frame, place, author, copy, copies)
            own: tuple[str, ...] = ()
            if author is not None and last.get(author) == (frame, place):
                own = tuple(name for name, _ in author.labels)
                own = own if owned.isdisjoint(own) else ()
            rest = {path[len(plan.pick) :] for path in self._paths(frame, place)}
            kind = self.type(frame, place, plan.pick)
            unpacks = own and author is not None and author.unpack
            if any(rest) or unpacks:
                plan.unpack = True
                plan.labels = own if unpacks else tuple(
                    self.free(f"{plan.base}_{k}") for k in range(len(kind))
                )  # fmt: skip
                if () in rest and not is_named(frame):
                    self.numbered.add(frame)
            elif own:
                plan.labels = own
            owned.update(plan.labels)

    def author(self, mark: Mark) -> StepSpec | None:
        return self.authored.get((mark.line, mark.column))

    def is_copy(self, frame: Frame, author: StepSpec | None) -> bool:
        """Whether a step is one of the copies that `repeat:` puts below a name."""
        if author is None or author.repeat is None or not isinstance(author.name, str):
            return False
        return frame.parent is not None and frame.parent.calls[frame.at].mark == author.mark

    def _paths(self, frame: Frame, place: int) -> set[tuple[int | str, ...]]:
        return self.paths.get((frame, frame.graph.steps[place].slot), set())

    def _pick(
        self, frame: Frame, place: int, author: StepSpec | None, copy: bool
    ) -> tuple[int | str, ...]:
        if author is None or author.pick is None:
            return ()
        if holds_copies(author, copy):
            return ()  # they pick
        for path in self._paths(frame, place):
            return path[:1]
        key = author.pick.constant
        kind = frame.calls[place].output
        if isinstance(kind, tuple) and type(key) is int:
            return (key % len(kind),)
        return (key,) if isinstance(kind, dict) and type(key) is str else ()

    @staticmethod
    def type(frame: Frame, place: int, path: tuple[int | str, ...]) -> Any:
        kind = frame.calls[place].output
        for key in path:
            kind = kind[key]
        return kind

    def _base(
        self,
        frame: Frame,
        place: int,
        author: StepSpec | None,
        copy: bool,
        copies: dict[StepSpec, int],
    ) -> str:
        if author is not None and author.each is not None and not holds_copies(author, copy):
            index = copies[author] = copies.get(author, -1) + 1
            return f"{author.each[0]}_{index}"
        name = frame.graph.steps[place].name
        if author is not None and author.labels:
            return author.labels[0][0]
        if not name.isdecimal():
            return name
        around = [] if frame.parent is None else [frame.parent.graph.steps[frame.at].name]
        op = "step" if author is None or author.op == "$" else author.op.rpartition(".")[2].lower()
        return "_".join([*around, op] if not "".join(around).isdecimal() else [op])

    def free(self, base: str) -> str:
        """A label that nothing in the scope is called."""
        name, count = base, 1
        while name in self.taken:
            count += 1
            name = f"{base}_{count}"
        self.taken.add(name)
        return name


def holds_copies(author: StepSpec, copy: bool) -> bool:
    """Whether a step is the container that `repeat:` makes under a name."""
    return author.repeat is not None and isinstance(author.name, str) and not copy


def is_named(frame: Frame) -> bool:
    """Whether its steps have names: a list's are the indices."""
    names = [step.name for step in frame.graph.steps]
    return names != [str(index) for index in range(len(names))]
