"""Plan -> nn.Module: the network in its lazy form, built from the bundled lazy modules."""

from __future__ import annotations

from lazyinspect.network.build import Init, build
from lazyinspect.network.classes import class_name, resolve_class
from lazyinspect.network.graph import Graph, Sequential

__all__ = ["build", "Graph", "Init", "Sequential", "class_name", "resolve_class"]
