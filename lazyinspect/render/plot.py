"""Sweep -> a picture of its times, svg or png, by matplotlib (extra ``plot``)."""

from __future__ import annotations

import io
from typing import Any

from lazyinspect.errors import Problem, SpecError
from lazyinspect.export.extras import missing_extra
from lazyinspect.render import figures
from lazyinspect.render.sweep import inputs
from lazyinspect.shapes import prod
from lazyinspect.sweep import Point, Sweep

_DECADE = 10


def plot(sweep: Sweep, form: str) -> bytes:
    """Throughput and time of the forward over the batch, or over the size of the input.

    Args:
        form: ``svg`` or ``png``.

    Raises:
        SpecError: matplotlib is not installed, or fewer than two points were timed.
    """
    timed = [point for point in sweep.points if point.forward_ns is not None]
    if len(timed) < 2:
        raise SpecError(
            Problem("nothing-to-plot", f"a plot needs two timed points, and there are {len(timed)}",
                    help="give several to --batch or --input, and a device that runs")
        )  # fmt: skip
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise missing_extra("matplotlib", "plot", error) from None
    label, sizes = _axis(timed)
    # text stays text, and the same sweep gives the same bytes
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "lazyinspect"}):
        figure = Figure(figsize=(7, 6), layout="constrained")
        times, rates = figure.subplots(2, 1, sharex=True)
        _times(times, timed, sizes)
        _rates(rates, timed, sizes)
        rates.set_xlabel(label)
        if max(sizes) >= _DECADE * min(sizes):
            rates.set_xscale("log")
        ticks = [
            str(s) if label == "batch" else inputs(p) for p, s in zip(timed, sizes, strict=True)
        ]
        rates.set_xticks(sizes, labels=ticks)
        rates.minorticks_off()
        device = sweep.environment.device if sweep.environment is not None else ""
        times.set_title(f"{sweep.name} on {device}")
        file = io.BytesIO()
        metadata = {"Date": None} if form == "svg" else {}
        figure.savefig(file, format=form, dpi=150, metadata=metadata)
    return file.getvalue()


def _axis(points: list[Point]) -> tuple[str, list[int]]:
    batches = [next(iter(point.inputs.values()))[0] for point in points]
    if len(set(batches)) == len(points):
        return "batch", batches
    return "elements of the input", [sum(map(prod, point.inputs.values())) for point in points]


def _times(axes: Any, points: list[Point], sizes: list[int]) -> None:
    spans = [point.forward_ns for point in points if point.forward_ns is not None]
    medians = [span.median / 1e6 for span in spans]
    low = [(span.median - span.p10) / 1e6 for span in spans]
    high = [(span.p90 - span.median) / 1e6 for span in spans]
    axes.errorbar(sizes, medians, yerr=[low, high], marker="o", capsize=3)
    axes.set_ylabel("forward, ms (80% of runs)")
    texts = [figures.duration(span.median) for span in spans]
    _label(axes, sizes, medians, texts, max(span.p90 for span in spans) / 1e6)


def _rates(axes: Any, points: list[Point], sizes: list[int]) -> None:
    rates = [point.inputs_per_second or 0.0 for point in points]
    axes.plot(sizes, rates, marker="s", color="C1")
    axes.set_ylabel("inputs/s")
    _label(axes, sizes, rates, [figures.rate(rate) for rate in rates], max(rates))


def _label(
    axes: Any, sizes: list[int], values: list[float], texts: list[str], highest: float
) -> None:
    """Each point with its figure; the axis begins at 0, and has room for the highest."""
    axes.set_ylim(0, 1.15 * highest)
    axes.grid(alpha=0.3)
    for size, value, text in zip(sizes, values, texts, strict=True):
        axes.annotate(
            text, (size, value), textcoords="offset points", xytext=(0, 7), ha="center",
            fontsize=8,
        )  # fmt: skip
