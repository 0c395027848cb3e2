"""What the tests of configs/ share: the folder, and forwards on equal weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="session")
def configs() -> Path:
    return CONFIGS


def scramble(module: nn.Module) -> None:
    """Draw every scale, shift and running statistic, so that a missing norm or bias shows."""
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
            tensor.uniform_(0.5, 1.5)
        elif tensor.ndim == 1 or name.endswith(("class_token", "pos_embedding")):
            tensor.normal_(0, 0.2)


@pytest.fixture
def assert_same_forward() -> Callable[..., None]:
    """Load the network's weights, by name, into the reference and compare the outputs."""

    def check(network: nn.Module, reference: nn.Module, *inputs: Tensor) -> None:
        torch.manual_seed(0)
        with torch.no_grad():
            scramble(network)
            reference.load_state_dict(network.state_dict())
            expected = reference.eval()(*inputs)
            actual = network(*inputs)
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
        for output in actual if isinstance(actual, tuple) else (actual,):
            assert output.std() > 1e-6, "a constant output compares nothing"

    return check
