"""A network with names for sizes -> JSON, the public contract ``lazyinspect/symbolic/1``.

A formula is a text that Python evaluates: ``64*N*((H + 3)//4)``. A figure without names is a
number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from lazyinspect.formulas import Condition, Symbolic
from lazyinspect.render import json
from lazyinspect.report import LayerRow, NamedTensor, Place, Report
from lazyinspect.sizes import words
from lazyinspect.sizes.sets import SizeSet
from lazyinspect.sizes.size import Size

SCHEMA = "lazyinspect/symbolic/1"
_FIRST = 8
_FIGURES = ("param_count", "trainable_param_count", "param_bytes", "buffer_bytes", "macs", "flops")


def data(found: Symbolic, *, rows: bool) -> dict[str, Any]:
    """The network as JSON's own types.

    Args:
        rows: whether to write the layers.
    """
    report = found.report
    whole = json.data(_bare(found))
    doubt = bool(found.doubtful)
    return {
        "schema": SCHEMA,
        "spec": whole["spec"],
        "environment": whole["environment"],
        "sizes": {name: _sizes(found, name) for name in found.planned},
        "least": None if found.least is None else dict(found.least),
        "conditions": [_condition(each) for each in found.conditions],
        "checked": [dict(values) for values in found.checked],
        "unknown": [
            {"path": each.path, "op": each.op, "source": _place(each.place), "rows": each.rows}
            for each in found.unknown
        ],
        "inputs": _tensors(report.inputs),
        "outputs": _tensors(report.outputs, doubtful=0 in found.doubtful),
        **({"layers": [_layer(row, k in found.doubtful) for k, row in enumerate(report.layers)]}
           if rows else {}),
        "totals": {
            name: None if doubt else formula(getattr(report.totals, name))
            for name in (*_FIGURES, "activation_bytes", "peak_inference_bytes")
        },
    }  # fmt: skip


def text(documents: Sequence[Mapping[str, Any]], *, array: bool) -> str:
    """One object and a newline, or a list of them."""
    return json.array(documents) if array else "".join(json.pretty(d) + "\n" for d in documents)


def formula(value: int | None) -> int | str | None:
    """A number, or the text of a formula."""
    return repr(value) if isinstance(value, Size) else value


def _bare(found: Symbolic) -> Report:
    return replace(found.report, layers=(), inputs=(), outputs=())


def _sizes(found: Symbolic, name: str) -> dict[str, Any]:
    return {
        "planned": found.planned[name],
        "works": _set(found.works[name]),
        "plans": _set(found.plans[name]),
    }


def _set(sizes: SizeSet) -> dict[str, Any]:
    return {
        "text": words.sizes(sizes),
        "first": list(islice(sizes, _FIRST)),
        "listed": [k + 1 for k, belongs in enumerate(sizes.start) if belongs],
        "above": len(sizes.start),
        "period": sizes.period,
        "remainders": sorted(sizes.remainders),
    }


def _condition(each: Condition) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "names": list(each.names),
        "text": words.relation(each.formula, each.relation),
        "formula": f"{each.formula.key} {each.relation} 0",
        "sizes": None if each.sizes is None else _set(each.sizes),
        "path": each.path or None,
        "op": each.op or None,
        "source": None if each.place is None else {
            **_place(each.place), "used_at": [_place(place) for place in each.used_at]
        },
        "reason": each.reason,
        "example": None if each.example is None else dict(each.example),
    }  # fmt: skip


def _layer(row: LayerRow, doubtful: bool) -> dict[str, Any]:
    return {
        "path": row.path,
        "call": row.call,
        "depth": row.depth,
        "declared": row.declared,
        "type": row.type,
        "args": json.plain(row.args),
        "inputs": _tensors(row.inputs),
        "outputs": _tensors(row.outputs, doubtful=doubtful),
        **{name: None if doubtful else formula(getattr(row, name)) for name in _FIGURES},
        "source": {**_place(row.place), "used_at": [_place(place) for place in row.used_at]},
    }


def _tensors(tensors: Sequence[NamedTensor], *, doubtful: bool = False) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "shape": None if doubtful else [formula(size) for size in each.shape],
            "dtype": each.dtype,
        }
        for each in tensors
    ]


def _place(place: Place) -> dict[str, int]:
    return {"line": place.line, "column": place.column}
