"""What `assert_shapes` is given, in any of its forms -> tensors by type, as they are to be.

Raises TypeError where something is in none of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, Union

from lazyinspect.shapes import ITEM_BYTES, TensorType

Key: TypeAlias = Union[str, "tuple[str, int]"]
"""A path, of whose every call the shape is; or a path and which of its calls."""
Wanted: TypeAlias = Union["dict[str, Expected]", "list[Expected]"]
"""Tensors by key path, or in order."""

_WILD = ("*", "_")
_TEXT = re.compile(r"(?P<dtype>[a-z][a-z0-9]*)?\[(?P<sizes>[^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class Expected:
    """A tensor as it is to be."""

    sizes: tuple[int | None, ...]
    """None: any size."""
    dtype: str = ""
    """``""``: any."""

    def fits(self, tensor: TensorType) -> bool:
        """Whether the tensor is as it is to be."""
        return (
            self.dtype in ("", tensor.dtype)
            and len(self.sizes) == len(tensor.shape)
            and all(a in (None, b) for a, b in zip(self.sizes, tensor.shape, strict=True))
        )

    def __str__(self) -> str:
        sizes = ["_" if size is None else str(size) for size in self.sizes]
        return f"{self.dtype}[{', '.join(sizes)}]"


def arguments(inputs: Any) -> tuple[list[Any], dict[str, Any]]:
    """What a forward is called with; shapes as types, of no dtype where none is said."""
    if isinstance(inputs, Mapping):
        return [], {str(name): _input(value) for name, value in inputs.items()}
    if isinstance(inputs, (list, tuple)) and not (inputs and all(map(_is_size, inputs))):
        return [_input(value) for value in inputs], {}
    return [_input(inputs)], {}


def _input(value: Any) -> Any:
    if isinstance(value, str):
        expected = _read(value)
        if expected is None or None in expected.sizes:
            raise TypeError(f"{value!r} is no shape of an input: write 'int64[1, 64]'")
        return TensorType(tuple([size or 0 for size in expected.sizes]), expected.dtype)
    if isinstance(value, (list, tuple)) and value and all(map(_is_size, value)):
        return TensorType(tuple(value), "")
    return value


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def read_key(key: Any) -> tuple[str, int | None]:
    """A path, and which of its calls; None for each of them."""
    if isinstance(key, str):
        return key, None
    if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], str) and _is_size(key[1]):
        return key
    raise TypeError(f"a path, or a path and the number of a call, is expected, and not {key!r}")


def read_expected(key: Any, value: Any) -> Wanted:
    """Of one tensor or several, in order or by key path."""
    if isinstance(value, Mapping):
        return {str(name): _must(key, each) for name, each in value.items()}
    several = isinstance(value, (list, tuple)) and any(
        isinstance(each, (list, tuple)) or (isinstance(each, str) and "[" in each) for each in value
    )
    return [_must(key, each) for each in (value if several else [value])]


def _must(key: Any, value: Any) -> Expected:
    expected = _read(value)
    if expected is None:
        raise TypeError(
            f"{value!r}, for {key!r}, is no shape: write [1, 64, '_', '_'] or 'float32[1, 64]'"
        )
    return expected


def _read(value: Any) -> Expected | None:
    """A shape as it may be written; None where it is none."""
    dtype = ""
    if isinstance(value, str):
        found = _TEXT.fullmatch(value.strip())
        if found is None:
            return None
        dtype, inner = found["dtype"] or "", found["sizes"].strip()
        if dtype and dtype not in ITEM_BYTES:
            return None
        words = [word.strip() for word in inner.split(",")] if inner else []
        value = [int(w) if w.isascii() and w.isdecimal() and len(w) < 20 else w for w in words]
    if not isinstance(value, (list, tuple)):
        return None
    if not all(size in _WILD if isinstance(size, str) else _is_size(size) for size in value):
        return None
    return Expected(tuple([None if isinstance(size, str) else size for size in value]), dtype)
