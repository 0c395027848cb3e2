from __future__ import annotations

import pytest
from torch import nn

from lazyinspect import lazy
from lazyinspect.network.classes import class_name, layer_class


def test_names_of_layers_are_those_of_torch_and_lazy_ones_are_the_bundled() -> None:
    assert layer_class("Conv2d") is nn.Conv2d
    assert layer_class("LazyConv2d") is lazy.LazyConv2d is not nn.LazyConv2d
    assert layer_class("FakeQuantConv2d") is lazy.FakeQuantConv2d


@pytest.mark.parametrize("cls", [nn.Conv2d, lazy.LazyConv2d, lazy.FakeQuantConv2d])
def test_a_class_and_its_name_are_inverses(cls: type[nn.Module]) -> None:
    assert layer_class(class_name(cls)) is cls


def test_a_class_of_the_users_own_has_its_full_name() -> None:
    class Swish(nn.Module):
        pass

    name = class_name(Swish)
    assert name.startswith(Swish.__module__) and name.endswith("Swish")
