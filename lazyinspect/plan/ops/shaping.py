"""Functions that reshape, index, pad and resample."""

from __future__ import annotations

from collections.abc import Callable
from math import floor, isfinite

from lazyinspect import limits
from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan.ops.base import Args, Op, accept
from lazyinspect.plan.ops.operands import distinct_dims, integers, no_negative_sizes, refuse, tensor
from lazyinspect.shapes import (
    Shape,
    TensorType,
    Value,
    concrete,
    dim_index,
    format_shape,
    is_float,
    ntuple,
    prod,
)

MAX_PIECES = limits.TENSORS
"""Tensors in one tuple: `unbind`, `split` and `chunk` make no more."""


def _function(
    name: str,
    signature: str,
    outputs: Callable[..., Value],
    check: Callable[[Args], None] = accept,
    forward: str = "input",
) -> Op:
    return Op(
        name=name,
        signature=signature,
        outputs=outputs,
        check=check,
        forward=forward,
        kind="function",
    )


def _sized(x: TensorType, what: str) -> TensorType:
    """Raises ShapeError on a tensor without dimensions."""
    if not x.shape:
        raise ShapeError(f"{what} a tensor of at least one dimension, and gets a scalar")
    return x


def _resized(x: TensorType, dim: int, size: int) -> TensorType:
    return TensorType((*x.shape[:dim], size, *x.shape[dim + 1 :]), x.dtype)


def _inferred(sizes: Shape, numel: int, argument: str) -> Shape | None:
    """Sizes with the one -1 replaced; None where they do not hold ``numel`` elements."""
    if -1 not in sizes:
        return sizes if prod(sizes) == numel else None
    known = prod(size for size in sizes if size != -1)
    if known == 0:
        raise ShapeError(
            f"cannot infer the -1 in {argument} {format_shape(sizes)} beside a size of 0",
            argument=argument,
        )
    if numel % known:
        return None
    return tuple(numel // known if size == -1 else size for size in sizes)


def _check_one_unknown(sizes: Shape, argument: str) -> None:
    if sizes.count(-1) > 1:
        raise ArgumentError(f"`{argument}` holds -1 more than once", argument=argument)
    no_negative_sizes(tuple(size for size in sizes if size != -1), argument)


# --- shape


def flatten(a: Args, x: Value) -> Value:
    """Outputs of ``flatten``, the function and the layer."""
    x = tensor(x)
    start = dim_index(a.start_dim, x.rank, "start_dim")
    end = dim_index(a.end_dim, x.rank, "end_dim")
    if not x.shape:
        return x.with_shape(1)
    if start > end:
        raise ShapeError(
            f"flattens from dimension {start} to {end}: start_dim cannot come after end_dim",
            argument="start_dim",
        )
    return x.with_shape(*x.shape[:start], prod(x.shape[start : end + 1]), *x.shape[end + 1 :])


def unflatten_check(argument: str) -> Callable[[Args], None]:
    """Check of ``unflatten``, the function and the layer, which name their sizes differently."""

    def check(a: Args) -> None:
        sizes = getattr(a, argument)
        if not sizes:
            raise ArgumentError(f"`{argument}` must not be empty", argument=argument)
        _check_one_unknown(sizes, argument)

    return check


def unflatten(argument: str) -> Callable[[Args, Value], Value]:
    """Outputs of ``unflatten``, the function and the layer."""

    def outputs(a: Args, x: Value) -> Value:
        x = _sized(tensor(x), "unflattens")
        dim = dim_index(a.dim, x.rank)
        wanted: Shape = getattr(a, argument)
        sizes = _inferred(wanted, x.shape[dim], argument)
        if sizes is None:
            raise ShapeError(
                f"splits dimension {dim} into {format_shape(wanted)}, and its size is "
                f"{x.shape[dim]}",
                argument=argument,
            )
        return x.with_shape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])

    return outputs


