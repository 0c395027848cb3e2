"""Classes without a row of the op table: planned by running them on torch's meta device.

The one part of the planner that imports torch, and the only place that imports a user's module.
Raises SpecError where a class may not or cannot be used, and OpError where it does not fit.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_map_only

from lazyinspect.errors import ArgumentError, Mark, Problem, ShapeError, SpecError
from lazyinspect.plan.ops.base import Weight
from lazyinspect.shapes import TensorType, Value
from lazyinspect.spec.names import NOT_LAYERS


def apply(
    name: str,
    positional: Sequence[Any],
    keywords: Mapping[str, Any],
    values: Sequence[Value],
    named: Mapping[str, Value],
    *,
    dtype: str,
    allow: tuple[str, ...],
) -> tuple[dict[str, Any], Value, tuple[Weight, ...], int | None, str]:
    """Construct a class on the meta device and run it there.

    Args:
        name: of torch.nn, or dotted and in ``allow``.
        values, named: types of the forward's inputs.
        dtype: of the parameters, where the class takes one.

    Returns:
        Arguments by name, output type, weights, None (MACs are not known, as what the class
        computes is not), and the name of the class after the forward: a lazy one has changed.

    Raises:
        SpecError: the class may not be used, or its import fails.
        ArgumentError: its constructor refuses the arguments.
        ShapeError: its forward refuses the inputs, or it calls ``sys.exit``.
    """
    cls = resolve_class(name, allow) if "." in name else getattr(nn, name)
    module, given = _construct(cls, positional, keywords, dtype)
    arguments = tree_map_only(TensorType, _meta, (tuple(values), dict(named)))
    try:
        with torch.no_grad():
            output = module.eval()(*arguments[0], **arguments[1])
    except (Exception, SystemExit) as error:
        raise ShapeError(
            f"refuses its inputs on the meta device: {_first_line(error)}",
            help="it has no row in the op table, so torch itself ran it",
        ) from None
    return given, _types(output), _weights(module, dtype), None, class_name(type(module))


def class_name(cls: type[nn.Module]) -> str:
    """What a report calls a class: torch's and the bundled ones by their plain name."""
    name = cls.__name__
    if getattr(nn, name, None) is cls or cls.__module__.split(".")[0] == "lazyinspect":
        return name
    return f"{cls.__module__}.{cls.__qualname__}"


def _weights(module: nn.Module, dtype: str) -> tuple[Weight, ...]:
    """What the module owns after a forward, which makes lazy layers inside it ordinary ones."""
    found = []
    for key, tensor in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(tensor):
            raise ShapeError(
                f"holds a lazy parameter, `{key}`, that its forward does not reach",
                help="give that layer its sizes",
            )
        parameter = isinstance(tensor, nn.Parameter)
        own = _dtype_name(tensor.dtype, dtype)
        found.append(Weight(key, tuple(tensor.shape), not parameter, own, tensor.requires_grad))
    return tuple(found)


def _construct(
    cls: type[nn.Module],
    positional: Sequence[Any],
    keywords: Mapping[str, Any],
    dtype: str,
) -> tuple[nn.Module, dict[str, Any]]:
    signature = inspect.signature(cls)
    try:
        bound = signature.bind(
            *map(_plain, positional), **{k: _plain(v) for k, v in keywords.items()}
        )
    except TypeError as error:
        raise ArgumentError(f"does not take these arguments: {error}") from None
    given: dict[str, Any] = {}
    for key, value in bound.arguments.items():
        kind = signature.parameters[key].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            raise ArgumentError(f"takes `*{key}`, which a spec cannot write", help="name them")
        if kind is inspect.Parameter.VAR_KEYWORD:
            given.update(value)
        else:
            given[key] = value
    factory = {"dtype": getattr(torch, dtype)} if "dtype" in signature.parameters else {}
    before = torch.get_rng_state()
    try:
        with torch.device("meta"):
            module = cls(**{**factory, **given})
        # as the network does with a class that takes no dtype
        return module if factory else module.to(getattr(torch, dtype)), given
    except SystemExit as error:
        raise ShapeError(f"ends the program when it is made: {_first_line(error)}") from None
    except Exception as error:
        raise ArgumentError(f"refuses these arguments: {_first_line(error)}") from None
    finally:
        torch.set_rng_state(before)


