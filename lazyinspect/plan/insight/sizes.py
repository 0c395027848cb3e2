"""A network that fails for the size of its input -> sizes that work, found by planning them.

Every size that is said to work, and every one said not to, was planned. No torch here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lazyinspect.errors import ShapeError
from lazyinspect.plan.insight.whatif import Advice, Case, OutOfTrials
from lazyinspect.plan.written import listed
from lazyinspect.shapes import Shape, format_shape
from lazyinspect.spec.model import OPEN

FAR = 70
"""How many sizes are tried in one direction for the next that works."""
LARGEST = 4096
USUAL = (224, 256, 32, 28, 64, 96, 128, 299, 384, 512)
"""Sizes that networks are made for, tried where others do not work."""
AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
_WINDOWS = ("kernel_size", "padding", "output_size")
_SOMETHING = re.compile(r"something in it|more than one value")

Works = Callable[[int], bool]


@dataclass(frozen=True)
class Image:
    """The dimensions of the network's inputs that may be of another size."""

    names: tuple[str, ...]
    """Inputs that are as large as each other."""
    first: int
    """The first such dimension; those after it are, too."""
    shapes: Mapping[str, Shape]

    @property
    def sizes(self) -> Shape:
        return self.shapes[self.names[0]][self.first :]

    @property
    def axes(self) -> tuple[str, ...]:
        return AXES[len(self.sizes)]

    def resized(self, sizes: Shape) -> dict[str, Shape]:
        return {name: (*self.shapes[name][: self.first], *sizes) for name in self.names}


def image(case: Case) -> Image | None:
    """The image, signal or volume that the network reads; None where it reads something else."""
    shapes = {entry.name: entry.type.shape for entry in case.inputs}
    for shape in shapes.values():
        found = re.search(r"([123])d\Z", case.row.name if case.row else "")
        # of an unbatched image, the first dimension is that of the channels
        unbatched = found is not None and len(shape) == int(found.group(1)) + 1
        first = 1 if unbatched else 2
        if 1 <= len(shape) - first <= 3 and len(shape) >= 3:
            alike = (
                n for n, s in shapes.items()
                if len(s) == len(shape) and s[first:] == shape[first:]
            )  # fmt: skip
            return Image(tuple(alike), first, shapes)
    return None


def too_small(case: Case) -> Advice | None:
    """A kernel larger than what is left of the input: the least input that works."""
    error, shape = case.error, image(case)
    windows = error.argument in _WINDOWS and isinstance(error, ShapeError)
    if shape is None or not (windows or _SOMETHING.search(error.message)):
        return None
    if case.op not in _spatial_ops(case):
        return None
    given = shape.sizes
    for whole in (True, False):

        def works(size: int, whole: bool = whole) -> bool:
            shapes = shape.resized((size,) * len(given))
            if whole:
                return case.trials.works(shapes)
            return case.trials.passes(case.problem, case.step, shapes)

        found, least = smallest(works, max(given))
        if found is not None:
            return _enough(case, shape, found, least, whole)
        declared = own_input(case)
        if declared is not None or case.step is not case.failure.step:
            return declared
    return None


def _enough(case: Case, shape: Image, found: int, least: bool, whole: bool) -> Advice:
    square = (found,) * len(shape.sizes)
    what = "works" if whole else "gets past this step"
    which = f"{times(square)} is the least that {what}" if least else f"{times(square)} {what}"
    note = f"this input is too small: {which}"
    if not whole:
        return Advice("", (note,))
    larger = tuple(max(size, found) for size in shape.sizes)
    fits = larger == square or case.trials.works(shape.resized(larger))
    return Advice(input_text(case, shape.resized(larger if fits else square)), (note,))


def _spatial_ops(case: Case) -> tuple[str, ...]:
    return (case.op,) if re.search(r"[123]d\Z|pool|pad", case.op) else ()


def smallest(works: Works, given: int) -> tuple[int | None, bool]:
    """A size that works though ``given`` does not, and whether it is the least of all.

    Kernels need no size in particular, so that one is found by doubling and halving; every size
    below it is tried before it is called the least.
    """
    low = given
    for high in _doubled(given):
        if works(high):
            break
        low = high
    else:
        usual = next((size for size in USUAL if works(size)), None)
        if usual is None:
            return None, False
        low, high = usual - 1, usual
    while high - low > 1:
        middle = (low + high) // 2
        if works(middle):
            high = middle
        else:
            low = middle
    try:
        for size in range(high - 1, 0, -1):
            if works(size):
                high = size
    except OutOfTrials:
        return high, False
    return high, True


def _doubled(given: int) -> Iterator[int]:
    size = max(2 * given, 2)
    while size <= LARGEST:
        yield size
        size *= 2


def own_input(case: Case) -> Advice | None:
    """Where other sizes are given than the file's own: whether those work."""
    own = {
        entry.name: entry.shape.constant for entry in case.spec.inputs
        if entry.shape.constant is not OPEN
    }  # fmt: skip
    now = {entry.name: entry.type.shape for entry in case.inputs}
    if not own or own.keys() != now.keys() or own == now:
        return None
    if not case.trials.works(own):
        return None
    text = listed([format_shape(shape) for shape in own.values()])
    return Advice(f"the spec's own input works: {text}")


# --- sizes that meet again


@dataclass(frozen=True)
class Grid:
    """Sizes that work around one that does not, none left out between the first and the last."""

    sizes: tuple[int, ...]

    @property
    def step(self) -> int | None:
        """How far they are apart, where that is the same all along and more than 1."""
        steps = {b - a for a, b in zip(self.sizes, self.sizes[1:], strict=False)}
        return steps.pop() if len(self.sizes) > 2 and len(steps) == 1 and min(steps) > 1 else None

    def nearest(self, given: int) -> int:
        """The one that is least away; of two, the larger."""
        return min(self.sizes, key=lambda size: (abs(size - given), -size))


