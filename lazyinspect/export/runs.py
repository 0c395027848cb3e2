"""A container's steps -> runs of copies, each drawn once. No torch here.

Copies stand one after the other under names that count, and nothing but the next copy reads what
one gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lazyinspect.export.frames import refs
from lazyinspect.plan.tree import (
    Call,
    Function,
    Graph,
    Leaf,
    Node,
    ParameterLeaf,
    Ref,
    Step,
    Use,
)


def runs(graph: Graph, calls: Sequence[Call], *, overview: bool) -> Iterator[tuple[int, int]]:
    """Start and end of each run; a step without copies is a run of its own.

    Args:
        overview: uses of one block are copies whatever their parameters and shapes.
    """
    reads = read_counts(graph)
    steps = graph.steps
    start = 0
    while start < len(steps):
        end = start + 1
        while (
            end < len(steps)
            and reads.get(steps[end - 1].slot) == 1
            and _continues(steps[end - 1], steps[end])
            and _copies(steps[end - 1 : end + 1], calls[end - 1 : end + 1], overview)
        ):
            end += 1
        yield start, end
        start = end


def read_counts(graph: Graph) -> dict[int, int]:
    """How often each slot is read, by steps, as output and from outside."""
    counts: dict[int, int] = {}
    for step in graph.steps:
        for ref in refs((step.operands, tuple(step.keywords.values()))):
            counts[ref.slot] = counts.get(ref.slot, 0) + 1
    for ref in refs((graph.output, graph.exports)):
        counts[ref.slot] = counts.get(ref.slot, 0) + 1
    return counts


def run_name(first: str, last: str) -> str:
    """Of a run the name of the first and the number of the last, as in a report."""
    found = _NUMBERED.fullmatch(first)
    if first == last or found is None:
        return first
    return f"{found[1]}{found[2]}-{last[len(found[1]) :]}"


_NUMBERED = re.compile(r"(.*?)(\d+)(\D*)")


def _following(name: str) -> str:
    """The name of the next copy: ``layer2`` after ``layer1``."""
    found = _NUMBERED.fullmatch(name)
    return f"{found[1]}{int(found[2]) + 1}{found[3]}" if found else ""


def _copies(steps: Sequence[Step], calls: Sequence[Call], overview: bool) -> bool:
    (a, b), (first, second) = steps, calls
    if isinstance(a.node, Use) or _following(a.name) != b.name:
        return False
    if overview and isinstance(a.node, Graph) and a.node.is_block:
        return isinstance(b.node, Graph) and b.node.declared == a.node.declared
    return (
        first.inputs == second.inputs and first.output == second.output and _equal(a.node, b.node)
    )


def _equal(a: Node, b: Node) -> bool:
    """Whether two nodes are made and wired alike. A block's uses share one."""
    if a is b:
        return True
    if isinstance(a, Leaf) and isinstance(b, Leaf):
        return a.type == b.type and a.args == b.args
    if isinstance(a, Function) and isinstance(b, Function):
        return a.op is b.op and a.args == b.args
    if isinstance(a, ParameterLeaf) and isinstance(b, ParameterLeaf):
        return a.shape == b.shape
    if not isinstance(a, Graph) or not isinstance(b, Graph):
        return False
    return (
        (a.declared, a.inputs, a.captures, a.output, a.exports)
        == (b.declared, b.inputs, b.captures, b.output, b.exports)
        and len(a.steps) == len(b.steps)
        and all(
            (x.name, x.operands, x.keywords, x.export_slots)
            == (y.name, y.operands, y.keywords, y.export_slots)
            and _equal(x.node, y.node)
            for x, y in zip(a.steps, b.steps, strict=True)
        )
    )


def _continues(a: Step, b: Step) -> bool:
    """Whether a step reads the one before it first, and besides that what it reads."""
    return (
        b.operands[:1] == (Ref(a.slot),)
        and b.operands[1:] == a.operands[1:]
        and b.keywords == a.keywords
        and not a.export_slots
    )
