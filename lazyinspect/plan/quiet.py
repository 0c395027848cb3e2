"""Importing torch: without its complaint that numpy is missing, and a failure to is none of ours.

Imports no torch itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lazyinspect.errors import NetworkError, Problem


@contextmanager
def importing_torch(planning: bool = False) -> Iterator[None]:
    """Around the first import of torch: nothing here uses numpy, so it may well be absent.

    Args:
        planning: it is to plan a class that the op table lacks; otherwise a device needs it.

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
            raise NetworkError(_no_torch(error, planning)) from error


def _no_torch(error: Exception, planning: bool) -> Problem:
    said = f"{type(error).__name__}: {error}"
    memory = ("failed to map segment", "cannot allocate memory", "returned NULL without")
    if any(text in said for text in memory):
        message = "torch cannot be imported: this machine has not enough memory for it"
        return Problem("out-of-memory", message, notes=(said,))
    needs = "nothing runs on a device"
    help = "`python -c 'import torch'` shows what is wrong with it"
    if planning:
        needs = "a class that is not in the op table is not planned"
    else:
        help += "; --device meta plans without"
    return Problem(
        "device-unavailable",
        f"torch cannot be imported, so {needs}",
        help=help,
        notes=(said,),
    )
