"""Text of a spec -> its plan, for tests of what a plan becomes."""

from __future__ import annotations

from typing import Any

from lazyinspect.plan import Plan, make_plan
from lazyinspect.spec.grammar import parse_spec


def plan_of(text: str, **options: Any) -> Plan:
    return make_plan(parse_spec(text, "net.yaml"), **options)
