"""One step -> one node of the program and its typed call: leaves, containers, blocks, `use:`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from lazyinspect import limits
from lazyinspect.errors import Mark, Problem, ShapeError, SpecError
from lazyinspect.plan import sources as src
from lazyinspect.plan.arguments import block_arguments, block_inputs, inputs_in_order, plan_key
from lazyinspect.plan.budget import CONTAINER, Halt
from lazyinspect.plan.checks import pick, unmet
from lazyinspect.plan.frame import POISON, Draft, Frame, Skip, Val
from lazyinspect.plan.leaves import Leaves
from lazyinspect.plan.memo import Memo, PlannedBlock
from lazyinspect.plan.ops import eager, table
from lazyinspect.plan.resolve import Resolver
from lazyinspect.plan.retrace import Retracer
from lazyinspect.plan.scope import Scope, bind_params, evaluate, evaluate_args
from lazyinspect.plan.sources import Sourced, Walk
from lazyinspect.plan.tree import Call, Graph, Use
from lazyinspect.spec.model import GraphSpec, Layers, Spec, StepSpec
from lazyinspect.spec.names import STRUCTURE
from lazyinspect.spec.values import no_more


class Walker(Protocol):
    """Plans what stands inside a container: the planner."""

    problems: list[Problem]

    def steps(self, layers: Layers, walk: Walk) -> None:
        """Plan steps into the walk's graph."""

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
        """Plan something that sees only its own inputs and parameters."""


