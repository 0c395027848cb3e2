"""A module or a spec, and the shapes it is to have -> nothing, or AssertionError with all that
differ. No torch here: of a spec the plan is looked at, of a module one forward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from lazyinspect import api
from lazyinspect.assertion.compare import Outputs, Seen, mismatches
from lazyinspect.assertion.forms import Key, arguments, read_expected, read_key
from lazyinspect.errors import LazyinspectError
from lazyinspect.render import problems
from lazyinspect.render.layout import Layout
from lazyinspect.shapes import TensorType, format_value, tensors_of
from lazyinspect.spec.model import Spec


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
    wanted = {read_key(key): read_expected(key, value) for key, value in shapes.items()}
    if not wanted:
        raise TypeError("`shapes` names no path, so there is nothing to compare")
    if isinstance(module_or_spec, (str, PathLike, Spec)):
        seen = _planned(module_or_spec, inputs, variant=variant, set=set, allow=allow)
    else:
        seen = _called(module_or_spec, inputs, train)
    text = mismatches(wanted, seen)
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
    args, kwargs = arguments(inputs)
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
    args, kwargs = arguments(() if inputs is None else inputs)
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
