"""The timing of whole forwards against a bare loop around the same network, in turn."""

from __future__ import annotations

import statistics
import time
import warnings

from benchmarks.measure import ROOT, verdict

PAIRS, RUNS, BOUND = 21, 30, 1.02
NETWORKS = (("mynet.yaml", None), ("resnet_basic.yaml", "r18"))


def main() -> bool:
    """Print the ratio for a network of 0.2 ms and for one of 30 ms; whether both hold."""
    warnings.filterwarnings("ignore")
    import torch

    from lazyinspect import api
    from lazyinspect.probe.forwards import Setting, time_forward

    setting = Setting(torch.device("cpu"), runs=RUNS)
    held = []
    for config, variant in NETWORKS:
        path = ROOT / "configs" / config
        plan = api.plan(path, variant=variant)
        network = api.build(path, variant=variant)
        inputs = [torch.randn(entry.type.shape) for entry in plan.inputs]

        def bare(network: torch.nn.Module = network, inputs: list[torch.Tensor] = inputs) -> float:
            times = []
            with torch.no_grad():
                for _ in range(RUNS):
                    start = time.perf_counter()
                    network(*inputs)
                    times.append(time.perf_counter() - start)
            return statistics.median(times)

        def ours(network: torch.nn.Module = network, inputs: list[torch.Tensor] = inputs) -> float:
            return time_forward(network, inputs, setting).duration.median / 1e9

        bare(), ours()
        pairs = []
        for index in range(PAIRS):
            # each goes first as often as the other
            both = (ours(), bare()) if index % 2 else tuple(reversed((bare(), ours())))
            pairs.append(both)
        mine = statistics.median(a for a, _ in pairs)
        other = statistics.median(b for _, b in pairs)
        ratio = statistics.median(a / b for a, b in pairs)
        figures = f"{mine * 1e3:7.3f} ms against {other * 1e3:7.3f} ms"
        held.append(verdict(f"forward of {config}, timed", figures, ratio, BOUND, "x the loop"))
    return all(held)


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
