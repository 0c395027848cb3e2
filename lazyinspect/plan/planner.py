"""Spec -> tree and typed calls: one pass over the steps, in the order they run.

A step that fails becomes a problem and yields poison: what reads it is skipped in silence, what
does not is planned, so that one run reports every independent mistake. A block is planned once for
each set of parameters and input types; its nodes are shared by all its uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from lazyinspect import limits
from lazyinspect.errors import Mark, OpError, Problem, SpecError
from lazyinspect.plan import sources as src
from lazyinspect.plan.arguments import flowing, op_problem
from lazyinspect.plan.budget import BLOCK, Budget, Halt
from lazyinspect.plan.checks import count, holds
from lazyinspect.plan.elsewhere import Elsewhere
from lazyinspect.plan.frame import Block, Frame, Skip, Val
from lazyinspect.plan.labels import (
    bind,
    bind_absent,
    bind_key,
    leave_out,
    next_index,
    poison,
    step_name,
)
from lazyinspect.plan.memo import Memo
from lazyinspect.plan.nodes import Nodes
from lazyinspect.plan.resolve import Resolver
from lazyinspect.plan.scope import LayerArg, Scope, evaluate
from lazyinspect.plan.sources import Sourced, Walk
from lazyinspect.plan.tree import Call, Graph
from lazyinspect.shapes import TensorType
from lazyinspect.spec.formula import describe
from lazyinspect.spec.model import (
    OPEN,
    ArgsExpr,
    Expr,
    GraphSpec,
    Layers,
    OutputSpec,
    Spec,
    StepSpec,
)
from lazyinspect.spec.names import STRUCTURE
from lazyinspect.spec.values import no_more


class Planner:
    """Plans one spec for one set of parameters and inputs.

    Args:
        spec: the spec.
        resolver: applies ops.
        known: whether a dotted or row-less class may be used; raises SpecError where not.
        max_steps: that the network may have.
        memo: what other plans of the spec have made.
    """

    def __init__(
        self,
        spec: Spec,
        resolver: Resolver,
        known: Callable[[str, Mark], None],
        max_steps: int = limits.STEPS,
        memo: Memo | None = None,
    ) -> None:
        self.spec = spec
        self.problems: list[Problem] = []
        self.at = spec.mark
        """Of the step in hand."""
        self.budget = Budget(spec, max_steps)
        self.nodes = Nodes(spec, resolver, known, self, memo)
        self._elsewhere = Elsewhere(spec)
        self._bodies: list[GraphSpec] = []
        self._grown: list[Block] = []

    @property
    def count(self) -> int:
        """Steps planned so far, copies counted, a shared block's once."""
        return max(self.budget.looked, self.budget.made)

    def network(
        self, params: Mapping[str, Any], inputs: tuple[tuple[str, TensorType], ...]
    ) -> tuple[Graph | None, Call | None]:
        """The network's graph and its typed call; None where a problem was found."""
        try:
            return self.scope(
                self.spec.network, "Sequential", params, tuple(name for name, _ in inputs),
                [tensor for _, tensor in inputs], self.spec.mark,
            )  # fmt: skip
        except Halt as halt:
            if halt.problem is not None:
                self.problems.append(halt.problem)
            return None, None

    def scope(
        self,
        body: GraphSpec,
        declared: str,
        params: Mapping[str, Any],
        inputs: tuple[str, ...],
        types: list[Any],
        mark: Mark,
        i: int | None = None,
    ) -> tuple[Graph | None, Call | None]:
        """Plan something that sees only its own inputs and parameters.

        Args:
            types: of the inputs.
            i: index of the copy, where a `Graph:` stands in a repeat.

        Returns:
            The graph and its call; None where a problem was found.
        """
        before = len(self.problems)
        self.budget.look(mark, BLOCK)
        self._bodies.append(body)
        block = Block()
        self._grown.append(block)
        frame = Frame(None, block, declared, inputs, mark, is_block=True)
        values = [Val(frame, slot, value) for slot, value in enumerate(types)]
        frame.keys.update(zip(inputs, values, strict=True))
        first = values[0] if values else None
        walk = Walk(frame, params, first, first, i)
        walk.budget = self.budget
        try:
            self.steps(body.layers, walk)
            output = self._output(body.output, walk)
            types_out = src.type_of(output) if not isinstance(output, dict) else {
                key: src.type_of(value) for key, value in output.items()
            }  # fmt: skip
            if isinstance(output, dict):
                frame.output = {key: src.run_time(value, frame) for key, value in output.items()}
            else:
                frame.output = src.run_time(output, frame)
        except Skip:
            return None, None
        except SpecError as error:
            self._report(error.problems)
            return None, None
        finally:
            self._bodies.pop()
        # a step whose `expect:` is unmet gives what it gives, and others read it
        if any(problem.code != "unmet-expect" for problem in self.problems[before:]):
            return None, None
        graph = frame.freeze()
        tensors = src.graph_tensors(inputs, types)
        call = Call("", graph, tensors, types_out, 0, mark, tuple(walk.calls))
        _settle(call)
        return graph, call

    def let_go(self) -> None:
        """End a planner whose plan is made: nothing is left that only the collector would find."""
        for block in self._grown:
            block.let_go()
        del self.nodes

    def _report(self, problems: tuple[Problem, ...]) -> None:
        """Note problems of the body in hand; of an unknown name, where the file has it."""
        self.problems.extend(self._elsewhere.told(each, self._bodies) for each in problems)

    def _output(self, output: OutputSpec | None, walk: Walk) -> Any:
        if output is None:
            return src.last(walk, walk.frame.mark)
        found: list[Any] = []
        problems: list[Problem] = []
        for name, mark in output.labels:
            try:
                found.append(src.lookup(name, mark, walk))
            except SpecError as error:
                problems.extend(error.problems)
        if problems:
            raise SpecError(problems)
        if output.single:
            return found[0]
        if output.keys is not None:
            return dict(zip(output.keys, found, strict=True))
        return tuple(found)

    def steps(self, layers: Layers, walk: Walk) -> None:
        """Plan steps in order into the walk's graph."""
        self.budget.enter(layers.mark)
        for step in layers.steps:
            self.budget.look(step.mark, 1 + self.budget.extra(step))
            self.at = step.mark
            try:
                if step.op == "splice":
                    self._splice(step, walk)
                else:
                    self._step(step, walk)
                continue
            except Skip:
                pass
            except SpecError as error:
                self._report(error.problems)
            if len(self.problems) >= limits.PROBLEMS:
                self.problems[:] = no_more(self.problems)
                raise Halt
            poison(step, walk)
        self.budget.leave()

    def _splice(self, step: StepSpec, walk: Walk) -> None:
        assert step.body is not None
        ends = step.body.layers.steps[-1:]
        per_copy = _per_copy(step)
        scope = _prev_scope(walk)
        if step.condition is None or per_copy or holds(step.condition, scope):
            copies = 1 if step.repeat is None else count(step.repeat, scope)
            self.budget.copies(step, copies)
            with _restored(walk):
                for i in range(copies):
                    if step.repeat is not None:
                        walk.i = i
                    if per_copy and not holds(per_copy, _prev_scope(walk)):
                        self.budget.look(step.mark)
                        continue
                    self.steps(step.body.layers, walk)
        else:
            leave_out(step, walk)
        if step.condition is not None and ends and ends[0].sources is not None:
            walk.dangling = step

    def _step(self, step: StepSpec, walk: Walk) -> None:
        try:
            sourced = src.resolve(step, walk)
        except src.AbsentStep:
            # a step that does not exist itself may read what does not
            if step.condition is None or _per_copy(step):
                raise
            first = src.resolve(step, walk, present=True).first()
            scope = Scope(walk.params, None if first is None else first.type, walk.i)
            if holds(step.condition, scope):
                raise
            bind_absent(step, first, scope, walk)
            return
        if len(sourced.keywords) > 1:
            sourced = sourced.in_order(self.nodes.input_names(step.op))
        first = sourced.first()
        scope = Scope(walk.params, None if first is None else first.type, walk.i)
        per_copy = _per_copy(step)
        if step.condition is not None and not per_copy and not holds(step.condition, scope):
            bind_absent(step, first, scope, walk)
            return
        if step.repeat is None:
            name = step_name(step, scope, walk)
            value = self._apply(step, name, sourced, scope, walk)
            if step.name is not None:
                bind_key(step, name, value, walk)
            bind(step, value, [value], walk)
            return
        copies = count(step.repeat, scope)
        self.budget.copies(step, copies)
        if isinstance(step.name, str):
            outputs, last = self._sequence(step, copies, sourced, walk)
        else:
            outputs = self._copies(step, copies, sourced, walk)
            last = outputs[-1] if outputs else None
        if last is None:
            bind_absent(step, first, scope, walk)
        else:
            bind(step, last, outputs, walk)

    def _apply(
        self, step: StepSpec, name: str, sourced: Sourced, scope: Scope, walk: Walk, copy: int = 0
    ) -> Val:
        """Apply a step once. Raises SpecError and Skip."""
        if step.op == "$":
            step = _layer_step(step, scope)
        try:
            return self.nodes.apply(step, name, sourced, scope, walk)
        except OpError as error:
            if copy:
                error.message += f" (in copy {copy})"
            found = flowing(self.nodes.reading)
            raise SpecError(op_problem(error, step, found)) from None

    def _copies(
        self, step: StepSpec, copies: int, sourced: Sourced, walk: Walk, *, indexed: bool = False
    ) -> list[Val]:
        """Copies side by side: under indices, or under a templated name."""
        outputs: list[Val] = []
        per_copy = _per_copy(step)
        with _restored(walk):
            extra = self.budget.extra(step)
            for i in range(copies):
                if extra:
                    self.budget.look(step.mark, extra)
                first = sourced.first()
                walk.i = i
                scope = Scope(walk.params, None if first is None else first.type, i)
                if per_copy and not holds(per_copy, scope):
                    self.budget.look(step.mark)
                    continue
                name = next_index(walk) if indexed else step_name(step, scope, walk)
                value = self._apply(step, name, sourced, scope, walk, i)
                if not indexed and step.name is not None:
                    bind_key(step, name, value, walk)
                outputs.append(value)
                sourced = _next(sourced, value)
                # what an inline branch of the next copy starts from
                walk.prev, walk.unpacked, walk.dangling = value, None, None
        return outputs

    def _sequence(
        self, step: StepSpec, copies: int, sourced: Sourced, walk: Walk
    ) -> tuple[list[Val], Val | None]:
        """Copies under one name: a Sequential of children 0 .. n-1."""
        if copies == 0:
            return [], None
        lead = sourced.lead()
        # a tuple is no input of the Sequential: its parts are captured where copy 0 reads them
        first = lead if isinstance(lead, Val) else None
        name = step_name(step, Scope(walk.params), walk)
        inner = self.nodes.inner(walk, name, "Sequential", first, step.mark)
        replaced = sourced if first is None else sourced.led_by(inner.prev)
        if sourced.branches and walk.prev is not first:
            inner.prev, inner.unpacked, inner.dangling = walk.prev, walk.unpacked, walk.dangling
        outputs = self._copies(step, copies, replaced, inner, indexed=True)
        if not outputs:
            walk.names.discard(name)
            return [], None
        value = self.nodes.close(inner, name, first, step.mark, walk)
        bind_key(step, name, value, walk)
        return outputs, value


