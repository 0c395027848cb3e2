"""The bundled lazies against torch's: materialising ResNet-50, and forwards afterwards."""

from __future__ import annotations

import statistics
import time
import warnings

from benchmarks.measure import verdict


def main() -> bool:
    """Print both ratios; whether they hold."""
    warnings.filterwarnings("ignore")
    import torch
    from torch import nn

    from benchmarks.hand_written import resnet50
    from lazyinspect import lazy

    torch.set_num_threads(1)
    image = torch.randn(1, 3, 64, 64)
    theirs = {name: getattr(nn, name) for name in ("LazyConv2d", "LazyBatchNorm2d", "LazyLinear")}

    def materialised(bundled: bool) -> tuple[float, nn.Module]:
        for name, cls in theirs.items():
            setattr(nn, name, getattr(lazy, name) if bundled else cls)
        try:
            network = resnet50().eval()
        finally:
            for name, cls in theirs.items():
                setattr(nn, name, cls)
        start = time.perf_counter()
        with torch.no_grad():
            network(image)
        return time.perf_counter() - start, network

    materialised(True), materialised(False)
    pairs = [(materialised(True)[0], materialised(False)[0]) for _ in range(15)]
    ratio = statistics.median(a / b for a, b in pairs)
    mine = statistics.median(a for a, _ in pairs)
    other = statistics.median(b for _, b in pairs)
    figures = f"{mine * 1e3:7.1f} ms against {other * 1e3:7.1f} ms"
    held = [verdict("materialise ResNet-50, against torch's", figures, ratio, 1.05, "x the peer")]

    _, ours = materialised(True)
    _, peer = materialised(False)

    def forward(network: nn.Module) -> float:
        start = time.perf_counter()
        with torch.no_grad():
            network(image)
        return time.perf_counter() - start

    forward(ours), forward(peer)
    pairs = [(forward(ours), forward(peer)) for _ in range(40)]
    ratio = statistics.median(a / b for a, b in pairs)
    held.append(verdict("a forward after it, against torch's", "", ratio, 1.03, "x the peer"))
    return all(held)


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
