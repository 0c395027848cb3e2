"""Receptive fields of rows -> cells of a table, and lines below it: why some rows have none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from textwrap import wrap

from lazyinspect.report import LayerRow, NoField, ReceptiveField

COLUMNS = ("rf", "jump", "start")
"""What ``--columns`` calls them."""

TITLES = {"rf": "Field", "jump": "Jump", "start": "Start"}

MEANING = (
    "Field: positions of the input that one position of the output sees, away from borders; Jump: "
    "from one field to the next; Start: where the first begins, below 0 in padding"
)
UNEQUAL = (
    "4/2: positions in turn see fields of their own; every 2 positions these repeat, moved by 4. "
    "7-9: the least and the most that one sees"
)


def size(field: ReceptiveField) -> str:
    """``7``, ``7 x 11``, or ``7-9`` where positions differ."""
    pairs = zip(field.least, field.size, strict=True)
    return _joined([str(most) if least == most else f"{least}-{most}" for least, most in pairs])


def jump(field: ReceptiveField) -> str:
    """``2``; ``4/2`` where positions differ: every two positions it moves by four."""
    return _joined(jumps(field))


def jumps(field: ReceptiveField) -> list[str]:
    """Of each dimension."""
    pairs = zip(field.jump, field.period, strict=True)
    return [str(each) if every == 1 else f"{each * every}/{every}" for each, every in pairs]


def start(field: ReceptiveField) -> str:
    """``-3``; ``none`` where position 0 sees nothing."""
    return _joined(["none" if each is None else str(each) for each in field.start])


_CELLS: dict[str, Callable[[ReceptiveField], str]] = {"rf": size, "jump": jump, "start": start}


def cell(column: str, row: LayerRow, marks: dict[str, str]) -> str:
    """The cell of a row: a figure, the mark of a reason, or nothing where none was sought."""
    field = row.receptive_field
    if isinstance(field, ReceptiveField):
        return _CELLS[column](field)
    return "" if field is None else marks[field.reason]


def marks(rows: Iterable[LayerRow]) -> dict[str, str]:
    """A mark for each reason why rows have no field, in their order: ``(1)``."""
    found: dict[str, str] = {}
    for row in rows:
        if isinstance(row.receptive_field, NoField):
            found.setdefault(row.receptive_field.reason, f"({len(found) + 1})")
    return found


def notes(rows: Sequence[LayerRow], width: int) -> list[str]:
    """Lines below a table: what the columns mean, and each reason once."""
    lines = wrap(MEANING, max(width, 20))
    fields = [row.receptive_field for row in rows]
    if any(isinstance(each, ReceptiveField) and max(each.period) > 1 for each in fields):
        lines += wrap(UNEQUAL, max(width, 20))
    for reason, mark in marks(rows).items():
        text = f"{mark}  no field: {reason}"
        lines += wrap(text, max(width, 20), subsequent_indent="     ", break_long_words=False)
    return lines


def listed(texts: Iterable[object]) -> str:
    """``[4/2, 1]``, for CSV."""
    return "[" + ", ".join(map(str, texts)) + "]"


def _joined(texts: Sequence[str]) -> str:
    """One for all dimensions where they are alike."""
    return texts[0] if len(set(texts)) == 1 else " x ".join(texts)
