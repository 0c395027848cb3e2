"""Planning without the cyclic garbage collector. Imports nothing of the project."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """While a plan grows, all that is made stays: collections would walk it again and again.

    They made the time per layer of 10,000 layers 1.4 times that of 100; without them both are
    the same.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
