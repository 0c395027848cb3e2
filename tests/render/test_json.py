"""JSON: the public contract ``lazyinspect/report/1``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from reports import block, layer, mynet, oddities, report, resnet50

from lazyinspect.render import render
from lazyinspect.render.json import data, plain
from lazyinspect.render.json import render as render_json
from lazyinspect.render.layout import Layout
from lazyinspect.report import Report

KEYS = {
    "": "schema spec environment inputs outputs layers totals timing verified",
    "spec": "path name variant params",
    "environment": "lazyinspect torch python device device_name",
    "inputs.0": "name shape dtype",
    "outputs.0": "name shape dtype",
    "layers.0": "path call depth declared type args inputs outputs param_count"
    " trainable_param_count param_bytes buffer_bytes macs flops time_ns source receptive_field",
    "layers.0.inputs.0": "name shape dtype",
    "layers.0.outputs.0": "name shape dtype",
    "layers.0.time_ns": "median p10 p90",
    "layers.0.source": "line column used_at",
    "totals": "param_count trainable_param_count param_bytes buffer_bytes macs flops"
    " activation_bytes peak_inference_bytes",
    "timing": "device warmup runs forward_ns warmed threads dtype batch inputs_per_second"
    " training_ns layers_ns hooked_ns compile_ns amp channels_last",
    "timing.forward_ns": "median p10 p90",
    "verified": "device layers mismatches",
}


def at(value: Any, path: str) -> Any:
    for key in filter(None, path.split(".")):
        value = value[int(key) if key.isdecimal() else key]
    return value


@pytest.mark.parametrize("path", KEYS)
def test_keys_stand_in_the_documented_order(path: str) -> None:
    assert list(at(data(resnet50(timed=True)), path)) == KEYS[path].split()


def test_text_holds_what_the_data_holds() -> None:
    for each in (mynet(), resnet50(timed=True), oddities()):
        assert json.loads(render_json(each)) == data(each)


def test_schema_is_named_and_versioned() -> None:
    assert data(mynet())["schema"] == "lazyinspect/report/1"


def test_figures_are_those_of_the_report() -> None:
    value = data(resnet50())
    assert value["totals"]["param_count"] == 25_557_032
    assert value["totals"]["flops"] == 2 * value["totals"]["macs"] == 8_178_368_512
    assert value["layers"][1]["args"]["kernel_size"] == [7, 7]


def test_every_row_has_a_line_of_its_own() -> None:
    lines = render_json(resnet50()).splitlines()
    assert sum(line.startswith('  {"path":') for line in lines) == len(resnet50().layers)


def test_absent_figures_are_null() -> None:
    value = data(mynet(verified=False))
    assert value["timing"] is None
    assert value["verified"] is None
    assert value["layers"][0]["time_ns"] is None
    assert value["totals"]["peak_inference_bytes"] is None


def test_a_zero_stays_zero() -> None:
    relu = data(mynet())["layers"][2]
    assert (relu["macs"], relu["param_count"]) == (0, 0)


def test_unknown_macs_are_null_and_the_total_counts_their_rows() -> None:
    value = data(oddities())
    lstm = next(row for row in value["layers"] if row["path"] == "lstm")
    assert (lstm["macs"], lstm["flops"]) == (None, None)
    assert value["totals"]["rows_without_macs"] == 2


def test_the_total_counts_no_rows_where_all_macs_are_known() -> None:
    assert "rows_without_macs" not in data(mynet())["totals"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
        (float("nan"), "nan"),
        ((1, (2, None)), [1, [2, None]]),
        ({"act": {"LeakyReLU": 0.1}}, {"act": {"LeakyReLU": 0.1}}),
        (True, True),
        (2**60, 2**60),
    ],
)
def test_values_of_a_spec_become_legal_json(value: Any, expected: Any) -> None:
    assert plain(value) == expected


def test_infinite_arguments_leave_the_document_legal() -> None:
    drawn = report(layer("pad", "ConstantPad2d", (1, 2), args={"value": float("-inf")}))
    assert json.loads(render_json(drawn), parse_constant=pytest.fail)


def test_drawing_choices_leave_the_data_whole() -> None:
    cut = Layout(depth=1, fold=True, columns=("params",), width=20)
    assert "".join(render([resnet50()], "json", cut)) == render_json(resnet50())


def test_variants_come_as_an_array() -> None:
    reports: list[Report] = [mynet(), mynet(variant="wide")]
    text = "".join(render(reports, "json", Layout(array=True)))
    assert json.loads(text) == [data(each) for each in reports]
    assert json.loads("".join(render([mynet()], "json", Layout(array=True)))) == [data(mynet())]


def test_use_sites_stand_innermost_first() -> None:
    inner = layer("conv", "Conv2d", (1, 2))
    value = data(report(block("b", "Block", inner)))
    assert value["layers"][2]["source"] == {"line": 9, "column": 3, "used_at": []}
