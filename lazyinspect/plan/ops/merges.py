"""Merges of several sources: sums, products, concatenation, attention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, reduce

from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan.ops.base import Args, Op
from lazyinspect.plan.ops.operands import flat, is_inexact, is_number, refuse, tensor
from lazyinspect.shapes import (
    Shape,
    TensorType,
    Value,
    broadcast,
    dim_index,
    format_shape,
    is_complex,
    is_float,
    prod,
    promote,
)

# --- arithmetic


def _operand(value: Value) -> Value:
    """A tensor or a number."""
    return value if is_number(value) else tensor(value, "a source")


def _pair(x: Value, y: Value, dtype: str) -> TensorType:
    shapes = [value.shape for value in (x, y) if not is_number(value)]
    return TensorType(broadcast(*shapes), dtype)


def _check_alpha(a: Args, dtype: str) -> None:
    if type(a.alpha) is float and not is_inexact(dtype):
        raise ShapeError(
            f"scales {dtype} by the float {a.alpha}, which torch refuses", argument="alpha"
        )


def _no_tensor(*values: Value) -> ShapeError:
    return ShapeError(
        f"has no tensor among its sources, only {' and '.join(map(str, values))}",
        help='a formula computes with numbers: `$a + b`; a step called 0 is named in quotes: "0"',
    )


def _folded(pair: Callable[[Args, Value, Value], Value]) -> Callable[..., Value]:
    """Output function of a merge of two or more sources, taken from the left."""

    def outputs(a: Args, *values: Value) -> Value:
        sources = [_operand(value) for value in flat(values)]
        if len(sources) < 2:
            raise ShapeError(f"takes two sources or more, and gets {len(sources)}")
        result = reduce(lambda x, y: pair(a, x, y), sources)
        if is_number(result):
            raise _no_tensor(*sources)
        return result

    return outputs


def _add(a: Args, x: Value, y: Value) -> Value:
    if is_number(x) and is_number(y):
        return x + a.alpha * y
    dtype = promote(x, y)
    _check_alpha(a, dtype)
    return _pair(x, y, dtype)


def _mul(a: Args, x: Value, y: Value) -> Value:
    return x * y if is_number(x) and is_number(y) else _pair(x, y, promote(x, y))


def _two(x: Value, y: Value) -> tuple[Value, Value]:
    if is_number(x) and is_number(y):
        raise _no_tensor(x, y)
    return _operand(x), _operand(y)


def _sub(a: Args, x: Value, y: Value) -> Value:
    x, y = _two(x, y)
    if any(isinstance(v, bool) or getattr(v, "dtype", "") == "bool" for v in (x, y)):
        raise refuse("bool", "numeric", "`ne` tells where two boolean tensors differ")
    dtype = promote(x, y)
    _check_alpha(a, dtype)
    return _pair(x, y, dtype)


def _div(a: Args, x: Value, y: Value) -> Value:
    x, y = _two(x, y)
    dtype = promote(x, y)
    if a.rounding_mode is None:
        return _pair(x, y, dtype if is_inexact(dtype) else "float32")
    if dtype == "bool" or is_complex(dtype):
        raise refuse(dtype, "real and numeric")
    if is_number(y) and y == 0 and not is_inexact(dtype) and x.numel:
        raise ShapeError("divides integers by zero")
    return _pair(x, y, dtype)


# --- concatenation


def _sources(values: Sequence[Value]) -> list[TensorType]:
    sources = [tensor(value, "a source") for value in flat(values)]
    if not sources:
        raise ShapeError("takes one source or more, and gets none")
    return sources


def _cat(a: Args, *values: Value) -> Value:
    sources = _sources(values)
    # torch leaves empty vectors out of a concatenation of anything
    kept = [x for x in sources if x.shape != (0,)]
    if not kept:
        return TensorType((0,), promote(*sources))
    first = kept[0]
    for x in sources:
        if not x.shape:
            raise ShapeError("concatenates tensors of at least one dimension, and gets a scalar")
    dim = dim_index(a.dim, first.rank)
    total = 0
    for x in kept:
        if x.rank != first.rank:
            raise ShapeError(f"expects sources of one rank, and gets {first} and {x}")
        for i, (n, m) in enumerate(zip(first.shape, x.shape, strict=True)):
            if n != m and i != dim:
                raise ShapeError(
                    f"expects sources that differ in dimension {dim} only, and gets "
                    f"{first} and {x}: dimension {i} is {n} and {m}",
                    argument="dim",
                )
        total += x.shape[dim]
    shape = (*first.shape[:dim], total, *first.shape[dim + 1 :])
    return TensorType(shape, promote(*sources))


def _stack(a: Args, *values: Value) -> Value:
    sources = _sources(values)
    first = sources[0]
    for x in sources:
        if x.shape != first.shape:
            raise ShapeError(f"expects sources of one shape, and gets {first} and {x}")
    dim = dim_index(a.dim, first.rank + 1)
    shape = (*first.shape[:dim], len(sources), *first.shape[dim:])
    return TensorType(shape, promote(*sources))


def cat_broadcast(
    values: Sequence[Value], dim: int, is_parameter: Sequence[bool]
) -> tuple[Value, ...]:
    """What ``cat`` gets once its Parameters of leading size 1 are expanded over the batch.

    Args:
        values: the sources as they come; a nested tuple is no Parameter.
        dim: the dimension to concatenate along; along the batch nothing expands.
        is_parameter: for each value, whether it is a ``Parameter`` step's tensor.
    """
    batch = next(
        (
            value.shape[0]
            for value in flat([v for v, own in zip(values, is_parameter, strict=True) if not own])
            if isinstance(value, TensorType) and value.shape
        ),
        None,
    )
    if batch is None:
        return tuple(values)
    return tuple(
        value.with_shape(batch, *value.shape[1:])
        if own and value.shape[:1] == (1,) and dim % value.rank != 0
        else value
        for value, own in zip(values, is_parameter, strict=True)
    )


# --- products


def _same_dtype(*values: TensorType) -> str:
    dtype = values[0].dtype
    for value in values:
        if value.dtype != dtype:
            raise ShapeError(f"expects sources of one dtype, and gets {dtype} and {value.dtype}")
    return dtype


def _matmul(a: Args, x: Value, y: Value) -> TensorType:
    x, y = tensor(x, "a source"), tensor(y, "a source")
    if not x.shape or not y.shape:
        raise ShapeError(f"expects tensors of at least one dimension, and gets {x} and {y}")
    inner, rows = x.shape[-1], x.shape[-2:-1]
    have, columns = (y.shape[0], ()) if y.rank == 1 else (y.shape[-2], y.shape[-1:])
    if inner != have:
        raise ShapeError(
            f"multiplies {x} by {y}: the last dimension of the first is {inner}, "
            f"and the {'only' if y.rank == 1 else 'second to last'} of the other is {have}"
        )
    dtype = _same_dtype(x, y)
    if dtype == "bool":
        raise refuse(dtype, "numeric")
    batch = broadcast(x.shape[:-2], y.shape[:-2])
    return TensorType((*batch, *rows, *columns), dtype)


def _matmul_macs(a: Args, x: TensorType, y: TensorType) -> int | None:
    # products with a vector count too, which PyTorch's counter leaves out (aten.dot, aten.mv)
    return _matmul(a, x, y).numel * x.shape[-1]


def _attention_check(a: Args) -> None:
    if not 0 <= a.dropout_p <= 1:
        raise ArgumentError(
            f"`dropout_p` is a probability, and is {a.dropout_p}", argument="dropout_p"
        )


def _grouped(a: Args, query: TensorType, key: TensorType, value: TensorType) -> tuple[Shape, Shape]:
    """Batch dimensions of key and value, their heads repeated to the query's count."""
    kb, vb = key.shape[:-2], value.shape[:-2]
    if not a.enable_gqa:
        return kb, vb
    if query.rank < 3 or key.rank < 3 or value.rank < 3:
        raise ShapeError("expects heads in dimension -3 with enable_gqa", argument="enable_gqa")
    heads = query.shape[-3]
    for name, batch in (("key", kb), ("value", vb)):
        if batch[-1] == 0 or heads % batch[-1]:
            raise ShapeError(
                f"expects a number of {name} heads that divides the query's {heads}, "
                f"and gets {batch[-1]}",
                argument="enable_gqa",
            )
    return (*kb[:-1], heads), (*vb[:-1], heads)


