"""``run`` with several batches or inputs: each is run, and one small table shows them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazyinspect.commands.common import to
from lazyinspect.commands.outcomes import together
from lazyinspect.errors import LazyinspectError
from lazyinspect.files import replace_file
from lazyinspect.interrupt import undoing

if TYPE_CHECKING:
    from lazyinspect.render.layout import Layout
    from lazyinspect.report import Report
    from lazyinspect.spec.model import Spec
    from lazyinspect.sweep import Point, Sweep

Run = Callable[..., "Report"]
"""``run(variant, batch, input)``."""


def swept(
    spec: Spec,
    variants: Sequence[str | None],
    batches: Sequence[int | None],
    shapes: Sequence[Any],
    run: Run,
    form: str,
    layout: Layout,
    file: Path | None,
    plot: Path | None,
) -> Iterator[str]:
    """Pieces for standard output: the sweep; a picture of it goes to its file.

    A point that fails has the reason in its row, and the others run. A signal that ends the
    process first shows what was done.

    Raises:
        LazyinspectError: a point fails; after everything is printed.
    """
    from lazyinspect.render.sweep import render
    from lazyinspect.sweep import Sweep

    asked = len(variants) * len(batches) * len(shapes)
    points: list[Point] = []
    environments: list[Any] = []
    failed: dict[str | None, LazyinspectError] = {}

    def sweep() -> Sweep:
        first = environments[0] if environments else None
        return Sweep(spec.source.path, spec.name, first, tuple(points), asked)

    def show() -> None:
        os.write(1, render(sweep(), form, layout).encode())

    with undoing(show):
        for variant in variants:
            for shape in shapes:
                for batch in batches:
                    _point(run, variant, batch, shape, points, environments, failed)
    yield from to(file, [render(sweep(), form, layout)])
    if plot is not None and points:
        from lazyinspect.render.plot import plot as drawn

        if sum(point.forward_ns is not None for point in points) >= 2 or not failed:
            replace_file(plot, [drawn(sweep(), plot.suffix[1:].lower())])
    if failed:
        raise together(failed, "point")


def _point(
    run: Run,
    variant: str | None,
    batch: int | None,
    shape: Any,
    points: list[Point],
    environments: list[Any],
    failed: dict[str | None, LazyinspectError],
) -> None:
    from lazyinspect.sweep import Point, point_of

    try:
        report = run(variant, batch, shape)
    except LazyinspectError as error:
        problem = error.problems[0]
        points.append(
            Point(variant, batch, _asked(shape), code=problem.code, problem=problem.message)
        )
        parts = [variant or "", f"batch {batch}" if batch else "", str(shape) if shape else ""]
        failed[", ".join(filter(None, parts))] = error
        return
    environments.append(report.environment)
    points.append(point_of(report, variant, batch))


def _asked(shape: Any) -> dict[str, tuple[int, ...]]:
    if isinstance(shape, Mapping):
        return {name: tuple(sizes) for name, sizes in shape.items()}
    return {"input": tuple(shape)} if shape else {}
