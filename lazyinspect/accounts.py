"""The frozen data of an accounting: who has the parameters and the multiply-accumulates. No torch.

Every figure can be added up again: kinds sum to the totals, and so do tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lazyinspect.report import Place

By = Literal["macs", "params", "time", "memory"]
"""What a row spends: MACs; parameters; measured nanoseconds; bytes of its parameters, its buffers
and what it returns."""


@dataclass(frozen=True, slots=True)
class Kind:
    """All calls of one op."""

    type: str
    calls: int
    params: int
    macs: int | None
    """None where no call's is known."""
    without_macs: int
    """How many calls' are not."""


@dataclass(frozen=True, slots=True)
class Tensors:
    """Parameters, or buffers, of one dtype; a tied tensor once."""

    dtype: str
    buffers: bool
    tensors: int
    elements: int
    trainable: int
    """Elements that train."""
    bytes: int


@dataclass(frozen=True, slots=True)
class Tied:
    """Two names of one parameter."""

    path: str
    source: str
    elements: int
    place: Place
    """Where ``tie:`` says so."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A module that is called several times; its parameters count at the first."""

    path: str
    type: str
    calls: int
    params: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """A row whose MACs are not known."""

    path: str
    type: str
    place: Place
    reason: str


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who has what in one network."""

    kinds: tuple[Kind, ...]
    """Those with the most MACs first, then those with the most parameters."""
    names: Mapping[str, int]
    """Elements of parameters by the last part of their names: ``weight``, ``bias``."""
    tensors: tuple[Tensors, ...]
    unique: int
    """Elements of all parameters, a tied one once: the parameter count."""
    named: int
    """The same with each name of a tied parameter counted."""
    ties: tuple[Tied, ...]
    shared: tuple[Shared, ...]
    without_macs: tuple[Unknown, ...]


@dataclass(frozen=True, slots=True)
class Spender:
    """A row among those that spend the most."""

    path: str
    call: int
    type: str
    place: Place
    spent: int
    share: float
    """Of the sum over all rows."""
    together: float
    """Its share and those of all before it."""


@dataclass(frozen=True, slots=True)
class Top:
    """Who spends the most."""

    by: By
    total: int
    rows: tuple[Spender, ...]
    left_out: int
    """Rows whose figure is not known."""
