"""A first call that cannot work -> what is wrong with it, said in the terms of the lazy module."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from inspect import signature
from typing import Any

import torch
from torch import nn

from lazyinspect.lazy.errors import InferenceError, format_input, format_inputs, name_of
from lazyinspect.lazy.placement import placement
from lazyinspect.lazy.tensors import is_uninitialised


def check_call(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse arguments that ``infer`` does not take.

    Raises:
        TypeError: with those that are wrong.
    """
    try:
        signature(module.infer).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name_of(module)} called with wrong arguments: {error}") from None


def refuse_lent_tensors(module: nn.Module) -> None:
    """Refuse tensors that ``torch.func.functional_call`` lends: the module would not keep them.

    Raises:
        InferenceError: the first forward of a lazy module runs with some.
    """
    tensors = module._parameters.values()
    if all(tensor is None or is_uninitialised(tensor) for tensor in tensors):
        return
    # a weight that is lent looks as one that is shared does; only the caller tells them apart
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__") == "torch.nn.utils.stateless":
            raise InferenceError(
                f"{name_of(module)} cannot take its sizes from tensors that functional_call lends "
                "it: run a forward first"
            )
        frame = frame.f_back


def explain(
    module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], error: BaseException
) -> None:
    """Name the module and its input to whoever reads the error of a forward that was undone.

    Raises:
        InferenceError: from the error, if an input is of another dtype than the weights.
    """
    if isinstance(error, InferenceError):
        return
    if type(error) in (RuntimeError, ValueError):
        reason = _of_another_dtype(module, args, kwargs)
        if reason is not None:
            raise reason from error
    note = f"{name_of(module)} was left as it was; its input was {format_inputs(args, kwargs)}"
    if hasattr(error, "add_note"):
        error.add_note(note)
    elif len(error.args) == 1 and isinstance(error.args[0], str):  # Python 3.10 has no notes
        error.args = (f"{error.args[0]}\n{note}",)


def _of_another_dtype(
    module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> InferenceError | None:
    device, dtype = placement(module)
    if dtype is None:
        return None
    if torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type):
        return None
    for place, tensor in enumerate(_tensors((*args, *kwargs.values()))):
        numeric = tensor.is_floating_point() or tensor.is_complex()
        # what follows the first may be a mask or lengths
        if tensor.dtype != dtype and (numeric or place == 0):
            return InferenceError(
                f"{name_of(module)} has {_name(dtype)} weights, and gets {_name(tensor.dtype)} "
                f"{format_input(tensor)}"
            )
    return None


def _tensors(values: Any) -> Iterator[torch.Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(value)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
