"""The collector is as it was after a plan, whether that succeeds or fails."""

from __future__ import annotations

import gc

import pytest

from lazyinspect.errors import LazyinspectError
from lazyinspect.plan.plan import make_plan
from lazyinspect.spec.grammar import parse_spec


@pytest.mark.parametrize("kernel", [3, 99])
@pytest.mark.parametrize("enabled", [True, False])
def test_planning_leaves_the_collector_as_it_was(kernel: int, enabled: bool) -> None:
    before = gc.isenabled()
    spec = parse_spec(f"input: [1, 3, 8, 8]\nlayers: [LazyConv2d: [4, {kernel}]]\n", "spec.yaml")
    (gc.enable if enabled else gc.disable)()
    try:
        if kernel == 3:
            assert make_plan(spec).totals.param_count == 112
        else:
            with pytest.raises(LazyinspectError):
                make_plan(spec)
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
