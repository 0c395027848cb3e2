"""Conversions as they happen -> whoever watches (``materialise`` does)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from torch import nn

from lazyinspect.lazy.undo import Undo

Watcher: TypeAlias = Callable[[nn.Module, type, Undo], None]
"""Called with the module, the lazy class it had, and how to take the conversion back."""

_WATCHER: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Inside, every conversion by a forward is reported to ``watcher``."""
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)


def announce(module: nn.Module, lazy_class: type, undo: Undo) -> None:
    """Report one conversion."""
    watcher = _WATCHER.get()
    if watcher is not None:
        watcher(module, lazy_class, undo)
