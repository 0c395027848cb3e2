"""Features counted by hand that do not arrive: the factors of both counts, and what counts them.

A failed Linear, view, reshape or unflatten -> advice. No torch here.
"""

from __future__ import annotations

from dataclasses import replace
from math import isqrt, prod

from lazyinspect.errors import Mark
from lazyinspect.plan.frame import Val
from lazyinspect.plan.insight.edits import after, without_argument
from lazyinspect.plan.insight.sizes import Image, image, times
from lazyinspect.plan.insight.whatif import Advice, Case, OutOfTrials, node_args, node_op
from lazyinspect.plan.ops import signature_of, table
from lazyinspect.plan.ops.base import LazyOp
from lazyinspect.plan.written import value_text, written
from lazyinspect.shapes import Shape, format_shape
from lazyinspect.spec.model import OPEN, ArgsExpr, Expr, StepSpec, all_steps

_RESHAPES = ("view", "reshape")
_WINDOW = 24
"""How far around the likely size of an input others are tried."""


def flatten_missing(case: Case) -> Advice | None:
    """A Linear whose features are those of the whole image that arrives, not of its last line."""
    wanted = _expected(case)
    if wanted is None or case.failure.step is None:
        return None
    shape = case.shapes[0]
    if len(shape) < 3 or case.failure.step is not case.step:
        return None
    features = prod(shape[1:])
    spec = case.changed(after(case.step, "Flatten"))
    if wanted == features:
        sure = case.cured_by(spec=spec)
        start = "put `Flatten` before it:" if sure else "is a `Flatten` missing before it?"
        return Advice(f"{start} {_product(shape[1:], features)}")
    if len(shape) == 4 and wanted > max(shape[1:]) and wanted % shape[1] == 0:
        return Advice(
            f"is a `Flatten` missing before it? It gives {_product(shape[1:], features)} features, "
            f"which {_lazy_text(case)} counts by itself",
            _notes(case, wanted, shape),
        )
    return None


def _product(sizes: Shape, count: int) -> str:
    return f"{count} = {times(sizes)}" if len(sizes) > 1 else str(count)


def hand_counted(case: Case) -> Advice | None:
    """A Linear after a Flatten, whose features were counted for another image."""
    wanted = _expected(case)
    if wanted is None:
        return None
    before = flattened(case, case.failure.tensors[0][0])
    found = case.shapes[0][-1]
    by_hand = written(case.step.op, _with_first(case, found))
    help = f"{_lazy_text(case)} counts by itself; by hand it is `{by_hand}`"
    if case.failure.step is not case.step:
        return None
    if before is None:
        return Advice(help)
    shape, _ = before
    if wanted == shape[1] and len(shape) > 2:
        n = len(shape) - 2
        pool = f"AdaptiveAvgPool{n}d: 1"
        return Advice(
            help,
            (f"{wanted} is the number of channels: is `{pool}` missing before the Flatten?",),
        )
    return Advice(help, _notes(case, wanted, shape))


def reshaped_by_hand(case: Case) -> Advice | None:
    """A view or unflatten into sizes that were counted for another image."""
    if case.op in _RESHAPES:
        return _reshaped(case) or _split(case)
    if case.op in ("unflatten", "Unflatten"):
        return _unflattened(case)
    return None


def _reshaped(case: Case) -> Advice | None:
    shape = case.shapes[0]
    wanted = _flat_sizes(case)
    if wanted is None or len(shape) < 2 or len(wanted) < 2:
        return None
    each = prod(shape[1:])
    rest = prod(size for size in wanted[1:] if size != -1)
    step = case.step
    frozen = wanted[0] not in (-1, shape[0])
    if (frozen and wanted[0] != 1) or len(_sizes_of(step)) != len(wanted):
        return None
    free = _with_size(step, 0, -1) if frozen else step
    if frozen and case.cured_by(spec=case.changed(lambda _: free)):
        text = written(step.op, free.args)
        why = f"{wanted[0]} is the size of another batch, and {shape[0]} arrive"
        return Advice(f"`{text}` takes a batch of any size", (why,))
    if len(wanted) != 2 or wanted[1] == -1:
        return None
    args = _with_size(free, 1, each).args
    follows = _linear_after(step, case, rest)
    then = f", and {_lazy(follows)} after it" if follows is not None else ""
    help = f"`Flatten` counts by itself{then}; by hand it is `{written(step.op, args)}`"
    samples = "each sample has" if shape[0] == 1 else f"each of the {shape[0]} samples has"
    first = f"{samples} {_product(shape[1:], each)} elements"
    return Advice(help, (first, *_notes(case, rest, shape)))


