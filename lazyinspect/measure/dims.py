"""One application of an op that mixes, moves or cuts dimensions -> axes. No torch here.

All is of eval mode: batch normalisation uses its running statistics.
"""

from __future__ import annotations

from lazyinspect.measure.axes import (
    Axes,
    Lost,
    Rule,
    Seen,
    Step,
    all_lost,
    joined,
    mixed,
    placed,
    reshaped,
    slid,
    united,
)
from lazyinspect.measure.reach import sliding
from lazyinspect.measure.reasons import CHANNELS, FLAT, WHOLE
from lazyinspect.plan.ops.operands import integers
from lazyinspect.shapes import ntuple


def lose_all(reason: str) -> Rule:
    """Of an op after which nothing is followed."""

    def rule(step: Step) -> Axes:
        return everything(step, step.lost(reason))

    return rule


def everything(step: Step, lost: Lost) -> Axes:
    """All axes of all sources, lost."""
    return united(step, [all_lost(source.axes, lost) for source in step.tensors])


def elementwise(step: Step) -> Axes:
    """Each position of the output sees that position of every source."""
    return joined(step, step.tensors, len(step.outputs[0]))


# --- norms


def over_all_but_channels(step: Step) -> Axes:
    """Statistics over positions: instance and group norms."""
    x = step.first
    return mixed(x.axes, range(1, x.rank), step.lost(WHOLE))


def batch_norm(step: Step) -> Axes:
    if step.args.track_running_stats:
        return step.first.axes
    # without running statistics it takes the batch's, in eval mode too
    return all_lost(step.first.axes, step.lost(WHOLE))


def instance_norm(n: int) -> Rule:
    def rule(step: Step) -> Axes:
        x = step.first
        if step.args.track_running_stats:
            return x.axes
        return mixed(x.axes, range(x.rank - n, x.rank), step.lost(WHOLE))

    return rule


def layer_norm(step: Step) -> Axes:
    x = step.first
    count = len(ntuple(step.args.normalized_shape, 1))
    return mixed(x.axes, range(x.rank - count, x.rank), step.lost(WHOLE))


def response_norm(step: Step) -> Axes:
    return mixed(step.first.axes, (1,), step.lost(CHANNELS))


# --- dimensions that are mixed, removed, moved


def along(step: Step) -> Axes:
    """Of an op that mixes the dimension of its argument: softmax, GLU, a running sum."""
    x, dim = step.first, step.args.dim
    if dim is None:
        # the choice of torch's softmax layers
        dim = 0 if x.rank in (0, 1, 3) else 1
    return mixed(x.axes, (dim % max(x.rank, 1),), step.lost(WHOLE))


def last_dimension(step: Step) -> Axes:
    """Linear layers: positions lie in the dimensions before the features."""
    lost = step.lost(WHOLE)
    return united(step, [mixed(x.axes, (x.rank - 1,), lost) for x in step.tensors])


def third_last(step: Step) -> Axes:
    return mixed(step.first.axes, (step.first.rank - 3,), step.lost(CHANNELS))


def channels_shuffled(step: Step) -> Axes:
    return mixed(step.first.axes, (1,), step.lost(CHANNELS))


def reduction(step: Step) -> Axes:
    x, a = step.first, step.args
    dims = range(x.rank) if a.dim is None or a.dim == () else ntuple(a.dim, 1)
    return _reduced(step, x.rank, x.axes, [dim % max(x.rank, 1) for dim in dims], a.keepdim)


def _reduced(step: Step, rank: int, axes: Axes, dims: list[int], keepdim: bool) -> Axes:
    kept = [dim for dim in range(rank) if dim not in dims]
    places = {dim: dim if keepdim else new for new, dim in enumerate(kept)}
    return placed(axes, places, step.lost(WHOLE))


def cosine_similarity(step: Step) -> Axes:
    rank = max([x.rank for x in step.tensors])
    return _reduced(step, rank, joined(step, step.tensors), [step.args.dim % max(rank, 1)], False)


def pairwise_distance(step: Step) -> Axes:
    rank = max([x.rank for x in step.tensors])
    axes = joined(step, step.tensors)
    return _reduced(step, rank, axes, [rank - 1], step.args.keepdim)


def reshape(step: Step) -> Axes:
    x = step.first
    return placed(x.axes, reshaped(x.shape, step.outputs[0]), step.lost(FLAT))


def permute(step: Step) -> Axes:
    x = step.first
    dims = integers(step.args.dims, "dims")
    places = {dim % x.rank: new for new, dim in enumerate(dims)}
    return placed(x.axes, places, step.lost(FLAT))


def transpose(step: Step) -> Axes:
    x, a = step.first, step.args
    if not x.shape:
        return x.axes
    one, other = a.dim0 % x.rank, a.dim1 % x.rank
    places = {dim: dim for dim in range(x.rank)} | {one: other, other: one}
    return placed(x.axes, places, step.lost(FLAT))


