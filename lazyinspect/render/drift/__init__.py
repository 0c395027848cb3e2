"""What `check`, `lock` and `diff` found -> text, in the forms that people and systems read.

One file per format; none of them prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from lazyinspect.drift import CheckReport, Comparison, Locked
from lazyinspect.render.layout import Layout

Format = Literal["text"]


def render_check(report: CheckReport, form: Format, layout: Layout) -> Iterator[str]:
    """Pieces of text that together are the report of `check`."""
    from lazyinspect.render.drift import text

    yield text.check(report, layout)


def render_locked(locked: Sequence[Locked], layout: Layout) -> Iterator[str]:
    """What `lock` did."""
    from lazyinspect.render.drift import text

    yield text.locked(locked, layout)


def render_diff(comparisons: Sequence[Comparison], form: Format, layout: Layout) -> Iterator[str]:
    """Networks side by side, and the causes of what differs."""
    from lazyinspect.render.drift import text

    yield text.diff(comparisons, layout)
