"""A network with lazy modules and an input -> the same network, materialised, and what changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from lazyinspect.lazy.base import LazyMixin
from lazyinspect.lazy.errors import paths_known
from lazyinspect.lazy.undo import Undo, rng_state, set_rng_state
from lazyinspect.lazy.watch import watching


@dataclass(frozen=True, slots=True)
class Conversion:
    """One lazy module of a network and what became of it."""

    path: str
    """As in ``named_modules``; ``""`` for the network itself."""
    declared: type[nn.Module]
    """The lazy class it had."""
    became: type[nn.Module] | None
    """What it is now; None: still lazy, since the forward never reached it."""

    def __str__(self) -> str:
        what = f"{self.path or '(the module itself)'}: {self.declared.__name__}"
        if self.became is None:
            return f"{what} is still lazy: the forward never reached it"
        return f"{what} -> {self.became.__name__}"


def find_lazy(module: nn.Module) -> dict[str, nn.Module]:
    """The modules that still wait for their first forward, by path. torch's own lazies too.

    Example:
        >>> from torch import nn
        >>> from lazyinspect.lazy import LazyLinear, find_lazy
        >>> list(find_lazy(nn.Sequential(LazyLinear(8), nn.ReLU(), LazyLinear(2))))
        ['0', '2']
    """
    found: dict[str, nn.Module] = {}
    for path, child in module.named_modules():
        lazy: bool = isinstance(child, LazyModuleMixin)
        if lazy and "_initialize_hook" in child.__dict__:
            found[path] = child
    return found


def materialise(module: nn.Module, *inputs: Any, **kwargs: Any) -> list[Conversion]:
    """Run one dry forward, so that every lazy module gets its weights.

    The forward runs without gradients and in eval mode, so that no running statistic moves;
    the modes of all modules and the random generators are then as before. If it fails, so are
    all the modules.

    Args:
        module: a network, or a lazy module.
        inputs: of its forward; kwargs likewise.

    Returns:
        One entry for each module that was lazy, in the order of ``named_modules``; those that the
        forward never reached have ``became=None``.

    Raises:
        InferenceError: with the path of the module that cannot infer its sizes.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from lazyinspect.lazy import LazyConv2d, LazyLinear, materialise
        >>> net = nn.Sequential(LazyConv2d(8, 3), nn.Flatten(), LazyLinear(10))
        >>> for conversion in materialise(net, torch.zeros(1, 3, 8, 8)):
        ...     print(conversion)
        0: LazyConv2d -> Conv2d
        2: LazyLinear -> Linear
    """
    waiting = find_lazy(module)
    declared = {path: type(child) for path, child in waiting.items()}
    modes = [(child, child.training) for child in module.modules()]
    tensors = [*module.parameters(), *module.buffers()]
    states = rng_state({tensor.device for tensor in tensors})
    # a failed forward undoes the conversion of the project's own, not of torch's
    undos = [Undo(child) for child in waiting.values() if not isinstance(child, LazyMixin)]
    try:
        module.eval()
        with paths_known(module), watching(lambda _, __, undo: undos.append(undo)), torch.no_grad():
            module(*inputs, **kwargs)
    except BaseException:
        for undo in reversed(undos):
            undo.restore()
        raise
    finally:
        for child, training in modes:
            child.training = training
        set_rng_state(states)
    still = {id(child) for child in find_lazy(module).values()}
    return [
        Conversion(path, declared[path], None if id(child) in still else type(child))
        for path, child in waiting.items()
    ]
