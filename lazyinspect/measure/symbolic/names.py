"""Inputs -> names for their sizes: N, H, W and the like. No torch here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from lazyinspect.plan.tree import InputType
from lazyinspect.shapes import is_integer

Named: TypeAlias = "Mapping[str, tuple[int | str, ...]]"
"""By input: its sizes, each a number or a name."""

_SPATIAL = {3: ("L",), 4: ("H", "W"), 5: ("D", "H", "W")}
"""Names of the dimensions after batch and channels, by rank."""


def guesses(inputs: Sequence[InputType]) -> Iterator[Named]:
    """What names the sizes of a network's inputs may have, the likeliest first.

    Dimension 0 is a batch, N. Of images, dimension 1 holds channels and stays a number; sequences
    of integers have T positions. What three dimensions of floats are, only the network tells.
    """
    seen = []
    for layout in ("batched", "sequence", "unbatched"):
        found = {entry.name: _named(entry, layout) for entry in inputs}
        if found not in seen:
            seen.append(found)
            yield _distinct(found, inputs)


def _named(entry: InputType, layout: str) -> tuple[int | str, ...]:
    shape, rank = entry.type.shape, entry.type.rank
    if rank == 0:
        return ()
    if is_integer(entry.type.dtype) or entry.type.dtype == "bool":
        return ("N", *("T", "S", "R")[: rank - 1], *shape[4:]) if rank > 1 else ("T",)
    if layout == "unbatched" and rank in (3, 4):
        return (shape[0], *_SPATIAL[rank + 1])
    if layout == "sequence" and rank in (2, 3):
        return ("N", "T", shape[2]) if rank == 3 else ("T", shape[1])
    if rank in _SPATIAL:
        return ("N", shape[1], *_SPATIAL[rank])
    return ("N", *shape[1:])


def _distinct(found: Named, inputs: Sequence[InputType]) -> Named:
    """Inputs that differ in a size have a name each for it: H of the first, H2 of the second."""
    values: dict[str, int] = {}
    result: dict[str, tuple[int | str, ...]] = {}
    for entry in inputs:
        sizes: list[int | str] = []
        for name, size in zip(found[entry.name], entry.type.shape, strict=True):
            if isinstance(name, str):
                number, base = 1, name
                while values.setdefault(name, size) != size:
                    number += 1
                    name = f"{base}{number}"
            sizes.append(name)
        result[entry.name] = tuple(sizes)
    return result


def names_of(named: Named) -> tuple[str, ...]:
    """Every name, once, in the order of the inputs."""
    found = [size for sizes in named.values() for size in sizes if isinstance(size, str)]
    return tuple(dict.fromkeys(found))


def shapes_at(named: Named, values: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Shapes by input, for values of the names: integers, or sizes with formulas."""
    return {
        name: tuple([values[size] if isinstance(size, str) else size for size in sizes])
        for name, sizes in named.items()
    }
