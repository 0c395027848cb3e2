"""Counts cannot see a wrong wire: the other image networks against plain torch."""

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


class UNet(nn.Module):
    def __init__(self, w: int) -> None:
        super().__init__()
        cin = 3
        for level, name in enumerate(("d1", "d2", "d3", "d4", "mid")):
            setattr(self, name, self.twice(cin, w << level))
            cin = w << level
        for level in (4, 3, 2, 1):
            c = w << level - 1
            step = nn.Module()
            step.up = nn.ConvTranspose2d(2 * c, c, 2, 2)
            step.conv = self.twice(2 * c, c)
            setattr(self, f"u{level}", step)
        self.head = nn.Conv2d(w, 2, 1)

    @staticmethod
    def twice(cin: int, c: int) -> nn.Module:
        def once(cin: int) -> nn.Module:
            convolution = nn.Conv2d(cin, c, 3, 1, 1, bias=False)
            return nn.Sequential(convolution, nn.BatchNorm2d(c), nn.ReLU())

        return nn.Sequential(once(cin), once(c))

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for down in (self.d1, self.d2, self.d3, self.d4):
            skips.append(down(x))
            x = F.max_pool2d(skips[-1], 2)
        x = self.mid(x)
        for step in (self.u4, self.u3, self.u2, self.u1):
            x = step.conv(torch.cat([skips.pop(), step.up(x)], 1))
        return self.head(x)


def test_unet_equals_plain_torch(configs: Path, assert_same_forward: SameForward) -> None:
    network = lazyinspect.build(configs / "unet.yaml", set={"w": 8}, input=[1, 3, 64, 64])
    assert_same_forward(network, UNet(8), image(1, 3, 64, 64))


class Conv(nn.Module):
    def __init__(self, cin: int, c: int, k: int = 1, s: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, c, k, s, k // 2, bias=False)
        self.bn = nn.BatchNorm2d(c, eps=0.001, momentum=0.03)

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.bn(self.conv(x)))


