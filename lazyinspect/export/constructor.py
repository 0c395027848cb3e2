"""A class of the exported module -> its ``__init__``, and how its modules are reached.

A container inside the class is a Sequential where that suffices, else a ModuleList, a ModuleDict
or (with learned tensors of its own) a bare Module that holds its children by name.
"""

from __future__ import annotations

import keyword
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lazyinspect.export.classes import Family, Scope
from lazyinspect.export.code import (
    Comprehension,
    Expr,
    Group,
    call,
    flat,
    lines,
    listed,
    literal,
    string,
    tupled,
)
from lazyinspect.export.frames import Frame
from lazyinspect.plan.ops.base import LayerValue
from lazyinspect.plan.tree import Graph, Leaf, ParameterLeaf, Tie

Kind = Literal["class", "sequential", "list", "dict", "module", "nothing"]

_DICT_ATTRIBUTES = frozenset(("keys", "values", "items", "update", "clear", "get"))
_FEWEST_COPIES = 3
"""From how many equal children on one comprehension makes them."""


def is_identifier(name: str) -> bool:
    """Whether ``self.name`` reads an attribute of that name."""
    return name.isidentifier() and not keyword.iskeyword(name)


@dataclass(frozen=True, slots=True)
class Holder:
    """How a frame's children are kept."""

    kind: Kind
    children: tuple[str, ...]
    """Names of its modules, in order."""


