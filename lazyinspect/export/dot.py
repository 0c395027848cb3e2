"""Graph -> DOT text, which Graphviz draws. The home of the graphviz package. No torch here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lazyinspect.export.extras import missing_extra
from lazyinspect.export.graph import Drawing, Group, Item, Kind, draw
from lazyinspect.export.palette import COLOURS
from lazyinspect.export.subject import Subject

FIRST_LINE = "Written by lazyinspect export: a graph for Graphviz."

_SHAPES: dict[Kind, dict[str, str]] = {
    "input": {"shape": "box", "style": "rounded,filled", "margin": "0.2,0.06"},
    "output": {"shape": "box", "style": "rounded,filled", "margin": "0.2,0.06"},
    "layer": {"shape": "box"},
    "parameter": {"shape": "note"},
    "function": {"shape": "box", "style": "rounded,filled"},
    "merge": {"shape": "hexagon", "margin": "0.05,0.03"},
    "block": {"shape": "box", "penwidth": "1.8"},
    "container": {"shape": "box", "penwidth": "1.8"},
}


def write(subject: Subject) -> str:
    """A directed graph, from top to bottom.

    Raises:
        SpecError: as :func:`source`.
    """
    return source(draw(subject.plan, subject.options.depth))


def source(drawing: Drawing) -> str:
    """A drawing as DOT; the vertices are called ``n1`` and so on, by their ids.

    Raises:
        SpecError: the graphviz package is not installed.
    """
    try:
        import graphviz
    except ImportError as error:
        raise missing_extra("graphviz", "graph", error) from None
    graph = graphviz.Digraph(comment=FIRST_LINE)
    font = {"fontname": "Helvetica,Arial,sans-serif"}
    graph.attr(
        "graph", **font, label=_text(drawing.title), labelloc="t", fontsize="13",
        bgcolor="white", ranksep="0.35", nodesep="0.3",
    )  # fmt: skip
    graph.attr("node", **font, fontsize="11", style="filled", margin="0.12,0.05", height="0.3")
    graph.attr("edge", **font, fontsize="9", fontcolor="#555555", color="#555555", arrowsize="0.7")
    _fill(graph, drawing.members)
    for edge in drawing.edges:
        graph.edge(f"n{edge.source}", f"n{edge.target}", label=_text(edge.label, before=" "))
    return str(graph.source)


def _fill(graph: Any, items: Iterable[Item]) -> None:
    for item in items:
        fill, stroke, style = COLOURS[item.look]
        if isinstance(item, Group):
            with graph.subgraph(name=f"cluster_n{item.id}") as inner:
                inner.attr(
                    label=_text(item.label), labeljust="l", labelloc="t", fontsize="10",
                    style="rounded,filled", fillcolor=fill, color=stroke,
                )  # fmt: skip
                _fill(inner, item.members)
        else:
            look = dict(_SHAPES[item.kind])
            if style != "solid":
                look["style"] = f"{look.get('style', 'filled')},{style}"
            look |= {"fillcolor": fill, "color": stroke}
            graph.node(f"n{item.id}", label=_text(*item.lines), **look)


def _text(*lines: str, before: str = "") -> str:
    """Lines as Graphviz shows them: backslashes and angle brackets in them mean nothing."""
    import graphviz

    shown = (before + graphviz.escape(" ".join(line.split())) for line in lines)
    text: str = graphviz.nohtml(r"\n".join(shown))
    return text
