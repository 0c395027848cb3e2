"""Nodes -> sources of steps, and what is expected of their outputs."""

from __future__ import annotations

from lazyinspect import limits
from lazyinspect.spec.model import Expr, Group, Label, SourceExpr, Sources
from lazyinspect.spec.reader import Mapping, Node, Scalar, Sequence
from lazyinspect.spec.values import ValueParser


class SourceParser(ValueParser):
    """Parses ``from:``, single sources and ``expect:``."""

    def expectation(self, node: Node) -> tuple[Expr | None, ...] | None:
        """``expect:``: sizes, ``_`` for any."""
        if not isinstance(node, Sequence):
            self.problems.add(
                "bad-expect", "`expect:` takes a list with an entry for each dimension",
                node.mark, help="write for instance [_, 64, 56, 56]; `_` matches any size",
            )  # fmt: skip
            return None
        if len(node.items) > limits.DIMS:
            self.problems.add(
                "bad-expect", f"a tensor has at most {limits.DIMS} dimensions, and this list "
                f"{len(node.items):,} entries", node.mark, help="write an entry for each dimension",
            )  # fmt: skip
            return None
        entries: list[Expr | None] = []
        for item in node.items:
            if isinstance(item, Scalar) and item.text == "_":
                entries.append(None)
                continue
            entry = self.expr(item)
            if not isinstance(item, Scalar) or not (
                type(item.value) is int or item.text.startswith("$")
            ):
                self.problems.add(
                    "bad-expect", "a size is an integer, a formula, or `_`", item.mark,
                    help="write `_` for a size that may be anything",
                )  # fmt: skip
            entries.append(entry)
        return tuple(entries)

    def sources(self, node: Node) -> Sources:
        """``from:``."""
        if isinstance(node, Mapping):
            keywords = {key.text: self.source(value) for key, value in node.pairs}
            return Sources((), keywords, node.mark)
        items = node.items if isinstance(node, Sequence) else (node,)
        return Sources(tuple(self.source(item) for item in items), {}, node.mark)

    def source(self, node: Node) -> SourceExpr:
        """One source in ``from:``; a nested list is a tuple."""
        if isinstance(node, Scalar):
            return self.scalar_source(node)
        if isinstance(node, Sequence):
            return Group(tuple(self.source(item) for item in node.items), node.mark)
        self.problems.add(
            "bad-source", "a source is a label, a number, a formula or a list", node.mark,
            help="give the step a name, and name it here",
        )  # fmt: skip
        return Expr(None, node.mark, None)

    def scalar_source(self, node: Scalar) -> SourceExpr:
        if isinstance(node.value, str) and not node.text.startswith("$"):
            return Label(node.text, node.mark)
        return self.expr(node)
