"""What a person writes without lazyinspect: ResNet-50 of torch's lazies, one forward, hooks."""

from __future__ import annotations

import torch
from torch import nn


class Bottleneck(nn.Module):
    def __init__(self, channels: int, stride: int = 1, project: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.LazyConv2d(channels, 1, bias=False)
        self.bn1 = nn.LazyBatchNorm2d()
        self.relu1 = nn.ReLU()
        self.conv2 = nn.LazyConv2d(channels, 3, stride, 1, bias=False)
        self.bn2 = nn.LazyBatchNorm2d()
        self.relu2 = nn.ReLU()
        self.conv3 = nn.LazyConv2d(4 * channels, 1, bias=False)
        self.bn3 = nn.LazyBatchNorm2d()
        self.downsample = None
        if project:
            self.downsample = nn.Sequential(
                nn.LazyConv2d(4 * channels, 1, stride, bias=False), nn.LazyBatchNorm2d()
            )
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.relu2(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


def stage(channels: int, copies: int, stride: int) -> nn.Sequential:
    blocks = [Bottleneck(channels, stride, project=True)]
    return nn.Sequential(*blocks, *(Bottleneck(channels) for _ in range(copies - 1)))


def resnet50() -> nn.Sequential:
    return nn.Sequential(
        nn.LazyConv2d(64, 7, 2, 3, bias=False),
        nn.LazyBatchNorm2d(),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        stage(64, 3, 1),
        stage(128, 4, 2),
        stage(256, 6, 2),
        stage(512, 3, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.LazyLinear(1000),
    )


def main() -> None:
    network = resnet50().eval()
    shapes: list[tuple[str, str, list[int]]] = []
    for name, module in network.named_modules():

        def show(module: nn.Module, args: object, output: torch.Tensor, name: str = name) -> None:
            shapes.append((name, type(module).__name__, list(output.shape)))

        module.register_forward_hook(show)
    with torch.no_grad():
        network(torch.randn(1, 3, 224, 224))
    for name, kind, shape in shapes:
        print(f"{name:20} {kind:20} {shape}")
    print(sum(parameter.numel() for parameter in network.parameters()))


if __name__ == "__main__":
    main()