def grid(works: Works, given: int) -> Grid | None:
    """The sizes around ``given`` that work: one below it and two above, found one by one."""
    above: list[int] = []
    for size in range(given, given + 2 * FAR):
        if works(size):
            above.append(size)
            if len(above) == 2:
                break
        elif size - (above[-1] if above else given) >= FAR:
            break
    below = next((s for s in range(given - 1, max(0, given - FAR), -1) if works(s)), None)
    sizes = (*([] if below is None else [below]), *above)
    return Grid(tuple(sizes)) if sizes else None


def odd_sizes(case: Case) -> Advice | None:
    """Two sizes that differ by rounding where they meet: the sizes of the input that do not."""
    shape = image(case)
    off = mismatched(case.shapes, case.op)
    if shape is None or off is None:
        return None
    rank = len(case.shapes[0])
    axes = [dim - (rank - len(shape.sizes)) for dim in off]
    if not axes or min(axes) < 0:
        return None
    for moved in dict.fromkeys([tuple(axes), tuple(range(len(shape.sizes)))]):
        if len({shape.sizes[axis] for axis in moved}) > 1 and len(moved) > 1:
            start = min(shape.sizes[axis] for axis in moved)
        else:
            start = shape.sizes[moved[0]]
        found = _meeting(case, shape, moved, start)
        if found is not None:
            return found
    return None


def _meeting(case: Case, shape: Image, moved: tuple[int, ...], start: int) -> Advice | None:
    def at(size: int, axis: int) -> int:
        return size if axis in moved else shape.sizes[axis]

    def works(size: int) -> bool:
        sizes = tuple(at(size, axis) for axis in range(len(shape.sizes)))
        return case.trials.works(shape.resized(sizes))

    found = grid(works, start)
    if found is None or len(found.sizes) < 2:
        return None  # a size that something else was written for
    step = found.step
    best = []
    for axis, size in enumerate(shape.sizes):
        if axis not in moved:
            best.append(size)
        elif step is None:
            best.append(found.nearest(start))
        else:
            rest = found.sizes[0] % step
            lower = size - (size - rest) % step
            best.append(size if lower == size else _closer(lower, lower + step, size))
    if not case.trials.works(shape.resized(tuple(best))):
        best = [at(found.nearest(start), axis) for axis in range(len(shape.sizes))]
    note = _rule(found, [shape.axes[axis] for axis in moved], start)
    return Advice(input_text(case, shape.resized(tuple(best))), (note,))


def _rule(found: Grid, axes: list[str], given: int) -> str:
    """What the sizes that work have in common; of others, only that they do."""
    names, tried = listed(axes), f"of {found.sizes[0]} to {found.sizes[-1]}"
    working = listed([str(size) for size in found.sizes])
    if found.step is None:
        if found.sizes[0] > given and given <= FAR:
            square = times(found.sizes[:1] * len(axes))
            return f"this input is too small: {square} is the least that works"
        return f"{names}: {working} are the nearest that work"
    if found.sizes[0] % found.step == 0:
        noun = "a multiple" if len(axes) == 1 else "multiples"
        return f"{names} must be {noun} of {found.step} here: {tried}, {working} work"
    either = listed([str(size) for size in found.sizes], "or")
    return f"{tried}, {names} may be {either} here, {found.step} apart"


def _closer(lower: int, upper: int, size: int) -> int:
    return upper if upper - size <= size - lower or lower < 1 else lower


def mismatched(shapes: tuple[Shape, ...], op: str, dim: int = 1) -> tuple[int, ...] | None:
    """Dimensions from the second on in which two shapes that meet differ; None where they agree.

    The sizes of a merge that broadcasts may be 1 in one of them; those along which a `cat` joins
    may differ.
    """
    if len(shapes) < 2 or len({len(shape) for shape in shapes}) > 1:
        return None
    rank = len(shapes[0])
    off = []
    for index in range(rank):
        sizes = {shape[index] for shape in shapes}
        if op == "cat":
            if index != dim % max(rank, 1) and len(sizes) > 1:
                off.append(index)
        elif len(sizes - {1}) > 1:
            off.append(index)
    return tuple(off) or None


# --- text


def times(sizes: Shape) -> str:
    """``5 x 5``."""
    return " x ".join(map(str, sizes))


def input_text(case: Case, shapes: Mapping[str, Shape]) -> str:
    """The remedy that changes the network's inputs, in the words of whoever wrote them."""
    parts = []
    for entry in case.spec.inputs:
        if entry.name not in shapes:
            continue
        shape: Any = shapes[entry.name]
        now = next(i.type.shape for i in case.inputs if i.name == entry.name)
        own = entry.shape.constant
        if own is OPEN:
            parts.append(f"give `{entry.name}` the shape {format_shape(shape)}")
        elif not isinstance(own, tuple) or own[1:] != now[1:]:
            plain = ",".join(map(str, shape))
            named = plain if len(case.spec.inputs) == 1 else f"{entry.name}={plain}"
            parts.append(f"run with --input {named}")
        else:
            if own[:1] != now[:1] and len(own) == len(shape):  # --batch says how many
                shape = (*own[:1], *shape[1:])
            text = format_shape(shape)
            if len(case.spec.inputs) == 1 and entry.name == "input":
                parts.append(f"write `input: {text}`")
            else:
                parts.append(f"give `{entry.name}` the shape {text}")
    if not parts:
        parts = [f"run with --input {','.join(map(str, s))}" for s in list(shapes.values())[:1]]
    return " and ".join(parts)
