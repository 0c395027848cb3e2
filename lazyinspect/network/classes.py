"""Name of a layer -> its class, as a plan names it."""

from __future__ import annotations

from torch import nn

from lazyinspect import lazy
from lazyinspect.errors import Mark
from lazyinspect.plan.fallback import class_name, resolve_class

__all__ = ["class_name", "layer_class", "resolve_class"]


def layer_class(name: str, mark: Mark | None = None) -> type[nn.Module]:
    """The class that a plan names: bundled, torch.nn's, or (dotted) the user's own.

    A dotted name in a plan was allowed when the spec was planned.
    """
    if "." in name:
        return resolve_class(name, (name,), mark)
    # torch has lazy classes of the same names; the bundled ones are meant
    found: type[nn.Module] = getattr(lazy, name, None) or getattr(nn, name)
    return found
