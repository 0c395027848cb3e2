"""One application of an op -> the axes of what it gives: a rule for each row of the op table.

``RULES`` names them all; an op that is not there has no field, and its reason says so. All is of
eval mode: dropout passes through, and batch normalisation uses its running statistics.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TypeAlias

from lazyinspect.measure.axes import (
    TOO_FINE,
    Axes,
    Lost,
    Seen,
    Step,
    all_lost,
    joined,
    mixed,
    placed,
    reshaped,
    slid,
    slides,
    united,
)
from lazyinspect.measure.reach import (
    Taps,
    TooFine,
    adaptive,
    interpolated,
    sliding,
    spread,
    transposed,
)
from lazyinspect.plan.ops.operands import integers
from lazyinspect.shapes import ntuple

Rule: TypeAlias = Callable[[Step], "Axes | list[Axes]"]
"""Gives the axes of every tensor of the output; of one, where all have the same."""

WHOLE = "after {} every position sees all positions before it"
FLAT = "{} lays out the positions anew"
CHANNELS = "{} mixes this dimension as its channels"
UNKNOWN = "{} is a class of your own, and what it reads is not known"
NO_RULE = "there is no rule for {}"


def lose_all(reason: str) -> Rule:
    """Of an op after which nothing is followed."""

    def rule(step: Step) -> Axes:
        return everything(step, step.lost(reason))

    return rule


def everything(step: Step, lost: Lost) -> Axes:
    """All axes of all sources, lost."""
    return united(step, [all_lost(source.axes, lost) for source in step.tensors])


def elementwise(step: Step) -> Axes:
    """Each position of the output sees that position of every source."""
    return joined(step, step.tensors, len(step.outputs[0]))


# --- windows


def _spatial(step: Step, n: int, taps: list[Taps], *, channels: bool = True) -> Axes:
    """Taps over the last ``n`` dimensions; the one before them is the channels', which mix."""
    x = step.first
    slides(step, x, n)
    axes = slid(step, x.axes, {x.rank - n + k: each for k, each in enumerate(taps)})
    return mixed(axes, (x.rank - n - 1,), step.lost(CHANNELS)) if channels else axes


def convolution(n: int) -> Rule:
    def rule(step: Step) -> Axes:
        a = step.args
        kernel, dilation = ntuple(a.kernel_size, n), ntuple(a.dilation, n)
        if a.padding == "same":
            # of an odd number the one more stands behind
            before = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
        else:
            before = (0,) * n if a.padding == "valid" else ntuple(a.padding, n)
        each = zip(kernel, ntuple(a.stride, n), dilation, before, strict=True)
        return _spatial(step, n, [sliding(*window) for window in each])

    return rule


def transposed_convolution(n: int) -> Rule:
    def rule(step: Step) -> Axes:
        a = step.args
        four = (a.kernel_size, a.stride, a.dilation, a.padding)
        try:
            taps = [transposed(*each) for each in zip(*(ntuple(v, n) for v in four), strict=True)]
        except TooFine:
            return _too_fine(step)
        return _spatial(step, n, taps)

    return rule


def _too_fine(step: Step) -> Axes:
    return everything(step, step.lost(TOO_FINE))


def pooling(n: int) -> Rule:
    def rule(step: Step) -> Axes:
        a = step.args
        kernel = ntuple(a.kernel_size, n)
        stride = kernel if a.stride is None else ntuple(a.stride, n)
        dilation, before = getattr(a, "dilation", 1), getattr(a, "padding", 0)
        each = zip(kernel, stride, ntuple(dilation, n), ntuple(before, n), strict=True)
        return _spatial(step, n, [sliding(*window) for window in each], channels=False)

    return rule


def adaptive_pooling(n: int) -> Rule:
    def rule(step: Step) -> Axes:
        return _adapted(step, step.first, n)

    return rule


def _adapted(step: Step, x: Seen, n: int) -> Axes:
    """Equal windows where the sizes divide, else overlapping ones of several sizes."""
    slides(step, x, n)
    taps: dict[int, Taps] = {}
    whole = []
    for dim in range(x.rank - n, x.rank):
        size, out = x.shape[dim], step.outputs[0][dim]
        if out == 0 or (out == 1 and size != 1):
            whole.append(dim)
        elif size != out:
            try:
                taps[dim] = adaptive(size, out)
            except TooFine:
                return _too_fine(step)
    axes = mixed(x.axes, whole, step.lost(WHOLE))
    return slid(step, axes, taps)


