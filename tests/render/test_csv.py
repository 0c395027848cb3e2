"""CSV: one row per layer, which any reader of CSV reads back."""

from __future__ import annotations

import csv
import io
import json

from reports import layer, mynet, oddities, report, resnet50

from lazyinspect.render import render
from lazyinspect.render.csv import FIELDS
from lazyinspect.render.layout import Layout
from lazyinspect.report import Report


def read(*reports: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(render(reports, "csv", Layout(depth=0))))))


def test_every_layer_is_a_row() -> None:
    rows = read(resnet50())
    assert [row["path"] for row in rows] == [row.path for row in resnet50().layers]
    assert list(rows[0]) == list(FIELDS)


def test_figures_are_plain_numbers() -> None:
    network = read(resnet50(timed=True))[0]
    assert network["param_count"] == "25557032"
    assert network["macs"] == "4089184256"
    assert int(network["time_median_ns"]) > 0


def test_absent_figures_are_empty_and_zeros_are_zero() -> None:
    rows = {row["path"]: row for row in read(oddities())}
    assert (rows["lstm"]["macs"], rows["lstm"]["time_median_ns"]) == ("", "")
    assert rows["indices"]["macs"] == "0"


def test_nested_outputs_share_a_cell() -> None:
    rows = {row["path"]: row for row in read(oddities())}
    expected = "0 [1, 12, 256] float32; 1.0 [2, 1, 256] float32; 1.1 [2, 1, 256] float32"
    assert rows["lstm"]["outputs"] == expected


def test_arguments_are_json() -> None:
    assert json.loads(read(resnet50())[1]["args"])["stride"] == [2, 2]


def test_variants_share_one_header() -> None:
    rows = read(mynet(variant="a"), mynet(variant="b"))
    assert [row["variant"] for row in rows] == ["a"] * 9 + ["b"] * 9


def test_names_with_commas_and_quotes_survive() -> None:
    assert read(report(layer('a,"b', "ReLU", (1, 2))))[1]["path"] == 'a,"b'
