"""Plan -> JSON, the public contract ``lazyinspect/plan/1``: calls, edges and weights.

One line for each call: small enough to compare, and ``jq`` reads it like any other layout.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lazyinspect.export.subject import Subject
from lazyinspect.plan.flow import Node, Read, flow
from lazyinspect.plan.plan import Plan
from lazyinspect.plan.rows import state_dict
from lazyinspect.report import NamedTensor, Place
from lazyinspect.shapes import TensorType

SCHEMA = "lazyinspect/plan/1"


def write(subject: Subject) -> str:
    """One JSON object, its schema in the first line."""
    data = document(subject.plan)
    lines = [f"{_compact(key)}: {_value(key, value)}" for key, value in data.items()]
    return "{" + ",\n ".join(lines) + "}\n"


def document(plan: Plan) -> dict[str, Any]:
    """The plan as JSON's own types. An absent figure is None, a figure that is 0 is 0."""
    found = flow(plan)
    totals = plan.totals
    return {
        "schema": SCHEMA,
        "name": plan.spec_info.name,
        "variant": plan.variant,
        "params": _plain(plan.spec_info.params),
        "dtype": plan.dtype,
        "inputs": [
            {
                "name": entry.name,
                "shape": list(entry.type.shape),
                "dtype": entry.type.dtype,
                "high": entry.high,
            }
            for entry in plan.inputs
        ],
        "outputs": _outputs(plan, found.output),
        "totals": {
            "param_count": totals.param_count,
            "trainable_param_count": totals.trainable_param_count,
            "param_bytes": totals.param_bytes,
            "buffer_bytes": totals.buffer_bytes,
            "macs": totals.macs,
            "nodes_without_macs": totals.rows_without_macs,
        },
        "nodes": [_node(node) for node in found.nodes],
        "weights": [
            {
                "name": name,
                "shape": list(weight.shape),
                "dtype": weight.dtype or plan.dtype,
                "kind": "buffer" if weight.buffer else "parameter",
                "trainable": weight.trainable and not weight.buffer,
                "in_state_dict": weight.persistent,
            }
            for name, weight in state_dict(plan.call).items()
        ],
        "ties": {tie.path: tie.source for tie in plan.ties},
    }


def _outputs(plan: Plan, output: Any) -> list[dict[str, Any]]:
    """The output's tensors, each with the value that it is."""
    return [
        {**_tensor(NamedTensor(name, kind.shape, kind.dtype)), **_read(read)}
        for name, read, kind in _tensors(output, plan.call.output)
    ]


def _tensors(value: Any, kind: Any, name: str = "") -> Iterator[tuple[str, Read, TensorType]]:
    """The tensors of a value that is read, by the names that a report gives them."""
    if isinstance(kind, TensorType):
        yield name, value, kind
    elif isinstance(kind, (tuple, dict)):
        items: Iterable[Any] = kind.items() if isinstance(kind, dict) else enumerate(kind)
        for key, inner in items:
            whole = isinstance(value, Read)
            part = value._replace(key=(*value.key, key)) if whole else value[key]
            yield from _tensors(part, inner, f"{name}.{key}" if name else str(key))


def _node(node: Node) -> dict[str, Any]:
    row = node.row
    return {
        "path": row.path,
        "call": row.call,
        "depth": row.depth,
        "kind": row.kind,
        "declared": row.declared,
        "type": row.type,
        "args": _plain(row.args),
        "reads": [{**_read(value), **({"as": name} if name else {})} for name, value in node.reads],
        "inputs": [_tensor(tensor) for tensor in row.inputs],
        "outputs": [_tensor(tensor) for tensor in row.outputs],
        "param_count": row.param_count,
        "trainable_param_count": row.trainable_param_count,
        "param_bytes": row.param_bytes,
        "buffer_bytes": row.buffer_bytes,
        "macs": row.macs,
        "source": {**_place(row.place), "used_at": [_place(place) for place in row.used_at]},
    }


def _read(value: Any) -> dict[str, Any]:
    """One value that is read, by where it comes from."""
    if isinstance(value, Read):
        found: dict[str, Any] = {"node": value.node}
        if value.node is None:
            found = {"input": value.input}
        return {**found, "key": list(value.key)} if value.key else found
    if isinstance(value, tuple):
        return {"items": [_read(item) for item in value]}
    if isinstance(value, dict):
        return {"entries": {key: _read(item) for key, item in value.items()}}
    return {"number": _plain(value)}


def _tensor(tensor: NamedTensor) -> dict[str, Any]:
    return {"name": tensor.name, "shape": list(tensor.shape), "dtype": tensor.dtype}


def _place(place: Place) -> dict[str, int]:
    return {"line": place.line, "column": place.column}


def _plain(value: Any) -> Any:
    """A value of a spec as JSON holds it; infinities and NaN, which JSON lacks, as strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value)


def _value(key: str, value: Any) -> str:
    if key not in ("nodes", "weights") or not value:
        return _compact(value)
    return "[\n  " + ",\n  ".join(map(_compact, value)) + "]"


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
