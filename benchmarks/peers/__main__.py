"""Run every tool on every network, and write ``benchmarks/results.md``."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.measure import ENVIRONMENT, ROOT, lazyinspect, python
from benchmarks.peers.judge import OURS, Exact, Findings, Result, page
from benchmarks.peers.networks import NETWORKS, Network
from benchmarks.peers.one import PEERS

RESULTS = ROOT / "benchmarks" / "results.md"
RUNS = 3
SECONDS = 120
"""After which a tool is given up on."""


def measured(command: Sequence[str]) -> tuple[str, float, float]:
    """Standard output, wall seconds and peak MiB of a process. Raises TimeoutError."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=ENVIRONMENT, stdout=out, stderr=subprocess.DEVNULL
        )
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.perf_counter() - start > SECONDS:
                process.kill()
                os.wait4(process.pid, 0)
                raise TimeoutError(f"takes more than {SECONDS} s")
            time.sleep(0.002)
        elapsed = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode()
    scale = 2**20 if sys.platform == "darwin" else 2**10
    if process.returncode:
        raise RuntimeError(f"ends with exit code {process.returncode}")
    return text, elapsed, usage.ru_maxrss / scale


def main() -> int:
    """Measure all, print each line as it comes, and write the page."""
    exact: dict[str, Exact] = {}
    results: dict[tuple[str, str], Result] = {}
    tools = [*OURS, *PEERS]
    with tempfile.TemporaryDirectory() as folder:
        for network in NETWORKS:
            commands = _commands(network, Path(folder))
            exact[network.name] = _exact(network, commands.pop("exact"))
            # a first run of each, unmeasured, has files in the system's cache
            for tool, command in commands.items():
                results[tool, network.name] = _figures(tool, command)
            times: dict[str, list[float]] = {tool: [] for tool in commands}
            peaks: dict[str, list[float]] = {tool: [] for tool in commands}
            for _ in range(RUNS):
                for tool, command in commands.items():
                    try:
                        _, elapsed, peak = measured(command)
                    except (TimeoutError, RuntimeError):
                        continue
                    times[tool].append(elapsed)
                    peaks[tool].append(peak)
            for tool in commands:
                found = results[tool, network.name]
                if times[tool]:
                    median, peak = statistics.median(times[tool]), statistics.median(peaks[tool])
                    found = Result(found.params, found.macs, found.error, median, peak)
                results[tool, network.name] = found
                print(f"{network.name:12} {tool:26} {found}", flush=True)
    findings = Findings(
        [(network.name, network.what) for network in NETWORKS], tools, exact, results, _versions(),
        _machine(),
    )  # fmt: skip
    RESULTS.write_text(page(findings), encoding="utf-8")
    print(f"written to {RESULTS.relative_to(ROOT)}")
    return 0


def _commands(network: Network, folder: Path) -> dict[str, list[str]]:
    """A command line for each tool, after the module was written for the peers."""
    chosen = ["--variant", network.variant] if network.variant else []
    file = folder / f"{network.name.replace('/', '_').replace(' ', '_')}.py"
    given = ["export", network.spec, *chosen, "--to", "python", "-o", str(file)]
    subprocess.run(
        lazyinspect(*given, *(["--lazy"] if network.lazy else [])),
        cwd=ROOT, env=ENVIRONMENT, check=True,
    )  # fmt: skip
    planned = lazyinspect("run", network.spec, *chosen, "--device", "meta", "--format", "json")
    report = json.loads(measured(planned)[0])
    shapes = json.dumps([[each["shape"], each["dtype"]] for each in report["inputs"]])
    one = str(Path(__file__).parent / "one.py")
    run = ["run", network.spec, *chosen, "--format", "json"]
    return {
        OURS[0]: lazyinspect(*run, "--no-time"),
        OURS[1]: lazyinspect(*run, "--device", "meta"),
        **{peer: python(one, peer, str(file), shapes) for peer in PEERS},
        "exact": python(one, "exact", str(file), shapes),
    }


def _figures(tool: str, command: Sequence[str]) -> Result:
    try:
        text, _, _ = measured(command)
        value = json.loads(text.splitlines()[-1] if tool not in OURS else text)
    except (TimeoutError, RuntimeError, ValueError, IndexError) as error:
        return Result(error=str(error) or type(error).__name__)
    if tool in OURS:
        return Result(value["totals"]["param_count"], value["totals"]["macs"])
    return Result(value.get("params"), value.get("macs"), value.get("error"))


def _exact(network: Network, command: Sequence[str]) -> Exact:
    counted = json.loads(measured(command)[0])
    if counted.get("params") != network.params:
        raise RuntimeError(f"{network.name} has {counted} as built, not {network.params:,}")
    macs, how = network.macs, "by hand: 4 h (in + h) for each step and direction, and the tags"
    if macs is None:
        macs, how = counted["macs"], "half of what PyTorch's FlopCounterMode counts on meta"
    text = f"parameters of {network.source}, and as counted in the built module; MACs {how}"
    return Exact(network.params, macs, text)


def _versions() -> dict[str, str]:
    found = {}
    for name in ("lazyinspect", *PEERS):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [li for li in cpuinfo.read_text().splitlines() if li.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{date.today()}, {model}, {os.cpu_count()} cores, {memory:.0f} GiB; Python "
        f"{platform.python_version()}, PyTorch {version('torch')}. The machine may be shared: "
        "compare within a table."
    )


if __name__ == "__main__":
    raise SystemExit(main())
