"""However a spec is broken, the answer is one of the documented errors."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lazyinspect.errors import LazyinspectError
from lazyinspect.plan.plan import make_plan
from lazyinspect.spec.grammar import parse_spec

CONFIGS = [
    path.read_text(encoding="utf-8")
    for path in sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
    if path.stem in ("mynet", "vit", "unet", "gpt2", "siamese", "lstm_tagger", "resnet_basic")
]
PIECES = [
    "", " ", "\n", "  ", "-", ":", ": ", "[", "]", "{", "}", ",", "$", "0", "-1", "1.5", "null",
    "x", "ReLU", "LazyConv2d", "from: ", "if: $", "repeat: ", "prev", "input", "as: ", "use: ",
    "'", '"', "#", "&a ", "*a", "!t ", "\t", "é", "add", "cat: [prev, input]", "pick: 0",
    "Sequential: ", "Graph: ", "Parameter: [1]", "$cin", "$i", "$shape(0)", "{i}", "999999999999",
]  # fmt: skip


@st.composite
def broken(draw: st.DrawFn) -> str:
    """A config with a few pieces cut out, put in, or moved."""
    text = draw(st.sampled_from(CONFIGS))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.sampled_from([0, 0, 1, 2, 5, 12])))
        text = text[:at] + draw(st.sampled_from(PIECES)) + text[end:]
    return text


@given(broken())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_broken_spec_is_planned_or_refused_with_a_place(text: str) -> None:
    try:
        plan = make_plan(parse_spec(text, "spec.yaml"))
        assert plan.rows[0].path == ""
    except LazyinspectError as error:
        assert error.exit_code in (1, 2, 3)
        assert error.problems
        for problem in error.problems:
            assert problem.message
            if problem.mark is not None:
                assert 1 <= problem.mark.line <= len(problem.mark.source.lines)
                assert problem.mark.column >= 1