def _per_copy(step: StepSpec) -> Expr | None:
    """The `if:` of a repeated step that reads `i`, and so is asked for each copy."""
    condition = step.condition
    if condition is None or step.repeat is None:
        return None
    return condition if "i" in getattr(condition.value, "names", ()) else None


def _prev_scope(walk: Walk) -> Scope:
    return Scope(walk.params, None if walk.prev is None else walk.prev.type, walk.i)


@contextmanager
def _restored(walk: Walk) -> Iterator[None]:
    """Around copies, which set `i`."""
    outer = walk.i
    try:
        yield
    finally:
        walk.i = outer


def _layer_step(step: StepSpec, scope: Scope) -> StepSpec:
    """The step that `$act` stands for, with the layer's own arguments."""
    assert step.layer is not None
    value = evaluate(Expr(step.layer, step.mark, OPEN), scope)
    if isinstance(value, str):
        value = LayerArg(value)
    if not isinstance(value, LayerArg):
        raise SpecError(
            Problem(
                "bad-step",
                f"`{step.written}` is {describe(value)}, and a step is a layer",
                step.mark,
                help="give the name of a layer, or a mapping with one op: {LeakyReLU: 0.1}",
            )
        )
    if value.op in STRUCTURE:
        raise SpecError(
            Problem(
                "bad-step",
                f"`{step.written}` is {value.op}, and a parameter holds one layer",
                step.mark,
                help="put the steps into a block, and give its name",
            )
        )
    args = ArgsExpr(
        tuple(Expr(item, step.mark, item) for item in value.positional),
        {name: Expr(item, step.mark, item) for name, item in value.keywords},
    )
    return replace(step, op=value.op, args=args)


def _next(sourced: Sourced, value: Val) -> Sourced:
    """Sources of the next copy: the copy before it first, the others as they were."""
    if 0 in sourced.branches or sourced.lead() is None:
        return sourced  # a branch starts from the copy before as it is
    return sourced.led_by(value)


def _settle(call: Call) -> None:
    """Frames in the calls become the graphs they were finished to."""
    for inner in call.calls:
        if isinstance(inner.node, Frame):
            assert inner.node.graph is not None
            inner.node = inner.node.graph
            _settle(inner)
