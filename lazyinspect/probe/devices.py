"""A device's name -> torch.device, and what the probe asks of devices. Raises NetworkError."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from lazyinspect.errors import NetworkError, Problem, SpecError


def available() -> tuple[str, ...]:
    """Names of the devices of this machine: ``("cpu", "cuda:0", "cuda:1")``."""
    found = ["cpu"]
    accelerator = _accelerator()
    if accelerator is not None:
        count = torch.accelerator.device_count()
        found += [accelerator] if count == 1 else [f"{accelerator}:{k}" for k in range(count)]
    return tuple(found)


def resolve_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is the accelerator where there is one.

    Raises:
        SpecError: no name of a device.
        NetworkError: this machine, or this build of torch, has no such device.
    """
    accelerator = _accelerator()
    if name == "auto":
        return torch.device(accelerator or "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SpecError(
            Problem(
                "unknown-device",
                f"`{name}` is no name of a device",
                help=_meant(name) or "cpu, cuda, cuda:1, mps, xpu, meta or auto",
            )
        ) from None
    if device.type in ("cpu", "meta"):
        return torch.device(device.type)
    if device.type != accelerator:
        raise _unavailable(f"device `{name}` is not available")
    if device.index is not None and device.index >= torch.accelerator.device_count():
        raise _unavailable(f"there is no device `{name}`")
    return device


def _meant(name: str) -> str:
    """The device whose name is written otherwise."""
    plain = name.lower().replace(" ", "")
    if plain in ("gpu", "nvidia") or plain.removeprefix("gpu:").isdecimal():
        index = plain.partition(":")[2] or (plain if plain.isdecimal() else "")
        return f"did you mean `cuda{':' if index else ''}{index}`? `auto` takes what there is"
    known = ("cpu", "cuda", "mps", "xpu", "meta", "auto")
    return f"did you mean `{plain}`?" if plain.partition(":")[0] in known else ""


def _unavailable(message: str) -> NetworkError:
    return NetworkError(
        Problem(
            "device-unavailable",
            f"{message}; available here: {', '.join(available())}",
            help="--device auto takes what there is; --device meta plans, and runs nothing",
        )
    )


def _accelerator() -> str | None:
    if not torch.accelerator.is_available():
        return None
    current = torch.accelerator.current_accelerator()
    return None if current is None else current.type


def device_name(device: torch.device) -> str | None:
    """The processor's or the accelerator's product name, where the system tells it."""
    if device.type == "cpu":
        try:
            for line in Path("/proc/cpuinfo").read_text().splitlines():
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
        except OSError:
            pass
        return platform.processor() or platform.machine() or None
    if device.type == "meta":
        return None
    tell = getattr(_module(device), "get_device_name", None)
    return tell(device) if tell is not None else None


def synchroniser(device: torch.device) -> Callable[[], None]:
    """What waits until the device has done all that it was given."""
    if device.type in ("cpu", "meta"):
        return lambda: None
    module = _module(device)
    # mps has one device and takes none
    return module.synchronize if device.type == "mps" else lambda: module.synchronize(device)


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Random numbers from ``seed`` inside; outside, the generators' states as they were."""
    cpu_state = torch.get_rng_state()
    module = None if device.type in ("cpu", "meta") else _module(device)
    arguments: tuple[Any, ...] = () if device.type == "mps" else (device,)
    device_state = module.get_rng_state(*arguments) if module is not None else None
    try:
        torch.default_generator.manual_seed(seed)
        if module is not None:
            with on_device(device):
                module.manual_seed(seed)
        yield
    finally:
        torch.set_rng_state(cpu_state)
        if module is not None:
            module.set_rng_state(device_state, *arguments)


def on_device(device: torch.device) -> AbstractContextManager[Any]:
    """Makes ``device`` the current one among its kind."""
    if device.type in ("cpu", "meta", "mps"):
        return nullcontext()
    context: AbstractContextManager[Any] = _module(device).device(device)
    return context


def _module(device: torch.device) -> Any:
    return torch.get_device_module(device)
