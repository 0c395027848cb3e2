"""Sizes read from the input of a forward. Raises InferenceError with what was expected and got."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.fx import Proxy

from lazyinspect.lazy.errors import InferenceError, format_input, name_of


def tensor_of(module: nn.Module, value: Any, argument: str = "input") -> torch.Tensor:
    """The input itself, if it is a tensor."""
    if not isinstance(value, torch.Tensor):
        hint = ": run a forward before tracing" if isinstance(value, Proxy) else ""
        raise InferenceError(
            f"{name_of(module)} expects a tensor as {argument}, and gets "
            f"{type(value).__name__}{hint}"
        )
    return value


def rank_in(
    module: nn.Module, value: Any, ranks: Sequence[int], argument: str = "input"
) -> torch.Tensor:
    """The input, if its number of dimensions is one of ``ranks``."""
    tensor = tensor_of(module, value, argument)
    if tensor.dim() not in ranks:
        allowed = " or ".join(f"{rank}D" for rank in ranks)
        raise InferenceError(
            f"{name_of(module)} expects a {allowed} {argument}, and gets "
            f"{format_input(tensor)} ({tensor.dim()}D)"
        )
    return tensor


def of_channels(module: nn.Module, value: Any) -> torch.Tensor:
    """The input, if it has a dimension 1, that of the channels."""
    tensor = tensor_of(module, value)
    if tensor.dim() < 2:
        raise InferenceError(
            f"{name_of(module)} expects an input of at least 2 dimensions, and gets "
            f"{format_input(tensor)} ({tensor.dim()}D)"
        )
    return tensor


def channels(module: nn.Module, value: Any, batched_rank: int) -> int:
    """Size of dimension 1 of a batched input, or of dimension 0 of an unbatched one."""
    tensor = tensor_of(module, value)
    if tensor.dim() == batched_rank:
        return int(tensor.shape[1])
    if tensor.dim() == batched_rank - 1:
        return int(tensor.shape[0])
    raise InferenceError(
        f"{name_of(module)} expects a {batched_rank - 1}D (unbatched) or {batched_rank}D "
        f"(batched) input, and gets {format_input(tensor)} ({tensor.dim()}D)"
    )


def last_size(module: nn.Module, value: Any, argument: str = "input") -> int:
    """Size of the last dimension."""
    tensor = tensor_of(module, value, argument)
    if tensor.dim() == 0:
        raise InferenceError(
            f"{name_of(module)} expects {argument} to have a dimension, and gets a scalar"
        )
    return int(tensor.size(-1))


def divisible(module: nn.Module, size: int, by: int, what: str, divisor: str, value: Any) -> int:
    """The size, if ``by`` divides it."""
    if size % by:
        raise InferenceError(
            f"{name_of(module)} needs {what} divisible by {divisor}={by}, and gets {size} "
            f"from {format_input(value)}"
        )
    return size