def _attention(a: Args, query: Value, key: Value, value: Value, attn_mask: Value = None) -> Value:
    query, key, value = tensor(query, "query"), tensor(key, "key"), tensor(value, "value")
    for name, x in (("query", query), ("key", key), ("value", value)):
        if x.rank < 2:
            raise ShapeError(f"expects a {name} of at least 2 dimensions, and gets {x}")
    dtype = _same_dtype(query, key, value)
    if not is_float(dtype):
        raise refuse(dtype, "floating-point")
    if query.shape[-1] != key.shape[-1]:
        raise ShapeError(
            f"expects query and key of one size in the last dimension, and gets {query} and {key}"
        )
    if key.shape[-2] != value.shape[-2]:
        raise ShapeError(f"expects as many keys as values, and gets {key} and {value}")
    key_batch, value_batch = _grouped(a, query, key, value)
    scores = (*broadcast(query.shape[:-2], key_batch), query.shape[-2], key.shape[-2])
    if attn_mask is not None:
        mask = tensor(attn_mask, "attn_mask")
        if a.is_causal:
            raise ShapeError("takes either a mask or is_causal", argument="is_causal")
        if mask.dtype not in ("bool", dtype, "float32"):
            raise ShapeError(f"expects a mask of bool or {dtype}, and gets {mask.dtype}")
        if mask.rank < 2 and query.rank == 4:
            # the fused kernel that torch picks for four dimensions reads both
            raise ShapeError(
                f"expects a mask of at least 2 dimensions for a query of 4, and gets {mask}",
                help="`unsqueeze: 0` adds one",
            )
        if broadcast(mask.shape, scores) != scores:
            raise ShapeError(
                f"expects a mask that broadcasts to {format_shape(scores)}, and gets {mask}"
            )
    batch = broadcast(scores[:-2], value_batch)
    return TensorType((*batch, query.shape[-2], value.shape[-1]), dtype)


