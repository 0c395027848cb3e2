"""A spec and its file -> the policies that hold for it. No torch here."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from lazyinspect.lock.project import project_of
from lazyinspect.spec.model import Rule, Spec


def rules_of(spec: Spec, path: str, variant: str | None = None) -> dict[str, Rule]:
    """What the policies of a network come to: a spec's own outranks its project's.

    Args:
        path: of the spec's file.

    Raises:
        SpecError: the project's table is wrong.
    """
    whole = os.path.abspath(path)
    project = project_of(os.path.dirname(whole))
    rules: dict[str, Rule] = {}
    for policy in (*(project.policies(whole) if project else ()), spec.policy):
        rules.update(policy.rules)
        rules.update(policy.variants.get(variant or "", {}))
    return rules


def planned_with(spec: Spec, path: str) -> dict[str, Any]:
    """What the project has the spec planned with: ``input`` where it has none, and ``batch``.

    Raises:
        SpecError: the project's table is wrong.
    """
    rules = rules_of(spec, path)
    found = {}
    if "input" in rules and not spec.inputs:
        found["input"] = rules["input"].value
    if "batch" in rules:
        found["batch"] = rules["batch"].value
    return found


def require_projects(paths: Iterable[str]) -> None:
    """Read the projects of specs before anything is done with them.

    Raises:
        SpecError: the table of one is wrong.
    """
    for folder in dict.fromkeys(map(os.path.dirname, paths)):
        project_of(folder)
