"""Counts cannot see a wrong wire: classifiers against plain torch, on equal weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import lazyinspect

SameForward = Callable[..., None]


def image(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


class Residual(nn.Module):
    """A basic block (``inner`` 0) or a bottleneck, in torchvision's names."""

    def __init__(self, cin: int, c: int, s: int, inner: int, groups: int) -> None:
        super().__init__()
        out = 4 * c if inner else c
        if inner:
            self.conv1 = nn.Conv2d(cin, inner, 1, bias=False)
            self.conv2 = nn.Conv2d(inner, inner, 3, s, 1, groups=groups, bias=False)
            self.conv3 = nn.Conv2d(inner, out, 1, bias=False)
        else:
            self.conv1 = nn.Conv2d(cin, c, 3, s, 1, bias=False)
            self.conv2 = nn.Conv2d(c, c, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner or c)
        self.bn2 = nn.BatchNorm2d(inner or c)
        self.bn3 = nn.BatchNorm2d(out) if inner else None
        self.downsample = None
        if s != 1 or cin != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(cin, out, 1, s, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.bn3 is not None:
            y = self.bn3(self.conv3(F.relu(y)))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, counts: list[int], width: int, groups: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        cin = 64
        for stage, count in enumerate(counts):
            c, blocks = 64 << stage, []
            for index in range(count):
                s = 2 if stage and not index else 1
                blocks.append(Residual(cin, c, s, c * width // 64 * groups, groups))
                cin = 4 * c if width else c
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(cin, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


@pytest.mark.parametrize(
    "config, variant, counts, width, groups",
    [
        ("resnet_basic", "r18", [2, 2, 2, 2], 0, 1),
        ("resnet_basic", "r34", [3, 4, 6, 3], 0, 1),
        ("resnet", "r50", [3, 4, 6, 3], 64, 1),
        ("resnet", "x50_32x4d", [3, 4, 6, 3], 4, 32),
        ("resnet", "wide50", [3, 4, 6, 3], 128, 1),
    ],
)
def test_resnets_equal_plain_torch(
    config: str,
    variant: str,
    counts: list[int],
    width: int,
    groups: int,
    configs: Path,
    assert_same_forward: SameForward,
) -> None:
    network = lazyinspect.build(
        configs / f"{config}.yaml", variant=variant, set={"classes": 7}, input=[2, 3, 64, 64]
    )
    assert_same_forward(network, ResNet(counts, width, groups, 7), image(2, 3, 64, 64))


class DenseLayer(nn.Module):
    def __init__(self, cin: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(cin)
        self.conv1 = nn.Conv2d(cin, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(F.relu(self.norm2(y)))], 1)


class DenseNet(nn.Module):
    def __init__(self, growth: int, stem: int, counts: list[int], classes: int) -> None:
        super().__init__()
        f = self.features = nn.Sequential()
        f.add_module("conv0", nn.Conv2d(3, stem, 7, 2, 3, bias=False))
        f.add_module("norm0", nn.BatchNorm2d(stem))
        f.add_module("relu0", nn.ReLU())
        f.add_module("pool0", nn.MaxPool2d(3, 2, 1))
        c = stem
        for b, count in enumerate(counts, 1):
            block = nn.Sequential()
            for index in range(1, count + 1):
                block.add_module(f"denselayer{index}", DenseLayer(c, growth))
                c += growth
            f.add_module(f"denseblock{b}", block)
            if b < len(counts):
                step = nn.Sequential()
                step.add_module("norm", nn.BatchNorm2d(c))
                step.add_module("relu", nn.ReLU())
                step.add_module("conv", nn.Conv2d(c, c // 2, 1, bias=False))
                step.add_module("pool", nn.AvgPool2d(2))
                f.add_module(f"transition{b}", step)
                c //= 2
        f.add_module("norm5", nn.BatchNorm2d(c))
        self.classifier = nn.Linear(c, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(F.relu(self.features(x)).mean((2, 3)))


def test_densenet_equals_plain_torch(configs: Path, assert_same_forward: SameForward) -> None:
    sizes = {"n1": 2, "n2": 3, "n3": 2, "n4": 1, "growth": 8, "stem": 16, "classes": 7}
    network = lazyinspect.build(configs / "densenet.yaml", set=sizes, input=[2, 3, 64, 64])
    assert_same_forward(network, DenseNet(8, 16, [2, 3, 2, 1], 7), image(2, 3, 64, 64))


class Inverted(nn.Module):
    """MobileNetV3's and EfficientNet's block: expand, depthwise, squeeze and excite, project."""

    def __init__(
        self,
        cin: int,
        c: int,
        expanded: int,
        k: int,
        s: int,
        squeeze: int,
        acts: tuple[type[nn.Module], ...],
        norm: Callable[[int], nn.Module],
    ) -> None:
        super().__init__()
        act, squeeze_act, gate = acts
        self.gate, self.skip, e = gate(), s == 1 and cin == c, expanded
        steps: list[nn.Module] = []
        if e != cin:
            steps.append(nn.Sequential(nn.Conv2d(cin, e, 1, bias=False), norm(e), act()))
        depthwise = nn.Conv2d(e, e, k, s, k // 2, groups=e, bias=False)
        steps.append(nn.Sequential(depthwise, norm(e), act()))
        if squeeze:
            squeezing = nn.Sequential()
            squeezing.add_module("fc1", nn.Conv2d(e, squeeze, 1))
            squeezing.add_module("act", squeeze_act())
            squeezing.add_module("fc2", nn.Conv2d(squeeze, e, 1))
            steps.append(squeezing)
        steps.append(nn.Sequential(nn.Conv2d(e, c, 1, bias=False), norm(c)))
        self.block = nn.Sequential(*steps)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for step in self.block:
            if hasattr(step, "fc1"):
                y = y * self.gate(step(y.mean((2, 3), keepdim=True)))
            else:
                y = step(y)
        return x + y if self.skip else y


class Mobile(nn.Module):
    def __init__(self, features: list[nn.Module], classifier: list[nn.Module]) -> None:
        super().__init__()
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(*classifier)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


MOBILENET_SMALL = [
    # k, expanded, c, squeezed to, activation, s
    (3, 16, 16, 8, nn.ReLU, 2),
    (3, 72, 24, 0, nn.ReLU, 2),
    (3, 88, 24, 0, nn.ReLU, 1),
    (5, 96, 40, 24, nn.Hardswish, 2),
    (5, 240, 40, 64, nn.Hardswish, 1),
    (5, 240, 40, 64, nn.Hardswish, 1),
    (5, 120, 48, 32, nn.Hardswish, 1),
    (5, 144, 48, 40, nn.Hardswish, 1),
    (5, 288, 96, 72, nn.Hardswish, 2),
    (5, 576, 96, 144, nn.Hardswish, 1),
    (5, 576, 96, 144, nn.Hardswish, 1),
]
MOBILENET_LARGE = [
    (3, 16, 16, 0, nn.ReLU, 1),
    (3, 64, 24, 0, nn.ReLU, 2),
    (3, 72, 24, 0, nn.ReLU, 1),
    (5, 72, 40, 24, nn.ReLU, 2),
    (5, 120, 40, 32, nn.ReLU, 1),
    (5, 120, 40, 32, nn.ReLU, 1),
    (3, 240, 80, 0, nn.Hardswish, 2),
    (3, 200, 80, 0, nn.Hardswish, 1),
    (3, 184, 80, 0, nn.Hardswish, 1),
    (3, 184, 80, 0, nn.Hardswish, 1),
    (3, 480, 112, 120, nn.Hardswish, 1),
    (3, 672, 112, 168, nn.Hardswish, 1),
    (5, 672, 160, 168, nn.Hardswish, 2),
    (5, 960, 160, 240, nn.Hardswish, 1),
    (5, 960, 160, 240, nn.Hardswish, 1),
]


def mobilenet(table: list[Any], hidden: int) -> Mobile:
    def norm(c: int) -> nn.Module:
        return nn.BatchNorm2d(c, eps=0.001, momentum=0.01)

    def conv(cin: int, c: int, k: int, s: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(cin, c, k, s, k // 2, bias=False), norm(c), nn.Hardswish())

    features, cin = [conv(3, 16, 3, 2)], 16
    for k, expanded, c, squeeze, act, s in table:
        acts = (act, nn.ReLU, nn.Hardsigmoid)
        features.append(Inverted(cin, c, expanded, k, s, squeeze, acts, norm))
        cin = c
    features.append(conv(cin, 6 * cin, 1, 1))
    head = [nn.Linear(6 * cin, hidden), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(hidden, 7)]
    return Mobile(features, head)


@pytest.mark.parametrize(
    "variant, table, hidden", [("small", MOBILENET_SMALL, 1024), ("large", MOBILENET_LARGE, 1280)]
)
def test_mobilenet_equals_plain_torch(
    variant: str,
    table: list[Any],
    hidden: int,
    configs: Path,
    assert_same_forward: SameForward,
) -> None:
    network = lazyinspect.build(
        configs / "mobilenet_v3.yaml", variant=variant, set={"classes": 7}, input=[2, 3, 64, 64]
    )
    assert_same_forward(network, mobilenet(table, hidden), image(2, 3, 64, 64))


@pytest.mark.parametrize("variant, eps, momentum", [("b0", 1e-5, 0.1), ("b5", 0.001, 0.01)])
def test_efficientnet_equals_plain_torch(
    variant: str, eps: float, momentum: float, configs: Path, assert_same_forward: SameForward
) -> None:
    def norm(c: int) -> nn.Module:
        return nn.BatchNorm2d(c, eps=eps, momentum=momentum)

    def conv(cin: int, c: int, k: int, s: int) -> nn.Module:
        convolution = nn.Conv2d(cin, c, k, s, k // 2, bias=False)
        return nn.Sequential(convolution, norm(c), nn.SiLU())

    features, cin = [conv(3, 32, 3, 2)], 32
    for t, k, c, s, n in [
        (1, 3, 16, 1, 1),
        (6, 3, 24, 2, 2),
        (6, 5, 40, 2, 2),
        (6, 3, 80, 2, 3),
        (6, 5, 112, 1, 3),
        (6, 5, 192, 2, 4),
        (6, 3, 320, 1, 1),
    ]:
        stage = []
        for index in range(n):
            acts = (nn.SiLU, nn.SiLU, nn.Sigmoid)
            stride = 1 if index else s
            stage.append(Inverted(cin, c, t * cin, k, stride, cin // 4, acts, norm))
            cin = c
        features.append(nn.Sequential(*stage))
    features.append(conv(cin, 1280, 1, 1))
    reference = Mobile(features, [nn.Dropout(0.2), nn.Linear(1280, 7)])
    sizes = {"classes": 7, "res": 64, "width": 1.0, "depth": 1.0}
    network = lazyinspect.build(configs / "efficientnet.yaml", variant=variant, set=sizes)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {(module.eps, module.momentum) for module in norms} == {(eps, momentum)}
    assert_same_forward(network, reference, image(1, 3, 64, 64))


class EncoderBlock(nn.Module):
    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(d, eps=1e-6)
        self.self_attention = nn.MultiheadAttention(d, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(d, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(d, 4 * d), nn.GELU(), nn.Identity(), nn.Linear(4 * d, d), nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        x = x + self.self_attention(y, y, y)[0]
        return x + self.mlp(self.ln_2(x))


class ViT(nn.Module):
    def __init__(self, d: int, depth: int, heads: int, patch: int, tokens: int) -> None:
        super().__init__()
        self.conv_proj = nn.Conv2d(3, d, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, d))
        self.encoder = nn.Module()
        self.encoder.pos_embedding = nn.Parameter(torch.zeros(1, tokens + 1, d))
        self.encoder.layers = nn.Sequential()
        for index in range(depth):
            self.encoder.layers.add_module(f"encoder_layer_{index}", EncoderBlock(d, heads))
        self.encoder.ln = nn.LayerNorm(d, eps=1e-6)
        self.heads = nn.Sequential()
        self.heads.add_module("head", nn.Linear(d, 7))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], 1)
        x = self.encoder.layers(x + self.encoder.pos_embedding)
        return self.heads(self.encoder.ln(x)[:, 0])


def test_vit_equals_plain_torch(configs: Path, assert_same_forward: SameForward) -> None:
    network = lazyinspect.build(
        configs / "vit.yaml",
        set={"d": 48, "depth": 3, "heads": 4, "patch": 8, "classes": 7},
        input=[2, 3, 32, 32],
    )
    assert_same_forward(network, ViT(48, 3, 4, 8, 16), image(2, 3, 32, 32))
