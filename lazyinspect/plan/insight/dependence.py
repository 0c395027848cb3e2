"""A step and one size of its output -> what that size follows from, found by trying other sizes.

With this size of the input one larger, which sizes of the output change? No op needs a rule of its
own here, and what is said about one is what it does. No torch here, but for classes without a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from lazyinspect.plan.insight.operation import Argument, Keys, Operation, Size, tensor_at
from lazyinspect.shapes import prod


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


def dependence_of(operation: Operation, path: Keys, dim: int) -> Dependence:
    """What a size of the output follows from; empty where trying shows nothing.

    Args:
        path: keys of the tensor in the output.
        dim: of that tensor.
    """
    return _Trial(operation, path, dim).dependence()


class _Trial:
    """Tries other sizes and arguments, and looks at one size of the output."""

    def __init__(self, operation: Operation, path: Keys, dim: int) -> None:
        self.operation = operation
        self.path = path
        self.dim = dim
        tensor = tensor_at(operation.output(), path)
        self.size, self.rank = tensor.shape[dim], tensor.rank
        self.sizes = operation.sizes

    def dependence(self) -> Dependence:
        slow = self.operation.is_slow
        alike = [at for at in self.sizes if self.operation.value(at) == self.size]
        alike.sort(key=self._distance)
        for at in alike[:1] if slow else alike:
            if self._passes(at, alike):
                return Dependence(same=at)
        if slow:
            return Dependence()
        sizes = tuple(at for at in self.sizes if self._matters(at))
        if sizes:
            return Dependence(sizes=sizes, form=self._form(sizes))
        return Dependence(arguments=tuple(self._deciding()))

    def _distance(self, at: Size) -> tuple[int, int]:
        """The likeliest first: the same place from the front or the back, of the first value."""
        from_back = (self._rank(at) - at.dim) - (self.rank - self.dim)
        return min(abs(at.dim - self.dim), abs(from_back)), at.value

    def _rank(self, at: Size) -> int:
        return self.operation.read[at.value].kind.rank

    def _passes(self, at: Size, alike: Sequence[Size]) -> bool:
        """Whether the output's size is this one, alone or with those that must equal it."""
        back = self._rank(at) - at.dim
        level = [other for other in alike if self._rank(other) - other.dim == back]
        for group in ((at,), level, alike):
            found = self._tries(group)
            if found:
                return all(given == came for given, came in found)
        # a size that the author gave as well (BatchNorm2d: 64) has to change with it
        for argument in self.operation.arguments:
            if argument.value == self.size and self.size > 0:
                tried = [
                    (new, self._came(self.operation.output({at: new}, {argument: new})))
                    for new in (self.size + 1, 2 * self.size)
                ]
                accepted = [(new, came) for new, came in tried if came is not None]
                if accepted and all(new == came for new, came in accepted):
                    return True
        return False

    def _matters(self, at: Size) -> bool:
        """Whether the output's size changes with this one."""
        return any(came != self.size for _, came in self._tries((at,)))

    def _form(self, sizes: tuple[Size, ...]) -> str:
        """How the output's size is made of several: `x` or `+`, and nothing where neither holds."""
        values = [self.operation.value(at) for at in sizes]
        changes = [
            (value, *change)
            for at, value in zip(sizes, values, strict=True)
            for change in self._tries((at,))
        ]
        size = self.size
        if prod(values) == size and all(came * v == size * given for v, given, came in changes):
            return "x"
        if sum(values) == size and all(came == size + given - v for v, given, came in changes):
            return "+"
        return ""

    def _tries(self, group: Sequence[Size]) -> list[tuple[int, int]]:
        """Other values of equal sizes, and the output's size with each that is accepted."""
        before = self.operation.value(group[0])
        values = dict.fromkeys((before + 1, 2 * before, before + 2, 3 * before, 16 * before))
        values.pop(before, None)
        found = []
        for value in islice(values, 1 if self.operation.is_slow else None):
            came = self._came(self.operation.output(dict.fromkeys(group, value)))
            if came is not None:
                found.append((value, came))
        return found

    def _deciding(self) -> Iterator[Argument]:
        """Arguments with which the output's size changes, the one that it equals first."""
        output = self.operation.output
        for argument in sorted(self.operation.arguments, key=lambda a: a.value != self.size):
            value = argument.value
            others = [v for v in (value + 1, 2 * value, value + 2, 3 * value) if v != value]
            came = [self._came(output(None, {argument: other})) for other in others]
            if any(c is not None and c != self.size for c in came):
                yield argument
                continue
            if any(c is not None for c in came) or value < 1 or value != self.size:
                continue
            # sizes of a view have to fit its input: both at once
            doubled = ({at: 2 * self.operation.value(at)} for at in self.sizes)
            together = (self._came(output(both, {argument: 2 * value})) for both in doubled)
            if any(c == 2 * value for c in together):
                yield argument

    def _came(self, output: Any) -> int | None:
        """The size of an output; None where it is not there."""
        try:
            return tensor_at(output, self.path).shape[self.dim]
        except (AssertionError, IndexError, KeyError, TypeError):
            return None
