"""A plan -> the same network for another batch, where one file may serve every batch. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lazyinspect.errors import LazyinspectError, Problem, SpecError
from lazyinspect.plan.inputs import one_batch
from lazyinspect.plan.plan import Plan
from lazyinspect.plan.tree import Call, Graph, Leaf, ParameterLeaf

_HELP = "--fixed-batch exports it for a batch of {} alone"


def other_batch(plan: Plan, again: Callable[[int], Plan]) -> Plan | None:
    """The network for another batch than the plan's, and than 1.

    Args:
        again: plans it for a batch size.

    Returns:
        None where there is no one batch: an input without dimensions or without a batch, inputs
        whose first sizes differ, a batch of 0.

    Raises:
        SpecError: it has a batch, and something in it depends on its size.
    """
    size = one_batch(plan.call, plan.inputs)
    if size is None:
        return None
    try:
        other = again(size + 1)
    except LazyinspectError as error:
        raise SpecError([_fixed(problem, size) for problem in error.problems]) from None
    problems = list(dict.fromkeys(_baked(plan.call, other.call, size)))
    if problems:
        raise SpecError(problems)
    return other


def _fixed(problem: Problem, size: int) -> Problem:
    return Problem(
        "cannot-export",
        f"the batch cannot be left open: of a batch of {size + 1}, {problem.message}",
        problem.mark,
        found=problem.found,
        help=_HELP.format(size),
        used_at=problem.used_at,
    )


def _baked(call: Call, other: Call, size: int) -> Iterator[Problem]:
    """Steps whose arguments or weights depend on the batch."""
    node, later = call.node, other.node
    if isinstance(node, Graph):
        for inner, again in zip(call.calls, other.calls, strict=False):
            yield from _baked(inner, again, size)
        if len(call.calls) != len(other.calls):
            yield _depends(call, "the number of steps", size)
        return
    if isinstance(node, ParameterLeaf) and isinstance(later, ParameterLeaf):
        if node.shape != later.shape:
            yield _depends(call, "the shape", size)
    elif not isinstance(node, ParameterLeaf) and not isinstance(later, (Graph, ParameterLeaf)):
        differing = [name for name in node.args if node.args[name] != later.args.get(name)]
        if differing:
            yield _depends(call, f"`{differing[0]}`", size)
        elif isinstance(node, Leaf) and isinstance(later, Leaf) and node.weights != later.weights:
            yield _depends(call, "the shape of its weights", size)


def _depends(call: Call, what: str, size: int) -> Problem:
    return Problem(
        "cannot-export",
        f"the batch cannot be left open: {what} of this step is computed from it",
        call.mark,
        help=_HELP.format(size),
    )
