"""One application of a step -> what its output sizes depend on, found by trying other sizes.

A row of the op table is a pure function, so it can be asked: with this size of the input one
larger, which sizes of the output change? No op needs a rule of its own here, and what is said
about one is what it does. No torch here, but for classes without a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from lazyinspect.errors import OpError, SpecError
from lazyinspect.plan.frame import Skip, Val
from lazyinspect.plan.insight.failure import keyed
from lazyinspect.plan.insight.trace import Trace, picked
from lazyinspect.plan.ops import signature_of, table
from lazyinspect.plan.scope import Scope, evaluate_args
from lazyinspect.plan.sources import Sourced
from lazyinspect.plan.tree import Call, ParameterLeaf
from lazyinspect.shapes import TensorType, prod
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
class Dependence:
    """What one size of an output follows from."""

    same: Size | None = None
    """It is this size, whatever that is."""
    sizes: tuple[Size, ...] = ()
    """It is computed from these."""
    form: str = ""
    """Of several: `x` where it is their product, `+` where it is their sum."""
    arguments: tuple[Argument, ...] = ()
    """It changes with these, and with no input that could be tried."""


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
        self.arguments = [] if self.step.op == "use" else list(self._arguments())

    def _arguments(self) -> Iterator[Argument]:
        positional, keywords = evaluate_args(self.step.args, self.scope)
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
        try:
            return self.attempt(sizes or {}, arguments or {})
        except (OpError, SpecError, Skip):
            return None

    def attempt(self, sizes: Mapping[Size, int], arguments: Mapping[Argument, int]) -> Any:
        """The output's type with other sizes or arguments. Raises OpError, SpecError, Exhausted."""
        self.budget.spend(1 if self.step.op in table() else _SLOW)
        kinds = [read.kind for read in self.read]
        for size, value in sizes.items():
            sides = list(kinds[size.value].shape)
            sides[size.dim] = value
            kinds[size.value] = TensorType(tuple(sides), kinds[size.value].dtype)
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
        return nodes.leaves.applied(
            self.step, self.sourced, values, named, positional, keywords
        ).output

    def follow(self, path: Keys, dim: int) -> Dependence:
        """What a size of the output follows from.

        Args:
            path: keys of the tensor in the output.
        """
        tensor = _tensor(self.output(), path)
        size, rank = tensor.shape[dim], tensor.rank
        everything = [
            Size(index, place)
            for index, read in enumerate(self.read)
            for place in range(read.kind.rank)
        ]
        alike = [at for at in everything if self._value(at) == size]
        alike.sort(key=lambda at: self._distance(at, dim, rank))
        for at in alike:
            if self._passes(at, alike, path, dim, size, rank):
                return Dependence(same=at)
        sizes = tuple(at for at in everything if self._matters((at,), path, dim, size))
        if sizes:
            return Dependence(sizes=sizes, form=self._form(sizes, path, dim, size))
        return Dependence(arguments=tuple(self._deciding(path, dim, size, everything)))

    def _value(self, at: Size) -> int:
        return self.read[at.value].kind.shape[at.dim]

    def _distance(self, at: Size, dim: int, rank: int) -> tuple[int, int]:
        """The likeliest first: the same place from the front or the back, of the first value."""
        from_back = (self.read[at.value].kind.rank - at.dim) - (rank - dim)
        return min(abs(at.dim - dim), abs(from_back)), at.value

    def _passes(
        self, at: Size, alike: Sequence[Size], path: Keys, dim: int, size: int, rank: int
    ) -> bool:
        """Whether the output's size is this one, alone or with those that must equal it."""
        found = self._tries((at,), path, dim, size)
        if found:
            return all(given == came for given, came in found)
        back = self.read[at.value].kind.rank - at.dim
        level = [x for x in alike if self.read[x.value].kind.rank - x.dim == back]
        for group in (level, list(alike)):
            if len(group) < 2:
                continue
            found = self._tries(group, path, dim, size)
            if found:
                return all(given == came for given, came in found)
        # a size that the author gave as well (BatchNorm2d: 64) has to change with it
        value = self._value(at)
        for argument in self.arguments:
            if argument.value == value and value > 0:
                tried = [
                    (new, _size(self.output({at: new}, {argument: new}), path, dim))
                    for new in (value + 1, 2 * value)
                ]
                accepted = [(new, came) for new, came in tried if came is not None]
                if accepted and all(new == came for new, came in accepted):
                    return True
        return False

    def _form(self, sizes: tuple[Size, ...], path: Keys, dim: int, size: int) -> str:
        """How the output's size is made of several: `x` or `+`, and nothing where neither holds."""
        values = [self._value(at) for at in sizes]
        tried = [(v, self._tries((at,), path, dim, v)) for at, v in zip(sizes, values, strict=True)]
        changes = [(before, *change) for before, found in tried for change in found]
        if prod(values) == size and all(c * v == size * given for v, given, c in changes):
            return "x"
        if sum(values) == size and all(c == size + given - v for v, given, c in changes):
            return "+"
        return ""

    def _matters(self, group: Sequence[Size], path: Keys, dim: int, size: int) -> bool:
        """Whether the output's size changes with these."""
        before = self._value(group[0])
        return any(came != size for _, came in self._tries(group, path, dim, before))

    def _tries(
        self, group: Sequence[Size], path: Keys, dim: int, before: int
    ) -> list[tuple[int, int]]:
        """Other values of sizes, and what the output's size is with each that is accepted."""
        found = []
        for value in dict.fromkeys((before + 1, 2 * before, before + 2, 3 * before)):
            if value == before:
                continue
            output = self.output(dict.fromkeys(group, value))
            came = _size(output, path, dim)
            if came is not None:
                found.append((value, came))
        return found

    def _deciding(
        self, path: Keys, dim: int, size: int, everything: Sequence[Size]
    ) -> Iterator[Argument]:
        """Arguments with which the output's size changes, the one that it equals first."""
        for argument in sorted(self.arguments, key=lambda a: a.value != size):
            value = argument.value
            tries = [t for t in (value + 1, 2 * value, value + 2, 3 * value) if t != value]
            came = [_size(self.output(None, {argument: t}), path, dim) for t in tries]
            if any(c is not None and c != size for c in came):
                yield argument
                continue
            if any(c is not None for c in came) or value < 1:
                continue
            # sizes of a view have to fit its input: both at once
            together = (
                _size(self.output({at: 2 * self._value(at)}, {argument: 2 * value}), path, dim)
                for at in everything
            )
            if value == size and any(c == 2 * size for c in together):
                yield argument


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


def _tensor(kind: Any, path: Keys) -> TensorType:
    for key in path:
        kind = kind[key]
    assert isinstance(kind, TensorType)
    return kind


def _size(kind: Any, path: Keys, dim: int) -> int | None:
    """One size of an output; None where it is not there."""
    try:
        tensor = _tensor(kind, path)
        return tensor.shape[dim]
    except (AssertionError, IndexError, KeyError, TypeError):
        return None


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