def _plain(value: Any) -> Any:
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def _meta(tensor: TensorType) -> torch.Tensor:
    return torch.empty(tensor.shape, dtype=getattr(torch, tensor.dtype), device="meta")


def _types(value: Any) -> Value:
    if isinstance(value, torch.Tensor):
        return TensorType(tuple(value.shape), str(value.dtype).removeprefix("torch."))
    if isinstance(value, (tuple, list)):
        return tuple(map(_types, value))
    if isinstance(value, dict):
        return {str(key): _types(item) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int, float)):
        return value
    raise ShapeError(f"gives a {type(value).__name__}, and an edge carries tensors")


def _dtype_name(found: torch.dtype, network: str) -> str | None:
    name = str(found).removeprefix("torch.")
    return None if name == network else name


def _first_line(error: BaseException) -> str:
    first = [": " + line for line in str(error).strip().splitlines()[:1]]
    return "".join((type(error).__name__, *first))


def resolve_class(
    name: str, allow: Collection[str] = (), mark: Mark | None = None
) -> type[nn.Module]:
    """Import a class of the user's own.

    Args:
        name: dotted, ``mypkg.layers.Swish``.
        allow: the names that the person who runs the command allows, exact.

    Raises:
        SpecError: not allowed, not found, failing on import, no subclass of nn.Module, or
            defined elsewhere under another name.
    """
    if name not in allow:
        raise _refusal(
            "class-not-allowed",
            f"`{name}` is a class of your own, and a spec may not import code by itself",
            mark,
            help=f"if you trust it: --allow {name}",
        )
    module_name, _, attribute = name.rpartition(".")
    if not module_name or not all(part.isidentifier() for part in name.split(".")):
        raise _refusal("bad-class", f"`{name}` is no dotted name of a class", mark)
    found: Any = getattr(_import(module_name, name, mark), attribute, None)
    if found is None:
        raise _refusal("bad-class", f"the module {module_name} has no `{attribute}`", mark)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise _refusal("bad-class", f"`{name}` is no subclass of torch.nn.Module", mark)
    if attribute in NOT_LAYERS and getattr(nn, attribute, None) is found:
        raise _refusal(
            "bad-class",
            f"`{name}` of torch.nn is no layer",
            mark,
            help="name a class of your own, or a layer",
        )
    if getattr(nn, attribute, None) is found:
        raise _refusal(
            "bad-class",
            f"`{name}` is a layer of torch.nn",
            mark,
            help=f"write `{attribute}`",
        )
    true_name = f"{found.__module__}.{found.__qualname__}"
    if true_name != name:
        raise _refusal(
            "bad-class",
            f"`{name}` is another name for `{true_name}`",
            mark,
            help=f"write `{true_name}`",
        )
    return found


def _import(module_name: str, name: str, mark: Mark | None) -> Any:
    here = str(Path.cwd())
    # `python -m` and console scripts differ in whether the current folder is searched
    added = here not in sys.path and "" not in sys.path
    if added:
        sys.path.append(here)
    try:
        return import_module(module_name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name in _parents(module_name):
            message = f"there is no module `{error.name}`"
            help = "looked for on Python's path and in the current folder"
        else:
            message, help = f"importing `{module_name}` for `{name}` fails", ""
        raise _refusal(
            "bad-class", message, mark, help=help, notes=(f"{type(error).__name__}: {error}",)
        ) from error
    finally:
        if added:
            sys.path.remove(here)


def _parents(module_name: str) -> list[str]:
    parts = module_name.split(".")
    return [".".join(parts[: k + 1]) for k in range(len(parts))]


def _refusal(
    code: str, message: str, mark: Mark | None, help: str = "", notes: tuple[str, ...] = ()
) -> SpecError:
    return SpecError(Problem(code, message, mark, help=help, notes=notes))