def _attention_macs(
    a: Args, query: TensorType, key: TensorType, value: TensorType, attn_mask: Value = None
) -> int | None:
    key_batch, value_batch = _grouped(a, query, key, value)
    batch = broadcast(query.shape[:-2], key_batch)
    pairs = query.shape[-2] * key.shape[-2]
    scores = prod(batch) * pairs * query.shape[-1]
    return scores + prod(broadcast(batch, value_batch)) * pairs * value.shape[-1]


# --- einsum

_ELLIPSIS = "..."


@lru_cache(maxsize=1024)
def _equation(text: str) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...] | None]:
    """Labels of every operand, and of the output where the equation names it.

    Raises:
        ArgumentError: it is no equation of ``torch.einsum``.
    """
    left, arrow, right = text.replace(" ", "").partition("->")
    operands = tuple(map(_labels, left.split(",")))
    if not arrow:
        return operands, None
    output = _labels(right)
    for label in output:
        if output.count(label) > 1:
            raise _bad_equation(f"`{label}` stands twice in the output")
        if label != _ELLIPSIS and not any(label in operand for operand in operands):
            raise _bad_equation(f"`{label}` of the output stands in no operand")
    return operands, output


def _labels(text: str) -> tuple[str, ...]:
    labels: list[str] = []
    rest = text
    while rest:
        label = _ELLIPSIS if rest.startswith(_ELLIPSIS) else rest[0]
        rest = rest[len(label) :]
        if label != _ELLIPSIS and not (label.isascii() and label.isalpha()):
            raise _bad_equation(f"`{label}` is no letter")
        if label == _ELLIPSIS and label in labels:
            raise _bad_equation("an operand holds `...` twice")
        labels.append(label)
    return tuple(labels)


def _bad_equation(reason: str) -> ArgumentError:
    return ArgumentError(
        f"is no equation: {reason}", argument="equation", help='for instance "bij,bjk->bik"'
    )


def _einsum_check(a: Args) -> None:
    _equation(a.equation)


def _einsum(a: Args, *operands: Value) -> tuple[TensorType, int]:
    """Type and multiply-accumulates of the contraction, pair by pair from the left.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.einsum.html, and the order in
    which PyTorch contracts without opt_einsum.
    """
    values = [tensor(value, "an operand") for value in flat(operands)]
    inputs, output = _equation(a.equation)
    if len(inputs) != len(values):
        raise ShapeError(
            f"names {len(inputs)} operands in `{a.equation}`, and gets {len(values)}",
            argument="equation",
        )
    factors = [_labelled(labels, x) for labels, x in zip(inputs, values, strict=True)]
    wide = max((sum(type(label) is int for label in sizes) for sizes, _ in factors), default=0)
    ellipsis = list(range(-wide, 0))
    if output is None:
        flatly = [label for labels in inputs for label in labels if label != _ELLIPSIS]
        kept: list[object] = [
            *ellipsis,
            *sorted(label for label in set(flatly) if flatly.count(label) == 1),
        ]
    else:
        kept = []
        for name in output:
            kept.extend(ellipsis if name == _ELLIPSIS else [name])
        if _ELLIPSIS in output and not any(_ELLIPSIS in labels for labels in inputs):
            kept = [label for label in kept if type(label) is not int]
    total: dict[object, int] = {}
    for sizes, _ in factors:
        for label, size in sizes.items():
            have = total.setdefault(label, size)
            if have == 1:
                total[label] = size
            elif size not in (1, have):
                raise ShapeError(
                    f"has {have} and {size} for "
                    + (f"`{label}`" if type(label) is str else "a dimension of `...`"),
                    argument="equation",
                )
    dtype, macs = _contract(factors, total, set(kept))
    return TensorType(tuple(total[label] for label in kept), dtype), macs