def _reshape(argument: str) -> Callable[..., Value]:
    def outputs(a: Args, x: Value) -> Value:
        x = tensor(x)
        wanted = integers(getattr(a, argument), argument)
        sizes = _inferred(wanted, x.numel, argument)
        if sizes is None:
            raise ShapeError(
                f"cannot make {format_shape(wanted)} of the {x.numel} elements of {x}",
                argument=argument,
            )
        return x.with_shape(*sizes)

    return outputs


def _reshape_check(argument: str) -> Callable[[Args], None]:
    def check(a: Args) -> None:
        _check_one_unknown(integers(getattr(a, argument), argument), argument)

    return check


def _integers_check(argument: str) -> Callable[[Args], None]:
    def check(a: Args) -> None:
        integers(getattr(a, argument), argument)

    return check


def _permute_check(a: Args) -> None:
    wanted = integers(a.dims, "dims")
    places = range(len(wanted))
    every_one = "name every dimension once, the batch (0) too; `transpose` swaps two"
    if any(not -len(wanted) <= dim < len(wanted) for dim in wanted):
        raise ArgumentError(
            f"expects each of {format_shape(tuple(places))} once for {len(wanted)} dimensions, and "
            f"gets {format_shape(wanted)}",
            argument="dims",
            help=every_one,
        )
    if len({dim % len(wanted) for dim in wanted}) < len(wanted):
        raise ArgumentError(
            f"names a dimension twice in dims {format_shape(wanted)}",
            argument="dims",
            help=every_one,
        )


def _permute(a: Args, x: Value) -> Value:
    x = tensor(x)
    wanted = integers(a.dims, "dims")
    if len(wanted) != x.rank:
        raise ShapeError(
            f"orders {len(wanted)} dimensions, and gets an input of {x.rank}: {x}",
            argument="dims",
            help="name every dimension once; `transpose` swaps two",
        )
    return x.with_shape(*(x.shape[dim] for dim in wanted))


def _transpose(a: Args, x: Value) -> Value:
    x = tensor(x)
    first, second = dim_index(a.dim0, x.rank, "dim0"), dim_index(a.dim1, x.rank, "dim1")
    sizes = list(x.shape)
    if sizes:
        sizes[first], sizes[second] = sizes[second], sizes[first]
    return x.with_shape(*sizes)


def _movedim_check(a: Args) -> None:
    if isinstance(a.source, int) != isinstance(a.destination, int):
        raise ArgumentError(
            "`source` and `destination` are two integers or two lists", argument="destination"
        )
    if isinstance(a.source, tuple) and len(a.source) != len(a.destination):
        raise ArgumentError(
            f"moves {len(a.source)} dimensions to {len(a.destination)} places",
            argument="destination",
        )


def _movedim(a: Args, x: Value) -> Value:
    x = tensor(x)
    source = distinct_dims(ntuple(a.source, 1), x.rank, "source")
    destination = distinct_dims(ntuple(a.destination, 1), x.rank, "destination")
    if not x.shape:
        return x
    place = dict(zip(destination, source, strict=True))
    others = (dim for dim in range(x.rank) if dim not in source)
    order = (place[dim] if dim in place else next(others) for dim in range(x.rank))
    return x.with_shape(*(x.shape[dim] for dim in order))


def _squeeze(a: Args, x: Value) -> Value:
    x = tensor(x)
    if a.dim is None:
        return x.with_shape(*(size for size in x.shape if size != 1))
    dims = distinct_dims(ntuple(a.dim, 1), x.rank)
    return x.with_shape(*(n for i, n in enumerate(x.shape) if i not in dims or n != 1))


def _unsqueeze(a: Args, x: Value) -> Value:
    x = tensor(x)
    dim = dim_index(a.dim, x.rank + 1)
    return x.with_shape(*x.shape[:dim], 1, *x.shape[dim:])


def _expand(a: Args, x: Value) -> Value:
    x = tensor(x)
    wanted = integers(a.size, "size")
    offset = len(wanted) - x.rank
    if offset < 0:
        raise ShapeError(
            f"expands to {len(wanted)} dimensions, and gets an input of {x.rank}: {x}",
            argument="size",
        )
    sizes = list(wanted)
    for index, have in enumerate(x.shape, offset):
        if sizes[index] == -1:
            sizes[index] = have
        elif have not in (1, sizes[index]):
            raise ShapeError(
                f"expands dimension {index} to {sizes[index]}, and its size is {have}, not 1",
                argument="size",
            )
    if -1 in sizes:
        raise ShapeError("has no size to keep for a new leading dimension", argument="size")
    return x.with_shape(*sizes)


