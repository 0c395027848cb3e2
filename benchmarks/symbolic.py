"""Formulas in named sizes: whole processes against the plain plan of the same network."""

from __future__ import annotations

import statistics

from benchmarks.measure import lazyinspect, seconds, verdict

NETWORKS = (("resnet.yaml", "r50"), ("unet.yaml", None), ("densenet.yaml", "201"))
FLOOR, TIMES = 0.5, 4
"""Seconds that are always allowed; beyond them, so many plain plans: ten are made of DenseNet."""


def main() -> bool:
    """Print both times of each network; whether all keep to their bounds."""
    held = []
    for config, variant in NETWORKS:
        chosen = ["--variant", variant] if variant else []
        run = ["run", f"configs/{config}", *chosen, "--device", "meta"]
        plain, formulas = lazyinspect(*run), lazyinspect(*run, "--symbolic")
        seconds(plain), seconds(formulas)  # warm the file cache
        pairs = [(seconds(formulas), seconds(plain)) for _ in range(9)]
        mine = statistics.median(a for a, _ in pairs)
        other = statistics.median(b for _, b in pairs)
        name = f"{config} {variant or ''} --symbolic".replace("  ", " ")
        figures = f"{mine * 1e3:7.1f} ms, planned {other * 1e3:7.1f} ms"
        held.append(
            verdict(
                name,
                figures,
                mine,
                max(FLOOR, (2 if config == "resnet.yaml" else TIMES) * other),
                "s",
            )
        )
    return all(held)


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
