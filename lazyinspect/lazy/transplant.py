"""A lazy module and its eager reference -> the lazy one with the reference's tensors and sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.nn import parameter as torch_parameter

from lazyinspect.lazy.errors import InferenceError, name_of
from lazyinspect.lazy.initialisation import zeros_wanted
from lazyinspect.lazy.tensors import (
    UninitializedBuffer,
    UninitializedParameter,
    give_data,
    is_uninitialised,
    uninitialised_like,
)
from lazyinspect.lazy.undo import Undo

_ABSENT = object()
_SEQUENCES = {tuple, list, torch.Size}
_PLAIN = {type(None), bool, int, float, str, *_SEQUENCES}
_Table: TypeAlias = dict[str, Any]


@dataclass
class LazyState:
    """All that a lazy module keeps for itself: its ``_lazy``, gone once it is materialised."""

    arguments: dict[str, Any]
    """The eager constructor's, less those inferred and device and dtype."""
    options: dict[str, Any] = field(default_factory=dict)
    """Arguments that the lazy class alone has."""
    template: dict[str, Any] = field(default_factory=dict)
    """Attributes as built with placeholders: what differs later was inferred, or set by hand."""
    scalars: dict[str, torch.Tensor] = field(default_factory=dict)
    """Buffers of one number, as built with placeholders."""
    ranks: dict[str, int] = field(default_factory=dict)
    """Number of dimensions of each shapeless tensor."""
    formats: dict[str, torch.memory_format] = field(default_factory=dict)
    """Memory format that ``.to(memory_format=...)`` asked for, by tensor."""
    become: tuple[type[nn.Module] | None] | None = None
    """``cls_to_become`` set on the instance, in a tuple since None is a value."""
    undos: dict[int, Undo] = field(default_factory=dict)
    """By thread, between its inference and the end of the same call."""
    constructing: bool = True


def is_part(module: nn.Module) -> bool:
    """Whether a child is shapeless and materialised by its owner: it has no hook of its own."""
    return "_lazy" in module.__dict__ and "_initialize_hook" not in module.__dict__


def forget_shapes(
    module: nn.Module, state: LazyState, device: Any, dtype: torch.dtype | None
) -> None:
    """Replace placeholders by shapeless tensors; a buffer of one number keeps its value."""
    for name, parameter in list(module._parameters.items()):
        if parameter is not None and not is_uninitialised(parameter):
            state.ranks[name] = parameter.dim()
            lazy = uninitialised_like(parameter, device, dtype or parameter.dtype)
            setattr(module, name, lazy)
    for name, buffer in list(module._buffers.items()):
        if buffer is not None and buffer.dim() == 0 and not is_uninitialised(buffer):
            state.scalars[name] = buffer.detach().clone()
        if buffer is not None and buffer.dim() > 0 and not is_uninitialised(buffer):
            state.ranks[name] = buffer.dim()
            module._buffers[name] = uninitialised_like(buffer, device, buffer.dtype)
    state.template = _plain_attributes(module)


def leave_template(module: nn.Module, template_device: str, device: Any) -> None:
    """Move the shapeless tensors of lazy modules inside from the placeholders' device to theirs."""
    moved: dict[int, Any] = {}  # modules may share one
    for child in module.modules():
        tables: tuple[_Table, ...] = (child._parameters, child._buffers)
        for table in tables:
            for name, tensor in table.items():
                if is_uninitialised(tensor) and tensor.data.device.type == template_device:
                    if id(tensor) not in moved:
                        moved[id(tensor)] = uninitialised_like(tensor, device, tensor.dtype)
                    table[name] = moved[id(tensor)]


def forget_sizes(module: nn.Module, *names: str, unknown: Any = 0) -> None:
    """Show 0, or what ``unknown`` is, for sizes that a placeholder had to be given for."""
    for name in names:
        module.__dict__[name] = unknown
        module.__dict__["_lazy"].template[name] = unknown


