"""A check or a comparison -> JSON: ``lazyinspect/check/1`` and ``lazyinspect/diff/1``.

Their JSON Schemas are ``check.schema.json`` and ``diff.schema.json`` in the documentation. What
is absent is null, or an empty list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lazyinspect.drift import (
    Change,
    Checked,
    CheckReport,
    Comparison,
    Drift,
    Pair,
    Row,
    Snapshot,
    Spender,
)
from lazyinspect.render import json
from lazyinspect.render.drift import words
from lazyinspect.render.problems_json import place_data, problem_data
from lazyinspect.report import NamedTensor, Totals

CHECK = "lazyinspect/check/1"
DIFF = "lazyinspect/diff/1"


def check(report: CheckReport) -> str:
    """One JSON object and a newline."""
    return json.pretty(check_data(report)) + "\n"


def check_data(report: CheckReport) -> dict[str, Any]:
    """The report as JSON's own types."""
    return {
        "schema": CHECK,
        "exit_code": report.exit_code,
        "counts": {
            "specs": report.spec_count,
            "networks": len(report.results),
            "ok": report.count("ok"),
            "drift": report.count("drift"),
            "failed": report.count("failed"),
        },
        "results": [_checked(result) for result in report.results],
    }


def diff(comparisons: Sequence[Comparison]) -> str:
    """One JSON object and a newline."""
    return json.pretty(diff_data(comparisons)) + "\n"


def diff_data(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """The comparisons as JSON's own types."""
    return {
        "schema": DIFF,
        "exit_code": max([each.exit_code for each in comparisons], default=0),
        "comparisons": [_comparison(each) for each in comparisons],
    }


def _checked(result: Checked) -> dict[str, Any]:
    return {
        "spec": result.spec,
        "variant": result.variant,
        "lock": result.lock,
        "status": result.status,
        "exit_code": result.exit_code,
        "totals": _totals(result.totals),
        "param_changes": list(map(_change, result.param_changes)),
        "drifts": list(map(_drift, result.drifts)),
        "allowed": list(map(_drift, result.allowed)),
        "problems": list(map(problem_data, result.problems)),
    }


def _drift(drift: Drift) -> dict[str, Any]:
    return {
        "kind": drift.kind,
        "message": words.headline(drift),
        "layer": drift.path or None,
        "before_layer": drift.before_path or None,
        "type": drift.type or None,
        "changes": list(map(_change, drift.changes)),
        **place_data(drift.mark),
        "used_at": list(map(place_data, drift.used_at)),
        "also": list(drift.also),
        "followers": list(drift.followers),
        "renumbered": drift.shifted,
        "totals_before": _totals(drift.totals_before),
        "totals_after": _totals(drift.totals_after),
        "accept": drift.accept or None,
        "words_only": drift.words_only,
        "policy": None if drift.policy is None else place_data(drift.policy),
        "spenders": list(map(_spender, drift.spenders)),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "part": change.part,
        "field": change.field,
        "before": json.plain(change.before),
        "after": json.plain(change.after),
    }


def _spender(spender: Spender) -> dict[str, Any]:
    return {
        "layer": spender.path,
        "type": spender.type,
        "each": spender.value,
        "count": spender.count,
        "share": round(spender.share, 6),
        **place_data(spender.mark),
    }


def _totals(totals: Totals | None) -> dict[str, Any] | None:
    """What a lock holds of them."""
    if totals is None:
        return None
    return {
        "param_count": totals.param_count,
        "trainable_param_count": totals.trainable_param_count,
        "param_bytes": totals.param_bytes,
        "buffer_bytes": totals.buffer_bytes,
        "macs": totals.macs,
        "flops": totals.flops,
        "rows_without_macs": totals.rows_without_macs,
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "before": _snapshot(comparison.before),
        "after": _snapshot(comparison.after),
        "param_changes": list(map(_change, comparison.param_changes)),
        "drifts": list(map(_drift, comparison.drifts)),
        "rows": [_pair(pair) for pair in comparison.pairs if pair.role != "same"],
    }


def _snapshot(snapshot: Snapshot | None) -> dict[str, Any] | None:
    if snapshot is None:
        return None
    return {
        "name": snapshot.name,
        "variant": snapshot.variant,
        "params": json.plain(snapshot.params),
        "inputs": _tensors(snapshot.inputs),
        "outputs": _tensors(snapshot.outputs),
        "totals": _totals(snapshot.totals),
        "row_count": len(snapshot.rows),
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "role": pair.role,
        "drift": pair.drift,
        "before": _row(pair.before),
        "after": _row(pair.after),
    }


def _row(row: Row | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "layer": row.path,
        "kind": row.kind,
        "declared": row.declared,
        "type": row.type,
        "args": json.plain({**row.inferred, **row.given}),
        "inputs": _tensors(row.inputs),
        "outputs": _tensors(row.outputs),
        "param_count": row.param_count,
        **place_data(row.mark),
    }


def _tensors(tensors: Sequence[NamedTensor]) -> list[dict[str, Any]]:
    return [{"name": each.name, "shape": list(each.shape), "dtype": each.dtype} for each in tensors]
