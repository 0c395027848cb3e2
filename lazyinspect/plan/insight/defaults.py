"""An argument that means something else than was meant: a failed step -> advice. No torch here.

`flatten` without a dimension joins the batch, `cat` joins channels, and the first argument of
`Upsample` is a size. Each remedy was planned.
"""

from __future__ import annotations

from dataclasses import replace

from lazyinspect.plan.insight.edits import with_keyword
from lazyinspect.plan.insight.meetings import MERGES
from lazyinspect.plan.insight.whatif import Advice, Case, node_args, node_op
from lazyinspect.plan.ops import signature_of, table
from lazyinspect.plan.written import written
from lazyinspect.spec.model import ArgsExpr, Expr, Label

LAST_READ = ("in_features", "input_size", "embed_dim", "d_model")
"""Arguments that say how many features the last dimension has."""
_NEAR = 6
"""How many steps before a failed one may have caused it, at most."""


def batch_flattened(case: Case) -> Advice | None:
    """A flatten from dimension 0, in front of a layer that reads the batch."""
    values = case.failure.values
    for _, made in zip(range(_NEAR), case.chain(values[0] if values else None), strict=False):
        step = case.file_step(made)
        if node_op(made).lower() != "flatten" or step is None:
            continue
        if node_args(made).get("start_dim") != 0 or step.op not in table():
            return None
        names = [p.name for p in signature_of(step.op).parameters]
        new = with_keyword(step, names, "start_dim", 1)
        if not step.args.positional and not step.args.keywords:
            one = Expr(1, step.mark, 1)
            new = replace(step, args=ArgsExpr((one,)))
        if case.cured_by(spec=case.changed(lambda _, new=new: new, step)):  # type: ignore[misc]
            text = written(new.op, new.args)
            return Advice(f"`{text}` at line {step.mark.line} keeps the batch")
        return None
    return None


def cat_dimension(case: Case) -> Advice | None:
    """A concatenation of tensors that differ in one dimension, and not in that which it joins."""
    merge, shapes = case.step.merge, case.shapes
    if case.op != "cat" or merge is None or len({len(shape) for shape in shapes}) != 1:
        return None
    rank = len(shapes[0])
    off = [dim for dim in range(rank) if len({shape[dim] for shape in shapes}) > 1]
    named = all(isinstance(source, Label) for source in merge.positional)
    # images are joined along their channels: there, a size is wrong
    if rank > 3 or len(off) != 1 or not named:
        return None
    spec = case.changed(lambda old: with_keyword(old, (), "dim", off[0]))
    if not case.cured_by(spec=spec):
        return None
    names = ", ".join(source.name for source in merge.positional if isinstance(source, Label))
    return Advice(
        f"they differ in dimension {off[0]} alone: did you mean "
        f"`cat: [{names}, {{dim: {off[0]}}}]`?"
    )


def cat_of_features(case: Case) -> Advice | None:
    """A layer for features after a `cat` that was to join features, and joins dimension 1."""
    values = case.failure.values
    wanted = case.arguments.get(case.error.argument or "")
    if not values or type(wanted) is not int or case.error.argument not in LAST_READ:
        return None
    for _, made in zip(range(_NEAR), case.chain(values[0]), strict=False):
        step = case.file_step(made)
        if node_op(made) != "cat" or step is None or step.merge is None:
            continue
        shapes = [kind.shape for _, kind in made.call.inputs]
        labels = [each.name for each in step.merge.positional if isinstance(each, Label)]
        if sum(shape[-1] for shape in shapes) != wanted or len(labels) != len(shapes):
            return None
        new = with_keyword(step, (), "dim", -1)
        spec = case.changed(lambda _, new=new: new, step)  # type: ignore[misc]
        if not case.cured_by(spec=spec) and not case.passed_by(spec):
            return None
        return Advice(
            f"did you mean `cat: [{', '.join(labels)}, {{dim: -1}}]` at line {step.mark.line}? "
            f"It gives {wanted} features; without, `cat` joins dimension 1"
        )
    return None


def scale_as_size(case: Case) -> Advice | None:
    """`Upsample: 2`, which makes an image of 2 x 2, before a merge with a larger one."""
    if case.op not in MERGES:
        return None
    for value in case.failure.values:
        for _, made in zip(range(_NEAR), case.chain(value), strict=False):
            step = case.file_step(made)
            if step is None or step.op != "Upsample" or len(step.args.positional) != 1:
                continue
            scale = step.args.positional[0]
            keywords = {**step.args.keywords, "scale_factor": scale}
            new = replace(step, args=replace(step.args, positional=(), keywords=keywords))
            if case.cured_by(spec=case.changed(lambda _, new=new: new, step)):  # type: ignore[misc]
                return Advice(
                    f"`{written(new.op, new.args)}` at line {step.mark.line}: its first argument "
                    "is the size"
                )
    return None
