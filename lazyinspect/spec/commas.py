"""Nodes -> nodes in which formulas that a comma has cut are whole again, and which those were.

YAML ends `[$max(1, 2), 3]` at the first comma. Read on as if the formula stood in quotes, a file
shows its other mistakes, and none that only follow from this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lazyinspect.errors import Mark, Problem
from lazyinspect.spec.reader import Mapping, Node, Scalar, Sequence


def rejoined(node: Node) -> tuple[Node, list[Problem]]:
    """The tree with cut formulas joined, and a problem for each."""
    found: list[Problem] = []
    return _node(node, found), found


def _node(node: Node, found: list[Problem]) -> Node:
    if isinstance(node, Sequence):
        return Sequence(tuple(_items(node.items, found)), node.mark)
    if isinstance(node, Mapping):
        return Mapping(tuple(_pairs(node.pairs, found)), node.mark)
    return node


def _items(items: tuple[Node, ...], found: list[Problem]) -> Iterator[Node]:
    passed = 0
    for place, item in enumerate(items):
        if place < passed:
            continue
        pieces = _pieces(item, (items[k] for k in range(place + 1, len(items))))
        passed = place + len(pieces)
        yield _joined(pieces, found) if pieces else _node(item, found)


def _pairs(
    pairs: tuple[tuple[Scalar, Node], ...], found: list[Problem]
) -> Iterator[tuple[Scalar, Node]]:
    passed = 0
    for place, (key, value) in enumerate(pairs):
        if place < passed:
            continue
        rest = (pairs[k] for k in range(place + 1, len(pairs)))
        pieces = _pieces(value, (name if _empty(item) else item for name, item in rest))
        passed = place + len(pieces)
        yield key, _joined(pieces, found) if pieces else _node(value, found)


def _empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _pieces(first: Node, after: Iterable[Node]) -> list[Scalar]:
    """A formula whose bracket is open, with the pieces up to where it closes; none where it is not.

    Only pieces of one line are taken: what closes further down is another mistake.
    """
    if not isinstance(first, Scalar) or not first.plain or not first.text.startswith("$"):
        return []
    pieces, depth = [first], _depth(first.text)
    if depth <= 0:
        return []
    for item in after:
        if not isinstance(item, Scalar) or not item.plain or item.mark.line != first.mark.line:
            return []
        pieces.append(item)
        depth += _depth(item.text)
        if depth <= 0:
            break
    return pieces if depth == 0 else []


def _depth(text: str) -> int:
    return text.count("(") - text.count(")")


def _joined(pieces: list[Scalar], found: list[Problem]) -> Scalar:
    mark, end = pieces[0].mark, pieces[-1].mark
    line = mark.source.lines[mark.line - 1]
    text = line[mark.column - 1 : end.column - 1 + len(pieces[-1].text)]
    whole = Mark(mark.source, mark.line, mark.column, len(text))
    found.append(
        Problem(
            "formula",
            "this formula is cut at its comma: in brackets and braces, YAML ends a text there",
            whole,
            help=f'put it in quotes: "{text}"',
        )
    )
    return Scalar(text, text, mark, plain=True)
