"""A plan on a device -> what was observed: verified rows, times, and the network itself."""

from __future__ import annotations

from lazyinspect.probe.devices import resolve_device
from lazyinspect.probe.memory import check_memory, parse_bytes
from lazyinspect.probe.run import How, Probed, materialised, probe

__all__ = [
    "How",
    "Probed",
    "check_memory",
    "materialised",
    "parse_bytes",
    "probe",
    "resolve_device",
]
