"""Every lazy class in one spec, from the file to the report that the device verified."""

from __future__ import annotations

from pathlib import Path

import pytest

import lazyinspect
import lazyinspect.lazy as lazy

SPEC = Path(__file__).with_name("every_lazy.yaml")


@pytest.mark.parametrize("init", ["default", "zeros"])
def test_every_lazy_class_runs_from_a_spec_and_is_verified(init: str) -> None:
    report = lazyinspect.run(SPEC, time=False, init=init)
    assert report.verified is not None
    assert report.verified.mismatches == ()
    declared = {row.declared: row.type for row in report.layers if row.declared.startswith("Lazy")}
    assert set(declared) == {n for n in lazy.__all__ if n.startswith("Lazy")} - {"LazyMixin"}
    assert not any(became.startswith("Lazy") for became in declared.values())


def test_become_in_a_spec_makes_another_class_of_it() -> None:
    network = lazyinspect.build(SPEC)
    children = dict(network.named_children())
    assert type(children["fq2"]) is lazy.FakeQuantConv2d
    assert children["fq2"].quantize_qrange == (-128, 127)
    assert children["fq"].quantize_qrange == (-8, 7)
    assert lazy.find_lazy(network) == {}
