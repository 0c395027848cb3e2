"""Elementwise functions: activations, arithmetic, comparisons."""

from __future__ import annotations

from collections.abc import Callable

from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan.ops.base import Args, Op, accept
from lazyinspect.plan.ops.operands import (
    complex_or_float,
    is_inexact,
    is_number,
    real_of,
    refuse,
    tensor,
)
from lazyinspect.shapes import (
    TensorType,
    Value,
    broadcast,
    dim_index,
    is_complex,
    is_float,
    promote,
)

# null is no number: what stands for it is the second source
_NUMBER = "bool | float = None"
_OTHER = f"other: {_NUMBER}"


def _function(
    name: str,
    outputs: Callable[..., Value],
    signature: str = "",
    *,
    forward: str = "input",
    check: Callable[[Args], None] = accept,
) -> Op:
    return Op(
        name=name,
        signature=signature,
        outputs=outputs,
        check=check,
        forward=forward,
        kind="function",
    )


def _as_float(a: Args, x: Value) -> Value:
    """Integers and booleans give the default float."""
    x = tensor(x)
    return TensorType(x.shape, complex_or_float(x.dtype))


def _keep(
    *, no_bool: bool = False, no_int: bool = False, no_complex: bool = False
) -> Callable[..., Value]:
    """Output function of a function that keeps the dtype, and has no kernel for some."""

    def outputs(a: Args, x: Value) -> Value:
        x = tensor(x)
        dtype = x.dtype
        if no_int and not is_inexact(dtype):
            raise refuse(dtype, "floating-point")
        if no_bool and dtype == "bool":
            raise refuse(dtype, "numeric")
        if no_complex and is_complex(dtype):
            raise refuse(dtype, "real")
        return x

    return outputs


def _abs(a: Args, x: Value) -> Value:
    x = tensor(x)
    if x.dtype == "bool":
        raise refuse(x.dtype, "numeric")
    return TensorType(x.shape, real_of(x.dtype))


def _square(a: Args, x: Value) -> Value:
    x = tensor(x)
    return TensorType(x.shape, promote(x, 2))


def _softmax(a: Args, x: Value) -> Value:
    x = tensor(x)
    dim_index(a.dim, x.rank)
    dtype = a.dtype or x.dtype
    if not is_float(dtype):
        raise refuse(dtype, "floating-point", "`dtype: float32` converts first")
    return TensorType(x.shape, dtype)


def _clamp_check(a: Args) -> None:
    if a.min is None and a.max is None:
        raise ArgumentError("needs `min` or `max`")


def _clamp(a: Args, x: Value) -> Value:
    x = tensor(x)
    dtype = promote(x, *(bound for bound in (a.min, a.max) if bound is not None))
    if is_complex(dtype):
        raise refuse(dtype, "real")
    return TensorType(x.shape, dtype)


def _second(source: Value, argument: Value, name: str = "other") -> Value:
    """The second operand, from the two places where a spec may give it.

    Raises:
        ArgumentError: it is given nowhere, or twice.
    """
    if argument is None and source is None:
        raise ArgumentError(f"needs `{name}`: a second source, or a number", argument=name)
    if argument is None:
        return source if is_number(source) else tensor(source, name)
    if source is not None:
        raise ArgumentError(
            f"`{name}` is given twice: as a source and as an argument", argument=name
        )
    return argument


def _pointwise(x: TensorType, other: Value, dtype: str) -> TensorType:
    if is_number(other):
        return TensorType(x.shape, dtype)
    return TensorType(broadcast(x.shape, other.shape), dtype)


def _multiply(a: Args, x: Value, source: Value = None) -> Value:
    x, other = tensor(x), _second(source, a.other)
    return _pointwise(x, other, promote(x, other))


