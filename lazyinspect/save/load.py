"""A file of weights -> the network's own. Raises SpecError where they do not fit."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from lazyinspect.errors import Problem, SpecError
from lazyinspect.files import called
from lazyinspect.shapes import format_shape

_NAMED = 3
"""Names that a message lists of many."""


def load_weights(network: nn.Module, path: str) -> None:
    """Put the tensors of a safetensors file into a network.

    Names that the file leaves out because they share a tensor with one that it has are filled.

    Raises:
        SpecError: the file is none of the format, a name is missing or unknown, or a shape
            differs.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        given = load_file(path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _bad(f"the weights in {called(path)} cannot be read: {reason}") from None
    own = network.state_dict()
    by_storage = {tensor.data_ptr(): name for name, tensor in own.items() if name in given}
    absent = [
        name
        for name, tensor in own.items()
        if name not in given and tensor.data_ptr() not in by_storage
    ]
    unknown = [name for name in given if name not in own]
    if absent or unknown:
        parts = [f"{called(path)} lacks {_listed(absent)}"] if absent else []
        parts += [f"the network has no {_listed(unknown)}"] if unknown else []
        raise _bad(f"the weights do not fit: {', and '.join(parts)}")
    for name, tensor in given.items():
        if tensor.shape != own[name].shape:
            raise _bad(
                f"the weights do not fit: `{name}` is {format_shape(tensor.shape)} in "
                f"{called(path)}, and {format_shape(own[name].shape)} in the network"
            )
    network.load_state_dict(given, strict=False)


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    more = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
    return ", ".join(f"`{name}`" for name in found[:_NAMED]) + more


def _bad(message: str) -> SpecError:
    return SpecError(
        Problem(
            "bad-weights",
            message,
            help="name a safetensors file of this network and variant; `export --to json` lists "
            "the names and shapes it must have",
        )
    )
