"""Plan -> the text that a lock holds of it, one line for each layer. No torch here.

The quick path of `check`: a repeated block's lines are made once, from the shared calls, and no
row of the report is built. Networks that share modules or tensors take their parameter counts
from the rows, which know which call comes first.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from lazyinspect.lock.flow import flow, key, scalar, tensors
from lazyinspect.lock.flow import names as name_list
from lazyinspect.plan.plan import Plan
from lazyinspect.plan.tree import Call, Graph, Leaf, ParameterLeaf, Ref, Step
from lazyinspect.report import LayerRow, Totals
from lazyinspect.shapes import ITEM_BYTES, prod, tensors_of

VERSION = 1
NETWORK, VARIANTS = "network", "variants"
FIGURES = {
    "params": "param_count",
    "trainable": "trainable_param_count",
    "param_bytes": "param_bytes",
    "buffer_bytes": "buffer_bytes",
    "macs": "macs",
    "rows_without_macs": "rows_without_macs",
}
"""Names of totals in a lock, and in :class:`Totals`."""


@dataclass(frozen=True, slots=True)
class Section:
    """What a lock says of one network."""

    variant: str | None
    text: str
    """Its lines, without the one that names it."""
    totals: Totals


def head(spec_name: str) -> str:
    """The first lines of a lock.

    Args:
        spec_name: file name of the spec, without its folder.
    """
    command = f"lazyinspect lock {shlex.quote(spec_name)}"
    if not command.isprintable():
        command = command.encode("unicode_escape").decode("ascii")
    return f"# Shapes under review. Accept what changed with: {command}\nlock: {VERSION}\n"


def assemble(spec_name: str, sections: Mapping[str | None, str]) -> str:
    """The whole text of a lock, of the texts of its networks; ``None`` is the spec itself."""
    parts = [head(spec_name)]
    if None in sections:
        parts.append(f"{NETWORK}:\n{sections[None]}")
    if any(name is not None for name in sections):
        parts.append(f"{VARIANTS}:\n")
    parts.extend(f"  {key(name)}:\n{text}" for name, text in sections.items() if name is not None)
    return "".join(parts)


def section(plan: Plan, parts: Parts | None = None) -> Section:
    """The lines of one network, indented as they stand in the file.

    Args:
        parts: lines of blocks that it may share with other networks of the spec and dtype; filled.
    """
    writer = _Writer(plan, {} if parts is None else parts)
    part, totals = writer.network()
    indent = "  " if plan.variant is None else "    "
    call, root = plan.call, plan.root
    lines = []
    if plan.spec_info.params:
        lines.append(f"params: {flow(plan.spec_info.params)}")
    inputs = [(entry.name, entry.type) for entry in plan.inputs]
    lines.append(f"inputs: {tensors(inputs)}")
    lines.append(f"outputs: {tensors(tensors_of(call.output))}")
    returns = _returns(root, part.names)
    if returns is not None:
        lines.append(f"returns: {name_list(returns)}")
    if plan.ties:
        lines.append(f"ties: {flow({tie.path: tie.source for tie in plan.ties})}")
    lines.append("totals:")
    for name, field in FIGURES.items():
        value = getattr(totals, field)
        if value or name != "rows_without_macs":
            lines.append(f"  {name}: {flow(value)}")
    lines.append("layers:" if part.rows else "layers: {}")
    text = "".join([f"{indent}{line}\n" for line in lines])
    text += "".join([f"{indent}  {_path(path)}: {line}\n" for path, line in part.rows])
    return Section(plan.variant, text, totals)


def _path(path: str) -> str:
    """A path as a key: nothing but its names is asked for quotes."""
    # dots join names that are plain, and 0.1 is a path here and no number
    if path.replace(".", "").isalnum() and path.isascii():
        return path
    return key(path) if not path[:1].isdigit() else _numbered(path)


def _numbered(path: str) -> str:
    rest = path.lstrip("0123456789.")
    return path if not rest or scalar(rest) == rest else key(path)


class _Part:
    """The lines inside a container, by path below it, and what its layers add up to."""

    __slots__ = ("buffer_bytes", "macs", "names", "param_bytes", "params", "rows", "trainable",
                 "unknown")  # fmt: skip

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []
        self.names: dict[int, str] = {}
        """What each slot of its graph is called."""
        self.params = self.trainable = self.param_bytes = self.buffer_bytes = self.unknown = 0
        self.macs: int | None = None

    def add(self, other: _Part) -> None:
        self.params += other.params
        self.trainable += other.trainable
        self.param_bytes += other.param_bytes
        self.buffer_bytes += other.buffer_bytes
        self.unknown += other.unknown
        if other.macs is not None:
            self.macs = other.macs + (self.macs or 0)


Parts: TypeAlias = dict[int, tuple[tuple[Call, ...], _Part]]
"""By the identity of a block's calls, which live as long."""


