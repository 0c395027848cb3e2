"""Embeddings.

Arguments and input types -> output types and weights. Raises OpError. No torch here.

Which indices and offsets are legal depends on their values, which a spec bounds with the
input's ``high``: the number of embeddings for indices, 1 (every bag at the start) for offsets.

Source: https://pytorch.org/docs/stable/nn.html#sparse-layers
"""

from __future__ import annotations

from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan.ops.base import Args, LazyOp, Op, Weight, network_dtype, require_at_least
from lazyinspect.plan.ops.operands import refuse, tensor
from lazyinspect.shapes import TensorType, Value, promote

_INDEX = ("int32", "int64")
_REMEDY = "give the input `dtype: int64`"


def _check(a: Args) -> None:
    require_at_least(a, 0, "num_embeddings", "embedding_dim")
    index, count = a.padding_idx, a.num_embeddings
    if index is not None and not -count <= index < count:
        raise ArgumentError(
            f"expects padding_idx below num_embeddings, and gets {index} of {count}",
            argument="padding_idx",
        )


def _bag_check(a: Args) -> None:
    _check(a)
    if a.mode == "max":
        for name in ("scale_grad_by_freq", "sparse"):
            if getattr(a, name):
                raise ArgumentError(f"has no {name} with mode `max`", argument=name)


def _weights(a: Args) -> tuple[Weight, ...]:
    return (Weight("weight", (a.num_embeddings, a.embedding_dim)),)


def _require_rows(a: Args, x: TensorType) -> None:
    if not a.num_embeddings and x.numel:
        raise ShapeError(f"holds no embeddings, and gets {x}", argument="num_embeddings")


def _embedding(a: Args, x: Value) -> Value:
    x = tensor(x)
    if x.dtype not in _INDEX:
        raise refuse(x.dtype, "int64 or int32", _REMEDY)
    _require_rows(a, x)
    return TensorType((*x.shape, a.embedding_dim), network_dtype(a))


def _bag(a: Args, x: Value, offsets: Value = None, weights: Value = None) -> Value:
    x = tensor(x)
    if weights is not None:
        _check_sample_weights(a, x, tensor(weights, "per_sample_weights"))
    rank = len(x.shape)
    if rank == 2:
        bags = _bags_of_rows(x, offsets)
        indices = x.dtype
    elif rank == 1:
        starts = _offsets(offsets)
        bags = starts.shape[0] - a.include_last_offset
        if bags < (1 if x.shape[0] else 0):
            # torch does not look: it writes past the end of the bags, and may crash
            raise ShapeError(f"expects offsets of at least one bag, and gets {starts} for {x}")
        indices = promote(x, starts)
    else:
        raise ShapeError(f"expects input of 1 or 2 dimensions, and gets {x}")
    # torch brings indices and offsets to one dtype, but renormalises by the indices alone
    for dtype in (indices, x.dtype) if a.max_norm is not None else (indices,):
        if dtype not in _INDEX:
            raise refuse(dtype, "int64 or int32", _REMEDY)
    _require_rows(a, x)
    return TensorType((bags, a.embedding_dim), network_dtype(a))


def _bags_of_rows(x: TensorType, offsets: Value) -> int:
    if offsets is not None:
        raise ShapeError("takes no offsets with an input of 2 dimensions: each row is a bag")
    if x.shape[1] == 0:
        raise ShapeError(f"expects bags that hold something, and gets {x}")
    return x.shape[0]


def _offsets(offsets: Value) -> Value:
    if offsets is None:
        raise ShapeError(
            "expects offsets with an input of 1 dimension, and gets none",
            help="give a second source, or an input of (bags, indices)",
        )
    offsets = tensor(offsets, "offsets")
    if len(offsets.shape) != 1:
        raise ShapeError(f"expects offsets of 1 dimension, and gets {offsets}")
    return offsets


def _check_sample_weights(a: Args, x: TensorType, weights: TensorType) -> None:
    if a.mode != "sum":
        raise ShapeError(
            f"takes per_sample_weights with mode `sum` only, and has `{a.mode}`", argument="mode"
        )
    if weights.shape != x.shape:
        raise ShapeError(f"expects per_sample_weights of the shape {x}, and gets {weights}")
    dtype = network_dtype(a)
    if weights.dtype != dtype:
        raise ShapeError(f"expects per_sample_weights of dtype {dtype}, and gets {weights.dtype}")


ROWS: tuple[Op | LazyOp, ...] = (
    Op(
        "Embedding",
        "num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, "
        "max_norm: float | None = None, norm_type: float = 2.0, "
        "scale_grad_by_freq: bool = False, sparse: bool = False",
        _embedding,
        _weights,
        check=_check,
    ),
    Op(
        "EmbeddingBag",
        "num_embeddings: int, embedding_dim: int, max_norm: float | None = None, "
        "norm_type: float = 2.0, scale_grad_by_freq: bool = False, "
        "mode: Literal['sum', 'mean', 'max'] = 'mean', sparse: bool = False, "
        "include_last_offset: bool = False, padding_idx: int | None = None",
        _bag,
        _weights,
        check=_bag_check,
        forward="input, offsets=None, per_sample_weights=None",
    ),
)
