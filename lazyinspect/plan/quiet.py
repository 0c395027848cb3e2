"""Importing torch: without its complaint that numpy is missing, and a failure to is none of ours.

Imports no torch itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lazyinspect.errors import NetworkError, Problem


@contextmanager
def importing_torch() -> Iterator[None]:
    """Around the first import of torch: nothing here uses numpy, so it may well be absent.

    Raises:
        NetworkError: torch is broken, or does not fit into memory.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Failed to initialize NumPy", UserWarning)
        try:
            yield
        except (ImportError, OSError, SystemError) as error:
            if (getattr(error, "name", None) or "").startswith("lazyinspect"):
                raise
            raise NetworkError(_no_torch(error)) from error


def _no_torch(error: Exception) -> Problem:
    said = f"{type(error).__name__}: {error}"
    memory = ("failed to map segment", "cannot allocate memory", "returned NULL without")
    if any(text in said for text in memory):
        message = "torch cannot be imported: this machine has not enough memory for it"
        return Problem("out-of-memory", message, notes=(said,))
    return Problem(
        "device-unavailable",
        "torch cannot be imported, so nothing runs on a device",
        help="`python -c 'import torch'` shows what is wrong with it; --device meta plans without",
        notes=(said,),
    )
