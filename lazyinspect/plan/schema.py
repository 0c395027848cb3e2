"""The op table -> the JSON Schema (draft-07) of the spec language, for editors. No torch here.

A schema knows a file's shape, not its meaning: names of blocks, labels and parameters, and whether
shapes fit, are for the planner to say. What the schema refuses, the planner refuses too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lazyinspect.plan.ops import FALLBACK_LAYERS, signature_of, table
from lazyinspect.plan.ops.base import LazyOp, Op
from lazyinspect.plan.ops.signature import Kind, Parameter, Signature
from lazyinspect.shapes import ITEM_BYTES
from lazyinspect.spec.names import GRAPH_KEYS, MERGES, STEP_KEYS, STRUCTURE
from lazyinspect.spec.policy import ALLOWED, BYTES, COUNT

Schema = dict[str, Any]

_FORMULA: Schema = {"$ref": "#/definitions/formula"}
_VALUE: Schema = {"$ref": "#/definitions/value"}
_STEP: Schema = {"$ref": "#/definitions/step"}
_LAYERS: Schema = {"$ref": "#/definitions/layers"}
_SOURCE: Schema = {"$ref": "#/definitions/source"}
_LABEL: Schema = {"type": "string", "pattern": "^[^$]"}
_BLOCK_NAME = "^[A-Z][A-Za-z0-9_]*$"


def schema() -> Schema:
    """The whole schema."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "lazyinspect spec",
        "description": "One neural network of PyTorch layers, lazy ones among them.",
        "type": "object",
        "required": ["layers"],
        "additionalProperties": False,
        "properties": {
            "lazyinspect": {"const": 1, "description": "Version of the language."},
            "name": {"type": ["string", "number"]},
            "description": {"type": "string"},
            "input": {"$ref": "#/definitions/inputs"},
            "params": {"$ref": "#/definitions/params"},
            "variants": {
                "description": "Named sets of overrides of `params`.",
                "type": "object",
                "additionalProperties": {
                    "anyOf": [
                        {"type": "object", "additionalProperties": _VALUE},
                        {"type": "null"},
                    ]
                },
                "propertyNames": {"not": {"const": "all"}},
            },
            "blocks": {
                "description": "Networks with parameters, used as layers.",
                "type": "object",
                "additionalProperties": {"$ref": "#/definitions/block"},
                "propertyNames": {
                    "pattern": _BLOCK_NAME,
                    "not": {"enum": [*table(), *STRUCTURE]},
                },
            },
            "layers": _LAYERS,
            "output": {"$ref": "#/definitions/output"},
            "check": _check(),
            "tie": {
                "description": "Two names for one tensor: {lm_head.weight: wte.weight}.",
                "type": "object",
                "additionalProperties": {"type": "string"},
            },
        },
        "definitions": _definitions(),
    }


def _check() -> Schema:
    name: Schema = {"type": ["string", "integer"], "minLength": 1}
    allowed: Schema = {"enum": list(ALLOWED)}
    count = {"anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": COUNT.pattern.replace("\\Z", "$")},
        {"const": False},
    ]}  # fmt: skip
    size = {"anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": BYTES.pattern.replace("\\Z", "$")},
        {"const": False},
    ]}  # fmt: skip
    rules: Schema = {
        "allow": {
            "description": "What may change without failing a check.",
            "anyOf": [allowed, {"type": "array", "items": allowed}],
        },
        "max_params": {"description": "Parameters at most: 25M.", **count},
        "max_macs": {"description": "Multiply-accumulates at most: 4.1G.", **count},
        "max_param_bytes": {"description": "Bytes of parameters at most: 100MiB.", **size},
        "require_expect": {
            "description": "Steps that are to have an `expect`; `output` for the last.",
            "anyOf": [name, {"type": "array", "items": name}],
        },
    }
    variant = {"type": "object", "additionalProperties": False, "properties": rules}
    variants: Schema = {
        "description": "Rules of single variants.",
        "type": "object",
        "additionalProperties": variant,
    }
    return {
        "description": "The policy of `lazyinspect check` for this spec.",
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {**rules, "variants": variants},
    }


