"""Signatures of the tensor functions: the names, order and defaults that torch gives them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from lazyinspect.plan.ops import table
from lazyinspect.plan.ops.base import Op
from lazyinspect.plan.ops.signature import REQUIRED, Parameter

FUNCTIONS = [r for r in table().values() if isinstance(r, Op) and r.kind != "layer"]

OWN = {"positions"}
"""Names that torch lacks."""

BATCH_COMES_FIRST: dict[str, dict[str, Any]] = {
    name: {"dim": 1} for name in ("cat", "stack", "chunk", "split", "unbind")
}
"""Deliberate defaults: dimension 0 is the batch."""

DOCUMENTED: dict[str, dict[str, Any]] = {
    "var": {"correction": 1},
    "std": {"correction": 1},
    "roll": {"dims": None},
}
"""Defaults that torch's documentation spells so, and its schema in another way."""

Parameters = list[tuple[str, Any]]


def overloads(name: str) -> Iterator[Parameters]:
    """Every signature that torch has for a name, less tensors and what makes it in place."""
    for home in (torch.Tensor, torch, F):
        found = getattr(home, name, None)
        if inspect.isfunction(found):
            yield [
                (p.name, REQUIRED if p.default is p.empty else p.default)
                for p in inspect.signature(found).parameters.values()
            ]
    packet = getattr(torch.ops.aten, name, None)
    for overload in packet.overloads() if packet is not None else ():
        arguments = getattr(packet, overload)._schema.arguments
        yield [(a.name, a.default_value if a.has_default_value() else REQUIRED) for a in arguments]


def fits(row: Op, theirs: Parameters) -> bool:
    """Whether the row's parameters stand in ``theirs`` in that order, with those defaults."""
    rest = iter(theirs)
    for mine in row.parameters.parameters:
        default = next((default for name, default in rest if name == mine.name), ...)
        if default is ... or not agrees(row.name, mine, default):
            return False
    return True


def agrees(op: str, mine: Parameter, theirs: Any) -> bool:
    expected = {**BATCH_COMES_FIRST, **DOCUMENTED}.get(op, {}).get(mine.name, theirs)
    if expected is REQUIRED:
        # torch has an overload without the parameter, or a second source takes its place
        return mine.required or mine.default is None or mine.variadic
    if isinstance(expected, list):
        expected = tuple(expected)
    return bool(mine.default == expected)


@pytest.mark.parametrize("row", [r for r in FUNCTIONS if r.name not in OWN], ids=lambda r: r.name)
def test_signature_is_one_of_torchs(row: Op) -> None:
    candidates = list(overloads(row.name))
    assert any(fits(row, theirs) for theirs in candidates), candidates


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda r: r.name)
def test_no_function_works_in_place(row: Op) -> None:
    assert not row.name.endswith("_") and "inplace" not in row.parameters.by_name
