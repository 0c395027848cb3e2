"""``run --symbolic`` and ``run --sizes``: formulas in named sizes, and which sizes work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lazyinspect.commands.common import to
from lazyinspect.commands.outcomes import together
from lazyinspect.errors import LazyinspectError

if TYPE_CHECKING:
    from lazyinspect.formulas import Symbolic
    from lazyinspect.render import Format
    from lazyinspect.render.layout import Layout


def printed(
    names: Sequence[str | None],
    symbolic: Callable[[str | None], Symbolic],
    form: Format,
    layout: Layout,
    file: Path | None,
    *,
    rows: bool,
) -> Iterator[str]:
    """Pieces for standard output: each variant's, those that work before those that fail.

    Args:
        names: of the variants.
        symbolic: the network of a variant.
        rows: whether to show the layers.

    Raises:
        LazyinspectError: a variant fails; the others are printed.
    """
    from lazyinspect.render.symbolic import render

    failed: dict[str | None, LazyinspectError] = {}

    def found() -> Iterator[Symbolic]:
        for name in names:
            try:
                yield symbolic(name)
            except LazyinspectError as error:
                failed[name] = error

    def pieces() -> Iterator[str]:
        yield from render(found(), form, layout, rows=rows)
        if failed:
            raise next(iter(failed.values())) if len(names) == 1 else together(failed)

    yield from to(file, pieces())
