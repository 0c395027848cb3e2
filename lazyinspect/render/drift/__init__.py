"""What `check`, `lock` and `diff` found -> text, in the forms that people and systems read.

One file per format; none of them prints.

==========  =============================================================================
format      module
==========  =============================================================================
``text``    text.py, over sides.py (rows side by side), words.py and groups.py
``json``    json.py, the contracts ``lazyinspect/check/1`` and ``lazyinspect/diff/1``
``github``  github.py: annotations, a folded log, and the summary of a run
``junit``   junit.py
``sarif``   sarif.py
==========  =============================================================================

What github and sarif say of a cause is made once, in findings.py; paths.py has paths as a
repository has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from lazyinspect.drift import CheckReport, Comparison, Drift, Locked
from lazyinspect.render.layout import Layout

Format = Literal["text", "json", "github", "junit", "sarif"]
DiffFormat = Literal["text", "json", "github"]


def render_check(
    report: CheckReport, form: Format, layout: Layout, root: str | None = None
) -> Iterator[str]:
    """Pieces of text that together are the report of `check`.

    Args:
        root: of the repository, which other systems' paths start from; None for the current
            folder.
    """
    if form == "text":
        from lazyinspect.render.drift import text

        yield text.check(report, layout)
    elif form == "json":
        from lazyinspect.render.drift import json

        yield json.check(report)
    elif form == "github":
        from lazyinspect.render.drift import github

        yield from github.check(report, layout, root)
    elif form == "junit":
        from lazyinspect.render.drift import junit

        yield junit.check(report, root)
    else:
        from lazyinspect.render.drift import sarif

        yield sarif.check(report, root)


def render_causes(drifts: Sequence[Drift], layout: Layout) -> str:
    """Causes alone, as text."""
    from lazyinspect.render.drift import text

    return text.causes(drifts, layout)


def render_locked(locked: Sequence[Locked], layout: Layout) -> Iterator[str]:
    """What `lock` did."""
    from lazyinspect.render.drift import text

    yield text.locked(locked, layout)


def render_diff(
    comparisons: Sequence[Comparison], form: DiffFormat, layout: Layout, root: str | None = None
) -> Iterator[str]:
    """Networks side by side, and the causes of what differs; ``root`` as of `render_check`."""
    if form == "text":
        from lazyinspect.render.drift import compared

        yield compared.diff(comparisons, layout)
    elif form == "json":
        from lazyinspect.render.drift import json

        yield json.diff(comparisons)
    else:
        from lazyinspect.render.drift import github

        yield from github.diff(comparisons, layout, root)
