"""Every network of configs/ runs on a device, and what is observed is what was planned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import lazyinspect

CONFIGS = {
    path.stem: path
    for path in sorted(Path(__file__).parents[2].glob("configs/*.yaml"))
    if ".lock" not in path.name
}
SMALLER: dict[str, dict[str, Any]] = {
    "densenet": {"growth": 8},
    "dcgan": {"g": 8, "d": 8},
    "efficientnet": {"res": 64},
    "gpt2": {"d": 64, "depth": 2, "heads": 4, "vocab": 99},
    "llama3": {"d": 64, "depth": 2, "heads": 4, "kv_heads": 2, "ffn": 96, "vocab": 99},
    "unet": {"w": 8},
    "vit": {"d": 48, "depth": 2, "heads": 4},
}
"""Parameters that spare the tests time, and no step."""


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("train", [False, True], ids=["eval", "train"])
def test_a_run_agrees_with_its_plan_row_by_row(config: str, train: bool) -> None:
    options: dict[str, Any] = {"set": SMALLER.get(config, {}), "batch": 2}
    if config == "seed_unbatched":
        options = {}
    report = lazyinspect.run(
        CONFIGS[config], train=train, time=False, init="zeros" if train else "default", **options
    )
    plan = lazyinspect.plan(CONFIGS[config], **options)
    assert report.verified is not None
    assert report.verified.mismatches == ()
    assert report.verified.layers == sum(row.kind != "container" for row in plan.rows)
    assert report.outputs == plan.outputs
    # what is alive is worked out for reports alone
    alive = {"activation_bytes": None, "peak_inference_bytes": None}
    assert replace(report.totals, **alive) == plan.totals
