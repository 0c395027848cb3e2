"""Labels -> values: what a step reads. No torch here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lazyinspect.errors import Mark, Problem, SpecError
from lazyinspect.plan.budget import Budget
from lazyinspect.plan.frame import POISON, Frame, Skip, Val
from lazyinspect.plan.scope import Scope, evaluate
from lazyinspect.plan.tree import Call
from lazyinspect.shapes import TensorType, tensors_of
from lazyinspect.spec.formula import describe
from lazyinspect.spec.model import Branch, Expr, Group, Label, SourceExpr, Sources, StepSpec
from lazyinspect.spec.names import did_you_mean


class AbsentStep(SpecError):
    """A label of a step that its `if:` leaves out, and that has no source to stand for it."""


class Walk:
    """Where the planner stands: a graph, what its names mean, and what was read last."""

    __slots__ = (
        "budget", "calls", "dangling", "edges", "frame", "i", "input", "names", "params", "prev",
        "rows", "unpacked",
    )  # fmt: skip

    def __init__(
        self,
        frame: Frame,
        params: Mapping[str, Any],
        prev: Val | None,
        input: Val | None,
        i: int | None = None,
    ) -> None:
        self.frame = frame
        self.params = params
        self.prev = prev
        self.input = input
        self.i = i
        self.calls: list[Call] = []
        self.budget: Budget | None = None
        """None: nothing is counted."""
        self.rows = 0
        """Of the calls."""
        self.edges = 0
        self.names: set[str] = set()
        self.dangling: StepSpec | None = None
        """The step before, where it has both `if:` and `from:`: `prev` must not be implied."""
        self.unpacked: StepSpec | None = None
        """The step before, where `as:` unpacked its tuple: there is no `prev`."""

    def add(self, call: Call) -> None:
        """Note the call of a step.

        Raises:
            Halt: the network grows too large.
        """
        self.calls.append(call)
        self.rows += call.size
        self.edges += call.edges
        if self.budget is not None:
            self.budget.require(self.rows, self.edges, call)


class Sourced:
    """The sources of one step: labels looked up, formulas not yet evaluated."""

    __slots__ = ("branches", "keywords", "positional")

    def __init__(
        self,
        positional: list[Any],
        keywords: dict[str, Any],
        branches: dict[int, Branch] | None = None,
    ) -> None:
        self.positional = positional
        """Each a Val, an Expr, or a tuple of such; of a Branch, its place is kept."""
        self.keywords = keywords
        self.branches = branches or {}

    def first(self) -> Val | None:
        """The first source that is a value."""
        if self.positional and type(self.positional[0]) is Val:
            return self.positional[0]
        for item in _flat([*self.positional, *self.keywords.values()]):
            if isinstance(item, Val):
                return item
        return None

    def lead(self) -> Any:
        """What each later copy replaces by the copy before it: the first source, be it a tuple."""
        for item in (*self.positional, *self.keywords.values()):
            if isinstance(item, Val) or any(isinstance(part, Val) for part in _flat([item])):
                return item
        return None

    def led_by(self, value: Any) -> Sourced:
        """The same sources with another value in the place of the first."""
        lead = self.lead()
        positional, keywords = list(self.positional), dict(self.keywords)
        for index, item in enumerate(positional):
            if item is lead:
                positional[index] = value
                return Sourced(positional, keywords, self.branches)
        for key, item in keywords.items():
            if item is lead:
                keywords[key] = value
                break
        return Sourced(positional, keywords, self.branches)

    def in_order(self, names: Sequence[str]) -> Sourced:
        """Keywords in the order in which the op declares them: its first input is the first."""
        known = [name for name in names if name in self.keywords]
        order = [*known, *(name for name in self.keywords if name not in known)]
        keywords = {name: self.keywords[name] for name in order}
        return Sourced(self.positional, keywords, self.branches)

    def evaluated(self, scope: Scope) -> Sourced:
        """Formulas replaced by numbers."""
        return Sourced(
            [_evaluated(item, scope) for item in self.positional],
            {name: _evaluated(item, scope) for name, item in self.keywords.items()},
            self.branches,
        )


def _flat(items: Iterable[Any]) -> Iterable[Any]:
    for item in items:
        if isinstance(item, tuple):
            yield from _flat(item)
        else:
            yield item


def _evaluated(item: Any, scope: Scope) -> Any:
    if isinstance(item, Expr):
        value = evaluate(item, scope)
        if value is None or isinstance(value, (bool, int, float)):
            return value
        raise SpecError(
            Problem(
                "bad-source",
                "a source is a label, a number or a formula that gives a number, and this is "
                f"{describe(value)}",
                item.mark,
                help="name a label",
            )
        )
    if isinstance(item, tuple):
        return tuple(_evaluated(part, scope) for part in item)
    return item


def types_of(operands: Iterable[Any]) -> list[Any]:
    """Types of operands; numbers stand for themselves.

    Raises:
        Skip: one is the result of a step that failed.
    """
    return [type_of(operand) for operand in operands]


def type_of(operand: Any) -> Any:
    """Type of one operand."""
    if isinstance(operand, Val):
        if operand.type is POISON:
            raise Skip
        return operand.type
    if isinstance(operand, tuple):
        return tuple(type_of(item) for item in operand)
    return operand


def run_time(operand: Any, frame: Frame) -> Any:
    """The operand as the program of ``frame`` has it: Refs for values."""
    if isinstance(operand, Val):
        return frame.ref(operand)
    if isinstance(operand, tuple):
        return tuple(run_time(item, frame) for item in operand)
    return operand


def graph_tensors(
    names: tuple[str, ...], values: Iterable[Any]
) -> tuple[tuple[str, TensorType], ...]:
    """Every input tensor of a graph: under the names of its inputs, where it has several."""
    if len(names) == 1:
        return named_tensors(list(values)[:1], {})
    # a graph may get captured values after its own inputs
    return named_tensors((), dict(zip(names, values, strict=False)))


def named_tensors(
    positional: Iterable[Any], keywords: Mapping[str, Any]
) -> tuple[tuple[str, TensorType], ...]:
    """Every input tensor with its name: ``""`` for the only one, else position or keyword."""
    values = list(positional)
    if len(values) == 1 and not keywords:
        return tuple(tensors_of(values[0]))
    found: list[tuple[str, TensorType]] = []
    for index, value in enumerate(values):
        found.extend(tensors_of(value, str(index)))
    for name, value in keywords.items():
        found.extend(tensors_of(value, name))
    return tuple(found)


def resolve(step: StepSpec, walk: Walk, *, present: bool = False) -> Sourced:
    """What the step reads: its merge's sources, its ``from:``, or ``prev``.

    Args:
        present: pass over the labels of steps that are left out.

    Raises:
        AbsentStep: a label of a step that is left out.
        SpecError: an unknown label, or a ``prev`` that is not there to be read.
    """
    if step.merge is not None and (step.merge.positional or step.merge.keywords):
        if step.sources is not None:
            raise SpecError(
                Problem(
                    "bad-source",
                    f"`{step.written}` has sources twice: in its arguments and in `from:`",
                    step.sources.mark,
                    help="leave `from:` out",
                )
            )
        return _listed(step.merge, walk, present)
    if step.sources is not None:
        return _listed(step.sources, walk, present)
    if step.op == "Parameter":
        return Sourced([], {})
    unreadable = walk.unpacked is not None or walk.dangling is not None or walk.prev is None
    if step.op == "Sequential" and unreadable:
        return Sourced([], {})  # its steps may name their own sources
    return Sourced([_prev(step, walk)], {})


def _prev(step: StepSpec, walk: Walk) -> Val:
    if walk.dangling is not None:
        raise SpecError(
            Problem(
                "implied-source",
                f"`{step.written}` must name its source: the step before has both `if:` and "
                "`from:`",
                step.mark,
                help="write `from:` with a label; without it, another network results where "
                "the `if:` is false",
            )
        )
    return lookup_prev(walk, step.mark)


def lookup_prev(walk: Walk, mark: Mark) -> Val:
    """``prev``.

    Raises:
        SpecError: the step before unpacked a tuple, or these steps have no source.
    """
    if walk.prev is None and walk.dangling is not None:
        raise SpecError(
            Problem(
                "no-prev",
                "there is no `prev` here: the step before has both `if:` and `from:`, and these "
                "steps are given no source",
                mark,
                help="name a label here, or give the `Sequential` around it a `from:`",
            )
        )
    if walk.unpacked is not None:
        names = ", ".join(f"`{name}`" for name, _ in walk.unpacked.labels)
        raise SpecError(
            Problem(
                "no-prev",
                "there is no `prev` here: the step before unpacks its output",
                mark,
                help=f"write `from:` with one of {names}",
            )
        )
    if walk.prev is None:
        raise SpecError(
            Problem(
                "no-prev",
                "there is no `prev` here: these steps are given no source",
                mark,
                help="name a label here, or give the `Sequential` around it a `from:`",
            )
        )
    return walk.prev


def last(walk: Walk, mark: Mark) -> Val:
    """What a list of steps gives: the output of its last step.

    Raises:
        SpecError: the last step unpacks a tuple.
    """
    if walk.unpacked is not None:
        raise SpecError(
            Problem(
                "no-output",
                "these steps end in an unpacked tuple, and give no one value",
                walk.unpacked.labels[0][1],
                help="name what goes out with `output:`, or end in a step that reads a label",
            )
        )
    return lookup_prev(walk, mark)


def _listed(sources: Sources, walk: Walk, present: bool) -> Sourced:
    positional: list[Any] = []
    branches: dict[int, Branch] = {}
    for source in sources.positional:
        if isinstance(source, Branch):
            branches[len(positional)] = source
            positional.append(None)
            continue
        try:
            value = _source(source, walk)
        except AbsentStep:
            if present:
                continue
            raise
        # a label of `each:` stands for all its outputs
        positional.extend(value if isinstance(value, list) else [value])
    keywords: dict[str, Any] = {}
    for name, source in sources.keywords.items():
        try:
            value = _source(source, walk)
        except AbsentStep:
            if present:
                continue
            raise
        keywords[name] = tuple(value) if isinstance(value, list) else value
    return Sourced(positional, keywords, branches)


def _source(source: SourceExpr, walk: Walk) -> Any:
    if isinstance(source, Label):
        found = lookup(source.name, source.mark, walk)
        return list(found) if isinstance(found, tuple) else found
    if isinstance(source, Group):
        items: list[Any] = []
        for item in source.items:
            value = _source(item, walk)
            items.extend(value if isinstance(value, list) else [value])
        return tuple(items)
    return source


def lookup(name: str, mark: Mark, walk: Walk) -> Any:
    """What a label means here.

    Raises:
        SpecError: nothing; the nearest name is suggested.
        Skip: a step that failed may have set it.
    """
    if name == "prev":
        return lookup_prev(walk, mark)
    if name == "input":
        found: Any = walk.frame.lookup(name) or walk.input
    else:
        found = walk.frame.lookup(name)
    if found is None and name in walk.frame.block.absent:
        raise AbsentStep(
            Problem(
                "absent-step",
                f"the step `{name}` does not exist here, and has no source to stand for it: its "
                "`if:` is false",
                mark,
                help="give this step the same `if:`",
            )
        )
    if found is None and walk.frame.block.failed:
        raise Skip
    if found is None:
        known = walk.frame.visible()
        help = did_you_mean(name, known, "the labels here are " + " ".join(known[:12]))
        raise SpecError(
            Problem("unknown-label", f"there is no label `{name}` to read here", mark, help=help)
        )
    return found
