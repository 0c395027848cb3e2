"""An unmet `expect:` -> the padding or the input that meets it, each planned. No torch here."""

from __future__ import annotations

from lazyinspect.plan.insight.meetings import keeping, with_argument
from lazyinspect.plan.insight.sizes import image, times
from lazyinspect.plan.insight.whatif import Advice, Case
from lazyinspect.plan.scope import evaluate
from lazyinspect.plan.written import plain_text
from lazyinspect.shapes import Shape, TensorType, format_shape

_NEAR = 4
_AROUND = 24
"""How far around the likely size of an input others are tried."""


def expected(case: Case) -> Advice | None:
    """What makes a shape the expected one, where sizes of images alone differ."""
    found = _sizes(case)
    if found is None:
        return None
    wanted, given = found
    return _padded(case, wanted) or _resized(case, wanted, given)


def _sizes(case: Case) -> tuple[Shape, Shape] | None:
    """Sizes from dimension 2 on, as expected and as they are; None where others differ."""
    step, scope, values = case.failure.step, case.failure.scope, case.failure.values
    if step is None or step.expect is None or scope is None or not values:
        return None
    kind = values[0].type
    if not isinstance(kind, TensorType) or len(kind.shape) != len(step.expect) or kind.rank < 3:
        return None
    wanted = tuple(
        size if entry is None else evaluate(entry, scope)
        for entry, size in zip(step.expect, kind.shape, strict=True)
    )
    if wanted[:2] != kind.shape[:2] or not all(type(size) is int for size in wanted):
        return None
    return wanted[2:], kind.shape[2:]


def _padded(case: Case, wanted: Shape) -> Advice | None:
    for _, made in zip(range(_NEAR), case.chain(case.failure.values[0]), strict=False):
        pads = keeping(made)
        if pads is None:
            continue
        spec = with_argument(case.spec, made, "padding", pads)
        if spec is not None and case.cured_by(spec=spec):
            line = made.step.mark.line
            return Advice(f"`padding: {plain_text(pads)}` at line {line} gives {times(wanted)}")
    return None


def _resized(case: Case, wanted: Shape, given: Shape) -> Advice | None:
    shape = image(case)
    if shape is None or len(set(shape.sizes)) > 1 or not given[0] or not wanted[0]:
        return None
    likely = round(shape.sizes[0] * wanted[0] / given[0])
    for away in range(_AROUND):
        for size in dict.fromkeys((likely - away, likely + away)):
            sizes = shape.resized((size,) * len(shape.sizes))
            if size > 0 and case.cured_by(sizes):
                met = format_shape(next(iter(sizes.values())))
                return Advice("", (f"an input of {met} meets it",))
    return None
