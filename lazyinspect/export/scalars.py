"""Values -> YAML in flow style, by the core schema of YAML 1.2 and unmistakable to others."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from lazyinspect.export.naming import Name
from lazyinspect.plan.ops.base import LayerValue
from lazyinspect.spec.reader import core_value

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*\Z")
_ELSEWHERE = frozenset("yes no on off".split())
"""Booleans of YAML 1.1: strings here, quoted for the sake of other readers."""
_UNPRINTABLE = re.compile(r"[\x7f-\x9f\ufeff\ud800-\udfff\ufffe\uffff\u2028\u2029]")


def quoted(text: str) -> str:
    """A text as a scalar that every reader takes for that text."""
    if _PLAIN.match(text) and text.lower() not in _ELSEWHERE and core_value(text) == text:
        return text
    written = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", written)


def flow(value: Any) -> str:
    """A value as arguments hold it: numbers, texts, lists, layers; Names stay as they are."""
    if isinstance(value, Name):
        return quoted(value)
    if isinstance(value, str):
        return quoted(f"${value}" if value.startswith("$") else value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, LayerValue):
        return f"{{{value.op}: {flow(value.args)}}}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{quoted(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(flow, value)) + "]"
    raise TypeError(f"no scalar of a spec: {value!r}")


def _float(value: float) -> str:
    if math.isfinite(value):
        mantissa, e, exponent = repr(value).partition("e")
        # YAML 1.1 takes 1e-06 for a text
        return f"{mantissa}.0e{exponent}" if e and "." not in mantissa else repr(value)
    return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
