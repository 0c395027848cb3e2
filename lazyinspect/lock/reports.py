"""JSON reports (``lazyinspect/report/1``) -> Snapshots. No torch here.

A report says neither which arguments were written nor what a row reads: which were inferred is
known of the op, and the wiring is left out of a comparison.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from lazyinspect.drift import Row, Snapshot
from lazyinspect.errors import Problem, SpecError
from lazyinspect.plan.ops import table
from lazyinspect.plan.ops.base import LazyOp, Op
from lazyinspect.report import SCHEMA, NamedTensor, Totals


def read_reports(text: str, path: str) -> dict[str | None, Snapshot]:
    """The networks of a report, or of the array that several variants make, by variant.

    Raises:
        SpecError: it is no report, or of another version.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _bad(path, f"it is no JSON: {error}") from None
    found: dict[str | None, Snapshot] = {}
    for report in data if isinstance(data, list) else [data]:
        schema = report.get("schema") if isinstance(report, dict) else None
        if schema != SCHEMA:
            what = f"its schema is {schema}" if isinstance(schema, str) else "it has no schema"
            raise _bad(path, f"{what}, and {SCHEMA} is read")
        try:
            snapshot = _snapshot(report, path)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            text = str(error) if isinstance(error, KeyError) else type(error).__name__
            raise _bad(path, f"it is not complete: {text}") from None
        found[snapshot.variant] = snapshot
    return found


def without_wiring(snapshot: Snapshot) -> Snapshot:
    """A network with what a report says of it, so that the two can be compared."""
    rows = []
    for row in snapshot.rows:
        op = table().get(row.declared)
        drops = op.drops if isinstance(op, LazyOp) else ()
        given = {name: value for name, value in row.given.items() if name not in drops}
        rows.append(replace(row, given=given, reads=None, returns=None))
    return replace(snapshot, rows=tuple(rows), returns=None, wired=False, ties={})


def _bad(path: str, what: str) -> SpecError:
    help = "write one with `lazyinspect run SPEC --format json --output FILE.json`"
    return SpecError(Problem("bad-report", f"{path} is no report that can be read", found=what,
                             help=help))  # fmt: skip


def _snapshot(report: Mapping[str, Any], path: str) -> Snapshot:
    spec, figures = report["spec"], report["totals"]
    variant = spec["variant"]
    return Snapshot(
        name=path if variant is None else f"{path}@{variant}",
        variant=variant,
        params=dict(spec["params"]),
        inputs=_tensors(report["inputs"]),
        outputs=_tensors(report["outputs"]),
        totals=Totals(
            figures["param_count"],
            figures["trainable_param_count"],
            figures["param_bytes"],
            figures["buffer_bytes"],
            figures["macs"],
            figures.get("rows_without_macs", 0),
        ),
        rows=tuple(_rows(report["layers"])),
        wired=False,
    )


def _rows(layers: Any) -> Iterator[Row]:
    """Rows of their own paths, the calls of a module that is applied again beside it."""
    above: dict[int, str] = {}
    again: dict[int, bool] = {}
    for row in layers:
        depth, call, module = row["depth"], row["call"], str(row["path"])
        if not depth:
            continue
        name = module.rpartition(".")[2]
        inside = again.get(depth - 1, False)
        if call and not inside:
            name = f"{name} (call {call})"
        parent = above.get(depth - 1, "")
        path = f"{parent}.{name}" if parent else name
        above[depth], again[depth] = path, bool(call)
        yield _row(row, path, module if path != module else "")


def _row(row: Mapping[str, Any], path: str, uses: str) -> Row:
    declared, became = str(row["declared"]), str(row["type"])
    op = table().get(declared)
    if became in ("Sequential", "Graph"):
        kind = "container"
    elif declared == "Parameter":
        kind = "parameter"
    else:
        kind = "function" if isinstance(op, Op) and op.kind != "layer" else "layer"
    infers = op.infers if isinstance(op, LazyOp) else ()
    args = dict(row["args"])
    return Row(
        path=path,
        kind=kind,
        declared=declared,
        type=declared if kind == "container" else became,
        given={name: value for name, value in args.items() if name not in infers},
        inferred={name: value for name, value in args.items() if name in infers},
        inputs=_tensors(row["inputs"]),
        outputs=_tensors(row["outputs"]),
        param_count=None if kind == "container" else int(row["param_count"]),
        uses=uses,
    )


def _tensors(tensors: Any) -> tuple[NamedTensor, ...]:
    return tuple(
        [NamedTensor(str(t["name"]), tuple(map(int, t["shape"])), str(t["dtype"])) for t in tensors]
    )
