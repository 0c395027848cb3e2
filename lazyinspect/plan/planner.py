"""Spec -> tree and typed calls: one pass over the steps, in the order they run.

A step that fails becomes a problem and yields poison: what reads it is skipped in silence, what
does not is planned, so that one run reports every independent mistake. A block is planned once for
each set of parameters and input types; its nodes are shared by all its uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lazyinspect.errors import ArgumentError, Mark, OpError, Problem, ShapeError, SpecError
from lazyinspect.plan import sources as src
from lazyinspect.plan.frame import POISON, Block, Draft, Frame, Val
from lazyinspect.plan.ops import table
from lazyinspect.plan.ops.base import Op
from lazyinspect.plan.ops.merges import cat_broadcast
from lazyinspect.plan.ops.signature import Signature, parse_signature
from lazyinspect.plan.resolve import Applied, Resolver
from lazyinspect.plan.retrace import Retracer
from lazyinspect.plan.scope import (
    LayerArg,
    Scope,
    Skip,
    bind_params,
    evaluate,
    evaluate_args,
    evaluate_name,
    type_problem,
)
from lazyinspect.plan.sources import Sourced, Walk
from lazyinspect.plan.tree import Call, Graph, ParameterLeaf, Use
from lazyinspect.shapes import TensorType, format_value
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
from lazyinspect.spec.names import did_you_mean
from lazyinspect.spec.values import name_problem

_PARAMETER = parse_signature("*shape: int, fill: float = 0.0")


class Planner:
    """Plans one spec for one set of parameters and inputs.

    Args:
        spec: the spec.
        resolver: applies ops.
        known: whether a dotted or row-less class may be used; raises SpecError where not.
    """

    def __init__(self, spec: Spec, resolver: Resolver, known: Callable[[str, Mark], None]) -> None:
        self.spec = spec
        self.resolver = resolver
        self.known = known
        self.problems: list[Problem] = []
        self.retracer = Retracer(resolver)
        self._blocks: dict[Any, tuple[Graph | None, Call | None]] = {}
        self._open: list[str] = []

    def network(
        self, params: Mapping[str, Any], inputs: tuple[tuple[str, TensorType], ...]
    ) -> tuple[Graph | None, Call | None]:
        """The network's graph and its typed call; None where a problem was found."""
        return self._scope(
            self.spec.network, "Sequential", params, tuple(name for name, _ in inputs),
            [tensor for _, tensor in inputs], self.spec.mark,
        )  # fmt: skip

    # -- scopes: the network, blocks, Graph -------------------------------------------------

    def _scope(
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
            return src.lookup_prev(walk, walk.frame.mark)
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

    # -- steps ------------------------------------------------------------------------------

    def steps(self, layers: Layers, walk: Walk) -> None:
        """Plan steps in order into the walk's graph."""
        for step in layers.steps:
            try:
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
                self.problems.append(op_problem(error, step, self._flowing(step, walk)))
            self._poison(step, walk)

    def _flowing(self, step: StepSpec, walk: Walk) -> str:
        """What flows into a step that refuses it; of a flattened input, what it was before."""
        try:
            first = src.resolve(step, walk).first()
        except SpecError:
            return ""
        if first is None or not isinstance(first.type, TensorType):
            return ""
        text = f"input is {first.type}"
        made = walk.frame.block.modules.get((id(first.frame), first.slot))
        if made is None or first.path:
            return text
        call = made[1]
        node = call.node
        name = str(getattr(node, "type", "") or getattr(getattr(node, "op", None), "name", ""))
        if name.lower() != "flatten" or len(call.inputs) != 1:
            return text
        before = call.inputs[0][1].shape
        start = node.args.get("start_dim", 1 if name == "Flatten" else 0)
        if start == 1 and node.args.get("end_dim", -1) == -1 and len(before) > 2:
            sizes = " x ".join(map(str, before[2:]))
            text += f": {before[1]} channels x {sizes}, flattened at line {call.mark.line}"
        return text

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
        if step.condition is not None and not self._holds(step.condition, scope):
            return
        outer = walk.i
        count = 1 if step.repeat is None else self._count(step.repeat, scope)
        for i in range(count):
            if step.repeat is not None:
                walk.i = i
            self.steps(step.body.layers, walk)
        walk.i = outer

    def _step(self, step: StepSpec, walk: Walk) -> None:
        if step.op == "$":
            step = self._layer_step(step, walk)
        sourced = src.resolve(step, walk)
        first = sourced.first()
        scope = Scope(walk.params, None if first is None else first.type, walk.i)
        condition = step.condition
        per_copy = (
            condition is not None
            and step.repeat is not None
            and "i" in getattr(condition.value, "names", ())
        )
        if condition is not None and not per_copy and not self._holds(condition, scope):
            self._absent(step, first, walk)
            return
        if step.repeat is None:
            name = self._name(step, scope, walk)
            value = self._once(step, name, sourced, scope, walk)
            self._bind(step, value, [value], first, walk)
            return
        count = self._count(step.repeat, scope)
        if isinstance(step.name, str):
            outputs, last = self._sequence(step, count, sourced, walk, per_copy)
        else:
            outputs = self._copies(step, count, sourced, walk, per_copy)
            last = outputs[-1] if outputs else None
        if last is None:
            self._absent(step, first, walk)
        else:
            self._bind(step, last, outputs, first, walk)

    def _layer_step(self, step: StepSpec, walk: Walk) -> StepSpec:
        """The step that `$act` stands for, with the layer's own arguments."""
        from dataclasses import replace

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
        args = ArgsExpr(
            tuple(Expr(item, step.mark, item) for item in value.positional),
            {name: Expr(item, step.mark, item) for name, item in value.keywords},
        )
        return replace(step, op=value.op, args=args)

    def _copies(
        self,
        step: StepSpec,
        count: int,
        sourced: Sourced,
        walk: Walk,
        per_copy: bool,
        indexed: bool = False,
    ) -> list[Val]:
        """Copies side by side: under indices, or under a templated name."""
        outputs: list[Val] = []
        outer = walk.i
        for i in range(count):
            first = sourced.first()
            walk.i = i
            scope = Scope(walk.params, None if first is None else first.type, i)
            if per_copy and step.condition and not self._holds(step.condition, scope):
                continue
            name = self._index(walk) if indexed else self._name(step, scope, walk)
            value = self._once(step, name, sourced, scope, walk)
            outputs.append(value)
            sourced = _next(sourced, value)
        walk.i = outer
        return outputs

    def _sequence(
        self, step: StepSpec, count: int, sourced: Sourced, walk: Walk, per_copy: bool
    ) -> tuple[list[Val], Val | None]:
        """Copies under one name: a Sequential of children 0 .. n-1."""
        if count == 0:
            return [], None
        first = sourced.first()
        name = self._name(step, Scope(walk.params), walk)
        inner = self._inner(walk, name, "Sequential", first, step.mark)
        replaced = sourced if first is None else _replace_first(sourced, first, inner.prev)
        outputs = self._copies(step, count, replaced, inner, per_copy, indexed=True)
        if not outputs:
            walk.names.discard(name)
            return [], None
        inner.prev, inner.unpacked, inner.dangling = outputs[-1], None, None
        value = self._close(inner, name, first, step.mark, walk)
        return outputs, value

    # -- one application --------------------------------------------------------------------

    def _once(self, step: StepSpec, name: str, sourced: Sourced, scope: Scope, walk: Walk) -> Val:
        """Apply the step's op once; what `pick:` takes of its output."""
        op = step.op
        if sourced.branches:
            value = self._branches(step, name, sourced, scope, walk)
        else:
            sourced = sourced.evaluated(scope)
            if op in ("Sequential", "Graph"):
                value = self._container(step, name, sourced, walk)
            elif op == "Parameter":
                value = self._parameter(step, name, scope, walk)
            elif op == "use":
                value = self._use(step, name, sourced, walk)
            elif op in self.spec.blocks:
                value = self._block(step, name, sourced, scope, walk)
            else:
                value = self._row(step, name, sourced, scope, walk)
        if step.pick is not None:
            value = _pick(value, evaluate(step.pick, scope), step)
        if step.expect is not None:
            self._expect(step, value, scope)
        return value

    def _row(self, step: StepSpec, name: str, sourced: Sourced, scope: Scope, walk: Walk) -> Val:
        """A layer, function or merge of the table, or a class without a row."""
        op = step.op
        row = table().get(op)
        values = src.types_of(sourced.positional)
        named = {key: src.type_of(value) for key, value in sourced.keywords.items()}
        positional, keywords = evaluate_args(step.args, scope)
        resolver = self.resolver
        if row is None:
            self.known(op, step.mark)
            applied = resolver.other(op, positional, keywords, values, named, step.mark)
        elif isinstance(row, Op) and row.kind != "layer":
            if step.become is not None:
                raise SpecError(
                    Problem("bad-become", f"`{op}` is no layer, and cannot `become:` one",
                            step.become[1])
                )  # fmt: skip
            expand: tuple[int, ...] = ()
            operands = values
            if op in _PAIRED and len(values) + len(named) < 2:
                raise SpecError(
                    Problem(
                        "bad-source",
                        f"`{op}` takes two sources, and gets {len(values) + len(named)}",
                        step.mark,
                        help=f"write {op}: [prev, ...], with a label, a number or a formula",
                    )
                )
            if op == "cat":
                operands, expand = self._cat(sourced, values, keywords)
            applied = resolver.function(
                op, positional, keywords, operands, named, step.mark, expand
            )
        else:
            become = None if step.become is None else step.become[0]
            applied = resolver.layer(op, positional, keywords, values, named, step.mark, become)
        return self._emit(name, applied, sourced, values, named, step.mark, walk)

    def _emit(
        self,
        name: str,
        applied: Applied,
        sourced: Sourced,
        values: list[Any],
        named: Mapping[str, Any],
        mark: Mark,
        walk: Walk,
    ) -> Val:
        """Write the step into the program and the calls."""
        frame = walk.frame
        operands = tuple([src.run_time(item, frame) for item in sourced.positional])
        keywords = {key: src.run_time(item, frame) for key, item in sourced.keywords.items()}
        slot = frame.new_slot()
        frame.add(Draft(name, applied.node, operands, keywords, slot))
        call = Call(
            name, applied.node, src.named_tensors(values, named), applied.output, applied.macs,
            mark,
        )  # fmt: skip
        walk.calls.append(call)
        frame.block.modules[id(frame), slot] = ((*frame.path, name), call)
        return Val(frame, slot, applied.output)

    @staticmethod
    def _cat(
        sourced: Sourced, values: list[Any], keywords: Mapping[str, Any]
    ) -> tuple[list[Any], tuple[int, ...]]:
        """Sources of `cat` with a Parameter of leading size 1 expanded over the batch."""
        flags = tuple(isinstance(v, Val) and v.parameter for v in sourced.positional)
        if not any(flags):
            return values, ()
        dim = keywords.get("dim", 1)
        widened = list(cat_broadcast(tuple(values), dim, flags))
        changed = tuple(
            k for k, (old, new) in enumerate(zip(values, widened, strict=True)) if old != new
        )
        return widened, changed

    def _parameter(self, step: StepSpec, name: str, scope: Scope, walk: Walk) -> Val:
        """A learned tensor."""
        if step.sources is not None:
            first = src.resolve(step, walk).first()
            scope = Scope(scope.params, None if first is None else first.type, scope.i)
        positional, keywords = evaluate_args(step.args, scope)
        if len(positional) == 1 and isinstance(positional[0], tuple):
            positional = positional[0]
        bound = _PARAMETER.bind(positional, keywords)
        shape = bound["shape"]
        for place, size in enumerate(shape):
            if type(size) is not int or size < 0:
                raise ArgumentError(
                    f"takes sizes, and gets {describe(size)}",
                    argument=str(place),
                    help="write its shape: {Parameter: [1, 1, 768]}",
                )
        frame = walk.frame
        leaf = ParameterLeaf(shape, float(bound.get("fill", 0.0)), step.mark)
        kind = TensorType(shape, self.resolver.dtype)
        slot = frame.new_slot()
        frame.add(Draft(name, leaf, (), {}, slot))
        walk.calls.append(Call(name, leaf, (), kind, 0, step.mark))
        return Val(frame, slot, kind, parameter=bool(shape) and shape[0] == 1)

    def _container(self, step: StepSpec, name: str, sourced: Sourced, walk: Walk) -> Val:
        """`Sequential:`, a nested list, or `Graph:`."""
        assert step.body is not None
        if step.args.positional or step.args.keywords or sourced.keywords:
            raise SpecError(
                Problem("bad-source", f"`{step.op}` takes its sources by position", step.mark)
            )
        if step.op == "Graph":
            return self._closed(
                step, step.body, "Graph", walk.params, name, sourced, walk, key=None
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
        inner = self._inner(walk, name, "Sequential", source, step.mark)
        self.steps(step.body.layers, inner)
        if inner.prev is not None and inner.prev.type is POISON:
            raise Skip
        return self._close(inner, name, source, step.mark, walk)

    def _inner(self, walk: Walk, name: str, declared: str, source: Val | None, mark: Mark) -> Walk:
        """A walk into a graph that sees the labels around it.

        Without a source (`prev` cannot be read here) its steps name their own.
        """
        frame = Frame(
            walk.frame, walk.frame.block, declared, ("input",) if source else (), mark,
            path=(*walk.frame.path, name),
        )  # fmt: skip
        if source is not None:
            value = Val(frame, 0, source.type, parameter=source.parameter)
            return Walk(frame, walk.params, value, walk.input, walk.i)
        inner = Walk(frame, walk.params, None, walk.input, walk.i)
        inner.unpacked, inner.dangling = walk.unpacked, walk.dangling
        return inner

    def _close(self, inner: Walk, name: str, source: Val | None, mark: Mark, walk: Walk) -> Val:
        """Finish an inner graph and call it in the outer one."""
        frame, outer = inner.frame, walk.frame
        output = src.lookup_prev(inner, mark)
        frame.output = frame.ref(output)
        slot = outer.new_slot()
        refs = () if source is None else (outer.ref(source),)
        outer.add(Draft(name, frame, refs, {}, slot))
        inputs = () if source is None else src.named_tensors([source.type], {})
        call = Call(name, frame, inputs, output.type, 0, mark, tuple(inner.calls))  # type: ignore[arg-type]
        walk.calls.append(call)
        outer.block.modules[id(outer), slot] = ((*outer.path, name), call)
        return Val(outer, slot, output.type)

    def _branches(
        self, step: StepSpec, name: str, sourced: Sourced, scope: Scope, walk: Walk
    ) -> Val:
        """A merge with inline branches: a graph of the branches, and the merge after them."""
        readable = walk.unpacked is None and walk.dangling is None
        source = walk.prev if readable else None
        inner = self._inner(walk, name, step.op, source, step.mark)
        start = inner.prev
        positional = list(sourced.positional)
        for place, branch in sourced.branches.items():
            below = self._inner(inner, str(place), "Sequential", start, branch.mark)
            self.steps(branch.layers, below)
            if below.prev is not None and below.prev.type is POISON:
                raise Skip
            positional[place] = self._close(below, str(place), start, branch.mark, inner)
        evaluated = Sourced(positional, sourced.keywords).evaluated(scope)
        inner.prev = self._row(step, step.op, evaluated, scope, inner)
        inner.unpacked = inner.dangling = None
        return self._close(inner, name, source, step.mark, walk)

    def _block(self, step: StepSpec, name: str, sourced: Sourced, scope: Scope, walk: Walk) -> Val:
        """A block of the file's own."""
        body = self.spec.blocks[step.op]
        if step.become is not None:
            raise SpecError(
                Problem("bad-become", f"`{step.op}` is a block, and cannot `become:` a layer",
                        step.become[1])
            )  # fmt: skip
        positional, keywords = evaluate_args(step.args, scope)
        given = _block_arguments(step, body, positional, keywords)
        inputs = self._block_inputs(step, body, sourced)
        first = src.type_of(inputs[0]) if inputs else None
        params = bind_params(body.params, given, Scope({}, first))
        key = (step.op, _typed(params))
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
        operands = self._block_inputs(step, body, sourced) if key is None else sourced.positional
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
            key = (key, _hashable(tuple(types)))
        planned = self._blocks.get(key) if key is not None else None
        if planned is None:
            before = len(self.problems)
            self._open.append(step.op)
            planned = self._scope(body, declared, params, names, types, step.mark)
            self._open.pop()
            used = self.problems[before:]
            self.problems[before:] = [problem.inside(step.mark) for problem in used]
            if key is not None:
                self._blocks[key] = planned
        graph, inside = planned
        if graph is None or inside is None:
            raise Skip
        frame = walk.frame
        slot = frame.new_slot()
        refs = tuple([src.run_time(item, frame) for item in operands])
        frame.add(Draft(name, graph, refs, {}, slot))
        call = Call(name, graph, inside.inputs, inside.output, 0, step.mark, inside.calls)
        walk.calls.append(call)
        frame.block.modules[id(frame), slot] = ((*frame.path, name), call)
        return Val(frame, slot, inside.output)

    @staticmethod
    def _block_inputs(step: StepSpec, body: GraphSpec, sourced: Sourced) -> list[Any]:
        """Operands in the order of the block's inputs."""
        names = [label for label, _ in body.inputs or ()] or ["input"]
        found = dict(zip(names, sourced.positional, strict=False))
        extra = len(sourced.positional) - len(names)
        for key, value in sourced.keywords.items():
            if key not in names:
                help = did_you_mean(key, names, "its inputs are " + " ".join(names))
                raise SpecError(
                    Problem("unknown-input", f"`{step.op}` has no input `{key}`", step.mark,
                            help=help)
                )  # fmt: skip
            found[key] = value
        missing = [label for label in names if label not in found]
        if extra > 0 or missing:
            raise SpecError(
                Problem(
                    "bad-source",
                    f"`{step.op}` takes {len(names)} source{'s' * (len(names) > 1)} "
                    f"({', '.join(names)}), and gets {len(sourced.positional) + len(sourced.keywords)}",
                    step.mark,
                    help=f"write from: [{', '.join(names)}] with the labels of the sources",
                )
            )
        return [found[label] for label in names]

    def _use(self, step: StepSpec, name: str, sourced: Sourced, walk: Walk) -> Val:
        """`use: m`: the module labelled m again."""
        expr = step.args.positional[0]
        label = expr.constant
        frame = walk.frame
        if label in frame.block.ghosts:
            raise SpecError(
                Problem(
                    "absent-module",
                    f"there is no module `{label}` to use: its `if:` is false",
                    expr.mark,
                    help="give this step the same `if:`",
                )
            )
        value = src.lookup(label, expr.mark, walk)
        found = None
        if isinstance(value, Val):
            if value.type is POISON:
                raise Skip
            found = frame.block.modules.get((id(value.frame), value.slot))
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
        inputs = src.named_tensors(values, named)
        call = Call(name, made.node, inputs, output, macs, step.mark, calls, path)
        walk.calls.append(call)
        frame.block.modules[id(frame), slot] = (path, made)
        return Val(frame, slot, output)

    # -- names, labels, expectations ----------------------------------------------------------

    @staticmethod
    def _index(walk: Walk) -> str:
        index = walk.frame.index
        walk.frame.index += 1
        return str(index)

    def _name(self, step: StepSpec, scope: Scope, walk: Walk) -> str:
        """The attribute name: the key, or the next index."""
        if step.name is None:
            return self._index(walk)
        name = evaluate_name(step.name, scope, step.name_mark)
        if not isinstance(step.name, str):
            problem = name_problem(name)
            if problem is not None:
                raise SpecError(Problem("bad-name", problem[0], step.name_mark, help=problem[1]))
        if name in walk.names:
            raise SpecError(
                Problem(
                    "duplicate-name",
                    f"two steps are called `{name}`",
                    step.name_mark,
                    help='a templated name tells copies apart by {i}: "layer{i}"',
                )
            )
        walk.names.add(name)
        return name

    def _bind(
        self, step: StepSpec, value: Val, outputs: list[Val], first: Val | None, walk: Walk
    ) -> None:
        """Set the step's labels, and `prev`."""
        frame = walk.frame
        walk.prev = value
        walk.unpacked = None
        walk.dangling = step if step.condition is not None and step.sources is not None else None
        if isinstance(step.name, str):
            self._set_key(step, step.name, value, walk)
        if step.unpack:
            self._unpack(step, value, walk)
        elif step.labels:
            self._label(step, *step.labels[0], value, walk)
        if step.each is not None:
            self._label(step, *step.each, tuple(outputs), walk)
        for label in (step.name, *(text for text, _ in step.labels)):
            if isinstance(label, str):
                frame.block.ghosts.discard(label)

    def _set_key(self, step: StepSpec, name: str, value: Any, walk: Walk) -> None:
        frame = walk.frame
        if frame.parent is None and name in frame.inputs and len(frame.inputs) > 0:
            known = frame.keys.get(name)
            if isinstance(known, Val) and known.frame is frame and known.slot < len(frame.inputs):
                raise SpecError(
                    Problem(
                        "duplicate-label",
                        f"`{name}` names an input of this block and this step",
                        step.name_mark,
                        help="rename one of the two",
                    )
                )
        if name in frame.block.owners and frame.block.owners[name] is not step:
            self._twice(name, step.name_mark)
        frame.keys[name] = value

    def _label(self, step: StepSpec, name: str, mark: Mark, value: Any, walk: Walk) -> None:
        block = walk.frame.block
        owner = block.owners.setdefault(name, step)
        taken = walk.frame.lookup(name) is not None and name not in block.labels
        if (owner is not step and owner != step) or taken:
            self._twice(name, mark)
        block.labels[name] = value

    @staticmethod
    def _twice(name: str, mark: Mark | None) -> None:
        raise SpecError(
            Problem(
                "duplicate-label",
                f"the label `{name}` is set twice in this block",
                mark,
                help="rename one of the two: a label names one value",
            )
        )

    def _unpack(self, step: StepSpec, value: Val, walk: Walk) -> None:
        kind = value.type
        count = len(step.labels)
        if not isinstance(kind, tuple):
            raise SpecError(
                Problem(
                    "not-a-tuple",
                    f"`as:` with {count} labels unpacks a tuple, and `{step.op}` gives "
                    f"{format_value(kind)}",
                    step.labels[0][1] if step.labels else step.mark,
                    help="write `as: name`",
                )
            )
        if len(kind) != count:
            raise SpecError(
                Problem(
                    "unpack-count",
                    f"`{step.op}` gives {len(kind)} values, and `as:` names {count}",
                    step.labels[0][1],
                    help=f"name {len(kind)} labels",
                )
            )
        for index, (name, mark) in enumerate(step.labels):
            self._label(step, name, mark, value.pick(index), walk)
        walk.unpacked = step

    def _absent(self, step: StepSpec, first: Val | None, walk: Walk) -> None:
        """The step does not exist: its labels mean its first source."""
        block = walk.frame.block
        walk.dangling = step if step.condition is not None and step.sources is not None else None
        if first is None:
            return
        if isinstance(step.name, str):
            self._set_key(step, step.name, first, walk)
            block.ghosts.add(step.name)
        for name, mark in step.labels:
            self._label(step, name, mark, first, walk)
            block.ghosts.add(name)
        if step.each is not None:
            self._label(step, *step.each, (), walk)

    def _holds(self, condition: Expr, scope: Scope) -> bool:
        value = evaluate(condition, scope)
        if type(value) not in (bool, int, float):
            raise SpecError(
                Problem(
                    "bad-condition",
                    f"`if:` takes true or false, and gets {describe(value)}",
                    condition.mark,
                    help="write a formula, for instance `if: $s != 1`",
                )
            )
        return bool(value)

    def _count(self, repeat: Expr, scope: Scope) -> int:
        value = evaluate(repeat, scope)
        if type(value) is not int or value < 0:
            raise SpecError(
                Problem(
                    "bad-repeat",
                    f"`repeat:` takes a count of copies, and gets {describe(value)}",
                    repeat.mark,
                    help="write an integer, 0 or more; in a formula, divide with `//`"
                    if type(value) is float
                    else "write an integer, 0 or more",
                )
            )
        if value > MAX_COPIES:
            raise SpecError(
                Problem(
                    "bad-repeat",
                    f"`repeat:` makes at most {MAX_COPIES:,} copies, and gets {value:,}",
                    repeat.mark,
                )
            )
        return value

    def _expect(self, step: StepSpec, value: Val, scope: Scope) -> None:
        """Compare the output's shape with `expect:`."""
        assert step.expect is not None
        if isinstance(value.type, TensorType):
            found: tuple[Any, ...] = value.type.shape
            wanted = tuple(None if e is None else evaluate(e, scope) for e in step.expect)
            if len(found) == len(wanted) and all(
                w is None or w == f for w, f in zip(wanted, found, strict=True)
            ):
                return
            text = "[" + ", ".join("_" if w is None else str(w) for w in wanted) + "]"
        else:
            text = "one tensor"
        self.problems.append(
            Problem(
                "unmet-expect",
                f"`{step.op}` is expected to give {text}, and gives {format_value(value.type)}",
                step.expect_mark,
                found=f"the output is {format_value(value.type)}",
                help="change the network, or what is expected of it",
            )
        )


MAX_COPIES = 100_000
_PAIRED = ("add", "sub", "mul", "div", "matmul")


def op_problem(error: OpError, step: StepSpec, found: str = "") -> Problem:
    """An OpError at the step's place: a wrong argument at the argument, a shape at the op."""
    message = error.message
    if message[:1].islower():
        message = f"{step.op} {message}"
    elif message[:1] == "`":
        message = f"{step.op}: {message}"
    if isinstance(error, ArgumentError):
        mark = step.mark
        if error.argument is not None:
            mark = argument_mark(step.args, error.argument, step.op) or mark
        return Problem("bad-argument", message, mark, help=error.help)
    return Problem("shape-mismatch", message, step.mark, found, error.help)


def argument_mark(args: ArgsExpr, argument: str, op: str) -> Mark | None:
    """Where an argument stands: its keyword's value, or its place in the list."""
    if argument in args.keywords:
        if argument in args.keyword_marks:
            found = args.keywords[argument].mark
            return found if args.keywords[argument].value is not None else (
                args.keyword_marks[argument]
            )  # fmt: skip
        return args.keywords[argument].mark
    if argument.isdigit():
        place = int(argument)
        return args.positional[place].mark if place < len(args.positional) else None
    signature = signature_for(op)
    if signature is None:
        return None
    names = [p.name for p in signature.parameters]
    if argument in names and names.index(argument) < len(args.positional):
        return args.positional[names.index(argument)].mark
    return None


def signature_for(op: str) -> Signature | None:
    """The signature of an op of the table."""
    from lazyinspect.plan.ops import signature_of

    return signature_of(op) if op in table() else None


def _pick(value: Val, key: Any, step: StepSpec) -> Val:
    kind = value.type
    mark = step.pick.mark if step.pick is not None else step.mark
    if not isinstance(kind, (tuple, dict)):
        raise SpecError(
            Problem(
                "not-a-tuple",
                f"`pick:` takes one element of a tuple, and `{step.op}` gives {format_value(kind)}",
                mark,
                help="leave `pick:` out",
            )
        )
    if isinstance(kind, tuple):
        if type(key) is not int or not -len(kind) <= key < len(kind):
            raise SpecError(
                Problem(
                    "bad-pick",
                    f"`pick:` takes 0 to {len(kind) - 1} here, and gets {describe(key)}",
                    mark,
                )
            )
        key %= len(kind)
    elif key not in kind:
        raise SpecError(
            Problem("bad-pick", f"there is no {describe(key)} among {', '.join(kind)}", mark)
        )
    picked = value.pick(key)
    if picked.type is None:
        raise SpecError(
            Problem("bad-pick", f"element {key} is nothing here", mark,
                    help="an option of the layer turns it off")
        )  # fmt: skip
    return picked


def _next(sourced: Sourced, value: Val) -> Sourced:
    """Sources of the next copy: the copy before it first, the others as they were."""
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


def _block_arguments(
    step: StepSpec, body: GraphSpec, positional: tuple[Any, ...], keywords: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments of a block by name, with their types checked.

    Raises:
        SpecError: too many, unknown, given twice, missing, or of a wrong type.
    """
    names = list(body.params)
    text = ", ".join(
        name if p.required else f"{name}={_default_text(p.default)}"
        for name, p in body.params.items()
    )

    def fail(message: str, mark: Mark, help: str = "") -> SpecError:
        return SpecError(
            Problem("bad-argument", f"{step.op} {message}", mark,
                    help=help or f"its parameters are ({text})")
        )  # fmt: skip

    if len(positional) > len(names):
        limit = f"at most {len(names)}" if names else "no"
        raise fail(
            f"takes {limit} argument{'s' * (len(names) != 1)}, and gets {len(positional)}",
            step.args.positional[len(names)].mark,
        )
    given = dict(zip(names, positional, strict=False))
    for name, value in keywords.items():
        mark = step.args.keyword_marks.get(name, step.mark)
        if name not in body.params:
            raise fail(f"has no parameter `{name}`", mark, did_you_mean(name, names))
        if name in given:
            raise fail(f"gets `{name}` twice", mark)
        given[name] = value
    missing = [name for name, p in body.params.items() if p.required and name not in given]
    if missing:
        raise fail("needs " + " and ".join(f"`{name}`" for name in missing), step.mark)
    for name, value in given.items():
        required = body.params[name].required
        problem = type_problem(required, value) if required else None
        if problem:
            mark = argument_mark(step.args, name, "") or step.mark
            if name in names[: len(positional)]:
                mark = step.args.positional[names.index(name)].mark
            raise fail(f"parameter `{name}` {problem}", mark)
    return given


def _default_text(expr: Expr | None) -> str:
    mark = None if expr is None else expr.mark
    if mark is None:
        return ""
    line = mark.source.lines[mark.line - 1]
    return line[mark.column - 1 : mark.column - 1 + mark.length]


def _typed(params: Mapping[str, Any]) -> Any:
    """A key that tells `1` from `true` and `1.0`, which Python holds equal."""
    return tuple((name, _typed_value(value)) for name, value in params.items())


def _typed_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_typed_value(item) for item in value)
    if isinstance(value, LayerArg):
        return (
            value.op,
            _typed_value(value.positional),
            tuple((key, _typed_value(item)) for key, item in value.keywords),
        )
    return (type(value), value)


def _hashable(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((key, _hashable(item)) for key, item in value.items())
    if isinstance(value, tuple):
        return tuple(_hashable(item) for item in value)
    return value


def _settle(call: Call) -> None:
    """Frames in the calls become the graphs they were finished to."""
    for inner in call.calls:
        if isinstance(inner.node, Frame):
            assert inner.node.graph is not None
            inner.node = inner.node.graph
            _settle(inner)
