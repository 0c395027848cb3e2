"""One application of an op over positions -> axes: convolutions, pooling, padding, resampling.

No torch here.
"""

from __future__ import annotations

import struct
from fractions import Fraction

from lazyinspect.measure.axes import (
    TOO_FINE,
    Axes,
    Rule,
    Seen,
    Step,
    all_lost,
    mixed,
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
from lazyinspect.measure.reasons import CHANNELS, WHOLE
from lazyinspect.shapes import ntuple


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
    return united(step, [all_lost(x.axes, step.lost(TOO_FINE)) for x in step.tensors])


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
