"""``tie:`` -> pairs of names for one tensor, checked against the planned network."""

from __future__ import annotations

from lazyinspect.errors import Problem, SpecError
from lazyinspect.plan.rows import state_dict
from lazyinspect.plan.tree import Call, Tie
from lazyinspect.shapes import format_shape
from lazyinspect.spec.model import Spec, TieSpec
from lazyinspect.spec.names import did_you_mean


def network_ties(spec: Spec, call: Call) -> tuple[Tie, ...]:
    """Ties of the network, each with the tensor that its chain ends in.

    Raises:
        SpecError: a name is no parameter's, shapes differ, or a tensor is tied to itself.
    """
    if not spec.ties:
        return ()
    weights = state_dict(call)
    problems = []
    found: dict[str, Tie] = {}
    for tie in spec.ties:
        for name, mark in ((tie.path, tie.mark), (tie.source, tie.source_mark)):
            if name not in weights or weights[name].buffer:
                problems.append(
                    Problem(
                        "unknown-tensor",
                        f"the network has no parameter `{name}`",
                        mark,
                        help="it is a buffer, and only parameters can be tied"
                        if name in weights
                        else did_you_mean(name, weights, "names are as in state_dict"),
                    )
                )
        if problems:
            continue
        mine, other = weights[tie.path].shape, weights[tie.source].shape
        source = end_of_chain(tie, spec)
        if mine != other:
            problems.append(
                Problem(
                    "tie-mismatch",
                    f"`{tie.path}` is {format_shape(mine)}, and `{tie.source}` is "
                    f"{format_shape(other)}",
                    tie.mark,
                    help="only tensors of one shape can be one tensor",
                )
            )
        elif source is None:
            problems.append(
                Problem(
                    "tie-mismatch",
                    f"`{tie.path}` is tied to itself",
                    tie.mark,
                    help="leave out one of the ties that lead back to it",
                )
            )
        if source is not None:
            found[tie.path] = Tie(tie.path, source, tie.mark)
    if problems:
        raise SpecError(problems)
    return tuple(found.values())


def end_of_chain(tie: TieSpec, spec: Spec) -> str | None:
    """The tensor that a tie comes to through other ties; None where it comes back to itself."""
    sources = {other.path: other.source for other in spec.ties}
    name, seen = tie.source, {tie.path}
    while name in sources:
        if name in seen:
            return None
        seen.add(name)
        name = sources[name]
    return None if name in seen else name
