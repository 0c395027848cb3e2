"""Spec -> tree and typed calls: one pass over the steps, in the order they run.

A step that fails becomes a problem and yields poison: what reads it is skipped in silence, what
does not is planned, so that one run reports every independent mistake. A block is planned once for
each set of parameters and input types; its nodes are shared by all its uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lazyinspect.errors import Mark, OpError, Problem, SpecError
from lazyinspect.plan import sources as src
from lazyinspect.plan.arguments import flowing, op_problem
from lazyinspect.plan.checks import count, holds
from lazyinspect.plan.frame import POISON, Block, Frame, Val
from lazyinspect.plan.labels import bind, bind_absent, next_index, step_name
from lazyinspect.plan.nodes import Nodes
from lazyinspect.plan.resolve import Resolver
from lazyinspect.plan.scope import LayerArg, Scope, Skip, evaluate
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


class Planner:
    """Plans one spec for one set of parameters and inputs.

    Args:
        spec: the spec.
        resolver: applies ops.
        known: whether a dotted or row-less class may be used; raises SpecError where not.
    """

    def __init__(self, spec: Spec, resolver: Resolver, known: Callable[[str, Mark], None]) -> None:
        self.spec = spec
        self.problems: list[Problem] = []
        self.nodes = Nodes(spec, resolver, known, self)

    def network(
        self, params: Mapping[str, Any], inputs: tuple[tuple[str, TensorType], ...]
    ) -> tuple[Graph | None, Call | None]:
        """The network's graph and its typed call; None where a problem was found."""
        return self.scope(
            self.spec.network, "Sequential", params, tuple(name for name, _ in inputs),
            [tensor for _, tensor in inputs], self.spec.mark,
        )  # fmt: skip

    def scope(
        self,
        body: GraphSpec,
        declared: str,
        params: Mapping[str, Any],
        inputs: tuple[str, ...],
        types: list[Any],
        mark: Mark,
    ) -> tuple[Graph | None, Call | None]:
        """Plan something that sees only its own inputs and parameters."""
        before = len(self.problems)
        frame = Frame(None, Block(), declared, inputs, mark, is_block=True)
        values = [Val(frame, slot, value) for slot, value in enumerate(types)]
        frame.keys.update(zip(inputs, values, strict=True))
        walk = Walk(frame, params, values[0] if values else None, values[0] if values else None)
        self.steps(body.layers, walk)
        try:
            output = self._output(body.output, walk)
            types_out = src.type_of(output) if not isinstance(output, dict) else {
                key: src.type_of(value) for key, value in output.items()
            }  # fmt: skip
        except Skip:
            return None, None
        except SpecError as error:
            self.problems.extend(error.problems)
            return None, None
        if len(self.problems) > before:
            return None, None
        if isinstance(output, dict):
            frame.output = {key: src.run_time(value, frame) for key, value in output.items()}
        else:
            frame.output = src.run_time(output, frame)
        graph = frame.freeze()
        call = Call("", graph, src.named_tensors(types, {}), types_out, 0, mark, tuple(walk.calls))
        if len(inputs) > 1:
            call.inputs = src.named_tensors((), dict(zip(inputs, types, strict=True)))
        _settle(call)
        return graph, call

    def _output(self, output: OutputSpec | None, walk: Walk) -> Any:
        if output is None:
            return src.last(walk, walk.frame.mark)
        found = []
        for name, mark in output.labels:
            value = src.lookup(name, mark, walk)
            if isinstance(value, tuple):
                value = tuple(value)
            found.append(value)
        if output.single:
            return found[0]
        if output.keys is not None:
            return dict(zip(output.keys, found, strict=True))
        return tuple(found)

    def steps(self, layers: Layers, walk: Walk) -> None:
        """Plan steps in order into the walk's graph."""
        for written in layers.steps:
            step = written
            try:
                if step.op == "$":
                    step = self._layer_step(step, walk)
                if step.op == "splice":
                    self._splice(step, walk)
                else:
                    self._step(step, walk)
                continue
            except Skip:
                pass
            except SpecError as error:
                self.problems.extend(error.problems)
            except OpError as error:
                self.problems.append(op_problem(error, step, flowing(self.nodes.reading)))
            self._poison(step, walk)

    def _poison(self, step: StepSpec, walk: Walk) -> None:
        """After a failure: the step's names stand for a value that nothing is said about."""
        value = Val(walk.frame, walk.frame.new_slot(), POISON)
        walk.prev, walk.unpacked, walk.dangling = value, None, None
        for name, _ in step.labels:
            walk.frame.block.labels.setdefault(name, value)
        if step.each is not None:
            walk.frame.block.labels.setdefault(step.each[0], value)
        if isinstance(step.name, str):
            walk.frame.keys.setdefault(step.name, value)

    def _splice(self, step: StepSpec, walk: Walk) -> None:
        assert step.body is not None
        first = walk.prev.type if walk.prev is not None else None
        scope = Scope(walk.params, first, walk.i)
        ends = step.body.layers.steps[-1:]
        if step.condition is not None and not holds(step.condition, scope):
            if ends and ends[0].sources is not None:
                walk.dangling = step
            return
        outer = walk.i
        copies = 1 if step.repeat is None else count(step.repeat, scope)
        for i in range(copies):
            if step.repeat is not None:
                walk.i = i
            self.steps(step.body.layers, walk)
        walk.i = outer
        if step.condition is not None and ends and ends[0].sources is not None:
            walk.dangling = step

    def _step(self, step: StepSpec, walk: Walk) -> None:
        sourced = src.resolve(step, walk)
        first = sourced.first()
        scope = Scope(walk.params, None if first is None else first.type, walk.i)
        condition = step.condition
        per_copy = (
            condition is not None
            and step.repeat is not None
            and "i" in getattr(condition.value, "names", ())
        )
        if condition is not None and not per_copy and not holds(condition, scope):
            bind_absent(step, first, walk)
            return
        if step.repeat is None:
            name = step_name(step, scope, walk)
            value = self.nodes.apply(step, name, sourced, scope, walk)
            bind(step, value, [value], first, walk)
            return
        copies = count(step.repeat, scope)
        if isinstance(step.name, str):
            outputs, last = self._sequence(step, copies, sourced, walk, per_copy)
        else:
            outputs = self._copies(step, copies, sourced, walk, per_copy)
            last = outputs[-1] if outputs else None
        if last is None:
            bind_absent(step, first, walk)
        else:
            bind(step, last, outputs, first, walk)

    def _layer_step(self, step: StepSpec, walk: Walk) -> StepSpec:
        """The step that `$act` stands for, with the layer's own arguments."""
        assert step.layer is not None
        scope = Scope(walk.params, walk.prev.type if walk.prev else None, walk.i)
        value = evaluate(Expr(step.layer, step.mark, OPEN), scope)
        if isinstance(value, str):
            value = LayerArg(value)
        if not isinstance(value, LayerArg):
            raise SpecError(
                Problem(
                    "bad-step",
                    f"`${step.layer.text}` is {describe(value)}, and a step is a layer",
                    step.mark,
                    help="give the name of a layer, or a mapping with one op: {LeakyReLU: 0.1}",
                )
            )
        if value.op in STRUCTURE:
            raise SpecError(
                Problem(
                    "bad-step",
                    f"`${step.layer.text}` is {value.op}, and a parameter holds one layer",
                    step.mark,
                    help="put the steps into a block, and give its name",
                )
            )
        args = ArgsExpr(
            tuple(Expr(item, step.mark, item) for item in value.positional),
            {name: Expr(item, step.mark, item) for name, item in value.keywords},
        )
        return replace(step, op=value.op, args=args)

    def _copies(
        self,
        step: StepSpec,
        copies: int,
        sourced: Sourced,
        walk: Walk,
        per_copy: bool,
        indexed: bool = False,
    ) -> list[Val]:
        """Copies side by side: under indices, or under a templated name."""
        outputs: list[Val] = []
        outer = walk.i
        for i in range(copies):
            first = sourced.first()
            walk.i = i
            scope = Scope(walk.params, None if first is None else first.type, i)
            if per_copy and step.condition and not holds(step.condition, scope):
                continue
            name = next_index(walk) if indexed else step_name(step, scope, walk)
            try:
                value = self.nodes.apply(step, name, sourced, scope, walk)
            except OpError as error:
                if i:
                    error.message += f" (in copy {i})"
                raise
            outputs.append(value)
            sourced = _next(sourced, value)
            # what an inline branch of the next copy starts from
            walk.prev, walk.unpacked, walk.dangling = value, None, None
        walk.i = outer
        return outputs

    def _sequence(
        self, step: StepSpec, copies: int, sourced: Sourced, walk: Walk, per_copy: bool
    ) -> tuple[list[Val], Val | None]:
        """Copies under one name: a Sequential of children 0 .. n-1."""
        if copies == 0:
            return [], None
        first = sourced.first()
        name = step_name(step, Scope(walk.params), walk)
        inner = self.nodes.inner(walk, name, "Sequential", first, step.mark)
        replaced = sourced if first is None else _replace_first(sourced, first, inner.prev)
        if sourced.branches and walk.prev is not first:
            inner.prev, inner.unpacked, inner.dangling = walk.prev, walk.unpacked, walk.dangling
        outputs = self._copies(step, copies, replaced, inner, per_copy, indexed=True)
        if not outputs:
            walk.names.discard(name)
            return [], None
        inner.prev, inner.unpacked, inner.dangling = outputs[-1], None, None
        value = self.nodes.close(inner, name, first, step.mark, walk)
        return outputs, value


def _next(sourced: Sourced, value: Val) -> Sourced:
    """Sources of the next copy: the copy before it first, the others as they were."""
    if 0 in sourced.branches:
        return sourced  # the first source is a branch, which starts from the copy before
    first = sourced.first()
    return _replace_first(sourced, first, value) if first is not None else sourced


def _replace_first(sourced: Sourced, first: Val, value: Val | None) -> Sourced:
    positional = list(sourced.positional)
    keywords = dict(sourced.keywords)
    for index, item in enumerate(positional):
        if item is first:
            positional[index] = value
            return Sourced(positional, keywords, sourced.branches)
    for key, item in keywords.items():
        if item is first:
            keywords[key] = value
            break
    return Sourced(positional, keywords, sourced.branches)


def _settle(call: Call) -> None:
    """Frames in the calls become the graphs they were finished to."""
    for inner in call.calls:
        if isinstance(inner.node, Frame):
            assert inner.node.graph is not None
            inner.node = inner.node.graph
            _settle(inner)
