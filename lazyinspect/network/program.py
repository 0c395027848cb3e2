"""Plan graph -> the instructions that a built Graph interprets. Plain data, picklable.

Apart from the plan's own tree so that a saved network needs nothing of the planner to load: an
instruction holds names, numbers and nested tuples only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from lazyinspect.plan import tree


class Slot(NamedTuple):
    """A value at run time: what slot ``at`` holds, then keys into a tuple or dict."""

    at: int
    path: tuple[int | str, ...] = ()


Operand: TypeAlias = Any
"""A Slot, a number, a boolean, None, or a tuple or dict of operands."""


class Instruction(NamedTuple):
    """One step: ``slots[slot] = step(*operands, **keywords)``."""

    name: str
    """The step's name."""
    kind: Literal["module", "parameter", "function", "outside"]
    """``outside`` calls a module that another container owns (a ``use``)."""
    callee: str
    """The attribute to call or to read, the function's name in the op table, or the path of the
    outside module."""
    operands: tuple[Operand, ...]
    keywords: tuple[tuple[str, Operand], ...]
    slot: int
    exports: tuple[int, ...] = ()
    """Slots of what the child graph returns after its output."""
    dead: tuple[int, ...] = ()
    """Slots that nothing reads after this step: emptied, so that memory is freed as early as in
    a hand-written forward."""
    arguments: tuple[tuple[str, Any], ...] = ()
    """Of a function, by name."""
    expand_batch: tuple[int, ...] = ()
    """Operands of ``cat`` to expand over the batch."""
    outside: int = -1
    """Which of the graph's outside modules."""


class Program(NamedTuple):
    """What a Graph's forward does."""

    inputs: tuple[str, ...]
    captures: int
    size: int
    """How many slots there are."""
    steps: tuple[Instruction, ...]
    output: Operand
    exports: tuple[Slot, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of everything that the forward takes."""
        return (*self.inputs, *(f"outer{k}" for k in range(self.captures)))

    @property
    def code(self) -> str:
        """The forward as Python would have it, to read."""
        of_slot = dict(enumerate(map(_identifier, self.names)))
        lines = [f"def forward({', '.join(['self', *of_slot.values()])}):"]
        for step in self.steps:
            of_slot[step.slot] = _identifier(step.name)
            for k, slot in enumerate(step.exports):
                of_slot[slot] = f"{_identifier(step.name)}_{k}"
        for step in self.steps:
            targets = ", ".join(of_slot[slot] for slot in (step.slot, *step.exports))
            lines.append(f"    {targets} = {_expression(step, of_slot)}")
        result = [_show(self.output, of_slot), *(_show(slot, of_slot) for slot in self.exports)]
        lines.append(f"    return {', '.join(result)}")
        return "\n".join(lines)

    @property
    def wiring(self) -> str:
        """The lines of :attr:`code` that a list of the children does not tell."""
        lines = self.code.splitlines()[1:-1]
        return "\n".join(
            line.strip()
            for line, step in zip(lines, self.steps, strict=True)
            if step.kind in ("function", "outside")
        )


def compile_graph(graph: tree.Graph, outside: Mapping[int, str | int]) -> Program:
    """The program of one graph.

    Args:
        outside: for each ``use`` step by its place among the steps, the child that it calls (a
            name), or which of the modules owned elsewhere (a number).
    """
    first_free = len(graph.inputs) + graph.captures
    size = 1 + max(
        (slot for step in graph.steps for slot in (step.slot, *step.export_slots)),
        default=first_free - 1,
    )
    output = _encode(graph.output)
    exports = tuple(Slot(ref.slot, ref.path) for ref in graph.exports)
    kept = {slot for operand in (output, exports) for slot in _slots_of(operand)}
    steps = [_instruction(step, outside.get(at)) for at, step in enumerate(graph.steps)]
    # backwards: the first reader met is the last one to read
    for at in range(len(steps) - 1, -1, -1):
        step = steps[at]
        touched = {step.slot, *step.exports}
        touched.update(_slots_of(step.operands))
        touched.update(_slots_of(tuple(operand for _, operand in step.keywords)))
        steps[at] = step._replace(dead=tuple(sorted(touched - kept)))
        kept |= touched
    return Program(graph.inputs, graph.captures, size, tuple(steps), output, exports)


def _instruction(step: tree.Step, outside: str | int | None) -> Instruction:
    node = step.node
    common: dict[str, Any] = {
        "operands": tuple(map(_encode, step.operands)),
        "keywords": tuple((name, _encode(value)) for name, value in step.keywords.items()),
        "slot": step.slot,
        "exports": step.export_slots,
    }
    if isinstance(node, tree.Function):
        if step.keywords:
            given = node.op.inputs.bind(step.operands, step.keywords)
            names = node.op.inputs.parameters
            # `other` may be a source or an argument: eq(input, other=0.5)
            values = [given.get(p.name, p.default) for p in names if p.name not in node.args]
            common["operands"] = tuple(map(_encode, values))
            common["keywords"] = ()
        return Instruction(
            step.name,
            "function",
            node.op.name,
            **common,
            arguments=tuple(node.args.items()),
            expand_batch=node.expand_batch,
        )
    if isinstance(node, tree.ParameterLeaf):
        # its sources are there for formulas in its shape alone
        return Instruction(step.name, "parameter", step.name, (), (), step.slot)
    if isinstance(node, tree.Use):
        if isinstance(outside, str):
            return Instruction(step.name, "module", outside, **common)
        assert outside is not None
        path = ".".join(node.target)
        return Instruction(step.name, "outside", path, **common, outside=outside)
    return Instruction(step.name, "module", step.name, **common)


def _encode(operand: tree.Operand) -> Operand:
    if isinstance(operand, tree.Ref):
        return Slot(operand.slot, operand.path)
    if isinstance(operand, tuple):
        return tuple(map(_encode, operand))
    if isinstance(operand, Mapping):
        return {key: _encode(value) for key, value in operand.items()}
    return operand


def _slots_of(operand: Operand) -> Iterator[int]:
    if isinstance(operand, Slot):
        yield operand.at
    elif isinstance(operand, (tuple, dict)):
        for item in operand.values() if isinstance(operand, dict) else operand:
            yield from _slots_of(item)


def _identifier(name: str) -> str:
    return name if name.isidentifier() else f"_{name}"


def _expression(step: Instruction, of_slot: Mapping[int, str]) -> str:
    if step.kind == "parameter":
        return f"self.{step.callee}"
    arguments = [_show(operand, of_slot) for operand in step.operands]
    arguments += [f"{name}={_show(operand, of_slot)}" for name, operand in step.keywords]
    arguments += [f"{name}={value!r}" for name, value in step.arguments]
    prefix = {"module": "self.", "outside": "use.", "function": ""}[step.kind]
    return f"{prefix}{step.callee}({', '.join(arguments)})"


def _show(operand: Operand, of_slot: Mapping[int, str]) -> str:
    if isinstance(operand, Slot):
        return of_slot[operand.at] + "".join(f"[{key!r}]" for key in operand.path)
    if isinstance(operand, tuple):
        items = [_show(item, of_slot) for item in operand]
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
    if isinstance(operand, dict):
        return "{" + ", ".join(f"{key!r}: {_show(v, of_slot)}" for key, v in operand.items()) + "}"
    return repr(operand)
