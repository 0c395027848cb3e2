"""The plan as JSON: valid by its schema, every edge whole, and the figures those of the plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from exports import CASES, CONFIGS, config, exported, subject
from hypothesis import HealthCheck, given, settings
from random_specs import as_text, specs

from lazyinspect.export import Subject, export, plan_json

SCHEMA = json.loads(
    Path(plan_json.__file__).with_name("plan.schema.json").read_text(encoding="utf-8")
)


def value_at(tensors: list[dict[str, Any]], key: list[Any]) -> list[dict[str, Any]]:
    """The tensors of an output below a key."""
    path = ".".join(map(str, key))
    return [t for t in tensors if not path or t["name"] == path or t["name"].startswith(f"{path}.")]


def tensors_of(read: dict[str, Any], data: dict[str, Any]) -> list[tuple[list[int], str]]:
    """Shapes and dtypes of what a read is."""
    if "node" in read:
        found = value_at(data["nodes"][read["node"]]["outputs"], read.get("key", []))
    elif "input" in read:
        found = [entry for entry in data["inputs"] if entry["name"] == read["input"]]
    else:
        parts = [*read.get("items", ()), *read.get("entries", {}).values()]
        return [tensor for part in parts for tensor in tensors_of(part, data)]
    assert found
    return [(tensor["shape"], tensor["dtype"]) for tensor in found]


def checked(given: Subject) -> dict[str, Any]:
    """The document, held to its schema and to itself."""
    text = export(given, "json")
    assert text.startswith('{"schema": "lazyinspect/plan/1",\n')
    data: dict[str, Any] = json.loads(text)
    jsonschema.Draft7Validator(SCHEMA).validate(data)
    for index, node in enumerate(data["nodes"]):
        read = [tensor for value in node["reads"] for tensor in tensors_of(value, data)]
        assert read == [(tensor["shape"], tensor["dtype"]) for tensor in node["inputs"]]
        for value in node["reads"]:
            assert value.get("node", -1) < index
    for output in data["outputs"]:
        assert tensors_of(output, data) == [(output["shape"], output["dtype"])]
    return data


def test_the_schema_is_itself_valid() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_as_data_is_valid_and_every_node_reads_what_it_gets(name: str) -> None:
    spec, plan = config(name)
    data = checked(Subject(plan, spec))
    assert data["totals"]["param_count"] == plan.totals.param_count
    assert data["totals"]["macs"] == plan.totals.macs
    names = [weight["name"] for weight in data["weights"] if weight["in_state_dict"]]
    assert names == list(plan.state_dict())


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_case_as_data_is_valid_and_every_node_reads_what_it_gets(case: Path) -> None:
    checked(subject(case.read_text(encoding="utf-8")))


@given(spec=specs())
@settings(
    deadline=None, max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
def test_random_specs_as_data_are_valid_and_every_node_reads_what_it_gets(
    spec: dict[str, object],
) -> None:
    checked(subject(as_text(spec)))


def test_an_edge_names_the_call_whatever_containers_lie_between() -> None:
    data = json.loads(
        exported(
            "input: [1, 8]\n"
            "blocks: {B: {layers: {a: {LazyLinear: 8}, b: [Tanh, {ReLU: , as: kept}]}}}\n"
            "layers: {one: B, sum: {add: [one, 2, {alpha: 3}]}}",
            "json",
        )
    )
    paths = [node["path"] for node in data["nodes"]]
    assert paths == ["", "one", "one.a", "one.b", "one.b.0", "one.b.1", "sum"]
    *_, total = data["nodes"]
    assert total["reads"] == [{"node": paths.index("one.b.1")}, {"number": 2}]
    assert total["args"] == {"alpha": 3}
    assert data["outputs"] == [
        {"name": "", "shape": [1, 8], "dtype": "float32", "node": paths.index("sum")}
    ]


def test_what_json_lacks_is_a_string() -> None:
    data = json.loads(exported("input: [1, 8]\nlayers: [{clamp: {min: -.inf, max: .inf}}]", "json"))
    assert data["nodes"][1]["args"] == {"min": "-inf", "max": "inf"}
