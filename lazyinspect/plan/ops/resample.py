"""Upsampling, shuffling, folding.

Arguments and input types -> output types. Raises OpError. No torch here.

Source: https://pytorch.org/docs/stable/nn.html#vision-layers
"""

from __future__ import annotations

from types import SimpleNamespace

from lazyinspect.errors import ArgumentError, ShapeError
from lazyinspect.plan.ops.base import Args, Op, require_at_least, require_floats
from lazyinspect.plan.ops.operands import tensor
from lazyinspect.shapes import Shape, TensorType, Value, is_integer, ntuple, prod, scaled, windows

MODE_RANKS = {
    "nearest": (3, 4, 5),
    "nearest-exact": (3, 4, 5),
    "area": (3, 4, 5),
    "linear": (3,),
    "bilinear": (4,),
    "bicubic": (4,),
    "trilinear": (5,),
}
"""The ranks that each mode of interpolation takes: batch, channels, and the image's own."""

_BYTES = ("nearest", "nearest-exact", "bilinear", "bicubic")
"""Modes whose kernels take uint8 besides floats."""

_CORNERLESS = ("nearest", "nearest-exact", "area")


def check_interpolation(a: Args) -> None:
    """Raises ArgumentError where no input can be interpolated with these arguments.

    Reads ``size``, ``scale_factor``, ``mode``, ``align_corners``, ``recompute_scale_factor``.
    """
    scale = a.scale_factor or None
    if (a.size is None) == (scale is None):
        raise ArgumentError(
            "expects one of size and scale_factor, and gets "
            + ("neither" if a.size is None else "both"),
            argument="size" if a.size is not None else None,
        )
    if a.align_corners is not None and a.mode in _CORNERLESS:
        raise ArgumentError(
            f"has no corners to align in mode `{a.mode}`",
            argument="align_corners",
            help="linear, bilinear, bicubic and trilinear have",
        )
    if a.recompute_scale_factor and a.size is not None:
        raise ArgumentError(
            "has no scale factor to recompute where size is given",
            argument="recompute_scale_factor",
        )
    name, given = ("size", a.size) if scale is None else ("scale_factor", scale)
    for item in given if isinstance(given, tuple) else (given,):
        if item < 0 or (item == 0 and a.mode != "area"):
            raise ArgumentError(f"expects {name} above 0, and gets {item}", argument=name)


def interpolated(a: Args, value: Value) -> TensorType:
    """Type of ``torch.nn.functional.interpolate``'s output for checked arguments.

    Raises:
        ShapeError: rank, dtype or sizes do not fit the mode.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
    """
    x = tensor(value)
    ranks = MODE_RANKS[a.mode]
    if x.rank not in ranks:
        allowed = " or ".join(map(str, ranks))
        raise ShapeError(f"expects an input of {allowed} dimensions, and gets {x}")
    sizes = _interpolated_sizes(a, x.shape[2:])
    require_floats(x, *(("uint8",) if a.mode in _BYTES else ()))
    if a.mode == "area":
        if not all(x.shape[2:]):
            raise ShapeError(f"expects an image with something in it, and gets {x}")
    elif not all(x.shape[1:]) or not all(sizes):
        raise ShapeError(f"expects an image with something in it, and makes {sizes} of {x}")
    return TensorType((*x.shape[:2], *sizes), x.dtype)


def _interpolated_sizes(a: Args, spatial: Shape) -> Shape:
    n = len(spatial)
    name = "scale_factor" if a.size is None else "size"
    given = getattr(a, name)
    each = given if isinstance(given, tuple) else (given,) * n
    if len(each) != n:
        raise ShapeError(
            f"expects {n} numbers for {name}, one per dimension of the image, and gets {len(each)}",
            argument=name,
        )
    if a.size is not None:
        return each
    return tuple(scaled(size, factor) for size, factor in zip(spatial, each, strict=True))


def _fixed(a: Args, mode: str, align_corners: bool | None) -> Args:
    return SimpleNamespace(
        size=a.size,
        scale_factor=a.scale_factor,
        mode=mode,
        align_corners=align_corners,
        recompute_scale_factor=None,
    )


def _check_nearest(a: Args) -> None:
    check_interpolation(_fixed(a, "nearest", None))


def _nearest(a: Args, x: Value) -> TensorType:
    return interpolated(_fixed(a, "nearest", None), x)


def _check_bilinear(a: Args) -> None:
    check_interpolation(_fixed(a, "bilinear", True))


def _bilinear(a: Args, x: Value) -> TensorType:
    return interpolated(_fixed(a, "bilinear", True), x)


# --- shuffles


def _check_up(a: Args) -> None:
    require_at_least(a, 1, "upscale_factor")


def _check_down(a: Args) -> None:
    require_at_least(a, 1, "downscale_factor")


def _check_groups(a: Args) -> None:
    require_at_least(a, 1, "groups")


def _multiples(found: int, factor: int, what: str) -> str:
    """The nearest sizes that work."""
    low, high = found // factor * factor, -(-found // factor) * factor
    return f"{high} {what} are the fewest that work" if not low else f"{low} and {high} {what} work"


