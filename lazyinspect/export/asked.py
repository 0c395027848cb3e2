"""The types of what the verb ``export`` is asked for, for type checkers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal, TypeAlias, TypedDict

TextFormat: TypeAlias = Literal["resolved", "python", "json", "mermaid", "dot", "svg"]
"""Formats that give text."""
BinaryFormat: TypeAlias = Literal["png", "onnx", "torch", "safetensors"]
"""Formats that give bytes."""


class Asked(TypedDict, total=False):
    """The keywords besides ``to``."""

    variant: str | None
    set: Mapping[str, Any] | None
    input: Sequence[int] | Mapping[str, Sequence[int]] | None
    batch: int | None
    allow: Sequence[str]
    layout: Literal["inline", "blocks"]
    lazy: bool
    depth: int | None
    seed: int
    weights: str | PathLike[str] | None
    fixed_batch: bool