def _sizes_of(step: StepSpec) -> tuple[Expr, ...]:
    """The sizes of a view as written: one by one, or in a list."""
    sizes = step.args.positional
    if len(sizes) == 1 and isinstance(sizes[0].value, tuple):
        return sizes[0].value
    return sizes


def _with_size(step: StepSpec, place: int, size: int) -> StepSpec:
    """A view with another size in one place."""
    sizes = list(_sizes_of(step))
    sizes[place] = _number(size, sizes[place].mark)
    positional = tuple(sizes)
    whole = step.args.positional[0]
    if isinstance(whole.value, tuple):
        positional = (replace(whole, value=positional, constant=OPEN),)
    return replace(step, args=replace(step.args, positional=positional))


def _split(case: Case) -> Advice | None:
    """A view that keeps the first dimensions and cuts the rest otherwise: `[4, 100, 12, 21]`."""
    wanted = _flat_sizes(case)
    if wanted is None or not case.shapes:
        return None
    shape = case.shapes[0]
    kept = 0
    while kept < min(len(shape), len(wanted)) and wanted[kept] == shape[kept]:
        kept += 1
    found, parts = prod(shape[kept:]), wanted[kept:]
    if not kept or kept == len(shape) or len(parts) < 2 or parts.count(-1) > 1 or 0 in parts:
        return None
    known = tuple(size for size in parts if size != -1)
    front = f"after {format_shape(shape[:kept])} there are {_product(shape[kept:], found)} elements"
    if -1 in parts:
        total = f"{times(known)} = {prod(known)}" if len(known) > 1 else str(known[0])
        return Advice(f"{front}, and {total} does not divide them")
    fits = [
        (*parts[:place], found // others, *parts[place + 1 :])
        for place in range(len(parts))
        if (others := prod((*parts[:place], *parts[place + 1 :]))) and found % others == 0
    ]
    written = " or ".join(format_shape((*wanted[:kept], *sizes)) for sizes in fits)
    return Advice(
        f"{front}, not {times(known)} = {prod(known)}" + (f": write {written}" if fits else "")
    )


def _flat_sizes(case: Case) -> Shape | None:
    sizes = case.arguments.get("shape" if case.op == "reshape" else "size")
    if sizes is None:  # variadic: bound under the row's own name
        sizes = next((v for v in case.arguments.values() if isinstance(v, tuple)), None)
    if isinstance(sizes, tuple) and len(sizes) == 1 and isinstance(sizes[0], tuple):
        sizes = sizes[0]
    if isinstance(sizes, tuple) and all(type(size) is int for size in sizes):
        return sizes
    return None


def _unflattened(case: Case) -> Advice | None:
    name = "sizes" if case.op == "unflatten" else "unflattened_size"
    sizes, dim = case.arguments.get(name), case.arguments.get("dim")
    shape = case.shapes[0]
    if type(dim) is not int or not isinstance(sizes, tuple) or not -len(shape) <= dim < len(shape):
        return None
    found = shape[dim]
    known = prod(size for size in sizes if size != -1)
    note = ""
    fits: list[Shape] = []
    for place in range(len(sizes)):
        others = prod(s for k, s in enumerate(sizes) if k != place and s != -1)
        if -1 not in sizes and others and found % others == 0:
            fits.append((*sizes[:place], found // others, *sizes[place + 1 :]))
    side = isqrt(found // sizes[0]) if sizes[0] > 0 and found % sizes[0] == 0 else 0
    if len(sizes) == 3 and side and sizes[0] * side * side == found:
        fits.insert(0, (sizes[0], side, side))
    if -1 in sizes:
        if known and found % known:
            note = f"{found} is no multiple of {known}"
    else:
        note = f"{times(sizes)} is {known}, and {found} arrive"
    text = " or ".join(dict.fromkeys(map(format_shape, fits[:2])))
    help = f"{text} fits" if len(fits[:2]) == 1 else f"{text} fit" if fits else ""
    return Advice(help, (note,)) if help or note else None


def _linear_after(step: StepSpec, case: Case, features: int) -> StepSpec | None:
    """The Linear after a step, where it takes what the step was to give."""
    steps: list[StepSpec] = []
    for body in (*case.spec.blocks.values(), case.spec.network):
        steps.extend(all_steps(body.layers))
    place = next((k for k, other in enumerate(steps) if other is step), len(steps))
    after_it = steps[place + 1 : place + 2]
    if after_it and after_it[0].op == "Linear" and after_it[0].args.positional:
        if after_it[0].args.positional[0].constant == features:
            return after_it[0]
        text = value_text(after_it[0].args.positional[0])
        if text == value_text(step.args.positional[-1]):
            return after_it[0]
    return None


# --- what both share


def _expected(case: Case) -> int | None:
    """Features that an eager Linear takes, where others arrive."""
    if case.op != "Linear" or case.error.argument != "in_features" or not case.shapes:
        return None
    wanted = case.arguments.get("in_features")
    return wanted if type(wanted) is int and case.shapes[0] else None


def flattened(case: Case, value: Val) -> tuple[Shape, Mark] | None:
    """What a flat tensor was before, and where it was flattened; None where it was flat before."""
    for made in case.chain(value):
        if not made.call.inputs or len(made.call.inputs) > 1:
            return None
        before, after_it = made.call.inputs[0][1].shape, made.call.output
        if getattr(after_it, "shape", None) == before:
            continue
        flat = (before[0], prod(before[1:])) if before else ()
        if len(before) > 2 and getattr(after_it, "shape", None) == flat:
            if node_op(made).lower() == "flatten" and node_args(made).get("end_dim") != -1:
                return None
            return before, made.step.mark
        return None
    return None


def _notes(case: Case, wanted: int, shape: Shape) -> tuple[str, ...]:
    """The factors of the count that was given, and an input for which it is right."""
    channels, sizes = shape[1], shape[2:]
    notes = []
    rest = wanted // channels if channels and wanted % channels == 0 else 0
    side = isqrt(rest) if len(sizes) == 2 else 0
    if rest and len(sizes) == 2 and side * side == rest:
        notes.append(
            f"{wanted} = {times((channels, side, side))} would be {times((side, side))} here, "
            f"and it is {times(sizes)}"
        )
    elif rest and len(sizes) == 1:
        notes.append(f"{wanted} = {channels} x {rest} would be a length of {rest} here, not "
                     f"{sizes[0]}")  # fmt: skip
    elif not rest and channels > 1:
        notes.append(f"{wanted} is no multiple of the {channels} channels that arrive")
    if side and side * side == rest:
        try:
            fitting = _fitting(case, side / sizes[0], wanted)
        except OutOfTrials:
            fitting = ""
        if fitting:
            notes.append(fitting)
    return tuple(notes)


def _fitting(case: Case, scale: float, wanted: int) -> str:
    """The sizes of the input for which the given count is right."""
    shape = image(case)
    if shape is None or len(set(shape.sizes)) > 1:
        return ""
    likely = round(shape.sizes[0] * scale)

    def works(size: int) -> bool:
        return case.trials.works(shape.resized((size,) * len(shape.sizes)))

    for away in range(_WINDOW):
        for size in dict.fromkeys((likely - away, likely + away)):
            if size > 0 and works(size):
                low = high = size
                while low > 1 and size - low < _WINDOW and works(low - 1):
                    low -= 1
                while high - size < _WINDOW and works(high + 1):
                    high += 1
                return _fits(shape, low, high, wanted)
    return ""


def _fits(shape: Image, low: int, high: int, wanted: int) -> str:
    least, most = (times((size,) * len(shape.sizes)) for size in (low, high))
    return f"an input of {least if low == high else f'{least} to {most}'} would give {wanted}"


def _number(value: int, mark: Mark) -> Expr:
    return Expr(value, mark, value)


def _with_first(case: Case, value: int) -> ArgsExpr:
    step = case.step
    if "in_features" in step.args.keywords:
        expr = _number(value, step.mark)
        return replace(step.args, keywords={**step.args.keywords, "in_features": expr})
    return replace(step.args, positional=(_number(value, step.mark), *step.args.positional[1:]))


def _lazy_text(case: Case) -> str:
    return _lazy(case.step)


def _lazy(step: StepSpec) -> str:
    """The lazy form of a step, in quotes."""
    row = table().get(f"Lazy{step.op}")
    if not isinstance(row, LazyOp):
        return ""
    names = [p.name for p in signature_of(step.op).parameters]
    args = step.args
    for name in row.infers:
        args = without_argument(replace(step, args=args), names, name)
    return f"`{written(row.name, args)}`"