def _expand_check(a: Args) -> None:
    no_negative_sizes(tuple(n for n in integers(a.size, "size") if n != -1), "size")


def _repeats_check(argument: str) -> Callable[[Args], None]:
    def check(a: Args) -> None:
        for count in integers(getattr(a, argument), argument):
            if count < 0:
                raise ArgumentError(f"`{argument}` holds the negative {count}", argument=argument)

    return check


def _repeat(a: Args, x: Value) -> Value:
    x = tensor(x)
    counts = integers(a.repeats, "repeats")
    if len(counts) < x.rank:
        raise ShapeError(
            f"repeats {len(counts)} dimensions, and gets an input of {x.rank}: {x}",
            argument="repeats",
            help="`tile` counts from the last dimension",
        )
    return _tiled(x, counts)


def _tile(a: Args, x: Value) -> Value:
    x = tensor(x)
    counts = integers(a.dims, "dims")
    return _tiled(x, (1,) * (x.rank - len(counts)) + counts)


def _tiled(x: TensorType, counts: Shape) -> TensorType:
    sizes = (1,) * (len(counts) - x.rank) + x.shape
    return x.with_shape(*(n * count for n, count in zip(sizes, counts, strict=True)))


# --- parts


def _select(a: Args, x: Value) -> Value:
    x = _sized(tensor(x), "selects from")
    dim = dim_index(a.dim, x.rank)
    if not -x.shape[dim] <= a.index < x.shape[dim]:
        raise ShapeError(
            f"selects index {a.index} of dimension {dim}, whose size is {x.shape[dim]}",
            argument="index",
        )
    return x.with_shape(*x.shape[:dim], *x.shape[dim + 1 :])


def _narrow_check(a: Args) -> None:
    if a.length < 0:
        raise ArgumentError(f"`length` is negative: {a.length}", argument="length")


def _narrow(a: Args, x: Value) -> Value:
    x = _sized(tensor(x), "narrows")
    dim = dim_index(a.dim, x.rank)
    size = x.shape[dim]
    start = a.start + size if a.start < 0 else a.start
    if not 0 <= start <= size or start + a.length > size:
        raise ShapeError(
            f"takes {a.length} from {a.start} of dimension {dim}, whose size is {size}",
            argument="start" if not 0 <= start <= size else "length",
        )
    return _resized(x, dim, a.length)


def _chunk_check(a: Args) -> None:
    if a.chunks < 1:
        raise ArgumentError(f"`chunks` must be positive, and is {a.chunks}", argument="chunks")


