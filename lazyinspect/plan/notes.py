"""What a person should know of a plan beside its figures. No torch here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lazyinspect.plan.doubts import doubts
from lazyinspect.plan.tree import Function, Graph, Ref, Step
from lazyinspect.report import LayerRow

MOST = 5
"""How many names one note lists."""


def notes(root: Graph, rows: tuple[LayerRow, ...]) -> tuple[str, ...]:
    """Notes, most important first; usually none."""
    found = []
    unread = list(_unread(root, ""))
    if unread:
        found.append(
            f"nothing reads the output of {_listed(unread)}: counted, run, and without effect"
        )
    unknown = [row.path for row in rows if row.macs is None and row.kind != "container"]
    if unknown:
        count = "1 row" if len(unknown) == 1 else f"{len(unknown)} rows"
        names = _listed(list(dict.fromkeys(unknown)))
        found.append(f"MACs leave out {count} whose count is not known: {names}")
    found.extend(doubts(rows))
    return tuple(found)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:MOST]) + (f" and {len(names) - MOST} more" if len(names) > MOST else "")


def _unread(graph: Graph, path: str) -> Iterator[str]:
    """Paths of steps whose output no step and no output reads."""
    read = {ref.slot for ref in graph.exports}
    read.update(_slots(graph.output))
    for step in graph.steps:
        read.update(_slots(step.operands))
        read.update(_slots(tuple(step.keywords.values())))
    for step in graph.steps:
        inner = f"{path}.{step.name}" if path else step.name
        if step.slot not in read and not any(slot in read for slot in step.export_slots):
            yield _described(step, inner)
        elif isinstance(step.node, Graph):
            yield from _unread(step.node, inner)


def _described(step: Step, path: str) -> str:
    mark = step.node.mark
    kind = f" ({step.node.op.name})" if isinstance(step.node, Function) else ""
    return f"`{path}`{kind} of line {mark.line}"


def _slots(operand: Any) -> Iterator[int]:
    if isinstance(operand, Ref):
        yield operand.slot
    elif isinstance(operand, (tuple, dict)):
        for item in operand.values() if isinstance(operand, dict) else operand:
            yield from _slots(item)
