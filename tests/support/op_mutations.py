"""Calls that mostly work -> calls that mostly fail, one change at a time.

A case is any dataclass with ``args``, ``keywords``, ``values`` and ``keyword_values``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from lazyinspect.shapes import TensorType, Value


@st.composite
def mutated(draw: st.DrawFn, strategy: st.SearchStrategy[Any]) -> Any:
    """Half of the strategy's cases with one argument, size, rank or dtype changed."""
    case = draw(strategy)
    if draw(st.booleans()):
        return case
    leaves = [*_leaves(case.args, ("args",)), *_leaves(case.keywords, ("keywords",))]
    tensors = [
        *_leaves(case.values, ("values",)),
        *_leaves(case.keyword_values, ("keyword_values",)),
    ]
    places = [
        (path, value)
        for path, value in (*leaves, *tensors)
        if type(value) in (int, float, TensorType)
    ]
    if not places:
        return case
    path, value = draw(st.sampled_from(places))
    if isinstance(value, TensorType):
        wrong: Any = draw(_wrong_tensor(value) | _no_tensor(value))
    elif type(value) is int:
        wrong = draw(st.sampled_from([0, -1, value + 1, max(value - 1, -2), 2 * value]))
    else:
        wrong = draw(st.sampled_from([0.0, -0.5, 1.5]))
    name = path[0]
    return replace(case, **{name: _put(getattr(case, name), path[1:], wrong)})


@st.composite
def _wrong_tensor(draw: st.DrawFn, x: TensorType) -> TensorType:
    shape = list(x.shape)
    how = draw(st.sampled_from(["size", "size", "empty", "rank", "rank", "dtype"]))
    if how == "dtype":
        others = ["int64", "bool", "uint8"] if x.dtype.startswith("float") else ["float32", "int32"]
        return replace(x, dtype=draw(st.sampled_from(others)))
    if how == "rank" or not shape:
        if shape and draw(st.booleans()):
            del shape[draw(st.integers(0, len(shape) - 1))]
        else:
            shape.insert(draw(st.integers(0, len(shape))), draw(st.integers(1, 3)))
    else:
        index = draw(st.integers(0, len(shape) - 1))
        shape[index] = 0 if how == "empty" else max(0, shape[index] + draw(st.integers(-2, 2)))
    return replace(x, shape=tuple(shape))


def _no_tensor(x: TensorType) -> st.SearchStrategy[Value]:
    """What a step may give besides one tensor: a tuple of them, a number, nothing."""
    return st.sampled_from([(x, x), 2, None])


def _leaves(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every scalar and tensor of nested arguments, with the way to it."""
    if isinstance(node, (tuple, Mapping)):
        items = node.items() if isinstance(node, Mapping) else enumerate(node)
        for key, item in items:
            yield from _leaves(item, (*path, key))
    else:
        yield path, node


def _put(node: Any, path: Sequence[Any], value: Any) -> Any:
    if not path:
        return value
    if isinstance(node, Mapping):
        return {**node, path[0]: _put(node[path[0]], path[1:], value)}
    items = list(node)
    items[path[0]] = _put(items[path[0]], path[1:], value)
    return tuple(items)
