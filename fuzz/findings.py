"""What the judge found: each mistake once, in its smallest case so far, as a file to look at."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from fuzz.judge import Ended, Finding

FOLDER = Path(__file__).parent / "findings"


@dataclass
class Figures:
    """Of one target: how many cases, how they ended, and what stood out."""

    target: str
    cases: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    largest: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: dict[str, int] = field(default_factory=dict)
    """Where, and the bytes of the smallest case."""
    coverage: str = ""
    """As the fuzzer says it, where one guides the way."""

    def ended(self, ended: Ended) -> None:
        self.cases += 1
        self.slowest = max(self.slowest, ended.seconds)
        self.largest = max(self.largest, ended.peak_bytes)
        self.outcomes.update(ended.outcome.split())

    def found(self, finding: Finding, case: bytes) -> bool:
        """Keep the case where it is the first or the smallest. Returns whether it was."""
        self.cases += 1
        if len(case) >= self.findings.get(finding.where, 1 << 60):
            return False
        self.findings[finding.where] = len(case)
        FOLDER.mkdir(exist_ok=True)
        stem = f"{self.target}-{sha256(finding.where.encode()).hexdigest()[:10]}"
        (FOLDER / f"{stem}.case").write_bytes(case)
        (FOLDER / f"{stem}.txt").write_text(str(finding), encoding="utf-8")
        return True

    def text(self) -> str:
        codes = [code for code in self.outcomes if code != "plan"]
        lines = [
            f"{self.target}: {self.cases:,} cases in {self.seconds:.0f} s, "
            f"{self.outcomes['plan']:,} worked, {len(codes)} codes of problems met",
            f"  slowest {self.slowest:.2f} s of processor time, "
            f"largest {self.largest / 1e6:.0f} MB",
        ]
        if self.coverage:
            lines.append(f"  {self.coverage}")
        lines.append(f"  {len(self.findings)} findings" + ":" * bool(self.findings))
        lines += [f"    {where} ({size} bytes)" for where, size in sorted(self.findings.items())]
        return "\n".join(lines)


def smaller(tree: Any, where: str, fails: Callable[[Any], str | None], seconds: float) -> Any:
    """Take parts of a tree away for as long as it still ends in the same finding.

    Args:
        where: of the finding.
        fails: where the finding of a tree is, or None.
        seconds: how long to try.
    """
    until = time.monotonic() + seconds
    again = True
    while again:
        again = False
        for way in sorted(_ways(tree), key=len):
            if time.monotonic() > until:
                return tree
            for change in (_without, _unwrapped):
                less = json.loads(json.dumps(tree))
                if change(less, way) and fails(less) == where:
                    tree, again = less, True
                    break
            if again:
                break
    return tree


def _ways(tree: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys: Any = ()
    if isinstance(tree, (dict, list)):
        keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    found = [(*way, key) for key in keys]
    return found + [deeper for key in keys for deeper in _ways(tree[key], (*way, key))]


def _without(tree: Any, way: tuple[Any, ...]) -> bool:
    for key in way[:-1]:
        tree = tree[key]
    del tree[way[-1]]
    return True


def _unwrapped(tree: Any, way: tuple[Any, ...]) -> bool:
    for key in way[:-1]:
        tree = tree[key]
    inner = tree[way[-1]]
    parts = list(inner.values()) if isinstance(inner, dict) else inner
    if not isinstance(parts, list) or len(parts) != 1:
        return False
    tree[way[-1]] = parts[0]
    return True
