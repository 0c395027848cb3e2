"""``initialisation("zeros")``: nothing is drawn, and nothing divides by zero."""

from __future__ import annotations

import pytest
import torch
from lazy_cases import ONE_OF_EACH, Case
from torch import nn

import lazyinspect.lazy as lazy
from lazyinspect.lazy import initialisation, materialise


@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name.split("(")[0])
def test_zeros_draw_nothing_and_keep_shapes_and_statistics(case: Case) -> None:
    eager, module = case.make_eager(), case.make_lazy()
    inputs, before = case.inputs(), torch.get_rng_state()
    with initialisation("zeros"):
        materialise(module, *inputs)
    assert torch.equal(torch.get_rng_state(), before)
    assert type(module) is type(eager)
    expected = {name: tuple(p.shape) for name, p in eager.named_parameters()}
    assert {name: tuple(p.shape) for name, p in module.named_parameters()} == expected
    assert all(bool((parameter == 0).all()) for parameter in module.parameters())
    buffers = dict(eager.named_buffers())
    for name, buffer in module.named_buffers():
        assert torch.equal(buffer, buffers[name]), name
    assert module.eval()(*inputs) is not None


def test_default_inside_zeros_draws() -> None:
    with initialisation("zeros"), initialisation("default"):
        layer = lazy.LazyLinear(3)
        layer(torch.ones(2, 4))
    assert bool((layer.weight != 0).any())


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="not 'ones'"), initialisation("ones"):  # type: ignore[arg-type]
        pass


def test_a_layer_larger_than_memory_is_sized_on_meta() -> None:
    layer = lazy.LazyLinear(1_000_000, device="meta")
    materialise(layer, torch.empty(1, 1_000_000, device="meta"))
    assert layer.weight.numel() == 10**12
    assert type(layer) is nn.Linear
