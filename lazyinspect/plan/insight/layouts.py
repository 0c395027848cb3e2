"""Dimensions in another order or number than a layer reads, and values of another kind.

A failed step -> the input or step that works, or None. No torch here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from lazyinspect.plan.insight.defaults import LAST_READ
from lazyinspect.plan.insight.edits import after, with_dtype, without_argument
from lazyinspect.plan.insight.sizes import input_text
from lazyinspect.plan.insight.whatif import Advice, Case, source_input
from lazyinspect.plan.ops import signature_of, table
from lazyinspect.plan.ops.base import LazyOp
from lazyinspect.plan.written import written
from lazyinspect.shapes import Shape, format_shape
from lazyinspect.spec.model import ArgsExpr, Expr

_IMAGE = "layers of images read [N, C, H, W]"
_COLOURS = (1, 3, 4)
"""Channels of an image as it comes from a file."""
_SIDE = 16
"""A dimension below this is taken for no side of an image."""
_KERNEL = 7
"""A number of channels up to this may be meant for a kernel."""
_DIMENSIONS = ("dim", "start_dim", "end_dim", "unflattened_size")
"""Arguments that say which dimension is meant: where one is wrong, the input is as it should be."""


def input_layout(case: Case) -> Advice | None:
    """An image with its channels last, without its batch or without channels."""
    asked = None
    if case.row is None or case.row.kind != "layer" or case.error.argument in _DIMENSIONS:
        return None
    for entry in case.inputs:
        for shape, why, shown in _layouts(entry.type.shape, _channels_wanted(case)):
            if case.cured_by({entry.name: shape}):
                return Advice(f"{input_text(case, {entry.name: shape})}: {why}")
            reads = bool(case.shapes) and case.shapes[0] == entry.type.shape
            if shown and reads and asked is None and _channels_wanted(case) == shape[1]:
                asked = Advice(f"is `{entry.name}` [N, H, W, C]? {_IMAGE}: {format_shape(shape)}")
    return asked


def _layouts(shape: Shape, wanted: int | None) -> Iterator[tuple[Shape, str, bool]]:
    """Other readings of a shape, why, and whether it is worth a question where it is not sure."""
    *front, last = shape or (0,)
    few = last in _COLOURS or last == wanted
    if len(shape) == 4 and few and min(front[1:]) > last:
        yield (shape[0], last, *shape[1:3]), _IMAGE, True
    if len(shape) == 5 and few and min(front[1:]) > last:
        yield (shape[0], last, *shape[1:4]), "layers of volumes read [N, C, D, H, W]", False
    if len(shape) == 3 and few and min(front) >= _SIDE:
        yield (1, last, *front), f"{_IMAGE}, the batch first", False
    if len(shape) == 3 and min(shape[1:]) >= _SIDE and shape[0] in (*_COLOURS, wanted):
        yield (1, *shape), "the batch comes first", False
    if len(shape) == 3 and min(shape[1:]) >= _SIDE:
        yield (shape[0], 1, *shape[1:]), "the channels come second", False
    if len(shape) == 3 and wanted == last:
        yield (shape[0], last, shape[1]), "layers of signals read [N, C, L]", False
    if len(shape) == 2 and min(shape) >= _SIDE:
        yield (1, 1, *shape), "the batch comes first, then the channels", False
    if len(shape) in (1, 2):
        yield (1, *shape), "the batch comes first", False


def _channels_wanted(case: Case) -> int | None:
    """Channels that an eager layer takes, where others arrive."""
    if case.error.argument in ("in_channels", "num_features", "num_channels"):
        wanted = case.arguments.get(case.error.argument)
        return wanted if type(wanted) is int else None
    return None


def channels_last(case: Case) -> Advice | None:
    """A layer for the last dimension whose size is that of dimension 1, or the other way round."""
    if not case.shapes or len(case.shapes[0]) < 3:
        return None
    shape, rank = case.shapes[0], len(case.shapes[0])
    wanted = _last_wanted(case)
    if wanted is not None and wanted == shape[1] and wanted != shape[-1]:
        move = "transpose: [1, 2]" if rank == 3 else f"permute: {_to_last(rank)}"
        groups = ""
        if case.op == "LayerNorm":
            groups = ", or is `LazyGroupNorm: 1` meant?"
        return Advice(
            f"{case.op} reads the last dimension, and {wanted} is dimension 1: `{move}` before it "
            f"swaps them{groups}" if rank == 3 else
            f"{case.op} reads the last dimension, and {wanted} is dimension 1: `{move}` before it "
            f"puts it last{groups}"
        )  # fmt: skip
    channels = _channels_wanted(case)
    # an image is as high as it is wide more often than its channels come last
    square = rank > 3 and len(set(shape[2:])) == 1
    if channels is not None and channels == shape[-1] and channels != shape[1] and not square:
        op, dims = ("transpose", [1, 2]) if rank == 3 else ("permute", _to_second(rank))
        mark = case.step.mark
        args = ArgsExpr(tuple(Expr(dim, mark, dim) for dim in dims))
        spec = case.changed(after(case.step, op, args))
        sure = case.step is case.failure.step and case.cured_by(spec=spec)
        move = f"`{op}: {dims}` before it puts the {channels} channels second"
        return Advice(move if sure else f"are the channels last? {move}")
    return None


def _to_last(rank: int) -> list[int]:
    return [0, *range(2, rank), 1]


def _to_second(rank: int) -> list[int]:
    return [0, rank - 1, *range(1, rank - 1)]


def _last_wanted(case: Case) -> int | None:
    """Features that an eager layer takes in the last dimension, where others arrive."""
    if case.error.argument in LAST_READ and not case.is_lazy:
        wanted = case.arguments.get(case.error.argument)
    elif case.op in ("LayerNorm", "RMSNorm") and case.error.argument == "normalized_shape":
        wanted = case.arguments.get("normalized_shape")
        if isinstance(wanted, tuple) and len(wanted) == 1:
            wanted = wanted[0]
    else:
        return None
    return wanted if type(wanted) is int else None


def ids_without_dtype(case: Case) -> Advice | None:
    """An Embedding that reads an input of the network which says no dtype."""
    if not case.op.startswith("Embedding") or not case.failure.tensors:
        return None
    value, kind = case.failure.tensors[0]
    entry = source_input(case.failure, value, case.inputs)
    if entry is None or kind.dtype in ("int32", "int64"):
        return None
    count = case.arguments.get("num_embeddings")
    spec = with_dtype(case.spec, entry.name, "int64")
    if not case.cured_by(spec=spec) and not case.passed_by(spec):
        return None
    high = f", high: {count}" if type(count) is int else ""
    name = "ids" if entry.name == "input" else entry.name
    shape = format_shape(entry.type.shape)
    said = "{" + f"{name}: {{shape: {shape}, dtype: int64{high}}}" + "}"
    return Advice(f"ids are integers: write `input: {said}`" if len(case.inputs) == 1 else
                  f"ids are integers: write `{said[1:-1]}` under `input:`")  # fmt: skip


def tuple_given(case: Case) -> Advice | None:
    """The tuple that a recurrent or attention layer gives, where one tensor is read."""
    value = next((v for v in case.failure.values if isinstance(v.type, tuple)), None)
    made = case.maker(value)
    step = None if made is None else case.file_step(made)
    if made is None or step is None or step.pick is not None or step is not made.step:
        return None
    first = Expr(0, step.mark, 0)
    spec = case.changed(lambda old: replace(old, pick=first), step)
    if not case.cured_by(spec=spec) and not case.passed_by(spec):
        return None
    text = written(step.op, step.args)
    text = f"{text}, pick: 0" if ": " in text else f"{text}: , pick: 0"
    kind = "output" if re.search("LSTM|GRU|RNN|Attention", step.op) else "first element"
    return Advice(
        f"take its {kind} at line {step.mark.line}: {{{text}}}",
    )


def lazy_meant(case: Case) -> Advice | None:
    """`Conv2d: [64, 3, 1, 1]` written as if the channels that come in were inferred."""
    row = table().get(f"Lazy{case.op}")
    step = case.step
    if not isinstance(row, LazyOp) or step is not case.failure.step:
        return None
    if case.error.argument not in row.infers or case.error.argument in step.args.keywords:
        return None
    names = [p.name for p in signature_of(case.op).parameters]
    args = step.args
    for name in row.infers:
        args = without_argument(replace(step, args=args), names, name)
    if not case.accepts(row.name, args):
        return None
    what = "them" if len(row.infers) > 1 or "channels" in row.infers[0] else "it"
    notes: tuple[str, ...] = ()
    kernel, channels = case.arguments.get("out_channels"), case.arguments.get("in_channels")
    if type(kernel) is int and type(channels) is int and kernel <= _KERNEL < channels:
        whole = written(row.name, step.args)
        notes = (f"is {kernel} the kernel? `{whole}` gives {channels} channels",)
    return Advice(f"`{written(row.name, args)}` infers {what}", notes)


def other_rank(case: Case) -> Advice | None:
    """A layer of images on a signal or on features, and the like."""
    found = re.search(r"([123])d\Z", case.op)
    step = case.step
    if found is None or step is not case.failure.step or case.error.argument is not None:
        return None
    if step.become is not None or not case.shapes:
        return None
    for n in "123":
        # without its batch, a signal of one channel more or less is as good as any
        if len(case.shapes[0]) != int(n) + 2 and "BatchNorm" not in case.op:
            continue
        name = case.op[:-2] + f"{n}d"
        if n != found.group(1) and name in table() and case.accepts(name, step.args):
            return Advice(f"`{written(name, step.args)}` takes it")
    return None
