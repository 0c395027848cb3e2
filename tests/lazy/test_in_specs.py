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


def test_a_step_becomes_a_class_of_the_users_own_where_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "layers_that_double.py").write_text(
        "from torch import nn\n\n"
        "class Doubled(nn.Conv2d):\n"
        "    def forward(self, x):\n"
        "        return super().forward(x).repeat(1, 2, 1, 1)\n",
        encoding="utf-8",
    )
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "input: [1, 3, 8, 8]\n"
        "layers:\n"
        "  - {LazyConv2d: [4, 3], become: layers_that_double.Doubled}\n"
        "  - {LazyConv2d: [5, 1]}\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(lazyinspect.SpecError, match=r"layers_that_double\.Doubled"):
        lazyinspect.run(spec, time=False)
    report = lazyinspect.run(spec, time=False, allow=["layers_that_double.Doubled"])
    assert report.verified is not None
    assert report.verified.mismatches == ()
    assert [row.type for row in report.layers][1:] == ["layers_that_double.Doubled", "Conv2d"]
    network = lazyinspect.build(spec, allow=["layers_that_double.Doubled"])
    assert network[1].in_channels == 8


def test_become_in_a_spec_makes_another_class_of_it() -> None:
    network = lazyinspect.build(SPEC)
    children = dict(network.named_children())
    assert type(children["fq2"]) is lazy.FakeQuantConv2d
    assert children["fq2"].quantize_qrange == (-128, 127)
    assert children["fq"].quantize_qrange == (-8, 7)
    assert lazy.find_lazy(network) == {}
