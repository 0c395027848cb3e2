"""Plan and device -> whether the network fits. Raises NetworkError before anything is allocated."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Protocol

import torch

from lazyinspect import limits
from lazyinspect.errors import NetworkError, Problem, SpecError
from lazyinspect.plan import tree
from lazyinspect.report import Totals
from lazyinspect.shapes import TensorType, format_bytes, tensors_of

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class Plan(Protocol):
    """What memory depends on."""

    @property
    def call(self) -> tree.Call: ...
    @property
    def totals(self) -> Totals: ...


def parse_bytes(text: str) -> int:
    """``8GB``, ``512MB``, ``2GiB`` or a number of bytes.

    Raises:
        SpecError: none of these.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:([KMGT])(i)?)?B?\s*", text, re.IGNORECASE)
    if match is None:
        raise _no_amount(text)
    number, unit, binary = match.groups()
    units = _BINARY_UNITS if binary else _UNITS
    return int(float(number) * units[(unit or "").upper()])


def _no_amount(text: str) -> SpecError:
    return SpecError(
        Problem("bad-memory-limit", f"`{text}` is no amount of memory", help="8GB, 512MB, 2GiB")
    )


def check_memory(plan: Plan, device: torch.device, limit: int | None = None) -> None:
    """Refuse a network that cannot fit.

    What is compared is a lower bound: parameters, buffers, and what is alive while the step with
    the largest activations runs.

    Args:
        limit: bytes, set by the person; None: nine tenths of what the device has free.

    Raises:
        SpecError: a limit below 0.
        NetworkError: with the figures.
    """
    if limit is not None and limit < 0:
        raise _no_amount(str(limit))
    if device.type == "meta":
        return
    weights = plan.totals.param_bytes + plan.totals.buffer_bytes
    step, activations = largest_step(plan.call)
    needed = weights + activations
    free = free_bytes(device)
    if limit is not None and (free is None or limit <= free):
        have, whose = limit, "the memory limit"
    elif limit is not None and free is not None:
        have, whose = free, f"what is free on {device}"
    elif free is not None:
        # the rest is for what torch and the system need besides
        have = int(free * limits.FREE_MEMORY)
        whose = f"{limits.FREE_MEMORY:.0%} of what is free on {device}"
    else:
        return
    if needed > have:
        raise out_of_memory(
            f"the network needs at least {format_bytes(needed)}, and {whose} is "
            f"{format_bytes(have)}",
            notes=(
                f"parameters and buffers: {format_bytes(weights)}; activations of the largest "
                f"step ({step or 'the network'}): {format_bytes(activations)}",
            ),
        )


def out_of_memory(message: str, notes: tuple[str, ...] = ()) -> NetworkError:
    return NetworkError(
        Problem(
            "out-of-memory",
            message,
            help="a smaller --batch or --input, a narrower --dtype, or --device meta, which "
            "allocates nothing",
            notes=notes,
        )
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Torch's error of an accelerator, and what its CPU allocator says."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError)
        and ("DefaultCPUAllocator" in str(error) or "not enough memory" in str(error))
    )


def largest_step(call: tree.Call, path: str = "") -> tuple[str, int]:
    """The layer whose inputs and outputs are largest together: its path, and their bytes.

    Only layers with multiply-accumulates count both: any other may return a view of its input.
    """
    if isinstance(call.node, tree.Graph) and call.calls:
        return max(
            (
                largest_step(inner, f"{path}.{inner.name}" if path else inner.name)
                for inner in call.calls
            ),
            key=lambda found: found[1],
        )
    read = sum(tensor.nbytes for _, tensor in call.inputs)
    written = sum(tensor.nbytes for tensor in _distinct(call.output))
    return path, read + written if call.macs else max(read, written)


def _distinct(output: object) -> list[TensorType]:
    return [tensor for _, tensor in tensors_of(output)]


def free_bytes(device: torch.device) -> int | None:
    """Bytes that could still be allocated on the device; None where nobody tells."""
    if device.type == "cpu":
        return _free_main_memory()
    module = torch.get_device_module(device)
    if hasattr(module, "mem_get_info"):
        return int(module.mem_get_info(device)[0])
    if hasattr(module, "recommended_max_memory"):
        return int(module.recommended_max_memory() - module.current_allocated_memory())
    return None


def _free_main_memory() -> int | None:
    known = [found for found in (_system_memory(), _cgroup_memory()) if found is not None]
    return min(known) if known else None


def _system_memory() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _cgroup_memory(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What a container may still take, of cgroups v2 or v1; None where no limit is set.

    Pages of files that the kernel can drop count as free.
    """
    for folder, limit_file, usage_file, reclaimable in (
        (root, "memory.max", "memory.current", "inactive_file"),
        (
            root / "memory",
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file",
        ),
    ):
        try:
            limit = (folder / limit_file).read_text().strip()
            used = int((folder / usage_file).read_text())
            statistics = dict(
                line.split() for line in (folder / "memory.stat").read_text().splitlines()
            )
        except (OSError, ValueError):
            continue
        if limit == "max":
            return None
        return int(limit) - used + int(statistics.get(reclaimable, 0))
    return None