class Nodes:
    """Applies ops: each method writes a step into the program and the calls of a walk.

    Args:
        spec: whose blocks are meant.
        resolver: applies ops of the table.
        known: whether a dotted or row-less class may be used; raises SpecError where not.
        walker: plans the steps of containers.
        memo: what other plans of the spec have made.
    """

    def __init__(
        self,
        spec: Spec,
        resolver: Resolver,
        known: Callable[[str, Mark], None],
        walker: Walker,
        memo: Memo | None = None,
    ) -> None:
        self.spec = spec
        self.memo = memo
        self.walker = walker
        self.leaves = Leaves(resolver, known)
        self.retracer = Retracer(resolver)
        self._blocks: dict[Any, tuple[Graph | None, Call | None]] = {}
        self._open: list[str] = []
        self.reading: Val | None = None
        """First source of the step applied last: what flowed in where it failed."""

    def input_names(self, op: str) -> tuple[str, ...]:
        """Names of what an op reads, in order."""
        if op in self.spec.blocks:
            return tuple(name for name, _ in self.spec.blocks[op].inputs or ())
        row = table().get(op)
        return () if row is None else tuple(p.name for p in eager(row).inputs.parameters)

    def apply(self, step: StepSpec, name: str, sourced: Sourced, scope: Scope, walk: Walk) -> Val:
        """Apply the step's op once; what `pick:` takes of its output.

        Raises:
            SpecError: something is wrong at a place of its own.
            OpError: the op refuses its arguments or sources.
            Skip: it reads the result of a step that failed.
        """
        op = step.op
        self.reading = sourced.first()
        if step.become is not None and op in STRUCTURE:
            raise SpecError(
                Problem("bad-become", f"`{op}` makes no layer that could become another",
                        step.become[1], help="write it on the step that makes the layer")
            )  # fmt: skip
        if sourced.branches:
            value = self._branches(step, name, sourced, scope, walk)
        else:
            sourced = sourced.evaluated(scope)
            if op in ("Sequential", "Graph"):
                value = self._container(step, name, sourced, walk)
            elif op == "Parameter":
                value = self.leaves.parameter(step, name, scope, walk)
            elif op == "use":
                value = self._use(step, name, sourced, walk)
            elif op in self.spec.blocks:
                value = self._block(step, name, sourced, scope, walk)
            else:
                value = self.leaves.row(step, name, sourced, scope, walk)
        if step.pick is not None:
            value = pick(value, evaluate(step.pick, scope), step)
        if step.expect is not None:
            problem = unmet(step, value, scope)
            if problem is not None:
                self.walker.problems.append(problem)
                if len(self.walker.problems) >= limits.PROBLEMS:
                    self.walker.problems[:] = no_more(self.walker.problems)
                    raise Halt
        return value

    def _container(self, step: StepSpec, name: str, sourced: Sourced, walk: Walk) -> Val:
        """`Sequential:`, a nested list, or `Graph:`."""
        assert step.body is not None
        if step.op == "Graph":
            return self._closed(
                step, step.body, "Graph", walk.params, name, sourced, walk, key=None
            )
        if sourced.keywords:
            raise SpecError(
                Problem(
                    "bad-source",
                    f"`{step.op}` takes its sources by position",
                    step.mark,
                    help="write from: LABEL",
                )
            )
        values = [item for item in sourced.positional if isinstance(item, Val)]
        if len(values) > 1 or len(sourced.positional) != len(values):
            raise SpecError(
                Problem(
                    "bad-source",
                    f"a Sequential reads one source, and gets {len(sourced.positional)}",
                    step.mark,
                    help="its steps may name any label around it in their own `from:`",
                )
            )
        source = values[0] if values else None
        inner = self.inner(walk, name, "Sequential", source, step.mark)
        self.walker.steps(step.body.layers, inner)
        if inner.prev is not None and inner.prev.type is POISON:
            raise Skip
        return self.close(inner, name, source, step.mark, walk)

    def inner(self, walk: Walk, name: str, declared: str, source: Val | None, mark: Mark) -> Walk:
        """A walk into a graph that sees the labels around it.

        Without a source (`prev` cannot be read here) its steps name their own.
        """
        if walk.budget is not None:
            walk.budget.look(mark, CONTAINER)
        frame = Frame(
            walk.frame, walk.frame.block, declared, ("input",) if source else (), mark,
            path=(*walk.frame.path, name),
        )  # fmt: skip
        if source is not None:
            value = Val(frame, 0, source.type, parameter=source.parameter)
            inner = Walk(frame, walk.params, value, walk.input, walk.i)
            inner.budget = walk.budget
            return inner
        inner = Walk(frame, walk.params, None, walk.input, walk.i)
        inner.budget = walk.budget
        inner.unpacked, inner.dangling = walk.unpacked, walk.dangling
        return inner

    def close(self, inner: Walk, name: str, source: Val | None, mark: Mark, walk: Walk) -> Val:
        """Finish an inner graph and call it in the outer one."""
        frame, outer = inner.frame, walk.frame
        output = src.last(inner, mark)
        frame.output = frame.ref(output)
        slot = outer.new_slot()
        refs = () if source is None else (outer.ref(source),)
        outer.add(Draft(name, frame, refs, {}, slot))
        inputs = () if source is None else src.named_tensors([source.type], {})
        call = Call(name, frame, inputs, output.type, 0, mark, tuple(inner.calls))  # type: ignore[arg-type]
        walk.add(call)
        outer.block.made(outer, slot, call)
        return Val(outer, slot, output.type)

    def _branches(
        self, step: StepSpec, name: str, sourced: Sourced, scope: Scope, walk: Walk
    ) -> Val:
        """A merge with inline branches: a graph of the branches, and the merge after them."""
        readable = walk.unpacked is None and walk.dangling is None
        source = walk.prev if readable else None
        inner = self.inner(walk, name, step.op, source, step.mark)
        start = inner.prev
        # what the branches start from is at hand as the graph's own input
        positional = [start if _same(item, source) else item for item in sourced.positional]
        for place, branch in sourced.branches.items():
            below = self.inner(inner, str(place), "Sequential", start, branch.mark)
            self.walker.steps(branch.layers, below)
            if below.prev is not None and below.prev.type is POISON:
                raise Skip
            positional[place] = self.close(below, str(place), start, branch.mark, inner)
        evaluated = Sourced(positional, sourced.keywords).evaluated(scope)
        inner.prev = self.leaves.row(step, step.op, evaluated, scope, inner)
        inner.unpacked = inner.dangling = None
        return self.close(inner, name, source, step.mark, walk)

    def _block(self, step: StepSpec, name: str, sourced: Sourced, scope: Scope, walk: Walk) -> Val:
        """A block of the file's own."""
        body = self.spec.blocks[step.op]
        if step.become is not None:
            raise SpecError(
                Problem("bad-become", f"`{step.op}` is a block, and cannot `become:` a layer",
                        step.become[1], help="write it on the layer inside the block")
            )  # fmt: skip
        positional, keywords = evaluate_args(step.args, scope)
        given = block_arguments(step, body, positional, keywords)
        inputs = block_inputs(step, body, sourced)
        first = src.type_of(inputs[0]) if inputs else None
        try:
            params = bind_params(body.params, given, Scope({}, first))
        except SpecError as error:
            # a default that fails stands in the block, and what it reads comes from here
            raise SpecError(problem.inside(step.mark) for problem in error.problems) from None
        if walk.budget is not None:
            walk.budget.look(step.mark, sum(map(_elements, params.values())) // 20)
        key = (step.op, plan_key(params))
        return self._closed(step, body, step.op, params, name, Sourced(inputs, {}), walk, key)

    def _closed(
        self,
        step: StepSpec,
        body: GraphSpec,
        declared: str,
        params: Mapping[str, Any],
        name: str,
        sourced: Sourced,
        walk: Walk,
        key: Any,
    ) -> Val:
        """Call a graph with a scope of its own, planned once for equal parameters and inputs."""
        operands = block_inputs(step, body, sourced) if key is None else sourced.positional
        types = src.types_of(operands)
        names = tuple(label for label, _ in body.inputs or ()) or ("input",)
        if key is not None:
            if step.op in self._open:
                raise SpecError(
                    Problem(
                        "recursive-block",
                        f"the block `{step.op}` uses itself: "
                        + " -> ".join([*self._open[self._open.index(step.op) :], step.op]),
                        step.mark,
                        help="a network is finite: use `repeat:`",
                    )
                )
            key = (key, plan_key(tuple(types)))
        planned = self._blocks.get(key) if key is not None else None
        budget, memo = walk.budget, self.memo
        if planned is None and key is not None and memo is not None and budget is not None:
            known = memo.find(key, budget)
            if known is not None:
                planned = self._blocks[key] = (known.graph, known.call)
        if planned is None:
            start = (budget.looked, budget.made) if budget is not None else (0, 0)
            before = len(self.walker.problems)
            self._open.append(step.op)
            i = walk.i if key is None else None
            try:
                planned = self.walker.scope(body, declared, params, names, types, step.mark, i)
            except Halt as halt:
                if halt.problem is not None:
                    halt.problem = halt.problem.inside(step.mark)
                raise
            finally:
                self._open.pop()
                used = self.walker.problems[before:]
                self.walker.problems[before:] = [problem.inside(step.mark) for problem in used]
            if key is not None:
                self._blocks[key] = planned
                made, call = planned
                if (
                    made is not None and call is not None
                    and memo is not None and budget is not None and not self.walker.problems
                ):  # fmt: skip
                    looked, grown = budget.looked - start[0], budget.made - start[1]
                    memo.keep(key, PlannedBlock(made, call, looked, grown, budget.depth))
        graph, inside = planned
        if graph is None or inside is None:
            raise Skip
        frame = walk.frame
        slot = frame.new_slot()
        refs = tuple([src.run_time(item, frame) for item in operands])
        frame.add(Draft(name, graph, refs, {}, slot))
        call = Call(name, graph, inside.inputs, inside.output, 0, step.mark, inside.calls)
        walk.add(call)
        frame.block.made(frame, slot, call)
        return Val(frame, slot, inside.output)

    def _use(self, step: StepSpec, name: str, sourced: Sourced, walk: Walk) -> Val:
        """`use: m`: the module labelled m again."""
        expr = step.args.positional[0]
        label = expr.constant
        frame = walk.frame
        value = src.lookup(label, expr.mark, walk)
        found = None
        if isinstance(value, Val):
            if value.absent:
                raise SpecError(
                    Problem(
                        "absent-module",
                        f"there is no module `{label}` to use: its step does not exist here",
                        expr.mark,
                        help="give this step the same `if:`",
                    )
                )
            if value.type is POISON:
                raise Skip
            found = frame.block.maker(value.frame, value.slot)
        if found is None or not self.retracer.usable(found[1]):
            raise SpecError(
                Problem(
                    "not-a-module",
                    f"`{label}` is no module of this block, and `use:` applies one again",
                    expr.mark,
                    help="name the label of a layer, a block or a Sequential",
                )
            )
        path, made = found
        if isinstance(made.node, (Graph, Frame)):
            self.retracer.closed(made, step.mark)
            sourced = Sourced(inputs_in_order(step, made.node.inputs, sourced), {})
        values = src.types_of(sourced.positional)
        named = {key: src.type_of(item) for key, item in sourced.keywords.items()}
        try:
            output, macs, calls = self.retracer.again(made, path, values, named, step.mark)
        except ShapeError as error:
            kind = getattr(made.node, "type", None) or made.node.declared
            raise ShapeError(
                f"applies the {kind} of line {made.mark.line} again, which {error.message}",
                help="its sizes were fixed where it was first applied",
            ) from None
        operands = tuple([src.run_time(item, frame) for item in sourced.positional])
        keywords = {key: src.run_time(item, frame) for key, item in sourced.keywords.items()}
        slot = frame.new_slot()
        frame.add(Draft(name, Use(path, step.mark), operands, keywords, slot))
        if isinstance(made.node, (Graph, Frame)):
            inputs = src.graph_tensors(made.node.inputs, values)
        else:
            inputs = src.named_tensors(values, named)
        call = Call(name, made.node, inputs, output, macs, step.mark, calls, path)
        walk.add(call)
        frame.block.made(frame, slot, made, path)
        return Val(frame, slot, output)


def _same(item: Any, source: Val | None) -> bool:
    """Whether two labels mean one value: that of a step left out stands for its source."""
    if not isinstance(item, Val) or source is None:
        return False
    return (item.frame, item.slot, item.path) == (source.frame, source.slot, source.path)


def _elements(value: Any) -> int:
    """About how many values a parameter holds."""
    if isinstance(value, tuple):
        return sum(map(_elements, value))
    return 1
