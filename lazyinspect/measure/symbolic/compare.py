"""A plan of formulas and a plan of numbers -> where they differ. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazyinspect.plan.tree import Call, Function, Graph
from lazyinspect.shapes import tensors_of
from lazyinspect.sizes.algebra import Poly
from lazyinspect.sizes.size import Size


class Evaluator:
    """Values of formulas for one set of sizes, each computed once."""

    def __init__(self, values: Mapping[str, int]) -> None:
        self._values = values
        self._known: dict[Poly, int | None] = {}

    def __call__(self, size: int | None) -> int | None:
        """The value; None where its formula has none, as where it divides by 0."""
        if not isinstance(size, Size):
            return size
        poly = size.poly
        if poly not in self._known:
            try:
                self._known[poly] = poly.evaluate(self._values)
            except (ZeroDivisionError, ValueError, OverflowError):
                self._known[poly] = None
        return self._known[poly]


class Comparison:
    """Rows of a plan of formulas that a plan of numbers contradicts, by index."""

    def __init__(self, formulas: Call, numbers: Call, values: Mapping[str, int]) -> None:
        self.value = Evaluator(values)
        self.differing: set[int] = set()
        self.first: tuple[int, Call] | None = None
        """The first step that gives something else although it reads the same."""
        self.alike = True
        """Whether both make the same calls."""
        self._same: dict[tuple[int, int], bool] = {}
        self._walk(formulas, numbers, 0)

    def _walk(self, a: Call, b: Call, index: int) -> bool:
        """Compare two calls and those inside; whether all of it agrees."""
        key = (id(a), id(b))
        if self._same.get(key):
            return True
        same = len(a.calls) == len(b.calls) and isinstance(a.node, Graph) == isinstance(
            b.node, Graph
        )
        self.alike = self.alike and same
        if same:
            below = index + 1
            for inner, other in zip(a.calls, b.calls, strict=True):
                # every inner call is walked, for its rows
                same = self._walk(inner, other, below) and same
                below += inner.size
        reads = self._tensors(a.inputs) == _tensors(b.inputs)
        gives = self._tensors(tensors_of(a.output)) == _tensors(tensors_of(b.output))
        own = gives and self.value(a.macs) == b.macs and self._weights(a) == _weights(b)
        if not own and reads and self.first is None and not a.calls:
            self.first = index, a
        same = same and own and reads
        if not same:
            self.differing.add(index)
        self._same[key] = same
        return same

    def _tensors(self, tensors: Any) -> list[Any]:
        return [(n, tuple(map(self.value, t.shape)), t.dtype) for n, t in tensors]

    def _weights(self, call: Call) -> list[Any]:
        if isinstance(call.node, (Graph, Function)):
            return []
        return [tuple(map(self.value, weight.shape)) for weight in call.node.weights]


def _tensors(tensors: Any) -> list[Any]:
    return [(name, t.shape, t.dtype) for name, t in tensors]


def _weights(call: Call) -> list[Any]:
    if isinstance(call.node, (Graph, Function)):
        return []
    return [weight.shape for weight in call.node.weights]
