"""What a lazy module raises when an input does not tell it its sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import nn

_PATHS: ContextVar[Mapping[int, str] | None] = ContextVar("paths", default=None)


class InferenceError(RuntimeError, ValueError):
    """The sizes of a lazy module cannot be inferred from what it got, or disagree.

    It is both a ``RuntimeError`` and a ``ValueError``, since torch's lazy modules raise the one
    or the other. The module is left as it was.
    """


@contextmanager
def paths_known(module: nn.Module) -> Iterator[None]:
    """Inside, messages about the modules below ``module`` name their path."""
    token = _PATHS.set({id(child): path for path, child in module.named_modules() if path})
    try:
        yield
    finally:
        _PATHS.reset(token)


def name_of(module: nn.Module) -> str:
    """Class of a module for a message, with its path where that is known."""
    path = (_PATHS.get() or {}).get(id(module))
    return f"{type(module).__name__} at `{path}`" if path else type(module).__name__


def format_input(value: Any) -> str:
    """An input for a message: ``[1, 3, 28, 28]`` for a tensor."""
    if isinstance(value, torch.Tensor) and not value.is_nested:
        return "[" + ", ".join(str(int(size)) for size in value.shape) + "]"
    if type(value) is tuple:
        return "(" + ", ".join(map(format_input, value)) + ")"
    return type(value).__name__


def format_inputs(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """All inputs of a call for a message."""
    named = [f"{name}={format_input(value)}" for name, value in kwargs.items()]
    return ", ".join([*map(format_input, args), *named])