def _pow(a: Args, x: Value, source: Value = None) -> Value:
    x, exponent = tensor(x), _second(source, a.exponent, "exponent")
    dtype = promote(x, exponent)
    if is_number(exponent):
        if exponent < 0 and not is_inexact(dtype):
            raise ShapeError(
                f"raises {dtype} to the negative power {exponent}, which torch refuses",
                argument="exponent",
                help=f"`{float(exponent)}` gives floats",
            )
    elif dtype == "bool":
        raise refuse(dtype, "numeric")
    return _pointwise(x, exponent, dtype)


def _integer_division(a: Args, x: Value, source: Value = None) -> Value:
    """floor_divide and remainder. Division by a zero inside a tensor depends on data."""
    x, other = tensor(x), _second(source, a.other)
    dtype = promote(x, other)
    if dtype == "bool" or is_complex(dtype):
        raise refuse(dtype, "real and numeric")
    if is_number(other) and other == 0 and not is_inexact(dtype) and x.numel:
        raise ShapeError("divides integers by zero", argument="other")
    return _pointwise(x, other, dtype)


def _equality(a: Args, x: Value, source: Value = None) -> Value:
    x, other = tensor(x), _second(source, a.other)
    return _pointwise(x, other, "bool")


def _order(a: Args, x: Value, source: Value = None) -> Value:
    x, other = tensor(x), _second(source, a.other)
    if is_complex(promote(x, other)):
        raise refuse("complex numbers", "real", "complex numbers have no order")
    return _pointwise(x, other, "bool")


def _extremum(a: Args, x: Value, source: Value = None) -> Value:
    x, other = tensor(x), _second(source, a.other)
    dtype = promote(x, other)
    if is_complex(dtype):
        raise refuse(dtype, "real", "complex numbers have no order")
    return _pointwise(x, other, dtype)


def _where(a: Args, x: Value, condition: Value, source: Value = None) -> Value:
    x, condition = tensor(x), tensor(condition, "condition")
    other = _second(source, a.other)
    if condition.dtype != "bool":
        raise ShapeError(
            f"expects a bool tensor as condition, and gets {condition.dtype}",
            help="a comparison such as `gt: 0` gives one",
        )
    shapes = (condition.shape, x.shape) + (() if is_number(other) else (other.shape,))
    return TensorType(broadcast(*shapes), promote(x, other))


def _binary(name: str, outputs: Callable[..., Value], argument: str = "other") -> Op:
    return _function(name, outputs, f"{argument}: {_NUMBER}", forward=f"input, {argument}=None")


ROWS: tuple[Op, ...] = (
    _function("relu", _keep(no_bool=True, no_complex=True)),
    _function(
        "gelu", _keep(no_int=True, no_complex=True), "approximate: Literal['none', 'tanh'] = 'none'"
    ),
    _function("silu", _keep(no_int=True)),
    _function("sigmoid", _as_float),
    _function("tanh", _as_float),
    _function("softmax", _softmax, "dim: int, dtype: dtype | None = None"),
    _function("log_softmax", _softmax, "dim: int, dtype: dtype | None = None"),
    _function("exp", _as_float),
    _function("log", _as_float),
    _function("sqrt", _as_float),
    _function("rsqrt", _as_float),
    _function("sin", _as_float),
    _function("cos", _as_float),
    _function("square", _square),
    _function("neg", _keep(no_bool=True)),
    _function("abs", _abs),
    _function(
        "clamp", _clamp, "min: float | None = None, max: float | None = None", check=_clamp_check
    ),
    _binary("pow", _pow, "exponent"),
    _binary("multiply", _multiply),
    _binary("floor_divide", _integer_division),
    _binary("remainder", _integer_division),
    _binary("maximum", _extremum),
    _binary("minimum", _extremum),
    _binary("eq", _equality),
    _binary("ne", _equality),
    _binary("gt", _order),
    _binary("ge", _order),
    _binary("lt", _order),
    _binary("le", _order),
    _function("where", _where, _OTHER, forward="input, condition, other=None"),
)
