"""Dropout.

Arguments and input types -> output types. Raises OpError. No torch here.

Source: https://pytorch.org/docs/stable/nn.html#dropout-layers
"""

from __future__ import annotations

from lazyinspect.plan.ops.base import Args, LazyOp, Op
from lazyinspect.plan.ops.layers import probability, ranks
from lazyinspect.plan.ops.operands import tensor
from lazyinspect.shapes import Value


def _check(a: Args) -> None:
    probability(a, "p")


def _any(a: Args, x: Value) -> Value:
    # in evaluation a dropout is the identity: every dtype and rank passes, as in torch
    return tensor(x)


def _sequences(a: Args, x: Value) -> Value:
    x = tensor(x)
    ranks(x, 2, 3)
    return x


ROWS: tuple[Op | LazyOp, ...] = tuple(
    Op(
        name,
        "p: float = 0.5, inplace: bool = False",
        _sequences if name == "Dropout1d" else _any,
        check=_check,
    )
    for name in (
        "Dropout",
        "Dropout1d",
        "Dropout2d",
        "Dropout3d",
        "AlphaDropout",
        "FeatureAlphaDropout",
    )
)
