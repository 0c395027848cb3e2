"""Shapes and strides -> whether a reshape is a view, and the strides of views. No torch here.

Strides count elements, one for each dimension, as ``torch.Tensor.stride`` does.

Source: https://pytorch.org/docs/stable/generated/torch.Tensor.view.html
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TypeAlias

from lazyinspect.shapes import Shape, whole

Strides: TypeAlias = tuple[int, ...]


def int_of(size: int) -> int:
    """A size for the sizes in hand, whatever formula it has."""
    return size if type(size) is int else getattr(size, "value", size)


def contiguous(shape: Sequence[int]) -> Strides:
    """Of a tensor whose elements lie in order."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step = step * size
    return tuple(reversed(strides))


def in_order(shape: Shape, strides: Strides) -> bool:
    """Whether a tensor of these strides is contiguous; those of dimensions of 1 do not matter."""
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and stride != step:
            return False
        step = step * size
    return True


def dense(shape: Shape, strides: Strides) -> bool:
    """Whether it is a permutation of a contiguous tensor: what is made like it lies as it does."""
    order = sorted(range(len(shape)), key=lambda dim: (strides[dim], shape[dim]))
    step = 1
    for dim in order:
        if shape[dim] == 1:
            continue
        if strides[dim] != step:
            return False
        step = step * shape[dim]
    return True


def like(shape: Shape, strides: Strides) -> Strides:
    """Of a tensor without gaps whose dimensions lie in the order of other strides."""
    found = [0] * len(shape)
    step = 1
    for dim in sorted(range(len(shape)), key=lambda dim: (strides[dim], -dim)):
        found[dim] = step
        step = step * shape[dim]
    return tuple(found)


def viewed(shape: Shape, strides: Strides, wanted: Shape) -> Strides | None:
    """Strides of the same elements in another shape; None where they have to be copied."""
    if in_order(shape, strides):
        return contiguous(wanted)
    if not all(map(int_of, (*shape, *wanted))):
        return contiguous(wanted)  # there is nothing to lie anywhere
    kept = [(size, stride) for size, stride in zip(shape, strides, strict=True) if size != 1]
    found: list[int] = []
    runs: list[list[int]] = []
    for size, stride in kept:
        # dimensions that lie as one
        if runs and runs[-1][1] == size * stride:
            runs[-1] = [runs[-1][0] * size, stride]
        else:
            runs.append([size, stride])
    left = list(reversed(runs))
    room, step = left.pop(0) if left else [1, 1]
    for size in reversed(wanted):
        if size == 1:
            found.append(step)
            continue
        while room == 1 and left:
            room, step = left.pop(0)
        if room % size != 0:
            return None
        found.append(step)
        room, step = room // size, step * size
    return tuple(reversed(found))


def of_view(
    name: str, a: SimpleNamespace, shape: Shape, strides: Strides, outs: Sequence[Shape]
) -> list[Strides] | None:
    """Strides of the outputs of an op that returns views; None where they are not known."""
    rank = len(shape)
    if name in ("Identity", "Dropout") or not rank:
        return [strides] * len(outs) if all(out == shape for out in outs) else None
    if name == "transpose":
        one, two = a.dim0 % rank, a.dim1 % rank
        swapped = list(strides)
        swapped[one], swapped[two] = swapped[two], swapped[one]
        return [tuple(swapped)]
    if name == "permute":
        dims = a.dims[0] if a.dims and isinstance(a.dims[0], tuple) else a.dims
        return [tuple(strides[dim % rank] for dim in dims)]
    if name == "select":
        dim = a.dim % rank
        return [(*strides[:dim], *strides[dim + 1 :])]
    if name in ("narrow", "chunk", "split"):
        return [strides] * len(outs)
    if name == "unbind":
        dim = a.dim % rank
        return [(*strides[:dim], *strides[dim + 1 :])] * len(outs)
    if name == "expand":
        lead = len(outs[0]) - rank
        found = [0] * lead
        for dim, size in enumerate(shape):
            grown = outs[0][lead + dim] != size
            found.append(0 if grown else strides[dim])
        return [tuple(found)]
    if name == "unsqueeze":
        dim = a.dim % (rank + 1)
        step = strides[dim] * shape[dim] if dim < rank else 1
        return [(*strides[:dim], step, *strides[dim:])]
    if name == "movedim":
        source = (a.source,) if whole(a.source) else a.source
        target = (a.destination,) if whole(a.destination) else a.destination
        moved = {t % rank: s % rank for s, t in zip(source, target, strict=True)}
        others = (dim for dim in range(rank) if dim not in moved.values())
        order = [moved[dim] if dim in moved else next(others) for dim in range(rank)]
        return [tuple(strides[dim] for dim in order)]
    if all(out == shape for out in outs):
        return [strides] * len(outs)
    found_view = [viewed(shape, strides, out) for out in outs]
    return None if None in found_view else [view for view in found_view if view is not None]
