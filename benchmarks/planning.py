"""Plans in one warm process: how many of ResNet-50 a second, and how time grows with length."""

from __future__ import annotations

import gc
import statistics
import time

from benchmarks.measure import ROOT, verdict
from lazyinspect import api
from lazyinspect.plan.plan import make_plan
from lazyinspect.spec.grammar import parse_spec

LENGTHS = (10, 100, 1_000, 10_000)


def main() -> bool:
    """Print the rate and the growth; whether both bounds hold."""
    spec = api.load(ROOT / "configs" / "resnet.yaml")

    def plan() -> None:
        assert make_plan(spec, variant="r50").totals.param_count == 25_557_032

    each = seconds(plan, 200)
    held = [
        verdict("ResNet-50, plans a second", f"{1 / each:.0f} a second", each * 1e3, 5, "ms a plan")
    ]
    # written out step by step, so that nothing is planned once and shared
    costs = []
    for length in LENGTHS:
        steps = "\n".join("  - LazyLinear: 8\n  - ReLU" for _ in range(length // 2))
        chain = parse_spec(f"input: [1, 8]\nlayers:\n{steps}\n", "chain.yaml")
        elapsed = seconds(lambda chain=chain: make_plan(chain).totals, max(3, 3_000 // length))
        costs.append(elapsed / length)
        print(f"{'a chain of ' + format(length, ',') + ' layers':46} {elapsed * 1e3:10.2f} ms")
    growth = costs[-1] / costs[1]
    held.append(verdict("time per layer, 10,000 against 100 layers", "", growth, 1.5, "x"))
    return all(held)


def seconds(run: object, times: int) -> float:
    """Median time of a call, garbage collected before."""
    assert callable(run)
    for _ in range(min(times, 10)):
        run()
    gc.collect()
    found = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
