"""Linear layers and glue.

Arguments and input types -> output types, weights and MACs. Raises OpError. No torch here.

Source: https://pytorch.org/docs/stable/nn.html#linear-layers
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lazyinspect.errors import ShapeError
from lazyinspect.plan.ops.base import Args, LazyOp, Op, Weight, require_at_least, same_shape
from lazyinspect.plan.ops.layers import floats, inferred, last, same_dtype
from lazyinspect.plan.ops.shaping import flatten, unflatten, unflatten_check
from lazyinspect.shapes import TensorType, Value, prod

# --- Linear


def _linear_check(a: Args) -> None:
    require_at_least(a, 0, "in_features", "out_features")


def _linear(a: Args, x: Value) -> Value:
    x = floats(x)
    last(x, a.in_features, "in_features", "LazyLinear infers it")
    return TensorType((*x.shape[:-1], a.out_features), x.dtype)


def linear_weights(a: Args) -> tuple[Weight, ...]:
    """``weight`` (out, in) and ``bias`` (out)."""
    weight = Weight("weight", (a.out_features, a.in_features))
    return (weight, Weight("bias", (a.out_features,))) if a.bias else (weight,)


def _linear_macs(a: Args, x: TensorType) -> int:
    macs: int = prod(x.shape) * a.out_features
    return macs


def _linear_infer(a: Args, x: Value) -> Mapping[str, Any]:
    return {"in_features": inferred(x)}


# --- Bilinear


def _bilinear_check(a: Args) -> None:
    require_at_least(a, 1, "in1_features", "in2_features")
    require_at_least(a, 0, "out_features")


def _bilinear(a: Args, x1: Value, x2: Value) -> Value:
    x1, x2 = floats(x1, "input1"), floats(x2, "input2")
    same_dtype(x2, x1.dtype, "input2")
    remedy = "LazyBilinear infers it"
    last(x1, a.in1_features, "in1_features", remedy, "input1")
    last(x2, a.in2_features, "in2_features", remedy, "input2")
    if x1.shape[:-1] != x2.shape[:-1]:
        raise ShapeError(
            f"expects inputs that agree in all but the last dimension, and gets {x1} and {x2}"
        )
    return TensorType((*x1.shape[:-1], a.out_features), x1.dtype)


def _bilinear_weights(a: Args) -> tuple[Weight, ...]:
    weight = Weight("weight", (a.out_features, a.in1_features, a.in2_features))
    return (weight, Weight("bias", (a.out_features,))) if a.bias else (weight,)


def _bilinear_macs(a: Args, x1: TensorType, x2: TensorType) -> int:
    # FlopCounterMode has no formula for aten._trilinear and says 0. These are the two products
    # that it stands for, x1 with the weight and their result with x2, as the counter counts them
    # in einsum("bi,oij,bj->bo").
    macs: int = prod(x1.shape[:-1]) * (a.out_features * (a.in1_features + 1) * a.in2_features)
    return macs


def _bilinear_infer(a: Args, x1: Value, x2: Value) -> Mapping[str, Any]:
    return {"in1_features": inferred(x1, "input1"), "in2_features": inferred(x2, "input2")}


ROWS: tuple[Op | LazyOp, ...] = (
    Op(
        "Linear",
        "in_features: int, out_features: int, bias: bool = True",
        _linear,
        linear_weights,
        _linear_macs,
        _linear_check,
    ),
    LazyOp("LazyLinear", "Linear", ("in_features",), _linear_infer),
    Op(
        "Bilinear",
        "in1_features: int, in2_features: int, out_features: int, bias: bool = True",
        _bilinear,
        _bilinear_weights,
        _bilinear_macs,
        _bilinear_check,
        forward="input1, input2",
    ),
    LazyOp("LazyBilinear", "Bilinear", ("in1_features", "in2_features"), _bilinear_infer),
    Op("Identity", "*args, **kwargs", same_shape),
    Op("Flatten", "start_dim: int = 1, end_dim: int = -1", flatten),
    Op(
        "Unflatten",
        "dim: int, unflattened_size: list[int]",
        unflatten("unflattened_size"),
        check=unflatten_check("unflattened_size"),
    ),
)