def _chunk(a: Args, x: Value) -> Value:
    x = _sized(tensor(x), "splits")
    dim = dim_index(a.dim, x.rank)
    size = x.shape[dim]
    if size == 0:
        _few(a.chunks)
        return (x,) * a.chunks
    return _pieces(x, dim, (size + a.chunks - 1) // a.chunks)


def _few(count: int) -> None:
    """Refuse a tuple that only a mistake asks for, before it fills the memory."""
    if count > MAX_PIECES:
        raise ShapeError(f"makes {count:,} tensors, and a tuple holds at most {MAX_PIECES:,}")


def _pieces(x: TensorType, dim: int, step: int) -> tuple[TensorType, ...]:
    size = x.shape[dim]
    full, rest = concrete(size // step), size % step
    _few(full)
    pieces = (_resized(x, dim, step),) * full
    return pieces if not rest and full else (*pieces, _resized(x, dim, rest))


def _split_check(a: Args) -> None:
    no_negative_sizes(ntuple(a.split_size, 1), "split_size")


def _split(a: Args, x: Value) -> Value:
    x = _sized(tensor(x), "splits")
    dim = dim_index(a.dim, x.rank)
    size = x.shape[dim]
    if isinstance(a.split_size, tuple):
        if sum(a.split_size) != size:
            raise ShapeError(
                f"splits dimension {dim} into {format_shape(a.split_size)}, "
                f"{sum(a.split_size)} together, and its size is {size}",
                argument="split_size",
            )
        return tuple(_resized(x, dim, part) for part in a.split_size)
    if a.split_size == 0:
        if size:
            raise ShapeError(
                f"splits dimension {dim} of size {size} into pieces of 0", argument="split_size"
            )
        return (x,)
    return _pieces(x, dim, a.split_size)


def _unbind(a: Args, x: Value) -> Value:
    x = _sized(tensor(x), "unbinds")
    dim = dim_index(a.dim, x.rank)
    count = concrete(x.shape[dim])
    _few(count)
    return (x.with_shape(*x.shape[:dim], *x.shape[dim + 1 :]),) * count


def _gather(a: Args, x: Value, index: Value) -> Value:
    x, index = tensor(x), tensor(index, "index")
    dim = dim_index(a.dim, x.rank)
    result = TensorType(index.shape, x.dtype)
    if index.numel == 0:
        return result
    if index.dtype not in ("int64", "int32"):
        raise ShapeError(f"expects an int64 or int32 index, and gets {index.dtype}")
    sizes, wanted = x.shape or (1,), index.shape or (1,)
    if len(sizes) != len(wanted):
        raise ShapeError(f"expects an index of {x.rank} dimensions like {x}, and gets {index}")
    for i, (have, want) in enumerate(zip(sizes, wanted, strict=True)):
        if i != dim and want > have:
            raise ShapeError(
                f"gathers {want} along dimension {i}, whose size is {have}: {index} from {x}"
            )
    if sizes[dim] == 0:
        raise ShapeError(f"gathers from dimension {dim}, which is empty")
    return result


def _triangle(a: Args, x: Value) -> Value:
    x = tensor(x)
    if x.rank < 2:
        raise ShapeError(f"expects an input of at least 2 dimensions, and gets {x}")
    return x


def _flip(a: Args, x: Value) -> Value:
    x = tensor(x)
    distinct_dims(integers(a.dims, "dims"), x.rank, "dims")
    return x


def _roll_check(a: Args) -> None:
    shifts = ntuple(a.shifts, 1)
    if not shifts:
        raise ArgumentError("needs `shifts`", argument="shifts")
    dims = () if a.dims is None else ntuple(a.dims, 1)
    if len(shifts) != len(dims) and (dims or len(shifts) > 1):
        raise ArgumentError(
            f"shifts {len(shifts)} dimensions, and names {len(dims)} in `dims`", argument="dims"
        )


def _roll(a: Args, x: Value) -> Value:
    x = tensor(x)
    for dim in () if a.dims is None else ntuple(a.dims, 1):
        _sized(x, "rolls a dimension of")
        dim_index(dim, x.rank, "dims")
    return x


# --- indices


def _one_hot_check(a: Args) -> None:
    if a.num_classes < 0:
        raise ArgumentError(
            "needs `num_classes`: inferred from the largest value, the shape would depend on data",
            argument="num_classes",
        )
    if a.num_classes == 0:
        raise ArgumentError("`num_classes` must be positive", argument="num_classes")


def _one_hot(a: Args, x: Value) -> Value:
    x = tensor(x)
    if x.dtype != "int64":
        raise ShapeError(f"expects int64 class indices, and gets {x.dtype}")
    return x.with_shape(*x.shape, a.num_classes)


def _positions(a: Args, x: Value) -> Value:
    x = _sized(tensor(x), "numbers")
    return TensorType((1, x.shape[dim_index(a.dim, x.rank)]), "int64")


# --- padding

_PAD = (
    "pad: list[int], mode: Literal['constant', 'reflect', 'replicate', 'circular'] = 'constant', "
    "value: float | None = None"
)


def _pad_check(a: Args) -> None:
    if len(a.pad) % 2:
        raise ArgumentError(
            f"`pad` takes two sizes per dimension, and gets {len(a.pad)} in all", argument="pad"
        )
    if a.mode != "constant":
        if a.value:
            raise ArgumentError(f"has no value to fill in with mode {a.mode}", argument="value")
        if len(a.pad) not in (2, 4, 6):
            raise ArgumentError(
                f"pads the last 1 to 3 dimensions with mode {a.mode}, and gets {len(a.pad) // 2}",
                argument="pad",
            )


def _pad(a: Args, x: Value) -> Value:
    x = tensor(x)
    count = len(a.pad) // 2
    mode = a.mode
    if mode == "constant":
        if count > x.rank:
            raise ShapeError(
                f"pads {count} dimensions, and gets an input of {x.rank}: {x}", argument="pad"
            )
    elif x.rank not in (count + 1, count + 2):
        raise ShapeError(
            f"expects an input of {count + 1} or {count + 2} dimensions for {len(a.pad)} "
            f"padding sizes with mode {mode}, and gets {x}",
            argument="pad",
        )
    elif mode != "circular":
        if x.dtype == "bool":
            raise refuse(x.dtype, "numeric")
        if 0 in x.shape[x.rank - count - 1 :]:
            raise ShapeError(f"expects no empty dimension but the batch's, and gets {x}")
    sizes = list(x.shape)
    for k in range(count):
        dim = x.rank - 1 - k
        before, after, size = a.pad[2 * k], a.pad[2 * k + 1], x.shape[dim]
        _pad_side(mode, dim, size, before, after)
        sizes[dim] = size + before + after
    return x.with_shape(*sizes)


def _pad_side(mode: str, dim: int, size: int, before: int, after: int) -> None:
    """Raises ShapeError where dimension ``dim`` cannot be padded so."""
    widest, left = max(before, after), size + min(before, 0) + min(after, 0)
    if mode == "reflect" and widest >= size:
        problem = "reflects at most size - 1"
    elif mode == "circular" and widest > max(left, 0):
        problem = "wraps around at most once"
    elif mode in ("reflect", "replicate") and size + before + after < 1:
        problem = "leaves nothing"
    elif mode in ("constant", "circular") and left < 0:
        problem = "crops more than there is"
    else:
        return
    raise ShapeError(
        f"pads dimension {dim} of size {size} by {before} and {after}: {mode} {problem}",
        argument="pad",
    )


# --- resampling

_RANKS = {"linear": (3,), "bilinear": (4,), "bicubic": (4,), "lanczos": (4,), "trilinear": (5,)}
_TAKES_BYTES = ("nearest", "nearest-exact", "bilinear", "bicubic", "lanczos")
_INTERPOLATE = (
    "size: int[:] | None = None, scale_factor: float[:] | None = None, mode: Literal['nearest', "
    "'nearest-exact', 'linear', 'bilinear', 'bicubic', 'trilinear', 'area', 'lanczos'] = "
    "'nearest', align_corners: bool | None = None, recompute_scale_factor: bool | None = None, "
    "antialias: bool = False"
)


def _interpolate_check(a: Args) -> None:
    if (a.size is None) == (a.scale_factor is None):
        raise ArgumentError(
            "takes either `size` or `scale_factor`",
            argument="size" if a.size is None else "scale_factor",
        )
    if a.mode in ("nearest", "nearest-exact", "area") and a.align_corners is not None:
        raise ArgumentError(f"has no corners to align with mode {a.mode}", argument="align_corners")
    if a.recompute_scale_factor and a.size is not None:
        raise ArgumentError(
            "has no scale factor to recompute with an explicit `size`",
            argument="recompute_scale_factor",
        )
    if a.antialias and a.mode not in ("bilinear", "bicubic", "lanczos"):
        raise ArgumentError(f"cannot antialias with mode {a.mode}", argument="antialias")
    if a.mode == "lanczos" and (not a.antialias or a.align_corners):
        raise ArgumentError("lanczos goes with antialias, and without align_corners")
    for size in () if a.size is None else ntuple(a.size, 1):
        if size < 0 or (size == 0 and a.mode != "area"):
            raise ArgumentError(f"`size` must be positive, and holds {size}", argument="size")
    for factor in () if a.scale_factor is None else ntuple(a.scale_factor, 1):
        if not isfinite(factor) or factor < 0 or (factor == 0 and a.mode != "area"):
            raise ArgumentError(
                f"`scale_factor` must be positive, and holds {factor}", argument="scale_factor"
            )


def _interpolate(a: Args, x: Value) -> Value:
    x = tensor(x)
    ranks = _RANKS.get(a.mode, (3, 4, 5))
    if x.rank not in ranks:
        allowed = " or ".join(map(str, ranks))
        raise ShapeError(
            f"expects an input of {allowed} dimensions for mode {a.mode}, and gets {x}",
            argument="mode",
        )
    if not (is_float(x.dtype) or (x.dtype == "uint8" and a.mode in _TAKES_BYTES)):
        raise refuse(x.dtype, "floating-point")
    if a.mode == "lanczos" and x.dtype in ("float16", "bfloat16"):
        raise refuse(x.dtype, "float32 or float64")
    spatial = x.shape[2:]
    given = a.size if a.size is not None else a.scale_factor
    if isinstance(given, tuple) and len(given) != len(spatial):
        raise ShapeError(
            f"expects a size for each of {len(spatial)} spatial dimensions, and gets {len(given)}",
            argument="scale_factor" if a.size is None else "size",
        )
    each = ntuple(given, len(spatial))
    if a.size is None:
        each = tuple(floor(n * float(factor)) for n, factor in zip(spatial, each, strict=True))
    least = 0 if a.mode == "area" else 1
    if 0 in spatial or any(size < least for size in each):
        raise ShapeError(f"resamples {x} to an empty image of {format_shape(each)}")
    if x.shape[1] == 0 and (a.mode != "area" or x.rank == 5):
        raise ShapeError(f"expects at least one channel, and gets {x}")
    return x.with_shape(*x.shape[:2], *each)


ROWS: tuple[Op, ...] = (
    _function("flatten", "start_dim: int = 0, end_dim: int = -1", flatten),
    _function(
        "unflatten", "dim: int, sizes: list[int]", unflatten("sizes"), unflatten_check("sizes")
    ),
    _function("reshape", "*shape: int", _reshape("shape"), _reshape_check("shape")),
    # a view of a tensor whose strides do not allow it shows on the device: types have no strides
    _function("view", "*size: int", _reshape("size"), _reshape_check("size")),
    _function("permute", "*dims: int", _permute, _permute_check),
    _function("transpose", "dim0: int, dim1: int", _transpose),
    _function("movedim", "source: int[:], destination: int[:]", _movedim, _movedim_check),
    _function("squeeze", "dim: int[:] | None = None", _squeeze),
    _function("unsqueeze", "dim: int", _unsqueeze),
    _function("expand", "*size: int", _expand, _expand_check),
    _function("repeat", "*repeats: int", _repeat, _repeats_check("repeats")),
    _function("tile", "*dims: int", _tile, _repeats_check("dims")),
    _function("select", "dim: int, index: int", _select),
    _function("narrow", "dim: int, start: int, length: int", _narrow, _narrow_check),
    _function("chunk", "chunks: int, dim: int = 1", _chunk, _chunk_check),
    _function("split", "split_size: int[:], dim: int = 1", _split, _split_check),
    _function("unbind", "dim: int = 1", _unbind),
    _function("gather", "dim: int", _gather, forward="input, index"),
    _function("triu", "diagonal: int = 0", _triangle),
    _function("tril", "diagonal: int = 0", _triangle),
    _function("flip", "*dims: int", _flip, _integers_check("dims")),
    _function("roll", "shifts: int[:], dims: int[:] | None = None", _roll, _roll_check),
    _function("one_hot", "num_classes: int = -1", _one_hot, _one_hot_check),
    _function("positions", "dim: int", _positions),
    _function("pad", _PAD, _pad, _pad_check),
    _function("interpolate", _INTERPOLATE, _interpolate, _interpolate_check),
)
