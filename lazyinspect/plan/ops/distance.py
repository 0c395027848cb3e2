"""Distances and similarities.

Arguments and input types -> output types. Raises OpError. No torch here.

Source: https://pytorch.org/docs/stable/nn.html#distance-functions
"""

from __future__ import annotations

import math

from lazyinspect.errors import ShapeError
from lazyinspect.plan.ops.base import Args, LazyOp, Op
from lazyinspect.plan.ops.operands import complex_or_float, real_of, refuse, tensor
from lazyinspect.shapes import TensorType, Value, broadcast, dim_index, is_float, promote


def _cosine(a: Args, x1: Value, x2: Value) -> Value:
    x1, x2 = tensor(x1, "x1"), tensor(x2, "x2")
    shape = broadcast(x1.shape, x2.shape)
    # torch expands before it promotes: a tensor without dimensions counts in full
    dtype = promote(TensorType(shape, x1.dtype), TensorType(shape, x2.dtype))
    if not is_float(dtype):
        raise refuse(dtype, "floating-point")
    dim = dim_index(a.dim, len(shape))
    return TensorType((*shape[:dim], *shape[dim + 1 :]), dtype)


def _pairwise(a: Args, x1: Value, x2: Value) -> Value:
    x1, x2 = tensor(x1, "x1"), tensor(x2, "x2")
    if "bool" in (x1.dtype, x2.dtype):
        raise refuse("bool", "numeric")
    shape = broadcast(x1.shape, x2.shape)
    if shape and shape[-1] == 0 and (a.p < 0 or a.p == math.inf):
        raise ShapeError(
            f"has no norm of order {a.p} over an empty dimension, and gets {x1}", argument="p"
        )
    # eps is added to the difference, which makes floats of integers; a norm is real
    dtype = real_of(complex_or_float(promote(x1, x2)))
    kept = (1,) if a.keepdim and shape else ()
    return TensorType((*shape[:-1], *kept), dtype)


ROWS: tuple[Op | LazyOp, ...] = (
    Op("CosineSimilarity", "dim: int = 1, eps: float = 1e-08", _cosine, forward="x1, x2"),
    Op(
        "PairwiseDistance",
        "p: float = 2.0, eps: float = 1e-06, keepdim: bool = False",
        _pairwise,
        forward="x1, x2",
    ),
)
