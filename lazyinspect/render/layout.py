"""How a person wants the report drawn. Imports nothing of rich."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Layout:
    """Choices that change how a report looks, never what it says."""

    width: int = 100
    """Columns of text to fill; figures are never cut to fit."""
    color: bool = False
    """ANSI styles, for a terminal."""
    unicode: bool = True
    """Tree guides and rules; False draws with ASCII alone."""
    depth: int | None = None
    """How many levels below the network to draw; its sums stay whole."""
    fold: bool = True
    """Draw identical repeated siblings once, with a count."""
    columns: tuple[str, ...] | None = None
    """Names of the table's columns after the first; None for the usual ones."""
    by: Literal["macs", "params", "time", "memory"] = "macs"
    """What the column ``share`` is of."""
    array: bool = False
    """JSON: a list of reports, even of one."""
    verbose: bool = False
    """Of a check: a line for each network that is fine; of a comparison: every row that differs."""
