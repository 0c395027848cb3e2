"""The tables of the real networks: each fits a hundred columns, its figures whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from lazyinspect import api
from lazyinspect.render import figures
from lazyinspect.render.layout import Layout
from lazyinspect.render.paint import width
from lazyinspect.render.table import render

CONFIGS = sorted(
    path
    for path in (Path(__file__).parents[2] / "configs").glob("*.yaml")
    if ".lock" not in path.name
)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_variant_is_readable_at_a_hundred_columns(path: Path) -> None:
    spec = api.load(path)
    for variant in api.variants(spec) or [None]:
        report = api.plan(spec, variant=variant).report()
        text = render(report, Layout(width=100, fold=False))
        assert max(map(width, text.splitlines())) <= 100
        drawn = text.splitlines()[text.splitlines().index("") + 3 :]
        for row, line in zip(report.layers, drawn, strict=False):
            assert figures.tensors(row.outputs[:1], row.outputs[0].dtype) in line
            assert figures.count(row.param_count) in line or " - " in line
