"""Graph -> Mermaid text: a flowchart that Markdown pages draw. No torch here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lazyinspect.export.graph import Group, Item, Kind, draw
from lazyinspect.export.palette import COLOURS
from lazyinspect.export.subject import Subject

FIRST_LINE = "%% Written by lazyinspect export: a Mermaid flowchart."
_SETTINGS = '%%{init: {"flowchart": {"wrappingWidth": 500}}}%%'
"""Lines are broken here already."""

_SHAPES: dict[Kind, tuple[str, str]] = {
    "input": ("([", "])"),
    "output": ("([", "])"),
    "layer": ("[", "]"),
    "parameter": ("[(", ")]"),
    "function": ("(", ")"),
    "merge": ("{{", "}}"),
    "block": ("[[", "]]"),
    "container": ("[[", "]]"),
}


def write(subject: Subject) -> str:
    """A flowchart, from top to bottom."""
    drawing = draw(subject.plan, subject.options.depth)
    kinds: dict[str, list[str]] = {}
    lines = [FIRST_LINE, f"%% {_commented(drawing.title)}", _SETTINGS, "flowchart TD"]
    lines += _items(drawing.members, kinds, "  ")
    lines += [f'  n{e.source} -->|"{_escaped(e.label)}"| n{e.target}' for e in drawing.edges]
    for kind, ids in kinds.items():
        fill, stroke, style = COLOURS[kind]
        dashes = ",stroke-dasharray:5 3" if style == "dashed" else ""
        lines.append(f"  classDef {kind}_ fill:{fill},stroke:{stroke},color:#000{dashes}")
        lines.append(f"  class {','.join(ids)} {kind}_")
    return "\n".join(lines) + "\n"


def _items(items: Iterable[Item], kinds: dict[str, list[str]], indent: str) -> Iterator[str]:
    for item in items:
        if isinstance(item, Group):
            yield f'{indent}subgraph n{item.id}["{_escaped(item.label)}"]'
            yield from _items(item.members, kinds, indent + "  ")
            yield f"{indent}end"
        else:
            left, right = _SHAPES[item.kind]
            text = "<br/>".join(map(_escaped, item.lines))
            yield f'{indent}n{item.id}{left}"{text}"{right}'
        kinds.setdefault(item.look, []).append(f"n{item.id}")


def _commented(text: str) -> str:
    """Text of a comment, in which braces would start settings."""
    return " ".join(text.translate({ord("{"): "(", ord("}"): ")"}).split())


_SPECIAL = re.compile(r'["#&<>`\\{}|;*_~]')


def _escaped(text: str) -> str:
    """Text between quotes: what Mermaid or HTML would read as its own is written as a number."""
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", " ".join(text.split()))
