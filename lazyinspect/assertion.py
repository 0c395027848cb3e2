"""A module or a spec, and the shapes it is to have -> nothing, or AssertionError with all that
differ. No torch here: of a spec the plan is looked at, of a module one forward.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, TypeAlias, Union

from lazyinspect import api
from lazyinspect.errors import LazyinspectError
from lazyinspect.render import problems
from lazyinspect.render.layout import Layout
from lazyinspect.shapes import ITEM_BYTES, TensorType, format_value, tensors_of
from lazyinspect.spec.model import Spec
from lazyinspect.spec.names import listed, nearest

Key: TypeAlias = Union[str, "tuple[str, int]"]
"""A path, of whose every call the shape is; or a path and which of its calls."""

_WILD = ("*", "_")
_TEXT = re.compile(r"(?P<dtype>[a-z][a-z0-9]*)?\[(?P<sizes>[^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class Expected:
    """A tensor as it is to be."""

    sizes: tuple[int | None, ...]
    """None: any size."""
    dtype: str = ""
    """``""``: any."""

    def fits(self, tensor: TensorType) -> bool:
        """Whether the tensor is as it is to be."""
        return (
            self.dtype in ("", tensor.dtype)
            and len(self.sizes) == len(tensor.shape)
            and all(a in (None, b) for a, b in zip(self.sizes, tensor.shape, strict=True))
        )

    def __str__(self) -> str:
        sizes = ["_" if size is None else str(size) for size in self.sizes]
        return f"{self.dtype}[{', '.join(sizes)}]"


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


def assert_shapes(
    module_or_spec: Any,
    inputs: Any,
    shapes: Mapping[Key, Any],
    *,
    variant: str | None = None,
    set: Mapping[str, Any] | None = None,
    allow: Sequence[str] = (),
    train: bool = False,
) -> None:
    """Compare the shapes of outputs, by path, with what is expected; all of them at once.

    A module runs once, and has the modes and buffers afterwards that it had before. A spec is
    planned: nothing is built or run, and no torch is loaded.

    Args:
        module_or_spec: an ``nn.Module``, the path of a spec, or what :func:`lazyinspect.load` gave.
        inputs: a tensor or its shape, ``[1, 3, 224, 224]`` or ``"int64[1, 64]"``; of several
            inputs a list of these, or a mapping by name. A shape stands for zeros. None: of a
            spec the inputs that the file has, of a module none.
        shapes: what each module returns, by its path in ``named_modules``, ``""`` for the
            network. ``[1, 64, "_", "_"]`` leaves sizes open, and so does ``"*"``;
            ``"float32[1, 64]"`` has a dtype too. Where several tensors are returned: a list of
            such, or a mapping by key path. With ``(path, call)`` for a key, of that call alone.
        variant, set, allow: of a spec, as :func:`lazyinspect.plan`.
        train: run the module in training mode; otherwise it runs in eval mode.

    Raises:
        AssertionError: a shape differs, a path is not there or was not called; or the spec does
            not plan, or the forward fails.
        TypeError: an argument is of none of these forms.
    """
    __tracebackhide__ = True
    wanted = {_key(key): _all_expected(key, value) for key, value in shapes.items()}
    if not wanted:
        raise TypeError("`shapes` names no path, so there is nothing to compare")
    if isinstance(module_or_spec, (str, PathLike, Spec)):
        seen = _planned(module_or_spec, inputs, variant=variant, set=set, allow=allow)
    else:
        seen = _called(module_or_spec, inputs, train)
    text = _mismatches(wanted, seen)
    if text:
        raise AssertionError(text) from seen.error


def _planned(source: Any, inputs: Any, **options: Any) -> Seen:
    __tracebackhide__ = True
    try:
        spec = api.load(source)
        names = [entry.name for entry in spec.inputs]
        plan = api.plan(spec, input=_spec_inputs(inputs, names), **options)
    except LazyinspectError as error:
        text = "the spec does not plan\n" + problems.render(error.problems, Layout(width=88))
        raise AssertionError(text) from None
    calls: dict[str, list[Outputs]] = {}
    types: dict[str, str] = {}
    for row in plan.rows:
        types[row.path] = row.type
        outputs = tuple([(out.name, TensorType(out.shape, out.dtype)) for out in row.outputs])
        calls.setdefault(row.path, []).append(outputs)
    info = plan.spec_info
    name = info.path if info.variant is None else f"{info.path}@{info.variant}"
    return Seen(name, types, calls)


def _spec_inputs(inputs: Any, names: Sequence[str]) -> Any:
    if inputs is None:
        return None
    args, kwargs = _arguments(inputs)
    if len(args) > len(names):
        count = f"{len(names)} input{'s' * (len(names) != 1)}"
        raise TypeError(f"the spec has {count}, and {len(args)} are given")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    return {name: list(_shape_of(name, value)) for name, value in given.items()}


def _shape_of(name: str, value: Any) -> Sequence[int]:
    shape = getattr(value, "shape", None)
    if shape is None:
        raise TypeError(f"input `{name}` takes a tensor or a shape, and gets {value!r}")
    return [int(size) for size in shape]


def _called(module: Any, inputs: Any, train: bool) -> Seen:
    if not hasattr(module, "named_modules"):
        raise TypeError(f"a module, a spec or its path is expected, and not {module!r}")
    args, kwargs = _arguments(() if inputs is None else inputs)
    found = api.call(module, args, kwargs, train=train)
    name, ending = type(module).__name__, ""
    if found.error is not None:
        error = found.error
        what = " ".join(str(error).split())
        where = f" in `{found.failed}` ({found.types[found.failed]})" if found.failed else ""
        ending = f"the forward of {name} fails{where}: {type(error).__name__}: {what}"
        if found.failed and found.failed in found.inputs:
            ending += f"\n  `{found.failed}` gets {format_value(found.inputs[found.failed])}"
    calls = {
        path: [tuple(tensors_of(output)) for output in outputs]
        for path, outputs in found.outputs.items()
    }
    return Seen(name, found.types, calls, ending, found.error)


def _arguments(inputs: Any) -> tuple[list[Any], dict[str, Any]]:
    """What a forward is called with; shapes as types, of no dtype where none is said."""
    if isinstance(inputs, Mapping):
        return [], {str(name): _input(value) for name, value in inputs.items()}
    if isinstance(inputs, (list, tuple)) and not (inputs and all(map(_is_size, inputs))):
        return [_input(value) for value in inputs], {}
    return [_input(inputs)], {}


def _input(value: Any) -> Any:
    if isinstance(value, str):
        expected = _expected(value)
        if expected is None or None in expected.sizes:
            raise TypeError(f"{value!r} is no shape of an input: write 'int64[1, 64]'")
        return TensorType(tuple([size or 0 for size in expected.sizes]), expected.dtype)
    if isinstance(value, (list, tuple)) and value and all(map(_is_size, value)):
        return TensorType(tuple(value), "")
    return value


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _key(key: Any) -> tuple[str, int | None]:
    if isinstance(key, str):
        return key, None
    if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], str) and _is_size(key[1]):
        return key
    raise TypeError(f"a path, or a path and the number of a call, is expected, and not {key!r}")


def _all_expected(key: Any, value: Any) -> dict[str, Expected] | list[Expected]:
    """Of one tensor or several, in order or by key path."""
    if isinstance(value, Mapping):
        return {str(name): _must(key, each) for name, each in value.items()}
    several = isinstance(value, (list, tuple)) and any(
        isinstance(each, (list, tuple)) or (isinstance(each, str) and "[" in each) for each in value
    )
    return [_must(key, each) for each in (value if several else [value])]


def _must(key: Any, value: Any) -> Expected:
    expected = _expected(value)
    if expected is None:
        raise TypeError(
            f"{value!r}, for {key!r}, is no shape: write [1, 64, '_', '_'] or 'float32[1, 64]'"
        )
    return expected


def _expected(value: Any) -> Expected | None:
    """A shape as it may be written; None where it is none."""
    dtype = ""
    if isinstance(value, str):
        found = _TEXT.fullmatch(value.strip())
        if found is None:
            return None
        dtype, inner = found["dtype"] or "", found["sizes"].strip()
        if dtype and dtype not in ITEM_BYTES:
            return None
        words = [word.strip() for word in inner.split(",")] if inner else []
        value = [int(w) if w.isascii() and w.isdecimal() else w for w in words]
    if not isinstance(value, (list, tuple)):
        return None
    if not all(size in _WILD if isinstance(size, str) else _is_size(size) for size in value):
        return None
    return Expected(tuple([None if isinstance(size, str) else size for size in value]), dtype)


def _mismatches(
    wanted: Mapping[tuple[str, int | None], dict[str, Expected] | list[Expected]], seen: Seen
) -> str:
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


def _of_path(
    path: str, number: int | None, expected: dict[str, Expected] | list[Expected], seen: Seen
) -> Iterator[str]:
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


def _compare(expected: dict[str, Expected] | list[Expected], outputs: Outputs) -> Iterator[str]:
    if isinstance(expected, dict):
        known = dict(outputs)
        for key, each in expected.items():
            if key not in known:
                yield f"returns no `{key}`, but {listed([f'`{name}`' for name in known])}"
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
    if not inside:
        return f"there is nothing inside `{parent}` ({seen.types[parent]})"
    return f"{f'inside `{parent}`' if parent else 'there'} are {listed(inside)}"
