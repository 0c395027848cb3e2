"""Values and tensors <-> the one-line YAML that a lock is made of. No torch here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from lazyinspect.plan.ops.base import LayerValue
from lazyinspect.report import NamedTensor
from lazyinspect.shapes import ITEM_BYTES, Shape, TensorType
from lazyinspect.spec.reader import core_value

_PLAIN = re.compile(r"[A-Za-z_./=][A-Za-z0-9_./#=-]*\Z")
# other readers of YAML take these for booleans
_OLD_WORDS = frozenset(("yes", "no", "on", "off"))
_TENSOR = re.compile(r"([a-z]+[0-9]*)(?: ([0-9]+(?:x[0-9]+)*))?\Z")


def flow(value: Any) -> str:
    """A value of a spec as YAML that stays on its line."""
    kind = type(value)
    if kind is int:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is str:
        return scalar(value)
    if kind is tuple or kind is list:
        return "[" + ", ".join([flow(item) for item in value]) + "]"
    if value is None:
        return "null"
    if kind is float:
        if math.isfinite(value):
            return repr(value)
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if isinstance(value, LayerValue):
        return "{" + scalar(value.op) + ": " + flow(value.args) + "}"
    if isinstance(value, Mapping):
        return "{" + ", ".join([f"{key(name)}: {flow(item)}" for name, item in value.items()]) + "}"
    return scalar(str(value))


@lru_cache(maxsize=4096)
def scalar(text: str) -> str:
    """A text, in quotes where it would be something else without."""
    if _PLAIN.match(text) and text.lower() not in _OLD_WORDS and core_value(text) == text:
        return text
    return quoted(text)


def key(text: str) -> str:
    """A name, as the key of a mapping."""
    shown = text if text.isdecimal() and text.isascii() else scalar(text)
    # YAML looks no further than 1024 characters for the colon of a key
    return shown if len(shown) < 1000 else f"? {shown} "


def quoted(text: str) -> str:
    """A text in double quotes, with what is not printable escaped."""
    return '"' + "".join([_escaped(char) for char in text]) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


@lru_cache(maxsize=8192)
def tensor(shape: Shape, dtype: str) -> str:
    """``float32 1x64x56x56``; without a shape where there are no dimensions."""
    return f"{dtype} {'x'.join(map(str, shape))}" if shape else dtype


def tensors(named: Iterable[tuple[str, TensorType]]) -> str:
    """One tensor, a list of those of a tuple, or a mapping by name; ``{}`` for none."""
    items = list(named)
    if len(items) == 1 and not items[0][0]:
        return tensor(items[0][1].shape, items[0][1].dtype)
    if len(items) > 1 and all([name == str(k) for k, (name, _) in enumerate(items)]):
        return "[" + ", ".join([tensor(t.shape, t.dtype) for _, t in items]) + "]"
    return "{" + ", ".join([f"{key(n)}: {tensor(t.shape, t.dtype)}" for n, t in items]) + "}"


def read_tensors(value: Any) -> tuple[NamedTensor, ...]:
    """What :func:`tensors` wrote, as the reader gives it.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(value, list):
        return tuple([_read_tensor(str(k), text) for k, text in enumerate(value)])
    items = value.items() if isinstance(value, dict) else (("", value),)
    return tuple([_read_tensor(name, text) for name, text in items])


def names(texts: Iterable[str]) -> str:
    """Names of steps in a list: an index needs no quotes, since the reader takes their text."""
    return "[" + ", ".join([t if t.isdecimal() and t.isascii() else scalar(t) for t in texts]) + "]"


def _read_tensor(name: str, text: Any) -> NamedTensor:
    found = _TENSOR.match(text) if isinstance(text, str) else None
    if found is None or found[1] not in ITEM_BYTES:
        raise ValueError(f"`{text}` is no tensor: float32 1x64x56x56 is one")
    return NamedTensor(name, tuple(map(int, found[2].split("x"))) if found[2] else (), found[1])