def movedim(step: Step) -> Axes:
    x, a = step.first, step.args
    if not x.shape:
        return x.axes
    source = [dim % x.rank for dim in ntuple(a.source, 1)]
    target = [dim % x.rank for dim in ntuple(a.destination, 1)]
    places = dict(zip(source, target, strict=True))
    free = (dim for dim in range(x.rank) if dim not in target)
    rest = {dim: next(free) for dim in range(x.rank) if dim not in places}
    return placed(x.axes, places | rest, step.lost(FLAT))


def squeeze(step: Step) -> Axes:
    x, a = step.first, step.args
    dims = range(x.rank) if a.dim is None else [d % max(x.rank, 1) for d in ntuple(a.dim, 1)]
    gone = [dim for dim in dims if dim < x.rank and x.shape[dim] == 1]
    kept = [dim for dim in range(x.rank) if dim not in gone]
    places = {dim: new for new, dim in enumerate(kept)}
    return placed(x.axes, places, step.lost("{} removes the dimension"))


def unsqueeze(step: Step) -> Axes:
    x = step.first
    new = step.args.dim % (x.rank + 1)
    return placed(x.axes, {d: d + (d >= new) for d in range(x.rank)}, step.lost(FLAT))


def stack(step: Step) -> Axes:
    rank = len(step.outputs[0])
    new = step.args.dim % rank
    places = {d: d + (d >= new) for d in range(rank - 1)}
    lost = step.lost(FLAT)
    return united(step, [placed(x.axes, places, lost) for x in step.tensors])


def larger(step: Step) -> Axes:
    """``expand``, ``repeat`` and ``tile``: dimensions in front, and copies in others."""
    x, shape = step.first, step.outputs[0]
    offset = len(shape) - x.rank
    places = {dim: dim + offset for dim, size in enumerate(x.shape) if shape[dim + offset] == size}
    return placed(x.axes, places, step.lost("{} repeats positions"))


def cat(step: Step) -> Axes:
    # torch leaves empty vectors out
    sources = [x for x in step.tensors if x.shape != (0,)]
    if not sources:
        return step.first.axes
    if len(sources) == 1:
        return sources[0].axes
    dim = step.args.dim % sources[0].rank
    lost = step.lost("{} puts positions of several tensors one behind the other")
    return united(step, [mixed(x.axes, (dim,), lost) for x in sources])


# --- parts


def select(step: Step) -> Axes:
    x = step.first
    lost = step.lost("{} takes one position of the dimension")
    dim = step.args.dim % x.rank
    return placed(x.axes, {d: d - (d > dim) for d in range(x.rank) if d != dim}, lost)


def unbind(step: Step) -> Axes:
    return select(step)


def narrow(step: Step) -> Axes:
    x, a = step.first, step.args
    dim = a.dim % x.rank
    start = a.start + x.shape[dim] if a.start < 0 else a.start
    return slid(step, x.axes, {dim: sliding(1, before=-start)})


def pieces(step: Step) -> list[Axes]:
    """``chunk`` and ``split``: each piece begins where the one before it ends."""
    x = step.first
    dim = step.args.dim % x.rank
    found, start = [], 0
    for shape in step.outputs:
        found.append(slid(step, x.axes, {dim: sliding(1, before=-start)}))
        start += shape[dim]
    return found


def reordered(step: Step) -> Axes:
    """``flip`` and ``roll``."""
    x, a = step.first, step.args
    if step.op == "roll":
        dims = range(x.rank) if a.dims is None else ntuple(a.dims, 1)
    else:
        dims = integers(a.dims, "dims")
    lost = step.lost("{} puts positions into another order")
    return mixed(x.axes, [dim % max(x.rank, 1) for dim in dims], lost)


def matmul(step: Step) -> Axes:
    """Rows of the first see all of theirs, and so do columns of the second."""
    found, rank, lost = [], len(step.outputs[0]), step.lost(WHOLE)
    if any(isinstance(x, Seen) and x.rank < 2 for x in step.sources):
        return everything(step, lost)
    for place, x in enumerate(step.sources):
        axes = mixed(x.axes, (x.rank - 1 - place,), lost)
        batch = {
            dim: dim + rank - x.rank
            for dim, size in enumerate(x.shape)
            if dim >= x.rank - 2 or step.outputs[0][dim + rank - x.rank] == size
        }
        found.append(placed(axes, batch, step.lost("{} spreads one position over a dimension")))
    return united(step, found)


def embedding(step: Step) -> Axes:
    return step.first.axes


def nothing(step: Step) -> Axes:
    """Of what depends on the shape of its source alone."""
    return (None,) * len(step.first.axes)
