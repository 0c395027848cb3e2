"""Name of a tensor function or merge -> the callable of torch that runs it.

Every callable is plain torch, out of place and without Python control flow on values, so that
``torch.compile`` and ``torch.export`` go through it. Sources are positional, the arguments of
the op table's signature are keywords: ``function("permute")(x, dims=(0, 2, 1))``. Sources of
fixed number may be keywords too, named as in the table's ``forward``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from lazyinspect.shapes import ITEM_BYTES

Number: TypeAlias = bool | int | float

_DTYPES: dict[str | None, torch.dtype | None] = {
    None: None,
    **{name: getattr(torch, name) for name in ITEM_BYTES},
}


def call_function(
    name: str, values: tuple[Any, ...], keywords: Mapping[str, Any], args: Mapping[str, Any]
) -> Any:
    """Run a function once, with sources by position or by name, and bound arguments."""
    return function(name)(*values, **keywords, **args)


def function(name: str) -> Callable[..., Any]:
    """The callable of a function or merge: ``fn(*sources, **arguments)``.

    Raises:
        KeyError: the name is neither.
    """
    return _FUNCTIONS[name]


def names() -> frozenset[str]:
    """Every function and merge that can run."""
    return frozenset(_FUNCTIONS)


def cat_broadcast(values: Sequence[Any], dim: int, is_parameter: Sequence[bool]) -> tuple[Any, ...]:
    """The sources of ``cat`` with its Parameters of leading size 1 expanded over the batch.

    The planner's function of this name, on tensors: see ``lazyinspect.plan.ops.merges``.
    """
    batch = next(
        (
            value.shape[0]
            for value in _flat([v for v, own in zip(values, is_parameter, strict=True) if not own])
            if value.dim()
        ),
        None,
    )
    if batch is None:
        return tuple(values)
    return tuple(
        value.expand(batch, *value.shape[1:])
        if own and value.dim() and value.shape[0] == 1 and dim % value.dim() != 0
        else value
        for value, own in zip(values, is_parameter, strict=True)
    )


def _flat(values: Sequence[Any]) -> list[Any]:
    result: list[Any] = []
    for value in values:
        if isinstance(value, (tuple, list)):
            result.extend(_flat(value))
        else:
            result.append(value)
    return result


def _integers(value: Any) -> tuple[int, ...]:
    """``(2, 3)``, ``((2, 3),)`` and ``2`` as torch's variadic sizes read them."""
    if isinstance(value, int):
        return (value,)
    if len(value) == 1 and isinstance(value[0], tuple):
        return value[0]
    return tuple(value)


def _scalar(number: Number, like: Tensor) -> Tensor:
    """A number as a tensor that promotes as the number itself would beside ``like``."""
    dtype = like.dtype
    if isinstance(number, float) and not (like.is_floating_point() or like.is_complex()):
        dtype = torch.get_default_dtype()
    elif isinstance(number, int) and not isinstance(number, bool) and dtype == torch.bool:
        dtype = torch.int64
    # torch.result_type would say the same, and break the graph of torch.compile
    return torch.full((), number, dtype=dtype, device=like.device)


# --- merges


def _add_pair(x: Any, y: Any, alpha: float) -> Any:
    if isinstance(x, Tensor):
        return torch.add(x, y, alpha=alpha)
    if isinstance(y, Tensor):
        return torch.add(_scalar(x, y), y, alpha=alpha)
    return x + alpha * y


def _add(*sources: Any, alpha: float = 1) -> Tensor:
    result, *others = _flat(sources)
    for other in others:
        result = _add_pair(result, other, alpha)
    return _merged(result, others)


def _mul(*sources: Any) -> Tensor:
    result, *others = _flat(sources)
    for other in others:
        if isinstance(result, Tensor):
            result = torch.mul(result, other)
        else:
            result = torch.mul(other, result) if isinstance(other, Tensor) else result * other
    return _merged(result, others)


def _merged(result: Any, others: Sequence[Any]) -> Tensor:
    if not others or not isinstance(result, Tensor):
        raise TypeError("a merge takes two sources or more, one of them a tensor")
    return result


def _sub(input: Any, other: Any, *, alpha: float = 1) -> Tensor:
    if isinstance(input, Tensor):
        return torch.sub(input, other, alpha=alpha)
    return torch.rsub(other, input, alpha=alpha)


def _div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    if not isinstance(input, Tensor):
        input = _scalar(input, other)
    return torch.div(input, other, rounding_mode=rounding_mode)


def _cat(*sources: Any, dim: int = 1) -> Tensor:
    return torch.cat(_flat(sources), dim)


def _stack(*sources: Any, dim: int = 1) -> Tensor:
    return torch.stack(_flat(sources), dim)


def _einsum(*operands: Any, equation: str) -> Tensor:
    return torch.einsum(equation, *_flat(operands))


