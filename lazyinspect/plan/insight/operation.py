"""A step that was applied -> the same with other sizes, types or arguments.

A row of the op table is a pure function, so it can be asked as often as one likes. No torch here,
but for classes without a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from lazyinspect.errors import OpError, SpecError
from lazyinspect.plan.frame import Skip, Val
from lazyinspect.plan.insight.failure import keyed
from lazyinspect.plan.insight.trace import Made, Trace, picked
from lazyinspect.plan.ops import signature_of, table
from lazyinspect.plan.scope import Scope, evaluate_args
from lazyinspect.plan.sources import Sourced
from lazyinspect.plan.tree import Call, Leaf, ParameterLeaf
from lazyinspect.shapes import TensorType
from lazyinspect.spec.model import Expr, StepSpec

Keys: TypeAlias = "tuple[int | str, ...]"

_SLOW = 50
"""What a trial of a class without a row costs, in trials of the table."""


class Exhausted(Exception):
    """As much was tried as may be."""


@dataclass(slots=True)
class Budget:
    """How many trials are left: a failure is explained in a moment, or less is said."""

    trials: int

    def spend(self, count: int) -> None:
        """Raises Exhausted."""
        self.trials -= count
        if self.trials < 0:
            raise Exhausted


@dataclass(frozen=True, slots=True)
class Size:
    """One size of a value that a step reads."""

    value: int
    """Index into ``Operation.read``."""
    dim: int


@dataclass(frozen=True, slots=True)
class Argument:
    """One integer among a step's arguments."""

    name: str
    key: int | str
    """Its place in the list, or its keyword."""
    path: tuple[int, ...]
    """Its place in nested lists."""
    value: int


@dataclass(frozen=True, slots=True)
class Read:
    """A tensor that a step reads, once however often it reads it."""

    value: Val
    kind: TensorType