def _pixel_shuffle(a: Args, value: Value) -> TensorType:
    x = tensor(value)
    if x.rank < 3:
        raise ShapeError(f"expects an input of at least 3 dimensions, and gets {x}")
    factor = a.upscale_factor
    *lead, size, height, width = x.shape
    if size % (factor * factor):
        raise ShapeError(
            f"expects channels divisible by {factor * factor}, the square of upscale_factor, "
            f"and gets {size}",
            argument="upscale_factor",
            help=_multiples(size, factor * factor, "channels"),
        )
    return TensorType((*lead, size // (factor * factor), height * factor, width * factor), x.dtype)


def _pixel_unshuffle(a: Args, value: Value) -> TensorType:
    x = tensor(value)
    if x.rank < 3:
        raise ShapeError(f"expects an input of at least 3 dimensions, and gets {x}")
    factor = a.downscale_factor
    *lead, size, height, width = x.shape
    if height % factor or width % factor:
        raise ShapeError(
            f"expects height and width divisible by downscale_factor {factor}, and gets "
            f"{height} x {width}",
            argument="downscale_factor",
        )
    if not x.numel:
        return x  # as torch does, although the shape is then not that of an unshuffled image
    return TensorType((*lead, size * factor * factor, height // factor, width // factor), x.dtype)


def _channel_shuffle(a: Args, value: Value) -> TensorType:
    x = tensor(value)
    if x.rank < 3:
        raise ShapeError(f"expects an input of at least 3 dimensions, and gets {x}")
    if x.shape[1] % a.groups:
        raise ShapeError(
            f"expects channels divisible by groups, and gets {x.shape[1]} over {a.groups}",
            argument="groups",
            help=_multiples(x.shape[1], a.groups, "channels"),
        )
    return x


# --- sliding blocks


def _check_blocks(a: Args) -> None:
    require_at_least(a, 1, "kernel_size", "dilation", "stride")
    require_at_least(a, 0, "padding")


def _check_fold(a: Args) -> None:
    _check_blocks(a)
    require_at_least(a, 1, "output_size")
    _blocks(a, ntuple(a.output_size, 2), ArgumentError)


def _blocks(a: Args, image: Shape, error: type[ArgumentError] | type[ShapeError]) -> int:
    """How many blocks slide over an image (height, width)."""
    counts = tuple(
        windows(size + 2 * pad, kernel, stride, dilation)
        for size, pad, kernel, stride, dilation in zip(
            image,
            ntuple(a.padding, 2),
            ntuple(a.kernel_size, 2),
            ntuple(a.stride, 2),
            ntuple(a.dilation, 2),
            strict=True,
        )
    )
    if any(count < 1 for count in counts):
        raise error(
            f"has blocks larger than an image of {image[0]} x {image[1]}", argument="kernel_size"
        )
    return prod(counts)


def _require_blockable(x: TensorType, batched_rank: int) -> None:
    if is_integer(x.dtype):
        raise ShapeError(f"expects an input of floats, and gets {x.dtype}")
    if not all(x.shape[1 if x.rank == batched_rank else 0 :]):
        raise ShapeError(f"expects an image with something in it, and gets {x}")


def _fold(a: Args, value: Value) -> TensorType:
    x = tensor(value)
    if x.rank not in (2, 3):
        raise ShapeError(f"expects an input of 2 or 3 dimensions, and gets {x}")
    _require_blockable(x, 3)
    *lead, size, count = x.shape
    block = prod(ntuple(a.kernel_size, 2))
    if size % block:
        raise ShapeError(
            f"expects a dimension {len(lead)} divisible by {block}, the size of a block, and "
            f"gets {size}",
            argument="kernel_size",
        )
    image = ntuple(a.output_size, 2)
    expected = _blocks(a, image, ShapeError)
    if count != expected:
        raise ShapeError(
            f"folds {expected} blocks into {image[0]} x {image[1]}, and gets {count}",
            argument="output_size",
        )
    return TensorType((*lead, size // block, *image), x.dtype)


def _unfold(a: Args, value: Value) -> TensorType:
    x = tensor(value)
    if x.rank not in (3, 4):
        raise ShapeError(f"expects an input of 3 or 4 dimensions, and gets {x}")
    _require_blockable(x, 4)
    *lead, size, height, width = x.shape
    count = _blocks(a, (height, width), ShapeError)
    return TensorType((*lead, size * prod(ntuple(a.kernel_size, 2)), count), x.dtype)


_BLOCKS = "kernel_size: int[2], dilation: int[2] = 1, padding: int[2] = 0, stride: int[2] = 1"
_PLANE = "size: int[2] | None = None, scale_factor: float[2] | None = None"
_MODES = ", ".join(f"'{mode}'" for mode in MODE_RANKS)

ROWS: tuple[Op, ...] = (
    Op(
        "Upsample",
        "size: int[:] | None = None, scale_factor: float[:] | None = None, "
        f"mode: Literal[{_MODES}] = 'nearest', align_corners: bool | None = None, "
        "recompute_scale_factor: bool | None = None",
        outputs=interpolated,
        check=check_interpolation,
    ),
    Op("UpsamplingNearest2d", _PLANE, outputs=_nearest, check=_check_nearest),
    Op("UpsamplingBilinear2d", _PLANE, outputs=_bilinear, check=_check_bilinear),
    Op("PixelShuffle", "upscale_factor: int", outputs=_pixel_shuffle, check=_check_up),
    Op("PixelUnshuffle", "downscale_factor: int", outputs=_pixel_unshuffle, check=_check_down),
    Op("ChannelShuffle", "groups: int", outputs=_channel_shuffle, check=_check_groups),
    Op("Fold", f"output_size: int[2], {_BLOCKS}", outputs=_fold, check=_check_fold),
    Op("Unfold", _BLOCKS, outputs=_unfold, check=_check_blocks),
)