class _Shared(Exception):
    """A module is applied again: which call counts its parameters depends on the path."""


class _Writer:
    def __init__(self, plan: Plan, parts: Parts) -> None:
        self.plan = plan
        self.dtype = plan.dtype
        self.rows: Iterator[LayerRow] | None = None
        """Of the report, in the order of the calls, where sharing has to be known."""
        self.parts = parts

    def network(self) -> tuple[_Part, Totals]:
        call = self.plan.call
        if not self.plan.ties:
            try:
                part = self.inside(call, "", {})
            except _Shared:
                pass
            else:
                macs = part.macs if call.calls else 0
                return part, Totals(
                    part.params, part.trainable, part.param_bytes, part.buffer_bytes, macs,
                    part.unknown,
                )  # fmt: skip
        self.rows = iter(self.plan.rows[1:])
        return self.inside(call, "", {}), self.plan.totals

    def inside(self, call: Call, path: str, captured: Mapping[int, str]) -> _Part:
        """Lines of the calls in a container.

        Args:
            path: of the container.
            captured: what the slots are called that hold values of an enclosing graph.
        """
        graph = call.node
        assert isinstance(graph, Graph)
        shared = graph.is_block and self.rows is None and path != ""
        if shared:
            known = self.parts.get(id(call.calls))
            if known is not None:
                return known[1]
        part = _Part()
        names, rows = part.names, part.rows
        inputs = graph.inputs
        names.update(enumerate(("input",) if len(inputs) == 1 else inputs))
        names.update(captured)
        previous: Any = Ref(0) if inputs else None
        for step, inner in zip(graph.steps, call.calls, strict=True):
            node = inner.node
            uses = ""
            params = 0
            if self.rows is not None:
                row = next(self.rows)
                own = f"{path}.{step.name}" if path else step.name
                uses = "" if row.path == own else row.path
                params = row.param_count
            elif inner.target is not None:
                raise _Shared
            if isinstance(node, Graph):
                rows.append((step.name, _container(node, step, inner, previous, names, uses)))
                at = len(rows) - 1
                outer = {
                    slot: f"../{_operand(operand, names)}"
                    for slot, operand in enumerate(
                        step.operands[len(node.inputs) :], start=len(node.inputs)
                    )
                }
                below = f"{path}.{step.name}" if path else step.name
                child = self.inside(inner, below, outer)
                returns = _returns(node, child.names)
                if returns is not None:
                    rows[at] = (step.name, f"{rows[at][1][:-1]}, returns: {name_list(returns)}}}")
                rows.extend([(f"{step.name}.{rest}", line) for rest, line in child.rows])
                for slot, ref in zip(step.export_slots, node.exports, strict=True):
                    names[slot] = f"{step.name}.{_operand(ref, child.names)}"
                part.add(child)
            else:
                if self.rows is None:
                    params = self._count(inner, part)
                rows.append((step.name, _line(step, inner, previous, names, params, uses)))
            names[step.slot] = step.name
            previous = Ref(step.slot)
        if not graph.steps:
            part.macs = 0
        if shared:
            self.parts[id(call.calls)] = (call.calls, part)
        return part

    def _count(self, call: Call, part: _Part) -> int:
        """Add a call's figures to its container's; how many parameters it has."""
        if call.macs is None:
            part.unknown += 1
        else:
            part.macs = call.macs + (part.macs or 0)
        count = 0
        node = call.node
        if isinstance(node, (Leaf, ParameterLeaf)):
            for weight in node.weights:
                size = prod(weight.shape)
                nbytes = size * ITEM_BYTES[weight.dtype or self.dtype]
                if weight.buffer:
                    part.buffer_bytes += nbytes
                else:
                    count += size
                    part.param_bytes += nbytes
                    if weight.trainable:
                        part.trainable += size
            part.params += count
        return count


