"""`lazyinspect check` as it is called: networks a second on a core, and growth with specs."""

from __future__ import annotations

import resource
import subprocess
import tempfile
from pathlib import Path

from benchmarks.measure import ENVIRONMENT, ROOT, lazyinspect, pair, peak_mib, python, verdict

COPIES = 200
MANY = 10_000
SMALL = "input: [1, 8]\nlayers: [LazyLinear: {size}, ReLU, LazyLinear: 4]\n"
ROWS = 199
"""Of ResNet-50."""


def main() -> bool:
    """Print a line for each bound; whether all hold."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        held = [_configs(), *_resnets(folder), *_many(folder)]
    return all(held)


def _configs() -> bool:
    """A quarter of torch's import; or as many networks of ResNet-50's size a second as count."""
    torch = python("-W", "ignore", "-c", "import torch")
    check = lazyinspect("check", "configs", "-j", "1")
    quick = pair("check configs, against import torch", check, torch, 0.25, runs=5)
    locks = "".join(path.read_text() for path in ROOT.glob("configs/*.lock.yaml"))
    networks = sum(" out: " in line for line in locks.splitlines()) / ROWS
    bare = cpu_seconds(lazyinspect("check", "configs/lenet5.yaml"))
    fast = _rate("check configs, networks as ResNet-50", cpu_seconds(check) - bare, networks)
    return quick or fast


def _resnets(folder: Path) -> list[bool]:
    """Many specs, and many variants of one."""
    text = (ROOT / "configs" / "resnet.yaml").read_text(encoding="utf-8")
    start, end = text.index("variants:"), text.index("blocks:")
    specs, one = folder / "specs", folder / "variants"
    for path in (specs, one):
        path.mkdir()
    names = range(COPIES)
    for number in names:
        spec = (text[:start] + text[end:]).replace("classes: 1000", f"classes: {1000 + number}")
        (specs / f"r{number}.yaml").write_text(spec, encoding="utf-8")
    variants = "".join(f"  v{number}: {{ classes: {1000 + number} }}\n" for number in names)
    spec = f"{text[:start]}variants:\n{variants}{text[end:]}"
    (one / "resnet.yaml").write_text(spec, encoding="utf-8")
    held = []
    for path, what in ((specs, "files"), (one, "variants")):
        cpu_seconds(lazyinspect("lock", str(path)))
        first = next(iter(sorted(specs.glob("r0.yaml"))))
        bare = cpu_seconds(lazyinspect("check", str(first), "-j", "1"))
        taken = cpu_seconds(lazyinspect("check", str(path), "-j", "1")) - bare
        held.append(_rate(f"check, ResNet-50 in {COPIES} {what}", taken, COPIES - 1))
    return held


def _many(folder: Path) -> list[bool]:
    """Time for each spec of a large folder against a tenth of it, and the memory."""
    each = []
    for count in (MANY // 10, MANY):
        path = folder / f"many{count}"
        path.mkdir()
        for number in range(count):
            (path / f"n{number}.yaml").write_text(SMALL.format(size=number + 1), encoding="utf-8")
        cpu_seconds(lazyinspect("lock", str(path)))
        each.append(cpu_seconds(lazyinspect("check", str(path), "-j", "1")) / count)
    figures = f"{each[1] * 1e6:.0f} us a spec"
    growth = verdict(f"check, {MANY:,} specs against {MANY // 10:,}", figures, each[1] / each[0],
                     1.2, "x")  # fmt: skip
    peak = peak_mib(lazyinspect("check", str(path), "-j", "1"))
    return [growth, verdict(f"check, {MANY:,} specs, peak memory", "", peak, 300, "MiB")]


def _rate(name: str, taken: float, networks: float) -> bool:
    each = taken / networks
    return verdict(name, f"{1 / each:.0f} a second on a core", each * 1e3, 5, "ms each")


def cpu_seconds(command: list[str]) -> float:
    """Least CPU time of three runs: what others do on the machine is no part of it.

    Raises:
        RuntimeError: it fails.
    """
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            command, cwd=ROOT, env={k: v for k, v in ENVIRONMENT.items() if k != "CI"},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{command} exits {done.returncode}: {done.stderr.decode()[-500:]}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken)


if __name__ == "__main__":
    raise SystemExit(0 if main() else 1)