# --- elementwise


def _maximum(input: Tensor, other: Tensor | Number) -> Tensor:
    return torch.maximum(input, other if isinstance(other, Tensor) else _scalar(other, input))


def _minimum(input: Tensor, other: Tensor | Number) -> Tensor:
    return torch.minimum(input, other if isinstance(other, Tensor) else _scalar(other, input))


def _where(input: Tensor, condition: Tensor, other: Tensor | Number) -> Tensor:
    return torch.where(condition, input, other)


# --- functions that take a dtype by name, or sizes one by one


def _with_dtype(run: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def call(input: Tensor, *, dtype: str | None = None, **args: Any) -> Tensor:
        return run(input, **args, dtype=_DTYPES[dtype])

    return call


def _mean(
    input: Tensor, *, dim: Any = None, keepdim: bool = False, dtype: str | None = None
) -> Tensor:
    return torch.mean(input, dim, keepdim, dtype=_DTYPES[dtype])


def _sum(
    input: Tensor, *, dim: Any = None, keepdim: bool = False, dtype: str | None = None
) -> Tensor:
    return torch.sum(input, dim, keepdim, dtype=_DTYPES[dtype])


def _with_sizes(
    run: Callable[[Tensor, tuple[int, ...]], Tensor], name: str
) -> Callable[..., Tensor]:
    def call(input: Tensor, **args: Any) -> Tensor:
        return run(input, _integers(args[name]))

    return call


def _chunk(input: Tensor, *, chunks: int, dim: int = 1) -> tuple[Tensor, ...]:
    return torch.chunk(input, chunks, dim)


def _split(input: Tensor, *, split_size: Any, dim: int = 1) -> tuple[Tensor, ...]:
    return torch.split(input, split_size if isinstance(split_size, int) else list(split_size), dim)


def _unbind(input: Tensor, *, dim: int = 1) -> tuple[Tensor, ...]:
    return torch.unbind(input, dim)


def _squeeze(input: Tensor, *, dim: Any = None) -> Tensor:
    return torch.squeeze(input) if dim is None else torch.squeeze(input, dim)


def _roll(input: Tensor, *, shifts: Any, dims: Any = None) -> Tensor:
    return torch.roll(input, shifts, () if dims is None else dims)


def _gather(input: Tensor, index: Tensor, *, dim: int) -> Tensor:
    return torch.gather(input, dim, index)


def _positions(input: Tensor, *, dim: int) -> Tensor:
    """0 to n-1 along ``dim``, as a row of a batch of one."""
    return torch.arange(input.shape[dim], device=input.device).unsqueeze(0)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "matmul": torch.matmul,
    "cat": _cat,
    "stack": _stack,
    "scaled_dot_product_attention": F.scaled_dot_product_attention,
    "einsum": _einsum,
    "relu": torch.relu,
    "gelu": F.gelu,
    "silu": F.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": _with_dtype(torch.softmax),
    "log_softmax": _with_dtype(torch.log_softmax),
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "square": torch.square,
    "neg": torch.neg,
    "abs": torch.abs,
    "clamp": torch.clamp,
    "pow": torch.pow,
    "multiply": torch.mul,
    "floor_divide": torch.floor_divide,
    "remainder": torch.remainder,
    "maximum": _maximum,
    "minimum": _minimum,
    "eq": torch.eq,
    "ne": torch.ne,
    "gt": torch.gt,
    "ge": torch.ge,
    "lt": torch.lt,
    "le": torch.le,
    "where": _where,
    "mean": _mean,
    "sum": _sum,
    "amax": torch.amax,
    "amin": torch.amin,
    "var": torch.var,
    "std": torch.std,
    "norm": _with_dtype(torch.norm),
    "cumsum": _with_dtype(torch.cumsum),
    "flatten": torch.flatten,
    "unflatten": torch.unflatten,
    "reshape": _with_sizes(Tensor.reshape, "shape"),
    "view": _with_sizes(Tensor.view, "size"),
    "permute": _with_sizes(torch.permute, "dims"),
    "transpose": torch.transpose,
    "movedim": torch.movedim,
    "squeeze": _squeeze,
    "unsqueeze": torch.unsqueeze,
    "expand": _with_sizes(Tensor.expand, "size"),
    "repeat": _with_sizes(Tensor.repeat, "repeats"),
    "tile": _with_sizes(torch.tile, "dims"),
    "select": torch.select,
    "narrow": torch.narrow,
    "chunk": _chunk,
    "split": _split,
    "unbind": _unbind,
    "gather": _gather,
    "triu": torch.triu,
    "tril": torch.tril,
    "flip": _with_sizes(torch.flip, "dims"),
    "roll": _roll,
    "one_hot": F.one_hot,
    "positions": _positions,
    "pad": F.pad,
    "interpolate": F.interpolate,
}
