"""Spec -> Plan: every step with its path, explicit arguments, shapes, weights and MACs."""

from __future__ import annotations

from lazyinspect.plan.plan import Plan, make_plan

__all__ = ["Plan", "make_plan"]