class Constructor:
    """Writes the constructor of a family, after its first member."""

    def __init__(self, family: Family, ties: Sequence[Tie] = ()) -> None:
        self.family = family
        self.scope: Scope = family.first
        self.ties = ties
        self.holders: dict[Frame, Holder] = {}
        self._places = self._first_places()
        root = self.scope.frame
        self._hold(root)
        self.is_sequential = self._runs_as_sequential(root) and all(
            name == str(index) for index, name in enumerate(self.holders[root].children)
        )
        names = [step.name for step in root.graph.steps if self._has_module(root, step.name)]
        self.by_key = (
            not self.is_sequential
            and not all(map(is_identifier, names))
            and _DICT_ATTRIBUTES.isdisjoint(names)
        )
        """The class is a ModuleDict: some of its modules have names that are no attributes."""

    @property
    def is_needed(self) -> bool:
        """Whether the class makes anything of its own."""
        return self.is_sequential or bool(self.family.parameters) or len(self.lines()) > 1

    @property
    def base(self) -> str:
        """The class that it derives from."""
        if self.is_sequential:
            return "nn.Sequential"
        return "nn.ModuleDict" if self.by_key else "nn.Module"

    # -- how children are kept ------------------------------------------------------------

    def _has_module(self, frame: Frame, name: str) -> bool:
        return name in self.holders[frame].children

    def _hold(self, frame: Frame) -> None:
        """Decide for a frame and those inside it."""
        for child in frame.children.values():
            self._hold(child)
        modules, parameters = [], []
        for place, step in enumerate(frame.graph.steps):
            node = step.node
            if isinstance(node, ParameterLeaf):
                parameters.append(step.name)
            elif (
                isinstance(node, Leaf)
                or (isinstance(node, Graph) and node.is_block)
                or (place in frame.children and self._holds(frame.children[place]))
            ):
                modules.append(step.name)
        inside = [self.holders[child].kind for child in frame.children.values()]
        kind: Kind = "dict"
        if frame.parent is None:
            kind = "class"
        elif not modules and not parameters:
            kind = "nothing"
        elif self._runs_as_sequential(frame):
            kind = "sequential"
        elif parameters or "module" in inside or not _DICT_ATTRIBUTES.isdisjoint(modules):
            kind = "module"
        elif modules == [str(index) for index in range(len(modules))]:
            kind = "list"
        self.holders[frame] = Holder(kind, tuple(modules))

    def _holds(self, frame: Frame) -> bool:
        return self.holders[frame].kind != "nothing"

    def _runs_as_sequential(self, frame: Frame) -> bool:
        """Whether nn.Sequential runs it: one module after the other, each callable."""
        if not frame.graph.is_sequential:
            return False
        return all(self.holders[child].kind == "sequential" for child in frame.children.values())

    def is_called(self, frame: Frame) -> bool:
        """Whether a container is one module to call, rather than steps to write out."""
        return self.holders[frame].kind == "sequential"

    # -- how modules are reached ----------------------------------------------------------

    def access(self, frame: Frame, name: str) -> str:
        """The expression of a module or learned tensor that a step of a frame owns."""
        holder = self.holders[frame]
        if frame.parent is None:
            if name not in holder.children:
                return f"self.{name}" if is_identifier(name) else f"getattr(self, {string(name)})"
            if self.is_sequential:
                return f"self[{holder.children.index(name)}]"
            if self.by_key:
                return f"self[{string(name)}]"
            return f"self.{name}" if is_identifier(name) else f"self.get_submodule({string(name)})"
        around = self.access(frame.parent, frame.parent.graph.steps[frame.at].name)
        if holder.kind in ("sequential", "list"):
            return f"{around}[{holder.children.index(name)}]"
        if holder.kind == "dict":
            return f"{around}[{string(name)}]"
        if is_identifier(name):
            return f"{around}.{name}"
        getter = "get_submodule" if name in holder.children else "get_parameter"
        return f"{around}.{getter}({string(name)})"

    # -- the constructor ------------------------------------------------------------------

    def lines(self) -> list[str]:
        """The body of ``__init__``."""
        root = self.scope.frame
        if self.is_sequential:
            items = self._children(root, named=False)
            return lines(Group("super().__init__(", tuple(("", i) for i in items), ")"), indent=8)
        found = ["        super().__init__()"]
        found += self._statements(root)
        for tied in self.ties:
            found += self._tie(tied)
        return found

    def _statements(self, frame: Frame) -> list[str]:
        """One statement for each child of a class or a bare Module."""
        found: list[str] = []
        holder = self.holders[frame]
        for place, step in enumerate(frame.graph.steps):
            node = step.node
            if isinstance(node, ParameterLeaf):
                found += self._set(frame, step.name, self._parameter(frame, place, node), True)
            elif step.name in holder.children:
                child = frame.children.get(place)
                if child is not None and self.holders[child].kind == "module":
                    found += self._set(frame, step.name, "nn.Module()", False)
                    found += self._statements(child)
                else:
                    found += self._set(frame, step.name, self._module(frame, place), False)
        return found

    def _set(self, frame: Frame, name: str, value: Expr, parameter: bool) -> list[str]:
        target = self.access(frame, name)
        if target.endswith(")"):
            owner = "self" if frame.parent is None else target[: target.rindex(".get_")]
            verb = "register_parameter" if parameter else "add_module"
            return lines(call(f"{owner}.{verb}", string(name), value), indent=8)
        return lines(value, before=f"{target} = ", indent=8)

    def _parameter(self, frame: Frame, place: int, node: ParameterLeaf) -> Expr:
        path = self._path(frame, place)
        shape = self._value(path, "shape", node.shape)
        fill = self._value(path, "fill", node.fill)
        zeros = fill == "0.0"
        made = call("torch.zeros", shape) if zeros else call("torch.full", shape, fill)
        return call("nn.Parameter", made)

    def _module(self, frame: Frame, place: int) -> Expr:
        """The expression that makes a step's module."""
        block = self.scope.blocks.get((frame, place))
        if block is not None:
            return self._block(frame, place, block)
        layer = self.scope.layers.get((frame, place))
        if layer is not None:
            path = self._path(frame, place)
            items: list[tuple[str, Expr]] = []
            for index, (name, value) in enumerate(layer.args.items()):
                prefix = "" if index < layer.positional else f"{name}="
                items.append((prefix, self._value(path, name, value)))
            room = "" if "." in layer.name else "nn."
            return Group(f"{room}{layer.name}(", tuple(items), ")")
        child = frame.children[place]
        holder = self.holders[child]
        if holder.kind == "sequential":
            if holder.children == tuple(str(k) for k in range(len(holder.children))):
                return call("nn.Sequential", *self._children(child, named=False))
            pairs = self._children(child, named=True)
            return call("nn.Sequential", call("OrderedDict", listed(pairs)))
        if holder.kind == "list":
            items_of = self._children(child, named=False)
            if len(items_of) == 1 and isinstance(items_of[0], Comprehension):
                alone = items_of[0]
                return call("nn.ModuleList", Comprehension("[", alone.item, alone.clause, "]"))
            return call("nn.ModuleList", listed(items_of))
        pairs_of = [
            (f"{string(name)}: ", self._module(child, child.place(name)))
            for name in holder.children
        ]
        return call("nn.ModuleDict", Group("{", tuple(pairs_of), "}"))

    def _children(self, frame: Frame, *, named: bool) -> list[Expr]:
        """Expressions of a frame's modules; runs of equal ones as a comprehension."""
        names = self.holders[frame].children
        made = [self._module(frame, frame.place(name)) for name in names]
        if named:
            return [tupled([string(name), item]) for name, item in zip(names, made, strict=True)]
        found: list[Expr] = []
        at = 0
        while at < len(made):
            end = at + 1
            while end < len(made) and flat(made[end]) == flat(made[at]):
                end += 1
            if end - at >= _FEWEST_COPIES:
                clause = f"for _ in range({end - at})"
                found.append(Comprehension("*(", made[at], clause, ")"))
            else:
                found.extend(made[at:end])
            at = end
        return found

    def _block(self, frame: Frame, place: int, block: Scope) -> Expr:
        family = block.family
        assert family is not None
        path = self._path(frame, place)
        given: dict[str, Expr] = {}
        for name, index in family.given(block).items():
            step, argument, value = block.values[index]
            given[name] = self._value(f"{path}.{step}", argument, value)
        if len(given) == 1:
            return call(family.name, *given.values())
        return call(family.name, **given)

    def _first_places(self) -> dict[tuple[str, str], int]:
        return {entry[:2]: place for place, entry in enumerate(self.scope.values)}

    def _value(self, path: str, argument: str, value: object) -> str:
        """A value, or the constructor's parameter that holds it."""
        name = self.family.parameter_of[self._places[path, argument]]
        return name if name is not None else flat(_literal(value))

    def _path(self, frame: Frame, place: int) -> str:
        names = [frame.graph.steps[place].name]
        while frame.parent is not None:
            names.append(frame.parent.graph.steps[frame.at].name)
            frame = frame.parent
        return ".".join(reversed(names))

    def _tie(self, tied: Tie) -> list[str]:
        target, name = self._owner(tied.path)
        source, last = self._owner(tied.source)
        return [f"        {target}.{name} = {source}.{last}"]

    def _owner(self, path: str) -> tuple[str, str]:
        *parts, name = path.split(".")
        if len(parts) == 1 and is_identifier(parts[0]) and not self.by_key:
            return f"self.{parts[0]}", name
        if not parts:
            return "self", name
        return f"self.get_submodule({string('.'.join(parts))})", name


def _literal(value: object) -> Expr:
    if isinstance(value, LayerValue):
        items = tuple((f"{name}=", _literal(item)) for name, item in value.args.items())
        return Group(f"nn.{value.op}(", items, ")")
    return literal(value)
