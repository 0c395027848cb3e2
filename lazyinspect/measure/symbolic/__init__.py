"""A spec, and names for sizes -> formulas, and the conditions under which they hold. No torch."""

from lazyinspect.measure.symbolic.symbolic import symbolic

__all__ = ["symbolic"]