def _definitions() -> Schema:
    size = {"anyOf": [{"type": "integer", "minimum": 0}, _FORMULA]}
    shape = {"type": "array", "items": size}
    named_input = {
        "type": "object",
        "required": ["shape"],
        "additionalProperties": False,
        "properties": {
            "shape": shape,
            "dtype": {"enum": list(ITEM_BYTES)},
            "high": {"anyOf": [{"type": "integer", "minimum": 1}, _FORMULA]},
        },
    }
    graph = {
        "layers": _LAYERS,
        "input": {"anyOf": [_LABEL, {"type": "array", "items": _LABEL}]},
        "output": {"$ref": "#/definitions/output"},
    }
    return {
        "formula": {
            "description": "`$` and a formula over parameters, i, cin, last and shape(k).",
            "type": "string",
            "pattern": "^\\$",
        },
        "value": {
            "description": "A scalar, a list, a formula, or a layer with its arguments.",
            "anyOf": [
                {"type": ["string", "number", "boolean", "null"]},
                {"type": "array", "items": _VALUE},
                {"type": "object", "minProperties": 1, "maxProperties": 1},
            ],
        },
        "source": {
            "description": "A label, a number, a formula, or a list.",
            "anyOf": [
                {"type": ["string", "number", "boolean", "null"]},
                {"type": "array", "items": _SOURCE},
            ],
        },
        "inputs": {
            "anyOf": [
                shape,
                named_input,
                {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"anyOf": [shape, named_input]},
                },
            ]
        },
        "params": {
            "description": "Defaults; int, float, bool, str or layer for a required one.",
            "anyOf": [{"type": "object", "additionalProperties": _VALUE}, {"type": "null"}],
        },
        "block": {
            "type": "object",
            "required": ["layers"],
            "additionalProperties": False,
            "properties": {**graph, "params": {"$ref": "#/definitions/params"}},
        },
        "graph": {
            "type": "object",
            "required": ["layers"],
            "additionalProperties": False,
            "properties": {key: graph[key] for key in GRAPH_KEYS},
        },
        "output": {
            "description": "A label, a list, or a mapping of labels.",
            "anyOf": [
                _LABEL,
                {"type": "array", "items": _LABEL, "minItems": 1},
                {"type": "object", "additionalProperties": _LABEL, "minProperties": 1},
            ],
        },
        "layers": {
            "description": "A list of steps, or names and steps in the order of execution.",
            "anyOf": [
                {"type": "array", "items": _STEP, "minItems": 1},
                {"type": "object", "additionalProperties": _STEP, "minProperties": 1},
            ],
        },
        "step": {
            "anyOf": [
                {"$ref": "#/definitions/opName"},
                {"type": "array", "items": _STEP, "minItems": 1},
                {"$ref": "#/definitions/stepObject"},
            ]
        },
        "opName": {
            "type": "string",
            "anyOf": [
                {"enum": [*table(), *sorted(FALLBACK_LAYERS)]},
                {"pattern": _BLOCK_NAME, "description": "A block of this file."},
                {"pattern": "^\\$", "description": "A parameter that holds a layer."},
                {"pattern": "^[^$].*\\.", "description": "A class of your own."},
            ],
        },
        "stepObject": _step_object(),
        "args": {
            "description": "Arguments: a scalar, a list with keywords last, or keywords.",
            "anyOf": [_VALUE, {"type": "object", "additionalProperties": _VALUE}],
        },
    }


