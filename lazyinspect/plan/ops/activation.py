"""Activations.

Arguments and input types -> output types and weights. Raises OpError. No torch here.

Source: https://pytorch.org/docs/stable/nn.html#non-linear-activations-weighted-sum-nonlinearity
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan.ops.base import Args, LazyOp, Op, Weight, require_at_least
from lazyinspect.plan.ops.layers import floats, ranks
from lazyinspect.plan.ops.operands import complex_or_float, refuse, tensor
from lazyinspect.shapes import ITEM_BYTES, TensorType, Value, dim_index, is_complex, is_float

# --- which dtypes a kernel takes, and what it gives


def _floats(a: Args, x: Value) -> Value:
    return floats(x)


def _real(a: Args, x: Value) -> Value:
    """Floats and integers, unchanged."""
    x = tensor(x)
    if x.dtype == "bool" or is_complex(x.dtype):
        raise refuse(x.dtype, "real")
    return x


def _inexact(a: Args, x: Value) -> Value:
    """Floats and complex numbers, unchanged."""
    x = tensor(x)
    if not is_float(x.dtype) and not is_complex(x.dtype):
        raise refuse(x.dtype, "floating-point")
    return x


def _to_float(a: Args, x: Value) -> Value:
    """Integers and booleans become the default float."""
    x = tensor(x)
    return TensorType(x.shape, complex_or_float(x.dtype))


def _to_float_but_bool(a: Args, x: Value) -> Value:
    x = tensor(x)
    if x.dtype == "bool":
        raise refuse(x.dtype, "numeric")
    return TensorType(x.shape, complex_or_float(x.dtype))


# --- activations with a rule of their own


def _celu_check(a: Args) -> None:
    if a.alpha == 0:
        raise ArgumentError("expects alpha other than 0", argument="alpha")


def _softshrink_check(a: Args) -> None:
    if a.lambd < 0:
        raise ArgumentError(f"expects lambd of at least 0, and gets {a.lambd}", argument="lambd")


def _rrelu_check(a: Args) -> None:
    if a.lower > a.upper:
        raise ArgumentError(
            f"expects lower not to exceed upper, and gets {a.lower} and {a.upper}",
            argument="lower",
        )


def _hardtanh_bounds(a: Args) -> tuple[float, float]:
    low = a.min_val if a.min_value is None else a.min_value
    high = a.max_val if a.max_value is None else a.max_value
    return low, high


def _hardtanh_check(a: Args) -> None:
    low, high = _hardtanh_bounds(a)
    if high <= low:
        raise ArgumentError(
            f"expects max_val to exceed min_val, and gets {high} and {low}", argument="max_val"
        )


def _hardtanh(a: Args, x: Value) -> Value:
    x = _real(a, x)
    # torch cuts the bounds to integers first
    if x.dtype == "uint8" and int(_hardtanh_bounds(a)[0]) < 0:
        raise ShapeError("expects bounds of at least 0 for uint8", argument="min_val")
    return x


def _threshold(a: Args, x: Value) -> Value:
    x = _real(a, x)
    if not is_float(x.dtype):
        bits = 8 * ITEM_BYTES[x.dtype]
        low, high = (
            (0, 2**bits - 1) if x.dtype == "uint8" else (-(2 ** (bits - 1)), 2**bits // 2 - 1)
        )
        for name in ("threshold", "value"):
            if not low <= getattr(a, name) <= high:
                raise ShapeError(
                    f"expects {name} to fit {x.dtype}, and gets {getattr(a, name)}", argument=name
                )
    return x


def _prelu_check(a: Args) -> None:
    require_at_least(a, 0, "num_parameters")


def _prelu_channels(x: TensorType) -> int:
    return x.shape[1] if len(x.shape) > 1 else 1


def _prelu(a: Args, x: Value) -> Value:
    x = floats(x)
    if a.num_parameters == 1:
        return x
    if not x.shape:
        raise ShapeError("expects an input with dimensions, and gets one without")
    found = _prelu_channels(x)
    if found != a.num_parameters:
        raise ShapeError(
            f"expects {a.num_parameters} channels in dimension 1, and gets {found}",
            argument="num_parameters",
            help="LazyPReLU infers them",
        )
    return x


def _prelu_weights(a: Args) -> tuple[Weight, ...]:
    return (Weight("weight", (a.num_parameters,)),)


def _prelu_infer(a: Args, x: Value) -> Mapping[str, Any]:
    found = _prelu_channels(tensor(x))
    if found < 1:
        raise ShapeError(f"infers the channels from dimension 1, and gets {x}")
    return {"num_parameters": found}


def _glu(a: Args, x: Value) -> Value:
    x = floats(x)
    if not x.shape:
        raise ShapeError("expects an input with dimensions, and gets one without")
    dim = dim_index(a.dim, len(x.shape))
    size = x.shape[dim]
    if size % 2:
        raise ShapeError(f"expects an even size in dimension {a.dim}, and gets {size} in {x}")
    return TensorType((*x.shape[:dim], size // 2, *x.shape[dim + 1 :]), x.dtype)


def _softmax(a: Args, x: Value) -> Value:
    x = floats(x)
    if a.dim is not None:
        dim_index(a.dim, len(x.shape))
    return x


def _softmax2d(a: Args, x: Value) -> Value:
    x = floats(x)
    ranks(x, 3, 4)
    return x


_INPLACE = "inplace: bool = False"


def _row(
    name: str,
    signature: str = "",
    outputs: Callable[..., Value] = _floats,
    check: Callable[[Args], None] | None = None,
) -> Op:
    return (
        Op(name, signature, outputs) if check is None else Op(name, signature, outputs, check=check)
    )


ROWS: tuple[Op | LazyOp, ...] = (
    _row("ELU", f"alpha: float = 1.0, {_INPLACE}"),
    _row("Hardshrink", "lambd: float = 0.5"),
    _row("Hardsigmoid", _INPLACE),
    _row(
        "Hardtanh",
        f"min_val: float = -1.0, max_val: float = 1.0, {_INPLACE}, "
        "min_value: float | None = None, max_value: float | None = None",
        _hardtanh,
        _hardtanh_check,
    ),
    _row("Hardswish", _INPLACE),
    _row("LeakyReLU", f"negative_slope: float = 0.01, {_INPLACE}"),
    _row("LogSigmoid"),
    Op(
        "PReLU",
        "num_parameters: int = 1, init: float = 0.25",
        _prelu,
        _prelu_weights,
        check=_prelu_check,
    ),
    LazyOp("LazyPReLU", "PReLU", ("num_parameters",), _prelu_infer),
    _row("ReLU", _INPLACE, _real),
    _row("ReLU6", _INPLACE, _real),
    _row(
        "RReLU",
        f"lower: float = 0.125, upper: float = 0.3333333333333333, {_INPLACE}",
        check=_rrelu_check,
    ),
    _row("SELU", _INPLACE),
    _row("CELU", f"alpha: float = 1.0, {_INPLACE}", check=_celu_check),
    _row("GELU", "approximate: Literal['none', 'tanh'] = 'none'"),
    _row("Sigmoid", "", _to_float),
    _row("SiLU", _INPLACE, _inexact),
    _row("Mish", _INPLACE),
    _row("Softplus", "beta: float = 1.0, threshold: float = 20.0"),
    _row("Softshrink", "lambd: float = 0.5", check=_softshrink_check),
    _row("Softsign", "", _to_float_but_bool),
    _row("Tanh", "", _to_float),
    _row("Tanhshrink", "", _to_float_but_bool),
    _row("Threshold", f"threshold: float, value: float, {_INPLACE}", _threshold),
    _row("GLU", "dim: int = -1", _glu),
    _row("Softmin", "dim: int | None = None", _softmax),
    _row("Softmax", "dim: int | None = None", _softmax),
    _row("Softmax2d", "", _softmax2d),
    _row("LogSoftmax", "dim: int | None = None", _softmax),
)
