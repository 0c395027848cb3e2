"""The schema accepts what the planner accepts, and refuses shapes of files that it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lazyinspect.plan.ops import table
from lazyinspect.plan.schema import schema
from lazyinspect.spec.reader import Mapping, Node, Scalar, read

CONFIGS = sorted(
    path
    for path in (Path(__file__).parents[2] / "configs").glob("*.yaml")
    if ".lock" not in path.name
)
VALIDATOR = jsonschema.Draft7Validator(schema())


def python(node: Node) -> Any:
    """A document as an editor's YAML library gives it, by YAML 1.2."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        return {key.text: python(value) for key, value in node.pairs}
    return [python(item) for item in node.items]


def errors(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(python(read(text, "spec.yaml")))]


def test_schema_is_valid_draft_07() -> None:
    jsonschema.Draft7Validator.check_schema(schema())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_schema_accepts_every_config(path: Path) -> None:
    assert errors(path.read_text(encoding="utf-8")) == []


def test_schema_knows_every_op_of_the_table() -> None:
    known = schema()["definitions"]["stepObject"]["properties"]
    assert set(table()) <= set(known)


@pytest.mark.parametrize("sizes", ["[1, 8]", "[[1, 8]]", "[[$n, 8]]"])
@pytest.mark.parametrize("function", ["reshape", "permute", "expand"])
def test_schema_takes_sizes_one_by_one_and_as_one_list(function: str, sizes: str) -> None:
    assert not errors(f"layers: [{{{function}: {sizes}}}]")
    assert errors(f"layers: [{{{function}: [[a]]}}]")


@pytest.mark.parametrize(
    "text",
    [
        "layers: []",
        "input: [1, 3]",
        "layers: [ReLU]\nlayerz: []",
        "layers: [relUU]",
        "layers: [{Conv2d: [3, 4, 3, {strid: 2}]}]",
        "layers: [{Conv2d: [3, 4, 3, {bias: 'no'}]}]",
        "layers: [{ReLU: , form: x}]",
        "layers: [{ReLU: , repeat: true}]",
        "input: 3\nlayers: [ReLU]",
        "input: {x: {shape: [1], dtype: float31}}\nlayers: [ReLU]",
        "blocks: {unit: {layers: [ReLU]}}\nlayers: [ReLU]",
        "blocks: {Conv2d: {layers: [ReLU]}}\nlayers: [ReLU]",
        "blocks: {Unit: {layer: [ReLU]}}\nlayers: [ReLU]",
        "output: []\nlayers: [ReLU]",
        "lazyinspect: 2\nlayers: [ReLU]",
    ],
)
def test_schema_refuses(text: str) -> None:
    assert errors(text)
