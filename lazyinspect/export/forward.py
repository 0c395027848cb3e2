"""A class of the exported module -> its ``forward``, in the order of the plan.

A value that the next statement alone reads goes by one short name, as one writes by hand, and is
freed as early; any other has its step's name.
"""

from __future__ import annotations

from typing import Any

from lazyinspect.export import code
from lazyinspect.export.classes import Scope
from lazyinspect.export.code import Expr, Group, flat, string, tupled
from lazyinspect.export.constructor import Constructor, is_identifier
from lazyinspect.export.decisions import Authored
from lazyinspect.export.frames import Value
from lazyinspect.export.functions import Operand, expression
from lazyinspect.export.statements import Statement, Statements, values
from lazyinspect.plan.tree import ParameterLeaf
from lazyinspect.shapes import TensorType

_RESERVED = frozenset(
    "self torch nn F Tensor OrderedDict super range tuple dict getattr int float bool str layer "
    "None True False".split()
)
_FLOW = ("x", "out", "y", "z", "h", "value")
_MOST_UNPACKED = 8


class Forward:
    """Writes the forward of a scope.

    Args:
        constructor: knows how the modules are reached.
        authored: the author's steps, for the labels of values.
    """

    def __init__(self, scope: Scope, constructor: Constructor, authored: Authored) -> None:
        self.scope = scope
        self.root = scope.frame
        self.plan = Statements(scope, constructor, authored)
        self.statements = self.plan.all
        self.output = self.plan.output
        self.whole: dict[Value, str] = {}
        """Names of values."""
        self.names: dict[Value, str] = {}
        """Names of elements of tuples."""
        self.flow = ""

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
            text = self.plan.access(value.frame, step.name)
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
