"""A network's memory -> the lines below the table: what takes it, its peaks, what fits."""

from __future__ import annotations

from collections.abc import Iterator

from lazyinspect.footprint import ByDtype, Fit, Footprint, NotModelled, Peak, total
from lazyinspect.render import figures
from lazyinspect.render.paint import printable

_NAMED = 3
"""Steps that are named of those that are not modelled."""


def lines(memory: Footprint) -> Iterator[tuple[str, str]]:
    """Label and text of each line."""
    yield "parameters", _sizes(memory.parameters)
    if total(memory.buffers):
        yield "buffers", _sizes(memory.buffers)
    yield "inputs", _sizes(memory.inputs)
    yield "gradients", _sizes(memory.gradients)
    if memory.optimizer is not None:
        yield "optimizer", f"{_sizes(memory.optimizer_state)}, {memory.optimizer}"
    yield "kept", f"{_at_least(memory.training)}{_sizes(memory.kept)}, for the backward"
    measured = memory.measured
    seen = "" if measured is None else f"; measured {figures.size(measured.inference)}"
    yield "inference", f"{_peak(memory.inference)}{seen}"
    seen = ""
    if measured is not None and measured.training is not None:
        seen = f"; measured {figures.size(measured.training)}, without the optimizer"
    when = "in the optimizer's step" if memory.phase == "optimizer" else f"in the {memory.phase}"
    yield "training", f"{_peak(memory.training)}, {when}{seen}"
    if memory.no_statistics is not None:
        yield "measured", f"nothing: {memory.no_statistics} has no statistics of its memory"
    if memory.fit is not None:
        yield "fits", fits(memory.fit)
    if memory.not_modelled:
        yield "left out", left_out(memory.not_modelled)


def fits(fit: Fit) -> str:
    """``trains with a batch of 376 in 24.0 GiB: it takes 23.99 GiB, one of 377 24.05 GiB``."""
    room = figures.size(fit.memory)
    least = "" if fit.exact else "at least "
    verb = "trains" if fit.training else "runs without gradients"
    if not fit.batch:
        return f"{verb} with not even a batch of 1 in {room}: it takes {least}{_close(fit.peak)}"
    peak, above = _close(fit.peak), "" if fit.next_peak is None else _close(fit.next_peak)
    if fit.next_peak is not None and peak == above:
        peak, above = f"{fit.peak:,} B", f"{fit.next_peak:,} B"
    text = f"{verb} with a batch of {fit.batch:,} in {room}: it takes {least}{peak}"
    if fit.next_peak is None:
        return f"{text}, and one of {fit.batch + 1:,} does not plan"
    return f"{text}, one of {fit.batch + 1:,} {above}"


def _close(size: int) -> str:
    """A size with two decimals, as neighbours are close to each other."""
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= scale:
            return f"{size / scale:,.2f} {unit}"
    return f"{size} B"


def left_out(steps: tuple[NotModelled, ...]) -> str:
    """Which steps are not modelled, so that figures are lower bounds."""
    named = ", ".join(
        printable(f"{each.path} ({each.op}, line {each.place.line})") for each in steps[:_NAMED]
    )
    more = f" and {len(steps) - _NAMED:,} more" if len(steps) > _NAMED else ""
    return f"what these take inside: {named}{more}"


def _peak(peak: Peak) -> str:
    where = printable(f" at {peak.path}") if peak.path else ""
    return f"{_at_least(peak)}{figures.size(peak.bytes)}{where}"


def _at_least(peak: Peak) -> str:
    return "" if peak.exact else "at least "


def _sizes(sizes: ByDtype) -> str:
    """``97.5 MiB``; of several dtypes also each: ``97.6 MiB (float32 97.5 MiB, int64 424 B)``."""
    text = figures.size(total(sizes))
    present = {dtype: size for dtype, size in sizes.items() if size}
    if len(present) < 2:
        return text
    each = ", ".join(f"{dtype} {figures.size(size)}" for dtype, size in present.items())
    return f"{text} ({each})"