def _labelled(labels: tuple[str, ...], x: TensorType) -> tuple[dict[object, int], str]:
    """Sizes by label, the dimensions of ``...`` labelled -1, -2 from the last, and the dtype."""
    named = len(labels) - labels.count(_ELLIPSIS)
    if named > x.rank or (named < x.rank and _ELLIPSIS not in labels):
        raise ShapeError(
            f"names {named} dimensions in `{''.join(labels)}`, and gets {x}", argument="equation"
        )
    wide = x.rank - named
    sizes: dict[object, int] = {}
    dim = 0
    for label in labels:
        if label == _ELLIPSIS:
            for offset in range(wide):
                sizes[offset - wide] = x.shape[dim + offset]
            dim += wide
            continue
        size = x.shape[dim]
        if sizes.setdefault(label, size) != size:
            raise ShapeError(
                f"has {sizes[label]} and {size} for `{label}` of one operand", argument="equation"
            )
        dim += 1
    return sizes, x.dtype


def _contract(
    factors: list[tuple[dict[object, int], str]], total: dict[object, int], kept: set[object]
) -> tuple[str, int]:
    """Dtype and multiply-accumulates of the product of all factors."""
    summed = [label for label in total if label not in kept]
    if len(factors) == 1:
        dtype = factors[0][1]
        return (dtype if is_inexact(dtype) or not summed else "int64"), 0
    uses = {label: sum(sizes.get(label, 1) != 1 for sizes, _ in factors) for label in summed}
    (left, dtype), *others = factors
    macs = 0
    for right, other in others:
        left, right = dict(left), dict(right)
        together: list[object] = []
        for label in summed:
            in_left, in_right = left.get(label, 1) != 1, right.get(label, 1) != 1
            if in_left and in_right:
                uses[label] -= 1
                if uses[label] == 1:
                    together.append(label)
                    uses[label] = 0
            elif uses[label] == 1 and (in_left or in_right):
                uses[label] = 0
                if in_left:
                    del left[label]
                    dtype = dtype if is_inexact(dtype) else "int64"
                else:
                    del right[label]
                    other = other if is_inexact(other) else "int64"
        sizes = {
            label: left[label] if left.get(label, 1) != 1 else right.get(label, 1)
            for label in {**left, **right}
        }
        if together:
            if dtype != other:
                raise ShapeError(f"expects operands of one dtype, and gets {dtype} and {other}")
            if dtype == "bool":
                raise refuse(dtype, "numeric")
            macs += prod(sizes.values())
        else:
            dtype = promote(TensorType((1,), dtype), TensorType((1,), other))
        left = {label: size for label, size in sizes.items() if label not in together}
    return dtype, macs


ROWS: tuple[Op, ...] = (
    Op("add", "*, alpha: float = 1", _folded(_add), forward="*tensors", kind="merge"),
    Op("sub", "*, alpha: float = 1", _sub, forward="input, other", kind="merge"),
    Op("mul", "", _folded(_mul), forward="*tensors", kind="merge"),
    Op(
        "div",
        "*, rounding_mode: Literal['trunc', 'floor'] | None = None",
        _div,
        forward="input, other",
        kind="merge",
    ),
    Op("cat", "dim: int = 1", _cat, forward="*tensors", kind="merge"),
    Op("stack", "dim: int = 1", _stack, forward="*tensors", kind="merge"),
    Op("matmul", "", _matmul, macs=_matmul_macs, forward="input, other", kind="merge"),
    Op(
        "scaled_dot_product_attention",
        "dropout_p: float = 0.0, is_causal: bool = False, *, scale: float | None = None, "
        "enable_gqa: bool = False",
        _attention,
        macs=_attention_macs,
        check=_attention_check,
        forward="query, key, value, attn_mask=None",
        kind="merge",
    ),
    Op(
        "einsum",
        "equation: str",
        lambda a, *operands: _einsum(a, *operands)[0],
        macs=lambda a, *operands: _einsum(a, *operands)[1],
        check=_einsum_check,
        forward="*operands",
        kind="function",
    ),
)
