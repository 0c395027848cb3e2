"""Path of a spec -> the networks that it or its lock has, and where they stand. Plans nothing."""

from __future__ import annotations

import os
from collections.abc import Callable

from lazyinspect.errors import LazyinspectError
from lazyinspect.lock.check import read_text
from lazyinspect.lock.find import lock_of
from lazyinspect.lock.networks import networks
from lazyinspect.lock.parse import split
from lazyinspect.spec.model import Spec


def listing(path: str, load: Callable[[str], Spec]) -> dict[str | None, int]:
    """Lines in the spec by variant, None for the spec without one.

    A network that the lock alone has stands at line 1. So does the one of a spec that cannot be
    read: what is wrong is for `check` to say.

    Args:
        load: reads and parses a spec; raises SpecError.
    """
    try:
        spec = load(path)
    except LazyinspectError:
        return {None: 1}
    found: dict[str | None, int] = {}
    for name in networks(spec):
        mark = spec.network.mark if name is None else spec.variant_marks[name]
        found[name] = mark.line
    try:
        text = read_text(lock_of(path))
        locked = {} if text is None else split(text, "", os.path.basename(path)).sections
    except LazyinspectError:
        return found
    return found | {name: 1 for name in locked if name not in found}
