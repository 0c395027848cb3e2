"""What modules returned, and what is expected -> all that differs, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lazyinspect.assertion.forms import Expected, Wanted
from lazyinspect.shapes import TensorType
from lazyinspect.spec.names import listed, nearest

Outputs: TypeAlias = tuple[tuple[str, TensorType], ...]
"""Tensors with their key paths in a nested value."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a network's modules returned, as far as it ran."""

    name: str
    types: Mapping[str, str]
    """Of every module, by path."""
    calls: Mapping[str, Sequence[Outputs]]
    ending: str = ""
    """Why it ran no further."""
    error: Exception | None = None


def mismatches(wanted: Mapping[tuple[str, int | None], Wanted], seen: Seen) -> str:
    """All that differs; ``""`` where nothing does and the network ran to its end."""
    found: list[tuple[str, str]] = []
    for (path, number), expected in wanted.items():
        name = (path or "(the network)") + ("" if number is None else f" (call {number})")
        found += [(name, line) for line in _of_path(path, number, expected, seen)]
    if not found:
        return seen.ending
    differ = len({name for name, _ in found})
    head = seen.ending or (
        f"{differ} of {len(wanted)} shape{'s' * (len(wanted) > 1)} "
        f"differ{'s' * (differ == 1)} in {seen.name}"
    )
    room = min(max(len(name) for name, _ in found), 40)
    return "\n".join([head, *(f"  {name:<{room}}  {text}" for name, text in found)])


def _of_path(path: str, number: int | None, expected: Wanted, seen: Seen) -> Iterator[str]:
    if path not in seen.types:
        yield f"is not there: {_known(path, seen)}"
        return
    calls = seen.calls[path]
    if not seen.ending:
        if not calls:
            # not "is not called": hooks do not see what a compiled graph calls
            yield "was not seen to be called"
        elif number is not None and number >= len(calls):
            yield f"has {len(calls)} call{'s' * (len(calls) != 1)}, and the first is call 0"
    chosen = list(enumerate(calls)) if number is None else list(enumerate(calls))[number:][:1]
    for index, outputs in chosen:
        call = f"call {index} " if len(calls) > 1 and number is None else ""
        for line in _compare(expected, outputs):
            yield call + line


def _compare(expected: Wanted, outputs: Outputs) -> Iterator[str]:
    if isinstance(expected, dict):
        known = dict(outputs)
        for key, each in expected.items():
            if key not in known:
                keys = listed([f"`{name}`" for name in known if name])
                yield f"returns no `{key}`, but {keys or ('a tensor' if known else 'no tensor')}"
            elif not each.fits(known[key]):
                yield f"returns {_shown(known[key], each)} as `{key}`, expected {each}"
        return
    if len(expected) != len(outputs):
        tensors = ", ".join(str(tensor) for _, tensor in outputs)
        count = f"{len(outputs)} tensor{'s' * (len(outputs) != 1)}"
        yield (
            f"returns {count}{f' ({tensors})' * bool(tensors)}, expected "
            + ", ".join(map(str, expected))
        )
        return
    for each, (key, tensor) in zip(expected, outputs, strict=True):
        if not each.fits(tensor):
            place = f" as `{key}`" if key else ""
            yield f"returns {_shown(tensor, each)}{place}, expected {each}"


def _shown(tensor: TensorType, expected: Expected) -> str:
    return f"{tensor.dtype}{tensor}" if expected.dtype else str(tensor)


def _known(path: str, seen: Seen) -> str:
    """The path that was meant, or what there is where it leads."""
    near = nearest(path, seen.types)
    if near:
        return f"did you mean `{near}`?"
    parent = path
    while parent not in seen.types:
        parent = parent.rpartition(".")[0]
    prefix = f"{parent}." if parent else ""
    inside = [p for p in seen.types if p and p.startswith(prefix) and "." not in p[len(prefix) :]]
    where = f"inside `{parent}` ({seen.types[parent]})" if parent else "inside the network"
    return f"{where} are {listed(inside)}" if inside else f"there is nothing {where}"
