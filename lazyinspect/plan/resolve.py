"""Name, arguments and input types -> a Leaf or Function, its output, its MACs. No torch here.

Everything here raises OpError, which knows no file; the planner adds the place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from lazyinspect.errors import ArgumentError, Mark, ShapeError
from lazyinspect.plan.indices import TABLES
from lazyinspect.plan.memo import KnownLayer, keep_layer, known_layer
from lazyinspect.plan.ops import eager, signature_of, table
from lazyinspect.plan.ops.base import LayerValue, LazyOp, Op, Weight
from lazyinspect.plan.ops.signature import REQUIRED, Signature
from lazyinspect.plan.scope import LayerArg
from lazyinspect.plan.tree import Function, Leaf
from lazyinspect.plan.written import listed
from lazyinspect.shapes import TensorType, Value, is_float, prod, shape_problem, tensors_of
from lazyinspect.spec.names import did_you_mean

Positional = Sequence[Any]
Keywords = Mapping[str, Any]


def _require_possible(output: Value, what: str = "an output that") -> None:
    """Refuse tensors that torch cannot make, whatever the memory: later sums and rows need not.

    Raises:
        ShapeError: too many dimensions, or too large.
    """
    for _, kind in tensors_of(output):
        problem = shape_problem(kind.shape)
        if problem is not None:
            raise ShapeError(f"makes {what} {problem}", help="check the sizes on the way here")


@dataclass(frozen=True, slots=True)
class Applied:
    """A node with what one application of it gives."""

    node: Leaf | Function
    output: Value
    macs: int | None


class Resolver:
    """Resolves ops for one network dtype.

    Args:
        dtype: of the parameters.
        fallback: plans a class without a row, as ``fallback(name, positional, keywords, values,
            named)``; raises OpError. None where no such class may be used.
        shared: whether to take layers that other plans have resolved, and let them have its own.
    """

    def __init__(
        self, dtype: str, fallback: Callable[..., Any] | None = None, *, shared: bool = True
    ) -> None:
        self.dtype = dtype
        self.fallback = fallback
        self.shared = shared
        self.tables = False
        """Whether an op was resolved that takes indices of a table."""
        self._layers: dict[Any, Applied] = {}
        """By name, arguments and input types: networks repeat themselves."""

    def layer(
        self,
        name: str,
        positional: Positional,
        keywords: Keywords,
        values: Positional,
        named: Keywords,
        mark: Mark,
        become: str | None = None,
    ) -> Applied:
        """A module of a class with a row.

        Raises:
            ArgumentError: wrong for any input.
            ShapeError: wrong for these inputs.
        """
        # by their texts, since Python holds 1, 1.0 and true equal
        texts = (repr(positional), repr(keywords)) if positional or keywords else None
        types = tuple(values)
        key = None
        if not named and all(type(value) is TensorType for value in types):
            key = (name, become, texts, types)
            known = self._layers.get(key)
            if known is not None and type(known.node) is Leaf:
                same = known.node
                leaf = Leaf(
                    name, same.type, same.given, same.args, same.weights, mark, become, same.op
                )
                return Applied(leaf, known.output, known.macs)
            applied = self._known(key, mark) if self.shared else None
            if applied is not None:
                self._layers[key] = applied
                return applied
        applied = self._layer(name, positional, keywords, values, named, mark, become)
        if key is not None:
            self._layers[key] = applied
            node = applied.node
            if self.shared and type(node) is Leaf and node.op is not None:
                layer = KnownLayer(
                    table()[name], node.op, node.given, node.args, node.weights, applied.output,
                    applied.macs,
                )  # fmt: skip
                keep_layer((self.dtype, *key), layer)
        return applied

    def _known(self, key: tuple[Any, ...], mark: Mark) -> Applied | None:
        """What another plan has found of the same layer."""
        name, become = key[0], key[1]
        known = known_layer((self.dtype, *key), table()[name])
        if known is None:
            return None
        op = known.op
        self.tables = self.tables or op.name in TABLES
        leaf = Leaf(name, op.name, known.given, known.args, known.weights, mark, become, op)
        return Applied(leaf, known.output, known.macs)

    def _layer(
        self,
        name: str,
        positional: Positional,
        keywords: Keywords,
        values: Positional,
        named: Keywords,
        mark: Mark,
        become: str | None,
    ) -> Applied:
        row = table()[name]
        op = eager(row)
        self.tables = self.tables or op.name in TABLES
        given = self._given(signature_of(name), positional, keywords)
        if become is not None:
            if not isinstance(row, LazyOp):
                raise ArgumentError(
                    f"is not lazy, so it cannot `become:` another class, {become}",
                    help=f"write Lazy{name}, or {become} itself",
                )
            target = self._target(row, become)
            if target is None:
                return self._own_class(name, row, become, given, values, named, mark)
            op = target
        bound = self.inputs(op, values, named)
        args = self._inferred(name, row, op, given, bound) if isinstance(row, LazyOp) else given
        full = self._full(op, args)
        try:
            op.check(full)
        except ArgumentError as error:
            if isinstance(row, LazyOp) and self._fits_another_input(op, given, args):
                raise ShapeError(error.message, argument=error.argument, help=error.help) from None
            raise
        weights = op.weights(full)
        self._check_dtype(weights, bound)
        for weight in weights:
            _require_possible(TensorType(weight.shape), f"a {weight.name or 'parameter'} that")
        output = op.outputs(full, *bound)
        _require_possible(output)
        macs = op.macs(full, *bound)
        leaf = Leaf(name, op.name, given, args, weights, mark, become, op)
        return Applied(leaf, output, macs)

    def _fits_another_input(self, op: Op, given: Keywords, args: Keywords) -> bool:
        """Whether inferred sizes that every given count divides would be accepted."""
        scale = prod(v for v in given.values() if type(v) is int and v > 0)
        sizes = {
            name: value * scale
            for name, value in args.items()
            if name not in given and type(value) is int
        }
        try:
            op.check(self._full(op, {**args, **sizes}))
        except ArgumentError:
            return False
        return True

    def _own_class(
        self,
        name: str,
        row: LazyOp,
        become: str,
        given: dict[str, Any],
        values: Positional,
        named: Keywords,
        mark: Mark,
    ) -> Applied:
        """A lazy layer that becomes a class of the user's: inferred by row, run through torch."""
        assert self.fallback is not None
        op = eager(row)
        args = self._inferred(name, row, op, given, self.inputs(op, values, named))
        _, output, weights, macs, _ = self.fallback(become, (), args, values, named)
        return Applied(Leaf(name, become, given, args, weights, mark, become), output, macs)

    def _inferred(
        self, name: str, row: LazyOp, op: Op, given: dict[str, Any], bound: list[Any]
    ) -> dict[str, Any]:
        """Arguments of the eager class, in its signature's order."""
        defaults = signature_of(name).defaults
        merged = {**given, **row.infer(SimpleNamespace(**{**defaults, **given}), *bound)}
        return {p.name: merged[p.name] for p in op.parameters.parameters if p.name in merged}

    def function(
        self,
        name: str,
        positional: Positional,
        keywords: Keywords,
        values: Positional,
        named: Keywords,
        mark: Mark,
        expand_batch: tuple[int, ...] = (),
    ) -> Applied:
        """A tensor function or merge. Raises as :meth:`layer`."""
        op = table()[name]
        assert isinstance(op, Op)
        self.tables = self.tables or op.name in TABLES
        args = op.parameters.bind(positional, keywords)
        full = self._full(op, args)
        op.check(full)
        bound = self.inputs(op, values, named)
        output = op.outputs(full, *bound)
        _require_possible(output)
        macs = op.macs(full, *bound)
        return Applied(Function(op, args, mark, expand_batch), output, macs)

    def other(
        self,
        name: str,
        positional: Positional,
        keywords: Keywords,
        values: Positional,
        named: Keywords,
        mark: Mark,
    ) -> Applied:
        """A module of a class without a row, through torch's meta device. Raises as above."""
        assert self.fallback is not None
        found = self.fallback(name, positional, keywords, values, named)
        given, output, weights, macs, became = found
        return Applied(Leaf(name, became, given, given, weights, mark), output, macs)

    def again(self, node: Leaf | Function, values: Positional, named: Keywords) -> Applied:
        """The same node applied to other inputs.

        Raises:
            ShapeError: it does not fit them.
        """
        op = node.op
        if op is None:
            assert isinstance(node, Leaf) and self.fallback is not None
            name, args = (node.type, node.args) if node.become else (node.declared, node.given)
            _, output, _, macs, _ = self.fallback(name, (), args, values, named)
            return Applied(node, output, macs)
        full = self._full(op, node.args)
        bound = self.inputs(op, values, named)
        if isinstance(node, Leaf):
            self._check_dtype(node.weights, bound)
        output = op.outputs(full, *bound)
        _require_possible(output)
        return Applied(node, output, op.macs(full, *bound))

    def inputs(self, op: Op, values: Positional, named: Keywords) -> list[Any]:
        """Values in the order of the op's forward, defaults filled in.

        Raises:
            ArgumentError: too many sources, too few, or an unknown keyword.
        """
        signature = op.inputs
        parameters = signature.parameters
        if parameters and parameters[0].variadic:
            if named:
                raise ArgumentError("takes its sources by position, not by name")
            return list(values)
        if len(values) > len(parameters):
            count = len(parameters)
            plural = "" if count == 1 else "s"
            raise ArgumentError(
                f"takes {count} source{plural} ({signature.text}), and gets {len(values)}",
                help="merge them before it, with `cat` or `add`; a tuple is one source: from: "
                "[[a, b]]"
                if count == 1
                else "",
            )
        bound = list(values)
        missing = []
        for parameter in parameters[len(values) :]:
            if parameter.name in named:
                bound.append(named[parameter.name])
            elif parameter.default is REQUIRED:
                missing.append(parameter.name)
            else:
                bound.append(parameter.default)
        if named:
            for name in named:
                if name not in signature.by_name:
                    known = [parameter.name for parameter in parameters]
                    raise ArgumentError(
                        f"has no source `{name}`",
                        help=did_you_mean(name, known, "its sources are " + " ".join(known)),
                    )
                if any(p.name == name for p in parameters[: len(values)]):
                    raise ArgumentError(f"`{name}` is given twice in `from:`")
        if missing:
            names = " and ".join(f"`{name}`" for name in missing)
            needed = [parameter.name for parameter in parameters if parameter.required]
            raise ArgumentError(
                f"reads {listed(needed)}, and lacks {names}",
                help="name them with `from:`, for instance "
                f"from: [{', '.join(['prev'] * len(needed))}]",
            )
        return bound

    def _full(self, op: Op, args: Keywords) -> SimpleNamespace:
        """All arguments, defaults filled in."""
        return SimpleNamespace(**{**op.parameters.defaults, **args, "network_dtype": self.dtype})

    def _given(
        self, signature: Signature, positional: Positional, keywords: Keywords
    ) -> dict[str, Any]:
        """Arguments by name, layers among them resolved."""
        names = signature.layers
        if not names:
            return signature.bind(positional, keywords)
        order = [p.name for p in signature.parameters]
        listed = [
            self._layer_value(value) if index < len(order) and order[index] in names else value
            for index, value in enumerate(positional)
        ]
        named = {
            name: self._layer_value(value) if name in names else value
            for name, value in keywords.items()
        }
        return signature.bind(listed, named)

    def _layer_value(self, value: Any) -> Any:
        if isinstance(value, str):
            value = LayerArg(value)
        if not isinstance(value, LayerArg):
            return value
        row = table().get(value.op)
        if row is None or (isinstance(row, Op) and row.kind != "layer"):
            raise ArgumentError(
                f"takes a layer, and `{value.op}` is none",
                help=did_you_mean(value.op, table()),
            )
        if isinstance(row, LazyOp):
            raise ArgumentError(
                f"takes a layer with its sizes given, and `{value.op}` is lazy",
                help=f"write {row.becomes} with {' and '.join(row.infers)}",
            )
        args = self._given(row.parameters, value.positional, dict(value.keywords))
        full = self._full(row, args)
        row.check(full)
        return LayerValue(row.name, args, row.weights(full))

    @staticmethod
    def _target(row: LazyOp, become: str) -> Op | None:
        """The row to become; None for a class of the user's own."""
        if "." in become:
            return None
        target = table().get(become)
        if isinstance(target, Op) and become.endswith(row.becomes):
            return target
        candidates = [
            name
            for name, other in table().items()
            if isinstance(other, Op) and name.endswith(row.becomes)
        ]
        raise ArgumentError(
            f"cannot become {become}: that is no class with {row.becomes}'s own layout",
            help=did_you_mean(become, candidates, "it can become " + " or ".join(candidates)),
        )

    def _check_dtype(self, weights: tuple[Weight, ...], values: Positional) -> None:
        if not any(not w.buffer and w.dtype is None for w in weights):
            return
        for value in values:
            for _, tensor in tensors_of(value):
                if is_float(tensor.dtype) and tensor.dtype != self.dtype:
                    raise ShapeError(
                        f"has {self.dtype} parameters, and gets {tensor.dtype}",
                        help=f"give the input `dtype: {self.dtype}`, or run with --dtype "
                        f"{tensor.dtype}",
                    )
                return
