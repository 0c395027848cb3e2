"""What is exported, and how: the one thing that every format is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from lazyinspect.plan.plan import Plan
    from lazyinspect.spec.model import Spec

SIGN = b"Written by lazyinspect export"
"""What every exported file holds, so that the next export may replace it."""


@dataclass(frozen=True, slots=True)
class Options:
    """What formats may be told. Each row of the table says which of them a format takes."""

    layout: Literal["inline", "blocks"] = "inline"
    """Of ``resolved``: a block where it is used, or once for equal uses."""
    lazy: bool = False
    """Of ``python``: torch.nn.LazyX where the spec has it and torch too."""
    depth: int | None = None
    """Of pictures: levels of containers to draw; None: a vertex for each block."""
    seed: int = 0
    """Of the weights, of formats that hold them."""
    weights: str | None = None
    """A safetensors file to take them from."""
    fixed_batch: bool = False
    """Of traced programs: they serve the planned batch alone."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A plan, and the spec that it is of."""

    plan: Plan
    spec: Spec
    options: Options = field(default_factory=Options)
