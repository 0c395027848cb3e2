"""The frozen data of a network whose sizes are names: formulas, and when they hold. No torch here.

Shapes and figures of the report inside are integers that carry formulas (``sizes.Size``); as
integers they are those of the sizes that were planned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lazyinspect.report import Place, Report
from lazyinspect.sizes.algebra import Poly
from lazyinspect.sizes.sets import SizeSet
from lazyinspect.sizes.tracing import Relation

Kind = Literal["required", "weights", "assumed", "pinned"]
"""Why a condition is one. ``required``: the network does not plan without. ``weights``: a weight
has this size once the network is built. ``assumed``: without, the network may work, and then has
other formulas. ``pinned``: a step turned a size into a count, and its formula ends there."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What sizes have to satisfy, and which step asks for it."""

    kind: Kind
    names: tuple[str, ...]
    """Of the sizes that it reads."""
    formula: Poly
    relation: Relation
    """``formula relation 0``."""
    sizes: SizeSet | None
    """What it leaves of its one size; None where it reads several, or has no closed form."""
    reason: str
    """What the step says where it is not met, or what the weight is."""
    path: str
    """Of the step, as rows have it; ``""`` where none is known."""
    op: str
    place: Place | None
    used_at: tuple[Place, ...] = ()
    example: Mapping[str, int] | None = None
    """Sizes that do not meet it."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A step without a rule for formulas: what it gives for other sizes is not known."""

    path: str
    op: str
    place: Place
    rows: int
    """How many rows have no formulas because of it, its own included."""


@dataclass(frozen=True, slots=True)
class Symbolic:
    """A network whose sizes are names."""

    report: Report
    """Its rows, with formulas in shapes and figures."""
    planned: Mapping[str, int]
    """By name, the sizes that it was planned at."""
    plans: Mapping[str, SizeSet]
    """By name, the sizes for which the spec plans, each by itself."""
    works: Mapping[str, SizeSet]
    """By name, those for which the network built at the planned sizes works, its weights kept."""
    conditions: tuple[Condition, ...]
    checked: tuple[Mapping[str, int], ...]
    """Sizes for which every formula was compared with a plan of its own, and agreed."""
    unknown: tuple[Unknown, ...] = ()
    doubtful: frozenset[int] = frozenset()
    """Indices of the rows whose formulas do not hold; their figures are absent."""
    least: Mapping[str, int] | None = None
    """The smallest sizes for which the built network works: of those whose largest is smallest,
    those whose sum is."""

    @property
    def joint(self) -> tuple[Condition, ...]:
        """Conditions that no set of a single size says."""
        return tuple(each for each in self.conditions if each.sizes is None)