def _plain_attributes(module: nn.Module) -> dict[str, Any]:
    """Attributes that can tell a size: numbers, strings, and sequences of them."""
    return {
        name: value
        for name, value in module.__dict__.items()
        if type(value) in _PLAIN
        and not (value and type(value) in _SEQUENCES and _holds_objects(value))
    }


def _holds_objects(values: Any) -> bool:
    return any(type(value) not in _PLAIN for value in values)


def lazy_tensors(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Shapeless tensors of a module and its parts, by name."""
    for table in (module._parameters, module._buffers):
        for name, tensor in table.items():
            if is_uninitialised(tensor):
                yield prefix + name, tensor
    for name, child in module._modules.items():
        if child is not None and _owned(child):
            yield from lazy_tensors(child, f"{prefix}{name}.")


def pairs(own: nn.Module, like: nn.Module) -> Iterator[tuple[nn.Module, nn.Module]]:
    """A lazy module and its parts, each with its counterpart in the reference."""
    if "_lazy" in own.__dict__:
        yield own, like
    for name, child in own._modules.items():
        counterpart = like._modules.get(name)
        if child is not None and counterpart is not None and _owned(child):
            yield from pairs(child, counterpart)


def _owned(child: nn.Module) -> bool:
    """Whether a child is its owner's to materialise: a part, or a container that may hold some."""
    return is_part(child) or "_initialize_hook" not in child.__dict__


def ties(module: nn.Module) -> list[list[str]]:
    """Names of parameters that are one tensor, by their full names."""
    groups: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        groups.setdefault(id(parameter), []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def tie(module: nn.Module, groups: list[list[str]]) -> None:
    """Make the parameters of each group one tensor again."""
    for first, *others in groups:
        shared = module.get_parameter(first)
        for name in others:
            owner, _, leaf = name.rpartition(".")
            module.get_submodule(owner)._parameters[leaf] = shared


def check_structure(module: nn.Module, reference: nn.Module) -> None:
    """Refuse an eager class that has other tensors at these sizes than with the placeholders.

    Raises:
        InferenceError: with the tensor that is too few or too many.
    """
    mine = {*dict(module.named_parameters()), *dict(module.named_buffers())}
    theirs = {*dict(reference.named_parameters()), *dict(reference.named_buffers())}
    absent = {name for name in _empty_entries(reference)}
    tied = {name for group in ties(reference) for name in group}
    lacking = sorted(theirs - mine - tied - _empty_entries(module))
    surplus = sorted(name for name, _ in lazy_tensors(module) if name not in theirs | absent | tied)
    if lacking or surplus:
        name = (lacking or surplus)[0]
        what = "has" if lacking else "has no"
        raise InferenceError(
            f"{name_of(module)}: {type(reference).__name__} {what} `{name}` for this input, unlike "
            "with the placeholder sizes it was built with; a lazy class needs the same parts at "
            "every size"
        )


def _empty_entries(module: nn.Module) -> set[str]:
    """Full names registered as None."""
    found: set[str] = set()
    for path, child in module.named_modules():
        prefix = f"{path}." if path else ""
        for table in (child._parameters, child._buffers):
            found.update(f"{prefix}{name}" for name, value in table.items() if value is None)
    return found


def _tables(own: nn.Module, like: nn.Module) -> tuple[tuple[_Table, _Table], ...]:
    return (own._parameters, like._parameters), (own._buffers, like._buffers)


def check_agreement(module: nn.Module, own: nn.Module, like: nn.Module) -> None:
    """Refuse a tensor that is there already (shared, or loaded) and of another shape."""
    for mine, theirs in _tables(own, like):
        for name, tensor in mine.items():
            expected = theirs.get(name)
            if tensor is None or expected is None or is_uninitialised(tensor):
                continue
            if tensor.shape != expected.shape:
                raise InferenceError(
                    f"{name_of(module)} needs a {name} of {list(expected.shape)} for this input, "
                    f"and has one of {list(tensor.shape)} already (shared with another module, or "
                    "loaded)"
                )


def is_fresh(module: nn.Module, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether ``shapes`` names exactly the tensors that are shapeless: none shared, none added."""
    if module._modules:
        return False
    tensors: dict[str, Any] = {**module._parameters, **module._buffers}
    return all(
        is_uninitialised(tensor) == (name in shapes)
        for name, tensor in tensors.items()
        if tensor is not None
    )


def fill(
    module: nn.Module, shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[str, Any]
) -> None:
    """Give a fresh module tensors of these shapes, zeros or not yet initialised, and its sizes."""
    make = torch.zeros if zeros_wanted() else torch.empty
    tables: tuple[_Table, ...] = (module._parameters, module._buffers)
    with torch._C.DisableTorchFunctionSubclass():
        for table in tables:
            for name, tensor in table.items():
                if tensor is not None and name in shapes:
                    data = make(shapes[name], dtype=tensor.dtype, device=tensor.device)
                    give_data(tensor, data)
    module.__dict__.update(sizes)


def lay_out(module: nn.Module) -> None:
    """Give initialised tensors the memory format that was asked for."""
    for name, layout in module.__dict__["_lazy"].formats.items():
        tensor = module._parameters[name]
        assert tensor is not None
        tensor.data = tensor.data.contiguous(memory_format=layout)


def adopt(own: nn.Module, like: nn.Module) -> None:
    """Give a module the tensors and the size-dependent attributes of its reference."""
    state = own.__dict__["_lazy"]
    for mine, theirs in _tables(own, like):
        dropped = False
        for name, tensor in list(mine.items()):
            if name in state.scalars and mine is own._buffers:
                _adopt_scalar(own, name, theirs.get(name))
            if not is_uninitialised(tensor) or name not in theirs:
                continue
            source = theirs[name]
            if source is None:  # these sizes need none; an optimizer may hold it: make it empty
                give_data(tensor, tensor.data)
                mine[name] = None
                dropped = True
                continue
            data = source.data
            if data.device != tensor.device or data.dtype != tensor.dtype:
                if data.is_meta:
                    data = torch.zeros(data.shape, dtype=tensor.dtype, device=tensor.device)
                else:
                    data = data.to(tensor.device, tensor.dtype)
            if name in state.formats:
                data = data.contiguous(memory_format=state.formats[name])
            give_data(tensor, data)
        if dropped:  # the order of parameters() is the eager class's
            ordered = {name: mine[name] for name in [*theirs, *mine] if name in mine}
            mine.clear()
            mine.update(ordered)
    for name, value in _plain_attributes(like).items():
        if state.template.get(name, _ABSENT) != value:
            own.__dict__[name] = value


def _adopt_scalar(own: nn.Module, name: str, source: Any) -> None:
    """A buffer of one number that no one has set since takes the value of these sizes."""
    built, tensor = own.__dict__["_lazy"].scalars[name], own._buffers[name]
    if tensor is None or source is None or source.is_meta or source.dim():
        return
    if tensor.is_meta or built.is_meta or torch.equal(tensor, built.to(tensor.device)):
        device = tensor.device if not tensor.is_meta else source.device
        own._buffers[name] = source.detach().to(device, tensor.dtype)


def sized_scalars(module: nn.Module) -> bool:
    """Whether a module or a part of it holds a fraction in a buffer, which sizes may decide."""
    return any(
        scalar.is_floating_point()
        for child in module.modules()
        for scalar in getattr(child.__dict__.get("_lazy"), "scalars", {}).values()
    )


def keep_placement_in_copies(module: nn.Module) -> None:
    """Tensors unpickled as torch's uninitialised ones become those that pickle faithfully."""
    for table in (module._parameters, module._buffers):
        for tensor in table.values():
            if type(tensor) is torch_parameter.UninitializedParameter:
                tensor.__class__ = UninitializedParameter
            elif type(tensor) is torch_parameter.UninitializedBuffer:
                tensor.__class__ = UninitializedBuffer
                tensor.__dict__.clear()
