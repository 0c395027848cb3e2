"""Dimensions of the network's inputs, followed through the shapes of its tensors. No torch here.

A value's axes have an entry for each dimension of every input: where it lies now and what its
positions see, why it is no longer followed, or None where the value does not depend on the input.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from lazyinspect.measure.reach import Reach, Taps, TooFine, through, union
from lazyinspect.shapes import Shape, prod


@dataclass(frozen=True, slots=True)
class Axis:
    """A dimension of an input that is dimension ``dim`` of a tensor."""

    dim: int
    reach: Reach


@dataclass(frozen=True, slots=True)
class Lost:
    """A dimension that is no longer followed."""

    reason: str
    """A sentence that names the step."""


Axes: TypeAlias = "tuple[Axis | Lost | None, ...]"


@dataclass(frozen=True, slots=True)
class Seen:
    """A tensor, and what its positions see."""

    shape: Shape
    axes: Axes

    @property
    def rank(self) -> int:
        return len(self.shape)


@dataclass(frozen=True, slots=True)
class Step:
    """One application of an op: what its rule needs to know."""

    name: str
    """How reasons call it: a path, the op and its line."""
    op: str
    """Its name in the op table."""
    args: Any
    """Arguments with defaults filled in."""
    sources: tuple[Any, ...]
    """Values of the op's forward in order: Seen, numbers, None, and tuples of them."""
    outputs: tuple[Shape, ...]
    """Of every tensor that it gives."""
    windows: Callable[[int], None]
    """To be told of each axis over which a window slides."""

    @property
    def first(self) -> Seen:
        """The first source."""
        source = self.sources[0]
        while isinstance(source, tuple):
            source = source[0]
        assert isinstance(source, Seen)
        return source

    @property
    def tensors(self) -> list[Seen]:
        """All sources that are tensors."""
        return list(_tensors(self.sources))

    def lost(self, reason: str) -> Lost:
        """``reason`` has the step as ``{}``."""
        return Lost(reason.format(self.name))


Rule: TypeAlias = Callable[[Step], "Axes | list[Axes]"]
"""Gives the axes of every tensor of the output; of one, where all have the same."""


def _tensors(value: Any) -> list[Seen]:
    if isinstance(value, Seen):
        return [value]
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, tuple):
        return [each for item in value for each in _tensors(item)]
    return []


def mixed(axes: Axes, dims: Collection[int], lost: Lost) -> Axes:
    """The axes that lie in some dimensions, lost."""
    return tuple([lost if type(each) is Axis and each.dim in dims else each for each in axes])


def all_lost(axes: Axes, lost: Lost) -> Axes:
    """Every axis, lost."""
    return tuple([lost if type(each) is Axis else each for each in axes])


def slides(step: Step, x: Seen, n: int) -> None:
    """Tell that windows slide over the last ``n`` dimensions."""
    for index, each in enumerate(x.axes):
        if type(each) is Axis and each.dim >= x.rank - n:
            step.windows(index)


def placed(axes: Axes, places: Mapping[int, int], lost: Lost) -> Axes:
    """Every axis in its new dimension; lost where it has none."""
    found: list[Axis | Lost | None] = []
    for each in axes:
        if type(each) is Axis:
            dim = places.get(each.dim)
            found.append(lost if dim is None else each if dim == each.dim else _at(each, dim))
        else:
            found.append(each)
    return tuple(found)


def _at(axis: Axis, dim: int) -> Axis:
    return Axis(dim, axis.reach)


def slid(step: Step, axes: Axes, taps: Mapping[int, Taps]) -> Axes:
    """Every axis in a dimension that has taps, with what positions see through them."""
    found: list[Axis | Lost | None] = []
    for each in axes:
        if type(each) is Axis and each.dim in taps:
            try:
                found.append(Axis(each.dim, through(each.reach, taps[each.dim])))
            except TooFine:
                found.append(step.lost(TOO_FINE))
        else:
            found.append(each)
    return tuple(found)


TOO_FINE = "after {} fields repeat over more than 1,024 positions, which are not followed"


def joined(step: Step, sources: Sequence[Seen], rank: int | None = None) -> Axes:
    """Of an elementwise op: the sources broadcast against each other, and their fields united."""
    if len(sources) == 1 and (rank is None or rank == sources[0].rank):
        return sources[0].axes
    rank = max([source.rank for source in sources]) if rank is None else rank
    sizes = [1] * rank
    for source in sources:
        for dim, size in enumerate(source.shape, rank - source.rank):
            if size != 1:
                sizes[dim] = size
    aligned = [_broadcast(step, source, sizes) for source in sources]
    return united(step, aligned)


def _broadcast(step: Step, source: Seen, sizes: Sequence[int]) -> Axes:
    offset = len(sizes) - source.rank
    kept = {
        dim: dim + offset for dim, size in enumerate(source.shape) if size == sizes[dim + offset]
    }
    return placed(source.axes, kept, step.lost("{} spreads one position over a dimension"))


def united(step: Step, several: Sequence[Axes]) -> Axes:
    """What is seen through any of several paths."""
    result = list(several[0])
    for axes in several[1:]:
        for index, each in enumerate(axes):
            have = result[index]
            if each is None or each is have or type(have) is Lost:
                continue
            result[index] = each if have is None or type(each) is Lost else _both(step, have, each)
    return tuple(result)


def _both(step: Step, a: Any, b: Any) -> Axis | Lost:
    if a.dim != b.dim:
        return step.lost("{} joins a dimension of the input with another")
    try:
        reach = union(a.reach, b.reach)
    except TooFine:
        return step.lost(TOO_FINE)
    if reach is None:
        jumps = f"{a.reach.jump} and {b.reach.jump}"
        return step.lost(f"{{}} joins paths whose jumps differ, {jumps}")
    return Axis(a.dim, reach)


def reshaped(before: Shape, after: Shape) -> dict[int, int]:
    """Which dimensions of a tensor are dimensions of its reshaped form, and which.

    Both shapes fall into the shortest runs of equal products. A dimension is kept where it is
    alone in its run but for sizes of 1.
    """
    if prod(before) == 0:
        return {dim: dim for dim in range(len(before))} if before == after else {}
    kept: dict[int, int] = {}
    i = j = 0
    while i < len(before) and j < len(after):
        first, second = i, j
        left, right = before[i], after[j]
        while left != right:
            if left < right:
                i += 1
                left *= before[i]
            else:
                j += 1
                right *= after[j]
        i, j = i + 1, j + 1
        large = [dim for dim in range(first, i) if before[dim] != 1]
        places = [dim for dim in range(second, j) if after[dim] != 1]
        if len(large) == 1 and len(places) == 1:
            kept[large[0]] = places[0]
        elif i - first == 1 and j - second == 1:
            kept[first] = second
    return kept
