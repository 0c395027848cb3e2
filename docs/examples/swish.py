"""A layer of one's own, for specs that name it with ``--allow docs.examples.swish.Swish``."""

from __future__ import annotations

import torch
from torch import nn


class Swish(nn.Module):
    """``x * sigmoid(beta * x)``, with a learned ``beta``; shapes stay as they are."""

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__()
        self.beta = nn.Parameter(torch.tensor(beta))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(self.beta * x)
