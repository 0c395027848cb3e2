"""YAML as the language has it: 1.2 scalars, positions, and nothing hidden."""

from __future__ import annotations

import math
from typing import Any

import pytest

from lazyinspect.errors import SpecError
from lazyinspect.spec.reader import MAX_BYTES, Mapping, Scalar, Sequence, decode, read


def value(text: str) -> Any:
    node = read(f"x: {text}", "spec.yaml")
    assert isinstance(node, Mapping)
    found = node.get("x")
    assert isinstance(found, Scalar)
    return found.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-6", 1e-6), ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0), ("-0.0", -0.0),
        ("010", 10), ("+3", 3), ("0o17", 15), ("0x1F", 31), ("-7", -7),
        ("on", "on"), ("off", "off"), ("yes", "yes"), ("no", "no"), ("y", "y"), ("n", "n"),
        ("12:30", "12:30"), ("2001-01-01", "2001-01-01"), ("1_000", "1_000"), ("0b1", "0b1"),
        ("true", True), ("FALSE", False), ("null", None), ("~", None), ("", None),
        ('"1"', "1"), ("'true'", "true"), ("=", "="), ("1e", "1e"), ("e3", "e3"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text: str, expected: Any) -> None:
    found = value(text)
    assert found == expected and type(found) is type(expected)


def test_infinity_and_nan_are_floats() -> None:
    assert value(".inf") == math.inf and value("-.INF") == -math.inf
    assert math.isnan(value(".nan"))


def test_every_node_keeps_its_line_and_column() -> None:
    root = read("layers:\n  - é: [1, x]\n  - b\n", "spec.yaml")
    assert isinstance(root, Mapping)
    layers = root.get("layers")
    assert isinstance(layers, Sequence)
    first, second = layers.items
    assert isinstance(first, Mapping)
    key, args = first.pairs[0]
    assert (key.mark.line, key.mark.column, key.mark.length) == (2, 5, 1)
    assert isinstance(args, Sequence)
    assert [(item.mark.line, item.mark.column) for item in args.items] == [(2, 9), (2, 12)]
    assert (second.mark.line, second.mark.column) == (3, 5)


def code(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        read(text, "spec.yaml")
    (problem,) = caught.value.problems
    return problem.code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x 1", "yaml-anchor"),
        ("a: *x", "yaml-alias"),
        ("a: !t 1", "yaml-tag"),
        ("a: ! 1", "yaml-tag"),
        ("a: {<<: {b: 1}}", "yaml-merge-key"),
        ("a: 1\na: 2", "duplicate-key"),
        ("1: 1\n'1': 2", "duplicate-key"),
        ("? [a]\n: 1", "yaml-key"),
        ("a: 1\n---\nb: 2", "yaml-documents"),
        ("a: [1", "yaml-syntax"),
        ("a: '", "yaml-syntax"),
        ("a: b: c", "yaml-syntax"),
        ("\x00", "yaml-syntax"),
        ("# only a comment", "spec-empty"),
        ("[" * 65 + "]" * 65, "yaml-depth"),
        ("[" * 100_000, "yaml-depth"),
    ],
)
def test_what_a_spec_may_not_use_is_refused(text: str, expected: str) -> None:
    assert code(text) == expected


def test_a_quoted_merge_key_is_a_name() -> None:
    root = read("'<<': 1", "spec.yaml")
    assert isinstance(root, Mapping) and root.get("<<") is not None


def test_sixty_four_levels_are_enough_and_allowed() -> None:
    assert isinstance(read("[" * 64 + "]" * 64, "spec.yaml"), Sequence)


def test_utf_8_with_and_without_a_bom() -> None:
    assert decode("ä".encode(), "s") == decode("ä".encode("utf-8-sig"), "s") == "ä"


@pytest.mark.parametrize("data", ["ä".encode("latin-1"), "a: 1".encode("utf-16")])
def test_another_encoding_is_refused(data: bytes) -> None:
    with pytest.raises(SpecError, match="UTF-8"):
        decode(data, "spec.yaml")


def test_more_than_a_mebibyte_is_refused() -> None:
    with pytest.raises(SpecError, match="more than 1,048,576 bytes"):
        decode(b"#" * (MAX_BYTES + 1), "spec.yaml")
