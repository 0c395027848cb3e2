"""Report -> JSON, the public contract ``lazyinspect/report/1``, keys in its documented order.

One line for each layer: small enough to diff, and ``jq`` reads it like any other layout.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lazyinspect.footprint import Footprint, Peak
from lazyinspect.render.accounting import account_data, top_data
from lazyinspect.report import (
    SCHEMA,
    Duration,
    LayerRow,
    NamedTensor,
    NoField,
    Place,
    ReceptiveField,
    Report,
    Stopped,
    Timing,
    Totals,
    Verified,
)
from lazyinspect.shapes import whole

_PIECE = 1_000


def render(report: Report) -> str:
    """One JSON object and a newline."""
    return "".join(pieces(report))


def pieces(report: Report) -> Iterator[str]:
    """The same, a thousand rows at a time: a million of them in one piece take gigabytes."""
    rows = report.layers
    # what is nested is written in one line, so that no other key starts one
    head, key, tail = pretty(data(replace(report, layers=()))).partition('\n "layers": []')
    yield f"{head}{key[:-1]}"
    for start in range(0, len(rows), _PIECE):
        text = ",\n".join(f"  {_compact(_layer(row))}" for row in rows[start : start + _PIECE])
        yield f"{',' if start else ''}\n{text}"
    yield f"]{tail}\n"


def render_array(reports: Iterable[Report]) -> str:
    """A JSON array of reports and a newline: one for each variant."""
    return array(map(data, reports))


def array(documents: Iterable[Mapping[str, Any]]) -> str:
    """A JSON array of documents and a newline."""
    return "[" + ",".join(map(pretty, documents)) + "]\n"


def data(report: Report) -> dict[str, Any]:
    """The report as JSON's own types. An absent figure is None, a figure that is 0 is 0."""
    spec, environment = report.spec, report.environment
    return {
        "schema": SCHEMA,
        "spec": {
            "path": spec.path,
            "name": spec.name,
            "variant": spec.variant,
            "params": plain(spec.params),
        },
        "environment": {
            "lazyinspect": environment.lazyinspect,
            "torch": environment.torch,
            "python": environment.python,
            "device": environment.device,
            "device_name": environment.device_name,
        },
        "inputs": _tensors(report.inputs),
        "outputs": _tensors(report.outputs),
        "layers": [_layer(row) for row in report.layers],
        "totals": _totals(report.totals),
        "timing": None if report.timing is None else _timing(report.timing),
        "verified": None if report.verified is None else _verified(report.verified),
        **({} if report.memory is None else {"memory": footprint(report.memory)}),
        **({} if report.accounts is None else {"accounting": account_data(report.accounts)}),
        **({} if report.top is None else {"top": top_data(report.top)}),
        **({} if report.stopped is None else {"stopped": _stopped(report.stopped)}),
    }