def _container(
    node: Graph, step: Step, call: Call, previous: Any, names: Mapping[int, str], uses: str
) -> str:
    own = step.operands[: len(node.inputs)]
    text = f"{{container: {scalar(node.declared)}"
    text += _wiring(own, step.keywords, previous, names, uses)
    if call.inputs:
        text += f", in: {tensors(call.inputs)}"
    out = list(tensors_of(call.output))
    if out:
        text += f", out: {tensors(out)}"
    return text + "}"


def _line(
    step: Step, call: Call, previous: Any, names: Mapping[int, str], params: int, uses: str
) -> str:
    node = call.node
    inferred: Mapping[str, Any] = {}
    if isinstance(node, Leaf):
        became = "" if node.type == node.declared else f" -> {node.type}"
        text = f"{{layer: {node.declared}{became}"
        given = node.given
        inferred = {name: value for name, value in node.args.items() if name not in given}
    elif isinstance(node, ParameterLeaf):
        text = "{parameter: Parameter"
        given = {"shape": node.shape, "fill": node.fill}
    else:
        assert not isinstance(node, Graph)
        text = f"{{function: {node.op.name}"
        given = node.args
    if given:
        text += f", args: {flow(given)}"
    if inferred:
        text += f", inferred: {flow(inferred)}"
    text += _wiring(step.operands, step.keywords, previous, names, uses)
    if call.inputs:
        text += f", in: {tensors(call.inputs)}"
    out = list(tensors_of(call.output))
    if out:
        text += f", out: {tensors(out)}"
    if params:
        text += f", params: {params}"
    return text + "}"


def _wiring(
    operands: tuple[Any, ...],
    keywords: Mapping[str, Any],
    previous: Any,
    names: Mapping[int, str],
    uses: str,
) -> str:
    """What a step reads, where that is not just the step before it; what it applies again."""
    text = f", uses: {key(uses)}" if uses else ""
    if (operands and (len(operands) > 1 or operands[0] != previous)) or keywords:
        reads = [_operand(operand, names) for operand in operands]
        reads += [f"{name}={_operand(operand, names)}" for name, operand in keywords.items()]
        text += f", reads: {name_list(reads)}"
    return text


def _returns(graph: Graph, names: Mapping[int, str]) -> list[str] | None:
    """What a container hands on, where that is not just the output of its last step."""
    output = graph.output
    if graph.steps and output == Ref(graph.steps[-1].slot):
        return None
    if isinstance(output, dict):
        return [f"{name}={_operand(item, names)}" for name, item in output.items()]
    if isinstance(output, tuple):
        return [_operand(item, names) for item in output]
    return [_operand(output, names)]


def _operand(operand: Any, names: Mapping[int, str]) -> str:
    if isinstance(operand, Ref):
        name = names[operand.slot]
        return f"{name}#{'.'.join(map(str, operand.path))}" if operand.path else name
    if isinstance(operand, tuple):
        return "(" + ", ".join([_operand(item, names) for item in operand]) + ")"
    return f"={flow(operand)}"
