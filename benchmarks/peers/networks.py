"""The networks that are compared, and what of each is known exactly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """One network: a spec, and its parameters as the literature or arithmetic has them."""

    name: str
    what: str
    """What makes it hard to count."""
    spec: str
    params: int
    source: str
    """Of the parameters."""
    variant: str | None = None
    lazy: bool = False
    """Given to the peers with torch's own lazy layers, before any forward."""
    macs: int | None = None
    """By hand; None: PyTorch's FlopCounterMode counts them all."""


NETWORKS = (
    Network("ResNet-50", "convolutions alone", "configs/resnet.yaml", 25_557_032,
            "torchvision", "r50"),
    Network("ResNeXt-50", "grouped convolutions", "configs/resnet.yaml", 25_028_904,
            "torchvision", "x50_32x4d"),
    Network("MobileNetV3", "depthwise convolutions", "configs/mobilenet_v3.yaml", 2_542_856,
            "torchvision", "small"),
    Network("ViT-B/16", "nn.MultiheadAttention", "configs/vit.yaml", 86_567_656,
            "torchvision", "b16"),
    Network("GPT-2", "tied weights, ids, fused attention", "configs/gpt2.yaml", 124_439_808,
            "the released weights", "small"),
    Network("LSTM tagger", "a bidirectional LSTM", "configs/lstm_tagger.yaml",
            10_000 * 100 + 2 * 4 * 128 * (100 + 128 + 2) + 17 * (256 + 1),
            "embedding, two directions of four gates, tag",
            macs=20 * (2 * 4 * 128 * (100 + 128) + 256 * 17)),
    Network("Siamese", "modules called twice", "configs/siamese.yaml", 38_951_745,
            "Koch et al. 2015, figure 4"),
    Network("lazy CNN", "torch's own lazy layers", "configs/mynet.yaml", 34_826,
            "320 + 18,496 + 16,010", lazy=True),
)  # fmt: skip
