"""Sweep -> a small table, Markdown, CSV, or JSON (``lazyinspect/sweep/1``)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

from lazyinspect.render import figures, json
from lazyinspect.render.layout import Layout
from lazyinspect.render.markdown import escaped
from lazyinspect.render.paint import cut, pad, printable, width
from lazyinspect.shapes import format_shape
from lazyinspect.sweep import SCHEMA, Point, Sweep


def render(sweep: Sweep, form: str, layout: Layout) -> str:
    """The sweep in one format."""
    forms: dict[str, Callable[[Sweep, Layout], str]] = {
        "table": _table, "markdown": _markdown, "csv": _csv, "json": _json,
    }  # fmt: skip
    return forms[form](sweep, layout)


def _cells(point: Point, titles: list[str]) -> dict[str, str]:
    time = point.forward_ns
    shown = {
        "Variant": point.variant or "",
        "Input": inputs(point),
        "MACs": "" if point.macs is None else figures.scaled(point.macs),
        "Peak": ""
        if point.peak_inference_bytes is None
        else figures.size(point.peak_inference_bytes),
        "Training": "" if point.training_ns is None else figures.duration(point.training_ns.median),
        "Training peak": ""
        if point.peak_training_bytes is None
        else figures.size(point.peak_training_bytes),
        "Forward": "" if time is None else figures.duration(time.median),
        "80% of runs": "" if time is None else figures.spread(time),
        "Inputs/s": ""
        if point.inputs_per_second is None
        else figures.rate(point.inputs_per_second),
        "FLOP/s": ""
        if point.flops is None or time is None or not time.median
        else figures.flops_per_second(point.flops, time.median),
    }
    return {title: shown[title] for title in titles}


def inputs(point: Point) -> str:
    """``[8, 3, 224, 224]``; of several inputs their names as well."""
    shapes = [(name, format_shape(shape)) for name, shape in point.inputs.items()]
    if len(shapes) == 1:
        text = shapes[0][1]
    else:
        text = ", ".join(f"{name} {shape}" for name, shape in shapes)
    if point.problem is not None and point.batch is not None:
        return f"batch {point.batch:,}" + (f" of {text}" if text else "")
    return printable(text)


def _titles(sweep: Sweep) -> list[str]:
    titles = ["Variant"] if any(point.variant for point in sweep.points) else []
    titles += ["Input", "MACs", "Peak"]
    if any(point.forward_ns for point in sweep.points):
        titles += ["Forward", "80% of runs", "Inputs/s", "FLOP/s"]
    if any(point.training_ns for point in sweep.points):
        titles += ["Training"]
    if any(point.peak_training_bytes for point in sweep.points):
        titles += ["Training peak"]
    return titles


def _table(sweep: Sweep, layout: Layout) -> str:
    titles = _titles(sweep)
    rows = [_cells(point, titles) for point in sweep.points]
    widths = {title: max([width(title), *(width(row[title]) for row in rows)]) for title in titles}
    left = {"Variant", "Input"}

    def line(cells: dict[str, str]) -> str:
        parts = [pad(cells[t], widths[t], right=t not in left) for t in titles]
        return "  ".join(parts).rstrip()

    lines = [f"{printable(sweep.name)}  {printable(sweep.path)}", "", line({t: t for t in titles})]
    lines.append(("─" if layout.unicode else "-") * width(lines[-1]))
    for point, row in zip(sweep.points, rows, strict=True):
        if point.problem is None:
            lines.append(line(row))
        else:
            lead = f"{row['Input']}  "
            more = cut(printable(point.problem), max(layout.width - width(lead), 20))
            lines.append(lead + more)
    if len(sweep.points) < sweep.asked:
        lines += ["", f"interrupted: {len(sweep.points)} of {sweep.asked} were done"]
    lines += ["", where(sweep)]
    return "\n".join(lines) + "\n"


def where(sweep: Sweep) -> str:
    """Where it was measured."""
    environment = sweep.environment
    if environment is None:
        return "nothing was planned"
    if environment.device == "meta":
        return "planned, not run on a device"
    name = f" ({environment.device_name})" if environment.device_name else ""
    return printable(f"measured on {environment.device}{name}")


def _markdown(sweep: Sweep, layout: Layout) -> str:
    titles = _titles(sweep)
    lines = [f"## {escaped(printable(sweep.name))}", "", "| " + " | ".join(titles) + " |"]
    lines.append("|" + "".join("---|" if t in ("Variant", "Input") else "---:|" for t in titles))
    for point in sweep.points:
        cells = _cells(point, titles)
        if point.problem is not None:
            cells[titles[-1]] = escaped(printable(point.problem))
        lines.append("| " + " | ".join(cells[title] for title in titles) + " |")
    return "\n".join([*lines, "", f"- {escaped(where(sweep))}"]) + "\n"


_FIELDS = (
    "spec", "variant", "batch", "inputs", "param_count", "macs", "flops", "peak_inference_bytes",
    "activation_bytes", "forward_median_ns", "forward_p10_ns", "forward_p90_ns",
    "inputs_per_second", "training_median_ns", "peak_training_bytes", "problem",
)  # fmt: skip


def _csv(sweep: Sweep, layout: Layout) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_FIELDS)
    for point in sweep.points:
        time = point.forward_ns
        writer.writerow(
            [
                printable(sweep.name), point.variant, point.batch,
                "; ".join(f"{n} {format_shape(s)}" for n, s in point.inputs.items()),
                point.param_count, point.macs, point.flops, point.peak_inference_bytes,
                point.activation_bytes,
                *((None, None, None) if time is None else (time.median, time.p10, time.p90)),
                point.inputs_per_second,
                None if point.training_ns is None else point.training_ns.median,
                point.peak_training_bytes, point.code,
            ]
        )  # fmt: skip
    return text.getvalue()


def data(sweep: Sweep) -> dict[str, Any]:
    """The sweep as JSON's own types."""
    environment = sweep.environment
    return {
        "schema": SCHEMA,
        "spec": {"path": sweep.path, "name": sweep.name},
        "environment": None if environment is None else {
            "lazyinspect": environment.lazyinspect, "torch": environment.torch,
            "python": environment.python, "device": environment.device,
            "device_name": environment.device_name,
        },
        "asked": sweep.asked,
        "points": [_point(point) for point in sweep.points],
    }  # fmt: skip


def _point(point: Point) -> dict[str, Any]:
    time = point.forward_ns
    return {
        "variant": point.variant,
        "batch": point.batch,
        "inputs": {name: list(shape) for name, shape in point.inputs.items()},
        "param_count": point.param_count,
        "macs": point.macs,
        "flops": point.flops,
        "peak_inference_bytes": point.peak_inference_bytes,
        "activation_bytes": point.activation_bytes,
        "forward_ns": None
        if time is None
        else {"median": time.median, "p10": time.p10, "p90": time.p90},
        "inputs_per_second": point.inputs_per_second,
        "training_ns": None
        if point.training_ns is None
        else {
            "median": point.training_ns.median,
            "p10": point.training_ns.p10,
            "p90": point.training_ns.p90,
        },
        "peak_training_bytes": point.peak_training_bytes,
        "flops_per_second": point.flops_per_second,
        "problem": None
        if point.problem is None
        else {"code": point.code, "message": point.problem},
    }


def _json(sweep: Sweep, layout: Layout) -> str:
    return json.pretty(data(sweep)) + "\n"
