"""What plans have in common, so that each is made once: blocks of one spec, layers of all.

Variants of a spec share most of their blocks, and specs of a folder most of their layers. Nothing
here changes what a plan says: what fails is planned without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lazyinspect.shapes import Value

if TYPE_CHECKING:
    from lazyinspect.plan.budget import Budget
    from lazyinspect.plan.ops.base import LazyOp, Op, Weight
    from lazyinspect.plan.tree import Call, Graph

MOST_STEPS = 50_000
"""Steps of the blocks that are kept: more make room for others by being forgotten."""
MOST_LAYERS = 4_096


@dataclass(frozen=True, slots=True)
class PlannedBlock:
    """A planned block, and what planning it took."""

    graph: Graph
    call: Call
    looked: int
    made: int
    depth: int
    """Of the containers around it where it was planned: deeper, it might be too deep."""


class Memo:
    """Blocks of one spec, for plans of one dtype that may import the same classes."""

    def __init__(self) -> None:
        self._blocks: dict[Any, PlannedBlock] = {}
        self._steps = 0
        self.tables = False
        """Whether a plan resolved an op that takes indices of a table."""

    def find(self, key: Any, budget: Budget) -> PlannedBlock | None:
        """A block that another plan made, counted as if it were planned anew.

        Args:
            key: its name, its parameters and the types of its inputs.
        """
        found = self._blocks.get(key)
        if found is None or budget.depth > found.depth:
            return None
        if budget.looked + found.looked > budget.steps:
            return None
        budget.looked += found.looked
        budget.made += found.made
        return found

    def keep(self, key: Any, block: PlannedBlock) -> None:
        """Let other plans have a block that was planned without a problem."""
        if self._steps > MOST_STEPS:
            self._blocks.clear()
            self._steps = 0
        self._blocks[key] = block
        self._steps += block.looked


@dataclass(frozen=True, slots=True)
class KnownLayer:
    """A layer of the table applied to inputs of one type, wherever it stands."""

    row: Op | LazyOp
    """What it was looked up as: the table may have another by now."""
    op: Op
    given: Mapping[str, Any]
    args: Mapping[str, Any]
    weights: tuple[Weight, ...]
    output: Value
    macs: int | None


_layers: dict[Any, KnownLayer] = {}


def known_layer(key: Any, row: Op | LazyOp | None) -> KnownLayer | None:
    """A layer that was applied before.

    Args:
        key: the network's dtype, name, arguments and input types.
    """
    found = _layers.get(key)
    return found if found is not None and found.row is row else None


def keep_layer(key: Any, layer: KnownLayer) -> None:
    """Let later plans have a layer."""
    if len(_layers) >= MOST_LAYERS:
        _layers.clear()
    _layers[key] = layer