def _step_object() -> Schema:
    count = {"anyOf": [{"type": "integer", "minimum": 0}, _FORMULA]}
    keys: Schema = {
        "from": {
            "description": "What the step reads, instead of the step before.",
            "anyOf": [_SOURCE, {"type": "object", "additionalProperties": _SOURCE}],
        },
        "as": {
            "description": "A label, or several to unpack a tuple.",
            "anyOf": [_LABEL, {"type": "array", "items": _LABEL}],
        },
        "if": {
            "description": "False: the step does not exist.",
            "anyOf": [{"type": ["boolean", "number"]}, _FORMULA],
        },
        "repeat": {"description": "Copies, one after the other.", **count},
        "each": {"description": "A label for the list of all copies' outputs.", **_LABEL},
        "pick": {
            "description": "One element of a tuple.",
            "anyOf": [{"type": ["integer", "string"]}],
        },
        "become": {"description": "The class that a lazy layer becomes.", **_LABEL},
        "expect": {
            "description": "The output's shape; _ for any size.",
            "type": "array",
            "items": {"anyOf": [{"type": "integer"}, {"const": "_"}, _FORMULA]},
        },
    }
    assert set(keys) == set(STEP_KEYS)
    ops: Schema = {name: _op(name, row) for name, row in table().items()}
    ops["Sequential"] = {"description": "Steps in a container of their own.", **_LAYERS}
    ops["splice"] = {
        "description": "Steps that join the enclosing list.",
        "type": "array",
        "items": _STEP,
        "minItems": 1,
    }
    ops["Graph"] = {"description": "Steps with inputs of their own.", "$ref": "#/definitions/graph"}
    ops["use"] = {"description": "Apply the module of this label again.", **_LABEL}
    ops["Parameter"] = {
        "description": "A learned tensor: its shape, and {fill: 0.0}.",
        "$ref": "#/definitions/args",
    }
    # alone in its step, `repeat` is the tensor function
    keys["repeat"]["anyOf"] += ops.pop("repeat")["anyOf"][1:]
    return {
        "type": "object",
        "minProperties": 1,
        "properties": {**ops, **keys},
        "propertyNames": {
            "anyOf": [
                {"enum": [*keys, *ops]},
                {"pattern": _BLOCK_NAME},
                {"pattern": "^\\$"},
                {"pattern": "^[^$].*\\."},
            ]
        },
        "additionalProperties": {"$ref": "#/definitions/args"},
    }


def _op(name: str, row: Op | LazyOp) -> Schema:
    signature = signature_of(name)
    text = f"{name}({signature.text})"
    if isinstance(row, LazyOp):
        text += f"; infers {', '.join(row.infers)} and becomes {row.becomes}"
    if name in MERGES:
        keywords = _keywords(signature)
        sources: Schema = {"type": "array", "items": {"anyOf": [_SOURCE, _STEP, keywords]}}
        scalar: Schema = {"type": ["string", "number", "null"]}
        return {"description": text, "anyOf": [scalar, sources, keywords]}
    forms: list[Schema] = [{"type": "null"}, _keywords(signature)]
    positional = [p for p in signature.parameters if not p.keyword_only]
    if positional:
        forms.append(_kinds(positional[0]))
        items = [_kinds(p) for p in positional]
        # as in torch, sizes may also come as one list: reshape: [[1, 8]]
        items += [{"type": "array", "items": _kinds(p)} for p in positional if p.variadic]
        array: Schema = {
            "type": "array",
            "items": {"anyOf": [*_unique(items), _keywords(signature)]},
        }
        if not positional[-1].variadic:
            array["maxItems"] = len(positional) + 1
        forms.append(array)
    else:
        forms.append({"type": "array", "maxItems": 0})
    return {"description": text, "anyOf": forms}


def _keywords(signature: Signature) -> Schema:
    return {
        "type": "object",
        "properties": {p.name: _kinds(p) for p in signature.parameters if not p.variadic},
        "additionalProperties": False,
    }


def _kinds(parameter: Parameter) -> Schema:
    found = _unique([*(_kind(kind) for kind in parameter.kinds), _FORMULA])
    schema: Schema = found[0] if len(found) == 1 else {"anyOf": found}
    return schema


def _kind(kind: Kind) -> Schema:
    base = kind.base
    if base == "list":
        item = _VALUE if kind.item is None else {"anyOf": [_kind(kind.item), _FORMULA]}
        found: Schema = {"type": "array", "items": item}
        if kind.length is not None:
            found["minItems"] = found["maxItems"] = kind.length
        return found
    if base == "Literal":
        return {"enum": list(kind.choices)}
    if base == "dtype":
        return {"enum": list(ITEM_BYTES)}
    simple = {"int": "integer", "float": "number", "bool": "boolean", "str": "string"}
    if base in simple:
        return {"type": simple[base]}
    return {"type": "null"} if base == "None" else _VALUE


def _unique(schemas: Iterable[Schema]) -> list[Schema]:
    found: list[Schema] = []
    for entry in schemas:
        if entry not in found:
            found.append(entry)
    return found
