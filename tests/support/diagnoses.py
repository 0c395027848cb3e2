"""A spec that fails -> its problems as one text, for claims about what is said and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from lazyinspect.errors import LazyinspectError, Problem
from lazyinspect.plan.insight import whatif
from lazyinspect.plan.plan import make_plan
from lazyinspect.spec.grammar import parse_spec


def problems(text: str, monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[Problem, ...]:
    """Every problem of a spec. An insight that fails is an error here, and no silence."""
    monkeypatch.setattr(whatif, "CAUGHT", ())
    with pytest.raises(LazyinspectError) as caught:
        make_plan(parse_spec(text, "spec.yaml"), **options)
    return caught.value.problems


def advice(text: str, monkeypatch: pytest.MonkeyPatch, **options: Any) -> str:
    """Help and notes of all problems."""
    found = problems(text, monkeypatch, **options)
    said = (part for problem in found for part in (problem.help, *problem.notes))
    return "\n".join(part for part in said if part)
