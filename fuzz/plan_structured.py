"""Structured specs, valid or nearly -> Plan. ``python -m fuzz.plan_structured SECONDS SEED``."""

from __future__ import annotations

import sys
import time
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fuzz import specs
from fuzz.findings import Figures, smaller
from fuzz.judge import Finding, judge

ROUND = 200
"""Examples that hypothesis draws in one go."""

_OPTIONS: tuple[dict[str, Any], ...] = (
    {"batch": 3}, {"input": [1, 4, 6, 6]}, {"input": [4]}, {"input": {"x": [2, 4, 6, 6]}},
    {"set": {"k": 5}}, {"set": {"act": "Tanh"}}, {"set": {"nothing": 1}}, {"variant": "b"},
    {"dtype": "float16"}, {"allow": ("os.system",)}, {"batch": 2**60}, {"set": {"k": "x"}},
)  # fmt: skip


# hypothesis likes small and odd choices; a seed of its drawing gives networks of every size
_sources = st.randoms(use_true_random=False) | st.integers(0, 2**63).map(Random)


@st.composite
def trees(draw: st.DrawFn) -> Any:
    """A spec's data: it mostly plans, or it is a few slips away from that."""
    rng = draw(_sources)
    tree = specs.spec(rng)
    return specs.wrong(rng, tree) if rng.randrange(2) else tree


@st.composite
def cases(draw: st.DrawFn) -> tuple[Any, bytes, dict[str, Any]]:
    """A tree, its text in one of YAML's styles, and options of ``api.plan``."""
    tree = draw(trees())
    rng = draw(_sources)
    return tree, specs.text(rng, tree), rng.choice(_OPTIONS) if rng.randrange(4) == 0 else {}


def fuzz(seconds: float, start: int) -> Figures:
    """Judge structured specs for so many seconds."""
    figures = Figures("plan_structured")
    begin = time.monotonic()

    @given(cases())
    @settings(
        max_examples=ROUND,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def round_of(case: tuple[Any, bytes, dict[str, Any]]) -> None:
        tree, text, options = case
        if time.monotonic() - begin > seconds:
            return
        try:
            figures.ended(judge(text, **options))
        except Finding as finding:
            if figures.found(finding, text):
                _shrink(tree, options, finding, figures)

    number = start
    while time.monotonic() - begin < seconds:
        seed(number)(round_of)()
        number += 1
    figures.seconds = time.monotonic() - begin
    return figures


def _shrink(tree: Any, options: dict[str, Any], finding: Finding, figures: Figures) -> None:
    def fails(less: Any) -> str | None:
        try:
            judge(specs.text(Random(0), less), **options)
        except Finding as found:
            return found.where
        return None

    text = specs.text(Random(0), smaller(tree, finding.where, fails, seconds=30))
    try:
        judge(text, **options)
    except Finding as found:
        figures.found(found, text + f"\n# {options}\n".encode() * bool(options))
        figures.cases -= 1


if __name__ == "__main__":
    print(fuzz(float(sys.argv[1]), int(sys.argv[2])).text())
