"""Two tensors that do not fit where they meet -> the step before, written so that they do.

A failed merge -> advice, or None. Each remedy was planned. No torch here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lazyinspect.plan.insight.edits import find_step, with_keyword, with_step
from lazyinspect.plan.insight.sizes import mismatched, times
from lazyinspect.plan.insight.trace import Made
from lazyinspect.plan.insight.whatif import Advice, Case, node_args, node_op
from lazyinspect.plan.ops import signature_of, table
from lazyinspect.plan.written import listed, plain_text, value_text, written
from lazyinspect.shapes import ntuple
from lazyinspect.spec.formula import parse_formula
from lazyinspect.spec.model import (
    OPEN,
    ArgsExpr,
    Branch,
    Expr,
    Label,
    Layers,
    Sources,
    Spec,
    StepSpec,
)

MERGES = ("add", "sub", "mul", "div", "cat", "stack")
_MOST = 4
"""How many steps before a merge are changed, at most."""


def padding_missing(case: Case) -> Advice | None:
    """A branch that loses its border to a kernel, where it meets one that has not."""
    off = meets(case)
    if off is None or min(off) < 2:
        return None
    wanted = _largest(case)
    unpadded = unpadded_before(case, off)[:_MOST]
    for chosen in (*([one] for one in unpadded), unpadded):
        spec = case.spec
        for made, pads in chosen:
            changed = with_argument(spec, made, "padding", pads)
            if changed is None:
                break
            spec = changed
        else:
            if chosen and (case.cured_by(spec=spec) or case.passed_by(spec)):
                lines = sorted({made.step.mark.line for made, _ in chosen})
                pads = chosen[0][1]
                alike = all(pad == pads for _, pad in chosen)
                what = f"`padding: {plain_text(pads)}`" if alike else "padding"
                where = f"line{'s' * (len(lines) > 1)} {listed([str(line) for line in lines])}"
                keeps = "keep" if len(chosen) > 1 and not alike else "keeps"
                return Advice(f"{what} at {where} {keeps} {times(wanted)}")
    return None


def unpadded_before(case: Case, off: tuple[int, ...]) -> list[tuple[Made, Any]]:
    """Steps before a merge that lose a border, each with the padding that keeps it."""
    return [(made, pads) for made in _before(case, off) if (pads := keeping(made)) is not None]


def keeping(made: Made) -> Any:
    """The padding with which a convolution or pooling keeps the size; None where it has some."""
    args = node_args(made)
    found = re.search(r"([123])d\Z", node_op(made))
    if found is None or "kernel_size" not in args or "padding" not in args:
        return None
    n = int(found.group(1))
    if isinstance(args["padding"], str) or any(ntuple(args["padding"], n)):
        return None
    stride = args["kernel_size"] if args.get("stride") is None else args.get("stride", 1)
    kernels, dilation = ntuple(args["kernel_size"], n), ntuple(args.get("dilation", 1), n)
    if any(step != 1 for step in ntuple(stride, n)) or any(kernel % 2 == 0 for kernel in kernels):
        return None
    pads = tuple(d * (k - 1) // 2 for k, d in zip(kernels, dilation, strict=True))
    if not any(pads):
        return None
    return pads[0] if len(set(pads)) == 1 else pads


def output_padding_missing(case: Case) -> Advice | None:
    """A transposed convolution that was to undo a stride, and comes out short of it."""
    return _output_padding(case, exact=True)


def output_padding(case: Case) -> Advice | None:
    """A transposed convolution whose output is short of what it meets, for this input."""
    return _output_padding(case, exact=False)


def _output_padding(case: Case, exact: bool) -> Advice | None:
    off = meets(case)
    if off is None or min(off) < 2:
        return None
    wanted = _largest(case)
    for made in _before(case, off):
        args = node_args(made)
        if "ConvTranspose" not in node_op(made) or any(ntuple(args["output_padding"], 1)):
            continue
        n = int(node_op(made)[-2])
        gives = made.call.output.shape[-n:]
        extra = tuple(w - g for w, g in zip(wanted[-n:], gives, strict=False))
        if len(wanted) < n or not any(extra) or min(extra) < 0:
            continue
        if exact and any(
            more and kernel - 2 * pad + more != stride
            for kernel, pad, more, stride in zip(
                *(ntuple(args[name], n) for name in ("kernel_size", "padding")),
                extra,
                ntuple(args["stride"], n),
                strict=True,
            )
        ):
            continue
        value = extra[0] if len(set(extra)) == 1 else extra
        spec = with_argument(case.spec, made, "output_padding", value)
        if spec is not None and case.cured_by(spec=spec):
            text = plain_text(value)
            return Advice(
                f"`output_padding: {text}` at line {made.step.mark.line} makes it {times(wanted)}"
            )
    return None


def with_argument(spec: Spec, made: Made, name: str, value: Any) -> Spec | None:
    """The spec with an argument of the step that made a value set; None where that is no layer."""
    step = find_step(spec, made.step.mark)
    if step is None or step.op not in table():
        return None
    names = [p.name for p in signature_of(step.op).parameters if not p.keyword_only]
    return with_step(spec, step, lambda old: with_keyword(old, names, name, value))


def meets(case: Case) -> tuple[int, ...] | None:
    """Dimensions in which the sources of a merge do not fit each other; None where they do."""
    if case.op not in MERGES:
        return None
    dim = case.arguments.get("dim", 1)
    return mismatched(case.shapes, case.op, dim if type(dim) is int else 1)


def _largest(case: Case) -> tuple[int, ...]:
    """Sizes from dimension 2 on, each the largest of those that meet."""
    return tuple(
        max(shape[index] for shape in case.shapes) for index in range(2, len(case.shapes[0]))
    )


def _before(case: Case, off: tuple[int, ...]) -> Iterator[Made]:
    """Steps that made the smaller of what meets, and nothing else of it; the last first."""
    tensors = case.failure.tensors
    largest = max(kind.shape[off[0]] for _, kind in tensors)
    others = {
        made.call
        for value, kind in tensors
        if kind.shape[off[0]] == largest
        for made in case.chain(value)
    }
    for value, kind in tensors:
        if kind.shape[off[0]] < largest:
            for made in case.chain(value):
                if made.call in others:
                    break
                yield made


# --- channels and positions


def shortcut_channels(case: Case) -> Advice | None:
    """A residual sum of different channels: the shortcut that brings them to one number."""
    off = meets(case)
    merge = case.step.merge
    if case.op not in ("add", "sub") or off is None or off[0] != 1 or merge is None:
        return None
    labels = [source for source in merge.positional if isinstance(source, Label)]
    if len(labels) != 2 or len(merge.positional) != 2 or len(case.shapes) != 2:
        return None
    rank = len(case.shapes[0])
    order = sorted(range(2), key=lambda k: (labels[k].name != "input", case.shapes[k][1]))
    for place in order if 3 <= rank <= 5 else ():
        wanted, found = case.shapes[1 - place], case.shapes[place]
        strides = {-(-a // b) for a, b in zip(found[2:], wanted[2:], strict=True) if b}
        if len(strides) != 1:
            continue
        stride = strides.pop()
        numbers = [wanted[1], 1] if stride == 1 else [wanted[1], 1, stride]
        bridge = _from_label(labels[place], f"LazyConv{rank - 2}d", numbers)
        step = _with_branch(case.step, place, bridge)
        spec = case.changed(lambda _, new=step: new)  # type: ignore[misc]
        if case.cured_by(spec=spec) or case.passed_by(spec, step):
            text = _merge_text(case, place, written(bridge.op, bridge.args))
            return Advice(f"bring the shortcut to {wanted[1]} channels: `{text}`")
    return None


def bridges(case: Case, spec: Spec) -> Iterator[tuple[str, Spec]]:
    """A spec with a convolution on one of two summands, as that of more channels has them.

    Yields:
        The sum as it is written then, and the spec.
    """
    merge = case.step.merge
    rank = len(case.shapes[0]) if len(case.shapes) == 2 else 0
    labels = [source for source in merge.positional if isinstance(source, Label)] if merge else []
    if len(labels) != 2 or not 3 <= rank <= 5:
        return
    for place in sorted(range(2), key=lambda k: (labels[k].name != "input", case.shapes[k][1])):
        bridge = _from_label(labels[place], f"LazyConv{rank - 2}d", [case.shapes[1 - place][1], 1])
        text = _merge_text(case, place, written(bridge.op, bridge.args))
        yield (
            text,
            with_step(
                spec,
                case.step,
                lambda old, k=place, b=bridge: _with_branch(old, k, b),  # type: ignore[misc]
            ),
        )


def transposed_factor(case: Case) -> Advice | None:
    """A product of two matrices whose inner sizes fit once one of them is transposed."""
    merge = case.step.merge
    if case.op != "matmul" or merge is None or len(case.shapes) != 2:
        return None
    for place in (1, 0):
        label = merge.positional[place] if len(merge.positional) == 2 else None
        if not isinstance(label, Label) or len(case.shapes[place]) < 2:
            continue
        turned = _from_label(label, "transpose", [-2, -1])
        step = _with_branch(case.step, place, turned)
        spec = case.changed(lambda _, new=step: new)  # type: ignore[misc]
        if case.cured_by(spec=spec) or case.passed_by(spec, step):
            text = _merge_text(case, place, written(turned.op, turned.args))
            return Advice(f"did you mean `{text}`?")
    return None


def _from_label(label: Label, op: str, numbers: list[int]) -> StepSpec:
    args = ArgsExpr(tuple(Expr(value, label.mark, value) for value in numbers))
    return StepSpec(op, label.mark, args, sources=Sources((label,), {}, label.mark))


def _with_branch(step: StepSpec, place: int, inner: StepSpec) -> StepSpec:
    assert step.merge is not None
    sources = list(step.merge.positional)
    sources[place] = Branch(Layers((inner,), False, inner.mark), inner.mark)
    return replace(step, merge=replace(step.merge, positional=tuple(sources)))


def _merge_text(case: Case, place: int, text: str) -> str:
    assert case.step.merge is not None
    parts = [
        source.name if isinstance(source, Label) else "..." for source in case.step.merge.positional
    ]
    named = parts[place]
    parts[place] = f"[{{{text}, from: {named}}}]" if named != "prev" else f"[{{{text}}}]"
    return f"{case.op}: [{', '.join(parts)}]"


def positions_fixed(case: Case) -> Advice | None:
    """A Parameter whose size was written for another length than arrives."""
    off = meets(case)
    if off is None or len(off) != 1 or len(case.failure.tensors) != 2:
        return None
    for place in (0, 1):
        made = case.maker(case.failure.tensors[place][0])
        step = None if made is None else case.file_step(made)
        if made is None or step is None or step.op != "Parameter" or step is not made.step:
            continue
        dim, wanted = off[0], case.shapes[1 - place][off[0]]
        sizes = step.args.positional
        if len(sizes) != len(case.shapes[place]) or step.sources is not None:
            continue
        found = _follows(case, step, dim, case.shapes[1 - place], 1 - place)
        if found is not None:
            return found
        number = _sized(step, dim, Expr(wanted, step.mark, wanted))
        if case.cured_by(spec=case.changed(lambda _, new=number: new, step)):  # type: ignore[misc]
            return Advice(
                f"write `{written('Parameter', number.args)}` at line {step.mark.line}, or give "
                "the input the size that it was written for"
            )
    return None


def _follows(
    case: Case, step: StepSpec, dim: int, shape: tuple[int, ...], place: int
) -> Advice | None:
    """The Parameter that takes its size from what it meets."""
    merge = case.step.merge
    label = merge.positional[place] if merge and place < len(merge.positional) else None
    if not isinstance(label, Label) or label.name == "prev":
        return None
    formula = parse_formula(f"shape({dim})")
    sized = _sized(step, dim, Expr(formula, step.mark, OPEN))
    new = replace(sized, sources=Sources((label,), {}, step.mark))
    if not case.cured_by(spec=case.changed(lambda _: new, step)):
        return None
    text = f"{{{written('Parameter', new.args)}, from: {label.name}}}"
    own = value_text(step.args.positional[dim])
    return Advice(
        f"`{text}` at line {step.mark.line} takes the size from `{label.name}`",
        (f"it was written for {own}, and {shape[dim]} arrive",),
    )


def _sized(step: StepSpec, dim: int, expr: Expr) -> StepSpec:
    sizes: tuple[Expr, ...] = step.args.positional
    new = (*sizes[:dim], expr, *sizes[dim + 1 :])
    args: ArgsExpr = replace(step.args, positional=new)
    return replace(step, args=args)
