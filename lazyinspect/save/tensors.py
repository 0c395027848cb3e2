"""Network -> safetensors: its weights by name. The home of the safetensors package."""

from __future__ import annotations

import json

from torch import Tensor, nn

from lazyinspect.export import SIGN, Subject
from lazyinspect.export.extras import missing_extra
from lazyinspect.plan.plan import Plan

MOST_BYTES = None


def require() -> None:
    """Raises SpecError where the package is missing."""
    try:
        import numpy  # noqa: F401  # safetensors writes by way of it
        import safetensors.torch  # noqa: F401
    except ImportError as error:
        raise missing_extra(error.name or "safetensors", "weights", error) from None


def write(network: nn.Module, subject: Subject, trace_by: Plan | None) -> bytes:
    """The ``state_dict`` as a file; of names for one tensor the first, the others in the metadata,
    as ``safetensors.torch.load_model`` reads them.
    """
    from safetensors.torch import save

    kept: dict[str, Tensor] = {}
    first: dict[int, str] = {}
    metadata = {"format": "pt", "writer": SIGN.decode()}
    for name, tensor in network.state_dict().items():
        if not tensor.numel():
            kept[name] = tensor
            continue
        owner = first.setdefault(tensor.data_ptr(), name)
        if owner == name:
            kept[name] = tensor.contiguous()
        else:
            metadata[name] = owner
    return _ordered(save(kept, metadata))


def _ordered(data: bytes) -> bytes:
    """The same file with its metadata in order: the library shuffles them."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__")
    header = {"__metadata__": dict(sorted(metadata.items())), **header}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    assert len(text) <= length, "the same words are longer"
    # one copy of the weights, not two
    return b"".join([data[:8], text.ljust(length), memoryview(data)[8 + length :]])
