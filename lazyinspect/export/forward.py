"""A class of the exported module -> its ``forward``, in the order of the plan.

A value that the next statement alone reads goes by one short name, as one writes by hand, and is
freed as early; any other has its step's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from lazyinspect.export import code
from lazyinspect.export.classes import Scope, Types, operand_type, types_of
from lazyinspect.export.code import Expr, Group, flat, string, tupled
from lazyinspect.export.constructor import Constructor, is_identifier
from lazyinspect.export.frames import Frame, Value
from lazyinspect.export.functions import Operand, expression
from lazyinspect.export.naming import Authored
from lazyinspect.plan.tree import Function, Graph, ParameterLeaf, Ref, Step, Use
from lazyinspect.shapes import TensorType

_RESERVED = frozenset(
    "self torch nn F Tensor OrderedDict super range tuple dict getattr int float bool str layer "
    "None True False".split()
)
_FLOW = ("x", "out", "y", "z", "h", "value")
_MOST_UNPACKED = 8


@dataclass(slots=True, eq=False)
class Statement:
    """One line of the forward in the making."""

    step: Step
    value: Value
    """What it gives, the whole of it."""
    operands: tuple[Any, ...]
    """Values, numbers, and tuples of such, for its function or module."""
    keywords: dict[str, Any]
    callee: str | None
    """The module; None for a function."""
    function: Function | None = None
    types: tuple[Any, ...] = ()
    loop: str = ""
    """Of copies in a row: the container to run through."""
    base: str = ""
    """What its value would be called."""
    labels: tuple[str, ...] = ()
    """What the author calls its elements."""
    output: Any = None
    """Its type."""
    reads: list[Value] = field(default_factory=list)


class Forward:
    """Writes the forward of a scope.

    Args:
        constructor: knows how the modules are reached.
        authored: the author's steps, for the labels of values.
    """

    def __init__(self, scope: Scope, constructor: Constructor, authored: Authored) -> None:
        self.scope = scope
        self.constructor = constructor
        self.authored = authored
        self.root = scope.frame
        self.aliases: dict[Value, Value] = {}
        self.origins: dict[Frame, Frame] = {}
        """Of a container that is applied again, whose modules its copy calls."""
        self.types: Types = types_of(self.root, scope.types)
        self.statements: list[Statement] = []
        self.names: dict[Value, str] = {}
        self.whole: dict[Value, str] = {}
        self._collect(self.root)
        self.output = self._operand(self.root, self.root.graph.output)

    def lines(self) -> list[str]:
        """The definition, its body included."""
        inputs = self._inputs()
        self._name(inputs)
        found = self._head(inputs)
        for statement in self.statements:
            found += self._statement(statement)
        returned = self._returned(self.output)
        several = isinstance(returned, Group) and returned.open == "(" and len(returned.items) > 1
        bare = f"        return {flat(returned)[1:-1]}"
        if several and len(bare) <= code.WIDTH:
            return [*found, bare]
        return [*found, *code.lines(returned, before="return ", indent=8)]

    # -- what happens ---------------------------------------------------------------------

    def _collect(self, frame: Frame) -> None:
        """Statements of a frame, those of containers that are no modules to call in their place."""
        for place, step in enumerate(frame.graph.steps):
            node = step.node
            value = Value(frame, step.slot)
            inside = self._written_out(frame, place)
            if inside is not None:
                self._inline(frame, place, value, inside)
            elif isinstance(node, ParameterLeaf):
                continue  # read where it is used
            else:
                self.statements.append(self._made(frame, place, step, value))

    def _written_out(self, frame: Frame, place: int) -> Frame | None:
        """The container that a step runs, where that is no module to call."""
        node = frame.graph.steps[place].node
        child = frame.children.get(place)
        if child is not None:
            return None if self._is_called(child) else child
        if not isinstance(node, Use):
            return None
        owner, at = frame.module(node)
        used = owner.children.get(at)
        if used is None or self._is_called(used):
            return None
        again = Frame(used.graph, frame.calls[place].calls, frame, place)
        pairs = zip(again.all(), used.all(), strict=True)
        self.origins.update({copy: self._own(made) for copy, made in pairs})
        return again

    def _own(self, frame: Frame) -> Frame:
        """The frame whose modules these are: that of a `use:` is the first."""
        return self.origins.get(frame, frame)

    def _is_called(self, frame: Frame) -> bool:
        return self.constructor.is_called(self._own(frame))

    def _access(self, frame: Frame, name: str) -> str:
        return self.constructor.access(self._own(frame), name)

    def _inline(self, frame: Frame, place: int, value: Value, child: Frame) -> None:
        types_of(child, (), self.types)
        operands = frame.graph.steps[place].operands
        for slot in range(len(child.graph.inputs)):
            self.aliases[Value(child, slot)] = self._value(frame.value(operands[slot]))
        if not self._loop(frame, child):
            self._collect(child)
        output = self.aliases[value] = self._value(child.value(child.graph.output))
        name = frame.graph.steps[place].name
        if is_identifier(name) and not output.path:
            # what its last statement gives is what the container gives
            for statement in self.statements:
                if statement.value == output and statement.value.frame is not self.root:
                    statement.base = name

    def _value(self, value: Value) -> Value:
        """What a value is, containers that are written out seen through."""
        whole = Value(value.frame, value.slot)
        found = self.aliases.get(whole)
        if found is None:
            return value
        return found._replace(path=(*found.path, *value.path))

    def _operand(self, frame: Frame, operand: Any) -> Any:
        if isinstance(operand, Ref):
            return self._value(frame.value(operand))
        if isinstance(operand, tuple):
            return tuple(self._operand(frame, item) for item in operand)
        if isinstance(operand, dict):
            return {key: self._operand(frame, item) for key, item in operand.items()}
        return operand

    def _made(self, frame: Frame, place: int, step: Step, value: Value) -> Statement:
        node = step.node
        operands = step.operands
        keywords = dict(step.keywords)
        function = node if isinstance(node, Function) else None
        callee: str | None = None
        if function is not None and keywords:
            given = function.op.inputs.bind(operands, keywords)
            operands = tuple(given.get(p.name, p.default) for p in function.op.inputs.parameters)
            keywords = {}
        elif isinstance(node, Use):
            owner, at = frame.module(node)
            callee = self._access(owner, owner.graph.steps[at].name)
        elif function is None:
            callee = self._access(frame, step.name)
        if isinstance(node, Graph):
            operands = operands[: len(node.inputs)]
        author = self.authored.get((frame.calls[place].mark.line, frame.calls[place].mark.column))
        labels = tuple(name for name, _ in author.labels) if author is not None else ()
        own = [] if author is None or author.unpack or len(labels) != 1 else [labels[0]]
        statement = Statement(
            step,
            value,
            tuple(self._operand(frame, operand) for operand in operands),
            {key: self._operand(frame, operand) for key, operand in keywords.items()},
            callee,
            function,
            tuple(operand_type(operand, frame, self.types) for operand in operands),
            base=step.name if is_identifier(step.name) else [*own, ""][0],
            labels=labels if author is not None and author.unpack else (),
            output=frame.calls[place].output,
        )
        statement.reads = list(values((statement.operands, statement.keywords)))
        return statement

    def _loop(self, frame: Frame, child: Frame) -> bool:
        """Write copies in a row as a loop; whether they are such."""
        steps = child.graph.steps
        holder = self.constructor.holders[self._own(child)]
        if len(steps) < 2 or holder.kind != "list" or len(holder.children) != len(steps):
            return False
        if child.graph.exports or child.graph.output != Ref(steps[-1].slot):
            return False
        first = steps[0]
        if not first.operands or first.keywords or not isinstance(first.operands[0], Ref):
            return False
        others = first.operands[1:]
        inside = {step.slot for step in steps}
        if any(ref.slot in inside for ref in _refs(others)):
            return False
        for before, step in pairwise(steps):
            if isinstance(step.node, Use) or step.keywords:
                return False
            if step.operands != (Ref(before.slot), *others):
                return False
        if isinstance(first.node, Use) or any(
            place in child.children for place in range(len(steps))
        ):
            return False
        made = self._made(child, 0, first, Value(child, steps[-1].slot))
        own = self._own(child)
        assert own.parent is not None
        made.loop = self.constructor.access(own.parent, own.parent.graph.steps[own.at].name)
        name = frame.graph.steps[child.at].name
        made.base = name if is_identifier(name) else ""
        made.output = child.calls[-1].output
        self.statements.append(made)
        return True

    # -- what it is called ----------------------------------------------------------------

    def _inputs(self) -> list[str]:
        found: list[str] = []
        for name in self.root.graph.inputs:
            free = name if is_identifier(name) else "".join(c if c.isalnum() else "_" for c in name)
            if not is_identifier(free) or free in _RESERVED or free in found:
                free = f"input_{len(found)}"
            found.append(free)
        return found

    def _name(self, inputs: list[str]) -> None:
        """Names of all values. ``whole`` holds those of values, ``names`` those of elements."""
        readers: dict[Value, list[int]] = {}
        elements: dict[Value, set[tuple[int | str, ...]]] = {}
        for at, statement in enumerate([*self.statements, None]):
            reads = list(values(self.output)) if statement is None else statement.reads
            for value in reads:
                whole = Value(value.frame, value.slot)
                readers.setdefault(whole, []).append(at)
                elements.setdefault(whole, set()).add(value.path)
        taken = {*_RESERVED, *inputs}
        for slot, name in enumerate(inputs):
            self.whole[Value(self.root, slot)] = name
        flowing: list[Value] = []
        for at, statement in enumerate(self.statements):
            value = statement.value
            read = readers.get(value, [])
            paths = elements.get(value, set())
            if isinstance(statement.output, tuple) and paths and () not in paths:
                self._unpack(statement, paths, taken, readers, at)
            elif read and set(read) == {at + 1}:
                flowing.append(value)
            elif read:
                self.whole[value] = _free(statement.base or f"x{statement.step.name}", taken)
        flow = next((name for name in _FLOW if name not in taken), None) or _free("x", taken)
        self.flow = flow
        self.whole.update(dict.fromkeys(flowing, flow))
        self.names.update({value: flow for value, name in self.names.items() if not name})

    def _unpack(
        self,
        statement: Statement,
        paths: set[tuple[int | str, ...]],
        taken: set[str],
        readers: dict[Value, list[int]],
        at: int,
    ) -> None:
        """Name the elements of a tuple that nothing reads whole."""
        value, read = statement.value, {path[0] for path in paths}
        alone = len(read) == 1 and set(readers[value]) == {at + 1}
        for key in sorted(read, key=str):
            assert isinstance(key, int)
            if alone:
                name = ""  # the flow's, once that is known
            elif len(statement.labels) == len(statement.output):
                name = _free(statement.labels[key], taken)
            elif len(read) == 1:
                name = _free(statement.base or f"x{statement.step.name}", taken)
            else:
                name = _free(f"{statement.base or 'x'}_{key}", taken)
            self.names[value._replace(path=(key,))] = name

    def _text(self, value: Value) -> str:
        """The expression that reads a value."""
        whole = Value(value.frame, value.slot)
        path = value.path
        if path and whole._replace(path=path[:1]) in self.names:
            text, path = self.names[whole._replace(path=path[:1])], path[1:]
        elif whole in self.whole:
            text = self.whole[whole]
        else:
            place = value.frame.step_of[value.slot]
            step = value.frame.graph.steps[place]
            assert isinstance(step.node, ParameterLeaf)
            text = self._access(value.frame, step.name)
        return text + "".join(f"[{string(k) if isinstance(k, str) else k}]" for k in path)

    # -- how it is written ----------------------------------------------------------------

    def _head(self, inputs: list[str]) -> list[str]:
        given = [f"{n}: {annotation(t)}" for n, t in zip(inputs, self.scope.types, strict=True)]
        result = annotation(self.scope.call.output)
        one = f"    def forward(self, {', '.join(given)}) -> {result}:"
        if len(one) <= code.WIDTH:
            return [one]
        return [
            "    def forward(",
            "        self,",
            *(f"        {item}," for item in given),
            f"    ) -> {result}:",
        ]

    def _statement(self, statement: Statement) -> list[str]:
        operands = [self._argument(operand) for operand in statement.operands]
        if statement.function is not None:
            pairs = zip(operands, statement.types, strict=True)
            found = expression(statement.function, [Operand(flat(o), t) for o, t in pairs])
        else:
            named = {key: self._argument(value) for key, value in statement.keywords.items()}
            callee = "layer" if statement.loop else statement.callee
            items: list[tuple[str, Expr]] = [("", operand) for operand in operands]
            items += [(f"{key}=", value) for key, value in named.items()]
            found = Group(f"{callee}(", tuple(items), ")")
        if statement.loop:
            return self._looped(statement, found)
        target, suffix = self._target(statement)
        before = f"{target} = " if target else ""
        return code.lines(found, before=before, after=suffix, indent=8)

    def _looped(self, statement: Statement, found: Expr) -> list[str]:
        """``for layer in self.layers: x = layer(x, mask)``."""
        assert isinstance(found, Group)
        name = self.whole.get(statement.value, self.flow)
        start = flat(found.items[0][1])
        lines = [] if start == name else [f"        {name} = {start}"]
        lines.append(f"        for layer in {statement.loop}:")
        again = Group("layer(", (("", name), *found.items[1:]), ")")
        return [*lines, *code.lines(again, before=f"{name} = ", indent=12)]

    def _target(self, statement: Statement) -> tuple[str, str]:
        """What a statement assigns to, and what it takes of the value."""
        value = statement.value
        if value in self.whole:
            return self.whole[value], ""
        named = {v.path[0]: n for v, n in self.names.items() if v._replace(path=()) == value}
        if not named:
            return "", ""
        count = len(statement.output)
        if count > _MOST_UNPACKED and len(named) == 1:
            ((key, name),) = named.items()
            return name, f"[{key}]"
        targets = [named.get(key, "_") for key in range(count)]
        return (f"({targets[0]},)" if count == 1 else ", ".join(targets)), ""

    def _argument(self, operand: Any) -> Expr:
        if isinstance(operand, Value):
            return self._text(operand)
        if isinstance(operand, tuple):
            return tupled(self._argument(item) for item in operand)
        return code.literal(operand)

    def _returned(self, output: Any) -> Expr:
        if isinstance(output, dict):
            items = tuple((f"{string(k)}: ", self._argument(v)) for k, v in output.items())
            return Group("{", items, "}")
        if isinstance(output, Value):
            return self._text(output)
        return self._argument(output)


def values(operand: Any) -> Iterator[Value]:
    """Every value in an operand, a tuple or a dict of such."""
    if isinstance(operand, Value):
        yield operand
    elif isinstance(operand, (tuple, dict)):
        for item in operand.values() if isinstance(operand, dict) else operand:
            yield from values(item)


def annotation(kind: Any) -> str:
    """The type hint of a value."""
    if isinstance(kind, TensorType):
        return "Tensor"
    if isinstance(kind, tuple):
        inner = [annotation(item) for item in kind]
        if len(inner) > 2 and len(set(inner)) == 1:
            return f"tuple[{inner[0]}, ...]"
        return f"tuple[{', '.join(inner) or '()'}]"
    if isinstance(kind, dict):
        return f"dict[str, {' | '.join(dict.fromkeys(annotation(v) for v in kind.values()))}]"
    return "None" if kind is None else type(kind).__name__


def _free(base: str, taken: set[str]) -> str:
    name = base if is_identifier(base) else "x"
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free


def _refs(operands: Any) -> Iterator[Ref]:
    if isinstance(operands, Ref):
        yield operands
    elif isinstance(operands, tuple):
        for item in operands:
            yield from _refs(item)
