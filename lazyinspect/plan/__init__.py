"""Spec -> Plan: every step with its path, explicit arguments, shapes, weights and MACs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lazyinspect.plan.plan import Plan, make_plan

__all__ = ["Plan", "make_plan"]


def __getattr__(name: str) -> Any:
    """Import the planner when it is asked for: ``import lazyinspect`` comes by here."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lazyinspect.plan import plan

    value = globals()[name] = getattr(plan, name)
    return value
