"""One step -> one leaf of the program and its typed call: layers, functions, merges, Parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from lazyinspect.errors import ArgumentError, Mark, Problem, SpecError
from lazyinspect.plan import sources as src
from lazyinspect.plan.frame import Draft, Val
from lazyinspect.plan.ops import table
from lazyinspect.plan.ops.base import Op
from lazyinspect.plan.ops.merges import cat_broadcast
from lazyinspect.plan.ops.signature import parse_signature
from lazyinspect.plan.resolve import Applied, Resolver
from lazyinspect.plan.scope import Scope, evaluate_args
from lazyinspect.plan.sources import Sourced, Walk
from lazyinspect.plan.tree import Call, ParameterLeaf
from lazyinspect.shapes import TensorType, shape_problem, whole
from lazyinspect.spec.formula import describe
from lazyinspect.spec.model import StepSpec

_PARAMETER = parse_signature("*shape: int, fill: float = 0.0")
_NO_KEYWORDS: Mapping[str, Any] = {}
"""One for all steps: a million empty ones take 64 MB."""
_LEAST_SOURCES = {"add": 2, "sub": 2, "mul": 2, "div": 2, "matmul": 2, "cat": 1, "stack": 1}


class Leaves:
    """Applies what has no steps inside: each method writes into the program and calls of a walk.

    Args:
        resolver: applies ops of the table.
        known: whether a dotted or row-less class may be used; raises SpecError where not.
    """

    def __init__(self, resolver: Resolver, known: Callable[[str, Mark], None]) -> None:
        self.resolver = resolver
        self.known = known

    def row(self, step: StepSpec, name: str, sourced: Sourced, scope: Scope, walk: Walk) -> Val:
        """A layer, function or merge of the table, or a class without a row."""
        values = src.types_of(sourced.positional)
        named = {key: src.type_of(value) for key, value in sourced.keywords.items()}
        positional, keywords = evaluate_args(step.args, scope)
        applied = self.applied(step, sourced, values, named, positional, keywords)
        return self._emit(name, applied, sourced, values, named, step.mark, walk)

    def applied(
        self,
        step: StepSpec,
        sourced: Sourced,
        values: list[Any],
        named: Mapping[str, Any],
        positional: tuple[Any, ...],
        keywords: Mapping[str, Any],
    ) -> Applied:
        """The step's op on values of these types, with these arguments.

        Args:
            sourced: what the values are of.

        Raises:
            SpecError: something is wrong at a place of its own.
            OpError: the op refuses its arguments or sources.
        """
        op = step.op
        row = table().get(op)
        resolver = self.resolver
        if row is None:
            self.known(op, step.mark)
            if step.become is not None:
                raise SpecError(
                    Problem(
                        "bad-become",
                        f"`{op}` is a class of your own, which says itself what it becomes",
                        step.become[1],
                        help="set `cls_to_become` in the class",
                    )
                )
            try:
                return resolver.other(op, positional, keywords, values, named, step.mark)
            except SpecError as error:  # of the class itself, which knows no file
                placed = [replace(each, mark=each.mark or step.mark) for each in error.problems]
                raise SpecError(placed) from error
        if isinstance(row, Op) and row.kind != "layer":
            if step.become is not None:
                raise SpecError(
                    Problem("bad-become", f"`{op}` is no layer, and cannot `become:` one",
                            step.become[1], help="write it on the step of a lazy layer")
                )  # fmt: skip
            expand: tuple[int, ...] = ()
            operands = values
            count, needed = len(values) + len(named), _LEAST_SOURCES.get(op, 0)
            if count < needed:
                raise SpecError(
                    Problem(
                        "bad-source",
                        f"`{op}` takes {needed} source{'s' * (needed > 1)}, and gets {count}",
                        step.mark,
                        help=f"write {op}: [prev, ...], with a label, a number or a formula",
                    )
                )
            if op == "cat":
                operands, expand = self._cat(sourced, values, keywords)
            return resolver.function(op, positional, keywords, operands, named, step.mark, expand)
        become = None if step.become is None else step.become[0]
        if become is not None and "." in become and step.become is not None:
            self.known(*step.become)
        return resolver.layer(op, positional, keywords, values, named, step.mark, become)

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
        keywords = _NO_KEYWORDS
        if sourced.keywords:
            keywords = {key: src.run_time(item, frame) for key, item in sourced.keywords.items()}
        slot = frame.new_slot()
        frame.add(Draft(name, applied.node, operands, keywords, slot))
        call = Call(
            name, applied.node, src.named_tensors(values, named), applied.output, applied.macs,
            mark,
        )  # fmt: skip
        walk.add(call)
        frame.block.made(frame, slot, call)
        return Val(frame, slot, applied.output)

    @staticmethod
    def _cat(
        sourced: Sourced, values: list[Any], keywords: Mapping[str, Any]
    ) -> tuple[list[Any], tuple[int, ...]]:
        """Sources of `cat` with a Parameter of leading size 1 expanded over the batch, and which.

        Whatever the planned batch: the network may be called with another.
        """
        flags = tuple(isinstance(v, Val) and v.parameter for v in sourced.positional)
        dim = keywords.get("dim", 1)
        if not any(flags) or all(flags) or not whole(dim):
            return values, ()
        expanded = tuple(
            k
            for k, (value, own) in enumerate(zip(values, flags, strict=True))
            if own and dim % value.rank != 0
        )
        return list(cat_broadcast(tuple(values), dim, flags)), expanded

    def parameter(self, step: StepSpec, name: str, scope: Scope, walk: Walk) -> Val:
        """A learned tensor."""
        if step.sources is not None:
            first = src.resolve(step, walk).first()
            scope = Scope(scope.params, None if first is None else first.type, scope.i)
        positional, keywords = evaluate_args(step.args, scope)
        if len(positional) == 1 and isinstance(positional[0], tuple):
            positional = positional[0]
        bound = _PARAMETER.bind(positional, keywords)
        shape = bound.get("shape", ())
        for place, size in enumerate(shape):
            if not whole(size) or size < 0:
                raise ArgumentError(
                    f"takes sizes, and gets {describe(size)}",
                    argument=str(place),
                    help="divide with `//`"
                    if type(size) is float
                    else "write its shape: {Parameter: [1, 1, 768]}",
                )
        problem = shape_problem(shape)
        if problem is not None:
            raise ArgumentError(problem, help="write its shape: {Parameter: [1, 1, 768]}")
        frame = walk.frame
        leaf = ParameterLeaf(shape, float(bound.get("fill", 0.0)), step.mark)
        kind = TensorType(shape, self.resolver.dtype)
        slot = frame.new_slot()
        frame.add(Draft(name, leaf, (), {}, slot))
        walk.add(Call(name, leaf, (), kind, 0, step.mark))
        return Val(frame, slot, kind, parameter=bool(shape) and shape[0] == 1)
