"""Shapes of a checkpoint -> a lazy module materialised for it; loading the values comes after."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch

from lazyinspect.lazy.errors import InferenceError, name_of
from lazyinspect.lazy.sizes import checked_sizes
from lazyinspect.lazy.tensors import is_uninitialised
from lazyinspect.lazy.transplant import lazy_tensors
from lazyinspect.lazy.undo import Undo

Shapes = Mapping[str, tuple[int, ...]]


def take_shapes(module: Any, state_dict: Mapping[str, Any], prefix: str) -> None:
    """Materialise a LazyMixin from a checkpoint, if that holds tensors for it.

    Raises:
        InferenceError: a tensor there is not of the shape that the module's has.
    """
    shapes = {
        key[len(prefix) :]: tuple(value.shape)
        for key, value in state_dict.items()
        if key.startswith(prefix)
        and isinstance(value, torch.Tensor)
        and not is_uninitialised(value)
    }
    lazy = dict(lazy_tensors(module))
    given = lazy.keys() & shapes.keys()
    if not given:
        return
    inferred = _inferred(module, shapes, given)
    if inferred is None:
        for name in given:  # the first forward compares them
            lazy[name].materialize(shapes[name])
        return
    sizes = checked_sizes(module, inferred, lambda: f"the checkpoint's `{prefix}` tensors")
    reference = module._reference(sizes, torch.device("meta"), None)
    expected = dict([*reference.named_parameters(), *reference.named_buffers()])
    wrong = [
        f"size mismatch for {prefix}{name}: copying a param with shape {list(shape)} from "
        f"checkpoint, the shape in {name_of(module)} is {list(expected[name].shape)}."
        for name, shape in shapes.items()
        if name in expected and tuple(expected[name].shape) != shape
    ]
    if wrong:
        raise InferenceError("\n\t".join(wrong))
    unneeded = {name for name in lazy if name not in expected}
    undo = Undo(module)
    try:
        with torch.no_grad():
            module._materialise(sizes, given | unneeded)
        module._finalise()
    except BaseException:
        undo.restore()
        raise


def _inferred(module: Any, shapes: Shapes, given: Collection[str]) -> Mapping[str, Any] | None:
    """What the class reads from the shapes; None: too little, the values are to be kept."""
    names = ", ".join(sorted(given))
    inferred: Mapping[str, Any] | None
    try:
        inferred = module.infer_from_state(shapes)
    except KeyError:
        inferred = None
    except InferenceError:
        raise
    except (IndexError, ValueError):
        raise InferenceError(
            f"{name_of(module)} cannot hold a checkpoint of these shapes: "
            + ", ".join(f"{name} {list(shapes[name])}" for name in sorted(given))
        ) from None
    if inferred is None and any("." in name for name, _ in lazy_tensors(module)):
        raise InferenceError(f"{name_of(module)} cannot tell its sizes from {names} alone")
    return inferred
