"""Report -> the lines above the table and below it: which network, totals, times, the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from textwrap import wrap

from lazyinspect.render import figures, footprint
from lazyinspect.render.paint import Line as TextLine
from lazyinspect.render.paint import printable
from lazyinspect.render.tree import Line
from lazyinspect.report import NamedTensor, Report
from lazyinspect.shapes import format_shape

_LABEL = 12


def summary(
    report: Report, drawn: Sequence[Line], width: int, *, device: bool = True
) -> tuple[list[TextLine], list[TextLine]]:
    """What stands above the table, and what stands below.

    Args:
        device: whether to say at its end where it ran.
    """
    foot = [*_legend(drawn), *_totals(report, width), *_memory(report, width)]
    return head(report, width), [*foot, *_device(report)] if device else foot


def title(report: Report) -> str:
    """``resnet, variant r50``."""
    name = report.spec.name or "network"
    return printable(f"{name}, variant {report.spec.variant}" if report.spec.variant else name)


def parameters(report: Report) -> str:
    """``n2=4, classes=1000``: what the spec was resolved with."""
    return printable(figures.arguments(report.spec.params))


def edges(tensors: Sequence[NamedTensor]) -> str:
    """``ids [1, 64] int64, mask [1, 64] float32``."""
    return ", ".join(
        printable(f"{each.name} {format_shape(each.shape)} {each.dtype}".strip())
        for each in tensors
    )


def macs(report: Report) -> str:
    """The multiply-accumulates, exact and rounded, and what the sum leaves out."""
    totals = report.totals
    left_out = _plural(totals.rows_without_macs, "row") + " marked ?"
    if totals.macs is None:
        return f"not known: {left_out}"
    text = figures.count(totals.macs)
    if type(totals.macs) is int and totals.macs >= 1000:
        text += f" ({figures.scaled(totals.macs)})"
    text = f"{text}, leaving out {left_out}" if totals.rows_without_macs else text
    return text + _so_far(report)


def params(report: Report) -> str:
    """The parameter count, and how many of them train."""
    totals = report.totals
    text = figures.count(totals.param_count)
    if totals.trainable_param_count != totals.param_count:
        text += f", {figures.count(totals.trainable_param_count)} trainable"
    return text + _so_far(report)


def memory(report: Report) -> str:
    """Bytes of parameters and buffers."""
    totals = report.totals
    text = f"{figures.size(totals.param_bytes)} of parameters"
    if totals.buffer_bytes:
        text += f", {figures.size(totals.buffer_bytes)} of buffers"
    return text + _so_far(report)


def _so_far(report: Report) -> str:
    """A partial report's totals are those of its rows."""
    return ", so far" if report.stopped is not None else ""


def forward(report: Report) -> str | None:
    """The measured time of the whole forward; None where it was not measured."""
    if report.timing is None:
        return None
    timing = report.timing
    time = timing.forward_ns
    median = f"{figures.duration(time.median)} on {printable(timing.device)}"
    return f"{median} (median of {timing.runs}; 80% took {figures.spread(time)})"


def speed(report: Report) -> str | None:
    """``6.94 inputs/s, 111 GFLOP/s; float32, 2 threads``; None where nothing was measured."""
    timing = report.timing
    if timing is None or not timing.forward_ns.median:
        return None
    parts = []
    if timing.inputs_per_second is not None:
        parts.append(f"{figures.rate(timing.inputs_per_second)} inputs/s")
    totals = report.totals
    if totals.flops and not totals.rows_without_macs:
        parts.append(figures.flops_per_second(totals.flops, timing.forward_ns.median))
    how = [timing.dtype or ""] + ([f"autocast {timing.amp}"] if timing.amp else [])
    how += ["channels last"] if timing.channels_last else []
    how += [_plural(timing.threads, "thread")] if timing.threads is not None else []
    return "; ".join(filter(None, (", ".join(parts), ", ".join(filter(None, how)))))


def besides(report: Report) -> list[tuple[str, str]]:
    """What else was timed: training, compiling, and the layers against the whole."""
    timing = report.timing
    if timing is None:
        return []
    found = []
    if timing.training_ns is not None:
        time = timing.training_ns
        text = f"{figures.duration(time.median)} with the forward"
        found.append(("backward", f"{text} (80% took {figures.spread(time)})"))
    if timing.compile_ns is not None:
        text = f"{figures.duration(timing.compile_ns)} for the first forward"
        found.append(("compiling", f"{text}; compiled layers have no times of their own"))
    if timing.layers_ns and timing.hooked_ns and timing.forward_ns.median:
        whole = timing.forward_ns.median
        overhead = timing.hooked_ns / whole - 1
        sum_ = figures.duration(timing.layers_ns)
        text = f"{sum_} together, {figures.share(timing.layers_ns / whole)} of the forward; timing"
        more = "more" if overhead >= 0 else "less"
        found.append(("layers", f"{text} them took {figures.share(abs(overhead))} {more}"))
    return found


