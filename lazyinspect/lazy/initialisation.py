"""How materialised parameters get their first values: torch's initialisation, or zeros."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

_ZEROS: ContextVar[bool] = ContextVar("zeros", default=False)


@contextmanager
def initialisation(mode: Literal["default", "zeros"]) -> Iterator[None]:
    """Inside, lazy modules initialise their parameters as ``mode`` says.

    ``"default"`` draws what the eager class draws; ``"zeros"`` draws nothing, which makes a
    network of billions of parameters cheap to look at. Running statistics start as the eager
    class's in both.

    Raises:
        ValueError: another mode.

    Example:
        >>> import torch
        >>> from lazyinspect.lazy import LazyLinear, initialisation
        >>> layer = LazyLinear(2, bias=False)
        >>> with initialisation("zeros"):
        ...     layer(torch.ones(1, 3))
        tensor([[0., 0.]], grad_fn=<MmBackward0>)
    """
    if mode not in ("default", "zeros"):
        raise ValueError(f'initialisation is "default" or "zeros", not {mode!r}')
    token = _ZEROS.set(mode == "zeros")
    try:
        yield
    finally:
        _ZEROS.reset(token)


def zeros_wanted() -> bool:
    """Whether parameters are to be zero instead of drawn."""
    return _ZEROS.get()
