"""Layers with sizes given, among lazy ones -> random weights in the order of the steps."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import nn

from lazyinspect.lazy.tensors import is_uninitialised
from lazyinspect.lazy.undo import rng_state, set_rng_state

Make = Callable[[], nn.Module]


class Draws:
    """The turns of a network's layers at the random generator.

    A layer with its sizes given draws when it is made, a lazy one at the first forward. So that a
    network has the same weights under one seed whether its sizes are given or inferred, a layer
    that is made after a lazy one draws at the first forward too, in its turn.
    """

    def __init__(self, device: torch.device) -> None:
        self.devices = {device}
        self.lazy_seen = False
        self._others: set[int] = set()
        """Ids of tensors whose values another layer draws."""

    def made(self, make: Make) -> nn.Module:
        """What ``make`` makes; if it draws, and a lazy layer stands before it, it draws later.

        The random generators are then as before.
        """
        if not self.lazy_seen:
            return make()
        before = rng_state(self.devices)
        module = make()
        if not _equal(before, rng_state(self.devices)):
            set_rng_state(before)
            self.draw_in_turn(module, make)
        return module

    def draw_in_turn(
        self, module: nn.Module, make: Make, names: Collection[str] | None = None
    ) -> None:
        """At its first forward, give a module the weights of one made then.

        Args:
            names: of the parameters to take, of a lazy module, which draws the others itself.
                None: all tensors that are still its own.
        """
        own = None if names is not None else {id(tensor) for _, tensor in _tensors(module)}

        def draw(module: nn.Module, _: Any) -> None:
            turn.remove()
            before = rng_state(self.devices)
            with torch.inference_mode(False), torch.no_grad():
                drawn = dict(_tensors(make()))
                for name, tensor in _tensors(module):
                    if is_uninitialised(tensor):
                        continue  # it draws by itself, right after this
                    if name in names if names is not None else self._is_own(tensor, own):
                        tensor.copy_(drawn[name])
            if names is not None and any(is_uninitialised(t) for _, t in _tensors(module)):
                set_rng_state(before)  # the module draws the same again

        turn = module.register_forward_pre_hook(draw, prepend=True)

    def leave(self, tensor: torch.Tensor) -> None:
        """The values of a tensor are another layer's to draw."""
        self._others.add(id(tensor))

    def _is_own(self, tensor: torch.Tensor, own: Collection[int] | None) -> bool:
        return own is not None and id(tensor) in own and id(tensor) not in self._others


def _tensors(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [*module.named_parameters(), *module.named_buffers()]


def _equal(
    before: list[tuple[torch.device, torch.Tensor]], after: list[tuple[torch.device, torch.Tensor]]
) -> bool:
    return all(torch.equal(a, b) for (_, a), (_, b) in zip(before, after, strict=True))
