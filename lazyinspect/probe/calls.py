"""Any module and its arguments -> what each call within one forward returned. Leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from torch import nn

from lazyinspect.lazy.tensors import is_uninitialised
from lazyinspect.network import class_name
from lazyinspect.probe.observe import type_of
from lazyinspect.shapes import TensorType, Value


@dataclass(frozen=True, slots=True)
class Calls:
    """What one forward showed."""

    types: Mapping[str, str]
    """Class of every module by path; one that stands at several paths has them all."""
    outputs: Mapping[str, Sequence[Value]]
    """What each call returned, by path and in order; empty where no call was seen."""
    inputs: Mapping[str, Value]
    """What the last call was given, by path."""
    error: Exception | None = None
    """What ended the forward."""
    failed: str = ""
    """Path of the innermost module in which it did."""


def call(
    module: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], *, train: bool = False
) -> Calls:
    """Run a module once and listen to every module in it.

    Modes, buffers and torch's generators are as before afterwards, and no hook is left. Lazy
    modules are materialised, as by any forward.

    Args:
        args, kwargs: for the forward. A TensorType stands for a tensor of zeros on the module's
            device; without a dtype it has the parameters'.
        train: in training mode; otherwise in eval mode.
    """
    paths = [path for path, _ in module.named_modules(remove_duplicate=False)]
    modules = {path: module.get_submodule(path) for path in paths}
    outputs: dict[int, list[Value]] = {id(each): [] for each in modules.values()}
    inputs: dict[int, Value] = {}

    def before(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        given = type_of((*args, *kwargs.values()))
        inputs[id(module)] = given[0] if len(given) == 1 else given

    def after(module: nn.Module, args: Any, output: Any) -> None:
        outputs[id(module)].append(type_of(output))

    error: Exception | None = None
    failed = ""
    with ExitStack() as undo:
        undo.enter_context(_as_it_was(module, train))
        for each in module.modules():
            # ahead of a lazy module's own hook, so that what it refuses is known
            hook = each.register_forward_pre_hook(before, prepend=True, with_kwargs=True)
            undo.callback(hook.remove)
            undo.callback(each.register_forward_hook(after).remove)
        try:
            fill = _Zeros(module)
            module(*map(fill, args), **{name: fill(value) for name, value in kwargs.items()})
        except Exception as raised:
            error = raised
            failed = _where(raised.__traceback__, modules)
    return Calls(
        {path: class_name(type(each)) for path, each in modules.items()},
        {path: tuple(outputs[id(each)]) for path, each in modules.items()},
        {path: inputs[id(each)] for path, each in modules.items() if id(each) in inputs},
        error,
        failed,
    )


class _Zeros:
    """Tensors for their types, on a module's device."""

    def __init__(self, module: nn.Module) -> None:
        known = [p for p in module.parameters() if p.is_floating_point()]
        first = next(iter(known), None)
        self.dtype = torch.get_default_dtype() if first is None else first.dtype
        self.device = torch.device("cpu") if first is None else first.device

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, TensorType):
            return value
        dtype = getattr(torch, value.dtype) if value.dtype else self.dtype
        return torch.zeros(value.shape, dtype=dtype, device=self.device)


@contextmanager
def _as_it_was(module: nn.Module, train: bool) -> Iterator[None]:
    """Modes, buffers and generators as before afterwards."""
    # by attribute: a `train()` of the module's own may do more than set it
    modes = [(each, each.training) for each in module.modules()]
    buffers = [
        (each, name, buffer, None if buffer is None else buffer.clone())
        for each, _ in modes
        for name, buffer in each._buffers.items()
        if not is_uninitialised(buffer)
    ]
    devices = {p.device for p in module.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(devices)):  # and the CPU's
        try:
            for each, _ in modes:
                each.training = train
            yield
        finally:
            for each, mode in modes:
                each.training = mode
            with torch.no_grad():
                for owner, name, buffer, value in buffers:
                    owner._buffers[name] = buffer
                    if buffer is not None and value is not None:
                        buffer.copy_(value)


def _where(traceback: TracebackType | None, modules: Mapping[str, nn.Module]) -> str:
    """Path of the innermost module that a traceback leads through."""
    paths = {id(module): path for path, module in reversed(list(modules.items()))}
    found = ""
    while traceback is not None:
        found = paths.get(id(traceback.tb_frame.f_locals.get("self")), found)
        traceback = traceback.tb_next
    return found
