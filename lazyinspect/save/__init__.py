"""A plan -> a file with weights that other libraries load. The network is built for it."""

from __future__ import annotations

from lazyinspect.save.write import save

__all__ = ["save"]
