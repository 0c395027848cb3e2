"""What was measured -> tables of what is right, how fast, and how much memory. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

OURS = ("lazyinspect", "lazyinspect --device meta")
"""Built and verified on the CPU, which is what the peers do; and planned alone."""


@dataclass(frozen=True)
class Result:
    """One tool on one network."""

    params: int | float | None = None
    macs: int | float | None = None
    error: str | None = None
    seconds: float | None = None
    mib: float | None = None


@dataclass(frozen=True)
class Exact:
    """What a network has."""

    params: int
    macs: int
    how: str = ""


@dataclass(frozen=True)
class Findings:
    """All of it."""

    networks: Sequence[tuple[str, str]]
    """Name and what makes it hard."""
    tools: Sequence[str]
    exact: Mapping[str, Exact]
    results: Mapping[tuple[str, str], Result]
    """By tool and network."""
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: str = ""


def cell(found: int | float | None, exact: int, error: str | None) -> str:
    """``right``; or the figure and how far it is off; or why there is none."""
    if error is not None:
        return f"fails: {error}"
    if found is None:
        return "none"
    if found == exact:
        return "right"
    return f"{found:,.0f} ({(found - exact) / exact:+.2%})"


def verdicts(findings: Findings, what: str) -> list[list[str]]:
    """Rows of networks, columns of tools."""
    rows = []
    for name, _ in findings.networks:
        exact = findings.exact[name]
        right = exact.params if what == "params" else exact.macs
        row = [name, f"{right:,}"]
        for tool in findings.tools:
            found = findings.results.get((tool, name), Result(error="not run"))
            row.append(cell(getattr(found, what), right, found.error))
        rows.append(row)
    return rows


def score(findings: Findings, tool: str, what: str) -> tuple[int, int, int, int]:
    """How many figures of a tool are right, wrong, absent, and how often it fails."""
    right = wrong = absent = fails = 0
    for name, _ in findings.networks:
        exact = findings.exact[name]
        found = findings.results.get((tool, name), Result(error="not run"))
        value = getattr(found, what)
        if found.error is not None:
            fails += 1
        elif value is None:
            absent += 1
        elif value == (exact.params if what == "params" else exact.macs):
            right += 1
        else:
            wrong += 1
    return right, wrong, absent, fails


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Markdown."""
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    lines += ["| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in rows]
    return lines


def better(findings: Findings) -> list[str]:
    """Where a peer does better than this tool, which builds and verifies as the peers do."""
    ours, lines = OURS[0], []
    for what, unit in (("seconds", "s"), ("mib", "MiB")):
        for name, _ in findings.networks:
            mine = getattr(findings.results.get((ours, name), Result()), what)
            for tool in findings.tools:
                other = findings.results.get((tool, name), Result())
                theirs = getattr(other, what)
                if tool in OURS or mine is None or theirs is None or other.error is not None:
                    continue
                if theirs < mine:
                    lines.append(
                        f"{name}: {tool} takes {theirs:,.2f} {unit}, this tool {mine:,.2f}"
                    )
    for what in ("params", "macs"):
        for name, _ in findings.networks:
            exact = getattr(findings.exact[name], what)
            if getattr(findings.results.get((ours, name), Result()), what) == exact:
                continue
            for tool in findings.tools:
                if getattr(findings.results.get((tool, name), Result()), what) == exact:
                    lines.append(f"{name}: {tool} has the right {what}, this tool has not")
    return lines


def page(findings: Findings) -> str:
    """``benchmarks/results.md``."""
    lines = [
        "# Results",
        "",
        "Written by `make bench` (this part alone: `python -m benchmarks.peers`). Each tool runs in a process of its own on the same network;",
        "wall time is that of the whole process, imports included, the median of runs in turn, and memory its peak.",
        "",
        findings.machine,
        "",
        "`lazyinspect` here builds the network, runs it once and compares, as the peers do (`run --no-time`); `lazyinspect --device meta` plans it,",
        "which gives the same figures without PyTorch. A figure is right where it equals the exact one; otherwise it stands with how far it is off.",
        "",
        "## Summary",
        "",
    ]
    rows = []
    for tool in findings.tools:
        texts = [tool, findings.versions.get(tool.split()[0], "")]
        for what in ("params", "macs"):
            right, wrong, absent, fails = score(findings, tool, what)
            texts.append(f"{right} right, {wrong} wrong, {absent} none, {fails} fail")
        rows.append(texts)
    lines += table(["tool", "version", "parameters", "MACs"], rows)
    found = better(findings)
    lines += ["", "Where a peer does better than `lazyinspect`:", ""]
    lines += [f"- {line}" for line in found] or ["- nowhere in this run"]
    for what, title in (("params", "Parameters"), ("macs", "MACs")):
        lines += ["", f"## {title}", ""]
        lines += table(["network", "exact", *findings.tools], verdicts(findings, what))
    lines += ["", "How the exact figures were found:", ""]
    lines += [f"- {name} ({what}): {findings.exact[name].how}" for name, what in findings.networks]
    lines += ["", *NOTES]
    for what, title, unit in (("seconds", "Wall time", "s"), ("mib", "Peak memory", "MiB")):
        lines += ["", f"## {title}, {unit}", ""]
        rows = []
        for name, _ in findings.networks:
            row = [name]
            for tool in findings.tools:
                result = findings.results.get((tool, name), Result())
                value = getattr(result, what)
                fails = "fails, " if result.error is not None else ""
                row.append("" if value is None else f"{fails}{value:,.2f}" if unit == "s"
                           else f"{fails}{value:,.0f}")  # fmt: skip
            rows.append(row)
        lines += table(["network", *findings.tools], rows)
    return "\n".join(lines) + "\n"


NOTES = (
    "MACs are taken as each tool defines them: torchinfo's mult-adds, fvcore's flops (one for a multiplication and its addition), ptflops' and",
    "thop's MACs, calflops' MACs. ptflops, thop and calflops count biases, norms or activations as well, so that a small deviation is a",
    "difference of definition; torchview draws and counts nothing; torchsummary has no MACs.",
)
