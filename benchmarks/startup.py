"""Whole commands against what they may cost: the imports that they cannot do without."""

from __future__ import annotations

from benchmarks.measure import lazyinspect, pair, peak_mib, python, verdict

HAND_WRITTEN = "benchmarks/hand_written.py"


def main() -> bool:
    """Print a line for each bound; whether all hold."""
    console = python("-c", "import typer, rich.console")
    torch = python("-W", "ignore", "-c", "import torch")
    meta = ("--device", "meta")
    resnet = ("run", "configs/resnet.yaml", "--variant", "r50")
    llama = ("run", "configs/llama3.yaml", "--variant", "405b", *meta)
    held = [
        pair("--help, against typer and rich.console", lazyinspect("--help"), console, 1.8),
        pair("--version, against typer and rich.console", lazyinspect("--version"), console, 1.8),
        pair("resnet on meta, against import torch", lazyinspect(*resnet, *meta), torch, 0.25),
        pair("llama3 405b on meta, against import torch", lazyinspect(*llama), torch, 0.25),
        *(
            pair(
                f"{case}, against import torch",
                lazyinspect("run", f"tests/errors/{case}/spec.yaml"),
                torch,
                0.25,
                exits=3,
            )
            for case in ("shape_mismatch", "classic_seed_network", "classic_odd_sizes")
        ),
        verdict("llama3 405b on meta, peak memory", "", peak_mib(lazyinspect(*llama)), 100, "MiB"),
        pair(
            "resnet on cpu, against a hand-written script",
            lazyinspect(*resnet, "--no-time", "--device", "cpu"),
            python("-W", "ignore", HAND_WRITTEN),
            1.15,
        ),
    ]
    return all(held)


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
