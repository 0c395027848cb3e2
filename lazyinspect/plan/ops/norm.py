"""Normalisation.

Arguments and input types -> output types and weights. Raises OpError. No torch here.

Source: https://pytorch.org/docs/stable/nn.html#normalization-layers
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan.ops.base import (
    Args,
    LazyOp,
    Op,
    Weight,
    channels,
    divisors_near,
    require_at_least,
    require_floats,
)
from lazyinspect.plan.ops.operands import tensor
from lazyinspect.shapes import Shape, TensorType, Value, format_shape, ntuple, prod

_MOMENTS = (
    "num_features: int, eps: float = 1e-05, momentum: float | None = 0.1, affine: bool = {}, "
    "track_running_stats: bool = {}{}, *, bias: bool = True"
)
_BATCH = _MOMENTS.format(True, True, "")
_SYNC = _MOMENTS.format(True, True, ", process_group: None = None")
_INSTANCE = _MOMENTS.format(False, False, "").replace("float | None = 0.1", "float = 0.1")
_GROUP = (
    "num_groups: int, num_channels: int, eps: float = 1e-05, affine: bool = True, *, "
    "bias: bool = True"
)
_LAYER = (
    "normalized_shape: int[:], eps: float = 1e-05, elementwise_affine: bool = True, "
    "bias: bool = True"
)
_RMS = "normalized_shape: int[:], eps: float | None = None, elementwise_affine: bool = True"
_RESPONSE = "size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = {}"


def _learned(shape: Shape, bias: bool) -> tuple[Weight, ...]:
    weight = Weight("weight", shape)
    return (weight, Weight("bias", shape)) if bias else (weight,)


def _require_features(a: Args, found: int, lazy: str) -> None:
    if found != a.num_features:
        raise ShapeError(
            f"expects {a.num_features} channels, and gets {found}",
            argument="num_features",
            help=f"{lazy} infers them",
        )


# --- batch and instance norms


def _moment_weights(a: Args) -> tuple[Weight, ...]:
    shape = (a.num_features,)
    learned = _learned(shape, a.bias) if a.affine else ()
    if not a.track_running_stats:
        return learned
    return (
        *learned,
        Weight("running_mean", shape, buffer=True),
        Weight("running_var", shape, buffer=True),
        Weight("num_batches_tracked", (), buffer=True, dtype="int64"),
    )


def _check_moments(a: Args) -> None:
    require_at_least(a, 0, "num_features")
    # figures of the batch itself, which no running ones stand in for, may have no variance
    if a.eps < 0 or (a.eps == 0 and not a.track_running_stats):
        bound = "of at least 0" if a.track_running_stats else "above 0"
        raise ArgumentError(f"expects eps {bound}, and gets {a.eps}", argument="eps")


def _check_instance(a: Args) -> None:
    require_at_least(a, 0, "num_features")


def _batch_outputs(name: str, ranks: tuple[int, ...]) -> Callable[[Args, Value], TensorType]:
    allowed = " or ".join(map(str, ranks)) if ranks else "at least 2"

    def outputs(a: Args, value: Value) -> TensorType:
        x = tensor(value)
        shape = x.shape
        if len(shape) < 2 or (ranks and len(shape) not in ranks):
            raise ShapeError(f"expects an input of {allowed} dimensions, and gets {x}")
        # without learned or tracked figures, torch has nothing to compare the channels with
        if a.affine or a.track_running_stats:
            _require_features(a, shape[1], f"Lazy{name}")
        require_floats(x)
        if not a.track_running_stats and x.numel == shape[1]:
            raise ShapeError(
                f"expects more than one value per channel to average, and gets {x}",
                help="a larger batch has more, and track_running_stats needs none",
            )
        return x

    return outputs


def _instance_outputs(name: str, n: int) -> Callable[[Args, Value], TensorType]:
    def outputs(a: Args, value: Value) -> TensorType:
        x = tensor(value)
        found = channels(x, n + 2)
        if a.affine or a.track_running_stats:
            _require_features(a, found, f"Lazy{name}")
        require_floats(x)
        if a.affine and x.rank == n + 2 and not x.shape[0]:
            raise ShapeError(f"expects a batch with something in it, and gets {x}")
        if not a.track_running_stats and prod(x.shape[-n:]) == 1:
            raise ShapeError(
                f"expects more than one value per channel to average, and gets {x}",
            )
        return x

    return outputs


def _infer_features(ranks: tuple[int, ...], batched: int | None) -> Callable[..., dict[str, int]]:
    """``batched``: the rank whose dimension 0 is the batch, where unbatched inputs are legal."""

    def infer(a: Args, value: Value) -> dict[str, int]:
        x = tensor(value)
        if x.rank < 2 or (ranks and x.rank not in ranks):
            allowed = " or ".join(map(str, ranks)) if ranks else "at least 2"
            raise ShapeError(f"expects an input of {allowed} dimensions, and gets {x}")
        return {"num_features": _some(x, 1 if batched is None or x.rank == batched else 0)}

    return infer


def _some(x: TensorType, dim: int) -> int:
    size = x.shape[dim]
    if size < 1:
        raise ShapeError(f"expects an input with channels, and gets {x}")
    return size


# --- group, layer and RMS norms


def _check_group(a: Args) -> None:
    require_at_least(a, 1, "num_groups")
    require_at_least(a, 0, "num_channels")
    if a.num_channels % a.num_groups:
        raise ArgumentError(
            f"expects num_channels to be divisible by num_groups, and gets {a.num_channels} over "
            f"{a.num_groups}",
            argument="num_groups",
            help=f"num_groups comes first: did you mean [{a.num_channels}, {a.num_groups}]?"
            if a.num_groups > a.num_channels > 0 and a.num_groups % a.num_channels == 0
            else divisors_near(a.num_groups, a.num_channels),
        )


def _group_outputs(a: Args, value: Value) -> TensorType:
    x = tensor(value)
    if x.rank < 2:
        raise ShapeError(f"expects an input of at least 2 dimensions, and gets {x}")
    found = x.shape[1]
    if a.affine and found != a.num_channels:
        raise ShapeError(
            f"expects {a.num_channels} channels, and gets {found}",
            argument="num_channels",
            help=f"{a.num_groups} groups do not divide {found} channels"
            if found % a.num_groups
            else "LazyGroupNorm infers them",
        )
    if found % a.num_groups:
        raise ShapeError(
            f"expects channels divisible by num_groups, and gets {found} over {a.num_groups}",
            argument="num_groups",
            help=divisors_near(a.num_groups, found),
        )
    require_floats(x)
    if x.numel == a.num_groups and (x.shape[0] * found) // a.num_groups == 1:
        raise ShapeError(f"expects more than one value per group to average, and gets {x}")
    return x


def _group_weights(a: Args) -> tuple[Weight, ...]:
    return _learned((a.num_channels,), a.bias) if a.affine else ()


def _infer_group(a: Args, value: Value) -> Mapping[str, Any]:
    x = tensor(value)
    if x.rank < 2:
        raise ShapeError(f"expects an input of at least 2 dimensions, and gets {x}")
    return {"num_channels": _some(x, 1)}


def _check_shape(a: Args) -> None:
    require_at_least(a, 0, "normalized_shape")
    if a.normalized_shape == ():
        raise ArgumentError(
            "expects normalized_shape to have a dimension, and gets none",
            argument="normalized_shape",
        )


def _shape_outputs(name: str) -> Callable[[Args, Value], TensorType]:
    def outputs(a: Args, value: Value) -> TensorType:
        x = tensor(value)
        wanted = ntuple(a.normalized_shape, 1)
        if x.shape[-len(wanted) :] != wanted:
            raise ShapeError(
                f"expects an input that ends in {format_shape(wanted)}, and gets {x}",
                argument="normalized_shape",
                help=f"Lazy{name} infers it",
            )
        require_floats(x)
        return x

    return outputs


def _layer_weights(a: Args) -> tuple[Weight, ...]:
    if not a.elementwise_affine:
        return ()
    return _learned(ntuple(a.normalized_shape, 1), a.bias)


def _rms_weights(a: Args) -> tuple[Weight, ...]:
    return _learned(ntuple(a.normalized_shape, 1), False) if a.elementwise_affine else ()


def _infer_shape(a: Args, value: Value) -> Mapping[str, Any]:
    x = tensor(value)
    require_at_least(a, 1, "dims")
    if x.rank < a.dims:
        raise ShapeError(
            f"expects an input of at least {a.dims} dimensions, and gets {x}", argument="dims"
        )
    shape = x.shape[-a.dims :]
    if not all(shape):
        raise ShapeError(f"expects an input with something to normalise, and gets {x}")
    return {"normalized_shape": shape}


# --- local response norms


def _response_outputs(a: Args, value: Value) -> TensorType:
    x = tensor(value)
    if x.rank < 3:
        raise ShapeError(f"expects an input of at least 3 dimensions, and gets {x}")
    if not x.numel:
        return x
    if x.dtype == "int64":
        return TensorType(x.shape, "float32")
    require_floats(x)
    return x


def _cross_map_outputs(a: Args, value: Value) -> TensorType:
    x = tensor(value)
    if x.rank != 4:
        raise ShapeError(f"expects an input of 4 dimensions, and gets {x}")
    require_floats(x)
    _some(x, 1)
    return x


def _check_size(a: Args) -> None:
    require_at_least(a, 1, "size")


def _moment_rows() -> list[Op | LazyOp]:
    rows: list[Op | LazyOp] = []
    for n in (1, 2, 3):
        name = f"BatchNorm{n}d"
        ranks = (2, 3) if n == 1 else (n + 2,)
        rows.append(
            Op(
                name,
                _BATCH,
                outputs=_batch_outputs(name, ranks),
                weights=_moment_weights,
                check=_check_moments,
            )
        )
        rows.append(LazyOp(f"Lazy{name}", name, ("num_features",), _infer_features(ranks, None)))
    rows.append(
        Op(
            "SyncBatchNorm",
            _SYNC,
            outputs=_batch_outputs("SyncBatchNorm", ()),
            weights=_moment_weights,
            check=_check_moments,
        )
    )
    rows.append(
        LazyOp("LazySyncBatchNorm", "SyncBatchNorm", ("num_features",), _infer_features((), None))
    )
    for n in (1, 2, 3):
        name = f"InstanceNorm{n}d"
        rows.append(
            Op(
                name,
                _INSTANCE,
                outputs=_instance_outputs(name, n),
                weights=_moment_weights,
                check=_check_instance,
            )
        )
        infer = _infer_features((n + 1, n + 2), n + 2)
        rows.append(LazyOp(f"Lazy{name}", name, ("num_features",), infer))
    return rows


ROWS: tuple[Op | LazyOp, ...] = (
    *_moment_rows(),
    Op("GroupNorm", _GROUP, outputs=_group_outputs, weights=_group_weights, check=_check_group),
    LazyOp("LazyGroupNorm", "GroupNorm", ("num_channels",), _infer_group),
    Op(
        "LayerNorm",
        _LAYER,
        outputs=_shape_outputs("LayerNorm"),
        weights=_layer_weights,
        check=_check_shape,
    ),
    LazyOp(
        "LazyLayerNorm",
        "LayerNorm",
        ("normalized_shape",),
        _infer_shape,
        signature=_LAYER.replace("normalized_shape: int[:]", "dims: int = 1"),
        drops=("dims",),
    ),
    Op(
        "RMSNorm",
        _RMS,
        outputs=_shape_outputs("RMSNorm"),
        weights=_rms_weights,
        check=_check_shape,
        forward="x",
    ),
    LazyOp(
        "LazyRMSNorm",
        "RMSNorm",
        ("normalized_shape",),
        _infer_shape,
        signature=_RMS.replace("normalized_shape: int[:]", "dims: int = 1"),
        drops=("dims",),
    ),
    Op(
        "LocalResponseNorm",
        _RESPONSE.format(1.0),
        outputs=_response_outputs,
        check=_check_size,
    ),
    Op("CrossMapLRN2d", _RESPONSE.format(1), outputs=_cross_map_outputs, check=_check_size),
)
