"""Reductions and cumulative sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isinf

from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan.ops.base import Args, Op, accept
from lazyinspect.plan.ops.operands import distinct_dims, is_inexact, real_of, refuse, tensor
from lazyinspect.shapes import TensorType, Value, dim_index, is_complex, ntuple

_DIM = "dim: int[:] | None = None"


def _function(
    name: str,
    signature: str,
    outputs: Callable[..., Value],
    check: Callable[[Args], None] = accept,
) -> Op:
    return Op(name=name, signature=signature, outputs=outputs, check=check, kind="function")


def _dims(dim: int | tuple[int, ...] | None, rank: int) -> tuple[int, ...]:
    """The dimensions to reduce: all of them where none is named."""
    if dim is None or dim == ():
        return tuple(range(rank))
    return distinct_dims(ntuple(dim, 1), rank)


def _reduced(x: TensorType, dims: Sequence[int], keepdim: bool, dtype: str) -> TensorType:
    if keepdim:
        return TensorType(tuple(1 if i in dims else n for i, n in enumerate(x.shape)), dtype)
    return TensorType(tuple(n for i, n in enumerate(x.shape) if i not in dims), dtype)


def _mean(a: Args, x: Value) -> Value:
    x = tensor(x)
    dtype = a.dtype or x.dtype
    if not is_inexact(dtype):
        raise refuse(dtype, "floating-point", "`dtype: float32` converts first")
    return _reduced(x, _dims(a.dim, x.rank), a.keepdim, dtype)


def _sum(a: Args, x: Value) -> Value:
    x = tensor(x)
    dtype = a.dtype or (x.dtype if is_inexact(x.dtype) else "int64")
    return _reduced(x, _dims(a.dim, x.rank), a.keepdim, dtype)


def _extremum(a: Args, x: Value) -> Value:
    x = tensor(x)
    if is_complex(x.dtype):
        raise refuse(x.dtype, "real", "complex numbers have no order")
    dims = _dims(a.dim, x.rank)
    if x.numel == 0 and (a.dim == () or any(x.shape[dim] == 0 for dim in dims)):
        raise ShapeError(f"has no extremum of an empty dimension of {x}", argument="dim")
    return _reduced(x, dims, a.keepdim, x.dtype)


def _variance(a: Args, x: Value) -> Value:
    x = tensor(x)
    if not is_inexact(x.dtype):
        raise refuse(x.dtype, "floating-point")
    return _reduced(x, _dims(a.dim, x.rank), a.keepdim, real_of(x.dtype))


def _norm_check(a: Args) -> None:
    if a.p == "nuc" and a.dim is not None and (isinstance(a.dim, int) or len(a.dim) != 2):
        raise ArgumentError("takes the nuclear norm of exactly two dimensions", argument="dim")
    if a.p == "fro" and isinstance(a.dim, tuple) and len(a.dim) > 2:
        raise ArgumentError("takes the Frobenius norm of at most two dimensions", argument="dim")
    if a.dtype is not None and not is_inexact(a.dtype):
        raise ArgumentError(f"`dtype` must be floating-point, and is {a.dtype}", argument="dtype")


def _has_no_identity(p: float | str | None) -> bool:
    return isinstance(p, (int, float)) and (p < 0 or isinf(p))


def _norm(a: Args, x: Value) -> Value:
    x = tensor(x)
    dtype = a.dtype or x.dtype
    if not is_inexact(x.dtype):
        raise refuse(x.dtype, "floating-point")
    if dtype != x.dtype and (
        is_complex(dtype) != is_complex(x.dtype) or _WIDTH[dtype] <= _WIDTH[x.dtype]
    ):
        raise ShapeError(f"cannot convert {x.dtype} to {a.dtype} without loss", argument="dtype")
    dims = _dims(a.dim, x.rank)
    if a.p == "nuc":
        if len(dims) != 2:
            raise ShapeError(f"takes the nuclear norm of a matrix, and gets {x}", argument="p")
        if real_of(dtype) not in ("float32", "float64"):
            raise refuse(dtype, "float32 or float64")
    elif x.numel == 0 and _has_no_identity(a.p) and any(x.shape[dim] == 0 for dim in dims):
        raise ShapeError(f"has no {a.p}-norm of an empty dimension of {x}", argument="p")
    return _reduced(x, dims, a.keepdim, real_of(dtype))


_WIDTH = {
    "float16": 1, "bfloat16": 1, "float32": 2, "float64": 3,
    "complex32": 1, "complex64": 2, "complex128": 3,
}  # fmt: skip
"""A float converts to one of greater width without loss."""


def _cumsum(a: Args, x: Value) -> Value:
    x = tensor(x)
    dim_index(a.dim, x.rank)
    dtype = a.dtype or (x.dtype if is_inexact(x.dtype) else "int64")
    if dtype == "bool":
        raise refuse(dtype, "numeric")
    return TensorType(x.shape, dtype)


_KEEP = "keepdim: bool = False"

ROWS: tuple[Op, ...] = (
    _function("mean", f"{_DIM}, {_KEEP}, *, dtype: dtype | None = None", _mean),
    _function("sum", f"{_DIM}, {_KEEP}, *, dtype: dtype | None = None", _sum),
    _function("amax", f"dim: int[:] = (), {_KEEP}", _extremum),
    _function("amin", f"dim: int[:] = (), {_KEEP}", _extremum),
    _function("var", f"{_DIM}, *, correction: float | None = 1, {_KEEP}", _variance),
    _function("std", f"{_DIM}, *, correction: float | None = 1, {_KEEP}", _variance),
    _function(
        "norm",
        f"p: float | Literal['fro', 'nuc'] | None = 'fro', {_DIM}, {_KEEP}, "
        "dtype: dtype | None = None",
        _norm,
        _norm_check,
    ),
    _function("cumsum", "dim: int, dtype: dtype | None = None", _cumsum),
)