def plain(value: Any) -> Any:
    """A value of a spec as JSON holds it; infinities and NaN, which JSON lacks, as strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if type(value) is not int and whole(value):
        return repr(value)  # a formula
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value)


def _layer(row: LayerRow) -> dict[str, Any]:
    value: dict[str, Any] = {
        "path": row.path,
        "call": row.call,
        "depth": row.depth,
        "declared": row.declared,
        "type": row.type,
        "args": plain(row.args),
        "inputs": _tensors(row.inputs),
        "outputs": _tensors(row.outputs),
        "param_count": row.param_count,
        "trainable_param_count": row.trainable_param_count,
        "param_bytes": row.param_bytes,
        "buffer_bytes": row.buffer_bytes,
        "macs": row.macs,
        "flops": row.flops,
        "time_ns": None if row.time_ns is None else _duration(row.time_ns),
        "source": {**_place(row.place), "used_at": [_place(place) for place in row.used_at]},
        "receptive_field": _field(row.receptive_field),
    }
    if isinstance(row.receptive_field, NoField):
        value["no_receptive_field"] = row.receptive_field.reason
    if not row.complete:
        value |= dict.fromkeys(_FIGURES)
    if row.status != "ok":
        value["status"] = row.status
    return value


def _field(field: ReceptiveField | NoField | None) -> dict[str, Any] | None:
    if not isinstance(field, ReceptiveField):
        return None
    return {
        "inputs": list(field.inputs),
        "dims": list(field.dims),
        "size": list(field.size),
        "least": list(field.least),
        "jump": [float(j) if j.denominator > 1 else j.numerator for j in field.jump],
        "start": list(field.start),
        "padding": list(field.padding),
        "period": list(field.period),
    }


_FIGURES = ("param_count", "trainable_param_count", "param_bytes", "buffer_bytes", "macs", "flops")


def _stopped(stopped: Stopped) -> dict[str, Any]:
    return {
        "stage": stopped.stage,
        "path": stopped.path,
        "declared": stopped.declared,
        "source": _place(stopped.place),
        "remaining": stopped.remaining,
    }


def _totals(totals: Totals) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "param_count": totals.param_count,
        "trainable_param_count": totals.trainable_param_count,
        "param_bytes": totals.param_bytes,
        "buffer_bytes": totals.buffer_bytes,
        "macs": totals.macs,
        "flops": totals.flops,
    }
    if totals.rows_without_macs:
        figures["rows_without_macs"] = totals.rows_without_macs
    figures["activation_bytes"] = totals.activation_bytes
    figures["peak_inference_bytes"] = totals.peak_inference_bytes
    return figures


def footprint(memory: Footprint) -> dict[str, Any]:
    """Memory in bytes; what is by dtype has a dtype's name and its bytes."""
    fit, measured = memory.fit, memory.measured
    return {
        "parameters": dict(memory.parameters),
        "buffers": dict(memory.buffers),
        "inputs": dict(memory.inputs),
        "gradients": dict(memory.gradients),
        "optimizer": memory.optimizer,
        "optimizer_state": dict(memory.optimizer_state),
        "kept": dict(memory.kept),
        "inference": _peak(memory.inference),
        "training": {**_peak(memory.training), "phase": memory.phase},
        "not_modelled": [
            {"path": each.path, "op": each.op, "source": _place(each.place)}
            for each in memory.not_modelled
        ],
        "fit": None if fit is None else {
            "memory": fit.memory, "batch": fit.batch, "peak": fit.peak,
            "next_peak": fit.next_peak, "exact": fit.exact, "training": fit.training,
        },
        "measured": None if measured is None else {
            "device": measured.device, "inference": measured.inference,
            "training": measured.training,
        },
    }  # fmt: skip


def _peak(peak: Peak) -> dict[str, Any]:
    return {"bytes": peak.bytes, "path": peak.path, "exact": peak.exact}


def _timing(timing: Timing) -> dict[str, Any]:
    return {
        "device": timing.device,
        "warmup": timing.warmup,
        "runs": timing.runs,
        "forward_ns": _duration(timing.forward_ns),
        "warmed": timing.warmed,
        "threads": timing.threads,
        "dtype": timing.dtype,
        "batch": timing.batch,
        "inputs_per_second": timing.inputs_per_second,
        "training_ns": None if timing.training_ns is None else _duration(timing.training_ns),
        "layers_ns": timing.layers_ns,
        "hooked_ns": timing.hooked_ns,
        "compile_ns": timing.compile_ns,
        "amp": timing.amp,
        "channels_last": timing.channels_last,
    }


def _verified(verified: Verified) -> dict[str, Any]:
    return {
        "device": verified.device,
        "layers": verified.layers,
        "mismatches": list(verified.mismatches),
    }


def _tensors(tensors: Sequence[NamedTensor]) -> list[dict[str, Any]]:
    return [{"name": each.name, "shape": list(each.shape), "dtype": each.dtype} for each in tensors]


def _duration(time: Duration) -> dict[str, int]:
    return {"median": time.median, "p10": time.p10, "p90": time.p90}


def _place(place: Place) -> dict[str, int]:
    return {"line": place.line, "column": place.column}


_LISTED = ("layers", "conditions", "problems", "results", "comparisons")
"""Keys whose items have a line each, and stand in documents or in documents inside them."""


def pretty(value: Mapping[str, Any], indent: str = "") -> str:
    """One key a line, and under ``layers`` or ``problems`` one item a line."""
    parts = []
    for key, item in value.items():
        text = _compact(item)
        if key in _LISTED and item:
            text = "[\n" + ",\n".join(f"{indent}  {_compact(row)}" for row in item) + "]"
        elif isinstance(item, Mapping) and "schema" in item:
            text = pretty(item, f"{indent} ")
        parts.append(f'{indent} "{key}": {text}')
    return "{\n" + ",\n".join(parts) + "}"


def _compact(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    # what would steer a terminal stands in strings, where JSON has another way to write it
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(char: str) -> str:
    return char if char.isprintable() else json.dumps(char)[1:-1]
