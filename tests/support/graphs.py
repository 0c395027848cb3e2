"""Plan graphs by hand, for tests of what is built from them. No planner involved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lazyinspect.errors import Mark, Source
from lazyinspect.plan import ops, tree
from lazyinspect.plan.ops.base import Weight

SOURCE = Source("net.yaml", ("layers:", "  - LazyLinear: 4"))
MARK = Mark(SOURCE, 2, 5, 10)


@dataclass(frozen=True)
class HandPlan:
    """The part of a Plan that a network is built from."""

    root: tree.Graph
    ties: tuple[tree.Tie, ...] = ()
    dtype: str = "float32"


def leaf(
    declared: str,
    weights: tuple[Weight, ...] = (),
    *,
    become: str | None = None,
    args: Mapping[str, Any] | None = None,
    **given: Any,
) -> tree.Leaf:
    """A layer: what the author gives, and for a lazy one the explicit ``args`` as well."""
    target = become or declared.removeprefix("Lazy")
    return tree.Leaf(
        declared, target, given, given if args is None else args, weights, MARK, become
    )


def fn(name: str, expand_batch: tuple[int, ...] = (), **args: Any) -> tree.Function:
    """A tensor function or merge."""
    row = ops.table()[name]
    assert isinstance(row, ops.Op)
    return tree.Function(row, args, MARK, expand_batch)


def parameter(*shape: int, fill: float = 0.0) -> tree.ParameterLeaf:
    return tree.ParameterLeaf(shape, fill, MARK)


def use(*target: str) -> tree.Use:
    return tree.Use(target, MARK)


class Wiring:
    """A graph in the making: each call adds a step and gives what it yields."""

    def __init__(
        self, *inputs: str, captures: int = 0, declared: str = "Graph", is_block: bool = False
    ) -> None:
        self.inputs = inputs or ("input",)
        self.captures = captures
        self.declared = declared
        self.is_block = is_block
        self.steps: list[tree.Step] = []
        self.slots = len(self.inputs) + captures

    def value(self, slot: int) -> tree.Ref:
        return tree.Ref(slot)

    def step(
        self,
        name: str,
        node: tree.Node,
        *operands: tree.Operand,
        exports: int = 0,
        **keywords: tree.Operand,
    ) -> Any:
        """The step's Ref; with exports a tuple of it and theirs."""
        slots = range(self.slots, self.slots + 1 + exports)
        self.slots = slots.stop
        self.steps.append(tree.Step(name, node, operands, keywords, slots[0], tuple(slots[1:])))
        refs = tuple(map(tree.Ref, slots))
        return refs if exports else refs[0]

    def graph(self, output: tree.Operand, *exports: tree.Ref) -> tree.Graph:
        return tree.Graph(
            self.declared,
            self.inputs,
            self.captures,
            tuple(self.steps),
            output,
            MARK,
            exports,
            self.is_block,
        )


def chain(**nodes: tree.Node) -> tree.Graph:
    """One step after the other, by name."""
    wiring = Wiring(declared="Sequential")
    previous = wiring.value(0)
    for name, node in nodes.items():
        previous = wiring.step(name, node, previous)
    return wiring.graph(previous)
