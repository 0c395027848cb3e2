"""Nodes -> YAML on one line, as a person would write them in a remedy."""

from __future__ import annotations

from collections.abc import Iterable

from lazyinspect.spec.reader import Node, Scalar, Sequence

_LONGEST = 120
"""Characters of a remedy that anyone types."""


def flow(node: Node) -> str:
    """The node in brackets and braces; ``...`` where that would be long."""
    if isinstance(node, Scalar):
        text = node.text if node.plain and "\n" not in node.text else _quoted(node.text)
    elif isinstance(node, Sequence):
        text = flow_list(node.items)
    else:
        text = flow_mapping(node.pairs)
    return text if len(text) <= _LONGEST else "..."


def flow_list(items: Iterable[Node]) -> str:
    """``[64, 3]``."""
    return "[" + ", ".join(map(flow, items)) + "]"


def flow_mapping(pairs: Iterable[tuple[Scalar, Node]]) -> str:
    """``{padding: 1}``; what is empty stands as it does in a spec, ``{ReLU: }``."""
    return "{" + ", ".join(f"{flow(key)}: {flow(value)}" for key, value in pairs) + "}"


def _quoted(text: str) -> str:
    quote = "'" if '"' in text else '"'
    return f"{quote}{text}{quote}"