def pad_layer(n: int) -> Rule:
    def rule(step: Step) -> Axes:
        slides(step, step.first, n)
        return _padded(step, ntuple(step.args.padding, 2 * n))

    return rule


def pad_function(step: Step) -> Axes:
    return _padded(step, step.args.pad)


def _padded(step: Step, pads: tuple[int, ...]) -> Axes:
    """Positions move; those in the padding see what lies there of an endless input."""
    x = step.first
    taps = {x.rank - 1 - k: sliding(1, before=pads[2 * k]) for k in range(len(pads) // 2)}
    return slid(step, x.axes, taps)


# --- resampling


def upsample(step: Step) -> Axes:
    return _resampled(step, step.args.mode, bool(step.args.align_corners))


def upsample_nearest(step: Step) -> Axes:
    return _resampled(step, "nearest", False)


def upsample_bilinear(step: Step) -> Axes:
    return _resampled(step, "bilinear", True)


def _resampled(step: Step, mode: str, corners: bool) -> Axes:
    x, a = step.first, step.args
    n = x.rank - 2
    if mode == "area":
        return _adapted(step, x, n)
    if getattr(a, "antialias", False):
        lost = step.lost("{} smooths before it resamples, over windows that are not followed")
        return mixed(x.axes, range(2, x.rank), lost)
    slides(step, x, n)
    # torch computes with the factor that is given, unless it is to take the sizes'
    by_size = a.size is not None or getattr(a, "recompute_scale_factor", None)
    axes, taps = x.axes, {}
    for dim in range(2, x.rank):
        size, out = x.shape[dim], step.outputs[0][dim]
        factor = None if by_size else ntuple(a.scale_factor, n)[dim - 2]
        try:
            found = _resampling(mode, corners, size, out, factor)
        except TooFine:
            return _too_fine(step)
        if isinstance(found, str):
            axes = mixed(axes, (dim,), step.lost(found))
        else:
            taps[dim] = found
    return slid(step, axes, taps)


_PARTLY = "{} resamples by a factor that is not whole"


def _resampling(mode: str, corners: bool, size: int, out: int, factor: float | None) -> Taps | str:
    """Taps of one dimension, or why there are none.

    Args:
        factor: that is given; None where the sizes decide.

    Source: https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/UpSample.h
    """
    if corners:
        if out == 1 or size == 1:
            return sliding(1) if out == size else WHOLE
        return _interpolated(mode, Fraction(0), Fraction(size - 1, out - 1))
    step = Fraction(size, out) if factor is None else 1 / Fraction(factor)
    # torch computes in float32, which holds whole factors and their places exactly
    whole, parts = step.numerator, step.denominator
    if whole > 1 and parts > 1:
        return _PARTLY
    if mode == "nearest":
        if parts == 1:
            return sliding(1, whole)
        return spread(parts) if _floors(parts) else _PARTLY
    if mode == "nearest-exact":
        return sliding(1, whole, before=-(whole // 2)) if parts == 1 else spread(parts)
    return _interpolated(mode, (step - 1) / 2, step)


def _interpolated(mode: str, origin: Fraction, step: Fraction) -> Taps:
    return interpolated(origin, step, *((1, 2) if mode == "bicubic" else (0, 1)))


def _floors(factor: int) -> bool:
    """Whether ``floor(p * (1 / factor))`` in float32 is the quotient, as nearest needs it."""
    inverse = _float32(1 / factor)
    return factor == 2 or _float32(factor * inverse) >= 1


def _float32(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


def pixel_shuffle(step: Step) -> Axes:
    try:
        taps = spread(step.args.upscale_factor)
    except TooFine:
        return _too_fine(step)
    return _spatial(step, 2, [taps, taps])


def pixel_unshuffle(step: Step) -> Axes:
    factor = step.args.downscale_factor
    return _spatial(step, 2, [sliding(factor, factor)] * 2)


# --- norms


def over_all_but_channels(step: Step) -> Axes:
    """Statistics over positions: instance and group norms."""
    x = step.first
    return mixed(x.axes, range(1, x.rank), step.lost(WHOLE))


def batch_norm(step: Step) -> Axes:
    if step.args.track_running_stats:
        return step.first.axes
    # without running statistics it takes the batch's, in eval mode too
    return all_lost(step.first.axes, step.lost(WHOLE))


def instance_norm(n: int) -> Rule:
    def rule(step: Step) -> Axes:
        x = step.first
        if step.args.track_running_stats:
            return x.axes
        return mixed(x.axes, range(x.rank - n, x.rank), step.lost(WHOLE))

    return rule


def layer_norm(step: Step) -> Axes:
    x = step.first
    count = len(ntuple(step.args.normalized_shape, 1))
    return mixed(x.axes, range(x.rank - count, x.rank), step.lost(WHOLE))


def response_norm(step: Step) -> Axes:
    return mixed(step.first.axes, (1,), step.lost(CHANNELS))


# --- dimensions that are mixed, removed, moved


def along(step: Step) -> Axes:
    """Of an op that mixes the dimension of its argument: softmax, GLU, a running sum."""
    x, dim = step.first, step.args.dim
    if dim is None:
        # the choice of torch's softmax layers
        dim = 0 if x.rank in (0, 1, 3) else 1
    return mixed(x.axes, (dim % max(x.rank, 1),), step.lost(WHOLE))


def last_dimension(step: Step) -> Axes:
    """Linear layers: positions lie in the dimensions before the features."""
    lost = step.lost(WHOLE)
    return united(step, [mixed(x.axes, (x.rank - 1,), lost) for x in step.tensors])


def third_last(step: Step) -> Axes:
    return mixed(step.first.axes, (step.first.rank - 3,), step.lost(CHANNELS))


def channels_shuffled(step: Step) -> Axes:
    return mixed(step.first.axes, (1,), step.lost(CHANNELS))


def reduction(step: Step) -> Axes:
    x, a = step.first, step.args
    dims = range(x.rank) if a.dim is None or a.dim == () else ntuple(a.dim, 1)
    return _reduced(step, x.rank, x.axes, [dim % max(x.rank, 1) for dim in dims], a.keepdim)


def _reduced(step: Step, rank: int, axes: Axes, dims: list[int], keepdim: bool) -> Axes:
    kept = [dim for dim in range(rank) if dim not in dims]
    places = {dim: dim if keepdim else new for new, dim in enumerate(kept)}
    return placed(axes, places, step.lost(WHOLE))


def cosine_similarity(step: Step) -> Axes:
    rank = max([x.rank for x in step.tensors])
    return _reduced(step, rank, joined(step, step.tensors), [step.args.dim % rank], False)


def pairwise_distance(step: Step) -> Axes:
    rank = max([x.rank for x in step.tensors])
    axes = joined(step, step.tensors)
    return _reduced(step, rank, axes, [rank - 1], step.args.keepdim)


def reshape(step: Step) -> Axes:
    x = step.first
    return placed(x.axes, reshaped(x.shape, step.outputs[0]), step.lost(FLAT))


def permute(step: Step) -> Axes:
    x = step.first
    dims = integers(step.args.dims, "dims")
    places = {dim % x.rank: new for new, dim in enumerate(dims)}
    return placed(x.axes, places, step.lost(FLAT))


def transpose(step: Step) -> Axes:
    x, a = step.first, step.args
    if not x.shape:
        return x.axes
    one, other = a.dim0 % x.rank, a.dim1 % x.rank
    places = {dim: dim for dim in range(x.rank)} | {one: other, other: one}
    return placed(x.axes, places, step.lost(FLAT))


def movedim(step: Step) -> Axes:
    x, a = step.first, step.args
    if not x.shape:
        return x.axes
    source = [dim % x.rank for dim in ntuple(a.source, 1)]
    target = [dim % x.rank for dim in ntuple(a.destination, 1)]
    places = dict(zip(source, target, strict=True))
    free = (dim for dim in range(x.rank) if dim not in target)
    rest = {dim: next(free) for dim in range(x.rank) if dim not in places}
    return placed(x.axes, places | rest, step.lost(FLAT))


def squeeze(step: Step) -> Axes:
    x, a = step.first, step.args
    dims = range(x.rank) if a.dim is None else [d % max(x.rank, 1) for d in ntuple(a.dim, 1)]
    gone = [dim for dim in dims if dim < x.rank and x.shape[dim] == 1]
    kept = [dim for dim in range(x.rank) if dim not in gone]
    places = {dim: new for new, dim in enumerate(kept)}
    return placed(x.axes, places, step.lost("{} removes the dimension"))


def unsqueeze(step: Step) -> Axes:
    x = step.first
    new = step.args.dim % (x.rank + 1)
    return placed(x.axes, {d: d + (d >= new) for d in range(x.rank)}, step.lost(FLAT))


def stack(step: Step) -> Axes:
    rank = len(step.outputs[0])
    new = step.args.dim % rank
    places = {d: d + (d >= new) for d in range(rank - 1)}
    lost = step.lost(FLAT)
    return united(step, [placed(x.axes, places, lost) for x in step.tensors])


def larger(step: Step) -> Axes:
    """``expand``, ``repeat`` and ``tile``: dimensions in front, and copies in others."""
    x, shape = step.first, step.outputs[0]
    offset = len(shape) - x.rank
    places = {dim: dim + offset for dim, size in enumerate(x.shape) if shape[dim + offset] == size}
    return placed(x.axes, places, step.lost("{} repeats positions"))


def cat(step: Step) -> Axes:
    # torch leaves empty vectors out
    sources = [x for x in step.tensors if x.shape != (0,)]
    if not sources:
        return step.first.axes
    if len(sources) == 1:
        return sources[0].axes
    dim = step.args.dim % sources[0].rank
    lost = step.lost("{} puts positions of several tensors one behind the other")
    return united(step, [mixed(x.axes, (dim,), lost) for x in sources])


# --- parts


def select(step: Step) -> Axes:
    x = step.first
    lost = step.lost("{} takes one position of the dimension")
    dim = step.args.dim % x.rank
    return placed(x.axes, {d: d - (d > dim) for d in range(x.rank) if d != dim}, lost)


def unbind(step: Step) -> Axes:
    return select(step)


def narrow(step: Step) -> Axes:
    x, a = step.first, step.args
    dim = a.dim % x.rank
    start = a.start + x.shape[dim] if a.start < 0 else a.start
    return slid(step, x.axes, {dim: sliding(1, before=-start)})


def pieces(step: Step) -> list[Axes]:
    """``chunk`` and ``split``: each piece begins where the one before it ends."""
    x = step.first
    dim = step.args.dim % x.rank
    found, start = [], 0
    for shape in step.outputs:
        found.append(slid(step, x.axes, {dim: sliding(1, before=-start)}))
        start += shape[dim]
    return found


def reordered(step: Step) -> Axes:
    """``flip`` and ``roll``."""
    x, a = step.first, step.args
    if step.op == "roll":
        dims = range(x.rank) if a.dims is None else ntuple(a.dims, 1)
    else:
        dims = integers(a.dims, "dims")
    lost = step.lost("{} puts positions into another order")
    return mixed(x.axes, [dim % max(x.rank, 1) for dim in dims], lost)


def matmul(step: Step) -> Axes:
    """Rows of the first see all of theirs, and so do columns of the second."""
    found, rank, lost = [], len(step.outputs[0]), step.lost(WHOLE)
    if any(isinstance(x, Seen) and x.rank < 2 for x in step.sources):
        return everything(step, lost)
    for place, x in enumerate(step.sources):
        axes = mixed(x.axes, (x.rank - 1 - place,), lost)
        batch = {
            dim: dim + rank - x.rank
            for dim, size in enumerate(x.shape)
            if dim >= x.rank - 2 or step.outputs[0][dim + rank - x.rank] == size
        }
        found.append(placed(axes, batch, step.lost("{} spreads one position over a dimension")))
    return united(step, found)


def embedding(step: Step) -> Axes:
    return step.first.axes


def nothing(step: Step) -> Axes:
    """Of what depends on the shape of its source alone."""
    return (None,) * len(step.first.axes)


def _each(names: str, rule: Rule) -> Mapping[str, Rule]:
    return dict.fromkeys(names.split(), rule)


ATTENTION = "after {} every position may see every other"
STATE = "{} carries a state from position to position"
INDICES = "{} picks positions by indices, which are data"

RULES: dict[str, Rule] = {
    **{f"Conv{n}d": convolution(n) for n in (1, 2, 3)},
    "FakeQuantConv2d": convolution(2),
    **{f"ConvTranspose{n}d": transposed_convolution(n) for n in (1, 2, 3)},
    **_each("Linear Bilinear", last_dimension),
    **_each("Flatten Unflatten flatten unflatten reshape view", reshape),
    **_each("BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm", batch_norm),
    **{f"InstanceNorm{n}d": instance_norm(n) for n in (1, 2, 3)},
    "GroupNorm": over_all_but_channels,
    **_each("LayerNorm RMSNorm", layer_norm),
    **_each("LocalResponseNorm CrossMapLRN2d", response_norm),
    **{f"{kind}Pool{n}d": pooling(n) for kind in ("Max", "Avg", "LP") for n in (1, 2, 3)},
    **{
        f"Adaptive{kind}Pool{n}d": adaptive_pooling(n) for kind in ("Avg", "Max") for n in (1, 2, 3)
    },
    **_each("MaxUnpool1d MaxUnpool2d MaxUnpool3d", lose_all("{} puts values where indices say")),
    **_each("FractionalMaxPool2d FractionalMaxPool3d", lose_all("{} places its windows at random")),
    **{
        f"{kind}Pad{n}d": pad_layer(n)
        for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular")
        for n in (1, 2, 3)
    },
    "pad": pad_function,
    **_each("Upsample interpolate", upsample),
    "UpsamplingNearest2d": upsample_nearest,
    "UpsamplingBilinear2d": upsample_bilinear,
    "PixelShuffle": pixel_shuffle,
    "PixelUnshuffle": pixel_unshuffle,
    "ChannelShuffle": channels_shuffled,
    **_each("Fold Unfold", lose_all(FLAT)),
    **_each(
        "Identity ELU Hardshrink Hardsigmoid Hardtanh Hardswish LeakyReLU LogSigmoid PReLU ReLU "
        "ReLU6 RReLU SELU CELU GELU Sigmoid SiLU Mish Softplus Softshrink Softsign Tanh Tanhshrink "
        "Threshold Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout",
        elementwise,
    ),
    **_each(
        "add sub mul div relu gelu silu sigmoid tanh exp log sqrt rsqrt sin cos square neg abs "
        "clamp pow multiply floor_divide remainder maximum minimum eq ne gt ge lt le where "
        "triu tril",
        elementwise,
    ),
    **_each("GLU Softmin Softmax LogSoftmax softmax log_softmax cumsum", along),
    "Softmax2d": third_last,
    **_each("Embedding one_hot", embedding),
    "EmbeddingBag": lose_all("{} sums over bags of positions"),
    **_each("RNN LSTM GRU RNNCell LSTMCell GRUCell", lose_all(STATE)),
    **_each(
        "MultiheadAttention TransformerEncoderLayer TransformerDecoderLayer TransformerEncoder "
        "TransformerDecoder Transformer scaled_dot_product_attention",
        lose_all(ATTENTION),
    ),
    "CosineSimilarity": cosine_similarity,
    "PairwiseDistance": pairwise_distance,
    "cat": cat,
    "stack": stack,
    "matmul": matmul,
    "einsum": lose_all("{} contracts dimensions, which are not followed through it"),
    **_each("mean sum amax amin var std norm", reduction),
    "permute": permute,
    "transpose": transpose,
    "movedim": movedim,
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    **_each("expand repeat tile", larger),
    "select": select,
    "unbind": unbind,
    "narrow": narrow,
    **_each("chunk split", pieces),
    "gather": lose_all(INDICES),
    **_each("flip roll", reordered),
    "positions": nothing,
}
"""By the names of the op table's eager rows."""

WINDOWS = frozenset(
    [name for name in RULES if "Conv" in name or "Pool" in name or "Pad" in name]
    + "Upsample interpolate UpsamplingNearest2d UpsamplingBilinear2d PixelShuffle "
    "PixelUnshuffle".split()
)
"""Ops that slide windows: without one, no dimension of an input is spatial."""
