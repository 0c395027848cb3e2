"""What brings two tensors together, or a vector to a layer of images: a failed step -> advice.

Each remedy was planned; what comes after the step may fail for another reason. No torch here.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from lazyinspect.plan.insight.edits import after
from lazyinspect.plan.insight.meetings import (
    bridges,
    meets,
    unpadded_before,
    with_argument,
)
from lazyinspect.plan.insight.sizes import times
from lazyinspect.plan.insight.whatif import Advice, Case
from lazyinspect.plan.written import plain_text
from lazyinspect.spec.model import ArgsExpr, Expr, Label

_MOST = 4
"""Convolutions that are padded together, at most."""


def padding_and_shortcut(case: Case) -> Advice | None:
    """A residual sum whose branch changes the channels and loses its border as well."""
    off = meets(case)
    if off is None or off[0] != 1 or len(off) < 2 or case.op not in ("add", "sub"):
        return None
    unpadded = unpadded_before(case, off[1:])
    if not unpadded or len(unpadded) > _MOST or len({str(pads) for _, pads in unpadded}) > 1:
        return None
    spec = case.spec
    for made, pads in unpadded:
        changed = with_argument(spec, made, "padding", pads)
        if changed is None:
            return None
        spec = changed
    largest = tuple(max(sizes) for sizes in zip(*case.shapes, strict=True))[2:]
    for text, both in bridges(case, spec):
        if case.cured_by(spec=both):
            lines = sorted({made.step.mark.line for made, _ in unpadded})
            where = f"line{'s' * (len(lines) > 1)} {' and '.join(map(str, lines))}"
            pad = plain_text(unpadded[0][1])
            return Advice(
                f"`padding: {pad}` at {where} keeps {times(largest)}, and `{text}` brings the "
                "shortcut to as many channels"
            )
    return None


def other_order(case: Case) -> Advice | None:
    """A product of two matrices that fit the other way round."""
    merge = case.step.merge
    if case.op != "matmul" or merge is None or len(merge.positional) != 2:
        return None
    names = [source.name for source in merge.positional if isinstance(source, Label)]
    if len(names) != 2:
        return None
    turned = replace(case.step, merge=replace(merge, positional=merge.positional[::-1]))
    spec = case.changed(lambda _: turned)
    sure = case.cured_by(spec=spec) or case.passed_by(spec, turned)
    return Advice(f"did you mean `matmul: [{names[1]}, {names[0]}]`?") if sure else None


def vector_for_image(case: Case) -> Advice | None:
    """Features as `[batch, channels]` for a layer that reads positions too."""
    found = re.search(r"([123])d\Z", case.op)
    if found is None or not case.shapes or len(case.shapes[0]) != 2:
        return None
    channels = case.shapes[0][1]
    wanted = case.arguments.get("in_channels", case.arguments.get("num_features", channels))
    if wanted != channels or case.step is not case.failure.step:
        return None
    sizes = (channels, *(1,) * int(found.group(1)))
    args: tuple[Any, ...] = (1, sizes)
    exprs = ArgsExpr(tuple(Expr(value, case.step.mark, value) for value in args))
    if not case.cured_by(spec=case.changed(after(case.step, "unflatten", exprs))):
        return None
    return Advice(f"`unflatten: {plain_text([1, list(sizes)])}` before it gives each a position")
