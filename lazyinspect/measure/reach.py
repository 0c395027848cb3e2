"""What layers read along one dimension -> what a position sees of the input. No torch here.

Positions of an output need not be alike: after an upsampling by 2, even and odd ones see other
windows. But they repeat: what position ``p + period`` sees is what ``p`` sees, ``shift`` further
on. So one entry for each position of a period says everything, and all of it in whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

LIMIT = 1024
"""Positions of a period that are followed."""


class TooFine(Exception):
    """A period is longer than LIMIT."""


@dataclass(frozen=True, slots=True)
class Taps:
    """Which positions of its input each position of a layer's output reads, along one dimension.

    Output position ``r + len(phases) * t`` reads ``offset + advance * t`` for every offset in
    ``phases[r]``, which may be empty.
    """

    advance: int
    phases: tuple[range, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """The interval of the network's input that each position of a tensor sees, in one dimension.

    Position ``r + period * t`` sees ``lows[r] + shift * t`` to ``highs[r] + shift * t``, borders
    not regarded; nothing where they are None.
    """

    shift: int
    lows: tuple[int | None, ...]
    highs: tuple[int | None, ...]

    @property
    def period(self) -> int:
        return len(self.lows)

    @property
    def jump(self) -> Fraction:
        """Input positions from one position to the next, on average over a period."""
        return Fraction(self.shift, len(self.lows))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of each position of a period; 0 where it sees nothing."""
        pairs = zip(self.lows, self.highs, strict=True)
        return tuple([0 if low is None or high is None else high - low + 1 for low, high in pairs])


ONE = Reach(1, (0,), (0,))
"""Of the input itself: every position sees itself."""


def sliding(kernel: int, stride: int = 1, dilation: int = 1, before: int = 0) -> Taps:
    """A window: convolutions, pooling; with ``kernel`` 1 also padding and cropping.

    Args:
        before: positions of padding in front; below 0, of cropping.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
    """
    last = dilation * (kernel - 1) - before
    return Taps(stride, (range(-before, last + 1, dilation),))


def transposed(kernel: int, stride: int, dilation: int, before: int) -> Taps:
    """A transposed convolution: input position i adds to ``i * stride - before + j * dilation``.

    Args:
        before: its ``padding``, which is cropped.

    Raises:
        TooFine: too large a stride.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html
    """
    _require(stride)
    common = gcd(stride, dilation)
    every, apart = stride // common, dilation // common
    inverse = pow(apart, -1, every)
    phases = []
    for phase in range(stride):
        # taps j of this phase: those with j * dilation = phase + before, modulo the stride
        place = phase + before
        first = (place // common * inverse) % every
        if place % common or first >= kernel:
            phases.append(range(0))
            continue
        highest = (place - first * dilation) // stride
        count = (kernel - 1 - first) // every
        phases.append(range(highest - count * apart, highest + 1, apart))
    return Taps(1, tuple(phases))


def spread(factor: int) -> Taps:
    """Nearest-neighbour upsampling by a whole factor. Raises TooFine."""
    _require(factor)
    return Taps(1, (range(1),) * factor)


def adaptive(size: int, out: int) -> Taps:
    """An adaptive pooling: position p reads from ``floor(p size / out)`` to before
    ``ceil((p + 1) size / out)``.

    Raises:
        TooFine: the windows repeat too late.

    Source: https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/AdaptivePooling.h
    """
    common = gcd(size, out)
    period = out // common
    _require(period)
    return Taps(
        size // common,
        tuple(range(r * size // out, -(-(r + 1) * size // out)) for r in range(period)),
    )


def interpolated(origin: Fraction, step: Fraction, before: int, after: int) -> Taps:
    """Linear and cubic resampling: position p lies at ``origin + p * step`` of the input, and
    reads so many positions before it and after it; itself alone where it lies on one.

    Raises:
        TooFine: the places repeat too late.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
    """
    period = step.denominator
    _require(period)
    phases = []
    for r in range(period):
        place = origin + r * step
        floor = place.numerator // place.denominator
        on = place.denominator == 1
        phases.append(range(floor, floor + 1) if on else range(floor - before, floor + after + 1))
    return Taps(step.numerator, tuple(phases))


def through(reach: Reach, taps: Taps) -> Reach:
    """What positions of a layer's output see, of what those of its input see.

    Raises:
        TooFine: the fields repeat too late.
    """
    period, lows, highs = reach.period, reach.lows, reach.highs
    if period == 1 and len(taps.phases) == 1 and lows[0] is not None and highs[0] is not None:
        # the usual case, in which all positions are alike
        (window,) = taps.phases
        low, high = reach.shift * window[0] + lows[0], reach.shift * window[-1] + highs[0]
        return Reach(reach.shift * taps.advance, (low,), (high,))
    rounds = period // gcd(period, taps.advance)
    _require(rounds * len(taps.phases))
    found: list[tuple[int | None, int | None]] = []
    for turn in range(rounds):
        for window in taps.phases:
            # what repeats after a period only moves on, so the first ones reach furthest back
            first = _at(reach.shift, lows, window[:period], taps.advance * turn)
            last = _at(reach.shift, highs, window[-period:], taps.advance * turn)
            found.append((min(first, default=None), max(last, default=None)))
    shift = reach.shift * (taps.advance * rounds // period)
    return _shortest(shift, *zip(*found, strict=True))


def _at(shift: int, ends: tuple[int | None, ...], window: range, moved: int) -> Iterator[int]:
    for offset in window:
        turns, phase = divmod(offset + moved, len(ends))
        end = ends[phase]
        if end is not None:
            yield end + shift * turns


def union(a: Reach, b: Reach) -> Reach | None:
    """What positions see through either of two paths; None where their jumps differ.

    Raises:
        TooFine: the fields repeat together too late.
    """
    if a == b:
        return a
    if a.shift * b.period != b.shift * a.period:
        return None
    period = a.period // gcd(a.period, b.period) * b.period
    _require(period)
    shift = a.shift * (period // a.period)
    lows, highs = [], []
    for r in range(period):
        low = [*_at(a.shift, a.lows, range(r, r + 1), 0), *_at(b.shift, b.lows, range(r, r + 1), 0)]
        high = [
            *_at(a.shift, a.highs, range(r, r + 1), 0),
            *_at(b.shift, b.highs, range(r, r + 1), 0),
        ]
        lows.append(min(low, default=None))
        highs.append(max(high, default=None))
    return _shortest(shift, tuple(lows), tuple(highs))


def _shortest(shift: int, lows: tuple[int | None, ...], highs: tuple[int | None, ...]) -> Reach:
    """With the least period: fields that are alike are then equal."""
    period = len(lows)
    for less in range(1, period):
        if period % less or shift * less % period:
            continue
        step = shift * less // period
        if all(
            _moved(ends[r], step) == ends[r + less]
            for ends in (lows, highs)
            for r in range(period - less)
        ):
            return Reach(step, lows[:less], highs[:less])
    return Reach(shift, lows, highs)


def _moved(end: int | None, step: int) -> int | None:
    return None if end is None else end + step


def _require(period: int) -> None:
    if period > LIMIT:
        raise TooFine
