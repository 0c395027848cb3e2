"""The op table: every name a spec may use, by family. No torch here."""

from __future__ import annotations

from functools import cache

from lazyinspect.plan.ops.base import LazyOp, Op
from lazyinspect.plan.ops.signature import Signature

_FAMILIES = (
    "conv",
    "linear",
    "norm",
    "pool",
    "pad",
    "resample",
    "activation",
    "dropout",
    "embedding",
    "recurrent",
    "attention",
    "distance",
    "merges",
    "elementwise",
    "reductions",
    "shaping",
)
"""One module each, in the order of docs/ops.md; its first docstring line is the heading."""

FALLBACK_LAYERS: frozenset[str] = frozenset()
"""Layers of torch.nn without a row: they run through torch's meta device (see fallback.py)."""


@cache
def table() -> dict[str, Op | LazyOp]:
    """All rows by name, in the order of the families."""
    from dataclasses import replace
    from importlib import import_module

    rows: dict[str, Op | LazyOp] = {}
    for family in _FAMILIES:
        module = import_module(f"{__name__}.{family}")
        heading = (module.__doc__ or family).splitlines()[0].rstrip(".")
        for row in module.ROWS:
            assert row.name not in rows, f"two rows named {row.name}"
            rows[row.name] = replace(row, family=heading)
    return rows


def eager(row: Op | LazyOp) -> Op:
    """The row of the layer that ``row`` becomes: itself unless lazy."""
    if isinstance(row, Op):
        return row
    target = table()[row.becomes]
    assert isinstance(target, Op)
    return target


@cache
def signature_of(name: str) -> Signature:
    """The signature a spec uses for ``name``; of a lazy op, less what is inferred."""
    row = table()[name]
    if isinstance(row, Op):
        return row.parameters
    if row.signature is not None:
        from lazyinspect.plan.ops.signature import parse_signature

        return parse_signature(row.signature)
    return eager(row).parameters.without(row.infers)
