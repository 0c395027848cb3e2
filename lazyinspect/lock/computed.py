"""A spec -> which arguments and which steps its formulas compute from shapes. No torch here.

``LazyLinear: $4*last`` is another layer where another width flows in: nobody changed its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lazyinspect.drift import Row
from lazyinspect.plan.ops import signature_of, table
from lazyinspect.spec.formula import Formula
from lazyinspect.spec.model import ArgsExpr, Expr, GraphSpec, LayerExpr, Spec, StepSpec, all_steps

_SHAPES = frozenset(("cin", "last", "shape"))


class FromShapes:
    """Answers of one spec; see :class:`lazyinspect.lock.causes.Computed`."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.params = {name: set(_SHAPES) for name in spec.blocks}
        """Of each block: the names in it whose values come from shapes."""
        self.network = set(_SHAPES)
        self._settle()
        self.arguments: dict[tuple[int, int], set[str]] = {}
        self.steps: set[tuple[int, int]] = set()
        """Places of steps that some shapes leave out, or repeat more often."""
        self.named: set[tuple[str, str]] = set()
        """The same by the name of their block, and their own."""
        for block, body, names in self._bodies():
            for step in all_steps(body.layers):
                place = (step.mark.line, step.mark.column)
                found = {name for name, expr in self._given(step) if _reads(expr, names)}
                if found:
                    self.arguments.setdefault(place, set()).update(found)
                if any(_reads(e, names) for e in (step.condition, step.repeat) if e is not None):
                    self.steps.add(place)
                    self.named.add((block, str(step.name)))

    def argument(self, row: Row, name: str) -> bool:
        """Whether an argument of a row's step is computed from shapes."""
        mark = row.mark
        return mark is not None and name in self.arguments.get((mark.line, mark.column), ())

    def presence(self, row: Row, container: str, name: str) -> bool:
        """Whether there is a step at all depends on shapes."""
        if row.mark is not None:
            return (row.mark.line, row.mark.column) in self.steps
        return (container, name) in self.named

    def _bodies(self) -> Iterator[tuple[str, GraphSpec, set[str]]]:
        yield "", self.spec.network, self.network
        for name, body in self.spec.blocks.items():
            yield name, body, self.params[name]

    def _settle(self) -> None:
        """Pass what comes from shapes on into blocks, as their arguments."""
        growing = True
        while growing:
            before = sum(map(len, self.params.values()))
            for name, body in self.spec.blocks.items():
                for param in body.params.values():
                    if param.default is not None and _reads(param.default, self.params[name]):
                        self.params[name].add(param.name)
            for _, body, names in self._bodies():
                for step in all_steps(body.layers):
                    if step.op in self.params:
                        found = {name for name, expr in self._given(step) if _reads(expr, names)}
                        self.params[step.op] |= found
            growing = sum(map(len, self.params.values())) > before

    def _given(self, step: StepSpec) -> Iterator[tuple[str, Expr]]:
        """Arguments of a step by name."""
        order: list[str] = []
        if step.op in self.spec.blocks:
            order = list(self.spec.blocks[step.op].params)
        elif step.op in table():
            order = [parameter.name for parameter in signature_of(step.op).parameters]
        for place, expr in enumerate(step.args.positional):
            # what is beyond is the rest of the last one, as in permute: [0, 2, 1]
            name = order[min(place, len(order) - 1)] if order else str(place)
            yield name, expr
        yield from step.args.keywords.items()


def _reads(expr: Expr, names: set[str]) -> bool:
    """Whether a value is computed from one of the names."""
    value = expr.value
    if isinstance(value, Formula):
        return not value.names.isdisjoint(names)
    if isinstance(value, tuple):
        return any(_reads(item, names) for item in value if isinstance(item, Expr))
    if isinstance(value, LayerExpr):
        return any(_reads(item, names) for item in _all(value.args))
    return False


def _all(args: ArgsExpr) -> Iterator[Expr]:
    keywords: Mapping[str, Expr] = args.keywords
    yield from args.positional
    yield from keywords.values()