class C2f(nn.Module):
    def __init__(self, cin: int, c: int, n: int, add: bool) -> None:
        super().__init__()
        self.half, self.add = c // 2, add
        self.cv1 = Conv(cin, c)
        self.m = nn.ModuleList(nn.Module() for _ in range(n))
        for block in self.m:
            block.cv1 = Conv(c // 2, c // 2, 3)
            block.cv2 = Conv(c // 2, c // 2, 3)
        self.cv2 = Conv(c + n * (c // 2), c)

    def forward(self, x: Tensor) -> Tensor:
        x = self.cv1(x)
        parts = [x[:, : self.half], x[:, self.half :]]
        for block in self.m:
            y = block.cv2(block.cv1(parts[-1]))
            parts.append(y + parts[-1] if self.add else y)
        return self.cv2(torch.cat(parts, 1))


class SPPF(nn.Module):
    def __init__(self, cin: int, c: int) -> None:
        super().__init__()
        self.cv1 = Conv(cin, cin // 2)
        self.cv2 = Conv(2 * cin, c)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.cv1(x)]
        for _ in range(3):
            parts.append(F.max_pool2d(parts[-1], 5, 1, 2))
        return self.cv2(torch.cat(parts, 1))


class YOLO(nn.Module):
    def __init__(self, c: list[int], n3: int, n6: int) -> None:
        super().__init__()
        c1, c2, c3, c4, c5 = c
        layers: list[nn.Module] = [nn.Identity() for _ in range(22)]
        layers[0:3] = [Conv(3, c1, 3, 2), Conv(c1, c2, 3, 2), C2f(c2, c2, n3, True)]
        layers[3:5] = [Conv(c2, c3, 3, 2), C2f(c3, c3, n6, True)]
        layers[5:7] = [Conv(c3, c4, 3, 2), C2f(c4, c4, n6, True)]
        layers[7:10] = [Conv(c4, c5, 3, 2), C2f(c5, c5, n3, True), SPPF(c5, c5)]
        layers[12] = C2f(c5 + c4, c4, n3, False)
        layers[15:17] = [C2f(c4 + c3, c3, n3, False), Conv(c3, c3, 3, 2)]
        layers[18:20] = [C2f(c3 + c4, c4, n3, False), Conv(c4, c4, 3, 2)]
        layers[21] = C2f(c4 + c5, c5, n3, False)
        self.model = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        def up(x: Tensor) -> Tensor:
            return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

        kept = {}
        for index in range(10):
            kept[index] = x = self.model[index](x)
        n4 = self.model[12](torch.cat([up(x), kept[6]], 1))
        out3 = self.model[15](torch.cat([up(n4), kept[4]], 1))
        out4 = self.model[18](torch.cat([self.model[16](out3), n4], 1))
        out5 = self.model[21](torch.cat([self.model[19](out4), kept[9]], 1))
        return out3, out4, out5


@pytest.mark.parametrize(
    "variant, channels, n3, n6",
    [("n", [16, 32, 64, 128, 256], 1, 2), ("m", [48, 96, 192, 384, 576], 2, 4)],
)
def test_yolov8_equals_plain_torch(
    variant: str,
    channels: list[int],
    n3: int,
    n6: int,
    configs: Path,
    assert_same_forward: SameForward,
) -> None:
    network = lazyinspect.build(configs / "yolov8.yaml", variant=variant, input=[1, 3, 64, 64])
    assert_same_forward(network, YOLO(channels, n3, n6), image(1, 3, 64, 64))


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.twin = nn.Sequential(
            *(nn.Conv2d(1, 64, 10), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(64, 128, 7), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(128, 128, 4), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(128, 256, 4), nn.ReLU(), nn.Flatten()),
            *(nn.Linear(9216, 4096), nn.Sigmoid()),
        )
        self.same = nn.Sequential(nn.Linear(4096, 1))

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.same((self.twin(left) - self.twin(right)).abs()).sigmoid()


def test_siamese_equals_plain_torch(configs: Path, assert_same_forward: SameForward) -> None:
    network = lazyinspect.build(
        configs / "siamese.yaml", input={"left": [2, 1, 105, 105], "right": [2, 1, 105, 105]}
    )
    left, right = image(4, 1, 105, 105).split(2)
    assert_same_forward(network, Siamese(), left, right)


def test_siamese_twin_sees_both_images_alike(configs: Path) -> None:
    network = lazyinspect.build(configs / "siamese.yaml")
    left, right = image(2, 1, 105, 105).split(1)
    with torch.no_grad():
        assert torch.equal(network(left, right), network(right, left))
        assert torch.equal(network(left, right), network(left=left, right=right))


class DCGAN(nn.Module):
    def __init__(self, g: int, d: int) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        for cin, c, s, p in [
            (100, 8 * g, 1, 0),
            (8 * g, 4 * g, 2, 1),
            (4 * g, 2 * g, 2, 1),
            (2 * g, g, 2, 1),
        ]:
            convolution = nn.ConvTranspose2d(cin, c, 4, s, p, bias=False)
            steps.append(nn.Sequential(convolution, nn.BatchNorm2d(c), nn.ReLU()))
        self.generator = nn.Sequential(*steps, nn.ConvTranspose2d(g, 3, 4, 2, 1, bias=False))
        steps = [nn.Conv2d(3, d, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        for c in (2 * d, 4 * d, 8 * d):
            convolution = nn.Conv2d(c // 2, c, 4, 2, 1, bias=False)
            steps.append(nn.Sequential(convolution, nn.BatchNorm2d(c), nn.LeakyReLU(0.2)))
        self.discriminator = nn.Sequential(*steps, nn.Conv2d(8 * d, 1, 4, bias=False))

    def forward(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        picture = self.generator(noise).tanh()
        return picture, self.discriminator(picture).sigmoid()


def test_dcgan_equals_plain_torch_and_names_its_outputs(
    configs: Path, assert_same_forward: SameForward
) -> None:
    network = lazyinspect.build(configs / "dcgan.yaml", set={"g": 8, "d": 8}, batch=2)
    outputs = network(image(2, 100, 1, 1))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "image": (2, 3, 64, 64),
        "real": (2, 1, 1, 1),
    }

    class Positional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, noise: Tensor) -> tuple[Tensor, ...]:
            return tuple(self.inner(noise).values())

        def state_dict(self, *args: Any, **kwargs: Any) -> Any:
            return self.inner.state_dict(*args, **kwargs)

    assert_same_forward(Positional(), DCGAN(8, 8), image(2, 100, 1, 1))
