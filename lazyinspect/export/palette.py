"""What vertices look like, in every format that draws them."""

from __future__ import annotations

COLOURS = {
    "input": ("#e3f4e1", "#4c9a4a", "solid"),
    "output": ("#e3f4e1", "#4c9a4a", "solid"),
    "layer": ("#dce9f9", "#4a78b5", "solid"),
    "parameter": ("#f6e3f3", "#a5589a", "solid"),
    "function": ("#f2f2f2", "#7d7d7d", "solid"),
    "merge": ("#fdf0cf", "#c08a1e", "solid"),
    "block": ("#cfe0f5", "#2c5a97", "solid"),
    "container": ("#dfe7f0", "#5f7590", "solid"),
    "again": ("#ffffff", "#2c5a97", "dashed"),
    "group": ("#fafbfc", "#a9b4c0", "solid"),
}
"""Of each kind the colour of its area, of its line, and the line's style; ``again`` is a module
that is applied once more. All are light: the text on them is black."""