def verdict(report: Report) -> str | None:
    """``verified on cpu: 175 layers agree with the plan``; None where nothing ran."""
    verified = report.verified
    if verified is None:
        return None
    if verified.mismatches:
        return f"NOT verified on {verified.device}: {_plural(len(verified.mismatches), 'mismatch')}"
    agree = "agrees" if verified.layers == 1 else "agree"
    return (
        f"verified on {verified.device}: {_plural(verified.layers, 'layer')} {agree} with the plan"
    )


def ending(report: Report) -> str | None:
    """Of a partial report, where it ends and what follows; None of any other."""
    stopped = report.stopped
    if stopped is None:
        return None
    where = printable(f"`{stopped.path}` ({stopped.declared}, line {stopped.place.line})")
    count = _plural(stopped.remaining, "step")
    if stopped.stage == "plan":
        follow = "follows" if stopped.remaining == 1 else "follow"
        more = f"{count} of the spec {follow}" if stopped.remaining else "the spec's last step"
        return f"planning stopped at {where}: {more}"
    device = printable(report.environment.device)
    more = f"{count} did not run" if stopped.remaining else "the last step"
    return f"the forward on {device} stopped at {where}: {more}"


def head(report: Report, width: int) -> list[TextLine]:
    """Which network, and what it was resolved with."""
    lines: list[TextLine] = [[(title(report), "bold"), (f"  {printable(report.spec.path)}", "dim")]]
    if report.spec.params:
        lines += labelled("params", parameters(report), width)
    alone = len(report.inputs) == 1
    inputs = [replace(each, name="") for each in report.inputs] if alone else report.inputs
    lines += labelled("input" if alone else "inputs", edges(inputs), width)
    if len(report.outputs) > 1:
        lines += labelled("outputs", edges(report.outputs), width)
    return lines


def _legend(drawn: Sequence[Line]) -> list[TextLine]:
    notes = []
    if any(line.count > 1 for line in drawn):
        notes.append("(xN)  N equal blocks in a row, drawn once; the figures are those of one")
    if any(line.row.call for line in drawn):
        notes.append("(call N)  used again; parameters count at the first call")
    if any(line.row.status == "unmet" for line in drawn):
        notes.append("(unmet)  the output is not what its `expect:` says")
    return [*([(note, "dim")] for note in notes), []] if notes else []


def _totals(report: Report, width: int) -> list[TextLine]:
    totals, whole = report.totals, report.stopped is None
    lines: list[TextLine] = []
    # of a part of a network, a sum that is 0 so far says nothing
    if whole or totals.param_count:
        lines += labelled("parameters", params(report), width)
    if whole or totals.param_bytes:
        lines += labelled("memory", memory(report), width)
    if whole or totals.macs != 0:
        lines += labelled("MACs", macs(report), width)
    time = forward(report)
    if time is not None:
        lines += labelled("forward", time, width)
        lines += labelled("speed", speed(report) or "", width)
        for label, text in besides(report):
            lines += labelled(label, text, width)
    return lines


def _memory(report: Report, width: int) -> list[TextLine]:
    if report.memory is None:
        return []
    lines: list[TextLine] = [[], [("memory", "bold")]]
    for label, text in footprint.lines(report.memory):
        lines += labelled(label, text, width)
    return [*lines, []]


def _device(report: Report) -> list[TextLine]:
    stopped = ending(report)
    if stopped is not None:
        return [[(stopped, "bold red")]]
    text = verdict(report)
    if text is None:
        return [[("planned, not run on a device", "dim")]]
    assert report.verified is not None
    bad = bool(report.verified.mismatches)
    return [
        [(text, "bold red" if bad else "green")],
        *([(f"  {printable(mismatch)}", "red")] for mismatch in report.verified.mismatches),
    ]


def labelled(label: str, text: str, width: int) -> list[TextLine]:
    """A label, and its text beside it, wrapped."""
    first, *more = wrap(text, max(width - _LABEL, 20), break_long_words=False) or [""]
    rest = [[(" " * _LABEL + line, "")] for line in more]
    return [[(label.ljust(_LABEL), "dim"), (first, "")], *rest]


def _plural(number: int, noun: str) -> str:
    ending = "" if number == 1 else "es" if noun.endswith("ch") else "s"
    return f"{figures.count(number)} {noun}{ending}"