@dataclass(slots=True, eq=False)
class Operation:
    """A step that can be applied again, to other sizes."""

    trace: Trace
    step: StepSpec
    sourced: Sourced
    scope: Scope
    call: Call | None
    """Of a `use:`, the call of the module."""
    budget: Budget
    read: list[Read] = field(init=False)
    """The distinct tensors that it reads, in order."""
    places: list[int] = field(init=False)
    """Of every tensor that it reads, which of ``read`` it is."""
    arguments: list[Argument] = field(init=False)
    key: Any = field(init=False)
    """Equal for steps that do the same."""

    def __post_init__(self) -> None:
        self.read, self.places = [], []
        known: dict[Any, int] = {}
        for value in _vals((*self.sourced.positional, *self.sourced.keywords.values())):
            for path, kind in keyed(value.type):
                tensor = picked(value, path)
                same = self.trace.same(tensor)
                key = (same.frame, same.slot, same.path)
                if key not in known:
                    known[key] = len(self.read)
                    self.read.append(Read(tensor, kind))
                self.places.append(known[key])
        self.key = self
        self.arguments = []
        if self.step.op != "use":
            positional, keywords = evaluate_args(self.step.args, self.scope)
            self.arguments = list(self._arguments(positional, keywords))
            plain = [_is_tensor(value) for value in self.sourced.positional]
            if all(plain) and not self.sourced.keywords:
                # `cat` treats a Parameter otherwise
                kinds = tuple((read.kind, read.value.parameter) for read in self.read)
                given = (repr(positional), repr(keywords), self.step.become)
                self.key = (self.step.op, given, kinds, tuple(self.places))

    def _arguments(
        self, positional: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> Iterator[Argument]:
        names: list[str] = []
        variadic = False
        if self.step.op == "Parameter":
            names, variadic = ["shape"], True
        elif self.step.op in table():
            parameters = signature_of(self.step.op).parameters
            names = [parameter.name for parameter in parameters]
            variadic = bool(parameters) and parameters[-1].variadic
        for index, value in enumerate(positional):
            within = index < len(names)
            name = names[index] if within else names[-1] if names and variadic else ""
            yield from _integers(name, index, value)
        for key, value in keywords.items():
            yield from _integers(key, key, value)

    def output(
        self,
        sizes: Mapping[Size, int] | None = None,
        arguments: Mapping[Argument, int] | None = None,
    ) -> Any:
        """The output's type with other sizes or arguments; None where the op refuses them."""
        kinds = [read.kind for read in self.read]
        for size, value in (sizes or {}).items():
            sides = list(kinds[size.value].shape)
            sides[size.dim] = value
            kinds[size.value] = TensorType(tuple(sides), kinds[size.value].dtype)
        return self._attempt(kinds, arguments or {})

    def retyped(self, index: int, kind: TensorType) -> Any:
        """The output's type with another type of one value; None where the op refuses it."""
        kinds = [read.kind for read in self.read]
        kinds[index] = kind
        return self._attempt(kinds, {})

    def _attempt(self, kinds: list[TensorType], arguments: Mapping[Argument, int]) -> Any:
        self.budget.spend(_SLOW if self.is_slow else 1)
        try:
            return self._applied(kinds, arguments)
        except (OpError, SpecError, Skip):
            return None

    def _applied(self, kinds: list[TensorType], arguments: Mapping[Argument, int]) -> Any:
        tensors = iter([kinds[place] for place in self.places])
        values = [_retyped(item, tensors) for item in self.sourced.positional]
        named = {name: _retyped(item, tensors) for name, item in self.sourced.keywords.items()}
        nodes = self.trace.nodes
        if self.step.op == "use":
            assert self.call is not None
            path = self.call.target or ()
            return nodes.retracer.again(self.call, path, values, named, self.step.mark)[0]
        positional: Any
        positional, keywords = evaluate_args(self.step.args, self.scope)
        for argument, value in arguments.items():
            if isinstance(argument.key, int):
                positional = _replaced(positional, (argument.key, *argument.path), value)
            else:
                keywords[argument.key] = _replaced(keywords[argument.key], argument.path, value)
        if self.call is not None and isinstance(self.call.node, ParameterLeaf):
            shape = positional[0] if isinstance(positional[0], tuple) else positional
            return TensorType(tuple(shape), self.call.output.dtype)
        applied = nodes.leaves.applied(self.step, self.sourced, values, named, positional, keywords)
        return applied.output

    def of(self, made: Made) -> Operation:
        """Another step as an operation, of the same budget."""
        return Operation(self.trace, made.step, made.sourced, made.scope, made.call, self.budget)

    def keeps_dtype(self, path: Keys) -> Val | None:
        """The value whose dtype a tensor of the output has, whatever that is."""
        dtype = tensor_at(self.output(), path).dtype
        for index, read in enumerate(self.read):
            if read.kind.dtype != dtype:
                continue
            for other in ("float64", "int64", "float32", "bool", "float16"):
                output = self.retyped(index, TensorType(read.kind.shape, other))
                if other != dtype and output is not None:
                    if tensor_at(output, path).dtype == other:
                        return read.value
                    break
        return None

    @property
    def sizes(self) -> list[Size]:
        """Every size that the step reads."""
        return [
            Size(index, dim)
            for index, read in enumerate(self.read)
            for dim in range(read.kind.rank)
        ]

    def value(self, at: Size) -> int:
        return self.read[at.value].kind.shape[at.dim]

    @property
    def is_slow(self) -> bool:
        """Whether a trial runs code of a class without a row: as few as can be."""
        node = None if self.call is None else self.call.node
        if isinstance(node, Leaf):
            return node.op is None
        return node is None and self.step.op not in table() and self.step.op != "use"


def _is_tensor(operand: Any) -> bool:
    return isinstance(operand, Val) and isinstance(operand.type, TensorType)


def _vals(operands: Iterable[Any]) -> Iterator[Val]:
    for operand in operands:
        if isinstance(operand, Val):
            yield operand
        elif isinstance(operand, tuple):
            yield from _vals(operand)


def _retyped(operand: Any, tensors: Iterator[TensorType]) -> Any:
    """An operand's type, its tensors taken one by one."""
    if isinstance(operand, Val):
        return _filled(operand.type, tensors)
    if isinstance(operand, tuple):
        return tuple(_retyped(item, tensors) for item in operand)
    return operand


def _filled(kind: Any, tensors: Iterator[TensorType]) -> Any:
    if isinstance(kind, TensorType):
        return next(tensors)
    if isinstance(kind, tuple):
        return tuple(_filled(item, tensors) for item in kind)
    if isinstance(kind, dict):
        return {key: _filled(item, tensors) for key, item in kind.items()}
    return kind


def _integers(
    name: str, key: int | str, value: Any, path: tuple[int, ...] = ()
) -> Iterator[Argument]:
    if type(value) is int:
        yield Argument(name, key, path, value)
    elif type(value) is tuple:
        for index, item in enumerate(value):
            yield from _integers(name, key, item, (*path, index))


def _replaced(value: Any, path: Sequence[int], new: int) -> Any:
    if not path:
        return new
    items = list(value)
    items[path[0]] = _replaced(items[path[0]], path[1:], new)
    return tuple(items)


def tensor_at(kind: Any, path: Keys) -> TensorType:
    """The tensor that keys take of an output's type."""
    for key in path:
        kind = kind[key]
    assert isinstance(kind, TensorType)
    return kind


def expression(step: StepSpec, argument: Argument) -> Expr | None:
    """What the author wrote for an argument."""
    if isinstance(argument.key, int):
        expr = step.args.positional[argument.key]
    else:
        expr = step.args.keywords[argument.key]
    for index in argument.path:
        if not isinstance(expr.value, tuple):
            return expr
        expr = expr.value[index]
    return expr
